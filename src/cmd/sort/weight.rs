//! What elements are sorted by, and how two are compared.
//!
//! Pure functions of bytes. Texts are compared byte by byte, as Redis does in the C locale.

use std::cmp::Ordering;

/// What an element is sorted by.
pub(super) enum Weight {
    Number(f64),
    /// What another key holds, if it does.
    Text(Option<Vec<u8>>),
    /// Its own text.
    Itself,
}

/// Compares two elements; those of the same number by their texts, so that the order is certain.
pub(super) fn compare(one: &(Weight, Vec<u8>), other: &(Weight, Vec<u8>)) -> Ordering {
    match (&one.0, &other.0) {
        (Weight::Number(left), Weight::Number(right)) => {
            let order = left.partial_cmp(right);
            order
                .expect("numbers that are none were refused")
                .then_with(|| one.1.cmp(&other.1))
        }
        (Weight::Text(left), Weight::Text(right)) => left.cmp(right),
        _ => one.1.cmp(&other.1),
    }
}

/// The number that `strtod` makes of a whole text; None where SORT refuses it. An empty text is 0,
/// and a zero byte ends one.
pub(super) fn number(text: &[u8]) -> Option<f64> {
    let end = text
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(text.len());
    if end == 0 {
        return Some(0.0);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
    let blanks = text[..end].iter().take_while(|byte| is_blank(byte)).count();
    let text = std::str::from_utf8(&text[blanks..end]).ok()?;
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    // A second sign would be taken by the parser.
    if digits.starts_with(['-', '+']) {
        return None;
    }
    let named = digits.starts_with(['i', 'I']);
    let magnitude = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hexadecimal) => from_hexadecimal(hexadecimal)?,
        None => digits.parse().ok().filter(|value: &f64| !value.is_nan())?,
    };
    // What overflows is an error, what is called infinite is not.
    if magnitude.is_infinite() && !named {
        return None;
    }
    Some(if negative { -magnitude } else { magnitude })
}

/// `digits[.digits][p[sign]exponent]`.
fn from_hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = match text.split_once(['p', 'P']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (mut value, mut shift) = (0.0, exponent);
    for digit in whole.chars() {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    for digit in fraction.chars() {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
        shift = shift.checked_sub(4)?;
    }
    Some(value * 2f64.powi(shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_strtod_reads_them() {
        let read: [(&[u8], f64); 12] = [
            (b"", 0.0),
            (b"12", 12.0),
            (b" \t-1.5", -1.5),
            (b"+2e3", 2000.0),
            (b".5", 0.5),
            (b"5.", 5.0),
            (b"0x1A", 26.0),
            (b"-0x.8p2", -2.0),
            (b"inf", f64::INFINITY),
            (b"-Infinity", f64::NEG_INFINITY),
            (b"1\0abc", 1.0),
            (b"\0", 0.0),
        ];
        for (text, value) in read {
            assert_eq!(number(text), Some(value), "{}", text.escape_ascii());
        }
        for text in [
            "a", "1a", "1 ", "nan", "1e999", "--1", "+-1", "0x", "0xg", " ", "-",
        ] {
            assert_eq!(number(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn equal_numbers_are_in_the_order_of_their_texts() {
        let number = |value, text: &str| (Weight::Number(value), text.as_bytes().to_vec());
        assert_eq!(
            compare(&number(1.0, "b"), &number(2.0, "a")),
            Ordering::Less
        );
        assert_eq!(
            compare(&number(1.0, "b"), &number(1.0, "a")),
            Ordering::Greater
        );
        let text = |value: Option<&str>| (Weight::Text(value.map(|v| v.into())), vec![b'x']);
        assert_eq!(compare(&text(None), &text(Some(""))), Ordering::Less);
        assert_eq!(
            compare(&text(Some("b")), &text(Some("a"))),
            Ordering::Greater
        );
    }
}
