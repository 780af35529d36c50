//! Files mapped into memory, in a way that cannot kill the process.
//!
//! Touching a page of a mapping that its file no longer has (it was truncated, or the disk failed)
//! raises `SIGBUS`, which by default ends the process. A host that wants mapped files calls
//! [`install_fault_handler`] once: from then on such a page becomes zeros, the [`Mapping`] knows
//! which byte was lost first, and whoever read from it throws the result away and reports
//! [`Error::Changed`](crate::Error::Changed). The steps are in [`fault`].
//!
//! A signal handler belongs to the process, so a library does not install one unasked: the CLI
//! calls it, the Python package does not, and without it files are read by position.
//!
//! All `unsafe` code around mappings is in this module. A slice of a mapping is given to a
//! closure and to nobody else. [`residency`] tells how much of a file is in the page cache.

#![expect(
    unsafe_code,
    reason = "mapping files and handling the signal of a lost page cannot be done without"
)]

mod fault;
mod residency;

use std::fs::File;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, PoisonError};

use rustix::mm::{self as system, MapFlags, ProtFlags};

pub use fault::{install_fault_handler, is_fault_handler_installed};
pub use residency::resident_bytes;

/// The most that one fault maps around the byte that was touched: a large folio of the page cache.
const FAULT_WINDOW_BYTES: usize = 2 << 20;

/// What is released is dropped in batches of this size.
const RELEASE_BATCH_BYTES: usize = 8 << 20;

/// What the system is told about how a mapping will be read, for whoever compares these ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advice {
    /// Nothing.
    #[default]
    None,
    /// From front to back (`MADV_SEQUENTIAL`).
    Sequential,
    /// Anywhere (`MADV_RANDOM`).
    Random,
    /// All of it, so that its pages are mapped at once (`MAP_POPULATE`).
    Populate,
}

/// A range of a regular file, mapped read-only and shared with the page cache.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    region: fault::Region,
    released: Mutex<Released>,
}

// SAFETY: the mapping is read-only memory that belongs to no thread; it is unmapped by the last owner alone.
unsafe impl Send for Mapping {}
// SAFETY: as above; through a shared reference the memory is only read, or its pages are dropped and come back.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len_bytes` (not 0) of `file`. `None` when that is not possible: no address
    /// space, a file system without mappings, or too many mappings at once.
    pub(crate) fn of_file(file: &File, len_bytes: u64) -> Option<Self> {
        Self::of_range(file, 0..len_bytes, Advice::None)
    }

    /// Maps a range of `file` that starts at a multiple of the page size and is not empty. `None` as with a whole file, and
    /// when the [fault handler](install_fault_handler) is not installed.
    pub fn advised(file: &File, range: Range<u64>, advice: Advice) -> Option<Self> {
        is_fault_handler_installed()
            .then(|| Self::of_range(file, range, advice))
            .flatten()
    }

    fn of_range(file: &File, range: Range<u64>, advice: Advice) -> Option<Self> {
        let len = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        let flags = match advice {
            Advice::Populate => MapFlags::SHARED | MapFlags::POPULATE,
            _ => MapFlags::SHARED,
        };
        // SAFETY: a fresh mapping at an address of the kernel's choice overlaps nothing.
        let mapped = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                len,
                ProtFlags::READ,
                flags,
                file,
                range.start,
            )
        };
        let start = NonNull::new(mapped.ok()?.cast::<u8>())?;
        let Some(region) = fault::Region::register(start.as_ptr().addr(), len) else {
            // SAFETY: it was mapped just above and nobody has seen it.
            let _ = unsafe { rustix::mm::munmap(start.as_ptr().cast(), len) };
            return None;
        };
        let mapping = Self {
            start,
            len,
            region,
            released: Mutex::default(),
        };
        match advice {
            Advice::None | Advice::Populate => {}
            Advice::Sequential => mapping.advise(system::Advice::Sequential),
            Advice::Random => mapping.advise(system::Advice::Random),
        }
        Some(mapping)
    }

    fn advise(&self, advice: system::Advice) {
        // SAFETY: all of a mapping of ours, and advice that changes no bytes.
        let _ = unsafe { rustix::mm::madvise(self.start.as_ptr().cast(), self.len, advice) };
    }

    /// Lets `visit` see the bytes of `range`, which must lie inside the mapping.
    pub fn with_bytes(&self, range: Range<usize>, visit: &mut dyn FnMut(&[u8])) {
        assert!(
            range.start <= range.end && range.end <= self.len,
            "range outside of the mapping"
        );
        // SAFETY: the range lies inside the mapping (checked above), which lives as long as `self`. A page
        // whose file is gone is replaced by a page of zeros when touched, so every byte can be
        // read at any time. The memory may be written to by other processes; no language defines
        // that, all compilers treat it as bytes that change between two reads, and
        // `RandomAccess::with_range` tells its users to expect just that.
        visit(unsafe {
            std::slice::from_raw_parts(self.start.as_ptr().add(range.start), range.len())
        });
    }

    /// First byte that a lost page has replaced by zeros, counted from the start of the mapping.
    pub fn first_lost_byte(&self) -> Option<usize> {
        self.region.first_lost_byte()
    }

    /// Takes the pages of `range` out of this process (they stay in the page cache), so that its
    /// resident size does not grow with the file. Done for several megabytes at once: each call
    /// stops all threads for a moment (their TLBs must forget the pages).
    pub(crate) fn release(&self, range: Range<usize>) {
        let mut released = self.released.lock().unwrap_or_else(PoisonError::into_inner);
        released.bytes += range.len();
        released.ranges.push(range);
        if released.bytes >= RELEASE_BATCH_BYTES {
            let ranges = std::mem::take(&mut *released).ranges;
            drop(released);
            for range in merge_adjacent(ranges) {
                self.drop_pages(range);
            }
        }
    }

    fn drop_pages(&self, range: Range<usize>) {
        // A fault maps more than was touched, so that the first read of a chunk brings back the end of the
        // one before. Hence the windows at both ends go as well: a page dropped too early costs a minor
        // fault, one that is forgotten stays (rounding to 64 KiB left 40 MB of a 1 GB file behind).
        let start = range.start / FAULT_WINDOW_BYTES * FAULT_WINDOW_BYTES;
        let end = range.end.next_multiple_of(FAULT_WINDOW_BYTES).min(self.len);
        if start < end {
            // SAFETY: inside the mapping; a dropped page of a shared file mapping comes back unchanged
            // when touched, a page of zeros that took a lost one's place as zeros.
            let _ = unsafe {
                rustix::mm::madvise(
                    self.start.as_ptr().add(start).cast(),
                    end - start,
                    system::Advice::LinuxDontNeed,
                )
            };
        }
    }
}

/// Ranges that may go, not yet gone.
#[derive(Debug, Default)]
struct Released {
    ranges: Vec<Range<usize>>,
    bytes: usize,
}

/// The same bytes in as few ranges as possible.
fn merge_adjacent(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, kept| {
        let is_adjacent = next.start <= kept.end;
        if is_adjacent {
            kept.end = kept.end.max(next.end);
        }
        is_adjacent
    });
    ranges
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.region.unregister();
        // SAFETY: mapped by `of_range` with this length, and no slice of it can be alive.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
    }
}
