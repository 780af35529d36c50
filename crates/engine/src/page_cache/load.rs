//! A run of pages that one thread has claimed, on its way from the file to memory.
//!
//! Steps 2 to 4 of the [protocol](super). Adjacent pages are read with one call, since a range of 300 KiB is twenty
//! pages: from a disk, twenty reads in a row take twenty times as long. [`Claim`] holds what has to be undone: dropped without
//! having been [settled](Claim::settle), after an error or a panic, it leaves its pages evicted and its slots free.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::clock::{Admission, Page};
use super::file::Registered;
use super::{Attempt, Refusal};
use crate::source::RandomAccess;
use crate::{Error, Result};

/// Pages read at once: 512 KiB in pages of the usual length, from where on larger reads are not faster.
pub(super) const RUN_PAGES_MAX: usize = 32;

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

/// Busy pages of this thread, one behind the other, each with its slot, and the busy pages that had the slots before.
struct Claim<'a> {
    file: &'a Registered,
    first_page: usize,
    page_count: usize,
    slots: [Option<usize>; RUN_PAGES_MAX],
    /// Those whose memory is still there. Dropped together at the end, because pages that came together go together: one call for
    /// eight pages of 16 KiB takes 11 us, eight calls take 17, and each stops all other threads for a moment.
    victims: [Option<Page>; RUN_PAGES_MAX],
}

impl<'a> Claim<'a> {
    fn at(file: &'a Registered, first_page: usize) -> Claim<'a> {
        Claim {
            file,
            first_page,
            page_count: 0,
            slots: [None; RUN_PAGES_MAX],
            victims: [const { None }; RUN_PAGES_MAX],
        }
    }

    fn pages(&self) -> Range<usize> {
        self.first_page..self.first_page + self.page_count
    }

    /// Claims the next page, if it is evicted, and gets a slot for it. Whether it did.
    fn extend(&mut self) -> Attempt<bool> {
        let pool = &self.file.pool;
        let page = Page {
            region: self.file.region.clone(),
            index: self.pages().end,
        };
        let state = self.file.region.state(page.index);
        if !state.claim() {
            return Ok(false);
        }
        let Some(Admission { slot, victim }) = pool.clock.admit(page) else {
            state.vacate(&pool.sleepers);
            return Err(Refusal::Full);
        };
        self.slots[self.page_count] = Some(slot);
        self.victims[self.page_count] = victim;
        self.page_count += 1;
        Ok(true)
    }

    /// Gives back the memory of those who had the slots. If the system does not take it they are resident again, and the slots
    /// theirs; after an error this has to be called again for the rest.
    fn drop_victims(&mut self) -> Result<()> {
        let mut place = 0;
        while place < self.page_count {
            let Some(victim) = &self.victims[place] else {
                place += 1;
                continue;
            };
            let end = place + run_len(&self.victims[place..self.page_count]);
            let pages = victim.index..victim.index + (end - place);
            // SAFETY: the hand has claimed these pages for us, one after the other.
            let dropped = unsafe { victim.region.drop_pages(pages) };
            while place < end {
                self.finish_victim(place, dropped.is_ok());
                place += 1;
            }
            dropped.map_err(|error| stuck(self.file, &error))?;
        }
        Ok(())
    }

    fn finish_victim(&mut self, place: usize, is_dropped: bool) {
        let pool = &self.file.pool;
        let Some(victim) = self.victims[place].take() else {
            return;
        };
        if is_dropped {
            victim.state().vacate(&pool.sleepers);
            pool.counts.add_eviction();
        } else {
            victim.state().settle(0, &pool.sleepers);
            if let Some(slot) = self.slots[place].take() {
                pool.clock.put_back(slot, victim);
            }
        }
    }

    fn read(&mut self) -> Result<()> {
        self.drop_victims()?;
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

    /// Makes the pages, which were [read](Claim::read), resident, each with a pin that is the caller's. Says how many.
    fn settle(mut self) -> usize {
        let page_count = self.page_count;
        for page in self.pages() {
            let state = self.file.region.state(page);
            state.settle(1, &self.file.pool.sleepers);
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
        // Ends, since each error is about a victim at least, which is none after it.
        while self.drop_victims().is_err() {}
        let (region, pool) = (&self.file.region, &self.file.pool);
        // SAFETY: the pages of this claim.
        let dropped = unsafe { region.drop_pages(self.pages()) };
        for (page, slot) in self.pages().zip(self.slots) {
            // Memory that the system does not take back keeps its slot: better a smaller budget than a broken one.
            if let (Some(slot), Ok(())) = (slot, &dropped) {
                pool.clock.give_back(slot);
            }
            region.state(page).vacate(&pool.sleepers);
        }
    }
}

/// How many pages at the start of `victims` lie one behind the other in one file; the first is there.
fn run_len(victims: &[Option<Page>]) -> usize {
    let follows = |pair: &&[Option<Page>]| match pair {
        [Some(page), Some(next)] => {
            Arc::ptr_eq(&page.region, &next.region) && page.index + 1 == next.index
        }
        _ => false,
    };
    1 + victims.windows(2).take_while(follows).count()
}

fn stuck(file: &Registered, error: &io::Error) -> Error {
    Error::Unsupported {
        input: file.access.name().to_owned(),
        reason: format!("the system does not take memory back ({error}): is it locked?"),
    }
}
