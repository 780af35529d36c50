//! A run: workers claim chunks, map them and hand them over; the calling thread merges them in order.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::window::{Turn, Window};
use super::{Flow, Options, Outcome, Stages};
use crate::{Error, Result};

/// Where chunks come from. Shared by all workers.
pub(super) trait Feed: Sync {
    /// A claimed chunk: an index for random access, a filled buffer for a stream.
    type Claimed;

    /// What is mapped: a [`Chunk`](super::Chunk), unless the input is no bytes.
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
pub(super) type Claim<C> = std::result::Result<Option<(u64, C)>, (u64, Error)>;

/// The stretch of input a chunk stood for, for progress.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Piece {
    /// First plain byte after it.
    pub(super) end: u64,
    /// Plain bytes.
    pub(super) bytes: u64,
    /// Bytes of the input as stored.
    pub(super) raw_bytes: u64,
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

pub(super) fn drive<F: Feed, W, P: Send>(
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
pub(super) fn in_flight_max(threads: usize) -> usize {
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
        // What `map` panics with is an error; a panic of a stream leaves through here.
        let _stop = StopOnPanic(&self.window);
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

struct StopOnPanic<'a, P>(&'a Window<P>);

impl<P> Drop for StopOnPanic<'_, P> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

fn add_elapsed(nanos: &AtomicU64, since: Instant) {
    nanos.fetch_add(since.elapsed().as_nanos() as u64, Ordering::Relaxed);
}

pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a worker panicked")
        .to_owned()
}
