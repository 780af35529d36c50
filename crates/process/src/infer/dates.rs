//! Dates that are not written as ISO 8601 has it: `31/12/2024`, `Dec 31, 2024`, `12/31/2024 9:05 PM`.
//!
//! A column starts out as written in every way of [`WAYS`], and each value leaves those that read it. What is left
//! when all records have been read is true of all of them; usually nothing is left after the first value. Where both
//! the day and the month could come first nothing is decided: a draft that guessed would be wrong in silence.

use std::sync::LazyLock;

use tamis_contract::format::DateFormat;
use tamis_contract::model::LogicalType;
use tamis_engine::kernel::Moment;

/// Longer than any value written in one of the ways.
const LEN_BYTES_MAX: usize = 40;

/// Which of day and month comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Day,
    Month,
    /// There are names, the year comes first, or there is no day.
    Plain,
}

/// The ways to write a moment, the narrower before the wider ones of the same order. Two digits for a year are
/// missing on purpose: they do not say which century.
const WAYS: [(&str, LogicalType, Order); 34] = {
    use LogicalType::{Date, Time, Timestamp};
    use Order::{Day, Month, Plain};
    [
        ("dd/MM/yyyy", Date, Day),
        ("d/M/yyyy", Date, Day),
        ("MM/dd/yyyy", Date, Month),
        ("M/d/yyyy", Date, Month),
        ("dd.MM.yyyy", Date, Plain),
        ("d.M.yyyy", Date, Plain),
        ("dd-MM-yyyy", Date, Day),
        ("d-M-yyyy", Date, Day),
        ("MM-dd-yyyy", Date, Month),
        ("M-d-yyyy", Date, Month),
        ("yyyy/MM/dd", Date, Plain),
        ("yyyy/M/d", Date, Plain),
        ("dd MMM yyyy", Date, Plain),
        ("d MMM yyyy", Date, Plain),
        ("d MMMM yyyy", Date, Plain),
        ("dd-MMM-yyyy", Date, Plain),
        ("MMM d yyyy", Date, Plain),
        ("MMM d, yyyy", Date, Plain),
        ("MMMM d, yyyy", Date, Plain),
        ("dd/MM/yyyy HH:mm", Timestamp, Day),
        ("dd/MM/yyyy HH:mm:ss", Timestamp, Day),
        ("MM/dd/yyyy HH:mm", Timestamp, Month),
        ("MM/dd/yyyy HH:mm:ss", Timestamp, Month),
        ("M/d/yyyy h:mm a", Timestamp, Month),
        ("M/d/yyyy h:mm:ss a", Timestamp, Month),
        ("dd.MM.yyyy HH:mm", Timestamp, Plain),
        ("dd.MM.yyyy HH:mm:ss", Timestamp, Plain),
        ("yyyy-MM-dd HH:mm", Timestamp, Plain),
        ("yyyy-MM-dd'T'HH:mm", Timestamp, Plain),
        ("yyyy/MM/dd HH:mm", Timestamp, Plain),
        ("yyyy/MM/dd HH:mm:ss", Timestamp, Plain),
        ("dd/MMM/yyyy:HH:mm:ss XX", Timestamp, Plain),
        ("EEE, d MMM yyyy HH:mm:ss XX", Timestamp, Plain),
        ("HH:mm", Time, Plain),
    ]
};

/// [`WAYS`], compiled.
static FORMATS: LazyLock<[DateFormat; WAYS.len()]> = LazyLock::new(|| {
    WAYS.map(|(pattern, ..)| {
        DateFormat::compile(pattern).expect("the patterns are known to be right")
    })
});

/// The ways in which all values so far can be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dates {
    /// Bits of [`WAYS`].
    left: u64,
    /// First and last moment, for each bit in order; empty before the first value.
    extremes: Vec<(Moment, Moment)>,
}

/// What a column of dates turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Written {
    /// All its values are written like this.
    As {
        format: DateFormat,
        logical_type: LogicalType,
        first: Moment,
        last: Moment,
    },
    /// Nothing tells whether the day comes first, as in the first pattern, or the month.
    Unclear(&'static str, &'static str),
}

impl Default for Dates {
    fn default() -> Dates {
        Dates {
            left: (1 << WAYS.len()) - 1,
            extremes: Vec::new(),
        }
    }
}

impl Dates {
    /// Whether a value can still make a difference.
    #[inline]
    pub(super) fn are_left(&self) -> bool {
        self.left != 0
    }

    /// Takes a value.
    pub(super) fn take(&mut self, text: &[u8]) {
        if !is_like_a_date(text) {
            return self.drop_all();
        }
        let mut kept = Vec::with_capacity(self.extremes.len());
        let mut left = 0;
        for (place, way) in bits(self.left).enumerate() {
            let Some(moment) = FORMATS[way].parse(text) else {
                continue;
            };
            let (first, last) = self
                .extremes
                .get(place)
                .copied()
                .unwrap_or((moment, moment));
            kept.push((first.min(moment), last.max(moment)));
            left |= 1 << way;
        }
        (self.left, self.extremes) = (left, kept);
    }

