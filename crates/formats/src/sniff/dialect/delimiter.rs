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
        Trial::new(self.text, self.is_all, dialect)
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
            _ => self.best(dialect),
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
        for delimiter in COMMON.into_iter().chain(RARE) {
            if memchr::memchr(delimiter, self.text).is_none() {
                continue;
            }
            let Some(trial) = self.trial(Dialect { delimiter, ..base }) else {
                continue;
            };
            let is_rare = RARE.contains(&delimiter);
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
}

/// A delimiter as it can be typed.
fn shown(delimiter: u8) -> String {
    delimiter.escape_ascii().to_string()
}
