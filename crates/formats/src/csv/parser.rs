//! A chunk to blocks.

use super::Dialect;
use super::run::Run;
use super::splitter::{Piece, Splitter};
use crate::{Fault, Totals, Visitor};

/// A block is sent off once its records span this many bytes: few enough that bytes and index stay
/// in the L2 cache while a check walks the block column by column.
const BLOCK_BYTES: usize = 64 << 10;

/// Splits chunks of delimiter-separated records into blocks. Keep one for each worker: it reuses
/// its memory from chunk to chunk.
#[derive(Debug)]
pub struct Parser {
    dialect: Dialect,
    columns: usize,
    splitter: Splitter,
    index: Vec<u32>,
}

impl Parser {
    /// A parser of records with `columns` fields each.
    ///
    /// # Panics
    /// If `columns` is 0: a header names at least one column.
    pub fn new(dialect: Dialect, columns: usize) -> Parser {
        assert!(columns > 0, "a record has at least one field");
        Parser {
            dialect,
            columns,
            splitter: Splitter::new(&dialect),
            index: Vec::new(),
        }
    }

    /// Hands every record of `bytes` to `visitor`, in order.
    ///
    /// `bytes` start at a record start and end at a record end. `at_end` says that the input ends
    /// with them: then the last record may lack its terminator, and a quote that is still open
    /// makes it [`Fault::UnclosedQuote`].
    ///
    /// # Panics
    /// If `bytes` are 4 GiB or more, or end inside quotes although more is to come.
    pub fn parse(&mut self, bytes: &[u8], at_end: bool, visitor: &mut impl Visitor) -> Totals {
        assert!(bytes.len() < u32::MAX as usize, "a chunk is under 4 GiB");
        let mut run = Run {
            bytes,
            columns: self.columns,
            quote: self.dialect.quote,
            visitor,
            index: &mut self.index,
            base: 0,
            rows: 0,
            trim_cr: false,
            maybe_non_ascii: true,
            totals: Totals::default(),
        };
        run.restart(0);
        while run.next_start() < bytes.len() {
            let piece = read_strictly(&self.splitter, &mut run);
            assert!(
                at_end || !matches!(piece, Piece::Unclosed { .. }),
                "a chunk ends between records"
            );
            if run.len_bytes() >= BLOCK_BYTES {
                run.restart(run.next_start());
            }
        }
        run.flush();
        run.totals.newlines = self.dialect.count_line_ends(bytes);
        run.totals
    }
}

/// Reads one record, comment or blank line by the strict machine.
fn read_strictly<V: Visitor>(splitter: &Splitter, run: &mut Run<'_, V>) -> Piece {
    let start = run.next_start();
    run.index.truncate(run.whole() + 1);
    let before = run.index.len();
    let (piece, end) = splitter.next(run.bytes, start, run.index);
    let found = run.index.len() - before;
    let fault = match piece {
        Piece::Record if found == run.columns => {
            run.push_row();
            return piece;
        }
        Piece::Record => Some(Fault::FieldCount {
            found,
            expected: run.columns,
        }),
        Piece::Unclosed { quote } => Some(Fault::UnclosedQuote { offset: quote }),
        Piece::BlankLine => {
            run.totals.blank_lines += 1;
            None
        }
        Piece::Comment => {
            run.totals.comments += 1;
            None
        }
    };
    if let Some(fault) = fault {
        run.malformed(start..end, fault);
    }
    run.restart(end);
    piece
}
