//! Open files, of which there are never more than a budget: a partition that nobody reads or writes costs no descriptor.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;

use crate::disk::{Disk, SharedDisk};
use crate::{Error, Result};

/// A file that is opened when it is needed.
#[derive(Debug)]
pub(crate) struct LogFile {
    id: u64,
    path: PathBuf,
    files: Files,
}

/// The open files of a broker; a handle that is cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Files(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    open: Cache<u64, Arc<File>>,
    next_id: AtomicU64,
    disk: SharedDisk,
}

impl Files {
    /// On the file system.
    #[cfg(test)]
    pub(crate) fn new(count_max: usize) -> Files {
        Files::on(Arc::new(crate::disk::RealDisk), count_max)
    }

    /// Keeps at most `count_max` files open, not counting those that are being read or written just then.
    pub(crate) fn on(disk: SharedDisk, count_max: usize) -> Files {
        Files(Arc::new(Shared {
            open: Cache::new(count_max),
            next_id: AtomicU64::new(0),
            disk,
        }))
    }

    /// What makes them durable.
    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.0.disk
    }

    /// A file that is there already, or will be made before it is opened.
    pub(crate) fn file(&self, path: PathBuf) -> LogFile {
        LogFile {
            id: self.0.next_id.fetch_add(1, Ordering::Relaxed),
            path,
            files: self.clone(),
        }
    }
}

impl LogFile {
    /// Its descriptor; whoever holds it can read on after the file was removed.
    pub(crate) fn open(&self) -> Result<Arc<File>> {
        let open = || {
            let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
            Ok(Arc::new(file))
        };
        let opened = self.files.0.open.get_or_insert_with(&self.id, open);
        opened.map_err(Error::io("open", &self.path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        self.files.0.open.remove(&self.id);
    }
}
