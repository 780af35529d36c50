//! A chunk: line after line, well-formed ones into blocks, others handed on one by one.

use std::ops::Range;

use tamis_engine::kernel::Kernel;

use super::lexer::Lexer;
use super::path::Path;
use super::rows::Rows;
use super::walker::{Line, Walker};
use super::window::Windows;
use crate::{Fault, Malformed, Totals, Visitor};

/// Finds the values at some paths in the records of a chunk.
///
/// Keep one per worker: it learns what records look like, and its buffers are used again.
#[derive(Clone, Debug)]
pub struct Parser {
    kernel: Kernel,
    walker: Walker,
    rows: Rows,
    stops: Vec<u8>,
}

impl Parser {
    /// A parser whose blocks have one column for each path, in that order.
    pub fn new(paths: &[Path], kernel: Kernel) -> Self {
        Self {
            kernel,
            walker: Walker::new(paths),
            rows: Rows::new(paths.len()),
            stops: Vec::new(),
        }
    }

    /// Notes the keys at the root of records that no path asks for ([`Block::extra_keys`](crate::Block::extra_keys)).
    #[must_use]
    pub fn noting_extra_keys(mut self, notes: bool) -> Self {
        self.walker.notes_extra_keys = notes;
        self
    }

    /// Parses whole lines: `bytes` ends in a newline, unless the input ends here (`at_end`).
    ///
    /// # Panics
    /// If `bytes` is 4 GiB or longer, which no chunk is.
    pub fn parse(&mut self, bytes: &[u8], at_end: bool, visitor: &mut impl Visitor) -> Totals {
        debug_assert!(
            at_end || bytes.is_empty() || bytes.ends_with(b"\n"),
            "whole lines"
        );
        assert!(
            u32::try_from(bytes.len()).is_ok(),
            "a chunk is shorter than 4 GiB"
        );
        let mut totals = Totals::default();
        self.walker.begin_chunk();
        for window in Windows::new(bytes) {
            self.parse_window(bytes, window, &mut totals, visitor);
        }
        totals
    }

    /// Not inlined, so that what the caller does with its records takes no registers of this loop: 3 % of a check.
    #[inline(never)]
    fn parse_window(
        &mut self,
        bytes: &[u8],
        window: Range<usize>,
        totals: &mut Totals,
        visitor: &mut impl Visitor,
    ) {
        let base = window.start;
        let text = &bytes[window];
        let ascii = self.kernel.json_stops(text, &mut self.stops);
        let lexer = Lexer::new(text, &self.stops);
        let mut bad_utf8 = if ascii { None } else { first_bad_utf8(text, 0) };
        let mut start = 0;
        while start < text.len() {
            let (line, end) = match bad_utf8 {
                Some(bad) if bad < lexer.line_end(start) => {
                    let end = lexer.line_end(start);
                    bad_utf8 = first_bad_utf8(text, end);
                    (
                        Line::Malformed(Fault::InvalidUtf8 { offset: base + bad }),
                        end,
                    )
                }
                _ => self.walker.line(&lexer, start, base as u32, &mut self.rows),
            };
            let range = base + start..base + end;
            match line {
                Line::Record => {
                    totals.rows += 1;
                    if self.rows.push(range) {
                        self.rows.flush(bytes, ascii, visitor);
                    }
                }
                Line::Blank => totals.blank_lines += 1,
                Line::Malformed(fault) => {
                    totals.rows += 1;
                    self.rows.flush(bytes, ascii, visitor);
                    visitor.malformed(&Malformed {
                        bytes,
                        range,
                        fault,
                    });
                }
            }
            totals.newlines += u64::from(text[end - 1] == b'\n');
            start = end;
        }
        self.rows.flush(bytes, ascii, visitor);
    }
}

/// The first byte from `from` on that is not UTF-8.
fn first_bad_utf8(text: &[u8], from: usize) -> Option<usize> {
    match simdutf8::compat::from_utf8(&text[from..]) {
        Ok(_) => None,
        Err(error) => Some(from + error.valid_up_to()),
    }
}
