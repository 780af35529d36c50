//! One batch: values into chunks, chunks to verdicts.

use std::ops::Range;
use std::sync::Arc;

use tamis_engine::pipeline::Chunk;

use super::line::{Line, push_json};
use super::verdicts::{BadMessage, REASON_BYTES_MAX, VIOLATIONS_MAX, Verdicts, Violation};
use super::{MessageCheck, Payload};
use crate::check::bad;
use crate::check::findings::Findings;
use crate::check::merge::extra_key_message;
use crate::check::part::Part;
use crate::check::record::not_one_record;
use crate::check::rule::RuleId;
use crate::check::worker::{Pass, Worker};
use crate::report::shown_value;

/// A chunk is judged once it is this long: little enough that it is still in the second-level cache.
const CHUNK_BYTES: usize = 256 << 10;

/// A chunk is judged before more than this can be found in it, unless it is one message: each rule can be broken by each row, and a row may be
/// three bytes long.
const FINDINGS_MAX: usize = 256 << 10;

/// What a longer chunk was judged at is not kept for the next batch: its buffers have grown with the chunk.
const KEPT_BYTES_MAX: usize = 4 * CHUNK_BYTES;

/// What a thread needs to judge.
pub(super) struct Desk {
    worker: Worker,
    /// The chunk, and where each of its rows comes from.
    chunk: Vec<u8>,
    rows: Vec<Row>,
}

/// A row of a chunk.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// The message.
    index: usize,
    /// Its first byte in the chunk.
    start: usize,
}

/// Judges a batch.
pub(super) struct Judge<'c> {
    check: &'c MessageCheck,
    pass: Pass<'c>,
    desk: Desk,
    longest_bytes: usize,
    /// Rows that a chunk has at most.
    rows_max: usize,
    verdicts: Verdicts,
}

