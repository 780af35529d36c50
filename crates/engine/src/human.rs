//! Numbers as people read them: `1,234,567`, `66.1 MB`, `1.24 GB/s`.

use std::time::Duration;

/// `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `512 B`, `66.1 MB`: decimal units, three significant digits.
pub fn bytes(value: u64) -> String {
    scaled(value as f64, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// `1.24 GB/s`.
pub fn byte_rate(value: u64, duration: Duration) -> String {
    format!("{}/s", bytes(per_second(value, duration) as u64))
}

/// `18.7 M` a second; the caller names the unit.
pub fn rate(value: u64, duration: Duration) -> String {
    scaled(per_second(value, duration), &["", "k", "M", "G"])
        .trim_end()
        .to_owned()
}

/// `0.08 s`, `3 min 20 s`.
pub fn duration(value: Duration) -> String {
    let seconds = value.as_secs();
    if seconds < 60 {
        format!("{:.2} s", value.as_secs_f64())
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

fn per_second(value: u64, duration: Duration) -> f64 {
    // A run too short to be timed is taken as a nanosecond, not as infinitely fast.
    value as f64 / duration.as_secs_f64().max(1e-9)
}

fn scaled(mut value: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = if unit == 0 || value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.decimals$} {}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(999_600), "1.00 MB");
        assert_eq!(bytes(66_123_456), "66.1 MB");
        assert_eq!(
            byte_rate(1_240_000_000, Duration::from_secs(1)),
            "1.24 GB/s"
        );
        assert_eq!(rate(18_700_000, Duration::from_secs(1)), "18.7 M");
        assert_eq!(rate(12, Duration::from_secs(1)), "12");
        assert_eq!(duration(Duration::from_millis(82)), "0.08 s");
        assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
    }
}
