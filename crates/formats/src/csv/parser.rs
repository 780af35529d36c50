//! A chunk to blocks.
//!
//! The *fast path* has a kernel list every delimiter and newline outside of quotes, a window at a time, and
//! checks that they fall into records of the expected fields. Ragged records and blank lines show in
//! that list and are told apart there. What a kernel cannot read goes to the *strict path*,
//! record by record through the state machine, and then back:
//!
//! 1. the kernel names the first byte it could not make sense of (a stray quote, a bare `\r`), or a
//!    byte is found that only the machine understands (an escape, a comment);
//! 2. entries from there on are dropped; records that ended before it are good;
//! 3. the machine reads from the end of the last good record until past that byte, and a little
//!    further, since such bytes come in groups;
//! 4. the kernel goes on at the next record start, with short windows at first.
//!
//! Both append to one [`Run`], so a file full of inch marks still gives large blocks. A
//! file with `\r` for a terminator takes the strict path only.

use tamis_engine::framing::Terminator;
use tamis_engine::kernel::{IndexState, Kernel, Structure};

use super::Dialect;
use super::run::Run;
use super::splitter::{Piece, Splitter};
use crate::{Fault, Totals, Visitor};

/// How many bytes are dealt with at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// A block is sent off once its records span this many bytes: few enough that bytes and index
    /// stay in the L2 cache while a check walks the block column by column.
    pub(super) block_bytes: usize,
    /// The kernel's window, while all goes well. What it indexed behind an irregular byte is thrown
    /// away, so the window grows to this from `window_bytes_min` after each visit to the strict path.
    pub(super) window_bytes_max: usize,
    /// The first window.
    pub(super) window_bytes_min: usize,
    /// How far behind an irregular byte the strict path goes on, so that an input that is
    /// irregular everywhere does not have each of its bytes indexed many times.
    pub(super) strict_bytes: usize,
}

impl Pace {
    /// For records of so many fields.
    fn of(columns: usize) -> Pace {
        Pace {
            // Whoever takes blocks column by column begins anew with each column. In a table of thousands of
            // columns a record fills the cache anyway, and some rows a block make that bearable.
            block_bytes: (64 << 10).max(256 * columns),
            window_bytes_max: 16 << 10,
            window_bytes_min: 1 << 10,
            strict_bytes: 512,
        }
    }
}

/// Splits chunks of delimiter-separated records into blocks. Keep one for each worker: it reuses
/// its memory from chunk to chunk.
#[derive(Debug)]
pub struct Parser {
    dialect: Dialect,
    columns: usize,
    splitter: Splitter,
    kernel: Kernel,
    /// What the kernel looks for; `None`: strict path only.
    structure: Option<Structure>,
    pace: Pace,
    index: Vec<u32>,
}

impl Parser {
    /// A parser of records with `columns` fields each.
    ///
    /// # Panics
    /// If `columns` is 0: a header names at least one column.
    pub fn new(dialect: Dialect, columns: usize, kernel: Kernel) -> Parser {
        assert!(columns > 0, "a record has at least one field");
        let structure = Structure {
            delimiter: dialect.delimiter,
            quote: dialect.quote,
        };
        Parser {
            dialect,
            columns,
            splitter: Splitter::new(&dialect),
            kernel,
            structure: (dialect.terminator == Terminator::Newline).then_some(structure),
            pace: Pace::of(columns),
            index: Vec::new(),
        }
    }

    /// The same parser in steps so small that short test inputs go through all of its turns.
    #[cfg(test)]
    pub(super) fn at_pace(self, pace: Pace) -> Parser {
        Parser { pace, ..self }
    }

    /// The same parser in steps of about this many bytes, for fuzz targets.
    #[cfg(fuzzing)]
    pub fn in_steps_of(self, bytes: usize) -> Parser {
        let pace = Pace {
            block_bytes: 7 * bytes,
            window_bytes_max: 4 * bytes,
            window_bytes_min: bytes,
            strict_bytes: bytes - 1,
        };
        Parser { pace, ..self }
    }

