//! Numbers in logs: counts of bytes, and how long something took.
//!
//! Durations become whole nanoseconds by way of their digits and never of floating point, so that their sum does not
//! depend on the order in which they are added.

/// What a duration without a unit is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Millionths of a second.
    Microseconds,
    /// Billionths of a second.
    Nanoseconds,
}

impl Unit {
    /// The unit called `s`, `ms`, `us` or `ns`.
    pub fn by_name(name: &str) -> Option<Unit> {
        Some(match name {
            "s" => Unit::Seconds,
            "ms" => Unit::Milliseconds,
            "us" | "µs" => Unit::Microseconds,
            "ns" => Unit::Nanoseconds,
            _ => return None,
        })
    }

    fn ns(self) -> u64 {
        match self {
            Unit::Seconds => 1_000_000_000,
            Unit::Milliseconds => 1_000_000,
            Unit::Microseconds => 1_000,
            Unit::Nanoseconds => 1,
        }
    }
}

/// All of `text` as a whole number; `None` if it is none, or beyond 2^53.
#[inline]
pub(super) fn whole(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    let mut value = 0_u64;
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    (value <= 1 << 53).then_some(value)
}

/// All of `text` as a duration in nanoseconds: a number of `unit`, or one with its own unit (`1.5ms`, `350µs`, `1m2.5s`).
#[inline]
pub(super) fn duration_ns(text: &[u8], unit: Unit) -> Option<u64> {
    let (ns, rest) = number(text, unit.ns())?;
    if rest.is_empty() {
        return Some(ns);
    }
    with_units(text)
}

/// Numbers with their units, one behind the other.
fn with_units(text: &[u8]) -> Option<u64> {
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
            .count();
        let behind = rest[digits..].trim_ascii_start();
        let unit_len = behind
            .iter()
            .position(|byte| byte.is_ascii_digit() || *byte == b' ')
            .unwrap_or(behind.len());
        let (unit, after) = behind.split_at(unit_len);
        let unit_ns = match unit {
            b"ns" => 1,
            b"us" | b"\xC2\xB5s" | b"\xCE\xBCs" => 1_000,
            b"ms" | b"msec" | b"millis" => 1_000_000,
            b"s" | b"sec" | b"secs" | b"seconds" => 1_000_000_000,
            b"m" | b"min" => 60_000_000_000,
            b"h" => 3_600_000_000_000,
            _ => return None,
        };
        let (ns, left) = number(&rest[..digits], unit_ns)?;
        if !left.is_empty() {
            return None;
        }
        total = total.checked_add(ns)?;
        rest = after;
    }
    Some(total)
}

/// The number at the start of `text` in units of `unit_ns`, less than a nanosecond dropped; and what follows it.
#[inline]
fn number(text: &[u8], unit_ns: u64) -> Option<(u64, &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 || count > 18 {
        return None;
    }
    let digits = text[..count].iter();
    let value = digits.fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let mut ns = value.checked_mul(unit_ns)?;
    let mut rest = &text[count..];
    if let [b'.', fraction @ ..] = rest {
        let count = fraction
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if count == 0 {
            return None;
        }
        let mut place_ns = unit_ns;
        for digit in &fraction[..count] {
            // From here on digits are below a nanosecond.
            if place_ns < 10 {
                break;
            }
            place_ns /= 10;
            ns = ns.checked_add(u64::from(digit - b'0') * place_ns)?;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', ..] = rest {
        return exponent(text, unit_ns);
    }
    Some((ns, rest))
}

/// `1.5e-3`: a text of JSON that floating point must read.
#[cold]
fn exponent(text: &[u8], unit_ns: u64) -> Option<(u64, &[u8])> {
    // A copy: `text` may be mapped, and change between the check that it is UTF-8 and its use. No number worth reading is
    // longer.
    let mut copy = [0; 64];
    let mut len = 0;
    for &byte in text {
        if !(byte.is_ascii_digit() || b".eE+-".contains(&byte)) {
            break;
        }
        *copy.get_mut(len)? = byte;
        len += 1;
    }
    let value: f64 = std::str::from_utf8(&copy[..len]).ok()?.parse().ok()?;
    let ns = (value * unit_ns as f64).round();
    (ns < 1e18).then_some((ns as u64, &text[len..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let ns = |text: &str, unit| duration_ns(text.as_bytes(), unit);
        assert_eq!(ns("0.123", Unit::Seconds), Some(123_000_000));
        assert_eq!(ns("12", Unit::Milliseconds), Some(12_000_000));
        assert_eq!(ns("1532", Unit::Microseconds), Some(1_532_000));
        assert_eq!(ns("0.0000000019", Unit::Seconds), Some(1));
        assert_eq!(ns("12.5ms", Unit::Seconds), Some(12_500_000));
        assert_eq!(ns("350µs", Unit::Seconds), Some(350_000));
        assert_eq!(ns("350μs", Unit::Seconds), Some(350_000));
        assert_eq!(ns("1m2.5s", Unit::Seconds), Some(62_500_000_000));
        assert_eq!(ns("3 ms", Unit::Seconds), Some(3_000_000));
        assert_eq!(ns("1.5e-3", Unit::Seconds), Some(1_500_000));
        assert_eq!(ns("2E2ms", Unit::Seconds), None);
        for wrong in [
            "",
            "-",
            "-1",
            "1.",
            ".5",
            "x",
            "1x",
            "1e999",
            "99999999999999999999",
        ] {
            assert_eq!(ns(wrong, Unit::Seconds), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_in_floating_point_are_short() {
        let ns = |text: &str| duration_ns(text.as_bytes(), Unit::Seconds);
        let long = |digits: usize| format!("1.{}e3", "0".repeat(digits));
        assert_eq!(ns(&long(60)), Some(1_000_000_000_000));
        assert_eq!(ns(&long(61)), None);
    }

    #[test]
    fn whole_numbers_are_bounded() {
        assert_eq!(whole(b"2326"), Some(2326));
        assert_eq!(whole(b"9007199254740992"), Some(1 << 53));
        for wrong in ["", "-", "1.0", "9007199254740993", "12345678901234567"] {
            assert_eq!(whole(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
