//! The records of a block, copied out: good ones in runs, bad ones one by one with their reasons.

use std::ops::Range;

use tamis_formats::Block;

use super::Found;
use super::bits::for_each_bit;
use super::gather::Gather;
use crate::check::outputs::GoodRows;
use crate::check::part::BadRecord;
use crate::check::rule::RuleId;

impl Gather<'_> {
    /// Copies good records in runs and bad ones one by one.
    pub(super) fn copy_records(&mut self, block: &Block<'_>, found: &[Found]) {
        if !self.pass.good.are_wanted() && !self.pass.wants_bad {
            return;
        }
        self.translate(block);
        let bad = std::mem::take(&mut self.worker.bad);
        let mut violations = found.iter().peekable();
        let mut good_from = 0;
        for_each_bit(&bad, |row| {
            self.copy_good(block, good_from..row);
            good_from = row + 1;
            while violations
                .next_if(|violation| (violation.row as usize) < row)
                .is_some()
            {}
            let mut reasons = Vec::new();
            while let Some(violation) =
                violations.next_if(|violation| violation.row as usize == row)
            {
                if reasons.last() != Some(&violation.rule) {
                    reasons.push(violation.rule);
                }
            }
            let record = block.record(row);
            self.copy_bad(row as u64, &block.bytes[record], &reasons);
        });
        self.copy_good(block, good_from..block.rows);
        self.worker.bad = bad;
    }

    fn copy_good(&mut self, block: &Block<'_>, rows: Range<usize>) {
        let pass = self.pass;
        let Some(good) = &mut self.part.good else {
            return;
        };
        match &pass.good {
            GoodRows::Records if block.records.is_some() => {
                // JSON lines may have blank lines between them.
                for row in rows {
                    good.extend_from_slice(&block.bytes[block.record(row)]);
                }
            }
            GoodRows::Records if !rows.is_empty() => {
                let bytes = block.record(rows.start).start..block.record(rows.end - 1).end;
                good.extend_from_slice(&block.bytes[bytes]);
            }
            GoodRows::Json(lines) => {
                let (mut shown, mut text) = (Vec::new(), Vec::new());
                for row in rows {
                    let record = &block.bytes[block.record(row)];
                    text.clear();
                    match pass.file {
                        None => lines.push_json(record.trim_ascii(), &mut text),
                        Some(file) => {
                            shown.clear();
                            file.show_record(record, &mut shown);
                            lines.push_json(&shown, &mut text);
                        }
                    }
                    good.extend_from_slice(&text);
                }
            }
            GoodRows::Numbered(_) if !rows.is_empty() => {
                let before = self.rows as usize;
                let run = before + rows.start..before + rows.end;
                match self.part.good_rows.last_mut() {
                    Some(last) if last.end == run.start => last.end = run.end,
                    _ => self.part.good_rows.push(run),
                }
            }
            // Translated rows are taken a block at a time.
            _ => {}
        }
    }

    /// Writes the good records of a block in another format, if that is wanted.
    fn translate(&mut self, block: &Block<'_>) {
        let (Some(translator), Some(out), None) =
            (&mut self.translator, &mut self.part.good, &self.part.misfit)
        else {
            return;
        };
        let mut good: Vec<u64> = self.worker.bad.iter().map(|bad| !bad).collect();
        if let (Some(last), odd @ 1..) = (good.last_mut(), block.rows % 64) {
            *last &= (1 << odd) - 1;
        }
        let mut lines = Vec::new();
        let written = translator.write(block, &good, &mut lines);
        out.extend_from_slice(&lines);
        if let Err(misfit) = written {
            self.part.misfit = Some(misfit.behind(self.rows));
        }
    }

    pub(super) fn copy_bad(&mut self, row: u64, record: &[u8], reasons: &[RuleId]) {
        let row = self.rows + row;
        let pass = self.pass;
        let Some(bad) = &mut self.part.bad else {
            return;
        };
        match pass.file {
            None => bad.bytes.extend_from_slice(record),
            Some(file) => {
                let mut shown = Vec::new();
                file.show_record(record, &mut shown);
                bad.bytes.extend_from_slice(&shown);
            }
        }
        let is_reason = |rule: &&RuleId| pass.makes_bad(**rule);
        bad.reasons
            .extend(reasons.iter().filter(is_reason).copied());
        bad.records.push(BadRecord {
            row,
            bytes_end: bad.bytes.len(),
            reasons_end: bad.reasons.len(),
        });
    }
}
