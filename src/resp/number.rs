//! Text to numbers and back, exactly as Redis reads and prints them.
//!
//! Integers: no sign `+`, no leading zeros, no blanks (Redis: `string2ll`). Doubles: what `strtod`
//! takes, without blanks and without NaN; printed shortest first (Redis 7: `d2string` and RESP3
//! doubles).

/// Longest text of an `i64`.
const I64_DIGITS: usize = 20;

/// A signed integer in its one canonical spelling.
#[inline]
#[must_use]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > I64_DIGITS {
        return None;
    }
    let (negative, digits) = match text[0] {
        b'-' => (true, &text[1..]),
        _ => (false, text),
    };
    if digits == b"0" {
        return (!negative).then_some(0);
    }
    let magnitude = magnitude(digits)?;
    if negative {
        // -2^63 has no positive twin.
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// An unsigned integer in its canonical spelling.
#[must_use]
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    if text == b"0" {
        Some(0)
    } else {
        magnitude(text)
    }
}

fn magnitude(digits: &[u8]) -> Option<u64> {
    let first = *digits.first()?;
    if !(b'1'..=b'9').contains(&first) {
        return None;
    }
    let mut value = u64::from(first - b'0');
    for &digit in &digits[1..] {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
    }
    Some(value)
}

/// A double as `strtod` reads it: decimal, hexadecimal and `inf`, the whole text, no blanks, not
/// NaN.
#[must_use]
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

/// A double as Redis prints it: integers plainly, `inf`, `-inf`, `nan`, else the shortest text that
/// reads back equal.
#[must_use]
pub(super) fn format_f64(value: f64) -> String {
    crate::base::double::shortest(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_one_spelling() {
        assert_eq!(parse_i64(b"0"), Some(0));
        assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_i64(b"9223372036854775807"), Some(i64::MAX));
        for bad in [
            &b""[..],
            b"-",
            b"-0",
            b"+1",
            b"01",
            b" 1",
            b"1 ",
            b"9223372036854775808",
            b"1a",
            b"99999999999999999999",
        ] {
            assert_eq!(parse_i64(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn doubles_print_as_redis_prints() {
        assert_eq!(format_f64(3.0), "3");
        assert_eq!(format_f64(0.1), "0.1");
        assert_eq!(format_f64(1e21), "1e+21");
        assert_eq!(format_f64(f64::NEG_INFINITY), "-inf");
        assert_eq!(parse_f64(b"nan"), None);
        assert_eq!(parse_f64(b" 1"), None);
    }
}
