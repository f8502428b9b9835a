//! The 80-bit extended float that Redis calls `long double`: INCRBYFLOAT and its kin read, add and
//! print it.
//!
//! Clients see every digit of it (`%.17Lf`, zeros trimmed), so sums must round as x87 does: a
//! 64-bit significand, nearest, ties to even. Exact integers do the work and one function rounds.
//! Pure.
//!
//! A value is `significand * 2^exponent`; the significand need not be normalised.

use std::cmp::Ordering;
use std::fmt;

use num_bigint::{BigInt, BigUint, Sign};

/// Redis reads no longer text as a long double (MAX_LONG_DOUBLE_CHARS, with its terminator).
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
/// Exponent of the smallest denormal, and the end of the range: values from 2^16384 on are
/// infinite.
const EXPONENT_MIN: i64 = -16_445;
const EXPONENT_END: i64 = 16_384;
/// Decimal orders of magnitude beyond which a text surely overflows or vanishes.
const DECIMAL_ORDER_MAX: i64 = 4_940;
const DECIMAL_ORDER_MIN: i64 = -4_960;
/// Digits behind the point that are printed, and ten to that power.
const FRACTION_DIGITS: usize = 17;
const FRACTION_UNIT: u128 = 10u128.pow(17);

/// An extended float; never NaN.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LongDouble {
    negative: bool,
    infinite: bool,
    significand: u64,
    exponent: i64,
}

impl LongDouble {
    pub(crate) const ZERO: Self = Self {
        negative: false,
        infinite: false,
        significand: 0,
        exponent: 0,
    };

    /// The whole text as `strtold` reads it, without leading blanks; None for NaN and for what
    /// over- or underflows.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, text) = match text.first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            return Some(Self::infinity(negative));
        }
        let value = match text {
            [b'0', b'x' | b'X', digits @ ..] => hexadecimal(negative, digits)?,
            _ => decimal(negative, text)?,
        };
        (!value.infinite).then_some(value)
    }

    pub(crate) fn is_infinite(self) -> bool {
        self.infinite
    }

    /// The sum, rounded once; None where it would be NaN.
    pub(crate) fn add(self, other: Self) -> Option<Self> {
        match (self.infinite, other.infinite) {
            (true, true) if self.negative != other.negative => return None,
            (true, _) => return Some(self),
            (_, true) => return Some(other),
            _ => {}
        }
        let (left, right, exponent) = aligned(self, other);
        let (sign, magnitude) = (left + right).into_parts();
        Some(Self::round(
            sign == Sign::Minus,
            &magnitude,
            exponent,
            false,
        ))
    }

    /// The difference, rounded once; None where it would be NaN.
    pub(crate) fn subtract(self, other: Self) -> Option<Self> {
        self.add(Self {
            negative: !other.negative,
            ..other
        })
    }

    /// The product, rounded once.
    pub(crate) fn times(self, factor: u32) -> Self {
        if self.infinite {
            return self;
        }
        let product = BigUint::from(self.significand) * factor;
        Self::round(self.negative, &product, self.exponent, false)
    }

    /// The next whole number towards positive infinity, or the end of the range that is next to it.
    pub(crate) fn ceil(self) -> i64 {
        let whole = i128::from(self.significand);
        let shift = u32::try_from(self.exponent.unsigned_abs()).unwrap_or(u32::MAX);
        let magnitude = match self.exponent {
            _ if self.infinite => i128::MAX,
            _ if whole == 0 => 0,
            0.. if shift >= u64::BITS => i128::MAX,
            0.. => whole << shift,
            // The remainder only counts upwards.
            _ if shift >= u64::BITS => i128::from(!self.negative),
            _ if self.negative => whole >> shift,
            _ => (whole + (1 << shift) - 1) >> shift,
        };
        let value = if self.negative { -magnitude } else { magnitude };
        let bounded = value.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        i64::try_from(bounded).expect("clamped to the range")
    }

    /// The finite value of the largest magnitude with the sign of `value`.
    pub(crate) fn largest_like(value: Self) -> Self {
        Self {
            negative: value.negative,
            infinite: false,
            significand: u64::MAX,
            exponent: EXPONENT_END - 64,
        }
    }

    fn infinity(negative: bool) -> Self {
        Self {
            negative,
            infinite: true,
            significand: 0,
            exponent: 0,
        }
    }

    /// The float nearest to `magnitude * 2^exponent`, or a little more than that when `sticky`.
    fn round(negative: bool, magnitude: &BigUint, exponent: i64, sticky: bool) -> Self {
        let bits = i64::try_from(magnitude.bits()).expect("numbers of this module have few bits");
        let cut = (bits - 64).max(EXPONENT_MIN - exponent).max(0);
        let cut_bits = u64::try_from(cut).expect("the maximum with 0 is not negative");
        let mut kept = u128::try_from(magnitude >> cut_bits).expect("at most 64 bits are kept");
        if cut > 0 {
            let half = magnitude.bit(cut_bits - 1);
            let rest = sticky
                || magnitude
                    .trailing_zeros()
                    .is_some_and(|zeros| zeros < cut_bits - 1);
            if half && (rest || kept & 1 == 1) {
                kept += 1;
            }
        }
        let mut exponent = exponent + cut;
        if kept > u128::from(u64::MAX) {
            kept >>= 1;
            exponent += 1;
        }
        let significand = u64::try_from(kept).expect("shifted back below 2^64");
        if exponent + i64::from(u64::BITS - significand.leading_zeros()) > EXPONENT_END {
            return Self::infinity(negative);
        }
        Self {
            negative,
            infinite: false,
            significand,
            exponent,
        }
    }
}

