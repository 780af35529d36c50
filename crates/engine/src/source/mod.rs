//! Where bytes come from.
//!
//! A [`Source`] is a name that can be opened. Opening gives either random access to a region of
//! known length (a regular file, mapped or read by position; memory), or a stream (standard
//! input, a pipe, anything compressed or transcoded). Both hold the same promise: what comes
//! out is the input as it was when it was opened, or a typed [`Error`](crate::Error).
//!
//! | source | opened as |
//! |---|---|
//! | [`FileSource`], a regular file | random access: `mmap` or `read`, see [`Io`] |
//! | [`FileSource`], a named pipe, a device, `/proc`, an empty file | stream |
//! | [`StdinSource`], [`ReaderSource`] | stream, once |
//! | any of these, compressed (told by the first bytes) | stream: `gzip`, `zstd`, `lz4` |
//! | [`FollowSource`], a file that grows | stream, again when another file takes its place |
//! | [`MemorySource`] | random access, or a stream on request |
//!
//! No slice escapes the closure it was given to: a mapping may lose its pages at any moment,
//! and only after the closure returned is it known whether what it saw was real.
//!
//! ```
//! use tamis_engine::source::{MemorySource, Opened, Source};
//!
//! let source = MemorySource::new("fruit", "apple\npear\n");
//! let Opened::Random(bytes) = source.open()? else { unreachable!("memory is random access") };
//! bytes.with_range(6..10, &mut |pear| assert_eq!(pear, b"pear"))?;
//! # Ok::<(), tamis_engine::Error>(())
//! ```

mod codec;
mod fd;
mod file;
mod follow;
mod identity;
mod mapped;
mod memory;
mod once;
mod options;
mod peek;
mod pread;
mod raw;
mod sequential;
mod spool;

pub use codec::is_packed;
pub use file::FileSource;
pub use follow::{FollowSource, POLL};
pub use memory::MemorySource;
pub use once::{ReaderSource, StdinSource};
pub use options::{Growth, Io, MAX_EXPANSION_DEFAULT, ReadOptions};
pub use peek::{Peeked, peek, peek_line};
pub(crate) use pread::PreadFile;
pub use raw::TRICKLE_BYTES;
pub use sequential::{RandomStream, open_region};
pub use spool::SpooledSource;

use std::fmt::Debug;
use std::ops::Range;

use crate::Result;

/// An input that can be opened for reading.
pub trait Source: Send + Sync + Debug {
    /// The input's name as the user gave it; errors and reports use it.
    fn name(&self) -> &str;

    /// Opens the input at its start.
    ///
    /// # Errors
    /// [`Error::Open`](crate::Error::Open), or [`Error::Unsupported`](crate::Error::Unsupported) when
    /// a stream that cannot be replayed is opened a second time. A stream is looked at to see
    /// whether it is compressed, so that the errors of [`ByteStream::read`] can come here too.
    fn open(&self) -> Result<Opened>;

    /// Whether [`open`](Source::open) may be called again, giving the same bytes.
    fn is_repeatable(&self) -> bool;

    /// Whether the input, read to its end, goes on in another file, which the next [`open`](Source::open) gives.
    fn goes_on(&self) -> bool {
        false
    }

    /// What the bytes are, where the source knows and neither its name nor its content is to be asked: a media type with its
    /// parameters, such as `application/jsonl` or `text/csv; header=absent` (RFC 4180 §3).
    fn media_type(&self) -> Option<&str> {
        None
    }
}

/// An opened input.
#[derive(Debug)]
pub enum Opened {
    /// A region of known length, readable at any offset by several threads.
    Random(Box<dyn RandomAccess>),
    /// Bytes in order, once.
    Stream(Box<dyn ByteStream>),
}

/// Random access to the bytes of one input, from several threads at once.
pub trait RandomAccess: Send + Sync + Debug {
    /// The input's name as the user gave it.
    fn name(&self) -> &str;

    /// Length in bytes when the input was opened.
    fn len_bytes(&self) -> u64;

    /// When the input was last modified before it was opened, in nanoseconds since 1970; `None` where that means
    /// nothing (memory).
    fn modified_ns(&self) -> Option<i64> {
        None
    }

    /// Which back end this is, for `--perf`: `mmap`, `read`, `memory`, or `store`.
    fn backend(&self) -> &'static str;

