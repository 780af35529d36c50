//! A part of an input: lines that start in a range of bytes, or lines by number.
//!
//! What lies outside is not searched. In a file the bytes outside are not read either, but that lines are counted up to the end of a
//! range of lines, and up to the start of any range if they are to be numbered. Of a stream, what lies before must be read and is thrown away.

use std::ops::Range;

use tamis_engine::Result;
use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::{self, Flow, Options};
use tamis_engine::source::{Arrival, ByteStream, RandomAccess};

/// What of an input is searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    #[default]
    All,
    /// Lines that start at these byte offsets, from 0.
    Bytes(Range<u64>),
    /// These lines, the first being 0.
    Lines(Range<u64>),
}

/// Where an extent lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Lines that start from here on ...
    pub(super) start: u64,
    /// ... to here belong to it.
    pub(super) end: u64,
    /// Lines before, if they were counted.
    pub(super) lines_before: u64,
}

impl Extent {
    /// Finds the extent in `file`, whose lines end with `terminator`. `numbered`: the lines before are to be counted.
    pub(super) fn find(
        &self,
        file: &dyn RandomAccess,
        terminator: u8,
        numbered: bool,
        options: &Options,
    ) -> Result<Place> {
        let len = file.len_bytes();
        match self {
            Extent::All => Ok(Place {
                start: 0,
                end: len,
                lines_before: 0,
            }),
            Extent::Bytes(bytes) => {
                let start = line_start(file, terminator, bytes.start.min(len))?;
                let lines_before = match numbered {
                    true => count(file, terminator, start, options)?,
                    false => 0,
                };
                Ok(Place {
                    start,
                    end: bytes.end.clamp(start, len),
                    lines_before,
                })
            }
            Extent::Lines(lines) => {
                let start = skip(file, terminator, 0, lines.start, options)?;
                let count = lines.end.saturating_sub(lines.start);
                let end = skip(file, terminator, start, count, options)?;
                Ok(Place {
                    start,
                    end,
                    lines_before: lines.start,
                })
            }
        }
    }
}

/// Bytes read at a time where one looks for one place.
const STEP_BYTES: u64 = 64 << 10;

/// The first byte at or behind `from` where a line starts.
fn line_start(file: &dyn RandomAccess, terminator: u8, from: u64) -> Result<u64> {
    let Some(mut at) = from.checked_sub(1) else {
        return Ok(0);
    };
    while at < file.len_bytes() {
        let mut found = None;
        file.with_range(at..at + STEP_BYTES, &mut |bytes| {
            found = memchr::memchr(terminator, bytes);
        })?;
        if let Some(found) = found {
            return Ok(at + found as u64 + 1);
        }
        at += STEP_BYTES;
    }
    Ok(file.len_bytes())
}

/// Terminators before `end`.
fn count(file: &dyn RandomAccess, terminator: u8, end: u64, options: &Options) -> Result<u64> {
    let mut lines = 0;
    each_piece(file, 0..end, terminator, options, |_, counted| {
        lines += counted;
        Flow::Continue
    })?;
    Ok(lines)
}

/// Where the line starts that comes `lines` lines behind the one at `start`.
fn skip(
    file: &dyn RandomAccess,
    terminator: u8,
    start: u64,
    mut lines: u64,
    options: &Options,
) -> Result<u64> {
    if lines == 0 {
        return Ok(start);
    }
    let mut last = None;
    each_piece(
        file,
        start..file.len_bytes(),
        terminator,
        options,
        |piece, counted| {
            if counted < lines {
                lines -= counted;
                return Flow::Continue;
            }
            last = Some(piece);
            Flow::Stop
        },
    )?;
    let Some(piece) = last else {
        return Ok(file.len_bytes());
    };
    let mut end = piece.end;
    file.with_range(piece.clone(), &mut |bytes| {
        let mut ends = memchr::memchr_iter(terminator, bytes);
        if let Some(at) = ends.nth(lines as usize - 1) {
            end = piece.start + at as u64 + 1;
        }
    })?;
    Ok(end)
}

/// Counts terminators on all cores, piece by piece in their order.
fn each_piece(
    file: &dyn RandomAccess,
    range: Range<u64>,
    terminator: u8,
    options: &Options,
    mut visit: impl FnMut(Range<u64>, u64) -> Flow,
) -> Result<()> {
    let size = options.chunk_bytes as u64;
    let pieces = (range.start..range.end).step_by(options.chunk_bytes);
    let pieces = pieces.map(|start| Ok(start..(start + size).min(range.end)));
    pipeline::run_items(
        file.name(),
        pieces,
        options,
        || (),
        |(), piece: Range<u64>| {
            let mut counted = 0;
            file.with_range(piece.clone(), &mut |bytes| {
                counted = options.kernel.count_byte(bytes, terminator) as u64;
            })?;
            file.release(piece.clone());
            Ok((piece, counted))
        },
        |(piece, counted)| Ok(visit(piece, counted)),
    )?;
    Ok(())
}

