//! The violations of one column of a block.
//!
//! The fast loops ([`fast`]) run over all rows and mark suspects: rows that may break a rule. Only those are decoded and
//! judged ([`value`](crate::check::value)), which is exact. The loops see fields as they are in the input. Where quotes
//! make too many of them suspects, the quotes are taken off first, for the whole column.

use tamis_engine::kernel::Spans;
use tamis_formats::{Block, Kind, csv, jsonl};

use super::Found;
use super::bits::for_each_bit;
use super::gather::Gather;
use crate::check::fast;
use crate::check::layout::Layout;
use crate::check::value::Consequence;

/// When more than one row in this many is marked, quotes may be the reason, and taking them off first pays.
const UNQUOTE_FROM: usize = 4;
impl Gather<'_> {
    /// Finds the violations of one column.
    pub(super) fn check_column(&mut self, block: &Block<'_>, column: usize, at: usize) {
        let rules = &self.pass.compiled.columns[column];
        if rules.fast.is_idle(block.only_kind(at)) {
            return;
        }
        if let Some(suspects) = block.suspects(at) {
            return for_each_bit(suspects, |row| self.judge(block, row, column, at));
        }
        let words = block.rows.div_ceil(64);
        let mut suspects = std::mem::take(&mut self.worker.suspects);
        suspects.clear();
        suspects.resize(words, 0);
        let raw = fast::Column {
            block,
            at,
            spans: block.column(at),
            has_quotes: false,
        };
        if !self.marks_raw(block, &rules.fast) {
            self.mark_unquoted(raw, &rules.fast, &mut suspects);
        } else {
            rules
                .fast
                .mark(&raw, self.pass.kernel, &mut self.worker.fast, &mut suspects);
            let marked: u32 = suspects.iter().map(|word| word.count_ones()).sum();
            if marked as usize * UNQUOTE_FROM > block.rows {
                suspects.fill(0);
                self.mark_unquoted(raw, &rules.fast, &mut suspects);
            }
        }
        for_each_bit(&suspects, |row| self.judge(block, row, column, at));
        self.worker.suspects = suspects;
    }

    /// Whether the loops can run over fields as they are: a field whose value is not its text is marked.
    fn marks_raw(&self, block: &Block<'_>, check: &fast::FastCheck) -> bool {
        match self.pass.layout {
            Layout::Csv { dialect, .. } if dialect.trim => false,
            Layout::Csv { .. } => block.quote.is_none_or(|quote| check.marks_quoted(quote)),
            Layout::Jsonl { .. } | Layout::Rows { .. } => true,
        }
    }

    /// Runs the loops over a column whose simple quotes have been taken off.
    fn mark_unquoted(
        &mut self,
        raw: fast::Column<'_>,
        check: &fast::FastCheck,
        suspects: &mut [u64],
    ) {
        let mut index = std::mem::take(&mut self.worker.spans);
        let unquoted = self.unquoted(raw.block, raw.at, &mut index);
        let fields = match unquoted {
            Some(spans) => fast::Column {
                spans,
                has_quotes: true,
                ..raw
            },
            None => raw,
        };
        check.mark(&fields, self.pass.kernel, &mut self.worker.fast, suspects);
        self.worker.spans = index;
    }

    /// The spans of a column that has quoted fields.
    fn unquoted<'s>(
        &self,
        block: &Block<'s>,
        at: usize,
        index: &'s mut Vec<u32>,
    ) -> Option<Spans<'s>> {
        match self.pass.layout {
            Layout::Csv { dialect, .. } => csv::unquote_column(block, at, dialect, index),
            Layout::Jsonl { .. } | Layout::Rows { .. } => None,
        }
    }

    fn judge(&mut self, block: &Block<'_>, row: usize, column: usize, at: usize) {
        let mut decoded = std::mem::take(&mut self.worker.decoded);
        let (kind, text) = self.value(block, row, at, &mut decoded);
        let Gather { part, worker, .. } = self;
        self.pass.compiled.columns[column].values.judge(
            kind,
            text,
            |consequence| match consequence {
                Consequence::Violation(rule) => worker.found.push(Found {
                    row: row as u32,
                    rule,
                    extra_key: 0,
                }),
                Consequence::Count(metric) => part.metrics[metric.0 as usize] += 1,
            },
        );
        self.worker.decoded = decoded;
    }

    /// The decoded value of a field.
    pub(super) fn value<'v>(
        &self,
        block: &Block<'v>,
        row: usize,
        at: usize,
        scratch: &'v mut Vec<u8>,
    ) -> (Kind, &'v [u8]) {
        let kind = block.kind(row, at);
        let raw = block.column(at).field(row);
        let text = match (self.pass.layout, kind) {
            (Layout::Csv { dialect, .. }, _) => csv::decode(raw, dialect, scratch),
            (Layout::Jsonl { .. }, Kind::EscapedString) => jsonl::decode_string(raw, scratch),
            (Layout::Jsonl { .. } | Layout::Rows { .. }, _) => raw,
        };
        (kind, text)
    }
}
