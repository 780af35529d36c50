//! What a piece of text adds to the counts, without knowing what stands before it.
//!
//! Pieces are cut anywhere: in a word, in a character, in a line longer than memory. So a [`Part`] says of both of its ends
//! what is open there, and [`Tally::add`], which gets the parts in order, closes it:
//!
//! - *words* are counted where they begin. If a piece begins inside of a word and the text before it ended inside of one,
//!   it is one word and not two;
//! - *widths*: the end of the first line depends on the column it begins in, and because of tabs not only by a sum. It is
//!   a [`Span`]: so many columns, then perhaps a tab, then so many more. Spans can be put together without knowing the
//!   column either, so this is a monoid like the rest;
//! - *characters* belong to the piece they begin in; that takes some bytes of the text around it.

use std::ops::Range;

use tamis_engine::kernel::Kernel;

use super::character::{Character, boundary, decode, is_continuation};
use super::{Counts, Wanted};

/// Columns from one tab stop to the next.
const TAB: u64 = 8;

/// Bytes whose marks are looked at together: they and the marks stay in the first-level cache.
const PIECE_BYTES: usize = 16 << 10;

/// What one piece of text holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) bytes: u64,
    lines: u64,
    chars: u64,
    words: Words,
    width: Width,
}

/// The words that begin in a piece, if none goes on into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Words {
    count: u64,
    /// Whether the first character that is a letter or a space is a letter; `None`: there is neither.
    first: Option<bool>,
    /// Whether the last one is.
    last: Option<bool>,
}

/// The columns that a piece takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Width {
    /// Up to the first end of a line, or to the end of the piece.
    head: Span,
    /// The longest line that begins and ends in the piece.
    longest: u64,
    /// The columns behind the last end of a line; `None`: no line ends here.
    tail: Option<u64>,
}

/// How far some text moves on from a column that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    before_tab: u64,
    /// Columns behind the first tab stop.
    after_tab: Option<u64>,
}

impl Part {
    /// So many bytes that nobody looked at.
    pub(super) fn of_bytes(bytes: u64) -> Part {
        Part {
            bytes,
            ..Part::default()
        }
    }
}

impl Span {
    fn end(self, start: u64) -> u64 {
        let column = start + self.before_tab;
        self.after_tab
            .map_or(column, |after| next_stop(column) + after)
    }
}

/// The tab stop behind `column`.
fn next_stop(column: u64) -> u64 {
    (column / TAB + 1) * TAB
}

impl Words {
    fn take(&mut self, is_of_word: bool) {
        self.count += u64::from(is_of_word && self.last != Some(true));
        self.first.get_or_insert(is_of_word);
        self.last = Some(is_of_word);
    }

    /// Takes up to 64 bytes that are letters or ASCII spaces all.
    fn take_block(&mut self, spaces: u64, len: usize) {
        let letters = !spaces & (!0 >> (64 - len));
        let before = u64::from(self.last == Some(true));
        self.count += u64::from((letters & !(letters << 1 | before)).count_ones());
        self.first.get_or_insert(letters & 1 == 1);
        self.last = Some(letters >> (len - 1) & 1 == 1);
    }
}

impl Width {
    fn advance(&mut self, columns: u64) {
        match (&mut self.tail, &mut self.head.after_tab) {
            (Some(column), _) | (None, Some(column)) => *column += columns,
            (None, None) => self.head.before_tab += columns,
        }
    }

    fn tab(&mut self) {
        match (&mut self.tail, &mut self.head.after_tab) {
            (Some(column), _) | (None, Some(column)) => *column = next_stop(*column),
            (None, after_tab @ None) => *after_tab = Some(0),
        }
    }

    fn end_line(&mut self) {
        self.longest = self.longest.max(self.tail.unwrap_or(0));
        self.tail = Some(0);
    }
}

/// Makes parts of pieces; one for each thread.
#[derive(Debug)]
pub(super) struct Scanner {
    wanted: Wanted,
    kernel: Kernel,
    spaces: Vec<u64>,
    odd: Vec<u64>,
}

impl Scanner {
    pub(super) fn new(wanted: Wanted, kernel: Kernel) -> Scanner {
        let marks = vec![0; PIECE_BYTES / 64];
        Scanner {
            wanted,
            kernel,
            spaces: marks.clone(),
            odd: marks,
        }
    }

