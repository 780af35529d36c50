//! The types of parts of an expression.

use std::fmt;

use tamis_formats::vector::Type;

/// What the values of a part are: the types of columns, and durations, which no column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ty {
    /// All are null: the literal, and what is computed from a column without values.
    Null,
    Boolean,
    Integer,
    Number,
    Text,
    Date,
    Time,
    Timestamp,
    /// Microseconds between two moments.
    Duration,
}

/// How values of a type are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// A bit for each row.
    Bits,
    /// An `i64`: integers, moments and durations.
    Integers,
    /// An `f64`.
    Numbers,
    /// Bytes.
    Texts,
}

impl Ty {
    /// How the values are stored. Null has no values; any lane will do.
    pub(crate) fn lane(self) -> Lane {
        match self {
            Ty::Boolean => Lane::Bits,
            Ty::Number => Lane::Numbers,
            Ty::Text => Lane::Texts,
            Ty::Null | Ty::Integer | Ty::Date | Ty::Time | Ty::Timestamp | Ty::Duration => {
                Lane::Integers
            }
        }
    }

    pub(crate) fn is_numeric(self) -> bool {
        matches!(self, Ty::Integer | Ty::Number)
    }

    /// A date, or a date and a time of day.
    pub(crate) fn is_moment(self) -> bool {
        matches!(self, Ty::Date | Ty::Timestamp)
    }

    /// The name without its article.
    pub(crate) fn bare(self) -> &'static str {
        match self {
            Ty::Null => "null",
            Ty::Boolean => "boolean",
            Ty::Integer => "integer",
            Ty::Number => "number",
            Ty::Text => "text",
            Ty::Date => "date",
            Ty::Time => "time",
            Ty::Timestamp => "timestamp",
            Ty::Duration => "duration",
        }
    }

    /// The type as columns have it; durations are integers there.
    pub(crate) fn column_type(self) -> Type {
        match self {
            Ty::Null => Type::Null,
            Ty::Boolean => Type::Boolean,
            Ty::Integer | Ty::Duration => Type::Integer,
            Ty::Number => Type::Number,
            Ty::Text => Type::Text,
            Ty::Date => Type::Date,
            Ty::Time => Type::Time,
            Ty::Timestamp => Type::Timestamp,
        }
    }
}

impl From<Type> for Ty {
    fn from(ty: Type) -> Ty {
        match ty {
            Type::Null => Ty::Null,
            Type::Boolean => Ty::Boolean,
            Type::Integer => Ty::Integer,
            Type::Number => Ty::Number,
            Type::Text => Ty::Text,
            Type::Date => Ty::Date,
            Type::Time => Ty::Time,
            Type::Timestamp => Ty::Timestamp,
        }
    }
}

/// With its article, as messages say it.
impl fmt::Display for Ty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let article = match self {
            Ty::Null | Ty::Text => "",
            Ty::Integer => "an ",
            _ => "a ",
        };
        write!(formatter, "{article}{}", self.bare())
    }
}