impl<'c> Judge<'c> {
    /// At a desk that is kept for the check, or at a new one.
    pub(super) fn new(check: &'c MessageCheck, desk: Option<Desk>) -> Judge<'c> {
        let compiled = &check.compiled;
        let pass = Pass {
            wants_findings: true,
            findings_of_bad: Some(VIOLATIONS_MAX),
            ..Pass::new(compiled, &check.layout, b'\n', &check.options)
        };
        let desk = desk.unwrap_or_else(|| Desk {
            worker: Worker::new(&pass),
            chunk: Vec::new(),
            rows: Vec::new(),
        });
        Judge {
            check,
            pass,
            desk,
            longest_bytes: 0,
            rows_max: (FINDINGS_MAX / compiled.rules.len()).max(1),
            verdicts: Verdicts {
                compiled: Arc::clone(compiled),
                total: 0,
                bad: Vec::new(),
                by_rule: vec![0; compiled.rules.len()],
            },
        }
    }

    /// Takes the next value.
    pub(super) fn take(&mut self, value: Option<&[u8]>) {
        let index = self.verdicts.total;
        self.verdicts.total += 1;
        match Line::of(value, self.check.payload) {
            Line::Shared(line) => {
                let Desk { chunk, rows, .. } = &mut self.desk;
                let start = chunk.len();
                rows.push(Row { index, start });
                match self.check.payload {
                    Payload::Json => push_json(line, chunk),
                    Payload::Csv => chunk.extend_from_slice(line),
                }
                chunk.push(b'\n');
                if chunk.len() >= CHUNK_BYTES || rows.len() >= self.rows_max {
                    self.end_chunk();
                }
            }
            Line::Alone(value) => self.judge_alone(index, value),
            Line::Refused(message) => self.refuse(index, None, message),
        }
    }

    /// What was found, and the desk, if it is one to keep.
    pub(super) fn finish(mut self) -> (Verdicts, Option<Desk>) {
        self.end_chunk();
        let bad = &mut self.verdicts.bad;
        // Those that are not judged with the others come before them.
        if !bad.is_sorted_by_key(|bad| bad.index) {
            bad.sort_unstable_by_key(|bad| bad.index);
        }
        let is_kept = self.longest_bytes <= KEPT_BYTES_MAX;
        (self.verdicts, is_kept.then_some(self.desk))
    }

    /// Judges the values that wait in the chunk.
    fn end_chunk(&mut self) {
        let mut chunk = std::mem::take(&mut self.desk.chunk);
        let mut rows = std::mem::take(&mut self.desk.rows);
        let part = self.judge_chunk(&chunk);
        if part.totals.rows == rows.len() as u64 {
            self.add(&part, &rows);
        } else {
            // Every row ends at a line end, and there is one for each value: none is missing only if each is a row.
            let ends = rows.iter().skip(1).map(|row| row.start);
            let ends = ends.chain([chunk.len()]);
            for (row, end) in rows.iter().zip(ends) {
                self.judge_alone(row.index, &chunk[row.start..end - 1]);
            }
        }
        chunk.clear();
        rows.clear();
        (self.desk.chunk, self.desk.rows) = (chunk, rows);
    }

    /// Judges a value that is a chunk of its own.
    fn judge_alone(&mut self, index: usize, value: &[u8]) {
        let part = self.judge_chunk(value);
        match part.totals.rows {
            1 => self.add(&part, &[Row { index, start: 0 }]),
            rows => {
                let shown = shown_value(value.trim_ascii_end());
                self.refuse(index, Some(shown), not_one_record(rows));
            }
        }
    }

    fn judge_chunk(&mut self, bytes: &[u8]) -> Part {
        self.longest_bytes = self.longest_bytes.max(bytes.len());
        let chunk = Chunk {
            byte_offset: 0,
            bytes,
            at_end: true,
        };
        let part = self.desk.worker.check(&self.pass, chunk);
        part.expect("only a second pass can miss a chunk, and this is the first")
    }

    /// Adds what was found in a chunk with these rows.
    fn add(&mut self, part: &Part, rows: &[Row]) {
        let sums = self.verdicts.by_rule.iter_mut().zip(&part.by_rule);
        sums.for_each(|(sum, count)| *sum += count);
        let findings = part.findings.as_ref().expect("the pass wants them");
        let shown_max = self.pass.findings_of_bad.unwrap_or_default();
        let mut from = 0;
        for of_row in findings.list().chunk_by(|one, next| one.row == next.row) {
            let found = from..from + of_row.len();
            from = found.end;
            let row = rows[of_row[0].row as usize];
            let shown = found.start..found.end.min(shown_max);
            let bad = BadMessage {
                index: row.index,
                violations: shown
                    .map(|at| self.violation(findings, at, row.start))
                    .collect(),
                reason: self.reason(findings, found),
            };
            self.push(bad);
        }
    }

    /// Adds a bad message, which leaves less room for the texts of those behind it.
    fn push(&mut self, bad: BadMessage) {
        let room = self.pass.findings_of_bad.as_mut();
        let room = room.expect("there is a bound");
        *room = room.saturating_sub(bad.violations.len());
        self.verdicts.bad.push(bad);
    }

    /// One finding, in a record that starts there in the chunk.
    fn violation(&self, findings: &Findings, at: usize, start: usize) -> Violation {
        let id = findings.list()[at].rule;
        let value = findings.value(at).map(str::to_owned);
        if id == self.check.compiled.structural.extra_column {
            let message = extra_key_message(value.as_deref().unwrap_or_default());
            return self.violation_of(id, value, None, message);
        }
        let rule = self.check.compiled.rules.get(id);
        let message = match findings.fault(at) {
            Some(fault) => fault.in_record(start).describe(0),
            None => rule.expected.clone(),
        };
        self.violation_of(id, rule.column.clone(), value, message)
    }

    fn violation_of(
        &self,
        rule: RuleId,
        column: Option<String>,
        value: Option<String>,
        message: String,
    ) -> Violation {
        let rule = self.check.compiled.rules.get(rule);
        Violation {
            column,
            rule: rule.word.to_string(),
            value,
            message,
            severity: rule.severity,
        }
    }

    /// The rules of these findings that make their record bad, each once.
    fn reason(&self, findings: &Findings, found: Range<usize>) -> String {
        let mut rules: Vec<RuleId> = findings.list()[found].iter().map(|it| it.rule).collect();
        rules.dedup();
        rules.retain(|&rule| self.pass.makes_bad(rule));
        bad::reason_within(&rules, &self.check.compiled, REASON_BYTES_MAX)
    }

    /// Says of a value that it is not one record.
    fn refuse(&mut self, index: usize, value: Option<String>, message: String) {
        let rule = self.check.not_one_record();
        self.verdicts.by_rule[rule.0 as usize] += 1;
        let violations = match self.pass.findings_of_bad {
            Some(0) => Vec::new(),
            _ => vec![self.violation_of(rule, None, value, message)],
        };
        self.push(BadMessage {
            index,
            violations,
            reason: bad::reason(&[rule], &self.check.compiled),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Check, Unchecked};
    use crate::model::{Contract, Object, Property};

    #[test]
    fn what_is_found_at_a_time_is_bounded() {
        let columns = (0..500).map(|it| Property::string(format!("column_{it}")).required());
        let object = columns.fold(Object::new("wide"), Object::property);
        let contract = Contract::builder("wide").object(object.clone()).build();
        let check = Check::compile(&contract, &object, Unchecked::Refuse).expect("it compiles");
        let check = MessageCheck::new(&check, Payload::Json).expect("it compiles");
        let mut judge = Judge::new(&check, None);
        let rules = check.compiled.rules.len();
        for _ in 0..1000 {
            judge.take(Some(b"{}"));
            assert!(judge.desk.rows.len() * rules <= FINDINGS_MAX);
        }
        let (verdicts, _) = judge.finish();
        assert_eq!(verdicts.bad().len(), 1000);
        for bad in verdicts.bad() {
            let reason = bad.reason();
            assert!(reason.starts_with("column_0: required; column_1: required; "));
            assert!(reason.ends_with(" ...") && reason.len() == REASON_BYTES_MAX + 4);
        }
        assert!(verdicts.by_rule().all(|(_, _, count)| count == 1000));
    }
}
