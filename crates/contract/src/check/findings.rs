//! Every violation of one chunk, row by row, for a merge that cuts chunks apart.
//!
//! A part counts its violations and keeps the first few as samples. That is not enough where a batch may begin at any
//! row of the chunk: its counts begin there, and so do its first samples. Which row that is, only the merge knows. So
//! a part that will be cut carries all its violations, as small as can be: 32 bytes and the shown value each, which
//! bounds them by the chunk. They become [`Located`](super::merge::Located) samples only where a batch wants them.

use tamis_formats::Fault;

use super::rule::RuleId;

/// One violation, its place counted from the start of the chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finding {
    pub(crate) row: u32,
    /// Line ends between the start of the chunk and the record.
    pub(crate) line: u32,
    /// First byte of the record, or of the fault in it.
    pub(crate) offset: u32,
    pub(crate) rule: RuleId,
    has_value: bool,
    /// The shown value begins where that of the finding before ends.
    value_end: usize,
}

/// The violations of one chunk in the order of rows, then rules.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    /// The shown values, one behind the other.
    values: String,
    /// What is wrong with malformed records, each with the index of its finding.
    faults: Vec<(usize, Fault)>,
}

impl Findings {
    /// Adds a violation; `fault` is there for a malformed record.
    pub(crate) fn push(
        &mut self,
        (row, line, offset): (u64, u64, usize),
        rule: RuleId,
        value: Option<&str>,
        fault: Option<&Fault>,
    ) {
        self.values.push_str(value.unwrap_or_default());
        if let Some(fault) = fault {
            self.faults.push((self.list.len(), fault.clone()));
        }
        // A chunk is shorter than 4 GiB: its blocks are indexed by `u32`.
        self.list.push(Finding {
            row: row as u32,
            line: line as u32,
            offset: offset as u32,
            rule,
            has_value: value.is_some(),
            value_end: self.values.len(),
        });
    }

    /// Adds that a row breaks a rule, once, and nothing else of it.
    pub(crate) fn push_rule(&mut self, row: u64, rule: RuleId) {
        let last = self.list.last();
        if last.is_none_or(|last| (last.row, last.rule) != (row as u32, rule)) {
            self.push((row, 0, 0), rule, None, None);
        }
    }

    /// All of them.
    pub(crate) fn list(&self) -> &[Finding] {
        &self.list
    }

    /// The shown value of one.
    pub(crate) fn value(&self, index: usize) -> Option<&str> {
        let finding = &self.list[index];
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.list[before].value_end);
        finding
            .has_value
            .then(|| &self.values[start..finding.value_end])
    }

    /// What is wrong with the record, if it is malformed.
    pub(crate) fn fault(&self, index: usize) -> Option<&Fault> {
        let at = self.faults.binary_search_by_key(&index, |&(of, _)| of);
        at.ok().map(|at| &self.faults[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_faults_belong_to_their_findings() {
        let mut findings = Findings::default();
        findings.push((0, 0, 0), RuleId(4), Some("abc"), None);
        findings.push((0, 0, 0), RuleId(5), None, None);
        findings.push((1, 1, 9), RuleId(2), Some(""), Some(&Fault::NotAnObject));
        findings.push((2, 2, 10), RuleId(4), Some("é"), None);
        let values: Vec<_> = (0..4).map(|index| findings.value(index)).collect();
        assert_eq!(values, [Some("abc"), None, Some(""), Some("é")]);
        assert_eq!(findings.fault(2), Some(&Fault::NotAnObject));
        assert_eq!(findings.fault(1), None);
        assert_eq!(findings.list()[3].row, 2);
        findings.push_rule(2, RuleId(4));
        assert_eq!(findings.list().len(), 4, "it is there");
        findings.push_rule(2, RuleId(5));
        findings.push_rule(3, RuleId(5));
        findings.push_rule(3, RuleId(5));
        assert_eq!((findings.list().len(), findings.value(5)), (6, None));
    }
}
