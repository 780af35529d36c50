//! Regular files mapped into memory: no copy, and no lie about a file that changes.
//!
//! The mapping itself, and how it survives a truncation, is in [`crate::mmap`]. Here its bytes
//! are handed out, and doubted afterwards: a range counts only if no page was lost and the file's
//! size and modification time are as they were *after* the closure ran. The time of the check
//! matters; a truncation inside the last page zeroes bytes without any signal.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::identity::Identity;
use super::{RandomAccess, clip};
use crate::mmap::Mapping;
use crate::{Error, Result};

/// An open, mapped regular file.
#[derive(Debug)]
pub(super) struct MappedFile {
    name: String,
    file: File,
    identity: Identity,
    mapping: Mapping,
}

impl MappedFile {
    pub(super) fn new(name: String, file: File, identity: Identity, mapping: Mapping) -> Self {
        Self {
            name,
            file,
            identity,
            mapping,
        }
    }

    fn check(&self, suspect_from: u64) -> Result<()> {
        self.identity.check(&self.file, &self.name, suspect_from)?;
        match self.mapping.first_lost_byte() {
            None => Ok(()),
            Some(lost) => Err(self.lost_page(lost as u64)),
        }
    }

    /// Why a page went away from a file that seems unchanged: ask for the same byte by `read`.
    fn lost_page(&self, byte_offset: u64) -> Error {
        let input = self.name.clone();
        match self.file.read_at(&mut [0], byte_offset) {
            Err(source) => Error::Read {
                input,
                byte_offset,
                source,
            },
            Ok(_) => Error::Changed {
                input,
                byte_offset,
                detail: "pages of it were lost for a moment".into(),
            },
        }
    }
}

impl RandomAccess for MappedFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn len_bytes(&self) -> u64 {
        self.identity.len_bytes()
    }

    fn modified_ns(&self) -> Option<i64> {
        Some(self.identity.modified_ns())
    }

    fn backend(&self) -> &'static str {
        "mmap"
    }

    fn is_in_memory(&self) -> bool {
        true
    }

    fn with_range(&self, range: Range<u64>, visit: &mut dyn FnMut(&[u8])) -> Result<()> {
        let range = clip(range, self.len_bytes());
        self.mapping.with_bytes(in_memory(&range), visit);
        self.check(range.start)
    }

    fn release(&self, range: Range<u64>) {
        self.mapping
            .release(in_memory(&clip(range, self.len_bytes())));
    }

    fn verify(&self) -> Result<()> {
        self.check(0)
    }
}

/// A range inside the file as a range inside the mapping.
fn in_memory(range: &Range<u64>) -> Range<usize> {
    let position =
        |offset| usize::try_from(offset).expect("the mapping covers the file, so its offsets fit");
    position(range.start)..position(range.end)
}