impl From<i64> for LongDouble {
    fn from(value: i64) -> Self {
        Self {
            negative: value < 0,
            infinite: false,
            significand: value.unsigned_abs(),
            exponent: 0,
        }
    }
}

impl PartialEq for LongDouble {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for LongDouble {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let rank = |value: &Self| i8::from(value.infinite) * if value.negative { -1 } else { 1 };
        if self.infinite || other.infinite {
            return Some(rank(self).cmp(&rank(other)));
        }
        let (left, right, _) = aligned(*self, *other);
        Some(left.cmp(&right))
    }
}

/// As Redis prints it for people: `%.17Lf` without trailing zeros; no negative zero.
impl fmt::Display for LongDouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        if self.infinite {
            return write!(formatter, "{sign}inf");
        }
        if self.exponent >= 0 {
            let sign = if self.significand == 0 { "" } else { sign };
            return write!(
                formatter,
                "{sign}{}",
                BigUint::from(self.significand) << self.exponent.unsigned_abs()
            );
        }
        let scaled = shift_rounded(
            u128::from(self.significand) * FRACTION_UNIT,
            self.exponent.unsigned_abs(),
        );
        let (whole, fraction) = (scaled / FRACTION_UNIT, scaled % FRACTION_UNIT);
        if fraction == 0 {
            let sign = if whole == 0 { "" } else { sign };
            return write!(formatter, "{sign}{whole}");
        }
        let fraction = format!("{fraction:0FRACTION_DIGITS$}");
        write!(
            formatter,
            "{sign}{whole}.{}",
            fraction.trim_end_matches('0')
        )
    }
}

/// `value / 2^shift`, nearest, ties to even.
fn shift_rounded(value: u128, shift: u64) -> u128 {
    if shift >= 128 {
        // A scaled significand is below 2^121: not even half a unit is left.
        return 0;
    }
    let kept = value >> shift;
    let rest = value & ((1u128 << shift) - 1);
    let half = 1u128 << (shift - 1);
    kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
}

/// Both values as integers with one exponent.
fn aligned(left: LongDouble, right: LongDouble) -> (BigInt, BigInt, i64) {
    let exponent = left.exponent.min(right.exponent);
    let integer = |value: LongDouble| {
        let shift = (value.exponent - exponent).unsigned_abs();
        let shift = if value.significand == 0 { 0 } else { shift };
        let sign = if value.negative {
            Sign::Minus
        } else {
            Sign::Plus
        };
        BigInt::from_biguint(sign, BigUint::from(value.significand) << shift)
    };
    (integer(left), integer(right), exponent)
}

/// The digits before and behind a point, and what follows them.
fn digits(text: &[u8], is_digit: fn(&u8) -> bool) -> (Vec<u8>, i64, &[u8]) {
    let whole = text.iter().take_while(|byte| is_digit(byte)).count();
    let mut all = text[..whole].to_vec();
    let mut rest = &text[whole..];
    let mut behind = 0;
    if let [b'.', tail @ ..] = rest {
        behind = tail.iter().take_while(|byte| is_digit(byte)).count();
        all.extend_from_slice(&tail[..behind]);
        rest = &tail[behind..];
    }
    (all, i64::try_from(behind).expect("texts are short"), rest)
}

/// The exponent behind `marker`; 0 without one. Huge exponents saturate, they over- or underflow
/// anyway.
fn exponent(text: &[u8], marker: u8) -> Option<i64> {
    let [first, rest @ ..] = text else {
        return Some(0);
    };
    let (negative, number) = match rest {
        [b'-', number @ ..] => (true, number),
        [b'+', number @ ..] | number => (false, number),
    };
    if first.to_ascii_lowercase() != marker
        || number.is_empty()
        || !number.iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    let value = number.iter().fold(0i64, |value, digit| {
        (value * 10 + i64::from(digit - b'0')).min(1_000_000_000)
    });
    Some(if negative { -value } else { value })
}

