//! Amounts of memory as text: `100`, `1k` (1000), `1kb` (1024), up to `gb`.
//!
//! The suffixes are Redis's. Unlike Redis an amount that does not fit 64 bits is out of every
//! range; Redis takes it as another one.

const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("b", 1),
    ("k", 1000),
    ("kb", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1 << 30),
];

/// Bytes; None when the text is no amount. No digits mean 0, more than there can be means the most.
#[must_use]
pub fn parse(text: &str) -> Option<u128> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?
        .1;
    let amount: u128 = if digits.is_empty() {
        0
    } else {
        digits.parse().unwrap_or(u128::MAX)
    };
    Some(amount.saturating_mul(u128::from(factor)))
}

/// The shortest exact text, as CONFIG REWRITE writes it.
#[must_use]
pub fn format(bytes: u64) -> String {
    for (unit, factor) in [("gb", 1u64 << 30), ("mb", 1 << 20), ("kb", 1 << 10)] {
        if bytes != 0 && bytes.is_multiple_of(factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        assert_eq!(parse("1gb"), Some(1 << 30));
        assert_eq!(parse("1G"), Some(1_000_000_000));
        assert_eq!(parse("2K"), Some(2000));
        assert_eq!(parse("7B"), Some(7));
        assert_eq!(parse(""), Some(0));
        for wrong in ["-1", "1 gb", "1tb", "x", "1.5gb"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(parse("20000000000gb"), Some(20_000_000_000 << 30));
        assert_eq!(parse(&"9".repeat(40)), Some(u128::MAX));
        assert_eq!(format(3 << 30), "3gb");
        assert_eq!(format(1536), "1536");
        assert_eq!(format(0), "0");
    }
}
