//! The bytes of one file, out of the store and into place.
//!
//! The store knows of a file that it had holes, and not where: chunks are cut where the content says so, and those at the edge of a hole
//! have bytes of both. So every block of zeros of such a file becomes a hole, as with `cp --sparse=always`. It takes no more of the disk than
//! the file that was added, and less if that had blocks full of zeros.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
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

/// What file systems take or leave of a file at once, nearly all of them.
const BLOCK_BYTES: usize = 4096;

/// What came of a file, or of a piece of one, whose bytes were written.
#[derive(Debug)]
pub(super) struct Written {
    /// How many there are.
    pub(super) bytes: u64,
    /// Whether the file is in place, with all of its bytes.
    pub(super) is_whole: bool,
    /// Why it has not the mode, time or attributes that it should have.
    pub(super) undressed: Option<Error>,
}

/// Writes a file that one thread writes by itself.
pub(super) fn write_small(
    store: &Store,
    folder: &Folder,
    child: &Child,
    force: bool,
) -> Result<Written> {
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
    let bytes = write().inspect_err(|_| folder.remove(&draft))?;
    // All bytes are there: that its time or an attribute could not be set is told of, and no reason to have nothing.
    let undressed = set_metadata(&file, &child.entry, &path()).err();
    folder
        .put_in_place(&draft, &child.name, force)
        .inspect_err(|_| folder.remove(&draft))?;
    Ok(Written {
        bytes,
        is_whole: true,
        undressed,
    })
}

/// Writes the bytes of a range, at their place; zeros are left out of a sparse file.
fn write_range(
    store: &Store,
    child: &Child,
    file: &File,
    range: Range<u64>,
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
        // However often it is repeated: a hole of a terabyte takes no time.
        if *is_sparse && is_zero(&chunk) {
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
            let (bytes, at) = (&chunk[from..to], at + from as u64);
            match is_sparse {
                true => write_around_holes(file, bytes, at),
                false => file.write_all_at(bytes, at),
            }
            .map_err(Error::io("write", path))?;
        }
    }
    Ok(())
}

/// Writes bytes at their place in a new file, which has zeros there already.
fn write_around_holes(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    data_ranges(bytes, at)
        .into_iter()
        .try_for_each(|range| file.write_all_at(&bytes[range.clone()], at + range.start as u64))
}

/// What is not zero of bytes that belong at `at`: whole blocks of the file, as far as these bytes are in them, and those that are side by side together.
fn data_ranges(bytes: &[u8], at: u64) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let block_bytes = BLOCK_BYTES - ((at + start as u64) % BLOCK_BYTES as u64) as usize;
        let end = bytes.len().min(start + block_bytes);
        if !is_zero(&bytes[start..end]) {
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(start..end),
            }
        }
        start = end;
    }
    ranges
}

fn is_zero(bytes: &[u8]) -> bool {
    // Compared with zeros, which is one call that looks at many bytes at once.
    const ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
    bytes
        .chunks(BLOCK_BYTES)
        .all(|chunk| chunk == &ZEROS[..chunk.len()])
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
    /// Whether it may take the place of another.
    force: bool,
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
                force,
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

    /// Writes it; whoever is the last one to do so finishes the file.
    pub(super) fn write(&self, store: &Store) -> Result<Written> {
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
            return written.map(|()| Written {
                bytes: end - start,
                is_whole: false,
                undressed: None,
            });
        }
        let undressed = set_metadata(&long.file, &long.child.entry, &path).err();
        long.folder
            .put_in_place(&long.draft, &long.child.name, long.force)
            .inspect_err(|_| long.folder.remove(&long.draft))?;
        Ok(Written {
            bytes: end - start,
            is_whole: true,
            undressed,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use proptest::prelude::*;

    use super::*;
    use crate::chunker::Parameters;
    use crate::restore::RestoreOptions;
    use crate::testing::{TestStore, cases};

    /// Goal: data in the middle of holes comes back in as many blocks as it had, whether one thread writes the file or several.
    #[test]
    fn holes_come_back_to_the_block() {
        let test = TestStore::with_chunks(Parameters::default());
        let lens = [3 << 20, 2 * PIECE_BYTES + 12_345];
        for (number, len_bytes) in lens.into_iter().enumerate() {
            let path = test.work().join(number.to_string());
            let file = File::create(path).expect("there is room");
            file.set_len(len_bytes).expect("there is room");
            // Short and long ones, at the edge of blocks and of pieces, and the last byte.
            let islands = [
                (0, 1),
                (100_001, 4096),
                (1 << 20, 300_000),
                (len_bytes / 2 - 5, 10),
                (len_bytes - 1, 1),
            ];
            for (at, len) in islands {
                file.write_all_at(&vec![7; len], at).expect("there is room");
            }
        }
        let commit = test.store.refs().commit(test.commit());
        let target = tempfile::tempdir().expect("a temporary folder");
        let root = commit.expect("it is there").root;
        let restored = test
            .store
            .restore_tree(root, target.path(), &RestoreOptions::default());
        assert!(restored.expect("there is room").failures.is_empty());
        for name in ["0", "1"] {
            let (old, new) = (test.work().join(name), target.path().join(name));
            assert!(fs::read(&old).ok() == fs::read(&new).ok());
            let blocks = |path| fs::metadata(path).expect("it is there").blocks();
            let (old, new) = (blocks(old), blocks(new));
            assert!(old < 1000, "the file system has no holes");
            // File systems count their own blocks for long lists of pieces.
            assert!(new <= old + 16, "{name}: {new} blocks, and {old} before");
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        /// Goal: all that is not zero is in a range, no block of zeros is, and ranges do not touch.
        #[test]
        fn ranges_have_all_data_and_no_block_of_zeros(
            pieces in proptest::collection::vec((any::<bool>(), 1..9000_usize), 0..6),
            at in 0..10_000_u64,
        ) {
            let bytes: Vec<u8> = pieces.iter().flat_map(|&(is_data, len)| vec![u8::from(is_data); len]).collect();
            let ranges = data_ranges(&bytes, at);
            prop_assert!(ranges.windows(2).all(|two| two[0].end < two[1].start));
            let mut found = vec![0; bytes.len()];
            for range in &ranges {
                found[range.clone()].copy_from_slice(&bytes[range.clone()]);
            }
            prop_assert_eq!(&found, &bytes);
            let block = |place: usize| (at + place as u64) / BLOCK_BYTES as u64;
            for place in ranges.iter().flat_map(|range| range.clone().step_by(BLOCK_BYTES / 2)) {
                let mut whole = bytes.iter().enumerate().filter(|(other, _)| block(*other) == block(place));
                prop_assert!(whole.any(|(_, byte)| *byte != 0), "{}", place);
            }
        }
    }
}
