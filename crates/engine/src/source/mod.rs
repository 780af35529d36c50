//! Where bytes come from.
//!
//! A [`Source`] is a name that can be opened. Opening gives either random access to a region of
//! known length (a regular file, mapped or read by position; memory), or a stream (standard
//! input, a pipe, anything compressed or transcoded). Both hold the same promise: what comes
//! out is the input as it was when it was opened, or a typed [`Error`](crate::Error).
//!
//! No slice escapes the closure it was given to: a mapping may lose its pages at any moment,
//! and only after the closure returned is it known whether what it saw was real.

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
    /// a stream that cannot be replayed is opened a second time.
    fn open(&self) -> Result<Opened>;

    /// Whether [`open`](Source::open) may be called again, giving the same bytes.
    fn is_repeatable(&self) -> bool;
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

    /// Which back end this is, for `--perf`: `mmap`, `read` or `memory`.
    fn backend(&self) -> &'static str;

    /// Calls `visit` once with exactly the bytes of `range` (clipped to the input's length), in a
    /// buffer that stays valid for the call only.
    ///
    /// # Errors
    /// [`Error::Changed`](crate::Error::Changed) when the input is no longer what was opened; `visit`
    /// may then have seen wrong bytes, and its result must be thrown away.
    /// [`Error::Read`](crate::Error::Read) when the system cannot read.
    fn with_range(&self, range: Range<u64>, visit: &mut dyn FnMut(&[u8])) -> Result<()>;

    /// Says that the bytes of `range` will not be asked for again in this pass, so that their memory can go.
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

    /// Reads up to `buffer.len()` bytes; 0 means the end. Never returns `Interrupted`.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read), [`Error::Corrupt`](crate::Error::Corrupt),
    /// [`Error::Expansion`](crate::Error::Expansion), [`Error::Interrupted`](crate::Error::Interrupted).
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize>;

    /// Bytes taken from the raw input so far (compressed bytes for a compressed one), for progress.
    fn raw_bytes(&self) -> u64;

    /// Size of the raw input, when known.
    fn raw_len_bytes(&self) -> Option<u64>;
}
