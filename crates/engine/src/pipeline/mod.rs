//! Source to chunks of whole records, mapped on all cores, merged in input order.
//!
//! [`run`] is the shape of every verb: it cuts an opened input into [`Chunk`]s that hold whole
//! records, calls `map` on them from several threads, and hands what `map` returned to `merge`, on
//! the calling thread, which maps as well while there is nothing to merge, and in input order. What comes out is the same for any number of
//! threads and any chunk size.
//!
//! The parts:
//! - [`random`] cuts inputs with random access: fixed byte ranges, claimed in order, each owning the records
//!   that *start* in it; where the first one starts is found by look-back over the chunks before
//!   ([`crate::lookback`]);
//! - [`stream`] cuts streams: whoever holds the reader fills a buffer and keeps the unfinished record
//!   for the next one, so that reading and decompressing overlap with the mapping of earlier chunks;
//! - [`scan`] says what a range does to the framing before anybody knows its start state; [`scan_range`] does so for
//!   whoever divides an input among machines and runs each range by itself ([`Options::end`], [`Options::start_state`]);
//! - [`items`] hands out what an iterator yields, for input that is no bytes ([`run_items`]);
//! - [`mod@drive`] is the run itself, whatever the input: who claims, maps and merges;
//! - [`window`] bounds how far workers run ahead of the merge, and with that the memory.
//!
//! ```
//! use tamis_engine::framing::Framing;
//! use tamis_engine::pipeline::{self, Flow, Options};
//! use tamis_engine::source::{MemorySource, Source};
//!
//! let source = MemorySource::new("numbers", b"1\n2\n3\n".to_vec());
//! let mut sum = 0;
//! pipeline::run(
//!     source.open()?,
//!     Framing::Lines,
//!     &Options { chunk_bytes: 2, ..Options::default() },
//!     || (),
//!     |(), chunk| {
//!         let text = std::str::from_utf8(chunk.bytes).expect("digits");
//!         Ok(text.lines().map(|line| line.parse::<u32>().expect("a number")).sum::<u32>())
//!     },
//!     |part| {
//!         sum += part;
//!         Ok(Flow::Continue)
//!     },
//! )?;
//! assert_eq!(sum, 6);
//! # Ok::<(), tamis_engine::Error>(())
//! ```

mod drive;
mod items;
mod random;
mod scan;
mod stream;
#[cfg(test)]
mod tests;
mod window;

use std::time::Duration;

use crate::control::{Cancel, Progress};
use crate::framing::{Framing, State};
use crate::kernel::Kernel;
use crate::source::Opened;
use crate::{Error, Result};
use drive::drive;
pub use scan::scan_range;

/// Chunk size when nobody says otherwise: of 128 KiB to 4 MiB the fastest here, since a chunk stays in a
/// core's second-level cache from the border scan to the parse (docs/PERFORMANCE.md).
pub const CHUNK_BYTES_DEFAULT: usize = 512 << 10;

/// Longest record when nobody says otherwise.
pub const RECORD_BYTES_MAX_DEFAULT: usize = 64 << 20;

/// A run never splits an input into chunks smaller than this only to keep all threads busy.
const CHUNK_BYTES_WORTH_A_THREAD: usize = 64 << 10;

/// How a run is to go.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that map. Where the input has random access the calling one is among them; 1 maps and merges on it alone.
    pub threads: usize,
    /// About how long a chunk is, before it is cut on a record border.
    pub chunk_bytes: usize,
    /// A record longer than this, terminator included, is an error.
    pub record_bytes_max: usize,
    /// Where the run begins: at the first record (after a byte order mark and a header), or at any byte if
    /// `start_state` says how the bytes before it leave the framing.
    pub start: u64,
    /// Do not wait for a chunk to fill up: when a stream is idle or slow, map the complete records that are there.
    /// When there are none, map an empty chunk, so that the merge hears that time passes.
    pub live: bool,
    /// Only records that start before this byte belong to the run; the last of them is read to its own end. `None`:
    /// all to the end of the input. For inputs with random access.
    pub end: Option<u64>,
    /// The framing's state at `start`. Anything but [`State::RecordStart`] is for inputs with random access.
    pub start_state: State,
    /// The instruction set to scan with.
    pub kernel: Kernel,
    /// Stops the run from outside.
    pub cancel: Cancel,
    /// Told about bytes as they are merged.
    pub progress: Progress,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            threads: 1,
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            record_bytes_max: RECORD_BYTES_MAX_DEFAULT,
            start: 0,
            live: false,
            end: None,
            start_state: State::RecordStart,
            kernel: Kernel::detect(),
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }
}

