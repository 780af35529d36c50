//! What is known of one column: a small state that grows value by value and merges.
//!
//! Null tokens (`NA`) are counted apart and are part of nothing else, because whether they are null or values is
//! known only when all columns are ([`super::nulls`]).
//!
//! Everything here is exact and depends on the values alone. The one thing kept in the order of the input is the
//! text of the smallest and largest moment, of several equal ones the first.

use tamis_contract::model::LogicalType;
use tamis_contract::unique::Key;
use tamis_engine::kernel::Moment;
use tamis_engine::number::Decimal;

use super::dates::{Dates, Written};
use super::distinct::Distinct;
use super::keys::ColumnNumber;
use super::nulls::Nullable;
use super::shapes::Shapes;
use super::typing::{Typing, logical_type};
use tamis_formats::value::{Class, Classes, Reading};

/// One column, so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    /// Values: neither null nor null tokens.
    pub(super) values: u64,
    /// For each null token, how often it came.
    pub(super) tokens: Vec<u64>,
    /// What the values are.
    pub(super) classes: Classes,
    /// Shortest and longest value, in characters.
    pub(super) lengths: Option<(u64, u64)>,
    /// The values, while they are few.
    pub(super) distinct: Distinct,
    /// The ways to write dates that its values fit.
    pub(super) dates: Dates,
    /// The syntaxes that its values have.
    pub(super) shapes: Shapes,
    /// How its fractions are written.
    pub(super) fractions: Fractions,
    /// Of a chunk: the keys of its values, as long as it may be unique.
    pub(super) keys: Option<Vec<Key>>,
    /// Of all chunks: what the column is called where keys are compared.
    pub(super) number: Option<ColumnNumber>,
    /// Rows of inputs that do not have the column.
    pub(super) absent: u64,
    small: Option<(i64, i64)>,
    large: Option<(Decimal, Decimal)>,
    moments: Option<(Dated, Dated)>,
}

/// Digits behind the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fractions {
    /// The most of them.
    pub(super) digits: usize,
    /// Some number has an exponent.
    pub(super) has_exponent: bool,
}

/// A moment as it was written.
#[derive(Clone, Debug)]
pub(super) struct Dated {
    moment: Moment,
    text: Vec<u8>,
}

impl Column {
    pub(super) fn new(tokens: usize) -> Column {
        Column {
            tokens: vec![0; tokens],
            ..Column::default()
        }
    }

    /// Takes a value that could be a member of a set: a text, or in CSV anything.
    #[inline]
    pub(super) fn take_text(&mut self, text: &[u8], characters: u64, listed_max: usize) {
        self.distinct.insert(text, listed_max);
        if self.dates.are_left() {
            self.dates.take(text);
        }
        if self.shapes.are_left() {
            self.shapes.take(text);
        }
        let (shortest, longest) = self.lengths.unwrap_or((characters, characters));
        self.lengths = Some((shortest.min(characters), longest.max(characters)));
    }

    /// Whether it no longer matters what further texts are: once there is text, the column is text. Only for its keys
    /// it matters if some of them are fractions.
    #[inline]
    pub(super) fn is_settled(&self) -> bool {
        self.classes.contains(Class::Text) && self.keys.is_none()
    }

    /// Takes an integer; `text` is what it was read from.
    #[inline]
    pub(super) fn take_small(&mut self, value: i64, text: &[u8]) {
        self.count(text);
        self.widen_small(value, text);
    }

    #[inline]
    fn count(&mut self, text: &[u8]) {
        self.values += 1;
        if let Some(keys) = &mut self.keys {
            keys.push(Key::of(text));
        }
    }

    #[inline]
    fn widen_small(&mut self, value: i64, text: &[u8]) {
        if value == 0 && text.len() > 1 {
            // `-0` and `0` are the same number, though not the same text.
            self.keys = None;
        }
        self.classes.insert(Class::Integer);
        let (least, greatest) = self.small.unwrap_or((value, value));
        self.small = Some((least.min(value), greatest.max(value)));
    }

    /// Takes what a value is; `text` is what it was read from.
    pub(super) fn take(&mut self, reading: Reading, text: &[u8]) {
        self.count(text);
        match reading {
            Reading::Small(value) => self.widen_small(value, text),
            Reading::Number(class, value) => {
                self.classes.insert(class);
                if class == Class::Number {
                    self.fractions.take(text);
                }
                self.widen(value);
            }
            Reading::Moment(class, moment) => {
                self.classes.insert(class);
                self.take_moment(moment, text);
            }
            Reading::Other(class) => self.classes.insert(class),
        }
    }

    fn widen(&mut self, value: Decimal) {
        match &mut self.large {
            None => self.large = Some((value.clone(), value)),
            Some((least, _)) if value < *least => *least = value,
            Some((_, greatest)) if value > *greatest => *greatest = value,
            Some(_) => {}
        }
    }

    fn take_moment(&mut self, moment: Moment, text: &[u8]) {
        let replace = |dated: &mut Dated| {
            // Sorted input has a new maximum in every row: the buffer is used again.
            dated.moment = moment;
            dated.text.clear();
            dated.text.extend_from_slice(text);
        };
        match &mut self.moments {
            None => {
                let text = text.to_vec();
                let dated = Dated { moment, text };
                self.moments = Some((dated.clone(), dated));
            }
            Some((first, _)) if moment < first.moment => replace(first),
            Some((_, last)) if moment > last.moment => replace(last),
            Some(_) => {}
        }
    }

