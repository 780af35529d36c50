//! Violations as a report lists them: with the line, the offset and the value.
//!
//! The first few of a chunk are kept as samples, or every one as a finding, if the rows will be cut into batches.

use std::sync::atomic::Ordering;

use tamis_formats::{Block, Kind, jsonl};

use super::Found;
use super::gather::Gather;
use crate::check::findings::Findings;
use crate::check::part::Sample;
use crate::report::shown_value;

/// The values of a record that a rule is about, as a report shows them, without those that are missing; `None` if it is null
/// alone.
pub(in crate::check) fn shown_values(
    values: impl Iterator<Item = (Kind, Vec<u8>)>,
) -> Option<String> {
    let there: Vec<_> = values.filter(|(kind, _)| *kind != Kind::Missing).collect();
    if let [] | [(Kind::Null, _)] = there[..] {
        return None;
    }
    let texts = there.into_iter().map(|(kind, text)| match kind {
        Kind::Null => b"null".to_vec(),
        _ => text,
    });
    let texts: Vec<Vec<u8>> = texts.collect();
    Some(shown_value(&texts.join(&b", "[..])))
}

impl Gather<'_> {
    pub(super) fn sample(&mut self, block: &Block<'_>, violation: Found) {
        if !self.wants_samples() {
            return;
        }
        let in_chunk = self.rows + u64::from(violation.row);
        if self.pass.findings_of_bad.is_some() && !self.is_bad(violation.row) {
            return;
        }
        if let Some(findings) = self.findings_not_shown() {
            return findings.push_rule(in_chunk, violation.rule);
        }
        let row = violation.row as usize;
        let rule = self.pass.compiled.rules.get(violation.rule);
        let columns = self.pass.compiled.columns_of(violation.rule);
        let mut value = self.shown(block, row, &columns);
        if violation.rule == self.pass.compiled.structural.extra_column {
            // The merge makes a column of it.
            let mut decoded = Vec::new();
            let offset = block.extra_keys[violation.extra_key as usize].offset;
            let key = jsonl::key_at(block.bytes, offset as usize, &mut decoded);
            value = Some(shown_value(key));
        }
        let offset = block.record(row).start;
        let line = self.line(block.bytes, offset);
        if let Some(findings) = &mut self.part.findings {
            let place = (in_chunk, line, offset);
            return findings.push(place, violation.rule, value.as_deref(), None);
        }
        self.part.samples.push(Sample {
            row: in_chunk,
            line,
            offset,
            rule: violation.rule,
            value,
            message: rule.expected.clone(),
        });
    }

    /// The values of `columns` as a report shows them; `None` if the record has none of them.
    pub(super) fn shown(&self, block: &Block<'_>, row: usize, columns: &[usize]) -> Option<String> {
        let mut decoded = Vec::new();
        let places = columns.iter();
        let places = places.filter_map(|&column| self.pass.layout.place(column));
        shown_values(places.map(|at| {
            let (kind, text) = self.value(block, row, at, &mut decoded);
            (kind, text.to_vec())
        }))
    }

    /// Where violations are noted, once nobody wants to know more of them.
    pub(super) fn findings_not_shown(&mut self) -> Option<&mut Findings> {
        let shown_max = self.pass.findings_of_bad?;
        let findings = self.part.findings.as_mut();
        findings.filter(|findings| findings.list().len() >= shown_max)
    }

    /// Whether a row of the block is known to be bad.
    fn is_bad(&self, row: u32) -> bool {
        self.worker.bad[row as usize / 64] >> (row % 64) & 1 == 1
    }

    pub(super) fn wants_samples(&self) -> bool {
        self.part.findings.is_some()
            || self.part.samples.len() < self.pass.samples_max
                && !self.pass.samples_full.load(Ordering::Relaxed)
    }

    /// Line ends in the chunk before `offset`; asked for in ascending order.
    pub(super) fn line(&mut self, bytes: &[u8], offset: usize) -> u64 {
        if !self.pass.layout.is_text() {
            return 0;
        }
        let (at, lines) = self.line_at;
        let more = self
            .pass
            .kernel
            .count_byte(&bytes[at..offset.max(at)], self.pass.line_end);
        self.line_at = (offset.max(at), lines + more as u64);
        self.line_at.1
    }
}