/// Whole records, in the order of the input.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Where `bytes` start in the input (after decompression).
    pub byte_offset: u64,
    /// From the first byte of a record to the last byte of one; empty only in a [live](Options::live) run.
    pub bytes: &'a [u8],
    /// The input is known to end here, so that the last record may lack its terminator. (A stream that ends with a
    /// complete record may not know yet.)
    pub at_end: bool,
}

/// What `merge` wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next part.
    Continue,
    /// Nothing more: end the run early, successfully.
    Stop,
}

/// What a finished run says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Plain bytes from the start of the input to the last byte merged.
    pub bytes: u64,
    /// Bytes of the input as stored, up to there.
    pub raw_bytes: u64,
    /// Whether `merge` ended the run before the input did.
    pub stopped: bool,
    /// The back end the bytes came from: `mmap`, `read`, `memory`, `stream`, `gzip`, ...
    pub backend: &'static str,
    /// Threads that mapped.
    pub threads: usize,
    /// Where the time went.
    pub stages: Stages,
}

impl std::ops::AddAssign for Stages {
    fn add_assign(&mut self, more: Stages) {
        self.read += more.read;
        self.map += more.map;
        self.merge_wait += more.merge_wait;
        self.merge += more.merge;
    }
}

/// Time spent in each stage, summed over the threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Reading, decompressing and cutting a stream, which one thread at a time does. Reads of an input with random access
    /// are part of `map`.
    pub read: Duration,
    /// Getting bytes, finding borders and mapping.
    pub map: Duration,
    /// Workers waiting because the merge is behind.
    pub merge_wait: Duration,
    /// Merging, on the calling thread.
    pub merge: Duration,
}

/// Runs `map` over all chunks of `input` and `merge` over what it returns, in order.
///
/// `new_worker` makes the scratch state of one thread, which gets chunks in their order; who takes over what a worker left
/// that was dropped gets none before those. Chunks without a record (inside a very long
/// one) are not mapped. `map` runs on `options.threads` threads, `merge` on the calling one.
///
/// # Errors
/// The first error in input order, of the source, of `map` or of `merge`; parts before it have been
/// merged. [`Error::RecordTooLong`] for a record over the limit, [`Error::Interrupted`] after a
/// cancellation, [`Error::Panicked`] when `map` panicked.
pub fn run<W, P: Send>(
    input: Opened,
    framing: Framing,
    options: &Options,
    new_worker: impl Fn() -> W + Sync,
    map: impl Fn(&mut W, Chunk<'_>) -> Result<P> + Sync,
    merge: impl FnMut(P) -> Result<Flow>,
) -> Result<Outcome> {
    match input {
        Opened::Random(access) => {
            let feed = random::RandomFeed::new(access.as_ref(), framing, options);
            drive(&feed, options, new_worker, map, merge)
        }
        Opened::Stream(stream) => {
            if options.end.is_some() || options.start_state != State::RecordStart {
                return Err(Error::Unsupported {
                    input: stream.name().to_owned(),
                    reason: "a stream can only be read from its start to its end, not in ranges"
                        .to_owned(),
                });
            }
            let feed = stream::StreamFeed::new(stream, framing, options)?;
            drive(&feed, options, new_worker, map, merge)
        }
    }
}

/// Runs `map` over all `items` and `merge` over what it returns, in order: [`run`] for what is no bytes.
///
/// One worker at a time asks for the next item, on its own thread; so the items may be made while others are mapped.
/// At most four per thread are held at a time. `name` stands for the input in errors; of `options` only the
/// threads, the cancellation and the progress matter, and items count no bytes.
///
/// ```
/// use tamis_engine::pipeline::{self, Flow, Options};
///
/// let mut texts = Vec::new();
/// pipeline::run_items(
///     "numbers",
///     (1..=3).map(Ok),
///     &Options { threads: 2, ..Options::default() },
///     || (),
///     |(), number: u32| Ok(number.to_string()),
///     |text| {
///         texts.push(text);
///         Ok(Flow::Continue)
///     },
/// )?;
/// assert_eq!(texts, ["1", "2", "3"]);
/// # Ok::<(), tamis_engine::Error>(())
/// ```
///
/// # Errors
/// The first error in the order of the items: one of theirs, of `map` or of `merge`. [`Error::Interrupted`] after a
/// cancellation, [`Error::Panicked`] when `map` or the iterator panicked.
pub fn run_items<T, W, P: Send>(
    name: &str,
    items: impl Iterator<Item = Result<T>> + Send,
    options: &Options,
    new_worker: impl Fn() -> W + Sync,
    map: impl Fn(&mut W, T) -> Result<P> + Sync,
    merge: impl FnMut(P) -> Result<Flow>,
) -> Result<Outcome> {
    let feed = items::ItemFeed::new(name, items);
    drive(&feed, options, new_worker, map, merge)
}
