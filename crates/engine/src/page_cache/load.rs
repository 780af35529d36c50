//! A run of pages that one thread has claimed, on its way from the file to memory.
//!
//! Steps 2 to 4 of the [protocol](super). Adjacent pages are read with one call, since a range of 300 KiB is five
//! pages: on a disk five reads in a row would cost five times as long. [`Claim`] holds what has to be undone: dropped without
//! having been [settled](Claim::settle), after an error or a panic, it leaves its pages evicted and its slots free.

use std::io;
use std::ops::Range;

use super::clock::{Admission, Page};
use super::file::Registered;
use super::{Attempt, Refusal};
use crate::source::RandomAccess;
use crate::{Error, Result};

/// Pages read at once: 1 MiB, from where on larger reads are not faster.
pub(super) const RUN_PAGES_MAX: usize = 16;

/// Loads the first pages of `pages` and pins them, up to one that somebody else has. Says how many; none is no error.
pub(super) fn load(file: &Registered, pages: Range<usize>) -> Attempt<usize> {
    let mut claim = Claim::at(file, pages.start);
    for _ in pages.take(RUN_PAGES_MAX) {
        if !claim.extend()? {
            break;
        }
    }
    if claim.page_count > 0 {
        claim.read()?;
    }
    Ok(claim.settle())
}

/// Busy pages of this thread, one behind the other, each with its slot.
struct Claim<'a> {
    file: &'a Registered,
    first_page: usize,
    page_count: usize,
    slots: [usize; RUN_PAGES_MAX],
}

impl<'a> Claim<'a> {
    fn at(file: &'a Registered, first_page: usize) -> Claim<'a> {
        Claim {
            file,
            first_page,
            page_count: 0,
            slots: [0; RUN_PAGES_MAX],
        }
    }

    fn pages(&self) -> Range<usize> {
        self.first_page..self.first_page + self.page_count
    }

    /// Claims the next page, if it is evicted, and gets a slot for it. Whether it did.
    fn extend(&mut self) -> Attempt<bool> {
        let index = self.pages().end;
        let state = self.file.region.state(index);
        if !state.claim() {
            return Ok(false);
        }
        match make_room(self.file, index) {
            Ok(slot) => {
                self.slots[self.page_count] = slot;
                self.page_count += 1;
                Ok(true)
            }
            Err(refusal) => {
                state.vacate(&self.file.pool.sleepers);
                Err(refusal)
            }
        }
    }

    fn read(&self) -> Result<()> {
        let file = self.file;
        let range = file.bytes_of(self.pages());
        // SAFETY: `range` lies in the pages of this claim.
        unsafe {
            file.region.fill(range.clone(), |bytes| {
                file.access.read_into(range.start as u64, bytes)?;
                file.judge(range.start as u64, bytes)
            })
        }
    }

    /// Makes the pages resident, each with a pin that is the caller's. Says how many.
    fn settle(mut self) -> usize {
        let page_count = self.page_count;
        for page in self.pages() {
            self.file
                .region
                .state(page)
                .settle(1, &self.file.pool.sleepers);
        }
        self.file.pool.counts.add_misses(page_count as u64);
        self.page_count = 0; // Nothing is left to undo.
        page_count
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.page_count == 0 {
            return;
        }
        let (region, pool) = (&self.file.region, &self.file.pool);
        // SAFETY: the pages of this claim.
        let dropped = unsafe { region.drop_pages(self.pages()) };
        for (page, slot) in self.pages().zip(self.slots) {
            // Memory that the system does not take back keeps its slot: better a smaller budget than a broken one.
            if dropped.is_ok() {
                pool.clock.give_back(slot);
            }
            region.state(page).vacate(&pool.sleepers);
        }
    }
}

/// Step 3: a slot for a page that the caller has claimed, with no memory behind it any more.
fn make_room(file: &Registered, index: usize) -> Attempt<usize> {
    let pool = &file.pool;
    let page = Page {
        region: file.region.clone(),
        index,
    };
    let Admission { slot, victim } = pool.clock.admit(page).ok_or(Refusal::Full)?;
    let Some(victim) = victim else {
        return Ok(slot);
    };
    // SAFETY: the hand has claimed it for us.
    match unsafe { victim.region.drop_pages(victim.index..victim.index + 1) } {
        Ok(()) => {
            victim.state().vacate(&pool.sleepers);
            pool.counts.add_eviction();
            Ok(slot)
        }
        Err(error) => {
            victim.state().settle(0, &pool.sleepers);
            pool.clock.put_back(slot, victim);
            Err(Refusal::Failed(stuck(file, &error)))
        }
    }
}

fn stuck(file: &Registered, error: &io::Error) -> Error {
    Error::Unsupported {
        input: file.access.name().to_owned(),
        reason: format!("the system does not take memory back ({error}): is it locked?"),
    }
}
