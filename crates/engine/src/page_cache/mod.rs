//! Random access to files larger than memory, in a fixed budget: a buffer pool.
//!
//! Mapping a file costs nothing to write and much to own: its pages count in our resident size for as long as the
//! system likes, and one that is lost raises a signal. Reading by position costs a system call for every access.
//! [`PageCache`] keeps what was read in pages of [`PAGE_BYTES`] and stays below its budget at any moment. It follows
//! *vmcache* (Leis, Alhomssi, Ziegler, Loeck and Dietrich, "Virtual-Memory Assisted Buffer Management", SIGMOD 2023):
//! each file gets as much address space as it has bytes, without memory behind it, so that a page has one place, a range
//! over several pages is one slice, and a hit needs no table: it is one compare-and-swap on the page's word.
//!
//! | file | holds |
//! |---|---|
//! | `state.rs` | the word of a page: evicted, busy, or resident with its pins and its mark |
//! | `clock.rs` | the ring of slots: who is resident, who goes next |
//! | `region.rs` | the address space of one file; nearly all the `unsafe` of this module |
//! | `load.rs` | a run of claimed pages on its way in |
//! | `file.rs` | [`CachedFile`] and [`Pinned`]: what callers hold |
//!
//! Pinning a range does the following for its pages, from the first to the last:
//!
//! 1. *Resident*: add a pin and clear the mark, in one compare-and-swap. This is a hit, and all there is to one.
//! 2. *Evicted*: claim the page (it is *busy* now and belongs to this thread), and those behind it that are evicted too.
//! 3. For each of them get a slot of the ring. There are as many slots as the budget has pages, and a page owns one from
//!    before its first byte is read until after its memory was given back: this is why the budget cannot be passed. If no
//!    slot is free, the clock's hand goes round: a page without pins is marked the first time and claimed the second.
//!    Its slot is ours; its memory is given back (`MADV_DONTNEED`) before ours comes, and then its word becomes *evicted*.
//! 4. Read the run with one `pread` into the pages' own addresses, check it, and publish each page as resident with one
//!    pin. If anything fails, the pages become evicted again and their slots free.
//! 5. *Busy* with another thread: spin for about a microsecond, then sleep until its word has changed, and look again.
//!
//! Nobody waits while it owns a busy page: step 3 refuses instead, when all slots are busy or pinned. Then the range gives up
//! the pins it has, queues behind others who were refused, and tries again for [`PATIENCE`]; after that it is an
//! [`Error::CacheFull`]. So threads that pin several pages each cannot wait for one another for ever.
//!
//! A caller sees either bytes that were read or an error. A file that was truncated is a short read and thus
//! [`Error::Changed`], never `SIGBUS`. Loads go through the system's page cache, which is not ours and not in the budget.
//!
//! Not here: reading ahead (a range is loaded when it is asked for), writing, and *optimistic* reads. The paper lets readers
//! look without a pin and compare a version afterwards; bytes that change under a `&[u8]` are undefined behaviour in Rust, so
//! everybody pins and the word needs no version.
//!
//! ```
//! use std::io::Write;
//! use tamis_engine::page_cache::PageCache;
//!
//! let mut file = tempfile::tempfile()?;
//! file.write_all(&[7; 200_000])?;
//! let cache = PageCache::new(16 << 20)?;
//! let pack = cache.register("pack", file, 200_000)?;
//! let bytes = pack.pin(60_000..140_000)?; // Six pages, one slice.
//! assert!(bytes.len() == 80_000 && bytes.iter().all(|&byte| byte == 7));
//! assert_eq!(cache.counters().misses, 6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![expect(
    unsafe_code,
    reason = "reserving address space and handing out slices of pinned pages cannot be done without"
)]

mod clock;
mod counts;
mod file;
mod load;
#[cfg_attr(loom, path = "region_fake.rs")]
mod region;
mod state;

#[cfg(all(test, loom))]
mod loom_tests;
#[cfg(all(test, not(loom)))]
mod tests;

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::{Error, Result};
use clock::Clock;
use counts::Counts;
use state::Sleepers;

pub use file::{CachedFile, Pinned};

/// Length of a page, unless something else is [asked for](PageCache::with_page_bytes).
///
/// A range is read at once however many pages it is, so shorter pages cost no reads, and longer ones load more that nobody asked for:
/// with 64 KiB (bench `page_cache`, `miss`) a read of 4 KiB took four times as long, and one of 128 KiB twice.
pub const PAGE_BYTES: usize = 16 << 10;

/// How long a range is tried for when all of the budget is pinned or busy.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Judges a page that was just read, given the offset of its first byte; see [`PageCache::register_checked`].
pub type PageCheck = dyn Fn(u64, &[u8]) -> io::Result<()> + Send + Sync;