    /// Adds the values of `other`.
    pub(super) fn merge(&mut self, other: &Dates) {
        if other.extremes.is_empty() && other.left != 0 {
            return;
        }
        if self.extremes.is_empty() && self.left != 0 {
            self.clone_from(other);
            return;
        }
        let both = self.left & other.left;
        let extremes = |dates: &Dates| -> Vec<(Moment, Moment)> {
            let places = bits(dates.left).zip(&dates.extremes);
            places
                .filter(|(way, _)| both >> way & 1 == 1)
                .map(|(_, &pair)| pair)
                .collect()
        };
        let pairs = extremes(self).into_iter().zip(extremes(other));
        self.extremes = pairs.map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))).collect();
        self.left = both;
    }

    /// How all values are written, if there are any and one way fits.
    pub(super) fn written(&self) -> Option<Written> {
        let place = |order: Option<Order>| {
            let is_of = |way: usize| order.is_none_or(|order| WAYS[way].2 == order);
            bits(self.left).position(is_of)
        };
        let &(first, last) = self.extremes.get(place(None)?)?;
        let way = bits(self.left).next()?;
        if let (Some(day), Some(month)) = (place(Some(Order::Day)), place(Some(Order::Month))) {
            let pattern = |place| WAYS[bits(self.left).nth(place).expect("it was just found")].0;
            return Some(Written::Unclear(pattern(day), pattern(month)));
        }
        Some(Written::As {
            format: FORMATS[way].clone(),
            logical_type: WAYS[way].1,
            first,
            last,
        })
    }

    fn drop_all(&mut self) {
        self.left = 0;
        self.extremes = Vec::new();
    }
}

/// Digits in front or behind a letter, of a plausible length: spares most texts the formats.
fn is_like_a_date(text: &[u8]) -> bool {
    let is_start = text.first().is_some_and(u8::is_ascii_alphanumeric);
    let has_digit = || text.iter().any(u8::is_ascii_digit);
    let is_separated = || text.iter().any(|byte| b"/.-: ".contains(byte));
    (5..=LEN_BYTES_MAX).contains(&text.len()) && is_start && is_separated() && has_digit()
}

/// The places of the bits that are set, from the lowest.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(texts: &[&str]) -> Dates {
        let mut dates = Dates::default();
        texts.iter().for_each(|text| dates.take(text.as_bytes()));
        dates
    }

    fn written(texts: &[&str]) -> String {
        match dates(texts).written() {
            None => "none".to_owned(),
            Some(Written::Unclear(day, month)) => format!("{day} or {month}"),
            Some(Written::As { format, .. }) => format.as_str().to_owned(),
        }
    }

    #[test]
    fn what_all_values_fit_is_found() {
        for (texts, expected) in [
            (&["31/12/2024", "01/02/2023"][..], "dd/MM/yyyy"),
            (&["31/12/2024", "1/2/2023"], "d/M/yyyy"),
            (&["12/31/2024", "01/02/2023"], "MM/dd/yyyy"),
            (&["11/10/2024"], "dd/MM/yyyy or MM/dd/yyyy"),
            (&["1/2/2024", "03/04/2024"], "d/M/yyyy or M/d/yyyy"),
            (&["31/12/2024", "12/31/2024"], "none"),
            (&["1.10.2024", "31.12.2023"], "d.M.yyyy"),
            (&["Jan 1 2000", "Feb 29 2004"], "MMM d yyyy"),
            (&["31 Dec 2024"], "dd MMM yyyy"),
            (&["2024/12/31 23:59"], "yyyy/MM/dd HH:mm"),
            (&["10/Oct/2000:13:55:36 -0700"], "dd/MMM/yyyy:HH:mm:ss XX"),
            (
                &["Tue, 31 Dec 2024 23:59:59 +0000"],
                "EEE, d MMM yyyy HH:mm:ss XX",
            ),
            (&["12/31/2024 9:05 PM"], "M/d/yyyy h:mm a"),
            (&["09:05", "23:59"], "HH:mm"),
            (&["30/02/2024"], "none"),
            (&["31/12/24"], "none"),
            (&["hello", "31/12/2024"], "none"),
            (&[], "none"),
        ] {
            assert_eq!(written(texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn merging_is_taking_one_after_the_other() {
        let texts = ["05/04/2024", "01/02/2023", "31/12/2024", "03/03/2020", "x"];
        for whole in 0..=texts.len() {
            for cut in 0..=whole {
                let mut merged = dates(&texts[..cut]);
                merged.merge(&dates(&texts[cut..whole]));
                assert_eq!(merged, dates(&texts[..whole]), "{cut} of {whole}");
            }
        }
    }

    #[test]
    fn the_range_is_that_of_the_way_it_is_written() {
        let Some(Written::As { first, last, .. }) = dates(&["02/01/2024", "13/01/2023"]).written()
        else {
            panic!("one way fits");
        };
        let moment = |text: &str| DateFormat::iso_timestamp().parse(text.as_bytes());
        assert_eq!(
            (Some(first), Some(last)),
            (moment("2023-01-13"), moment("2024-01-02"))
        );
    }
}
