//! Doubles as text, in the two ways of Redis: the shortest text that reads back equal, and `%.17g`.
//!
//! Pure; no blanks, no locale. Who reads and prints for clients is `resp`, the store keeps scores
//! as such text in listpacks.

/// Digits of `%.17g`.
const DIGITS: usize = 17;
/// The integers of this size are printed plainly (Redis: `double2ll`).
const PLAIN_MAX: f64 = (i64::MAX / 2) as f64;

/// The integer that a double is, if it is one of a plain size. Minus zero is zero.
#[inline]
#[must_use]
pub fn as_integer(value: f64) -> Option<i64> {
    ((-PLAIN_MAX..=PLAIN_MAX).contains(&value) && value.fract() == 0.0).then_some(value as i64)
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("nan")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "inf" } else { "-inf" })
    } else if value == 0.0 {
        Some(if value.is_sign_negative() { "-0" } else { "0" })
    } else {
        None
    }
}

/// Sign, digits without a point, and the decimal exponent of the first of them.
fn parts(scientific: &str) -> (&str, String, i32) {
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("the e format has an exponent");
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let exponent = exponent.parse().expect("an exponent is a number");
    (sign, mantissa.replace('.', ""), exponent)
}

/// Digits with a point behind the first, where there are others.
fn pointed(digits: &str) -> String {
    let (first, rest) = digits.split_at(1);
    if rest.is_empty() {
        first.to_string()
    } else {
        format!("{first}.{rest}")
    }
}

/// Digits with a point where the exponent says, or zeros up to it.
fn plain(digits: &str, exponent: i32) -> String {
    let len = digits.len() as i32;
    if exponent < 0 {
        format!("0.{}{digits}", "0".repeat((-exponent - 1) as usize))
    } else if exponent + 1 >= len {
        format!("{digits}{}", "0".repeat((exponent + 1 - len) as usize))
    } else {
        let (whole, fraction) = digits.split_at((exponent + 1) as usize);
        format!("{whole}.{fraction}")
    }
}

/// The shortest text that reads back equal (Redis since 7.2: `d2string`).
#[must_use]
pub fn shortest(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.into();
    }
    if let Some(integer) = as_integer(value) {
        return integer.to_string();
    }
    let scientific = format!("{value:e}");
    let (sign, digits, exponent) = parts(&scientific);
    let len = digits.len() as i32;
    let last = exponent - (len - 1);
    let is_plain = if last >= 0 {
        exponent.abs() < len + 7
    } else {
        last > -7 || exponent.abs() < 4
    };
    if is_plain {
        return format!("{sign}{}", plain(&digits, exponent));
    }
    format!("{sign}{}e{exponent:+}", pointed(&digits))
}

/// As C's `%.17g` prints it.
#[must_use]
pub fn seventeen_digits(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.into();
    }
    let scientific = format!("{value:.*e}", DIGITS - 1);
    let (sign, digits, exponent) = parts(&scientific);
    let kept = digits.trim_end_matches('0');
    if (-4..DIGITS as i32).contains(&exponent) {
        return format!("{sign}{}", plain(kept, exponent));
    }
    let (exponent_sign, exponent) = (if exponent < 0 { '-' } else { '+' }, exponent.abs());
    format!("{sign}{}e{exponent_sign}{exponent:02}", pointed(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_redis_prints() {
        for (value, short, long) in [
            (0.1, "0.1", "0.10000000000000001"),
            (-0.0, "-0", "-0"),
            (3.0, "3", "3"),
            (-2.5, "-2.5", "-2.5"),
            (120.0, "120", "120"),
            (1e17, "100000000000000000", "1e+17"),
            (1e20, "1e+20", "1e+20"),
            (-1.5e300, "-1.5e+300", "-1.5000000000000001e+300"),
            (1e-7, "1e-7", "9.9999999999999995e-08"),
            (0.00001, "0.00001", "1.0000000000000001e-05"),
            (0.000_123, "0.000123", "0.00012300000000000001"),
            (f64::INFINITY, "inf", "inf"),
            (f64::NEG_INFINITY, "-inf", "-inf"),
            (
                f64::MIN_POSITIVE,
                "2.2250738585072014e-308",
                "2.2250738585072014e-308",
            ),
        ] {
            assert_eq!(shortest(value), short);
            assert_eq!(seventeen_digits(value), long);
        }
    }
}
