//! Numbers of a contract, from their text.

use tamis_engine::number::Decimal;

/// Reads a number exactly as written: `0.01`, `1_000` is refused, `1e6` is a million.
///
/// What [`Decimal::parse`] reads in data, and a leading `+`, which YAML allows.
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    let number = match text.strip_prefix('+') {
        Some(unsigned) if !unsigned.starts_with('-') => unsigned,
        _ => text,
    };
    Decimal::parse(number.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        for (text, printed) in [
            ("0.01", "0.01"),
            ("-12.50", "-12.5"),
            ("1e6", "1000000"),
            ("1.5E-3", "0.0015"),
            ("+.5", "0.5"),
            ("9007199254740993", "9007199254740993"),
        ] {
            let number = parse_decimal(text).expect(text);
            assert_eq!(number.to_string(), printed, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "+-1",
            "++1",
            "1_000",
            "0x10",
            "nan",
            "1e",
            "1e999999999999",
            "1.2.3",
        ] {
            assert_eq!(parse_decimal(text), None, "{text}");
        }
    }
}
