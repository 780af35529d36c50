//! What was generated: the answer that a check of the data must find.

use super::fault::Fault;

/// Counts of a generated data set, exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Rows, without the header.
    pub rows: u64,
    /// Bytes, with the header.
    pub bytes: u64,
    pub(super) faults: [u64; Fault::ALL.len()],
}

/// How many rows break one rule of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// The column.
    pub column: &'static str,
    /// The rule, in the contract's own word.
    pub rule: &'static str,
    /// Rows that break it.
    pub count: u64,
}

impl Manifest {
    /// Rows with a fault.
    pub fn bad_rows(&self) -> u64 {
        self.faults.iter().sum()
    }

    /// Rows with this fault.
    pub fn count(&self, fault: Fault) -> u64 {
        self.faults[fault as usize]
    }

    /// Rows that break each rule, in the order of the columns; rules that no row breaks are left out.
    pub fn by_rule(&self) -> Vec<RuleCount> {
        let mut rules: Vec<RuleCount> = Vec::new();
        for fault in Fault::ALL
            .into_iter()
            .filter(|&fault| self.count(fault) > 0)
        {
            let (column, rule, count) = (fault.column(), fault.rule(), self.count(fault));
            match rules
                .iter_mut()
                .find(|known| (known.column, known.rule) == (column, rule))
            {
                Some(known) => known.count += count,
                None => rules.push(RuleCount {
                    column,
                    rule,
                    count,
                }),
            }
        }
        rules
    }

    /// Counts one row.
    pub(super) fn add_row(&mut self, fault: Option<Fault>) {
        self.rows += 1;
        if let Some(fault) = fault {
            self.faults[fault as usize] += 1;
        }
    }

    /// Adds the counts of another part of the data set.
    pub(super) fn add(&mut self, part: &Self) {
        self.rows += part.rows;
        self.bytes += part.bytes;
        for (total, count) in self.faults.iter_mut().zip(part.faults) {
            *total += count;
        }
    }
}