    /// Whether [`with_range`](RandomAccess::with_range) shows bytes where they lie and copies none, so that a range costs
    /// what is looked at and not what was asked for.
    fn is_in_memory(&self) -> bool {
        false
    }

    /// Calls `visit` once with exactly the bytes of `range` (clipped to the input's length), in a
    /// buffer that stays valid for the call only. `visit` is not called when the bytes cannot be read.
    ///
    /// The bytes may change under `visit` when the file is mapped and somebody writes to it. What
    /// was checked once (that bytes are UTF-8, that a length fits) may be untrue a moment later:
    /// `visit` must not base anything unsafe on it.
    ///
    /// # Errors
    /// [`Error::Changed`](crate::Error::Changed) when the input is no longer what was opened; `visit`
    /// may then have seen wrong bytes, and its result must be thrown away.
    /// [`Error::Read`](crate::Error::Read) when the system cannot read.
    fn with_range(&self, range: Range<u64>, visit: &mut dyn FnMut(&[u8])) -> Result<()>;

    /// Fills `buffer` with the bytes from `start` on, all of which must lie inside of the input: for whoever keeps them
    /// longer than a call.
    ///
    /// # Errors
    /// As [`with_range`](RandomAccess::with_range); `buffer` may then hold anything.
    fn read_into(&self, start: u64, buffer: &mut [u8]) -> Result<()> {
        let end = start.saturating_add(buffer.len() as u64);
        self.with_range(start..end, &mut |bytes| {
            buffer[..bytes.len()].copy_from_slice(bytes);
        })
    }

    /// Says that the bytes of `range` will not be asked for again in this pass, so that their memory can go.
    /// Asking again nevertheless is allowed, and slower.
    fn release(&self, range: Range<u64>);

    /// Checks once more that the input is what was opened; called at the end of a pass.
    ///
    /// # Errors
    /// [`Error::Changed`](crate::Error::Changed).
    fn verify(&self) -> Result<()>;
}

/// The bytes of one input in order.
pub trait ByteStream: Send + Debug {
    /// The input's name as the user gave it.
    fn name(&self) -> &str;

    /// Which back end this is, for `--perf`: `stream`, `gzip`, `zstd`, `lz4`.
    fn backend(&self) -> &'static str;

    /// Reads up to `buffer.len()` bytes; 0 means the end (or an empty buffer). After an error the
    /// stream is spent.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read), [`Error::Corrupt`](crate::Error::Corrupt),
    /// [`Error::Changed`](crate::Error::Changed), [`Error::Expansion`](crate::Error::Expansion),
    /// [`Error::Encoding`](crate::Error::Encoding);
    /// [`Error::Interrupted`](crate::Error::Interrupted) for a cancelled run, never for a signal
    /// that merely interrupted a system call.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize>;

    /// Reads what is there now, and says so if there is nothing: for whoever has other things to do. A stream that
    /// cannot tell waits, as [`read`](ByteStream::read) does; others return after a tenth of a second at the latest.
    ///
    /// # Errors
    /// As [`read`](ByteStream::read).
    fn read_now(&mut self, buffer: &mut [u8]) -> Result<Arrival> {
        Ok(match self.read(buffer)? {
            0 => Arrival::End,
            count => Arrival::Bytes(count),
        })
    }

    /// Says that up to `threads` threads may work on this stream while it is read: archives of many parts are then unpacked
    /// in parallel ([`FileSource`] and all others that unpack). A stream over another one passes this on.
    fn use_threads(&mut self, _threads: usize) {}

    /// Bytes taken from the raw input so far (compressed bytes for a compressed one), for progress.
    fn raw_bytes(&self) -> u64;

    /// Size of the raw input, when known.
    fn raw_len_bytes(&self) -> Option<u64>;
}

/// What [`ByteStream::read_now`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing at the moment.
    Idle,
    /// Nothing ever again.
    End,
    /// Nothing wanted ever again: what follows the last complete record is half of one.
    Stopped,
}

/// `range` cut to an input of `len_bytes` bytes; never inverted.
fn clip(range: Range<u64>, len_bytes: u64) -> Range<u64> {
    let end = range.end.min(len_bytes);
    range.start.min(end)..end
}
