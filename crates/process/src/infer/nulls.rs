//! Which texts stand for null.
//!
//! `NA` in a column of numbers is null, and leaving it out makes the column one of numbers. But in a contract a null
//! token holds for the whole file, so that `NA` would be null too where it is Namibia. Hence:
//!
//! 1. Tokens ([`COMMON_NULLS`]) are counted apart from values in every column.
//! 2. A column whose *values* have a type narrower than text, or a format, wants its tokens to be null.
//! 3. A column of texts keeps a token for a value if the token is no shorter and no longer than its values are:
//!    `NA` among country codes, `None` between `Full` and `Partial`. It gives up a token that differs from all
//!    its values in length, as `NA` does among aircraft registrations.
//! 4. A token that any column keeps is null nowhere. A column that wants a token which is not to be had is text.
//!    Only tokens that are wanted, and that make a column typed, are declared.
//!
//! Lengths are a rule of thumb, and the summary says what was decided. Who knows better says so beforehand
//! (`--missing-values`); then exactly those tokens are null, and nothing is guessed.

use tamis_formats::value::COMMON_NULLS;

use super::column::characters;

/// The texts that may stand for null.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) texts: Vec<String>,
    /// Somebody said that they do.
    pub(crate) are_given: bool,
    /// How long the longest token that starts with that byte is, 255 for all that are longer: most values are told from
    /// tokens by it.
    lens_bytes: [u8; 256],
}

/// What became of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is null in the whole file: because it was given, or for the sake of these columns.
    Null(Vec<usize>),
    /// It is a value, because this column keeps it.
    Kept {
        /// The column that keeps it.
        by: usize,
        /// The columns that want it to be null.
        wanted_by: Vec<usize>,
    },
    /// It is a value: it came, but no column has a type without it.
    Unwanted,
    /// It never came.
    Absent,
}

/// What of a column decides on null tokens.
pub(crate) trait Nullable {
    /// For each token, how often it came.
    fn tokens(&self) -> &[u64];

    /// Whether there are values, tokens left out.
    fn has_values(&self) -> bool;

    /// Whether these values have a type narrower than text, or a format.
    fn is_typed(&self) -> bool;

    /// Shortest and longest value, in characters.
    fn lengths(&self) -> Option<(u64, u64)>;
}

/// A length, or 255 if it is longer.
#[inline(always)]
pub(crate) fn capped(len_bytes: usize) -> u8 {
    len_bytes.min(255) as u8
}

impl Tokens {
    /// Those given, else the common ones.
    pub(crate) fn new(given: Option<Vec<String>>) -> Tokens {
        let are_given = given.is_some();
        let mut texts = given.unwrap_or_else(|| COMMON_NULLS.map(str::to_owned).to_vec());
        // The empty text is null anyway.
        texts.retain(|text| !text.is_empty());
        let mut lens_bytes = [0; 256];
        for text in &texts {
            let longest = &mut lens_bytes[usize::from(text.as_bytes()[0])];
            *longest = capped(text.len()).max(*longest);
        }
        Tokens {
            lens_bytes,
            texts,
            are_given,
        }
    }

    /// No token at all: JSON has a null of its own.
    pub(crate) fn none() -> Tokens {
        Tokens::new(Some(Vec::new()))
    }

    /// For each first byte the length, at most 255, up to which a text may be a token: see [`capped`].
    pub(crate) fn lens_bytes(&self) -> &[u8; 256] {
        &self.lens_bytes
    }

    /// The token that `text` is.
    #[inline]
    pub(crate) fn position(&self, text: &[u8]) -> Option<usize> {
        let first = text.first()?;
        if capped(text.len()) > self.lens_bytes[usize::from(*first)] {
            return None;
        }
        self.texts.iter().position(|token| token.as_bytes() == text)
    }

    /// Decides on every token.
    pub(crate) fn decide<C: Nullable>(&self, columns: &[&C]) -> Vec<Fate> {
        let came = |token: usize, column: &C| column.tokens()[token] > 0;
        if self.are_given {
            return vec![Fate::Null(Vec::new()); self.texts.len()];
        }
        let is_text = |column: &C| column.has_values() && !column.is_typed();
        let where_ = |test: &dyn Fn(&C) -> bool| -> Vec<usize> {
            let all = columns.iter().enumerate();
            all.filter(|(_, column)| test(column))
                .map(|(index, _)| index)
                .collect()
        };
        let keeps = |token: usize, column: &C| {
            let len = characters(self.texts[token].as_bytes());
            let fits = column
                .lengths()
                .is_some_and(|(min, max)| min <= len && len <= max);
            is_text(column) && came(token, column) && fits
        };
        let tokens = 0..self.texts.len();
        let keeper: Vec<Option<usize>> = tokens
            .clone()
            .map(|token| columns.iter().position(|column| keeps(token, column)))
            .collect();
        // A column is served only if it gets all tokens that it has.
        let is_served = |column: &C| {
            column.is_typed()
                && tokens
                    .clone()
                    .all(|token| !came(token, column) || keeper[token].is_none())
        };
        tokens
            .clone()
            .map(|token| match keeper[token] {
                Some(by) => Fate::Kept {
                    by,
                    wanted_by: where_(&|column| column.is_typed() && came(token, column)),
                },
                None => {
                    let served = where_(&|column| is_served(column) && came(token, column));
                    if !served.is_empty() {
                        Fate::Null(served)
                    } else if columns.iter().any(|column| came(token, column)) {
                        Fate::Unwanted
                    } else {
                        Fate::Absent
                    }
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::column::Column;
    use super::*;
    use tamis_formats::value::read_text;

    fn fates(columns: &[&[&str]]) -> Vec<(String, Fate)> {
        let tokens = Tokens::new(None);
        let columns: Vec<Column> = columns
            .iter()
            .map(|texts| {
                let mut column = Column::new(tokens.texts.len());
                for text in texts.iter().map(|text| text.as_bytes()) {
                    match tokens.position(text) {
                        Some(token) => column.tokens[token] += 1,
                        None => {
                            column.take_text(text, characters(text), 20);
                            column.take(read_text(text, b'.'), text);
                        }
                    }
                }
                column
            })
            .collect();
        let fates = tokens.decide(&columns.iter().collect::<Vec<_>>());
        let named = tokens.texts.iter().cloned().zip(fates);
        named.filter(|(_, fate)| *fate != Fate::Absent).collect()
    }

    fn one(token: &str, fate: Fate) -> Vec<(String, Fate)> {
        vec![(token.to_owned(), fate)]
    }

    #[test]
    fn a_token_that_makes_a_column_typed_is_null() {
        let found = fates(&[&["1", "NA"], &["N14228", "NA"], &["NA"]]);
        assert_eq!(found, one("NA", Fate::Null(vec![0])));
    }

    #[test]
    fn a_token_that_looks_like_the_values_of_a_column_is_kept() {
        let found = fates(&[&["1", "NA"], &["DE", "NA", "FR"]]);
        let kept = Fate::Kept {
            by: 1,
            wanted_by: vec![0],
        };
        assert_eq!(found, one("NA", kept));
    }

    #[test]
    fn a_token_that_serves_nobody_is_a_value() {
        assert_eq!(
            fates(&[&["None", "Partially"]]),
            one("None", Fate::Unwanted)
        );
        // The first column would need `NA` too, which the second one keeps.
        let found = fates(&[&["1", "NA", "null"], &["DE", "NA"]]);
        assert_eq!(found[1], ("null".to_owned(), Fate::Unwanted));
    }
}
