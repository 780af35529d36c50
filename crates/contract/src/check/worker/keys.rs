//! The keys of `unique` rules: taken from the rows of a block, and looked up where it is known which ones repeat.
//!
//! When one worker looks at all chunks in order, it keeps the keys itself and knows at once. Otherwise the first pass
//! takes keys along in its parts, and the second one is told which rows are duplicates ([`unique`](crate::unique)).

use tamis_formats::Block;

use super::Found;
use super::gather::Gather;
use crate::check::batches::lock;
use crate::check::part::{Detail, KeyedRow};
use crate::unique::{Key, SeenKeys};

impl Gather<'_> {
    /// Adds the violations of rows whose key occurred before.
    pub(super) fn find_duplicates(&mut self, block: &Block<'_>) {
        if let Some(seen) = self.pass.seen {
            self.find_repeats(block, &mut lock(seen));
        }
        let Some(known) = self.pass.known else { return };
        let first = self.first_row + self.rows;
        for (unique, duplicates) in self.pass.compiled.unique.iter().zip(known.duplicates) {
            let Some(rule) = unique.rule else { continue };
            for row in duplicates.range(first..first + block.rows as u64) {
                self.worker.found.push(Found {
                    row: (row - first) as u32,
                    rule,
                    extra_key: 0,
                });
            }
        }
    }

    /// The same where all rows before have been looked at.
    fn find_repeats(&mut self, block: &Block<'_>, seen: &mut SeenKeys) {
        self.for_each_key(block, |this, unique, row, key| {
            let is_repeat = seen.is_repeat(unique, key, this.rows + u64::from(row));
            if let (true, Some(rule)) = (is_repeat, this.pass.compiled.unique[unique].rule) {
                this.worker.found.push(Found {
                    row,
                    rule,
                    extra_key: 0,
                });
            }
        });
    }

    /// Takes the keys of the block's rows.
    pub(super) fn take_keys(&mut self, block: &Block<'_>) {
        if !self.pass.wants_keys {
            return;
        }
        let lines = self.lines_of_rows(block);
        self.for_each_key(block, |this, unique, row, key| {
            let at = row as usize;
            this.part.keys[unique].push(KeyedRow {
                key,
                row: this.rows as u32 + row,
                is_bad: this.worker.bad[at / 64] >> (at % 64) & 1 == 1,
            });
            let rule = &this.pass.compiled.unique[unique];
            if let (true, Some(&line)) = (rule.rule.is_some(), lines.get(at)) {
                let value = this.shown(block, at, &rule.columns).unwrap_or_default();
                let details = &mut this.part.details[unique];
                details.text.push_str(&value);
                details.rows.push(Detail {
                    line,
                    offset: block.record(at).start,
                    text_end: details.text.len(),
                });
            }
        });
    }

    /// Calls `visit` with every unique rule's index and every row of the block that has a key for it.
    fn for_each_key(
        &mut self,
        block: &Block<'_>,
        mut visit: impl FnMut(&mut Gather<'_>, usize, u32, Key),
    ) {
        let mut scratch = [Vec::new(), Vec::new()];
        for (index, unique) in self.pass.compiled.unique.iter().enumerate() {
            let places: Option<Vec<_>> = unique
                .columns
                .iter()
                .map(|&column| self.pass.layout.place(column))
                .collect();
            let Some(places) = places else { continue };
            for row in 0..block.rows {
                let key = self.key(block, row, &unique.columns, &places, &mut scratch);
                if let Some(key) = key {
                    visit(self, index, row as u32, key);
                }
            }
        }
    }

    /// For each row, the line ends in the chunk before it; empty if details are not wanted.
    fn lines_of_rows(&mut self, block: &Block<'_>) -> Vec<u64> {
        if !self.pass.wants_details {
            return Vec::new();
        }
        let mut lines = Vec::with_capacity(block.rows);
        for row in 0..block.rows {
            let (at, count) = self.detail_line_at;
            let start = block.record(row).start.max(at);
            let more = self
                .pass
                .kernel
                .count_byte(&block.bytes[at..start], self.pass.line_end);
            self.detail_line_at = (start, count + more as u64);
            lines.push(self.detail_line_at.1);
        }
        lines
    }

    /// The key of the values of `columns`; `None` if one of them is null, which equals nothing.
    fn key(
        &self,
        block: &Block<'_>,
        row: usize,
        columns: &[usize],
        places: &[usize],
        [decoded, canonical]: &mut [Vec<u8>; 2],
    ) -> Option<Key> {
        let mut key: Option<Key> = None;
        for (&column, &at) in columns.iter().zip(places) {
            let values = &self.pass.compiled.columns[column].values;
            let (kind, text) = self.value(block, row, at, decoded);
            if values.is_null(kind, text) {
                return None;
            }
            let text = values.canonical(kind, text, canonical);
            key = Some(key.map_or_else(|| Key::of(text), |key| key.and(text)));
        }
        key
    }
}