/// Pages of registered files, within one budget. Clones share it, and so do threads.
#[derive(Clone, Debug)]
pub struct PageCache {
    pool: Arc<Pool>,
}

/// What the cache and its files share.
#[derive(Debug)]
struct Pool {
    page_bytes: usize,
    budget_bytes: usize,
    clock: Clock,
    /// Those who wait for a page that is busy.
    sleepers: Sleepers,
    /// Held by the one range that tries again after it was refused.
    turn: Mutex<()>,
    counts: Counts,
}

/// What a [`PageCache`] has done so far, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Pages that were there when they were asked for, or that another thread was loading.
    pub hits: u64,
    /// Pages that were read.
    pub misses: u64,
    /// Pages that went to make room for others.
    pub evictions: u64,
    /// Memory of the pages that are there or are being loaded; the last page of a file counts whole.
    pub resident_bytes: usize,
    /// What `resident_bytes` never exceeds.
    pub budget_bytes: usize,
}

impl PageCache {
    /// A cache whose pages take at most `budget_bytes` of memory. Beside them it takes a few dozen bytes for each page that is
    /// resident, and 8 for each page that ever was, of files still registered.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the budget holds no page.
    pub fn new(budget_bytes: usize) -> Result<PageCache> {
        let page_bytes = PAGE_BYTES.max(rustix::param::page_size());
        PageCache::with_page_bytes(budget_bytes, page_bytes)
    }

    /// The same with pages of another length: a power of two, not shorter than the system's.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the length is not such, or the budget holds no page.
    pub fn with_page_bytes(budget_bytes: usize, page_bytes: usize) -> Result<PageCache> {
        let system_bytes = rustix::param::page_size();
        if !page_bytes.is_power_of_two() || page_bytes < system_bytes {
            return Err(unsupported(format!(
                "pages of {page_bytes} bytes (expected a power of two, at least {system_bytes})"
            )));
        }
        let slot_count_max = budget_bytes / page_bytes;
        if slot_count_max == 0 {
            return Err(unsupported(format!(
                "a budget of {budget_bytes} bytes holds no page of {page_bytes} bytes"
            )));
        }
        let pool = Pool {
            page_bytes,
            budget_bytes,
            clock: Clock::new(slot_count_max),
            sleepers: Sleepers::default(),
            turn: Mutex::default(),
            counts: Counts::default(),
        };
        Ok(PageCache {
            pool: Arc::new(pool),
        })
    }

    /// Registers the first `len_bytes` of a regular file, which errors call `name`. Nothing is read yet. The pages go when the
    /// last clone of the handle is dropped.
    ///
    /// # Errors
    /// [`Error::Read`] when the file is shorter than that or the system does not say; [`Error::Unsupported`] when there
    /// is no address space (a limit, or a system that commits all memory it promises): read the file by position then.
    pub fn register(&self, name: &str, file: File, len_bytes: u64) -> Result<CachedFile> {
        CachedFile::new(self.pool.clone(), name, file, len_bytes, None)
    }

    /// [Registers](PageCache::register) a file whose pages are checked each time that they are read, before anybody sees them.
    ///
    /// `check` gets the offset of a page and its bytes: [`PAGE_BYTES`], fewer at the end of the file. What it refuses is an
    /// [`Error::Read`] at that offset for everybody who asks. It must not use this cache.
    ///
    /// # Errors
    /// As [`register`](PageCache::register).
    pub fn register_checked(
        &self,
        name: &str,
        file: File,
        len_bytes: u64,
        check: Box<PageCheck>,
    ) -> Result<CachedFile> {
        CachedFile::new(self.pool.clone(), name, file, len_bytes, Some(check))
    }

    /// What happened so far. Figures of different moments, when other threads are at work.
    pub fn counters(&self) -> Counters {
        let (hits, misses, evictions) = self.pool.counts.totals();
        Counters {
            hits,
            misses,
            evictions,
            resident_bytes: self.pool.clock.taken_count() * self.pool.page_bytes,
            budget_bytes: self.pool.budget_bytes,
        }
    }
}

fn unsupported(reason: String) -> Error {
    Error::Unsupported {
        input: "page cache".into(),
        reason,
    }
}

/// Why pages could not be had.
#[derive(Debug)]
enum Refusal {
    /// All slots are taken by pages that are pinned or busy. That may change.
    Full,
    /// Reading failed.
    Failed(Error),
}

/// What an attempt gave that does not wait for room.
type Attempt<T> = std::result::Result<T, Refusal>;

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Failed(error)
    }
}
