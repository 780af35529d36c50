//! Bytes of a file with random access, in buffers that arrays may keep.
//!
//! A mapping is given to a closure and to nobody else, and an array lives longer than a closure. So what arrays are made
//! of is copied once, into a buffer that goes back to a pool when the last array lets go of it.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tamis_engine::pool::{BufferPool, PooledBuffer};
use tamis_engine::source::RandomAccess;

use crate::Error;

/// What a pool keeps of buffers that nobody uses: the pages or the buffers of some columns on some threads.
const RETAINED_BYTES_MAX: usize = 64 << 20;

/// A file, as several threads read it.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    access: Arc<dyn RandomAccess>,
    pool: BufferPool,
    /// Why a read failed, kept past libraries that would make a text of it.
    failed: Arc<Mutex<Option<tamis_engine::Error>>>,
}

/// Lets [`Bytes`] own a buffer.
struct Owned(PooledBuffer);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Region {
    pub(crate) fn new(access: Box<dyn RandomAccess>) -> Region {
        Region {
            access: access.into(),
            pool: BufferPool::new(RETAINED_BYTES_MAX),
            failed: Arc::default(),
        }
    }

    /// The same file for one thread, with failures of its own.
    pub(crate) fn fork(&self) -> Region {
        Region {
            failed: Arc::default(),
            ..self.clone()
        }
    }

    pub(crate) fn access(&self) -> &dyn RandomAccess {
        self.access.as_ref()
    }

    pub(crate) fn len_bytes(&self) -> u64 {
        self.access.len_bytes()
    }

    /// The bytes of `range`; `None` when the file has no such bytes, or they cannot be read
    /// ([`take_failure`](Region::take_failure) says why).
    pub(crate) fn read(&self, range: Range<u64>) -> Option<Bytes> {
        let mut buffer = self.buffer(&range)?;
        self.read_into(range.start, &mut buffer)?;
        Some(freeze(buffer))
    }

    /// A buffer for the bytes of `range`, if the file has them: no length is believed that the file does not have.
    pub(crate) fn buffer(&self, range: &Range<u64>) -> Option<PooledBuffer> {
        let is_inside = range.start <= range.end && range.end <= self.len_bytes();
        let len = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        is_inside.then(|| self.pool.take(len))
    }

    /// Fills `buffer` with bytes that the file has.
    pub(crate) fn read_into(&self, start: u64, buffer: &mut [u8]) -> Option<()> {
        match self.access.read_into(start, buffer) {
            Ok(()) => {
                // The copy is what is used from here on; a mapping would otherwise stay in memory as it is read.
                let end = start.saturating_add(buffer.len() as u64);
                self.access.release(start..end);
                Some(())
            }
            Err(error) => {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert(error);
                None
            }
        }
    }

    /// Why the first of the reads failed, if one did.
    pub(crate) fn take_failure(&self) -> Option<tamis_engine::Error> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take()
    }

    /// What stopped the reader of this file: a read that failed, or else `error`.
    pub(crate) fn error(&self, error: Error) -> tamis_engine::Error {
        self.take_failure()
            .unwrap_or_else(|| producer(self.access.name(), error))
    }
}

/// The buffer as bytes that many may share.
pub(crate) fn freeze(buffer: PooledBuffer) -> Bytes {
    Bytes::from_owner(Owned(buffer))
}

/// `error` as one of the input called `name`.
pub(crate) fn producer(name: &str, error: Error) -> tamis_engine::Error {
    tamis_engine::Error::Producer {
        input: name.to_owned(),
        source: Box::new(error),
    }
}
