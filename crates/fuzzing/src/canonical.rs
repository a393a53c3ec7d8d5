//! The form of canonical JSON (RFC 8785, sections 3.2.2.1 to 3.2.2.3), checked token by token and without our own writer:
//! no white space, strings as `serde_json` escapes them, numbers by the steps that ECMA-262 gives for `Number::toString`.

/// Panics at the first token that is not in its one form. The order of members is not looked at.
pub(crate) fn check(json: &str) {
    let mut rest = json;
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'"' => string_length(rest),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            _ => rest.find(['}', ']', ',']).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        match first {
            b'"' => {
                let text: String = serde_json::from_str(token).expect("a string of JSON");
                assert_eq!(serde_json::to_string(&text).expect("every text is JSON"), token);
            }
            b'-' | b'0'..=b'9' => assert_eq!(number(token.parse().expect("a number")), token),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => {}
            _ => assert!(["true", "false", "null"].contains(&token), "{token:?} is no token"),
        }
    }
}

/// Bytes up to and with the closing quotation mark.
fn string_length(json: &str) -> usize {
    let mut is_escaped = false;
    let end = json.bytes().skip(1).position(|byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    });
    end.expect("a string ends") + 2
}

/// ECMA-262, `Number::toString`, for finite numbers: the fewest digits that give the number back, and where the point goes.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let scientific = format!("{:e}", value.abs());
    let (digits, exponent) = scientific.split_once('e').expect("the form has an exponent");
    let digits = evenly(digits.replace('.', ""), value.abs());
    // The value is 0.digits times ten to the power of `point`.
    let point = exponent.parse::<i32>().expect("an exponent is a number") + 1;
    let count = digits.len() as i32;
    let text = match point {
        22.. | ..=-6 => {
            let (first, others) = digits.split_at(1);
            let others = if others.is_empty() { String::new() } else { format!(".{others}") };
            format!("{first}{others}e{:+}", point - 1)
        }
        ..=0 => format!("0.{}{digits}", "0".repeat(-point as usize)),
        _ if point >= count => format!("{digits}{}", "0".repeat((point - count) as usize)),
        _ => format!("{}.{}", &digits[..point as usize], &digits[point as usize..]),
    };
    format!("{sign}{text}")
}

/// Of two numbers of so many digits that are equally close, ECMA-262 (and so RFC 8785) takes the one whose last digit is
/// even; the standard library takes either.
fn evenly(digits: String, value: f64) -> String {
    // No number of this type has more digits.
    let exact = format!("{value:.1100e}").replace('.', "");
    let (shorter, rest) = exact.split_at(digits.len());
    let is_halfway = rest.strip_prefix('5').is_some_and(|rest| {
        rest.split('e').next().is_some_and(|rest| rest.bytes().all(|digit| digit == b'0'))
    });
    let is_even = shorter.bytes().last().is_some_and(|digit| digit % 2 == 0);
    if is_halfway && is_even { shorter.to_owned() } else { digits }
}

#[cfg(test)]
mod tests {
    use super::{check, number};

    #[test]
    fn of_two_equally_close_numbers_the_even_one_is_printed() {
        assert_eq!(number(2_245_184_709_351_616.0 + 0.25), "2245184709351616.2");
        assert_eq!(number(2_245_184_709_351_616.0 + 0.75), "2245184709351616.8");
    }

    #[test]
    fn numbers_print_as_the_examples_of_rfc_8785_appendix_b() {
        for (bits, printed) in [
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0001, "9007199254740994"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        ] {
            assert_eq!(number(f64::from_bits(bits)), printed);
        }
    }

    #[test]
    fn another_spelling_is_not_canonical() {
        check(r#"{"a":[1,-0.5,true,null,"\"\\\n\u001f/é"],"b":{}}"#);
        for json in
            [r#"{"a": 1}"#, r#"["\u00e9"]"#, r#"["\u001F"]"#, r#"["\/"]"#, "[1.0]", "[1e3]", "[-0]", "[nul]"]
        {
            assert!(std::panic::catch_unwind(|| check(json)).is_err(), "{json}");
        }
    }
}
