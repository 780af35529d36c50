//! A file behind the cache, and pinned ranges of it.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::load::{RUN_PAGES_MAX, load};
use super::region::Region;
use super::state::Found;
use super::{Attempt, PATIENCE, PageCheck, Pool, Refusal};
use crate::source::{PreadFile, RandomAccess};
use crate::{Error, Result};

/// Between two tries of a range that found no room; the pins of others last about as long.
const PAUSE_MAX: Duration = Duration::from_millis(2);

/// A file registered with a [`PageCache`](super::PageCache). Clones are handles of the same file; with the last one its pages
/// go.
///
/// Bytes are those of the file as it was when it was registered: each read is followed by a look at its size and modification
/// time, and a file that was written to since is [`Error::Changed`] for every page that is not in memory yet.
#[derive(Clone, Debug)]
pub struct CachedFile {
    file: Arc<Registered>,
}

/// What the handles of a file share.
pub(super) struct Registered {
    pub(super) access: PreadFile,
    pub(super) region: Arc<Region>,
    pub(super) pool: Arc<Pool>,
    len_bytes: usize,
    check: Option<Box<PageCheck>>,
}

impl CachedFile {
    pub(super) fn new(
        pool: Arc<Pool>,
        name: &str,
        file: File,
        len_bytes: u64,
        check: Option<Box<PageCheck>>,
    ) -> Result<CachedFile> {
        let failed = |byte_offset, source| Error::Read {
            input: name.to_owned(),
            byte_offset,
            source,
        };
        let metadata = file.metadata().map_err(|error| failed(0, error))?;
        if metadata.len() < len_bytes {
            let source = io::ErrorKind::UnexpectedEof.into();
            return Err(failed(metadata.len(), source));
        }
        let refused = |error: io::Error| Error::Unsupported {
            input: name.to_owned(),
            reason: format!(
                "no address space for {len_bytes} bytes ({error}): read it by position instead"
            ),
        };
        let len_bytes =
            usize::try_from(len_bytes).map_err(|_| refused(io::ErrorKind::OutOfMemory.into()))?;
        let page_count = len_bytes.div_ceil(pool.page_bytes);
        let region = Region::reserve(page_count, pool.page_bytes).map_err(refused)?;
        Ok(CachedFile {
            file: Arc::new(Registered {
                access: PreadFile::for_anywhere(name.to_owned(), file, &metadata),
                region: Arc::new(region),
                pool,
                len_bytes,
                check,
            }),
        })
    }

    /// The name that errors use.
    pub fn name(&self) -> &str {
        self.file.access.name()
    }

    /// Bytes that were registered.
    pub fn len_bytes(&self) -> u64 {
        self.file.len_bytes as u64
    }

