//! What every value of a property must meet (`logicalTypeOptions`).

use tamis_engine::number::Decimal;

use crate::format::Format;
use crate::pattern::Pattern;

/// Limits on the values of one property; an absent limit allows everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constraints {
    /// `minimum` (inclusive) or `exclusiveMinimum`.
    pub minimum: Option<Bound>,
    /// `maximum` (inclusive) or `exclusiveMaximum`.
    pub maximum: Option<Bound>,
    /// `multipleOf`: the value is an integer times this, exactly. Greater than zero.
    pub multiple_of: Option<Decimal>,
    /// `minLength` in Unicode scalar values.
    pub min_length: Option<u64>,
    /// `maxLength` in Unicode scalar values.
    pub max_length: Option<u64>,
    /// `pattern`: a match anywhere in the value unless the pattern is anchored.
    pub pattern: Option<Pattern>,
    /// `format`: a string's syntax, a number's width, or how a date is written.
    pub format: Option<Format>,
    /// `enum`: the texts allowed; a number is compared by value (`1.0` equals `1`).
    pub allowed_values: Option<Vec<String>>,
    /// `timezone` of a timestamp or time: `true` requires a zone or offset, `false` forbids one.
    pub timezone: Option<bool>,
}

impl Constraints {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Where the range ends.
    pub value: BoundValue,
    /// Whether the end itself is allowed.
    pub inclusion: Inclusion,
}

/// Whether the end of a range belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inclusion {
    /// `minimum`, `maximum`: the bound itself is allowed.
    Inclusive,
    /// `exclusiveMinimum`, `exclusiveMaximum`: it is not.
    Exclusive,
}

/// The end of a range: an exact number, or a date, time or timestamp as text.
#[derive(Clone, Debug, PartialEq)]
pub enum BoundValue {
    /// Bound of an integer or number.
    Number(Decimal),
    /// Bound of a date, time or timestamp, in ISO 8601.
    Temporal(String),
}

impl Bound {
    /// A bound that belongs to the range.
    pub fn inclusive(value: impl Into<BoundValue>) -> Self {
        Self {
            value: value.into(),
            inclusion: Inclusion::Inclusive,
        }
    }

    /// A bound that does not.
    pub fn exclusive(value: impl Into<BoundValue>) -> Self {
        Self {
            value: value.into(),
            inclusion: Inclusion::Exclusive,
        }
    }
}

impl From<Decimal> for BoundValue {
    fn from(number: Decimal) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for BoundValue {
    fn from(number: i64) -> Self {
        Self::Number(Decimal::from(number))
    }
}

/// A date, time or timestamp in ISO 8601; parse numbers with [`super::parse_decimal`].
impl From<&str> for BoundValue {
    fn from(text: &str) -> Self {
        Self::Temporal(text.to_owned())
    }
}
