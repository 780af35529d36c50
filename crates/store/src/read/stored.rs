//! A file in the store, open at any byte.

use std::ops::Range;
use std::sync::Arc;

use tamis_engine::names::show_bytes;
use tamis_engine::pool::BufferPool;
use tamis_engine::source::RandomAccess;

use super::to_engine;
use crate::entry::{Body, Content, Run};
use crate::store::Store;
use crate::tree::{Child, runs};
use crate::{Error, Result};

/// Enough for the range of every thread on large machines; a buffer for one huge record is larger and is freed.
const RETAINED_BYTES_MAX: usize = 32 << 20;

/// The bytes of one file of a commit. They cannot change; that they are what was stored is checked chunk by chunk.
#[derive(Debug)]
pub struct StoredFile {
    store: Arc<Store>,
    name: String,
    child: Child,
    buffers: BufferPool,
}

impl StoredFile {
    /// `child`, which is a file.
    pub(super) fn new(store: Arc<Store>, child: Child, name: &str) -> StoredFile {
        StoredFile {
            store,
            name: name.to_owned(),
            child,
            buffers: BufferPool::new(RETAINED_BYTES_MAX),
        }
    }

    /// What the store knows of it.
    pub fn child(&self) -> &Child {
        &self.child
    }

    fn try_range(&self, range: Range<u64>, visit: &mut dyn FnMut(&[u8])) -> Result<()> {
        let (len_bytes, body) = bytes_of(&self.child)?;
        let range = range.start.min(len_bytes)..range.end.min(len_bytes);
        if range.is_empty() {
            visit(&[]);
            return Ok(());
        }
        let objects = self.store.objects();
        let mut ahead = runs(body, len_bytes, range.start, objects);
        let (start, run) = ahead.next().unwrap_or_else(|| Err(self.ends_early()))?;
        let len = u64::from(run.len_bytes);
        let inner = (range.start - start) % len;
        if range.end - range.start <= len - inner {
            let chunk = objects.chunk(&run.id, run.len_bytes)?;
            let end = inner + (range.end - range.start);
            visit(&chunk[inner as usize..end as usize]);
            return Ok(());
        }
        let wanted = usize::try_from(range.end - range.start).map_err(|_| Error::Usage {
            reason: format!("`{}`: a range larger than the address space", self.name),
        })?;
        let mut buffer = self.buffers.take(wanted);
        let mut filled = self.fill(&mut buffer, &range, (start, run))?;
        while filled < wanted {
            let item = ahead.next().unwrap_or_else(|| Err(self.ends_early()))?;
            filled += self.fill(
                &mut buffer[filled..],
                &(range.start + filled as u64..range.end),
                item,
            )?;
        }
        visit(&buffer);
        Ok(())
    }

    /// Copies what a run has of a range to the start of `buffer`; how much that was.
    fn fill(
        &self,
        buffer: &mut [u8],
        range: &Range<u64>,
        (start, run): (u64, Run),
    ) -> Result<usize> {
        let chunk = self.store.objects().chunk(&run.id, run.len_bytes)?;
        let end = range.end.min(start.saturating_add(run.total_bytes()));
        let mut filled = 0;
        let mut inner = ((range.start - start) % u64::from(run.len_bytes)) as usize;
        while range.start + (filled as u64) < end {
            let left = end - range.start - filled as u64;
            let count = (chunk.len() - inner).min(usize::try_from(left).unwrap_or(usize::MAX));
            buffer[filled..filled + count].copy_from_slice(&chunk[inner..inner + count]);
            filled += count;
            inner = 0;
        }
        Ok(filled)
    }

    fn ends_early(&self) -> Error {
        not_so_long(&self.name)
    }
}

/// Length and chunks of a child that is a file.
pub(super) fn bytes_of(child: &Child) -> Result<(u64, &Body)> {
    match &child.entry.content {
        Content::File {
            len_bytes, body, ..
        } => Ok((*len_bytes, body)),
        _ => Err(Error::Usage {
            reason: format!("`{}` is no file", show_bytes(&child.name)),
        }),
    }
}

/// For a list whose chunks end before the file does.
pub(super) fn not_so_long(what: &str) -> Error {
    Error::BadObject {
        what: "chunk list",
        id: what.to_owned(),
        byte_offset: 0,
        detail: "its chunks are not as long as it says".into(),
    }
}

impl RandomAccess for StoredFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn len_bytes(&self) -> u64 {
        bytes_of(&self.child).map_or(0, |(len_bytes, _)| len_bytes)
    }

    fn modified_ns(&self) -> Option<i64> {
        Some(self.child.entry.modified_ns)
    }

    fn backend(&self) -> &'static str {
        "store"
    }

    fn with_range(
        &self,
        range: Range<u64>,
        visit: &mut dyn FnMut(&[u8]),
    ) -> tamis_engine::Result<()> {
        self.store.cancel().check()?;
        self.try_range(range, visit)
            .map_err(|error| to_engine(&self.name, error))
    }

    fn release(&self, _range: Range<u64>) {
        // What is unpacked stays in the store's cache as long as there is room.
    }

    fn verify(&self) -> tamis_engine::Result<()> {
        // Every chunk was held against its id when it was read.
        Ok(())
    }
}
