//! Scalars as text, in the forms of Protobuf's JSON mapping (<https://protobuf.dev/programming-guides/json/>), except that
//! 64-bit integers are numbers like all others.

use std::io::Write;

use super::types::{Enum, Scalar};
use super::wire::unzigzag;
use crate::Kind;
use crate::calendar::{DAY_SECONDS, civil};

/// The first and the last second of a `Timestamp`: the years 1 to 9999.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The longest `Duration`, in seconds: about 10,000 years.
const DURATION_SECONDS_MAX: i64 = 315_576_000_000;

/// The characters of base64, RFC 4648 §4.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes a scalar that is neither text nor bytes, given as it came on the wire.
#[inline(always)]
pub(super) fn scalar(value: u64, scalar: Scalar, enums: &[Enum], out: &mut Vec<u8>) -> Kind {
    let mut integer = itoa::Buffer::new();
    let text = match scalar {
        Scalar::Int32 | Scalar::Sfixed32 => integer.format(value as i32),
        Scalar::Int64 | Scalar::Sfixed64 => integer.format(value as i64),
        Scalar::Uint32 | Scalar::Fixed32 => integer.format(value as u32),
        Scalar::Sint32 => integer.format(unzigzag(u64::from(value as u32)) as i32),
        Scalar::Sint64 => integer.format(unzigzag(value)),
        Scalar::Float => {
            let value = f32::from_bits(value as u32);
            out.extend_from_slice(zmij::Buffer::new().format(value).as_bytes());
            return Kind::Number;
        }
        Scalar::Double => {
            let value = f64::from_bits(value);
            out.extend_from_slice(zmij::Buffer::new().format(value).as_bytes());
            return Kind::Number;
        }
        Scalar::Bool => {
            out.extend_from_slice(if value == 0 { b"false" } else { b"true" });
            return Kind::Boolean;
        }
        Scalar::Enum(index) => {
            let name = enums.get(index as usize);
            if let Some(name) = name.and_then(|kind| kind.name(value as i32)) {
                out.extend_from_slice(name.as_bytes());
                return Kind::String;
            }
            integer.format(value as i32)
        }
        Scalar::Uint64 | Scalar::Fixed64 | Scalar::Text | Scalar::Bytes | Scalar::Message => {
            integer.format(value)
        }
    };
    out.extend_from_slice(text.as_bytes());
    Kind::Number
}

/// Writes `2024-02-29T10:20:30.500Z`, with as many digits of a fraction as it needs, in threes; `false` if it is no moment of
/// the years 1 to 9999, and nothing is written.
pub(super) fn timestamp(seconds: i64, nanos: i32, out: &mut Vec<u8>) -> bool {
    if !TIMESTAMP_SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return false;
    }
    let (year, month, day) = civil(seconds.div_euclid(DAY_SECONDS));
    let second = seconds.rem_euclid(DAY_SECONDS) as u64;
    let mut text = *b"0000-00-00T00:00:00";
    let mut put = |at: usize, number: u64| {
        text[at] = b'0' + (number / 10) as u8;
        text[at + 1] = b'0' + (number % 10) as u8;
    };
    put(0, year as u64 / 100);
    put(2, year as u64 % 100);
    put(5, month);
    put(8, day);
    put(11, second / 3600);
    put(14, second / 60 % 60);
    put(17, second % 60);
    out.extend_from_slice(&text);
    fraction(nanos.unsigned_abs(), out);
    out.push(b'Z');
    true
}

/// Writes `-1.500s`; `false` if it is no duration that Protobuf allows, and nothing is written.
pub(super) fn duration(seconds: i64, nanos: i32, out: &mut Vec<u8>) -> bool {
    let is_mixed = seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0;
    if seconds.unsigned_abs() > DURATION_SECONDS_MAX.unsigned_abs()
        || nanos.unsigned_abs() >= 1_000_000_000
        || is_mixed
    {
        return false;
    }
    if seconds < 0 || nanos < 0 {
        out.push(b'-');
    }
    let mut integer = itoa::Buffer::new();
    out.extend_from_slice(integer.format(seconds.unsigned_abs()).as_bytes());
    fraction(nanos.unsigned_abs(), out);
    out.push(b's');
    true
}

/// `.500`, `.000001` or nothing: 3, 6 or 9 digits.
fn fraction(nanos: u32, out: &mut Vec<u8>) {
    let written = match nanos {
        0 => Ok(()),
        _ if nanos.is_multiple_of(1_000_000) => write!(out, ".{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1000) => write!(out, ".{:06}", nanos / 1000),
        _ => write!(out, ".{nanos:09}"),
    };
    written.expect("a vector takes everything");
}

/// Writes bytes in base64.
pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            out.push(match at <= three.len() {
                true => BASE64[(bits >> (18 - 6 * at) & 63) as usize],
                false => b'=',
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>) -> bool) -> Option<String> {
        let mut out = Vec::new();
        let is_written = write(&mut out);
        assert!(is_written || out.is_empty());
        is_written.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn moments_have_as_many_digits_as_they_need() {
        let at = |seconds, nanos| written(|out| timestamp(seconds, nanos, out));
        assert_eq!(at(0, 0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(
            at(-1, 500_000_000).as_deref(),
            Some("1969-12-31T23:59:59.500Z")
        );
        assert_eq!(
            at(1_709_202_030, 1000).as_deref(),
            Some("2024-02-29T10:20:30.000001Z")
        );
        assert_eq!(
            at(-62_135_596_800, 1).as_deref(),
            Some("0001-01-01T00:00:00.000000001Z")
        );
        assert_eq!(
            at(253_402_300_799, 0).as_deref(),
            Some("9999-12-31T23:59:59Z")
        );
        for (seconds, nanos) in [
            (253_402_300_800, 0),
            (0, -1),
            (0, 1_000_000_000),
            (i64::MIN, 0),
        ] {
            assert_eq!(at(seconds, nanos), None);
        }
    }

    #[test]
    fn durations_have_one_sign() {
        let of = |seconds, nanos| written(|out| duration(seconds, nanos, out));
        assert_eq!(of(1, 500_000_000).as_deref(), Some("1.500s"));
        assert_eq!(of(0, -1).as_deref(), Some("-0.000000001s"));
        assert_eq!(of(-3, 0).as_deref(), Some("-3s"));
        for (seconds, nanos) in [(1, -1), (-1, 1), (i64::MIN, 0), (0, i32::MIN)] {
            assert_eq!(of(seconds, nanos), None);
        }
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (text, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = Vec::new();
            base64(text.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), coded);
        }
    }
}
