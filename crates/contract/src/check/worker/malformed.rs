//! Records that are none: what their faults break, and how they are told.

use tamis_formats::{Fault, Malformed};

use super::gather::Gather;
use crate::check::part::Sample;
use crate::check::rule::{RuleId, StructuralRules};
use crate::report::shown_value;

impl Gather<'_> {
    /// Counts a record that could not be read as a bad row.
    #[cold]
    #[inline(never)]
    pub(super) fn take_malformed(&mut self, record: &Malformed<'_>) {
        let rule = structural_rule(&self.pass.compiled.structural, &record.fault);
        let offset = match &record.fault {
            Fault::UnclosedQuote { offset }
            | Fault::InvalidUtf8 { offset }
            | Fault::InvalidJson { offset, .. }
            | Fault::InvalidMessage { offset, .. }
            | Fault::DuplicateKey { offset } => *offset,
            _ => record.range.start,
        };
        self.part.by_rule[rule.0 as usize] += 1;
        self.part.invalid += 1;
        self.part.first_bad_end.get_or_insert(record.range.end);
        let bytes = &record.bytes[record.range.clone()];
        let row = self.rows;
        if let Some(findings) = self.findings_not_shown() {
            findings.push_rule(row, rule);
        } else if self.wants_samples() {
            let line = self.line(record.bytes, record.range.start);
            let mut shown = Vec::new();
            let value = match self.pass.file {
                None => shown_value(bytes.trim_ascii_end()),
                Some(file) => {
                    file.show_record(bytes, &mut shown);
                    shown_value(&shown)
                }
            };
            match &mut self.part.findings {
                Some(findings) => {
                    let place = (self.rows, line, offset);
                    findings.push(place, rule, Some(&value), Some(&record.fault));
                }
                None => self.part.samples.push(Sample {
                    row: self.rows,
                    line,
                    offset,
                    rule,
                    value: Some(value),
                    message: record.fault.describe(self.part.byte_offset),
                }),
            }
        }
        self.copy_bad(0, bytes, &[rule]);
        self.rows += 1;
    }
}

/// The rule that a record with this fault breaks.
pub(crate) fn structural_rule(rules: &StructuralRules, fault: &Fault) -> RuleId {
    match fault {
        Fault::FieldCount { .. } => rules.field_count,
        Fault::UnclosedQuote { .. } => rules.unclosed_quote,
        Fault::InvalidUtf8 { .. } => rules.encoding,
        Fault::DuplicateKey { .. } => rules.duplicate_key,
        Fault::InvalidMessage { .. } => rules.message,
        _ => rules.json,
    }
}