/// A stream cut to an extent.
#[derive(Debug)]
pub(super) struct CutStream {
    stream: Box<dyn ByteStream>,
    terminator: u8,
    kernel: Kernel,
    extent: Extent,
    /// Bytes read of `stream`, and lines among them.
    offset: u64,
    lines: u64,
    is_at_end: bool,
}

impl CutStream {
    /// Cuts `stream`, and reads up to where `extent` starts.
    pub(super) fn new(
        stream: Box<dyn ByteStream>,
        terminator: u8,
        extent: Extent,
        kernel: Kernel,
    ) -> Self {
        Self {
            stream,
            terminator,
            kernel,
            extent,
            offset: 0,
            lines: 0,
            is_at_end: false,
        }
    }

    /// Reads what lies before the extent. Returns its start and the lines before.
    pub(super) fn skip(&mut self) -> Result<(u64, u64)> {
        let mut byte = [0; 1];
        let mut buffer = vec![0; STEP_BYTES as usize];
        let mut is_line_start = true;
        loop {
            let (missing_bytes, missing_lines) = match &self.extent {
                Extent::All => (0, 0),
                Extent::Bytes(bytes) => (bytes.start.saturating_sub(self.offset), 0),
                Extent::Lines(lines) => (0, lines.start.saturating_sub(self.lines)),
            };
            if missing_bytes == 0 && missing_lines == 0 && is_line_start {
                self.is_at_end = self.is_empty();
                return Ok((self.offset, self.lines));
            }
            // Each line has a byte at least, so that many can be read without going too far.
            let far = missing_bytes.max(missing_lines).min(STEP_BYTES) as usize;
            let read = match far {
                0 | 1 => self.stream.read(&mut byte)?,
                _ => self.stream.read(&mut buffer[..far])?,
            };
            let bytes = if far <= 1 {
                &byte[..read]
            } else {
                &buffer[..read]
            };
            let Some(last) = bytes.last() else {
                self.is_at_end = true;
                return Ok((self.offset, self.lines));
            };
            is_line_start = *last == self.terminator;
            self.advance(bytes);
        }
    }

    fn advance(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.lines += self.kernel.count_byte(bytes, self.terminator) as u64;
    }

    /// How many of `bytes`, which come next, belong to the extent.
    fn kept(&mut self, bytes: &[u8]) -> usize {
        let mut ends = memchr::memchr_iter(self.terminator, bytes);
        let last = match &self.extent {
            Extent::All => None,
            Extent::Bytes(range) => {
                // The line that holds the byte before the end is the last one.
                let from = range.end.saturating_sub(self.offset + 1);
                ends.find(|at| *at as u64 >= from)
            }
            Extent::Lines(range) => {
                let left = range.end.saturating_sub(self.lines + 1);
                usize::try_from(left).ok().and_then(|left| ends.nth(left))
            }
        };
        self.is_at_end = last.is_some();
        last.map_or(bytes.len(), |at| at + 1)
    }

    /// Whether no further line belongs to the extent.
    fn is_empty(&self) -> bool {
        match &self.extent {
            Extent::All => false,
            Extent::Bytes(range) => range.end <= self.offset,
            Extent::Lines(range) => range.end <= self.lines,
        }
    }

    fn take(&mut self, buffer: &[u8]) -> usize {
        let kept = self.kept(buffer);
        self.advance(&buffer[..kept]);
        kept
    }
}

impl ByteStream for CutStream {
    fn name(&self) -> &str {
        self.stream.name()
    }

    fn backend(&self) -> &'static str {
        self.stream.backend()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.is_at_end {
            return Ok(0);
        }
        let read = self.stream.read(buffer)?;
        Ok(self.take(&buffer[..read]))
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> Result<Arrival> {
        if self.is_at_end {
            return Ok(Arrival::End);
        }
        Ok(match self.stream.read_now(buffer)? {
            Arrival::Bytes(read) => Arrival::Bytes(self.take(&buffer[..read])),
            other => other,
        })
    }

    fn use_threads(&mut self, threads: usize) {
        self.stream.use_threads(threads);
    }

    fn raw_bytes(&self) -> u64 {
        self.stream.raw_bytes()
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        self.stream.raw_len_bytes()
    }
}
