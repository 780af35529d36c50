//! The rows of a unit up to its first bad one: what follows is as if it had not been read.
//!
//! A chunk of text is checked a second time, cut short; a unit is decoded once, and so its blocks are tried one by one.

use tamis_formats::block::Column;
use tamis_formats::{Block, Malformed, Visitor};

use super::bits::first_bit;
use super::gather::Gather;
use tamis_engine::pipeline::Chunk;

/// Hands blocks on until a row is bad.
pub(super) struct UntilBad<'g, 'a> {
    gather: &'g mut Gather<'a>,
}

impl<'g, 'a> UntilBad<'g, 'a> {
    pub(super) fn new(gather: &'g mut Gather<'a>) -> UntilBad<'g, 'a> {
        UntilBad { gather }
    }

    /// The first bad row of a block.
    fn first_bad(&mut self, block: &Block<'_>) -> Option<usize> {
        let nowhere = Chunk {
            byte_offset: self.gather.part.byte_offset,
            bytes: &[],
            at_end: false,
        };
        let first_row = self.gather.first_row + self.gather.rows;
        let mut trial = Gather::new(self.gather.pass, self.gather.worker, nowhere, first_row);
        trial.block(block);
        first_bit(&trial.worker.bad)
    }
}

impl Visitor for UntilBad<'_, '_> {
    fn block(&mut self, block: &Block<'_>) {
        if self.gather.part.first_bad_end.is_some() {
            return;
        }
        let Some(row) = self.first_bad(block) else {
            return self.gather.block(block);
        };
        let rows = row + 1;
        let suspects: Vec<Option<Vec<u64>>> = (0..block.columns)
            .map(|column| block.suspects(column).map(|bits| first_bits(bits, rows)))
            .collect();
        let columns = block.apart.unwrap_or_default().iter().zip(&suspects);
        let columns: Vec<Column<'_>> = columns
            .map(|(column, suspects)| Column {
                suspects: suspects.as_deref(),
                ..*column
            })
            .collect();
        self.gather.block(&Block {
            apart: Some(&columns),
            rows,
            ..*block
        });
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        if self.gather.part.first_bad_end.is_none() {
            self.gather.malformed(record);
        }
    }
}

/// The bits of the first `rows` rows.
fn first_bits(bits: &[u64], rows: usize) -> Vec<u64> {
    let mut first = bits[..rows.div_ceil(64).min(bits.len())].to_vec();
    if let Some(last) = first.last_mut()
        && !rows.is_multiple_of(64)
    {
        *last &= (1 << (rows % 64)) - 1;
    }
    first
}
