//! What need not be read again, and what is gone.

use std::sync::{Mutex, PoisonError};

use tamis_engine::stamp::Stamp;

use crate::progress::StoreProgress;
use crate::staging::{Kind, Roll, Staging};
use crate::walk::Visitor;
use crate::{Error, Result};

/// Asked of everything that a walk meets.
#[derive(Debug)]
pub(super) struct Filter<'s> {
    roll: Roll<'s>,
    progress: &'s StoreProgress,
    error: Mutex<Option<Error>>,
}

impl<'s> Filter<'s> {
    pub(super) fn new(staging: &'s Staging, progress: &'s StoreProgress) -> Filter<'s> {
        Filter {
            roll: staging.roll(),
            progress,
            error: Mutex::default(),
        }
    }

    /// Staged paths at and below `starts` that the walk, which is over, has not met.
    pub(super) fn gone(self, starts: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        let error = self
            .error
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        match error {
            Some(error) => Err(error),
            None => self.roll.missing(starts),
        }
    }
}

impl Visitor for Filter<'_> {
    fn knows(&self, path: &[u8]) -> bool {
        self.roll.knows(path)
    }

    fn is_wanted(&self, path: &[u8], kind: Kind, stamp: &Stamp) -> bool {
        self.progress.found(kind, stamp.len_bytes);
        match self.roll.meet(path) {
            Ok(known) => !known.is_some_and(|known| known.kind == kind && known.vouches_for(stamp)),
            Err(error) => {
                let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(error);
                false
            }
        }
    }
}