    /// The bytes of `range`, which stay in memory until they are dropped: hold them briefly.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a range that is not inside of the file. [`Error::CacheFull`] for one that touches more
    /// pages than the budget has, and when so much of the budget stays pinned for [`PATIENCE`] that there is no room.
    /// [`Error::Changed`] and [`Error::Read`] when bytes that are not in memory cannot be read, or the file is not what it
    /// was; the next call tries again.
    pub fn pin(&self, range: Range<u64>) -> Result<Pinned<'_>> {
        let range = self.file.inside(range)?;
        let pages = self.file.pages_of(&range);
        if pages.len() > self.file.pool.clock.slot_count_max() {
            return Err(self.file.full(&pages));
        }
        let pins = match self.file.try_pin(pages.clone()) {
            Err(Refusal::Full) => self.file.pin_in_turn(pages)?,
            Err(Refusal::Failed(error)) => return Err(error),
            Ok(pins) => pins,
        };
        Ok(Pinned { pins, range })
    }

    /// Fills `buffer` with the bytes from `start` on. It may be larger than the budget.
    ///
    /// # Errors
    /// As [`pin`](CachedFile::pin); `buffer` may then hold anything.
    pub fn read_into(&self, start: u64, buffer: &mut [u8]) -> Result<()> {
        let end = start.saturating_add(buffer.len() as u64);
        let mut range = self.file.inside(start..end)?;
        // As much at once as is read at once, and no more than leaves room for somebody else.
        let pages_max = (self.file.pool.clock.slot_count_max() / 2).clamp(1, RUN_PAGES_MAX);
        let mut rest = buffer;
        while !range.is_empty() {
            let pages_end = range.start / self.file.pool.page_bytes + pages_max;
            let end = range.end.min(self.file.bytes_of(0..pages_end).end);
            let pinned = self.pin(range.start as u64..end as u64)?;
            let (piece, behind) = rest.split_at_mut(pinned.len());
            piece.copy_from_slice(&pinned);
            (rest, range.start) = (behind, end);
        }
        Ok(())
    }

    /// Says that the pages inside of `range` will not be asked for soon, so that they go before others.
    pub fn release(&self, range: Range<u64>) {
        let page_bytes = self.file.pool.page_bytes as u64;
        let end = range.end.min(self.len_bytes());
        let pages = range.start.div_ceil(page_bytes)..end / page_bytes;
        for page in pages {
            self.file.region.state(page as usize).mark();
        }
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn region(&self) -> &Region {
        &self.file.region
    }

    /// One try, which does not wait for room.
    #[cfg(all(test, loom))]
    pub(super) fn try_pin(&self, page: usize) -> Attempt<Pinned<'_>> {
        let pins = self.file.try_pin(page..page + 1)?;
        let range = self.file.bytes_of(page..page + 1);
        Ok(Pinned { pins, range })
    }
}

impl Registered {
    /// The bytes of `pages`, cut to the length of the file.
    pub(super) fn bytes_of(&self, pages: Range<usize>) -> Range<usize> {
        let page_bytes = self.pool.page_bytes;
        let end = pages.end.saturating_mul(page_bytes).min(self.len_bytes);
        pages.start * page_bytes..end
    }

    /// Lets the caller's check see the pages that `bytes`, from `start` on, consists of.
    pub(super) fn judge(&self, start: u64, bytes: &[u8]) -> Result<()> {
        let Some(check) = &self.check else {
            return Ok(());
        };
        let mut byte_offset = start;
        for page in bytes.chunks(self.pool.page_bytes) {
            check(byte_offset, page).map_err(|source| Error::Read {
                input: self.access.name().to_owned(),
                byte_offset,
                source,
            })?;
            byte_offset += page.len() as u64;
        }
        Ok(())
    }

    fn inside(&self, range: Range<u64>) -> Result<Range<usize>> {
        if range.start > range.end || range.end > self.len_bytes as u64 {
            return Err(Error::Unsupported {
                input: self.access.name().to_owned(),
                reason: format!(
                    "bytes {}..{} were asked for (expected a range inside of 0..{})",
                    range.start, range.end, self.len_bytes
                ),
            });
        }
        Ok(range.start as usize..range.end as usize)
    }

    /// The pages that `range` touches; none if it is empty.
    fn pages_of(&self, range: &Range<usize>) -> Range<usize> {
        let first = range.start / self.pool.page_bytes;
        if range.is_empty() {
            return first..first;
        }
        first..range.end.div_ceil(self.pool.page_bytes)
    }

