//! Which numbers are too large to be a double.
//!
//! serde_json refuses `1e400`. Where exactly it starts to refuse follows from how it computes: the
//! first 19 or 20 digits as an integer, the rest as a power of ten, one multiplication. This repeats
//! that computation, because near `1.797e308` a better rounded one would disagree with it.

/// A number without exponent and not longer than this cannot be out of range.
pub(super) const SAFE_LEN: usize = 300;

/// Powers of ten that can take an integer of 64 bits out of range, from `1e289` on.
const POWERS: [f64; 20] = [
    1e289, 1e290, 1e291, 1e292, 1e293, 1e294, 1e295, 1e296, 1e297, 1e298, 1e299, 1e300, 1e301,
    1e302, 1e303, 1e304, 1e305, 1e306, 1e307, 1e308,
];

/// Whether serde_json takes this number, which has JSON's grammar, for a finite double.
pub(super) fn is_in_range(number: &[u8]) -> bool {
    let number = number.strip_prefix(b"-").unwrap_or(number);
    let (integer, rest) = split_digits(number);
    let mut significand = 0;
    let left_out = integer.len() - push_digits(&mut significand, integer);
    let mut exponent = left_out as i64;

    let mut rest = rest;
    if let Some((b'.', fraction)) = rest.split_first() {
        let (fraction, behind) = split_digits(fraction);
        exponent -= push_digits(&mut significand, fraction) as i64;
        rest = behind;
    }
    if let Some((b'e' | b'E', written)) = rest.split_first() {
        let (is_negative, digits) = match written.split_first() {
            Some((b'-', digits)) => (true, digits),
            Some((b'+', digits)) => (false, digits),
            _ => (false, written),
        };
        let Some(shift) = parse_exponent(digits) else {
            return is_negative || significand == 0;
        };
        exponent += if is_negative { -shift } else { shift };
    }

    match exponent {
        ..289 => true,
        289..=308 => (significand as f64 * POWERS[(exponent - 289) as usize]).is_finite(),
        _ => significand == 0,
    }
}

/// The digits at the start, and what follows them.
fn split_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// Appends digits to an integer until one does not fit any more; how many did.
fn push_digits(significand: &mut u64, digits: &[u8]) -> usize {
    for (count, byte) in digits.iter().enumerate() {
        let longer = significand
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(u64::from(byte - b'0')));
        match longer {
            Some(longer) => *significand = longer,
            None => return count,
        }
    }
    digits.len()
}

/// An exponent, if it fits 32 bits: serde_json gives up beyond.
fn parse_exponent(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0_i32, |value, byte| {
            value.checked_mul(10)?.checked_add(i32::from(byte - b'0'))
        })
        .map(i64::from)
}

#[cfg(test)]
mod tests {
    use super::is_in_range;

    /// Every rounding near the largest double is serde_json's.
    #[test]
    fn the_border_is_where_serde_json_has_it() {
        let mut numbers = vec![
            "0e999999999999".to_owned(),
            "1e999999999999".to_owned(),
            "1e-999999999999".to_owned(),
            "0.0e400".to_owned(),
            "-1e309".to_owned(),
            "0.00001e312".to_owned(),
            "9".repeat(308),
            "9".repeat(309),
            "9".repeat(310),
            format!("{}.5e-40", "1".repeat(340)),
            format!("0.{}1e330", "0".repeat(20)),
            "18446744073709551616e288".to_owned(),
            "18446744073709551615.99e289".to_owned(),
            "1844674407370955161600.00e290".to_owned(),
        ];
        for digits in 0..2_000_u64 {
            let significand = 1_797_693_134_862_314_000 + digits;
            numbers.push(format!("{significand}e290"));
            numbers.push(format!("1.{}e308", significand % 1_000_000_000_000_000_000));
            numbers.push(format!("{significand}{}", "7".repeat(290)));
        }
        for number in numbers {
            assert_eq!(
                is_in_range(number.as_bytes()),
                serde_json::from_str::<serde_json::Value>(&number).is_ok(),
                "{number}"
            );
        }
    }
}
