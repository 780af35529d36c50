//! JSON that is not written in lines as JSON lines, byte for byte of equal length.
//!
//! `[{"a": 1}, {"a": 2}]` holds the same records as two JSON lines. [`JsonArrayStream`] turns one into the other while
//! the bytes go by, so that chunks are cut and parsed in parallel as those of any JSON lines, and every byte keeps its
//! offset in the file:
//!
//! | in the array | becomes |
//! |---|---|
//! | the outer `[` | a space |
//! | a comma between elements, the outer `]` | `\n` |
//! | a line end outside of strings | a space |
//! | a line end inside a string, which JSON does not allow | `\r`, which is as wrong |
//!
//! Where no array begins but an object, as in what `jq` prints, objects are records: line ends between them stay, and those
//! inside of them are replaced in the same way.
//!
//! Elements are not looked at: whether one is a well-formed object is for the parser of JSON lines to say. What cannot be
//! said of one record alone is an [`ArrayError`]: no array, a comma too many or too few, text behind the end, no end.
//!
//! A vector kernel tells strings and brackets ([`Kernel::json_nesting`]); inside of elements only brackets are
//! counted, and between them one byte after the other is judged. One core takes 5 GB/s of objects without line ends and
//! 3.4 of objects with one member a line (AVX2).
//!
//! ```
//! use tamis_engine::kernel::Kernel;
//! use tamis_engine::source::{ByteStream, MemorySource, Opened, RandomStream, Source};
//! use tamis_formats::json_array::JsonArrayStream;
//!
//! let source = MemorySource::new("m", b"[{\"a\":\n1},{}]".to_vec());
//! let Opened::Random(region) = source.open()? else { unreachable!("memory is random access") };
//! let mut lines = JsonArrayStream::new(Box::new(RandomStream::new(region)), 0, Kernel::detect());
//! let mut buffer = [0; 20];
//! let len = lines.read(&mut buffer)?;
//! assert_eq!(&buffer[..len], b" {\"a\": 1}\n{}\n");
//! # Ok::<(), tamis_engine::Error>(())
//! ```

#[cfg(test)]
mod tests;

use std::fmt;

use tamis_engine::kernel::{JsonNesting, JsonStrings, Kernel};
use tamis_engine::source::{Arrival, ByteStream};
use tamis_engine::{Error, Result};

/// Bytes whose masks are made at a time; those take half as much, and stay in the first-level cache.
const WINDOW_BYTES: usize = 16 << 10;

/// The bytes are no JSON array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {byte_offset}: expected {expected}, found {}{}", Found(.found), LineEnd(.line_end))]
pub struct ArrayError {
    /// Where it is noticed.
    pub byte_offset: u64,
    /// What could have stood there.
    pub expected: Expected,
    /// What stands there; `None`: the input ends.
    pub found: Option<u8>,
    /// Before that, the first line end inside a string: where a closing quote is missing, perhaps.
    pub line_end: Option<u64>,
}

/// What an array goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// At the start.
    Array,
    /// Behind the `[`.
    FirstValue,
    /// Behind a comma.
    Value,
    /// Behind a value.
    CommaOrEnd,
    /// Behind the `]`.
    Nothing,
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Expected::Array => "the `[` of an array or the `{` of an object",
            Expected::FirstValue => "a value or the `]` of the array",
            Expected::Value => "a value behind the comma",
            Expected::CommaOrEnd => "a comma or the `]` of the array",
            Expected::Nothing => "nothing behind the array",
        })
    }
}

struct Found<'a>(&'a Option<u8>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => formatter.write_str("the end of the input"),
            Some(byte @ b' '..=b'~') => write!(formatter, "`{}`", char::from(*byte)),
            Some(byte) => write!(formatter, "byte 0x{byte:02x}"),
        }
    }
}

struct LineEnd<'a>(&'a Option<u64>);

impl fmt::Display for LineEnd<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(at) => write!(
                formatter,
                " (a string runs over the line end at byte {at}: is its closing quote missing?)"
            ),
        }
    }
}

/// Where between the elements the array has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    /// There is no array: in or between objects.
    Objects,
    /// Behind `[`.
    First,
    /// Behind a comma.
    Next,
    /// In a string that is an element.
    Text,
    /// In a number or a word, or what looks like one.
    Word,
    /// Behind an element.
    Behind,
    /// Behind `]`.
    End,
}

/// Rewrites an array in pieces of any length.
#[derive(Debug)]
struct Rewriter {
    kernel: Kernel,
    strings: JsonStrings,
    blocks: Vec<JsonNesting>,
    /// Brackets that are open: 1 between elements, more inside of one.
    depth: u64,
    place: Place,
    byte_offset: u64,
    /// First line end inside a string.
    line_end: Option<u64>,
}

