//! How long a client is willing to wait: the timeout argument of every blocking command.
//!
//! Seconds with a fraction; 0 waits for ever. Whoever runs the command and whoever keeps the
//! deadline read it through one function, which the row names.

use super::long_double::LongDouble;
use crate::limits::WAIT_MS_MAX;
use crate::resp::{Args, Error};

/// The timeout in whole milliseconds, rounded up as Redis does; None waits for ever.
///
/// # Errors
/// In Redis's words when it is no number, negative, or more milliseconds than an i64 holds.
pub(super) fn timeout_ms(text: &[u8]) -> Result<Option<u64>, Error> {
    let seconds =
        LongDouble::parse(text).ok_or(Error::new("ERR timeout is not a float or out of range"))?;
    let milliseconds = seconds.times(1000);
    if milliseconds > LongDouble::from(i64::MAX) {
        return Err(Error::new("ERR timeout is out of range"));
    }
    let milliseconds = u64::try_from(milliseconds.ceil())
        .map_err(|_negative| Error::new("ERR timeout is negative"))?;
    Ok((1..=WAIT_MS_MAX)
        .contains(&milliseconds)
        .then_some(milliseconds))
}

/// The timeout of a command that ends with it.
///
/// # Errors
/// As `timeout_ms`.
pub fn last(args: &Args<'_>) -> Result<Option<u64>, Error> {
    timeout_ms(args.get(args.len() - 1))
}

/// The timeout of a command that begins with it.
///
/// # Errors
/// As `timeout_ms`.
pub fn first(args: &Args<'_>) -> Result<Option<u64>, Error> {
    timeout_ms(args.get(1))
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
            ("-0.0001", None),
            ("0x0.01", Some(4)),
            ("0X.8p1", Some(1000)),
            // Beyond what any clock lives to see.
            ("9223372036854775", None),
            ("9223372036854775.807", None),
        ] {
            assert_eq!(timeout_ms(text.as_bytes()), Ok(expected), "{text}");
        }
        for (text, error) in [
            ("", "ERR timeout is not a float or out of range"),
            ("nan", "ERR timeout is not a float or out of range"),
            ("-1", "ERR timeout is negative"),
            ("0x", "ERR timeout is not a float or out of range"),
            (" 1", "ERR timeout is not a float or out of range"),
            ("1e5000", "ERR timeout is not a float or out of range"),
            ("-0x1", "ERR timeout is negative"),
            ("-inf", "ERR timeout is negative"),
            ("9223372036854776", "ERR timeout is out of range"),
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
