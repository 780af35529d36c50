//! The bytes of one file, out of the store and into place.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::PIECE_BYTES;
use super::target::{Folder, set_metadata};
use crate::entry::Content;
use crate::store::Store;
use crate::tree::{Child, runs};
use crate::{Error, Result};

/// Zeros that are at least as long as this are left out of a sparse file.
const HOLE_BYTES: usize = 4096;

/// Writes a file that one thread writes by itself; its length.
pub(super) fn write_small(
    store: &Store,
    folder: &Folder,
    child: &Child,
    force: bool,
) -> Result<u64> {
    let (file, draft) = folder.make_file(&child.name, force)?;
    let mut file = File::from(file);
    let path = || folder.path_of(&child.name);
    let mut write = || -> Result<u64> {
        let Content::File {
            len_bytes,
            is_sparse,
            body,
        } = &child.entry.content
        else {
            unreachable!("only files have bytes")
        };
        if *is_sparse {
            write_range(store, child, &file, 0..*len_bytes, &path())?;
            file.set_len(*len_bytes)
                .map_err(Error::io("write", &path()))?;
        } else {
            for item in runs(body, *len_bytes, 0, store.objects()) {
                let (_, run) = item?;
                for _ in 0..run.count {
                    let chunk = store.objects().chunk(&run.id, run.len_bytes)?;
                    file.write_all(&chunk)
                        .map_err(Error::io("write", &path()))?;
                }
            }
        }
        Ok(*len_bytes)
    };
    let len_bytes = write().inspect_err(|_| folder.remove(&draft))?;
    // All bytes are there: that its time or an attribute could not be set is told of, and no reason to have nothing.
    let is_dressed = set_metadata(&file, &child.entry)
        .map_err(|error| Error::io("set the mode and time of", &path())(error.into()));
    folder
        .put_in_place(&draft, &child.name)
        .inspect_err(|_| folder.remove(&draft))?;
    is_dressed.map(|()| len_bytes)
}

/// Writes the bytes of a range, at their place; zeros are left out of a sparse file.
fn write_range(
    store: &Store,
    child: &Child,
    file: &File,
    range: std::ops::Range<u64>,
    path: &std::path::Path,
) -> Result<()> {
    let Content::File {
        len_bytes,
        is_sparse,
        body,
    } = &child.entry.content
    else {
        unreachable!("only files have bytes")
    };
    for item in runs(body, *len_bytes, range.start, store.objects()) {
        let (start, run) = item?;
        if start >= range.end {
            break;
        }
        let chunk = store.objects().chunk(&run.id, run.len_bytes)?;
        let is_hole =
            *is_sparse && chunk.len() >= HOLE_BYTES && chunk.iter().all(|&byte| byte == 0);
        if is_hole {
            continue;
        }
        let len = u64::from(run.len_bytes);
        let first = range.start.saturating_sub(start) / len;
        for number in first..u64::from(run.count) {
            store.cancel().check()?;
            let at = start + number * len;
            if at >= range.end {
                break;
            }
            let from = range.start.saturating_sub(at) as usize;
            let to = len.min(range.end - at) as usize;
            file.write_all_at(&chunk[from..to], at + from as u64)
                .map_err(Error::io("write", path))?;
        }
    }
    Ok(())
}

/// A part of a long file.
pub(super) struct Piece {
    shared: Arc<Long>,
    number: u64,
}

/// A long file that several threads write.
struct Long {
    folder: Arc<Folder>,
    child: Child,
    len_bytes: u64,
    file: File,
    /// What it is called until it is whole.
    draft: Vec<u8>,
    pieces_left: AtomicU64,
    has_failed: AtomicBool,
}

impl Drop for Long {
    fn drop(&mut self) {
        // The run ended before all pieces were written.
        if *self.pieces_left.get_mut() > 0 {
            self.folder.remove(&self.draft);
        }
    }
}

impl Piece {
    /// Makes the file; its first piece.
    pub(super) fn first(folder: &Arc<Folder>, child: Child, force: bool) -> Result<Piece> {
        let (file, draft) = folder.make_file(&child.name, force)?;
        let file = File::from(file);
        let Content::File { len_bytes, .. } = child.entry.content else {
            unreachable!("only files have bytes")
        };
        file.set_len(len_bytes)
            .inspect_err(|_| folder.remove(&draft))
            .map_err(Error::io("write", &folder.path_of(&child.name)))?;
        Ok(Piece {
            shared: Arc::new(Long {
                folder: folder.clone(),
                child,
                len_bytes,
                file,
                draft,
                pieces_left: AtomicU64::new(len_bytes.div_ceil(PIECE_BYTES)),
                has_failed: AtomicBool::new(false),
            }),
            number: 0,
        })
    }

    /// The piece behind this one.
    pub(super) fn next(&self) -> Option<Piece> {
        let number = self.number + 1;
        (number * PIECE_BYTES < self.shared.len_bytes).then(|| Piece {
            shared: self.shared.clone(),
            number,
        })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.shared.folder.path_of(&self.shared.child.name)
    }

    /// Writes it; whoever is the last one to do so finishes the file. How many bytes those were, and whether the file is whole now.
    pub(super) fn write(&self, store: &Store) -> Result<(u64, bool)> {
        let long = &*self.shared;
        let start = self.number * PIECE_BYTES;
        let end = (start + PIECE_BYTES).min(long.len_bytes);
        let path = self.path();
        let written = write_range(store, &long.child, &long.file, start..end, &path);
        if written.is_err() {
            long.has_failed.store(true, Ordering::Release);
        }
        // Acquires what the others have released: whether one of them has failed.
        let is_last = long.pieces_left.fetch_sub(1, Ordering::AcqRel) == 1;
        if !is_last || long.has_failed.load(Ordering::Acquire) {
            if is_last {
                long.folder.remove(&long.draft);
            }
            return written.map(|()| (end - start, false));
        }
        let is_dressed = set_metadata(&long.file, &long.child.entry)
            .map_err(|error| Error::io("set the mode and time of", &path)(error.into()));
        long.folder
            .put_in_place(&long.draft, &long.child.name)
            .inspect_err(|_| long.folder.remove(&long.draft))?;
        is_dressed.map(|()| (end - start, true))
    }
}