    /// Adds what `later`, a column of records further down, has found.
    pub(super) fn merge(&mut self, later: Column, listed_max: usize) {
        self.values += later.values;
        for (count, more) in self.tokens.iter_mut().zip(&later.tokens) {
            *count += more;
        }
        self.classes = self.classes.union(later.classes);
        self.lengths = match (self.lengths, later.lengths) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.distinct.merge(later.distinct, listed_max);
        self.dates.merge(&later.dates);
        self.shapes.merge(later.shapes);
        self.fractions = self.fractions.union(later.fractions);
        self.small = match (self.small, later.small) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        if let Some((least, greatest)) = later.large {
            self.widen(least);
            self.widen(greatest);
        }
        if let Some((first, last)) = later.moments {
            self.take_moment(first.moment, &first.text);
            self.take_moment(last.moment, &last.text);
        }
    }

    /// The smallest and the largest number.
    pub(super) fn numbers(&self) -> Option<(Decimal, Decimal)> {
        let small = self
            .small
            .map(|(a, b)| (Decimal::from(a), Decimal::from(b)));
        match (small, self.large.clone()) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        }
    }

    /// The earliest and the latest moment, each with its text.
    pub(super) fn moments(&self) -> Option<[(Moment, String); 2]> {
        let written = |dated: &Dated| {
            let text = String::from_utf8_lossy(&dated.text).into_owned();
            (dated.moment, text)
        };
        let (first, last) = self.moments.as_ref()?;
        Some([written(first), written(last)])
    }

    /// Rows of the inputs that have the column, but neither a value nor a null token in it; there are `rows` in all.
    pub(super) fn nulls(&self, rows: u64) -> u64 {
        rows - self.absent - self.values - self.tokens.iter().sum::<u64>()
    }

    /// The narrowest type that all values have, null tokens left out; `None` if there is none.
    pub(super) fn logical_type(&self, typing: Typing) -> Option<LogicalType> {
        match (logical_type(self.classes, typing), self.dates.written()) {
            (Some(LogicalType::String), Some(Written::As { logical_type, .. })) => {
                Some(logical_type)
            }
            (logical_type, _) => logical_type,
        }
    }
}

impl Nullable for Column {
    fn tokens(&self) -> &[u64] {
        &self.tokens
    }

    fn has_values(&self) -> bool {
        !self.classes.is_empty()
    }

    fn is_typed(&self) -> bool {
        let logical_type = self.logical_type(Typing::Text);
        logical_type.is_some_and(|found| found != LogicalType::String)
            || self.shapes.format().is_some()
    }

    fn lengths(&self) -> Option<(u64, u64)> {
        self.lengths
    }
}

impl Fractions {
    /// Takes a number that is no integer by its text.
    fn take(&mut self, number: &[u8]) {
        let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
        let digits = match number.iter().position(|byte| !is_digit(byte)) {
            Some(point) => number.len() - point - 1,
            None => 0,
        };
        let has_exponent = number.iter().any(|byte| matches!(byte, b'e' | b'E'));
        *self = self.union(Fractions {
            digits,
            has_exponent,
        });
    }

    fn union(self, other: Fractions) -> Fractions {
        Fractions {
            digits: self.digits.max(other.digits),
            has_exponent: self.has_exponent || other.has_exponent,
        }
    }
}

/// Length in Unicode scalar values.
pub(crate) fn characters(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_formats::value::read_text;

    fn column(texts: &[&str]) -> Column {
        let mut column = Column::new(0);
        for text in texts {
            column.take_text(text.as_bytes(), characters(text.as_bytes()), 20);
            column.take(read_text(text.as_bytes(), b'.'), text.as_bytes());
        }
        column
    }

    /// Wherever a column is cut in two, the halves make the same whole.
    #[test]
    fn merging_is_taking_one_after_the_other() {
        let columns: [&[&str]; 5] = [
            &["5", "-2.5", "123456789012345678901234", "0", "-2.50"],
            &[
                "2024-01-01T00:00:00Z",
                "2024-01-01T01:00:00+01:00",
                "2023-12-31 23:59:59",
            ],
            &["é", "", "abc"],
            &["31/12/2024", "01/02/2023"],
            &["a@b.c", "d@e.f", "x"],
        ];
        for texts in columns {
            let texts: Vec<&str> = texts
                .iter()
                .copied()
                .filter(|text| !text.is_empty())
                .collect();
            let whole = column(&texts);
            for cut in 0..=texts.len() {
                let mut merged = column(&texts[..cut]);
                merged.merge(column(&texts[cut..]), 20);
                assert_eq!(format!("{merged:?}"), format!("{whole:?}"));
            }
        }
    }

    #[test]
    fn extremes_are_exact() {
        let numbers = column(&["9007199254740993", "0.1", "-0.10000000000000000001"]);
        let (least, greatest) = numbers.numbers().unwrap();
        assert_eq!(least.to_string(), "-0.10000000000000000001");
        assert_eq!(greatest.to_string(), "9007199254740993");
        let dates = column(&["2024-03-01", "2024-02-29"]);
        let [(_, first), (_, last)] = dates.moments().unwrap();
        assert_eq!(
            (first.as_str(), last.as_str()),
            ("2024-02-29", "2024-03-01")
        );
        assert_eq!(column(&["é", "abc"]).lengths, Some((1, 3)));
    }
}
