//! Regular files read by position into pooled buffers: the back end that works everywhere.
//!
//! It costs one copy (about 45 ms per GB), and in exchange memory is bounded by the buffers in
//! use, errors of the disk are ordinary errors, and bytes are checked *before* anybody sees them.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::identity::Identity;
use super::{RandomAccess, clip};
use crate::pool::BufferPool;
use crate::{Error, Result};

/// Enough for every worker's chunk on large machines. A buffer for one huge record is larger and is freed.
const RETAINED_BYTES_MAX: usize = 32 << 20;

/// An open regular file.
#[derive(Debug)]
pub(crate) struct PreadFile {
    name: String,
    file: File,
    identity: Identity,
    buffers: BufferPool,
}

impl PreadFile {
    /// `file`, whose state `metadata` is. It is a regular file that is not empty.
    pub(crate) fn of(name: String, file: File, metadata: &Metadata) -> Self {
        Self::new(name, file, Identity::of(metadata))
    }

    /// The same for reads in no order.
    pub(crate) fn for_anywhere(name: String, file: File, metadata: &Metadata) -> Self {
        // Nothing is read ahead. Advice only, as below.
        #[cfg(target_os = "linux")]
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random);
        Self::unadvised(name, file, Identity::of(metadata))
    }

    pub(super) fn new(name: String, file: File, identity: Identity) -> Self {
        // Doubles the kernel's read-ahead. Advice only: that it is refused is no reason to stop.
        #[cfg(target_os = "linux")]
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
        Self::unadvised(name, file, identity)
    }

    fn unadvised(name: String, file: File, identity: Identity) -> Self {
        Self {
            name,
            file,
            identity,
            buffers: BufferPool::new(RETAINED_BYTES_MAX),
        }
    }

    fn read_exact_at(&self, buffer: &mut [u8], start: u64) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            let byte_offset = start + filled as u64;
            match self.file.read_at(&mut buffer[filled..], byte_offset) {
                Ok(0) => {
                    self.identity.check(&self.file, &self.name, byte_offset)?;
                    // The size says the bytes are there and the file system does not give them.
                    let source = io::ErrorKind::UnexpectedEof.into();
                    return Err(Error::Read {
                        input: self.name.clone(),
                        byte_offset,
                        source,
                    });
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(Error::Read {
                        input: self.name.clone(),
                        byte_offset,
                        source,
                    });
                }
            }
        }
        Ok(())
    }
}

impl RandomAccess for PreadFile {
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
        "read"
    }

    fn with_range(&self, range: Range<u64>, visit: &mut dyn FnMut(&[u8])) -> Result<()> {
        let range = clip(range, self.len_bytes());
        let len = usize::try_from(range.end - range.start).map_err(|_| Error::Unsupported {
            input: self.name.clone(),
            reason: "a range larger than the address space was asked for".into(),
        })?;
        let mut buffer = self.buffers.take(len);
        self.read_exact_at(&mut buffer, range.start)?;
        self.identity.check(&self.file, &self.name, range.start)?;
        visit(&buffer);
        Ok(())
    }

    fn read_into(&self, start: u64, buffer: &mut [u8]) -> Result<()> {
        self.read_exact_at(buffer, start)?;
        self.identity.check(&self.file, &self.name, start)
    }

    fn release(&self, _range: Range<u64>) {
        // The buffers went back to the pool already; the page cache is the system's business.
    }

    fn verify(&self) -> Result<()> {
        self.identity.check(&self.file, &self.name, 0)
    }
}
