//! One record at a time, by the strict state machine.
//!
//! Slow (about 2 ns per byte) and always right: it takes over where the structural index cannot
//! be trusted, and reads dialects that have no fast path.

use tamis_engine::framing::{Framing, Machine, State};

use super::Dialect;

/// Splits bytes into records, and records into fields.
#[derive(Clone, Debug)]
pub(crate) struct Splitter {
    machine: Machine,
    delimiter: u8,
}

/// What [`Splitter::next`] found between a record start and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A record; the ends of its fields were appended.
    Record,
    /// A line end that ends nothing.
    BlankLine,
    /// A comment up to its line end.
    Comment,
    /// A record whose last field opens a quote that is still open at the end of the input.
    Unclosed {
        /// Where the quote stands.
        quote: usize,
    },
}

impl Splitter {
    pub(crate) fn new(dialect: &Dialect) -> Splitter {
        Splitter {
            machine: Machine::new(Framing::Quoted(dialect.quoting())),
            delimiter: dialect.delimiter,
        }
    }

    /// Reads what starts at `start`, which must be a record start before the end of `bytes`.
    ///
    /// Appends where each field of a record ends: at its delimiter, at the last byte of its
    /// terminator (`\n` in `\r\n`), or at the end of `bytes`. Also returns where the next record
    /// starts.
    pub(crate) fn next(&self, bytes: &[u8], start: usize, ends: &mut Vec<u32>) -> (Piece, usize) {
        let before = ends.len();
        let mut state = State::RecordStart;
        for (offset, &byte) in (start..).zip(&bytes[start..]) {
            let was = state;
            state = self.machine.step(state, byte);
            let last = match state {
                State::FieldStart if byte == self.delimiter => {
                    ends.push(offset as u32);
                    continue;
                }
                State::RecordStart => offset,
                State::AfterCarriageReturn => {
                    offset + usize::from(bytes.get(offset + 1) == Some(&b'\n'))
                }
                _ => continue,
            };
            let piece = match was {
                State::RecordStart => Piece::BlankLine,
                State::Comment => Piece::Comment,
                _ => {
                    ends.push(last as u32);
                    Piece::Record
                }
            };
            return (piece, last + 1);
        }
        let piece = match state {
            State::Comment => Piece::Comment,
            _ if state.is_quoted() => {
                // Only spaces and tabs may stand before a quote that opens.
                let field = ends[before..].last().map_or(start, |&end| end as usize + 1);
                let gap = bytes[field..]
                    .iter()
                    .take_while(|byte| matches!(byte, b' ' | b'\t'));
                Piece::Unclosed {
                    quote: field + gap.count(),
                }
            }
            _ => {
                ends.push(bytes.len() as u32);
                Piece::Record
            }
        };
        (piece, bytes.len())
    }
}