impl Rewriter {
    fn new(kernel: Kernel) -> Rewriter {
        Rewriter {
            kernel,
            strings: JsonStrings::default(),
            blocks: Vec::new(),
            depth: 0,
            place: Place::Start,
            byte_offset: 0,
            line_end: None,
        }
    }

    /// Rewrites what comes next; up to the byte of an error, if there is one.
    fn rewrite(&mut self, bytes: &mut [u8]) -> std::result::Result<(), ArrayError> {
        for window in bytes.chunks_mut(WINDOW_BYTES) {
            let mut blocks = std::mem::take(&mut self.blocks);
            self.kernel
                .json_nesting(window, &mut self.strings, &mut blocks);
            for (block, nesting) in window.chunks_mut(64).zip(&blocks) {
                self.rewrite_block(block, nesting)?;
                self.byte_offset += block.len() as u64;
            }
            self.blocks = blocks;
        }
        Ok(())
    }

    /// At the end of the input: was that an array?
    fn finish(&self) -> std::result::Result<(), ArrayError> {
        match self.place {
            // Half an object at the end is a bad record.
            Place::End | Place::Objects => Ok(()),
            place => Err(self.error(0, place, None)),
        }
    }

    /// Takes a block of at most 64 bytes.
    fn rewrite_block(
        &mut self,
        block: &mut [u8],
        nesting: &JsonNesting,
    ) -> std::result::Result<(), ArrayError> {
        let mut at = 0;
        while self.place == Place::Start && at < block.len() {
            self.step(block, nesting, at)?;
            at += 1;
        }
        if at == 64 {
            return Ok(());
        }
        if self.place == Place::Objects {
            self.pass_objects(block, nesting, at);
            return Ok(());
        }
        self.replace_line_ends(block, nesting, at);
        while at < block.len() {
            if self.depth > 1 {
                let Some(end) = self.element_end(nesting, at) else {
                    return Ok(());
                };
                at = end;
                continue;
            }
            self.step(block, nesting, at)?;
            at += 1;
        }
        Ok(())
    }

    fn replace_line_ends(&mut self, block: &mut [u8], nesting: &JsonNesting, from: usize) {
        let mut newlines = nesting.newlines & (!0 << from);
        while newlines != 0 {
            let at = newlines.trailing_zeros() as usize;
            newlines &= newlines - 1;
            let is_quoted = nesting.quoted >> at & 1 == 1;
            block[at] = if is_quoted { b'\r' } else { b' ' };
            if is_quoted {
                self.line_end.get_or_insert(self.byte_offset + at as u64);
            }
        }
    }

    /// Replaces line ends inside of objects.
    fn pass_objects(&mut self, block: &mut [u8], nesting: &JsonNesting, from: usize) {
        let mut bits = (nesting.openers | nesting.closers | nesting.newlines) & (!0 << from);
        while bits != 0 {
            let at = bits.trailing_zeros();
            bits &= bits - 1;
            if nesting.openers >> at & 1 == 1 {
                self.depth += 1;
            } else if nesting.closers >> at & 1 == 1 {
                self.depth = self.depth.saturating_sub(1);
            } else if self.depth > 0 {
                let is_quoted = nesting.quoted >> at & 1 == 1;
                block[at as usize] = if is_quoted { b'\r' } else { b' ' };
            }
        }
    }

    /// Takes one byte that is not inside of an element.
    fn step(
        &mut self,
        block: &mut [u8],
        nesting: &JsonNesting,
        at: usize,
    ) -> std::result::Result<(), ArrayError> {
        let is_quoted = nesting.quoted >> at & 1 == 1;
        let (place, byte) = self.between(block[at], is_quoted);
        self.place = place.ok_or_else(|| self.error(at, self.place, Some(block[at])))?;
        block[at] = byte;
        Ok(())
    }

