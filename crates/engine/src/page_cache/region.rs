//! The address space of one file: a place for every page, memory for few, and the pages' words behind them.
//!
//! ```text
//! start                                     states
//! ┌────────┬────────┬────────┬─────┬────────┬──────────────────────┐
//! │ page 0 │ page 1 │ page 2 │  …  │ page n │ n + 1 words, 8 bytes │
//! └────────┴────────┴────────┴─────┴────────┴──────────────────────┘
//! ```
//!
//! All of it is one private anonymous mapping without reservation: untouched it costs nothing, words included, and it
//! reads as zeros. Large pages of the system are refused for it, since the first byte of a page would bring 2 MiB, and the
//! budget would mean nothing.

use std::fmt;
use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};

use rustix::mm::{Advice, MapFlags, ProtFlags};

use super::state::PageState;

/// Reserved address space. Who may touch which page is decided by the pages' [states](Region::state).
pub(super) struct Region {
    start: NonNull<u8>,
    mapped_bytes: usize,
    page_bytes: usize,
    page_count: usize,
}

// SAFETY: anonymous memory that belongs to no thread; it is unmapped by the last owner alone.
unsafe impl Send for Region {}
// SAFETY: the states are atomic, and the methods that touch pages ask their callers to have a pin or a claim.
unsafe impl Sync for Region {}

impl Region {
    /// Address space for `page_count` pages, all evicted.
    ///
    /// # Errors
    /// When the system refuses: there is not as much, a limit, or memory that it cannot take back (`mlockall`).
    pub(super) fn reserve(page_count: usize, page_bytes: usize) -> io::Result<Region> {
        let mapped_bytes = page_count
            .checked_mul(page_bytes + size_of::<PageState>())
            .ok_or(io::ErrorKind::OutOfMemory)?
            .max(page_bytes); // An empty mapping is refused, an empty file is not.
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice overlaps nothing.
        let mapped =
            unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), mapped_bytes, access, flags)? };
        let start = NonNull::new(mapped.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let region = Region {
            start,
            mapped_bytes,
            page_bytes,
            page_count,
        };
        // A system without large pages does not know the advice, and needs none.
        let _ = region.advise(0..mapped_bytes, Advice::LinuxNoHugepage);
        region.advise(0..mapped_bytes, Advice::LinuxDontNeed)?;
        Ok(region)
    }

    /// The word of a page.
    pub(super) fn state(&self, page: usize) -> &PageState {
        assert!(page < self.page_count, "page outside of the region");
        // SAFETY: the words lie behind the pages, inside of the mapping (the index was checked just above), at a multiple of the
        // page size and so aligned. They were zeroed by the system, which is a valid state, nothing else is ever written
        // there, and they live as long as `self`.
        unsafe {
            let states = self.start.add(self.page_count * self.page_bytes);
            states.cast::<PageState>().add(page).as_ref()
        }
    }

    /// The bytes of `range`, counted from the start of the file.
    ///
    /// # Safety
    /// The caller has a pin on each page that the range touches, for as long as the slice lives.
    pub(super) unsafe fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.assert_inside(&range);
        // SAFETY: inside of the mapping, and initialised since the system zeroes. Only who has claimed a page writes to it, and
        // nobody can while the caller has a pin.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(range.start), range.len()) }
    }

    /// Gives `fill` the bytes of `range` to write to.
    ///
    /// # Safety
    /// The caller has claimed each page that the range touches.
    pub(super) unsafe fn fill<T>(
        &self,
        range: Range<usize>,
        fill: impl FnOnce(&mut [u8]) -> T,
    ) -> T {
        self.assert_inside(&range);
        // Brings the memory with one call and not with a fault for each of the system's pages, inside of `pread`: 128 KiB in 45 us
        // and not 53. Linux before 5.14 does not know it.
        let system_bytes = rustix::param::page_size();
        let start = range.start / system_bytes * system_bytes;
        let _ = self.advise(start..range.end, Advice::LinuxPopulateWrite);
        // SAFETY: inside of the mapping and initialised; by the claim nobody else reads or writes these pages.
        fill(unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr().add(range.start), range.len())
        })
    }

    /// Gives the memory of `pages` back to the system.
    ///
    /// # Errors
    /// When the system does not take it (memory that was locked since), which leaves the bytes as they were.
    ///
    /// # Safety
    /// The caller has claimed each of the pages.
    pub(super) unsafe fn drop_pages(&self, pages: Range<usize>) -> io::Result<()> {
        let range = pages.start * self.page_bytes..pages.end * self.page_bytes;
        self.assert_inside(&range);
        self.advise(range, Advice::LinuxDontNeed)
    }

    /// Advises on bytes of the mapping. Private: dropping pages is for those who have claimed them.
    fn advise(&self, range: Range<usize>, advice: Advice) -> io::Result<()> {
        // SAFETY: inside of a mapping of ours, as all callers see to. Populating changes no bytes. Dropped pages read as zeros from then on, and whoever
        // drops them has claimed them, or has just made the mapping.
        unsafe {
            let start = self.start.as_ptr().add(range.start).cast();
            Ok(rustix::mm::madvise(start, range.len(), advice)?)
        }
    }

    fn assert_inside(&self, range: &Range<usize>) {
        assert!(
            range.start <= range.end && range.end <= self.page_count * self.page_bytes,
            "range outside of the region"
        );
    }

    /// What the system says is in memory of the pages.
    #[cfg(test)]
    pub(super) fn resident_bytes(&self) -> usize {
        let len = self.page_count * self.page_bytes;
        let system_bytes = rustix::param::page_size();
        let mut pages = vec![0_u8; len.div_ceil(system_bytes)];
        let start = self.start.as_ptr().cast();
        // SAFETY: the pages of a mapping of ours, and a byte for each of them.
        let answer = unsafe { libc::mincore(start, len, pages.as_mut_ptr()) };
        assert_eq!(answer, 0, "{}", io::Error::last_os_error());
        pages.iter().filter(|&&page| page & 1 == 1).count() * system_bytes
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: mapped by `reserve` with this length, and no slice of it can be alive.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.mapped_bytes) };
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("page_count", &self.page_count)
            .field("page_bytes", &self.page_bytes)
            .finish_non_exhaustive()
    }
}
