//! What the violations of a block come to, when all of its columns have been looked at.

use tamis_formats::Block;

use super::Found;
use super::bits::first_bit;
use super::gather::Gather;

impl Gather<'_> {
    /// Adds the violations of records with keys that the contract does not have and may not.
    pub(super) fn find_extra_keys(&mut self, block: &Block<'_>) {
        let rule = self.pass.compiled.structural.extra_column;
        let found = block.extra_keys.iter().zip(0..).map(|(key, index)| Found {
            row: key.row,
            rule,
            extra_key: index,
        });
        self.worker.found.extend(found);
    }

    /// Counts the violations found in the block, marks its bad rows and keeps samples.
    pub(super) fn settle(&mut self, block: &Block<'_>) {
        let mut found = std::mem::take(&mut self.worker.found);
        found.sort_unstable();
        self.worker.bad.clear();
        self.worker.bad.resize(block.rows.div_ceil(64), 0);
        for violation in &found {
            self.part.by_rule[violation.rule.0 as usize] += 1;
            if self.pass.makes_bad(violation.rule) {
                self.worker.bad[violation.row as usize / 64] |= 1 << (violation.row % 64);
            }
        }
        // Behind the loop, which knows the bad rows.
        for violation in &found {
            self.sample(block, *violation);
        }
        self.part.invalid += self
            .worker
            .bad
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum::<u64>();
        let first_bad = first_bit(&self.worker.bad);
        if let (None, Some(row)) = (self.part.first_bad_end, first_bad) {
            self.part.first_bad_end = Some(block.record(row).end);
        }
        self.copy_records(block, &found);
        found.clear();
        self.worker.found = found;
    }
}
