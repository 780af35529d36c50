//! What is known of one column: a small state that grows value by value and merges.
//!
//! Null tokens (`NA`) are counted apart and are part of nothing else, because whether they are null or values is
//! known only when all columns are ([`super::nulls`]).
//!
//! Everything here is exact and depends on the values alone. The one thing kept in the order of the input is the
//! text of the smallest and largest moment, of several equal ones the first.

use tamis_engine::kernel::Moment;
use tamis_engine::number::Decimal;

use super::distinct::Distinct;
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
    small: Option<(i64, i64)>,
    large: Option<(Decimal, Decimal)>,
    moments: Option<(Dated, Dated)>,
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
    pub(super) fn take_text(&mut self, text: &[u8], characters: u64) {
        self.distinct.insert(text);
        let (shortest, longest) = self.lengths.unwrap_or((characters, characters));
        self.lengths = Some((shortest.min(characters), longest.max(characters)));
    }

    /// Takes what a value is; `text` is what it was read from.
    #[inline]
    pub(super) fn take(&mut self, reading: Reading, text: &[u8]) {
        self.values += 1;
        match reading {
            Reading::Small(value) => {
                self.classes.insert(Class::Integer);
                let (least, greatest) = self.small.unwrap_or((value, value));
                self.small = Some((least.min(value), greatest.max(value)));
            }
            Reading::Number(class, value) => {
                self.classes.insert(class);
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
    pub(super) fn merge(&mut self, later: Column) {
        self.values += later.values;
        for (count, more) in self.tokens.iter_mut().zip(&later.tokens) {
            *count += more;
        }
        self.classes = self.classes.union(later.classes);
        self.lengths = match (self.lengths, later.lengths) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.distinct.merge(later.distinct);
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

    /// Rows that are neither a value nor a null token.
    pub(super) fn nulls(&self, rows: u64) -> u64 {
        rows - self.values - self.tokens.iter().sum::<u64>()
    }
}

/// Length in Unicode scalar values.
pub(super) fn characters(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamis_formats::value::read_text;

    fn column(texts: &[&str]) -> Column {
        let mut column = Column::new(0);
        for text in texts {
            column.take_text(text.as_bytes(), characters(text.as_bytes()));
            column.take(read_text(text.as_bytes(), b'.'), text.as_bytes());
        }
        column
    }

    /// Wherever a column is cut in two, the halves make the same whole.
    #[test]
    fn merging_is_taking_one_after_the_other() {
        let columns: [&[&str]; 3] = [
            &["5", "-2.5", "123456789012345678901234", "0", "-2.50"],
            &[
                "2024-01-01T00:00:00Z",
                "2024-01-01T01:00:00+01:00",
                "2023-12-31 23:59:59",
            ],
            &["é", "", "abc"],
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
                merged.merge(column(&texts[cut..]));
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
