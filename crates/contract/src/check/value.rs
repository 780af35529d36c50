//! Judging one value: the specification of the check.
//!
//! A [`ValueCheck`] says for one value, decoded, exactly which rules it breaks. The fast loops of
//! [`super::fast`] only ever decide which rows need not come here.
//!
//! The order is fixed, and the first stage that fails ends the judgement, so that one wrong
//! value is one violation and not five:
//! 1. null (`required`, `nullValues`, `missingValues`); null breaks nothing else; an absent key is null, unless the
//!    contract says what its absence means;
//! 2. type (`type`, or `format` where the contract says how a date is written);
//! 3. all other rules of the column, each on its own.

use std::collections::HashSet;

use tamis_engine::kernel::{DateTimeShape, parse_date_time};
use tamis_engine::number::Decimal;
use tamis_formats::Kind;

use super::rule::{MetricId, RuleId};
use crate::format::{DateFormat, Instant, TextFormat};
use crate::model::{Inclusion, LogicalType};
use crate::pattern::Pattern;

/// All rules on the values of one column.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueCheck {
    /// Texts that stand for null besides the empty one (CSV only).
    pub(crate) null_texts: Vec<Box<[u8]>>,
    /// What null leads to: `required`, `nullValues`, `missingValues`.
    pub(crate) on_null: Vec<Consequence>,
    /// What an absent key leads to; `None`: to the same as null.
    pub(crate) on_missing: Option<Vec<Consequence>>,
    /// Texts that are not null but count as missing, and what they lead to.
    pub(crate) missing: Vec<(Vec<Box<[u8]>>, Consequence)>,
    /// The type, and the rule that names it.
    pub(crate) kind: Option<(TypeCheck, RuleId)>,
    /// Everything else.
    pub(crate) constraints: Vec<(Constraint, Consequence)>,
    /// The byte between integer and fraction.
    pub(crate) decimal_char: u8,
}

/// What happens when a rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// The row breaks a rule.
    Violation(RuleId),
    /// The row counts towards a metric with a threshold.
    Count(MetricId),
}

/// What a value must be.
#[derive(Clone, Debug)]
pub(crate) enum TypeCheck {
    String,
    Number,
    Integer,
    Boolean,
    Temporal(Temporal),
    Object,
    Array,
}

/// How dates, timestamps or times are written.
#[derive(Clone, Debug)]
pub(crate) enum Temporal {
    /// ISO 8601.
    Iso(DateTimeShape),
    /// The contract's own format.
    Format(DateFormat),
}

impl Temporal {
    pub(crate) fn parse(&self, text: &[u8]) -> Option<Instant> {
        match self {
            Temporal::Iso(shape) => parse_date_time(text, *shape).map(|moment| Instant {
                seconds: moment.seconds,
                nanos: moment.nanos,
            }),
            Temporal::Format(format) => format.parse(text),
        }
    }
}

/// One rule on a value that is not null and of the right type.
#[derive(Clone, Debug)]
pub(crate) enum Constraint {
    /// The number is on this side of the limit.
    Number(Side, Inclusion, Decimal),
    /// The moment is on this side of the limit.
    Moment(Side, Inclusion, Instant),
    /// The number is a multiple of this.
    MultipleOf(Decimal),
    /// At least this many characters.
    MinLength(u64),
    /// At most this many characters.
    MaxLength(u64),
    /// The text matches.
    Pattern(Pattern),
    /// The text has this syntax.
    Text(TextFormat),
    /// The text is one of these.
    OneOf(HashSet<Box<[u8]>>),
    /// The number equals one of these.
    OneOfNumbers(Vec<Decimal>),
    /// The number's magnitude fits a 32-bit float.
    Float32,
    /// The number's magnitude fits a 64-bit float.
    Float64,
    /// The moment has a zone or offset (`true`), or none.
    Zone(bool),
}

/// Which end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    AtLeast,
    AtMost,
}

impl Side {
    pub(super) fn admits<T: Ord>(self, inclusion: Inclusion, value: &T, limit: &T) -> bool {
        match (self, inclusion) {
            (Side::AtLeast, Inclusion::Inclusive) => value >= limit,
            (Side::AtLeast, Inclusion::Exclusive) => value > limit,
            (Side::AtMost, Inclusion::Inclusive) => value <= limit,
            (Side::AtMost, Inclusion::Exclusive) => value < limit,
        }
    }
}

impl ValueCheck {
    /// Whether `text` of this kind is null.
    pub(crate) fn is_null(&self, kind: Kind, text: &[u8]) -> bool {
        match kind {
            Kind::Null | Kind::Missing => true,
            Kind::Text => text.is_empty() || self.null_texts.iter().any(|null| **null == *text),
            _ => false,
        }
    }

    /// What the absence of the key leads to.
    pub(crate) fn on_missing(&self) -> &[Consequence] {
        self.on_missing.as_ref().unwrap_or(&self.on_null)
    }

