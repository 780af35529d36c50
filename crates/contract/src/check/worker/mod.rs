//! The map half of a check: one chunk to one [`Part`].
//!
//! A [`Worker`] is what one thread keeps from chunk to chunk, a [`Pass`] what all threads share. The parser of a worker
//! cuts the chunk into blocks and hands them to a [`Gather`], which fills the part. Per block:
//!
//! 1. each column: the fast loops mark suspects, and each suspect is judged (`column`);
//! 2. expressions over several columns are evaluated (`expression`);
//! 3. rows that repeat a key are found, as far as that is known (`keys`);
//! 4. the violations of all columns are put in the order of rows and counted, their rows are marked bad (`settle`);
//! 5. the first of them become samples (`sample`), good and bad records are copied out (`copy`);
//! 6. the keys of the rows are taken, column after column as well (`keys`).
//!
//! A record that the parser could not read is in no block and breaks one rule (`malformed`).

mod bits;
mod column;
mod copy;
mod expression;
mod gather;
mod keys;
mod malformed;
mod pass;
mod sample;
mod settle;
mod until_bad;

use tamis_engine::pipeline::Chunk;
use tamis_formats::{Totals, Visitor, csv, jsonl};

use super::batches::lock;
use super::fast;
use super::layout::Layout;
use super::part::Part;
use super::rule::RuleId;
pub(in crate::check) use bits::for_each_bit;
pub(super) use expression::Scratch as Expressions;
use gather::Gather;
pub(crate) use malformed::structural_rule;
pub(crate) use pass::{Known, Pass};
pub(super) use sample::shown_values;
use until_bad::UntilBad;

/// The scratch of one thread.
pub(crate) struct Worker {
    /// Out of its place while it runs.
    parser: Option<Parser>,
    suspects: Vec<u64>,
    bad: Vec<u64>,
    fast: fast::Scratch,
    spans: Vec<u32>,
    decoded: Vec<u8>,
    found: Vec<Found>,
    expressions: Option<expression::Scratch>,
}

enum Parser {
    Csv(Box<csv::Parser>),
    Jsonl(Box<jsonl::Parser>),
    /// There is nothing to parse.
    Rows,
}

/// A violation in the block at hand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    row: u32,
    rule: RuleId,
    /// Which of the block's extra keys; 0 for every other rule.
    extra_key: u32,
}

impl Worker {
    pub(crate) fn new(pass: &Pass<'_>) -> Worker {
        Worker {
            parser: Some(match pass.layout {
                Layout::Csv { dialect, width, .. } => {
                    // Nobody names a column when an input is empty, or a contract is and there is no header.
                    let columns = (*width).max(1);
                    Parser::Csv(Box::new(csv::Parser::new(*dialect, columns, pass.kernel)))
                }
                Layout::Jsonl {
                    paths,
                    refuses_extra_keys,
                } => {
                    let parser = jsonl::Parser::new(paths, pass.kernel);
                    Parser::Jsonl(Box::new(parser.noting_extra_keys(*refuses_extra_keys)))
                }
                Layout::Rows { .. } => Parser::Rows,
            }),
            suspects: Vec::new(),
            bad: Vec::new(),
            fast: fast::Scratch::default(),
            spans: Vec::new(),
            decoded: Vec::new(),
            found: Vec::new(),
            expressions: expression::Scratch::new(
                pass.compiled,
                match pass.layout {
                    Layout::Csv { dialect, .. } => Some(*dialect),
                    Layout::Jsonl { .. } | Layout::Rows { .. } => None,
                },
                pass.kernel,
            ),
        }
    }

    /// Checks one chunk; `None` when the first pass did not come by it: it had stopped before (then so will
    /// this one), or the input is not what it was.
    pub(crate) fn check(&mut self, pass: &Pass<'_>, chunk: Chunk<'_>) -> Option<Part> {
        let first_row = match pass.known {
            None => 0,
            Some(known) => known.first_row(chunk.byte_offset)?,
        };
        let part = self.check_all(pass, chunk, first_row);
        Some(match part.first_bad_end {
            // Everything after the first bad record is as if it had not been read.
            Some(end) if pass.fail_fast && end < chunk.bytes.len() => {
                if let Some(seen) = pass.seen {
                    lock(seen).undo_chunk();
                }
                let upto = Chunk {
                    bytes: &chunk.bytes[..end],
                    at_end: false,
                    ..chunk
                };
                self.check_all(pass, upto, first_row)
            }
            _ => part,
        })
    }

    fn check_all(&mut self, pass: &Pass<'_>, chunk: Chunk<'_>, first_row: u64) -> Part {
        let mut parser = self.parser.take().expect("it is put back below");
        let mut gather = Gather::new(pass, self, chunk, first_row);
        let totals = match &mut parser {
            Parser::Csv(parser) => parser.parse(chunk.bytes, chunk.at_end, &mut gather),
            Parser::Jsonl(parser) => parser.parse(chunk.bytes, chunk.at_end, &mut gather),
            Parser::Rows => Totals::default(),
        };
        let mut part = gather.into_part();
        part.totals = totals;
        self.parser = Some(parser);
        part
    }

    /// Checks rows that come as columns: `rows` hands their blocks on.
    pub(crate) fn check_rows<E>(
        &mut self,
        pass: &Pass<'_>,
        rows: impl FnOnce(&mut dyn Visitor) -> Result<(), E>,
    ) -> Result<Part, E> {
        self.check_unit(pass, 0, 0, rows)
    }

    /// The same for unit `index` of a file, which begins with row `first_row` of the run.
    pub(crate) fn check_unit<E>(
        &mut self,
        pass: &Pass<'_>,
        index: u64,
        first_row: u64,
        rows: impl FnOnce(&mut dyn Visitor) -> Result<(), E>,
    ) -> Result<Part, E> {
        let nowhere = Chunk {
            byte_offset: index,
            bytes: &[],
            at_end: false,
        };
        let mut gather = Gather::new(pass, self, nowhere, first_row);
        if pass.fail_fast {
            rows(&mut UntilBad::new(&mut gather))?;
        } else {
            rows(&mut gather)?;
        }
        gather.part.totals.rows = gather.rows;
        Ok(gather.into_part())
    }
}
