//! What stands for `region.rs` in the model checks: ordinary memory, and a witness for each page.
//!
//! `loom` reports two accesses to a witness, one of them to write, that nothing orders. So a check fails when a page is
//! read, filled or dropped without the pin or the claim that this asks for, or when an ordering in `state.rs` is too weak.

use std::cell::UnsafeCell;
use std::io;
use std::ops::Range;

use super::state::PageState;

/// See `region.rs`; this one is all there from the start.
pub(super) struct Region {
    bytes: UnsafeCell<Box<[u8]>>,
    page_bytes: usize,
    witnesses: Vec<loom::cell::UnsafeCell<()>>,
    states: Vec<PageState>,
}

// SAFETY: whether accesses overlap is what the model checks find out, before the memory is touched.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    pub(super) fn reserve(page_count: usize, page_bytes: usize) -> io::Result<Region> {
        Ok(Region {
            bytes: UnsafeCell::new(vec![0; page_count * page_bytes].into()),
            page_bytes,
            witnesses: (0..page_count)
                .map(|_| loom::cell::UnsafeCell::new(()))
                .collect(),
            states: (0..page_count).map(|_| PageState::new()).collect(),
        })
    }

    pub(super) fn state(&self, page: usize) -> &PageState {
        &self.states[page]
    }

    /// # Safety
    /// As the real one.
    pub(super) unsafe fn bytes(&self, range: Range<usize>) -> &[u8] {
        for page in self.pages_of(&range) {
            self.witnesses[page].with(|_| ());
        }
        // SAFETY: nobody writes to these pages, or a witness would have ended the check.
        unsafe { &(&*self.bytes.get())[range] }
    }

    /// # Safety
    /// As the real one.
    pub(super) unsafe fn fill<T>(
        &self,
        range: Range<usize>,
        fill: impl FnOnce(&mut [u8]) -> T,
    ) -> T {
        for page in self.pages_of(&range) {
            self.witnesses[page].with_mut(|_| ());
        }
        // SAFETY: the box itself is never replaced; the range is checked when it is indexed.
        let start = unsafe { (&*self.bytes.get())[range.clone()].as_ptr() };
        // SAFETY: nobody reads or writes these pages, or a witness would have ended the check.
        fill(unsafe { std::slice::from_raw_parts_mut(start.cast_mut(), range.len()) })
    }

    /// # Safety
    /// As the real one.
    pub(super) unsafe fn drop_pages(&self, pages: Range<usize>) -> io::Result<()> {
        let range = pages.start * self.page_bytes..pages.end * self.page_bytes;
        // SAFETY: as the caller promises.
        unsafe { self.fill(range, |bytes| bytes.fill(0)) };
        Ok(())
    }

    fn pages_of(&self, range: &Range<usize>) -> Range<usize> {
        range.start / self.page_bytes..range.end.div_ceil(self.page_bytes)
    }
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Region").finish_non_exhaustive()
    }
}
