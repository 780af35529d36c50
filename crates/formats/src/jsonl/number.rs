//! Which numbers are too large to be a double.
//!
//! serde_json, with the correct rounding that this workspace asks of it, refuses a number whose
//! nearest double is infinite: `1e400`, and `1.797693134862315808e308`. The standard library's
//! parser rounds correctly as well, so it says the same.

/// A number without exponent and not longer than this cannot be out of range.
pub(super) const SAFE_LEN: usize = 300;

/// Whether serde_json takes this number, which has JSON's grammar, for a finite double.
pub(super) fn is_in_range(number: &[u8]) -> bool {
    std::str::from_utf8(number)
        .ok()
        .and_then(|number| number.parse::<f64>().ok())
        .is_some_and(f64::is_finite)
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
            "1.797693134862315807e308".to_owned(),
            "1.797693134862315808e308".to_owned(),
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
