//! Numbers of a contract, from their text.

use tamis_engine::number::Decimal;

/// Reads a number exactly as written: `0.01`, `1_000` is refused, `1e6` is a million.
///
/// `None` if the text is no number or needs more than 38 digits. Trailing zeros of the fraction are dropped.
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut mantissa = 0i128;
    for byte in whole.bytes().chain(fraction.bytes()) {
        let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
        mantissa = mantissa.checked_mul(10)?.checked_add(digit)?;
    }
    let mut scale = i64::try_from(fraction.len()).ok()? - i64::from(exponent);
    while scale < 0 && mantissa != 0 {
        mantissa = mantissa.checked_mul(10)?;
        scale += 1;
    }
    while scale > 0 && mantissa % 10 == 0 && mantissa != 0 {
        mantissa /= 10;
        scale -= 1;
    }
    if mantissa == 0 {
        scale = 0;
    }
    // 38 digits are what an `i128` holds for sure; a longer fraction could not be compared exactly.
    (scale <= 38).then_some(())?;
    Some(Decimal {
        mantissa: if negative { -mantissa } else { mantissa },
        scale: u32::try_from(scale).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(i128, u32)> {
        parse_decimal(text).map(|number| (number.mantissa, number.scale))
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(parts("0.01"), Some((1, 2)));
        assert_eq!(parts("-12.50"), Some((-125, 1)));
        assert_eq!(parts("1e6"), Some((1_000_000, 0)));
        assert_eq!(parts("1.5E-3"), Some((15, 4)));
        assert_eq!(parts("+.5"), Some((5, 1)));
        assert_eq!(parts("9007199254740993"), Some((9_007_199_254_740_993, 0)));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1_000",
            "0x10",
            "nan",
            "1e",
            "1e999999999999",
            "1e40",
            "1e-40",
            "1.2.3",
        ] {
            assert_eq!(parts(text), None, "{text}");
        }
    }
}