    /// What the bytes of `owned` hold, among `bytes` of which at least [`BYTES_MAX`](super::character::BYTES_MAX) stand on
    /// either side of it, as far as there are any.
    pub(super) fn scan(&mut self, bytes: &[u8], owned: Range<usize>) -> Part {
        let mut part = Part::of_bytes(owned.len() as u64);
        if self.wanted.lines {
            part.lines = self.kernel.count_byte(&bytes[owned.clone()], b'\n') as u64;
        }
        if !self.wanted.is_of_characters() {
            return part;
        }
        // Characters that begin in the range: whole ones, from the first to the end of the last.
        let (start, end) = (boundary(bytes, owned.start), boundary(bytes, owned.end));
        if self.wanted.chars {
            part.chars = self.count_chars(bytes, start..end);
        }
        if !(self.wanted.words || self.wanted.longest_line) {
            return part;
        }
        let mut from = start;
        while from < end {
            // A character may go on behind the piece: then the next one begins there.
            let to = boundary(bytes, end.min(from + PIECE_BYTES - 64));
            let piece = &bytes[from..to];
            self.kernel
                .mark_text(piece, &mut self.spaces, &mut self.odd);
            if self.wanted.words {
                self.count_words(piece, &mut part.words);
            }
            if self.wanted.longest_line {
                self.measure(piece, &mut part.width);
            }
            from = to;
        }
        part
    }

    fn count_chars(&self, bytes: &[u8], range: Range<usize>) -> u64 {
        let mut count = 0;
        let mut from = range.start;
        while from < range.end {
            let to = boundary(bytes, range.end.min(from + PIECE_BYTES));
            let piece = &bytes[from..to];
            count += if simdutf8::basic::from_utf8(piece).is_ok() {
                self.kernel.count_chars(piece) as u64
            } else {
                Characters {
                    bytes: piece,
                    at: 0,
                }
                .filter(Option::is_some)
                .count() as u64
            };
            from = to;
        }
        count
    }

    fn count_words(&self, piece: &[u8], words: &mut Words) {
        let mut at = 0;
        for (number, block) in piece.chunks(64).enumerate() {
            let (spaces, odd) = (self.spaces[number], self.odd[number]);
            let (start, end) = (number * 64, number * 64 + block.len());
            if odd & !spaces == 0 {
                words.take_block(spaces, block.len());
                continue;
            }
            at = at.max(start);
            while at < end {
                match piece[at] {
                    b'\t'..=b'\r' | b' ' => words.take(false),
                    b'!'..=b'~' => words.take(true),
                    0x80.. => {
                        if let Some((number, len)) = decode(&piece[at..]) {
                            let character = Character::of(number);
                            if character.is_space() || character.is_of_word() {
                                words.take(character.is_of_word());
                            }
                            at += len - 1;
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
        }
    }

    fn measure(&self, piece: &[u8], width: &mut Width) {
        // What was measured so far.
        let mut done = 0;
        for number in 0..piece.len().div_ceil(64) {
            let mut odd = self.odd[number];
            while odd != 0 {
                let at = number * 64 + odd.trailing_zeros() as usize;
                odd &= odd - 1;
                if at < done {
                    continue; // Inside of a character.
                }
                width.advance((at - done) as u64);
                done = at + 1;
                match piece[at] {
                    b'\n' | b'\r' | b'\x0c' => width.end_line(),
                    b'\t' => width.tab(),
                    0x80.. => {
                        if let Some((number, len)) = decode(&piece[at..]) {
                            width.advance(Character::of(number).width());
                            done = at + len;
                        }
                    }
                    _ => {}
                }
            }
        }
        width.advance((piece.len() - done) as u64);
    }
}

/// The characters of some bytes, and `None` for each byte that belongs to none.
struct Characters<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Iterator for Characters<'_> {
    type Item = Option<u32>;

    fn next(&mut self) -> Option<Option<u32>> {
        let byte = *self.bytes.get(self.at)?;
        let found = match byte {
            0..0x80 => Some((u32::from(byte), 1)),
            byte if is_continuation(byte) => None,
            _ => decode(&self.bytes[self.at..]),
        };
        self.at += found.map_or(1, |(_, len)| len);
        Some(found.map(|(number, _)| number))
    }
}

/// The counts of the text so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    counts: Counts,
    is_in_word: bool,
    column: u64,
}

impl Tally {
    /// Goes on with the next part.
    pub(super) fn add(&mut self, part: &Part) {
        let counts = &mut self.counts;
        counts.bytes += part.bytes;
        counts.lines += part.lines;
        counts.chars += part.chars;
        let goes_on = self.is_in_word && part.words.first == Some(true);
        counts.words += part.words.count - u64::from(goes_on);
        self.is_in_word = part.words.last.unwrap_or(self.is_in_word);
        let head_end = part.width.head.end(self.column);
        if let Some(tail) = part.width.tail {
            counts.longest_line = counts.longest_line.max(head_end).max(part.width.longest);
            self.column = tail;
        } else {
            self.column = head_end;
        }
    }

    /// The counts, if the text ends here.
    pub(super) fn finish(mut self) -> Counts {
        self.counts.longest_line = self.counts.longest_line.max(self.column);
        self.counts
    }
}

#[cfg(test)]
mod tests;
