//! A run of whole records on its way to a worker.

use tamis_engine::pipeline::Chunk;
use tamis_formats::csv::{self, Dialect};
use tamis_formats::file::Unit;
use tamis_formats::{Totals, Visitor, jsonl};

/// Where in the blocks of an input the wanted columns are, and how their fields are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// For each wanted column its place in the block.
    pub fields: Vec<usize>,
    /// The CSV dialect; `None`: the input is no CSV.
    pub dialect: Option<Dialect>,
    /// The input is made of arrays: what is passed on as such has no text.
    pub has_arrays: bool,
}

/// Some records of an input, in order, not yet parsed.
pub struct Piece<'p> {
    pub(super) layout: &'p Layout,
    pub(super) rows: Rows<'p>,
    /// The number of the input.
    pub(super) input_index: usize,
    pub(super) totals: &'p mut Totals,
}

/// What a piece is parsed by.
pub(super) enum Rows<'p> {
    Csv(&'p mut csv::Parser, Chunk<'p>),
    Jsonl(&'p mut jsonl::Parser, Chunk<'p>),
    /// A unit and its number in the file.
    Unit(Box<dyn Unit + 'p>, u64),
}

impl<'p> Piece<'p> {
    /// Where the wanted columns are.
    pub fn layout(&self) -> &'p Layout {
        self.layout
    }

    /// The bytes of the records, in formats made of lines: what the blocks' records are ranges of.
    pub fn bytes(&self) -> Option<&'p [u8]> {
        match &self.rows {
            Rows::Csv(_, chunk) | Rows::Jsonl(_, chunk) => Some(chunk.bytes),
            Rows::Unit(..) => None,
        }
    }

    /// Where these bytes start in the input; 0 in formats whose records lie nowhere.
    pub fn byte_offset(&self) -> u64 {
        match &self.rows {
            Rows::Csv(_, chunk) | Rows::Jsonl(_, chunk) => chunk.byte_offset,
            Rows::Unit(unit, _) => unit.byte_offset().unwrap_or(0),
        }
    }

    /// The number of the input, from 0.
    pub fn input_index(&self) -> usize {
        self.input_index
    }

    /// A number that says where in its input the piece stands: no two rows share the sum of this and of their offset in the
    /// piece, in bytes or, where they lie nowhere, in rows.
    pub fn place(&self) -> u64 {
        match &self.rows {
            Rows::Csv(_, chunk) | Rows::Jsonl(_, chunk) => chunk.byte_offset,
            // Messages come in units of any size; where the bytes of one are does not depend on that.
            Rows::Unit(unit, number) => unit.byte_offset().unwrap_or(number << 32),
        }
    }

    /// Parses the records and hands them to `visitor`, in order.
    ///
    /// # Errors
    /// Those of a file that is not made of lines.
    pub fn visit(self, visitor: &mut dyn Visitor) -> tamis_engine::Result<()> {
        let mut visitor = visitor;
        *self.totals = match self.rows {
            Rows::Csv(parser, chunk) => parser.parse(chunk.bytes, chunk.at_end, &mut visitor),
            Rows::Jsonl(parser, chunk) => parser.parse(chunk.bytes, chunk.at_end, &mut visitor),
            Rows::Unit(unit, _) => unit.visit(visitor)?,
        };
        Ok(())
    }
}
