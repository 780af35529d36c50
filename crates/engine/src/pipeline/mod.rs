//! Source to chunks of whole records, mapped on all cores, merged in input order.
//!
//! [`run`] is the shape of every verb: it cuts an opened input into [`Chunk`]s that hold whole
//! records, calls `map` on them from several threads, and hands what `map` returned to `merge`, on
//! the calling thread and in input order. What comes out is the same for any number of
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

mod items;
mod random;
mod scan;
mod stream;
#[cfg(test)]
mod tests;
mod window;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::control::{Cancel, Progress};
use crate::framing::{Framing, State};
use crate::kernel::Kernel;
use crate::source::Opened;
use crate::{Error, Result};
pub use scan::scan_range;
use window::{Turn, Window};

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
    /// Worker threads; 1 maps and merges on the calling thread.
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

/// Where chunks come from. Shared by all workers.
trait Feed: Sync {
    /// A claimed chunk: an index for random access, a filled buffer for a stream.
    type Claimed;

    /// What is mapped: a [`Chunk`], unless the input is no bytes.
    type Unit<'u>;

    /// The input's name.
    fn name(&self) -> &str;

    /// The back end's name.
    fn backend(&self) -> &'static str;

    /// Bytes as stored before the first chunk that no [`Piece`] accounts for.
    fn raw_start(&self) -> u64;

    /// How many chunks there are, when that is known beforehand.
    fn total(&self) -> Option<u64>;

    /// Threads that can be kept busy, at most `threads`.
    fn useful_threads(&self, threads: usize) -> usize;

    /// Gets the next chunk. `claim` gives its index, in order, or `None` when the run ends.
    fn claim(&self, claim: &mut dyn FnMut() -> Option<u64>) -> Claim<Self::Claimed>;

    /// Finds the records of a claimed chunk and calls `visit` with them, unless there are none.
    fn visit(
        &self,
        index: u64,
        claimed: Self::Claimed,
        visit: impl FnMut(Self::Unit<'_>),
    ) -> Result<Piece>;

    /// Chunk `index` failed: nobody may wait for what it would have published.
    fn abandon(&self, index: u64);

    /// Checks that the input is still what it was when it was opened, where that can be told.
    fn verify(&self) -> Result<()>;
}

/// A claimed chunk with its index; `None` when the run ends. An error has the index of the chunk it came in place of.
type Claim<C> = std::result::Result<Option<(u64, C)>, (u64, Error)>;

/// The stretch of input a chunk stood for, for progress.
#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    /// First plain byte after it.
    end: u64,
    /// Plain bytes.
    bytes: u64,
    /// Bytes of the input as stored.
    raw_bytes: u64,
}

/// A part on its way to the merge; no part when the chunk held no record.
type Finished<P> = Result<(Piece, Option<P>)>;

/// Everything the workers share.
struct Run<'a, F, N, M, P> {
    feed: &'a F,
    options: &'a Options,
    new_worker: N,
    map: M,
    window: Window<Finished<P>>,
    read_nanos: AtomicU64,
    map_nanos: AtomicU64,
    merge_wait_nanos: AtomicU64,
}

