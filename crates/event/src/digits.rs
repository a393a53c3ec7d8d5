//! Decimal digits straight into a byte buffer: every line begins with two numbers, so this is on the hottest path.

/// Appends `value` in decimal, without leading zeros.
pub(crate) fn push_u64(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends `value` in decimal, with a `-` when it is below zero.
pub(crate) fn push_i64(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    push_u64(value.unsigned_abs(), out);
}

/// Fills all of `out` with `value`, padded with zeros on the left; the caller knows that it fits.
pub(crate) fn fill(mut value: u32, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Reads `text` as decimal digits and nothing else; at most nine, so that it cannot overflow.
pub(crate) fn read(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_print_as_the_standard_library_prints_them() {
        for value in [i64::MIN, -1, 0, 7, 10, i64::MAX] {
            let mut out = Vec::new();
            push_i64(value, &mut out);
            assert_eq!(out, value.to_string().as_bytes());
        }
    }

    #[test]
    fn reading_refuses_signs_blanks_and_more_digits_than_fit() {
        assert_eq!(read(b"007"), Some(7));
        for bad in [&b""[..], b"+1", b"-1", b" 1", b"1a", b"1234567890"] {
            assert_eq!(read(bad), None);
        }
    }
}
