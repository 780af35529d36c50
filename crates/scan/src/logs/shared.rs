//! An opened file that is read in several stretches.

use std::ops::Range;
use std::sync::Arc;

use tamis_engine::Result;
use tamis_engine::source::RandomAccess;

/// A handle of a file that others hold, too.
#[derive(Clone, Debug)]
pub(super) struct SharedFile(pub(super) Arc<dyn RandomAccess>);

impl RandomAccess for SharedFile {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn len_bytes(&self) -> u64 {
        self.0.len_bytes()
    }

    fn modified_ns(&self) -> Option<i64> {
        self.0.modified_ns()
    }

    fn backend(&self) -> &'static str {
        self.0.backend()
    }

    fn with_range(&self, range: Range<u64>, visit: &mut dyn FnMut(&[u8])) -> Result<()> {
        self.0.with_range(range, visit)
    }

    fn read_into(&self, start: u64, buffer: &mut [u8]) -> Result<()> {
        self.0.read_into(start, buffer)
    }

    fn release(&self, range: Range<u64>) {
        self.0.release(range);
    }

    fn verify(&self) -> Result<()> {
        self.0.verify()
    }
}
