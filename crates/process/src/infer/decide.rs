//! From what is known of a column to its property in the contract.
//!
//! Everything stated is true of every record read; what could be true by chance is left out. So there are
//! ranges and lengths, which people widen at a glance, and a list of values only where each of a few came often.

use tamis_contract::format::DateFormat;
use tamis_contract::model::{Bound, BoundValue, LogicalType, Metric, Operator, Property, Quality};
use tamis_engine::number::Decimal;

use super::column::{Column, characters};
use super::nulls::{Fate, Tokens};
use super::typing::{self, Typing};

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
}

impl Decision<'_> {
    /// The type of a column; `None` if it has no values, or values of kinds that no type unites.
    pub(super) fn logical_type(&self, column: &Column) -> Option<LogicalType> {
        match self.kept_tokens(column).next() {
            // A null token that is a value after all is a text.
            Some(_) => Some(LogicalType::String),
            None => typing::logical_type(column.classes, self.typing),
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
        property.required = self.rows > 0 && self.nulls(column) == 0;
        property.logical_type = self.logical_type(column);
        match property.logical_type {
            Some(LogicalType::Integer | LogicalType::Number) => number_range(&mut property, column),
            Some(LogicalType::Date | LogicalType::Timestamp | LogicalType::Time) => {
                moment_range(&mut property, column);
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
            distinct.insert(text);
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
        } else if let Some((min, max)) = lengths {
            property.constraints.min_length = (min > 0).then_some(min);
            property.constraints.max_length = Some(max);
        }
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