    /// Takes the fast path away: what is left is the specification.
    #[cfg(any(test, fuzzing))]
    pub fn strict(dialect: Dialect, columns: usize) -> Parser {
        Parser {
            structure: None,
            ..Parser::new(dialect, columns, Kernel::scalar())
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
        let mut index = std::mem::take(&mut self.index);
        let mut run = Run::new(bytes, self.columns, self.dialect.quote, visitor, &mut index);
        while run.next_start() < bytes.len() {
            let irregular = match &self.structure {
                Some(structure) => self.read_fast(structure, &mut run),
                None => bytes.len(),
            };
            self.read_strictly(
                &mut run,
                irregular.saturating_add(self.pace.strict_bytes),
                at_end,
            );
        }
        run.flush();
        let totals = run.totals;
        self.index = index;
        totals
    }

    /// Reads records by the kernel, up to the end or to the first byte that needs the strict path.
    /// Returns where that is; a last record without terminator is left to the strict path too.
    fn read_fast<V: Visitor>(&self, structure: &Structure, run: &mut Run<'_, V>) -> usize {
        let bytes = run.bytes;
        let mut state = IndexState::default();
        let mut window = self.pace.window_bytes_min;
        let mut from = run.next_start();
        while from < bytes.len() {
            let to = bytes.len().min(from + window);
            let first = run.index.len();
            let indexed = self
                .kernel
                .index(bytes, from, to, structure, &mut state, run.index);
            run.maybe_non_ascii |= indexed.non_ascii;
            run.maybe_quoted |= indexed.quotes;
            run.seen_to = to;
            let unreadable = self.dialect_special(&bytes[..to], from, &run.index[first - 1..]);
            if let Some(irregular) = indexed.irregular.into_iter().chain(unreadable).min() {
                let keep = run.index[first..].partition_point(|&end| (end as usize) < irregular);
                run.index.truncate(first + keep);
                run.settle_one_by_one();
                return irregular;
            }
            run.settle(indexed.terminators);
            run.totals.newlines += indexed.newlines as u64;
            run.counted_to = to;
            if run.len_bytes() >= self.pace.block_bytes {
                run.flush();
                run.compact();
            }
            from = to;
            window = (2 * window).min(self.pace.window_bytes_max);
        }
        bytes.len()
    }

    /// The first byte from `from` on that only the strict machine understands, whatever the kernel
    /// says: an escape, or the start of a comment. `ends` are those of the fields that end there, after
    /// the one before them.
    fn dialect_special(&self, bytes: &[u8], from: usize, ends: &[u32]) -> Option<usize> {
        let escape = self.dialect.escape.and_then(|escape| {
            let found = memchr::memchr(escape, &bytes[from..])?;
            Some(from + found)
        });
        let comment = self.dialect.comment.and_then(|comment| {
            let ends_record = |end: u32| {
                let last = bytes.get(end as usize);
                last.is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
            };
            let starts = ends.iter().filter(|&&end| ends_record(end));
            let mut starts = starts.map(|end| end.wrapping_add(1) as usize);
            starts.find(|&start| bytes.get(start) == Some(&comment))
        });
        escape.into_iter().chain(comment).min()
    }

    /// Reads records by the machine until one ends behind `until`, or to the end.
    fn read_strictly<V: Visitor>(&self, run: &mut Run<'_, V>, until: usize, at_end: bool) {
        run.drop_unfinished();
        while run.next_start() < run.bytes.len() && run.next_start() <= until {
            let piece = self.read_record(run);
            assert!(
                at_end || !matches!(piece, Piece::Unclosed { .. }),
                "a chunk ends between records"
            );
            if run.len_bytes() >= self.pace.block_bytes {
                run.restart(run.next_start());
            }
        }
        let read_to = run.next_start();
        if read_to > run.counted_to {
            let uncounted = &run.bytes[run.counted_to..read_to];
            run.totals.newlines += self.dialect.count_line_ends(uncounted);
            run.counted_to = read_to;
        }
    }

    /// Reads one record, comment or blank line by the machine.
    fn read_record<V: Visitor>(&self, run: &mut Run<'_, V>) -> Piece {
        let start = run.next_start();
        let before = run.index.len();
        let (piece, end) = self.splitter.next(run.bytes, start, run.index);
        let found = run.index.len() - before;
        run.maybe_non_ascii = true;
        run.maybe_quoted = true;
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
}
