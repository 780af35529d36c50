//! The types that columns are computed with.

use std::fmt;
use std::str::FromStr;

use crate::value::{Class, Reading, read_text};

/// What the values of a column are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Type {
    /// Nothing: all are null, so far.
    #[default]
    Null,
    /// `true` or `false`.
    Boolean,
    /// An `i64`.
    Integer,
    /// An `f64`.
    Number,
    /// Text, in UTF-8; objects and arrays by their JSON.
    Text,
    /// A day.
    Date,
    /// A time of day, to the microsecond.
    Time,
    /// A day and a time of day in UTC, to the microsecond.
    Timestamp,
}

impl Type {
    /// All types that a column can be declared to have, by name.
    pub const NAMED: [(&'static str, Type); 7] = [
        ("boolean", Type::Boolean),
        ("integer", Type::Integer),
        ("number", Type::Number),
        ("text", Type::Text),
        ("date", Type::Date),
        ("time", Type::Time),
        ("timestamp", Type::Timestamp),
    ];

    /// The narrowest type that has the values of both. What is neither one nor the other is text.
    #[must_use]
    pub fn join(self, other: Type) -> Type {
        match (self, other) {
            (one, two) if one == two => one,
            (Type::Null, some) | (some, Type::Null) => some,
            (Type::Integer, Type::Number) | (Type::Number, Type::Integer) => Type::Number,
            _ => Type::Text,
        }
    }

    /// The type of a CSV value, decoded and not empty; `point` stands between integer and fraction.
    ///
    /// An integer that does not fit an `i64` is a number, and what is no finite double is text.
    pub fn of_text(text: &[u8], point: u8) -> Type {
        Type::of_reading(read_text(text, point))
    }

    /// The type of a value that has been read.
    pub fn of_reading(reading: Reading) -> Type {
        match reading {
            Reading::Small(_) => Type::Integer,
            Reading::Number(class, number) => {
                let text = number.to_string();
                if class == Class::Integer && text.parse::<i64>().is_ok() {
                    Type::Integer
                } else if text.parse::<f64>().is_ok_and(f64::is_finite) {
                    Type::Number
                } else {
                    Type::Text
                }
            }
            Reading::Moment(Class::Date, _) => Type::Date,
            Reading::Moment(Class::Time, _) => Type::Time,
            Reading::Moment(_, _) => Type::Timestamp,
            Reading::Other(Class::Boolean) => Type::Boolean,
            Reading::Other(_) => Type::Text,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Type::NAMED.iter().find(|(_, ty)| ty == self);
        formatter.write_str(named.map_or("null", |(name, _)| name))
    }
}

impl FromStr for Type {
    type Err = String;

    fn from_str(text: &str) -> Result<Type, String> {
        let named = Type::NAMED.iter().find(|(name, _)| *name == text);
        named.map(|&(_, ty)| ty).ok_or_else(|| {
            let names = Type::NAMED.map(|(name, _)| name);
            format!("unknown type `{text}`: expected {}", names.join(", "))
        })
    }
}
