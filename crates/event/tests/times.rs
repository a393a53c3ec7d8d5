//! Timestamps, days and the retention windows.

mod samples;

use chrono::{DateTime, SecondsFormat, Utc};
use event::retention::{DAYS_MAX, cutoff, is_past};
use event::{Day, HotDays, RetainDays, Timestamp};
use proptest::prelude::*;
use samples::time;

#[test]
fn what_rfc_3339_allows_is_read_to_the_microsecond() {
    for (text, expected) in [
        ("2026-11-22T01:33:00.123456Z", "2026-11-22T01:33:00.123456Z"),
        ("2026-11-22t01:33:00z", "2026-11-22T01:33:00.000000Z"),
        ("2026-11-22T01:33:00.5+00:00", "2026-11-22T01:33:00.500000Z"),
        ("2026-11-22T01:33:00.1234569999999999999999Z", "2026-11-22T01:33:00.123456Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000000Z"),
        ("2025-12-31T23:30:00-01:00", "2026-01-01T00:30:00.000000Z"),
        ("2024-02-29T12:00:00-00:00", "2024-02-29T12:00:00.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
    ] {
        assert_eq!(time(text).to_string(), expected);
    }
    assert_eq!(time("1970-01-01T00:00:00Z").micros(), 0);
    assert_eq!(time("0001-01-01T00:00:00Z"), Timestamp::MIN);
    assert_eq!(time("9999-12-31T23:59:59.999999Z"), Timestamp::MAX);
}

#[test]
fn anything_else_is_refused() {
    for bad in [
        "",
        "2026-11-22",
        "2026-11-22T01:33:00",
        "2026-11-22 01:33:00Z",
        "2026-11-22T01:33Z",
        "2026-11-22T01:33:00.Z",
        "2026-11-22T01:33:00,5Z",
        "2026-11-22T01:33:00+0100",
        "2026-11-22T01:33:00+01",
        "2026-11-22T01:33:00+24:00",
        "2026-11-22T01:33:00+01:60",
        "2026-11-22T24:00:00Z",
        "2026-11-22T01:60:00Z",
        "2026-11-22T01:33:61Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "0000-12-31T23:59:59Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "+2026-11-22T01:33:00Z",
        "2026-11-22T01:33:00ZZ",
        "2026-11-22T01:33:00Z ",
        "２026-11-22T01:33:00Z",
    ] {
        assert!(Timestamp::parse_rfc3339(bad).is_err(), "{bad}");
    }
    let leap = Timestamp::parse_rfc3339("2016-12-31T23:59:60Z").unwrap_err();
    assert!(leap.to_string().contains("second 60"), "{leap}");
}

#[test]
fn names_and_days_are_of_utc() {
    let at = time("2026-04-23T00:30:15.999999+02:00");
    assert_eq!(at.compact(), "20260422T223015Z");
    assert_eq!((at.day().to_string(), at.day().path()), ("2026-04-22".to_owned(), "2026/04/22".to_owned()));
    assert_eq!(at.day().start(), time("2026-04-22T00:00:00Z"));
    assert_eq!(Day::parse("2026-04-22").unwrap(), at.day());
    for bad in ["2026-4-22", "2026-02-30", "2026/04/22", "2026-04-22T", ""] {
        assert!(Day::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(time("1969-12-31T23:59:59.999999Z").day().to_string(), "1969-12-31");
}

#[test]
fn json_carries_times_as_texts() {
    let at = time("2026-04-22T00:00:00Z");
    assert_eq!(
        serde_json::to_string(&(at, at.day())).unwrap(),
        r#"["2026-04-22T00:00:00.000000Z","2026-04-22"]"#
    );
    let read: (Timestamp, Day) =
        serde_json::from_str(r#"["2026-04-22T02:00:00\u002b02:00","2026-04-22"]"#).unwrap();
    assert_eq!(read, (at, at.day()));
    assert!(serde_json::from_str::<Timestamp>("1").is_err());
}

#[test]
fn d1_an_entry_exactly_at_the_cutoff_stays() {
    let now = time("2026-11-22T01:33:00Z");
    let edge = cutoff(now, HotDays::new(90).unwrap()).unwrap();
    assert_eq!(edge, time("2026-08-24T01:33:00Z"));
    assert!(!is_past(edge, edge));
    assert!(is_past(Timestamp::from_micros(edge.micros() - 1).unwrap(), edge));
}

#[test]
fn d1_a_window_that_is_refused_says_its_value_and_the_largest() {
    for good in [1, 90, DAYS_MAX] {
        assert_eq!(i64::from(HotDays::new(good).unwrap()), good);
        assert_eq!(i64::from(RetainDays::new(good).unwrap()), good);
    }
    for bad in [0, -1, -90, DAYS_MAX + 1, i64::from(u32::MAX) + 2, i64::MAX, i64::MIN] {
        let accepted = "give a number of days from 1 to 36,500";
        assert_eq!(HotDays::new(bad).unwrap_err().to_string(), format!("{bad} is not accepted: {accepted}"));
        let refused = RetainDays::new(bad).map_err(|error| error.to_string()).err();
        let expected = format!("{bad} is not accepted: {accepted}, or -1 to keep for ever");
        assert_eq!(refused, (bad != -1).then_some(expected));
    }
    assert_eq!(DAYS_MAX, 36_500, "as the messages say");
}

#[test]
fn d1_overflow_of_dates_deletes_nothing() {
    let longest = HotDays::new(DAYS_MAX).unwrap();
    assert_eq!(cutoff(Timestamp::MIN, longest), None);
    assert_eq!(RetainDays::new(DAYS_MAX).unwrap().until(Timestamp::MAX), None);
    assert_eq!(Timestamp::MAX.checked_add_days(i64::MAX), None);
    assert_eq!(Timestamp::MIN.checked_sub_days(i64::MIN), None);
}

#[test]
fn d10_minus_one_never_expires() {
    let recorded_at = time("2026-11-22T01:33:00Z");
    assert_eq!(RetainDays::new(-1).unwrap().until(recorded_at), None);
    assert_eq!(RetainDays::default().until(recorded_at), Some(time("2029-11-21T01:33:00Z")));
    assert_eq!(serde_json::to_string(&RetainDays::Never).unwrap(), "-1");
    assert!(serde_json::from_str::<RetainDays>("0").is_err());
}

fn timestamps() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.micros()..=Timestamp::MAX.micros())
        .prop_map(|micros| Timestamp::from_micros(micros).unwrap())
}

proptest! {
    #[test]
    fn printing_and_reading_are_inverse_and_agree_with_chrono(at in timestamps(), offset_minutes in -1_439_i32..1_440) {
        prop_assert_eq!(Timestamp::parse_rfc3339(&at.to_string()), Ok(at));
        let oracle: DateTime<Utc> = DateTime::from_timestamp_micros(at.micros()).unwrap();
        prop_assert_eq!(at.to_string(), oracle.to_rfc3339_opts(SecondsFormat::Micros, true));
        let zone = chrono::FixedOffset::east_opt(offset_minutes * 60).unwrap();
        let local = oracle.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Micros, true);
        // The local year can fall outside four digits at either end; then there is nothing to read.
        if local.len() == 32 || local.len() == 27 {
            prop_assert_eq!(Timestamp::parse_rfc3339(&local), Ok(at));
        }
        prop_assert_eq!(at.day().to_string(), oracle.format("%Y-%m-%d").to_string());
        prop_assert_eq!(Day::parse(&at.day().to_string()), Ok(at.day()));
    }

    #[test]
    fn the_order_of_texts_is_the_order_of_times(one in timestamps(), other in timestamps()) {
        prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
    }

    #[test]
    fn no_text_makes_reading_panic(text in "\\PC*", almost in "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]{8,12}([Zz]|[+-][0-9:]{5})") {
        let _ = Timestamp::parse_rfc3339(&text);
        let _ = Timestamp::parse_rfc3339(&almost);
        let _ = Day::parse(&text);
    }
}
