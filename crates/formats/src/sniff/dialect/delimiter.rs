//! The delimiter of an input, and its comments, without which there may be no table.

use super::super::trial::Trial;
use super::{DelimiterBy, Sniffer};
use crate::csv::Dialect;

/// Delimiters in the order in which they are believed, those that are rare outside of tables first.
const COMMON: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Delimiters that need more to be believed: three fields in each of three records.
const RARE: [u8; 5] = [0x01, 0x1F, b'^', b'~', b':'];

impl<'t> Sniffer<'t> {
    /// Steps 1 and 2.
    pub(super) fn delimiter(&mut self, base: Dialect, by: DelimiterBy) -> Trial<'t> {
        let comments = self.comments(base);
        let table = comments
            .iter()
            .find_map(|&comment| self.table(Dialect { comment, ..base }, by));
        if let Some(table) = table {
            self.explain(&table, base, by);
            return table;
        }
        let dialect = Dialect {
            comment: comments[0],
            ..base
        };
        if dialect.comment != base.comment {
            self.notes.push(
                "lines that start with `#` are comments, as the first two do (`--comment none` decides otherwise)"
                    .to_owned(),
            );
        }
        let trial = Trial::new(self.text, self.is_all, dialect);
        if self.known.delimiter.is_none() {
            self.notes.extend(self.note_on_another(&trial));
        }
        trial
    }

    /// What comments may start with, the likelier first.
    fn comments(&self, base: Dialect) -> Vec<Option<u8>> {
        let start = self.text.trim_ascii_start();
        let end = base.line_end();
        let lines = start.split(|&byte| byte == end).take(2);
        let count = lines.take_while(|line| line.starts_with(b"#")).count();
        let commented = Dialect {
            comment: Some(b'#'),
            ..base
        };
        let is_possible = self.known.comment.is_none() && commented.checked().is_ok();
        match count {
            1 if is_possible => vec![base.comment, Some(b'#')],
            // One such line may be a header, two are none.
            2 if is_possible => vec![Some(b'#'), base.comment],
            _ => vec![base.comment],
        }
    }

    /// The text as a table, with the delimiter of the dialect or with another; `None` if it is none.
    fn table(&self, dialect: Dialect, by: DelimiterBy) -> Option<Trial<'t>> {
        let is_known = self.known.delimiter.is_some();
        let by_default = self.trial(dialect)?;
        match is_known || by == DelimiterBy::Name {
            true if by_default.fits() => Some(by_default),
            true if is_known => None,
            _ => {
                let by_default = Some(by_default).filter(Trial::fits);
                let best = self.best(dialect).or(by_default);
                best.or_else(|| self.nearly_best(dialect))
            }
        }
    }

    /// Notes on what of a table is not as in `base`.
    fn explain(&mut self, table: &Trial<'_>, base: Dialect, by: DelimiterBy) {
        if table.dialect.comment != base.comment {
            self.notes.push(format!(
                "lines that start with `#` are comments: without them {} (`--comment none` decides otherwise)",
                table.described()
            ));
        }
        let delimiter = table.dialect.delimiter;
        let reason = format!(
            "with the delimiter `{}` {}",
            shown(delimiter),
            table.described()
        );
        if delimiter != base.delimiter && by == DelimiterBy::Name {
            self.notes.push(format!(
                "the delimiter is `{}`: with it {}, and the `{}` that the name promises makes no table \
                 (`--delimiter` decides otherwise)",
                shown(delimiter),
                table.described(),
                shown(base.delimiter)
            ));
        }
        self.table = Some(reason);
    }

    /// The delimiter that makes the best table, if one does.
    fn best(&self, base: Dialect) -> Option<Trial<'t>> {
        let mut best: Option<Trial<'t>> = None;
        for trial in self.trials(base, COMMON.into_iter().chain(RARE)) {
            let is_rare = RARE.contains(&trial.dialect.delimiter);
            let is_table = match is_rare {
                true => trial.widths.len() >= 3 && trial.width >= 3,
                false => trial.widths.len() >= 2,
            };
            let is_wider = best
                .as_ref()
                .is_none_or(|best| trial.width > best.width && !is_rare);
            if is_table && trial.is_strict() && is_wider {
                best = Some(trial);
            }
        }
        best
    }

    /// The common delimiter that makes the best table but for one record in ten, if one does.
    fn nearly_best(&self, base: Dialect) -> Option<Trial<'t>> {
        let trials = self.trials(base, COMMON);
        let tables = trials.filter(|trial| trial.fits() && trial.widths.len() >= 2);
        tables.reduce(|best, other| {
            if other.width > best.width {
                other
            } else {
                best
            }
        })
    }

    /// The text by each of these delimiters that is in it.
    fn trials(
        &self,
        base: Dialect,
        delimiters: impl IntoIterator<Item = u8>,
    ) -> impl Iterator<Item = Trial<'t>> {
        let found = delimiters
            .into_iter()
            .filter(|&delimiter| memchr::memchr(delimiter, self.text).is_some());
        found.filter_map(move |delimiter| self.trial(Dialect { delimiter, ..base }))
    }

    /// Where `taken` makes no table: which other delimiter may be meant, if one may.
    fn note_on_another(&self, taken: &Trial<'_>) -> Option<String> {
        if taken.table_start().is_some() {
            return None;
        }
        let others = self.trials(taken.dialect, COMMON).filter(|other| {
            let is_header = taken.widths.first() == Some(&1) && other.widths.first() > Some(&1);
            let is_table = is_header && other.width >= 2 || other.table_start().is_some();
            is_table && !other.is_unclosed
        });
        // Of equal ones the first, which is the likelier.
        let other = others.reduce(|best, other| {
            let rank = |it: &Trial<'_>| (it.table_start().is_some(), it.agreeing, it.width);
            if rank(&other) > rank(&best) {
                other
            } else {
                best
            }
        })?;
        let records = match other.table_start() {
            Some(above @ 1..) => format!(
                "from line {} on it makes a table of {} fields",
                other.line(above),
                other.width
            ),
            _ => format!("with it {}", other.described()),
        };
        Some(format!(
            "the delimiter is `{}`, with which {}: `{other}` may be meant, since {records} (`--delimiter '{other}'` takes it)",
            shown(taken.dialect.delimiter),
            taken.described(),
            other = shown(other.dialect.delimiter),
        ))
    }
}

/// A delimiter as it can be typed.
fn shown(delimiter: u8) -> String {
    delimiter.escape_ascii().to_string()
}
