//! What a single value could be.
//!
//! Each value that is not null belongs to exactly one [`Class`], told from its own text and nothing else. A column
//! remembers which classes it has met ([`Classes`]); that set alone decides its type, so that neither the order of
//! the values nor where chunks begin can matter.
//!
//! The readings here are those of the check, with one exception: a number with a leading zero is
//! [`Class::Padded`], because `01067` is a postal code and no number anybody would add up.
//!
//! ```
//! use tamis_formats::value::{Class, Reading, read_text};
//!
//! assert_eq!(read_text(b"-7", b'.'), Reading::Small(-7));
//! assert_eq!(read_text(b"007", b'.'), Reading::Other(Class::Padded));
//! ```

use tamis_engine::kernel::{DateTimeShape, Moment, parse_date_time};
use tamis_engine::number::Decimal;

/// The most digits that fit an `i64` whatever they are.
const SMALL_DIGITS_MAX: usize = 18;

/// What tools write for null, beside nothing.
pub const COMMON_NULLS: [&str; 9] = [
    "NA", "N/A", "n/a", "null", "NULL", "\\N", "None", "nan", "NaN",
];

/// What a value is, by its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Class {
    /// Digits, perhaps behind a minus.
    Integer = 1,
    /// A number with a point or an exponent.
    Number = 1 << 1,
    /// It would be a number but for its leading zero.
    Padded = 1 << 2,
    /// `true` or `false`.
    Boolean = 1 << 3,
    /// A day: `2024-02-29`.
    Date = 1 << 4,
    /// A day and a time of day.
    Timestamp = 1 << 5,
    /// A time of day.
    Time = 1 << 6,
    /// Anything else.
    Text = 1 << 7,
    /// A JSON object.
    Object = 1 << 8,
    /// A JSON array.
    Array = 1 << 9,
    /// A JSON number too far from one to be compared exactly (`1e-99999`).
    Unreadable = 1 << 10,
}

/// A value with what it is compared by.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// An integer that fits; the one that comes often.
    Small(i64),
    /// [`Class::Integer`] or [`Class::Number`].
    Number(Class, Decimal),
    /// One of the temporal classes.
    Moment(Class, Moment),
    /// Any class; nothing to compare by.
    Other(Class),
}

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes(u16);

impl Classes {
    /// Adds a class.
    pub fn insert(&mut self, class: Class) {
        self.0 |= class as u16;
    }

    /// The classes in either.
    #[must_use]
    pub fn union(self, other: Classes) -> Classes {
        Classes(self.0 | other.0)
    }

    /// Whether the class is among these.
    pub fn contains(self, class: Class) -> bool {
        self.0 & class as u16 != 0
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether there are some, and all are among these.
    pub fn are_only(self, allowed: &[Class]) -> bool {
        let allowed = allowed.iter().fold(0, |set, &class| set | class as u16);
        !self.is_empty() && self.0 & !allowed == 0
    }
}

/// Reads a CSV value, decoded and not empty; `point` stands between integer and fraction.
///
/// # Panics
/// If `text` is empty.
pub fn read_text(text: &[u8], point: u8) -> Reading {
    match text[0] {
        b'0'..=b'9' => match read_moment(text) {
            Reading::Other(_) => read_number(text, point),
            moment => moment,
        },
        first if first == b'-' || first == point => read_number(text, point),
        b't' | b'T' | b'f' | b'F'
            if text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false") =>
        {
            Reading::Other(Class::Boolean)
        }
        _ => Reading::Other(Class::Text),
    }
}

/// Reads an integer that fits an `i64` whatever its digits are, without leading zeros: what most numbers are.
#[inline]
pub fn read_small(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > SMALL_DIGITS_MAX || matches!(digits, [] | [b'0', _, ..]) {
        return None;
    }
    let mut magnitude = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + i64::from(digit);
    }
    Some(if is_negative { -magnitude } else { magnitude })
}

/// Reads a JSON number, or what stands for one in CSV.
pub fn read_number(text: &[u8], point: u8) -> Reading {
    if let Some(number) = read_small(text) {
        return Reading::Small(number);
    }
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let is_padded = matches!(unsigned, [b'0', b'0'..=b'9', ..]);
    let is_integer = !unsigned.is_empty() && unsigned.iter().all(u8::is_ascii_digit);
    match Decimal::parse_with_point(text, point) {
        None => Reading::Other(Class::Text),
        Some(_) if is_padded => Reading::Other(Class::Padded),
        Some(number) if is_integer => Reading::Number(Class::Integer, number),
        Some(number) => Reading::Number(Class::Number, number),
    }
}

/// Whether a floating-point value of a columnar file is written that is no number: NaN or an infinity.
pub fn is_not_finite(text: &[u8]) -> bool {
    matches!(text, b"NaN" | b"inf" | b"-inf" | b"Infinity" | b"-Infinity")
}

/// Reads a date, timestamp or time in ISO 8601; [`Class::Text`] if it is none.
pub fn read_moment(text: &[u8]) -> Reading {
    // Where the first separator stands tells which it could be.
    let (class, shape) = match text {
        [_, _, b':', ..] => (Class::Time, DateTimeShape::Time),
        [_, _, _, _, b'-', ..] if text.len() == 10 => (Class::Date, DateTimeShape::Date),
        [_, _, _, _, b'-', ..] => (Class::Timestamp, DateTimeShape::DateTime),
        _ => return Reading::Other(Class::Text),
    };
    match parse_date_time(text, shape) {
        Some(moment) => Reading::Moment(class, moment),
        None => Reading::Other(Class::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(text: &str) -> Class {
        match read_text(text.as_bytes(), b'.') {
            Reading::Small(_) => Class::Integer,
            Reading::Number(class, _) | Reading::Moment(class, _) | Reading::Other(class) => class,
        }
    }

    #[test]
    fn every_text_has_its_class() {
        let cases = [
            (Class::Integer, "0 -0 42 -7 99999999999999999999999"),
            (Class::Number, "0.5 -1.50 .5 5. 1e5 123e-5 1234-5e"),
            (Class::Padded, "007 00 -01 00.5"),
            (Class::Boolean, "true FALSE True"),
            (Class::Date, "2024-02-29"),
            (
                Class::Timestamp,
                "2024-02-29T10:00:00Z 2024-02-29T10:00:00.5+0530",
            ),
            (Class::Time, "23:59:59 00:00:00.001"),
            (
                Class::Text,
                "2023-02-29 24:00:00 +1 - 1,5 0x10 x 1e99999 12:30 é tru",
            ),
        ];
        for (class, texts) in cases {
            for text in texts.split(' ').filter(|text| *text != "1234-5e") {
                assert_eq!(class_of(text), class, "{text}");
            }
        }
        assert_eq!(class_of("1234-5e"), Class::Text);
    }
}