    /// Calls `found` for every rule the value breaks. `text` is decoded: no quotes, no escapes.
    pub(crate) fn judge(&self, kind: Kind, text: &[u8], mut found: impl FnMut(Consequence)) {
        if self.is_null(kind, text) {
            let consequences = match kind {
                Kind::Missing => self.on_missing(),
                _ => &self.on_null,
            };
            consequences.iter().copied().for_each(found);
            return;
        }
        for (missing, consequence) in &self.missing {
            if missing.iter().any(|missing| **missing == *text) {
                found(*consequence);
            }
        }
        let value = match &self.kind {
            None => Value::Other,
            Some((expected, rule)) => match self.read(expected, kind, text) {
                Some(value) => value,
                None => {
                    found(Consequence::Violation(*rule));
                    return;
                }
            },
        };
        let mut last = None;
        for (constraint, consequence) in &self.constraints {
            // One rule may stand for two neighbouring limits (both ends of `format: i8`): it breaks once.
            if last != Some(*consequence) && !constraint.admits(&value, text) {
                found(*consequence);
                last = Some(*consequence);
            }
        }
    }

    /// The value as its type; `None` when it is of another type.
    fn read(&self, expected: &TypeCheck, kind: Kind, text: &[u8]) -> Option<Value> {
        let is_text = matches!(kind, Kind::Text | Kind::String | Kind::EscapedString);
        let is_number = matches!(kind, Kind::Text | Kind::Number);
        match expected {
            TypeCheck::String => is_text.then_some(Value::Other),
            TypeCheck::Number | TypeCheck::Integer if !is_number => None,
            TypeCheck::Number => self.number(kind, text).map(Value::Number),
            TypeCheck::Integer => self
                .number(kind, text)
                .filter(Decimal::is_integer)
                .map(Value::Number),
            TypeCheck::Boolean => {
                let is_word =
                    text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false");
                (kind == Kind::Boolean || kind == Kind::Text && is_word).then_some(Value::Other)
            }
            TypeCheck::Temporal(temporal) if is_text => temporal.parse(text).map(Value::Moment),
            TypeCheck::Temporal(_) => None,
            TypeCheck::Object => (kind == Kind::Object).then_some(Value::Other),
            TypeCheck::Array => (kind == Kind::Array).then_some(Value::Other),
        }
    }

    /// The contract says how numbers are written as text; a number that is one already has a point.
    fn number(&self, kind: Kind, text: &[u8]) -> Option<Decimal> {
        Decimal::parse_with_point(text, kind.point(self.decimal_char))
    }

    /// The text two equal values share, for finding duplicates: numbers by value, all else as written.
    pub(crate) fn canonical<'t>(
        &self,
        kind: Kind,
        text: &'t [u8],
        scratch: &'t mut Vec<u8>,
    ) -> &'t [u8] {
        let is_number = matches!(self.kind, Some((TypeCheck::Number | TypeCheck::Integer, _)));
        let is_plain =
            text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || text.first() != Some(&b'0'));
        if !is_number || is_plain {
            return text;
        }
        match self.number(kind, text) {
            None => text,
            Some(number) => {
                scratch.clear();
                scratch.extend_from_slice(number.to_string().as_bytes());
                scratch
            }
        }
    }
}

/// A value of the right type.
enum Value {
    Number(Decimal),
    Moment(Instant),
    Other,
}

impl Constraint {
    fn admits(&self, value: &Value, text: &[u8]) -> bool {
        match (self, value) {
            (Constraint::Number(side, inclusion, limit), Value::Number(number)) => {
                side.admits(*inclusion, number, limit)
            }
            (Constraint::Moment(side, inclusion, limit), Value::Moment(moment)) => {
                side.admits(*inclusion, moment, limit)
            }
            (Constraint::MultipleOf(divisor), Value::Number(number)) => {
                number.is_multiple_of(divisor)
            }
            (Constraint::OneOfNumbers(numbers), Value::Number(number)) => numbers.contains(number),
            (Constraint::Float32, Value::Number(number)) => {
                number.to_string().parse::<f32>().is_ok_and(f32::is_finite)
            }
            (Constraint::Float64, Value::Number(number)) => number.to_f64().is_finite(),
            (Constraint::MinLength(min), _) => characters(text) >= *min,
            (Constraint::MaxLength(max), _) => characters(text) <= *max,
            (Constraint::Pattern(pattern), _) => pattern.is_match(text),
            (Constraint::Text(format), _) => format.is_match(text),
            (Constraint::OneOf(allowed), _) => allowed.contains(text),
            (Constraint::Zone(wanted), _) => has_zone(text) == *wanted,
            // A number rule on a column that holds no numbers: the compiler makes none.
            (Constraint::Number(..) | Constraint::Moment(..) | Constraint::MultipleOf(_), _)
            | (Constraint::OneOfNumbers(_) | Constraint::Float32 | Constraint::Float64, _) => true,
        }
    }
}

/// Length in Unicode scalar values.
fn characters(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as u64
}

/// Whether an ISO 8601 text ends in `Z` or an offset.
fn has_zone(text: &[u8]) -> bool {
    let time = text
        .iter()
        .position(|&byte| byte == b'T' || byte == b' ' || byte == b':');
    let after = time.map_or(&[][..], |at| &text[at..]);
    after
        .iter()
        .any(|&byte| byte == b'Z' || byte == b'+' || byte == b'-')
}

/// What a logical type asks of a value when nothing else is said.
pub(crate) fn iso_shape(logical_type: LogicalType) -> Option<DateTimeShape> {
    match logical_type {
        LogicalType::Date => Some(DateTimeShape::Date),
        LogicalType::Timestamp => Some(DateTimeShape::DateTime),
        LogicalType::Time => Some(DateTimeShape::Time),
        _ => None,
    }
}
