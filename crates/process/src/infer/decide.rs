//! From what is known of a column to its property in the contract.
//!
//! Everything stated is true of every record read; what could be true by chance is left out. So there are
//! ranges and lengths, which people widen at a glance, and a list of values only where each of a few came often.

use tamis_contract::format::{DateFormat, Format, Instant, TextFormat, to_iso};
use tamis_contract::model::{
    Bound, BoundValue, LogicalType, Metric, Operator, Property, Quality, Value,
};
use tamis_engine::number::Decimal;

use super::column::{Column, characters};
use super::dates::Written;
use super::nulls::{Fate, Tokens};
use super::typing::Typing;

/// A list of values is inferred from at least so many values ...
const LISTED_VALUES_MIN: u64 = 100;

/// ... and if there are so many of them, on average, for each one listed.
const LISTED_REPEATS_MIN: u64 = 10;

/// A column on its own.
pub(super) struct Decision<'a> {
    pub(super) typing: Typing,
    /// Well-formed records.
    pub(super) rows: u64,
    pub(super) tokens: &'a Tokens,
    pub(super) fates: &'a [Fate],
    /// Which columns repeat no value, by their numbers.
    pub(super) unique: &'a [bool],
    /// The most values that are listed.
    pub(super) listed_max: usize,
}

impl Decision<'_> {
    /// The type of a column; `None` if it has no values, or values of kinds that no type unites.
    pub(super) fn logical_type(&self, column: &Column) -> Option<LogicalType> {
        match self.kept_tokens(column).next() {
            // A null token that is a value after all is a text.
            Some(_) => Some(LogicalType::String),
            None => column.logical_type(self.typing),
        }
    }

    /// Rows without a value.
    pub(super) fn nulls(&self, column: &Column) -> u64 {
        let declared = self.fates.iter().zip(&column.tokens);
        let declared = declared.filter(|(fate, _)| matches!(fate, Fate::Null(_)));
        column.nulls(self.rows) + declared.map(|(_, &count)| count).sum::<u64>()
    }

    /// The property of a column, its members left out.
    pub(super) fn property(&self, name: &str, column: &Column) -> Property {
        let mut property = Property::new(name);
        property.required = self.rows > column.absent && self.nulls(column) == 0;
        property.optional = (column.absent > 0).then_some(true);
        property.unique = property.required && self.is_unique(column);
        property.logical_type = self.logical_type(column);
        match property.logical_type {
            Some(LogicalType::Integer) => number_range(&mut property, column),
            Some(LogicalType::Number) => {
                number_range(&mut property, column);
                physical_number(&mut property, column);
            }
            Some(LogicalType::Date | LogicalType::Timestamp | LogicalType::Time) => {
                match column.dates.written() {
                    Some(Written::As {
                        format,
                        first,
                        last,
                        ..
                    }) => {
                        property.constraints.format = Some(Format::Temporal(format));
                        written_range(&mut property, first, last);
                    }
                    _ => moment_range(&mut property, column),
                }
            }
            Some(LogicalType::String) => self.texts(&mut property, column),
            _ => {}
        }
        property
    }

    /// A list of the values where that is plausible, else their lengths.
    fn texts(&self, property: &mut Property, column: &Column) {
        let mut distinct = column.distinct.clone();
        let mut count = column.values;
        let mut lengths = column.lengths;
        for token in self.kept_tokens(column) {
            let text = self.tokens.texts[token].as_bytes();
            distinct.insert(text, self.listed_max);
            count += column.tokens[token];
            let len = characters(text);
            let (min, max) = lengths.unwrap_or((len, len));
            lengths = Some((min.min(len), max.max(len)));
        }
        let listed = distinct.sorted().filter(|values| {
            count >= LISTED_VALUES_MIN && count >= LISTED_REPEATS_MIN * values.len() as u64
        });
        if let Some(values) = listed {
            let metric = Metric::InvalidValues {
                valid_values: Some(values),
                pattern: None,
            };
            let none = Operator::MustBe(Decimal::ZERO);
            property.quality.push(Quality::metric(metric, none));
            return;
        }
        let format = column.shapes.format();
        let format = format.filter(|_| self.kept_tokens(column).next().is_none());
        property.constraints.format = format.map(Format::Text);
        // The lengths of these are those of their syntax.
        let is_short = matches!(
            format,
            Some(TextFormat::Uuid | TextFormat::Ipv4 | TextFormat::Ipv6)
        );
        if let Some((min, max)) = lengths.filter(|_| !is_short) {
            property.constraints.min_length = (min > 0).then_some(min);
            property.constraints.max_length = Some(max);
        }
    }

    /// Whether no value comes twice, tokens that are values among them.
    fn is_unique(&self, column: &Column) -> bool {
        let is_unique = column
            .number
            .is_some_and(|number| number.is_in(self.unique));
        is_unique
            && self
                .kept_tokens(column)
                .all(|token| column.tokens[token] == 1)
    }

    /// Null tokens that are values of this column.
    fn kept_tokens(&self, column: &Column) -> impl Iterator<Item = usize> {
        let came = self.fates.iter().zip(&column.tokens).enumerate();
        came.filter(|(_, (fate, count))| **count > 0 && !matches!(fate, Fate::Null(_)))
            .map(|(token, _)| token)
    }
}

fn number_range(property: &mut Property, column: &Column) {
    if let Some((least, greatest)) = column.numbers() {
        property.constraints.minimum = Some(Bound::inclusive(least));
        property.constraints.maximum = Some(Bound::inclusive(greatest));
    }
}

/// How the numbers could be stored: `decimal(9,2)`, or `double` where they have exponents or too many digits. For people and
/// for other tools; a check does not look at it.
fn physical_number(property: &mut Property, column: &Column) {
    const DIGITS_MAX: usize = 38;
    let Some((least, greatest)) = column.numbers() else {
        return;
    };
    let whole = |number: Decimal| {
        let text = number.to_string();
        text.trim_start_matches('-')
            .split('.')
            .next()
            .map_or(0, str::len)
    };
    let scale = column.fractions.digits;
    let precision = whole(least).max(whole(greatest)) + scale;
    let name = match column.fractions.has_exponent || precision > DIGITS_MAX {
        true => "double".to_owned(),
        false => format!("decimal({precision},{scale})"),
    };
    let physical = ("physicalType".to_owned(), Value::Text(name));
    property.extra.push(physical);
}

/// The range of moments that are not written in ISO 8601, but in a contract are.
fn written_range(property: &mut Property, first: Instant, last: Instant) {
    let is_time = property.logical_type == Some(LogicalType::Time);
    let bound = |moment| {
        let text = to_iso(moment, is_time);
        let iso = match is_time {
            true => DateFormat::iso_time(),
            false => DateFormat::iso_timestamp(),
        };
        let is_read = iso.parse(text.as_bytes()) == Some(moment);
        is_read.then(|| Bound::inclusive(BoundValue::Temporal(text)))
    };
    property.constraints.minimum = bound(first);
    property.constraints.maximum = bound(last);
}

/// A bound that a contract would read as another moment is left out.
fn moment_range(property: &mut Property, column: &Column) {
    let iso = match property.logical_type {
        Some(LogicalType::Time) => DateFormat::iso_time(),
        _ => DateFormat::iso_timestamp(),
    };
    let Some([first, last]) = column.moments() else {
        return;
    };
    let bound = |(moment, text): (_, String)| {
        (iso.parse(text.as_bytes()) == Some(moment))
            .then(|| Bound::inclusive(BoundValue::Temporal(text)))
    };
    property.constraints.minimum = bound(first);
    property.constraints.maximum = bound(last);
}
