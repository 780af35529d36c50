//! The bytes of a stream as they are stored, before any decompression.
//!
//! [`RawInput`] is the one reader under every stream: it buffers, counts, can look ahead (to tell
//! what it has before it), and knows its name, so that every failure below it becomes an
//! [`Error`] with name and offset. Decoders speak `io::Error`; our errors travel through
//! them as the inner value of one, and [`unwrap`] takes them out again at the other end.

use std::fmt;
use std::io::{self, BufRead, Read};

use super::{Arrival, ByteStream};
use crate::{Error, Result};

/// Larger than a pipe holds; small enough to stay in the second-level cache beside a decoder's tables.
const BUFFER_BYTES: usize = 128 << 10;

/// A stream that gives less at a time is slower than we are: a pipe that is kept full gives as much.
pub const TRICKLE_BYTES: usize = 64 << 10;

/// A buffered, counted stream of raw bytes.
pub(super) struct RawInput {
    name: String,
    reader: Box<dyn Read + Send>,
    len_bytes: Option<u64>,
    buffer: Vec<u8>,
    /// The bytes of `buffer` that were read and not yet consumed.
    start: usize,
    end: usize,
    consumed_bytes: u64,
    is_at_end: bool,
    is_starved: bool,
    /// The reader last gave less than it was asked for, and less than [`TRICKLE_BYTES`].
    is_trickling: bool,
}

impl RawInput {
    pub(super) fn new(name: String, reader: Box<dyn Read + Send>, len_bytes: Option<u64>) -> Self {
        Self {
            name,
            reader,
            len_bytes,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            consumed_bytes: 0,
            is_at_end: false,
            is_starved: false,
            is_trickling: false,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes consumed, those still in the buffer not included.
    pub(super) fn consumed_bytes(&self) -> u64 {
        self.consumed_bytes
    }

    pub(super) fn len_bytes(&self) -> Option<u64> {
        self.len_bytes
    }

    /// Whether the last `read` found nothing left: how a decoder that takes the end of input for
    /// the end of its data is found out.
    pub(super) fn is_starved(&self) -> bool {
        self.is_starved
    }

    /// The next bytes without consuming them: at least `count`, fewer only at the end of the input.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.end - self.start < count {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        while self.end - self.start < count && !self.is_at_end {
            let count = self.fetch(self.end..self.buffer.len())?;
            self.end += count;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Consumes `count` bytes.
    ///
    /// # Errors
    /// `UnexpectedEof` when there are fewer.
    pub(super) fn skip(&mut self, mut count: u64) -> io::Result<()> {
        while count > 0 {
            let available = self.fill_buf()?.len();
            if available == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let step = available.min(usize::try_from(count).unwrap_or(usize::MAX));
            self.consume(step);
            count -= step as u64;
        }
        Ok(())
    }

    /// Puts back bytes that were consumed: they come again before everything else.
    pub(super) fn put_back(&mut self, mut bytes: Vec<u8>) {
        self.consumed_bytes = self.consumed_bytes.saturating_sub(bytes.len() as u64);
        bytes.extend_from_slice(&self.buffer[self.start..self.end]);
        (self.start, self.end) = (0, 0);
        let tail: Box<dyn Read + Send> = match std::mem::take(&mut self.is_at_end) {
            true => Box::new(io::empty()),
            false => std::mem::replace(&mut self.reader, Box::new(io::empty())),
        };
        self.reader = Box::new(io::Cursor::new(bytes).chain(tail));
    }

    /// Reads from below into a part of the buffer; the end, once seen, is final.
    fn fetch(&mut self, into: std::ops::Range<usize>) -> io::Result<usize> {
        let wanted = into.len();
        let result = self.reader.read(&mut self.buffer[into]);
        self.judge(result, wanted)
    }

    fn judge(&mut self, result: io::Result<usize>, wanted: usize) -> io::Result<usize> {
        let count = result.map_err(|error| {
            let byte_offset = self.consumed_bytes + (self.end - self.start) as u64;
            let read = |source| Error::Read {
                input: self.name.clone(),
                byte_offset,
                source,
            };
            io::Error::other(unwrap(error, read))
        })?;
        self.is_at_end = count == 0;
        self.is_trickling = count < wanted.min(TRICKLE_BYTES);
        Ok(count)
    }
}

impl Read for RawInput {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = if self.start == self.end && out.len() >= BUFFER_BYTES && !self.is_at_end {
            // Large reads go past the buffer: one copy less.
            let result = self.reader.read(out);
            let count = self.judge(result, out.len())?;
            self.consumed_bytes += count as u64;
            count
        } else {
            let available = self.fill_buf()?;
            let count = available.len().min(out.len());
            out[..count].copy_from_slice(&available[..count]);
            self.consume(count);
            count
        };
        self.is_starved = count == 0 && !out.is_empty();
        Ok(count)
    }
}

impl BufRead for RawInput {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek(1)
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        self.consumed_bytes += count as u64;
    }
}

impl fmt::Debug for RawInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawInput")
            .field("name", &self.name)
            .field("consumed_bytes", &self.consumed_bytes)
            .finish_non_exhaustive()
    }
}

/// The engine's error that `error` carries, or else what `otherwise` makes of it.
pub(super) fn unwrap(error: io::Error, otherwise: impl FnOnce(io::Error) -> Error) -> Error {
    error.downcast::<Error>().unwrap_or_else(otherwise)
}

/// A stream whose raw bytes are its plain bytes.
#[derive(Debug)]
pub(super) struct PlainStream {
    raw: RawInput,
    is_live: bool,
    /// Little came last: the next read may wait.
    may_wait: bool,
}

impl PlainStream {
    pub(super) fn new(raw: RawInput, is_live: bool) -> PlainStream {
        PlainStream {
            raw,
            is_live,
            may_wait: false,
        }
    }
}

impl ByteStream for PlainStream {
    fn name(&self) -> &str {
        self.raw.name()
    }

    fn backend(&self) -> &'static str {
        "stream"
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.raw.read(buffer).map_err(|error| {
            let (input, byte_offset) = (self.raw.name.clone(), self.raw.consumed_bytes);
            unwrap(error, |source| Error::Read {
                input,
                byte_offset,
                source,
            })
        })
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> Result<Arrival> {
        if std::mem::take(&mut self.may_wait) {
            return Ok(Arrival::Idle);
        }
        let count = self.read(buffer)?;
        let is_drained = self.raw.start == self.raw.end && self.raw.is_trickling;
        self.may_wait = self.is_live && is_drained && count > 0;
        Ok(match count {
            0 => Arrival::End,
            count => Arrival::Bytes(count),
        })
    }

    fn raw_bytes(&self) -> u64 {
        self.raw.consumed_bytes
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        self.raw.len_bytes
    }
}