    /// Where the object or array that is open at `at` ends in this block.
    fn element_end(&mut self, nesting: &JsonNesting, at: usize) -> Option<usize> {
        let mut brackets = (nesting.openers | nesting.closers) & (!0 << at);
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            brackets &= brackets - 1;
            if nesting.openers >> at & 1 == 1 {
                self.depth += 1;
                continue;
            }
            self.depth -= 1;
            if self.depth == 1 {
                self.place = Place::Behind;
                return Some(at as usize + 1);
            }
        }
        None
    }

    /// What a byte between elements leads to, unless it is wrong there, and what becomes of it.
    fn between(&mut self, byte: u8, is_quoted: bool) -> (Option<Place>, u8) {
        let place = match (byte, self.place) {
            (_, Place::Text) if is_quoted => Some(Place::Text),
            (b'"', Place::Text) => Some(Place::Behind),
            (b'"', Place::First | Place::Next) => Some(Place::Text),
            (b' ' | b'\t' | b'\r', Place::Word) => Some(Place::Behind),
            (b' ' | b'\t' | b'\r', place) => Some(place),
            (b'\n', Place::Start) => return (Some(Place::Start), b' '),
            (b'{', Place::Start) => {
                self.depth = 1;
                Some(Place::Objects)
            }
            (b'[', Place::Start) => {
                self.depth = 1;
                return (Some(Place::First), b' ');
            }
            (b'[' | b'{', Place::First | Place::Next) => {
                self.depth = 2;
                Some(Place::Behind)
            }
            (b',', Place::Word | Place::Behind) => return (Some(Place::Next), b'\n'),
            (b']', Place::First | Place::Word | Place::Behind) => {
                self.depth = 0;
                return (Some(Place::End), b'\n');
            }
            (b',' | b']' | b'}' | b'[' | b'{' | b'"', _) => None,
            (_, Place::First | Place::Next | Place::Word) => Some(Place::Word),
            _ => None,
        };
        (place, byte)
    }

    fn error(&self, at: usize, place: Place, found: Option<u8>) -> ArrayError {
        let byte_offset = self.byte_offset + at as u64;
        ArrayError {
            byte_offset,
            expected: match place {
                Place::Start | Place::Objects => Expected::Array,
                Place::First => Expected::FirstValue,
                Place::Next => Expected::Value,
                Place::Text | Place::Word | Place::Behind => Expected::CommaOrEnd,
                Place::End => Expected::Nothing,
            },
            found,
            // Those of the whole block are known already.
            line_end: self.line_end.filter(|&at| at < byte_offset),
        }
    }
}

/// The elements of a JSON array as lines.
#[derive(Debug)]
pub struct JsonArrayStream {
    input: Box<dyn ByteStream>,
    rewriter: Rewriter,
    /// Bytes of a byte order mark that are still to come.
    mark_bytes: usize,
    /// Behind the bytes that were given last.
    failed: Option<ArrayError>,
}

impl JsonArrayStream {
    /// The array in `input`, behind a byte order mark of `mark_bytes`.
    pub fn new(input: Box<dyn ByteStream>, mark_bytes: usize, kernel: Kernel) -> JsonArrayStream {
        JsonArrayStream {
            input,
            rewriter: Rewriter::new(kernel),
            mark_bytes,
            failed: None,
        }
    }

    /// Rewrites what was read; how many bytes of it are good.
    fn rewrite(&mut self, read: &mut [u8]) -> Result<usize> {
        let mark = self.mark_bytes.min(read.len());
        self.mark_bytes -= mark;
        self.rewriter.byte_offset += mark as u64;
        let start = self.rewriter.byte_offset;
        match self.rewriter.rewrite(&mut read[mark..]) {
            Ok(()) => Ok(read.len()),
            Err(error) => match mark + (error.byte_offset - start) as usize {
                0 => Err(self.producer(error)),
                good => {
                    self.failed = Some(error);
                    Ok(good)
                }
            },
        }
    }

    fn check_failed(&mut self) -> Result<()> {
        match self.failed.take() {
            Some(error) => Err(self.producer(error)),
            None => Ok(()),
        }
    }

    fn check_end(&self) -> Result<()> {
        let finished = self.rewriter.finish();
        finished.map_err(|error| self.producer(error))
    }

    fn producer(&self, error: ArrayError) -> Error {
        Error::Producer {
            input: self.input.name().to_owned(),
            source: Box::new(error),
        }
    }
}

impl ByteStream for JsonArrayStream {
    fn name(&self) -> &str {
        self.input.name()
    }

    fn backend(&self) -> &'static str {
        self.input.backend()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.check_failed()?;
        match self.input.read(buffer)? {
            0 if buffer.is_empty() => Ok(0),
            0 => self.check_end().map(|()| 0),
            count => self.rewrite(&mut buffer[..count]),
        }
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> Result<Arrival> {
        self.check_failed()?;
        match self.input.read_now(buffer)? {
            Arrival::Bytes(count) => self.rewrite(&mut buffer[..count]).map(Arrival::Bytes),
            Arrival::End => self.check_end().map(|()| Arrival::End),
            nothing => Ok(nothing),
        }
    }

    fn use_threads(&mut self, threads: usize) {
        self.input.use_threads(threads);
    }

    fn raw_bytes(&self) -> u64 {
        self.input.raw_bytes()
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        self.input.raw_len_bytes()
    }
}
