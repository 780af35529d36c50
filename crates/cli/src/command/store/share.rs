//! Shares and times, as typed: `5%`, `0.05`; `90m`, `24h`, `7d`.

use std::str::FromStr;
use std::time::Duration;

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share(pub(super) f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let (number, whole) = match text.strip_suffix('%') {
            Some(number) => (number.trim_end(), 100.0),
            None => (text, 1.0),
        };
        match number.parse::<f64>() {
            Ok(number) if (0.0..=whole).contains(&number) => Ok(Share(number / whole)),
            _ => Err("expected a share such as 5% or 0.05".to_owned()),
        }
    }
}

/// A [`Share`] of which something is left to do.
pub(super) fn above_zero(text: &str) -> Result<Share, String> {
    match text.parse()? {
        Share(0.0) => Err("expected a share above 0, such as 5% or 0.05".to_owned()),
        share => Ok(share),
    }
}

/// How long something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let wrong = || "expected a time such as 0, 30s, 90m, 24h or 7d".to_owned();
        let split = text
            .find(|it: char| !it.is_ascii_digit())
            .unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            "" if digits == "0" => 0,
            _ => return Err(wrong()),
        };
        let count: u64 = digits.parse().map_err(|_| wrong())?;
        let seconds = count.checked_mul(seconds).ok_or_else(wrong)?;
        Ok(Span(Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_times_have_units() {
        let share = |text: &str| text.parse::<Share>().ok().map(|it| it.0);
        assert_eq!(share("5%"), Some(0.05));
        assert_eq!(share("0.5"), Some(0.5));
        assert_eq!(share("100 %"), Some(1.0));
        for wrong in ["", "5", "-1%", "101%", "NaN", "%"] {
            assert_eq!(share(wrong), None, "{wrong}");
        }
        assert!(above_zero("0").is_err() && above_zero("0%").is_err());
        assert_eq!(above_zero("5%"), Ok(Share(0.05)));
        let span = |text: &str| text.parse::<Span>().ok().map(|it| it.0.as_secs());
        assert_eq!(span("0"), Some(0));
        assert_eq!(span("90m"), Some(5400));
        assert_eq!(span("7d"), Some(604_800));
        for wrong in ["", "5", "1w", "h", "-1h", "99999999999999999999d"] {
            assert_eq!(span(wrong), None, "{wrong}");
        }
    }
}