fn drive<F: Feed, W, P: Send>(
    feed: &F,
    options: &Options,
    new_worker: impl Fn() -> W + Sync,
    map: impl Fn(&mut W, F::Unit<'_>) -> Result<P> + Sync,
    mut merge: impl FnMut(P) -> Result<Flow>,
) -> Result<Outcome> {
    let mut threads = feed.useful_threads(options.threads.max(1));
    let run = Run {
        feed,
        options,
        new_worker,
        map,
        window: Window::new(in_flight_max(threads)),
        read_nanos: AtomicU64::new(0),
        map_nanos: AtomicU64::new(0),
        merge_wait_nanos: AtomicU64::new(0),
    };
    if let Some(total) = feed.total() {
        run.window.close(total);
    }
    let mut merger = Merger {
        options,
        bytes: options.start,
        raw_bytes: feed.raw_start(),
        merge: &mut merge,
        stopped: false,
        busy: Duration::ZERO,
    };
    if threads == 1 {
        run.alternate(&mut merger)?;
    } else {
        std::thread::scope(|scope| {
            // Also when `merge` panics: workers must not wait for it for ever.
            let _stop = StopOnDrop(&run.window);
            let helps = feed.total().is_some();
            // With fewer threads than asked for it is slower, and no reason to give up.
            let spawned = (usize::from(helps)..threads).map_while(|_| {
                let builder = std::thread::Builder::new();
                builder.spawn_scoped(scope, || run.work()).ok()
            });
            let spawned = spawned.count();
            threads = spawned + usize::from(helps || spawned == 0);
            if helps {
                run.merge_and_map(&mut merger)
            } else if spawned == 0 {
                run.alternate(&mut merger)
            } else {
                run.merge(&mut merger)
            }
        })?;
    }
    if !merger.stopped {
        options.cancel.check()?;
        feed.verify()?;
    }
    Ok(Outcome {
        bytes: merger.bytes,
        raw_bytes: merger.raw_bytes,
        stopped: merger.stopped,
        backend: feed.backend(),
        threads,
        stages: Stages {
            read: Duration::from_nanos(run.read_nanos.load(Ordering::Relaxed)),
            map: Duration::from_nanos(run.map_nanos.load(Ordering::Relaxed)),
            merge_wait: Duration::from_nanos(run.merge_wait_nanos.load(Ordering::Relaxed)),
            merge: merger.busy,
        },
    })
}

/// Chunks that may be unfinished or unmerged at a time: enough that a slow chunk or a slow write
/// stalls nobody, few enough that their buffers stay in the last-level cache.
fn in_flight_max(threads: usize) -> usize {
    4 * threads
}

impl<F, N, M, W, P> Run<'_, F, N, M, P>
where
    F: Feed,
    N: Fn() -> W,
    M: Fn(&mut W, F::Unit<'_>) -> Result<P>,
{
    /// A worker thread: claims, maps and finishes until there is nothing left.
    fn work(&self) {
        let mut worker = None;
        while let Some((index, finished)) = self.next(&mut worker, || self.window.claim()) {
            if !self.finish(index, finished) {
                return;
            }
        }
    }

    /// Hands over what a worker finished; whether the run goes on.
    fn finish(&self, index: u64, finished: Finished<P>) -> bool {
        let failed = finished.is_err();
        self.window.finish(index, finished);
        if failed {
            self.window.stop();
        }
        !failed
    }

    /// The calling thread where others map.
    fn merge(&self, merger: &mut Merger<'_, impl FnMut(P) -> Result<Flow>>) -> Result<()> {
        while let Some(finished) = self.window.take() {
            if merger.take(finished)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    /// The calling thread as one of those that map, while there is nothing to merge: no thread more than cores, and none to be
    /// woken for each chunk. Where a claim may have to wait for input this would hold up what is finished.
    fn merge_and_map(&self, merger: &mut Merger<'_, impl FnMut(P) -> Result<Flow>>) -> Result<()> {
        let mut worker = None;
        loop {
            match self.window.take_or_claim() {
                Some(Turn::Merge(finished)) => {
                    if merger.take(finished)? == Flow::Stop {
                        return Ok(());
                    }
                }
                Some(Turn::Map(claimed)) => {
                    if let Some((index, finished)) = self.next(&mut worker, || Some(claimed)) {
                        self.finish(index, finished);
                    }
                }
                None => return Ok(()),
            }
        }
    }

    /// One thread for everything.
    fn alternate(&self, merger: &mut Merger<'_, impl FnMut(P) -> Result<Flow>>) -> Result<()> {
        let mut worker = None;
        while let Some((index, finished)) = self.next(&mut worker, || self.window.claim()) {
            self.window.finish(index, finished);
            let finished = self.window.take().expect("it was finished just now");
            if merger.take(finished)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    /// Maps the chunk that `claim` gives. `None` when there are no more.
    fn next(
        &self,
        worker: &mut Option<W>,
        mut claim: impl FnMut() -> Option<u64>,
    ) -> Option<(u64, Finished<P>)> {
        // Before there is a piece for it: a worker that takes over what another left would put the piece behind later ones.
        let made = catch_unwind(AssertUnwindSafe(|| {
            worker.get_or_insert_with(&self.new_worker);
        }));
        let mut waited = Duration::ZERO;
        let mut timed_claim = || {
            if self.options.cancel.is_cancelled() {
                self.window.stop();
            }
            let before = Instant::now();
            let index = claim();
            waited = before.elapsed();
            self.merge_wait_nanos
                .fetch_add(waited.as_nanos() as u64, Ordering::Relaxed);
            index
        };
        let before = Instant::now();
        let found = self.feed.claim(&mut timed_claim);
        add_elapsed(&self.read_nanos, before + waited);
        let (index, claimed) = match found {
            Ok(Some(claimed)) => claimed,
            Ok(None) => {
                // The stream has ended, or the run was stopped.
                self.window.close_here();
                return None;
            }
            Err((index, error)) => return Some((index, Err(error))),
        };
        let before = Instant::now();
        let mapped = made.and_then(|()| {
            let worker = worker.as_mut().expect("it has been made");
            catch_unwind(AssertUnwindSafe(|| self.map_one(index, claimed, worker)))
        });
        add_elapsed(&self.map_nanos, before);
        let finished = mapped.unwrap_or_else(|panic| {
            // Mapped bytes that change between two looks may break what the code relies on; then that is the
            // error, and not ours.
            self.feed.verify()?;
            Err(Error::Panicked {
                input: self.feed.name().to_owned(),
                message: panic_message(panic.as_ref()),
            })
        });
        if finished.is_err() {
            self.feed.abandon(index);
        }
        Some((index, finished))
    }

    fn map_one(&self, index: u64, claimed: F::Claimed, worker: &mut W) -> Finished<P> {
        let mut part = None;
        let piece = self.feed.visit(index, claimed, |chunk| {
            part = Some((self.map)(worker, chunk));
        })?;
        Ok((piece, part.transpose()?))
    }
}

/// The merging side of a run.
struct Merger<'a, G> {
    options: &'a Options,
    merge: &'a mut G,
    bytes: u64,
    raw_bytes: u64,
    stopped: bool,
    busy: Duration,
}

impl<G> Merger<'_, G> {
    fn take<P>(&mut self, finished: Finished<P>) -> Result<Flow>
    where
        G: FnMut(P) -> Result<Flow>,
    {
        let (piece, part) = finished?;
        self.bytes = piece.end;
        self.raw_bytes += piece.raw_bytes;
        let mut flow = Flow::Continue;
        if let Some(part) = part {
            let before = Instant::now();
            flow = (self.merge)(part)?;
            self.busy += before.elapsed();
            self.stopped = flow == Flow::Stop;
        }
        // Last: who sees these bytes counted finds what came of them.
        self.options.progress.add_plain_bytes(piece.bytes);
        self.options.progress.add_raw_bytes(piece.raw_bytes);
        Ok(flow)
    }
}

struct StopOnDrop<'a, P>(&'a Window<P>);

impl<P> Drop for StopOnDrop<'_, P> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn add_elapsed(nanos: &AtomicU64, since: Instant) {
    nanos.fetch_add(since.elapsed().as_nanos() as u64, Ordering::Relaxed);
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a worker panicked")
        .to_owned()
}
