//! The proleptic Gregorian calendar as day numbers from 1970-01-01. Years are counted from 1 March, so that the leap
//! day is the last of its year and every formula is free of exceptions.

const DAYS_IN_ERA: i64 = 146_097; // 400 years
const DAYS_BEFORE_EPOCH: i64 = 719_468; // from 0000-03-01 to 1970-01-01

/// A civil date; only dates of the years 1 to 9999 are ever made from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: u32,
    pub(crate) month: u32,
    pub(crate) day: u32,
}

/// The date of a day number; the caller guarantees a year of 0 to 9999.
pub(crate) fn date_of(day_number: i64) -> Date {
    let days = day_number + DAYS_BEFORE_EPOCH;
    let era = days.div_euclid(DAYS_IN_ERA);
    let day_of_era = days.rem_euclid(DAYS_IN_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    Date { year: year as u32, month: month as u32, day: day as u32 }
}

/// The day number of a date that `is_real`.
pub(crate) fn day_number_of(date: Date) -> i64 {
    let year = i64::from(date.year) - i64::from(date.month <= 2);
    let month_from_march = i64::from((date.month + 9) % 12);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(date.day) - 1;
    let day_of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_IN_ERA + day_of_era - DAYS_BEFORE_EPOCH
}

/// Whether the month has such a day.
pub(crate) fn is_real(date: Date) -> bool {
    let leap =
        date.year.is_multiple_of(4) && (!date.year.is_multiple_of(100) || date.year.is_multiple_of(400));
    let days = match date.month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&date.day)
}
