//! A chunk without a place: its partial counts in the order in which it is merged, and brings its own header.

use super::collector::Collector;
use super::empty;
use crate::check::partial::range::HeadFacts;
use crate::check::partial::value::{Chunks, HeaderCount, HeaderFault, Partial, Sample};
use crate::check::{Check, CheckError, CheckOptions};

/// What is known of a chunk without a place beside its records.
#[derive(Clone, Debug, Default)]
pub(super) struct ChunkFacts {
    /// `csv`, `jsonl`, or what else its records are.
    pub(super) format: String,
    /// What stands before its first record.
    pub(super) head: HeadFacts,
    pub(super) notes: Vec<String>,
    pub(super) header_faults: Vec<HeaderFault>,
    pub(super) more_header_faults: Vec<(u32, u64)>,
    /// Length of its text; 0 if it is none.
    pub(super) bytes: u64,
}

impl Collector<'_> {
    /// Everything that has been added, as the partial of one chunk.
    pub(super) fn into_chunk(
        self,
        check: &Check,
        options: &CheckOptions,
        facts: ChunkFacts,
    ) -> Result<Partial, CheckError> {
        let place = self.is_text.then_some(0);
        let mut body = self.finish()?;
        for (rule, count) in facts.more_header_faults {
            body.by_rule[rule as usize] += count;
        }
        let mut by_header: Vec<HeaderCount> = Vec::new();
        let mut samples = Vec::new();
        for fault in facts.header_faults {
            samples.push(Sample {
                row: 0,
                is_header: true,
                line: place,
                byte_offset: place,
                rule: fault.rule,
                column: Some(fault.column.clone()),
                value: None,
                message: fault.message,
            });
            let known = by_header
                .iter_mut()
                .find(|known| known.rule == fault.rule && known.column == fault.column);
            match known {
                Some(known) => known.count += 1,
                None => by_header.push(HeaderCount {
                    rule: fault.rule,
                    column: fault.column,
                    count: 1,
                }),
            }
        }
        by_header.sort();
        samples.append(&mut body.samples);
        body.samples = samples;
        let mut partial = empty(check, options);
        partial.chunks = Some(Chunks {
            count: 1,
            format: facts.format,
            bytes: facts.bytes,
            notes: facts.notes,
            by_header,
            body,
        });
        partial.bound_samples();
        Ok(partial)
    }
}
