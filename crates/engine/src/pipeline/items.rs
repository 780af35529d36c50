//! Input that is no bytes: whatever an iterator yields.
//!
//! As with a stream, whoever holds the iterator takes the next item and claims an index while it still holds
//! it, so that indices follow the order of the items; then it lets go and maps what it has.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::drive::{Claim, Feed, Piece, panic_message};
use crate::{Error, Result};

pub(super) struct ItemFeed<'n, I> {
    name: &'n str,
    /// `None` after the end or an error: an iterator need not answer a second time.
    items: Mutex<Option<I>>,
}

impl<'n, I> ItemFeed<'n, I> {
    pub(super) fn new(name: &'n str, items: I) -> ItemFeed<'n, I> {
        ItemFeed {
            name,
            items: Mutex::new(Some(items)),
        }
    }
}

impl<T, I: Iterator<Item = Result<T>> + Send> Feed for ItemFeed<'_, I> {
    type Claimed = T;
    type Unit<'u> = T;

    fn name(&self) -> &str {
        self.name
    }

    fn backend(&self) -> &'static str {
        "memory"
    }

    fn raw_start(&self) -> u64 {
        0
    }

    fn total(&self) -> Option<u64> {
        None
    }

    fn useful_threads(&self, threads: usize) -> usize {
        threads
    }

    fn claim(&self, claim: &mut dyn FnMut() -> Option<u64>) -> Claim<T> {
        let mut guard = self
            .items
            .lock()
            .expect("nothing panics while the items are locked");
        let Some(items) = guard.as_mut() else {
            return Ok(None);
        };
        // The iterator is the caller's: its panic is an error like those it returns.
        let item = catch_unwind(AssertUnwindSafe(|| items.next())).unwrap_or_else(|panic| {
            Some(Err(Error::Panicked {
                input: self.name.to_owned(),
                message: panic_message(panic.as_ref()),
            }))
        });
        if !matches!(item, Some(Ok(_))) {
            *guard = None;
        }
        let Some(item) = item else { return Ok(None) };
        // Still under the lock, so that indices follow the order of the items.
        let Some(index) = claim() else {
            return Ok(None);
        };
        item.map(|item| Some((index, item)))
            .map_err(|error| (index, error))
    }

    fn visit(&self, _index: u64, item: T, mut visit: impl FnMut(T)) -> Result<Piece> {
        visit(item);
        Ok(Piece::default())
    }

    fn abandon(&self, _index: u64) {}

    fn verify(&self) -> Result<()> {
        Ok(())
    }
}