fn decimal(negative: bool, text: &[u8]) -> Option<LongDouble> {
    let (all, behind, rest) = digits(text, u8::is_ascii_digit);
    let power = exponent(rest, b'e')? - behind;
    if all.is_empty() {
        return None;
    }
    let leading_zeros = all.iter().take_while(|&&digit| digit == b'0').count();
    let significant = &all[leading_zeros..];
    if significant.is_empty() {
        return Some(LongDouble {
            negative,
            ..LongDouble::ZERO
        });
    }
    let order = i64::try_from(significant.len()).expect("texts are short") + power;
    if !(DECIMAL_ORDER_MIN..=DECIMAL_ORDER_MAX).contains(&order) {
        return None;
    }
    let number = BigUint::parse_bytes(significant, 10).expect("only digits were collected");
    let scale = BigUint::from(10u8)
        .pow(u32::try_from(power.unsigned_abs()).expect("bounded by order and length"));
    let value = if power >= 0 {
        LongDouble::round(negative, &(number * scale), 0, false)
    } else {
        // Shifted so that the quotient has more bits than a significand; the remainder only breaks
        // ties.
        let shift = (scale.bits() + 66).saturating_sub(number.bits());
        let numerator = number << shift;
        let quotient = &numerator / &scale;
        let exact = &quotient * &scale == numerator;
        LongDouble::round(
            negative,
            &quotient,
            -i64::try_from(shift).expect("bounded by the order"),
            !exact,
        )
    };
    // strtold reports an underflow to zero, and Redis refuses it.
    (value.infinite || value.significand != 0).then_some(value)
}

fn hexadecimal(negative: bool, text: &[u8]) -> Option<LongDouble> {
    let (all, behind, rest) = digits(text, u8::is_ascii_hexdigit);
    let power = exponent(rest, b'p')? - 4 * behind;
    if all.is_empty() {
        return None;
    }
    let number = BigUint::parse_bytes(&all, 16).expect("only digits were collected");
    if number.bits() == 0 {
        return Some(LongDouble {
            negative,
            ..LongDouble::ZERO
        });
    }
    let order = power + i64::try_from(number.bits()).expect("texts are short");
    if !(EXPONENT_MIN - 1..=EXPONENT_END).contains(&order) {
        return None;
    }
    let value = LongDouble::round(negative, &number, power, false);
    (value.significand != 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(left: &str, right: &str) -> String {
        let parse = |text: &str| LongDouble::parse(text.as_bytes()).expect(text);
        parse(left).add(parse(right)).expect("not NaN").to_string()
    }

    #[test]
    fn sums_print_as_redis_prints() {
        for (left, right, printed) in [
            ("3.0", "1.1", "4.1"),
            ("0.1", "0.2", "0.3"),
            ("10.5", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("-1", "1", "0"),
            ("-0", "-0", "0"),
            ("17179869184", "1.5", "17179869185.5"),
            ("1e-17", "1e-18", "0.00000000000000001"),
            ("1e22", "1e-5", "10000000000000000000000"),
            ("0x1.8p1", "0.5", "3.5"),
            ("9223372036854775807", "1", "9223372036854775808"),
            ("18446744073709551615", "1.5", "18446744073709551616"),
        ] {
            assert_eq!(sum(left, right), printed, "{left} + {right}");
        }
    }

    #[test]
    fn what_redis_refuses_is_refused() {
        for text in [
            "",
            " 1",
            "1 ",
            "nan",
            "1e",
            "e1",
            ".",
            "0x",
            "1.2.3",
            "1e5000",
            "1e-5000",
            "1e99999999999",
            "--1",
            "1_0",
        ] {
            assert!(LongDouble::parse(text.as_bytes()).is_none(), "{text:?}");
        }
        assert!(LongDouble::parse(b"-inf").expect("infinity").is_infinite());
        assert!(
            LongDouble::parse(b"inf")
                .expect("infinity")
                .add(LongDouble::parse(b"-inf").expect("inf"))
                .is_none()
        );
        assert!(LongDouble::parse(&[b'1'; 6000]).is_none());
    }

    #[test]
    fn products_are_rounded_up_to_whole_numbers() {
        for (text, factor, expected) in [
            ("0", 1000, 0),
            ("-0.0", 1000, 0),
            ("0.001", 1000, 1),
            ("1.0005", 1000, 1001),
            ("-1.0005", 1000, -1000),
            ("0x0.01", 1000, 4),
            ("1e-4940", 1000, 1),
            ("-1e-4940", 1000, 0),
            ("9223372036854775.5", 1000, 9_223_372_036_854_775_500),
            ("9223372036854775807", 1, i64::MAX),
            ("9223372036854775807", 2, i64::MAX),
            ("-9223372036854775808", 1, i64::MIN),
            ("1e4000", 1000, i64::MAX),
            ("-1e19", 1000, i64::MIN),
            ("inf", 1000, i64::MAX),
            ("-inf", 1000, i64::MIN),
        ] {
            let value = LongDouble::parse(text.as_bytes()).expect(text);
            assert_eq!(value.times(factor).ceil(), expected, "{text}");
        }
    }

    #[test]
    fn ends_of_the_range() {
        let max = "1.18973149535723176502e4932";
        assert!(LongDouble::parse(max.as_bytes()).is_some());
        let max = LongDouble::parse(max.as_bytes()).expect("the largest");
        assert!(max.add(max).expect("not NaN").is_infinite());
        assert_eq!(
            LongDouble::parse(b"3.7e-4951")
                .expect("the smallest")
                .to_string(),
            "0"
        );
        assert!(LongDouble::parse(b"1.1").expect("a number") > LongDouble::from(1));
        assert!(LongDouble::parse(b"-inf").expect("a number") < LongDouble::from(i64::MIN));
    }
}