    /// Pins `pages`, or says that there is no room at the moment and holds none of them.
    fn try_pin(&self, pages: Range<usize>) -> Attempt<Pins<'_>> {
        let mut pins = Pins {
            file: self,
            pages: pages.start..pages.start,
        };
        let mut hits = 0;
        while pins.pages.end < pages.end {
            let page = pins.pages.end;
            let state = self.region.state(page);
            match state.pin() {
                Found::Pinned => {
                    pins.pages.end += 1;
                    hits += 1;
                }
                Found::Evicted => pins.pages.end += load(self, page..pages.end)?,
                Found::Busy => state.wait(&self.pool.sleepers),
                Found::Crowded => return Err(Refusal::Full),
            }
        }
        if hits > 0 {
            self.pool.counts.add_hits(hits);
        }
        Ok(pins)
    }

    /// Tries until there is room, one refused range after the other: two that try at once could take from each other what each
    /// needs. There is no signal that a pin was dropped, because dropping one would have to look for those who wait, and
    /// that is the way of every hit; so this sleeps and looks again.
    fn pin_in_turn(&self, pages: Range<usize>) -> Result<Pins<'_>> {
        let deadline = Instant::now() + PATIENCE;
        // A check of the caller's may have panicked under this lock, which guards nothing but the turn.
        let _turn = self
            .pool
            .turn
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut pause = Duration::from_micros(20);
        loop {
            match self.try_pin(pages.clone()) {
                Ok(pins) => return Ok(pins),
                Err(Refusal::Failed(error)) => return Err(error),
                Err(Refusal::Full) if Instant::now() >= deadline => return Err(self.full(&pages)),
                Err(Refusal::Full) => {
                    std::thread::sleep(pause);
                    pause = (2 * pause).min(PAUSE_MAX);
                }
            }
        }
    }

    fn full(&self, pages: &Range<usize>) -> Error {
        Error::CacheFull {
            input: self.access.name().to_owned(),
            wanted_bytes: pages.len().saturating_mul(self.pool.page_bytes),
            budget_bytes: self.pool.budget_bytes,
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        for (slot, page) in self.pool.clock.retire(&self.region) {
            // The memory goes before the slot, or others would load into a budget that is not free yet. Where the system does not
            // take it, it goes with the mapping a moment later.
            // SAFETY: claimed by `retire`; no handle is left, so no slice is either.
            let _ = unsafe { self.region.drop_pages(page.index..page.index + 1) };
            self.pool.clock.give_back(slot);
        }
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("name", &self.access.name())
            .field("len_bytes", &self.len_bytes)
            .field("is_checked", &self.check.is_some())
            .finish_non_exhaustive()
    }
}

/// Bytes of a [`CachedFile`] that cannot be evicted while this lives. Dereferences to them.
pub struct Pinned<'a> {
    pins: Pins<'a>,
    range: Range<usize>,
}

impl Deref for Pinned<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `pins` holds a pin on each page that the range touches, and lives as long as `self`.
        unsafe { self.pins.file.region.bytes(self.range.clone()) }
    }
}

impl fmt::Debug for Pinned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned")
            .field("name", &self.pins.file.access.name())
            .field("range", &self.range)
            .finish()
    }
}

/// One pin on each of some pages.
#[derive(Debug)]
struct Pins<'a> {
    file: &'a Registered,
    pages: Range<usize>,
}

impl Drop for Pins<'_> {
    fn drop(&mut self) {
        for page in self.pages.clone() {
            self.file.region.state(page).unpin();
        }
    }
}

/// As a source of chunks. A range of [`with_range`](RandomAccess::with_range) that does not fit in the budget is
/// [`Error::CacheFull`].
impl RandomAccess for CachedFile {
    fn name(&self) -> &str {
        CachedFile::name(self)
    }

    fn len_bytes(&self) -> u64 {
        CachedFile::len_bytes(self)
    }

    fn modified_ns(&self) -> Option<i64> {
        self.file.access.modified_ns()
    }

    fn backend(&self) -> &'static str {
        "cache"
    }

    fn with_range(&self, range: Range<u64>, visit: &mut dyn FnMut(&[u8])) -> Result<()> {
        let end = range.end.min(self.len_bytes());
        visit(&self.pin(range.start.min(end)..end)?);
        Ok(())
    }

    fn read_into(&self, start: u64, buffer: &mut [u8]) -> Result<()> {
        CachedFile::read_into(self, start, buffer)
    }

    fn release(&self, range: Range<u64>) {
        CachedFile::release(self, range);
    }

    fn verify(&self) -> Result<()> {
        self.file.access.verify()
    }
}
