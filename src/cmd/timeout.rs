//! How long a client is willing to wait: the timeout argument of every blocking command.
//!
//! Seconds with a fraction; 0 waits for ever. Whoever runs the command and whoever keeps the deadline
//! read it through this one function.

use crate::resp::{Error, parse_f64};

/// A thousandth of half an i64's range: room for the time of day, and for microseconds.
const OUT_OF_RANGE_MS: f64 = 4.6e15;

/// The timeout in whole milliseconds, rounded up as Redis does; None waits for ever.
///
/// # Errors
/// In Redis's words when it is no number, negative, or beyond what a clock of milliseconds holds.
pub fn timeout_ms(text: &[u8]) -> Result<Option<u64>, Error> {
    let seconds =
        parse_f64(text).ok_or(Error::new("ERR timeout is not a float or out of range"))?;
    let milliseconds = (seconds * 1000.0).ceil();
    if milliseconds < 0.0 {
        return Err(Error::new("ERR timeout is negative"));
    }
    if milliseconds >= OUT_OF_RANGE_MS {
        return Err(Error::new("ERR timeout is out of range"));
    }
    Ok((milliseconds > 0.0).then_some(milliseconds as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_seconds_rounded_up() {
        for (text, expected) in [
            ("0", None),
            ("0.0", None),
            ("-0.0", None),
            ("0.1", Some(100)),
            ("0.0001", Some(1)),
            ("1.0005", Some(1001)),
            ("3600", Some(3_600_000)),
        ] {
            assert_eq!(timeout_ms(text.as_bytes()), Ok(expected), "{text}");
        }
        for (text, error) in [
            ("", "ERR timeout is not a float or out of range"),
            ("nan", "ERR timeout is not a float or out of range"),
            ("-1", "ERR timeout is negative"),
            ("1e18", "ERR timeout is out of range"),
            ("inf", "ERR timeout is out of range"),
        ] {
            assert_eq!(
                timeout_ms(text.as_bytes()),
                Err(Error::new(error)),
                "{text}"
            );
        }
    }
}
