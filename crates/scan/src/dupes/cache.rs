//! Digests kept from run to run, under what the file system says of the file.
//!
//! A digest is taken for that of a file if device, inode, size, modification time and change time are what they were, which is
//! what git relies on. It is kept only if the file had been left alone for a while before it was read
//! ([`Stamp::is_settled`]), so that a change must show. A cache that is not as it was written is not used; it is made anew.
//!
//! # The file
//! Integers are little-endian.
//!
//! ```text
//!  0  8   "TAMISDUP"
//!  8  4   version: 1
//! 12  4   0
//! 16  8   number of entries
//! 24  72  each: device 8, inode 8, size 8, modified 8, changed 8 (nanoseconds since 1970, signed), BLAKE3 digest 32;
//!         in the order of device and inode, one for each of them
//!     32  BLAKE3 of everything before
//! ```

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tamis_engine::sink::FileSink;
use tamis_engine::stamp::Stamp;

use crate::{Error, Result, names};

const MAGIC: &[u8; 8] = b"TAMISDUP";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;
const CHECKSUM_BYTES: usize = 32;
const ENTRY_BYTES: usize = 72;
/// Device, inode, size and times.
const STAMP_BYTES: usize = 40;

/// Entries that are kept, those of this run first: some 29 MB, on the disk and in memory.
const ENTRY_COUNT_MAX: usize = 400_000;

/// One entry as it lies in the file.
type Entry = [u8; ENTRY_BYTES];

/// Digests of earlier runs, and those to be kept for later ones.
#[derive(Debug, Default)]
pub struct Cache {
    known: Vec<Entry>,
    is_used: Vec<bool>,
    fresh: Vec<Entry>,
}

/// Where the digests are, unless somebody says otherwise; `None` if this user has no folder for such things.
pub fn default_path() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    cache.is_absolute().then(|| cache.join("tamis/digests"))
}

impl Cache {
    /// The cache at `path`; empty if there is none or it cannot be used, and then `notes` says why.
    ///
    /// # Errors
    /// [`Error::NoCache`] if the file was never one: it would be replaced.
    pub(super) fn open(path: &Path, notes: &mut Vec<String>) -> Result<Cache> {
        let refused = match fs::read(path) {
            Ok(bytes) if !bytes.is_empty() && !bytes.starts_with(MAGIC) => {
                let path = path.to_owned();
                return Err(Error::NoCache { path });
            }
            Ok(bytes) => match Cache::parse(&bytes) {
                Ok(cache) => return Ok(cache),
                Err(reason) => reason.to_owned(),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Cache::default()),
            Err(error) => error.to_string(),
        };
        let path = names::show(path);
        notes.push(format!("the digests in `{path}` are not used: {refused}"));
        Ok(Cache::default())
    }

    /// A cache as it was written.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn parse(bytes: &[u8]) -> std::result::Result<Cache, &'static str> {
        let header = bytes.get(..HEADER_BYTES).ok_or("the file is too short")?;
        if &header[..8] != MAGIC {
            return Err("the file is something else");
        }
        if header[8..12] != VERSION.to_le_bytes() {
            return Err("the file is of another version");
        }
        let (content, checksum) = bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .ok_or("the file is too short")?;
        if blake3::hash(content) != *checksum {
            return Err("the file is damaged");
        }
        let (entries, rest) = content.get(HEADER_BYTES..).unwrap_or_default().as_chunks();
        if !rest.is_empty() || header[16..24] != (entries.len() as u64).to_le_bytes() {
            return Err("the file is damaged");
        }
        Ok(Cache {
            known: entries.to_vec(),
            is_used: vec![false; entries.len()],
            fresh: Vec::new(),
        })
    }

    /// The digest of a file in this state.
    pub fn digest(&mut self, stamp: &Stamp) -> Option<[u8; 32]> {
        let stamp = encode(stamp);
        let key = |entry: &Entry| order(entry);
        let at = self.known.binary_search_by_key(&order(&stamp), key).ok()?;
        let entry = &self.known[at];
        if entry[..STAMP_BYTES] != stamp[..STAMP_BYTES] {
            return None;
        }
        self.is_used[at] = true;
        entry.last_chunk().copied()
    }

    /// Remembers the digest of a file that was in this state when it was found, after `began`.
    pub fn note(&mut self, stamp: &Stamp, digest: &[u8; 32], began: SystemTime) {
        if stamp.is_settled(began) {
            let mut entry = encode(stamp);
            entry[STAMP_BYTES..].copy_from_slice(digest);
            self.fresh.push(entry);
        }
    }

    /// Puts the cache in its place, whole, if there is anything new.
    pub(super) fn write(&mut self, path: &Path) -> Result<()> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            // Whatever is wrong with the folder is wrong with the file.
            let _ = fs::create_dir_all(folder);
        }
        let mut sink = FileSink::create(path)?;
        let entries = self.entries();
        let mut hasher = blake3::Hasher::new();
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&0_u32.to_le_bytes());
        header.extend_from_slice(&(entries.len() as u64).to_le_bytes());
        for bytes in [&header[..], entries.as_flattened()] {
            hasher.update(bytes);
            sink.write_all(bytes)?;
        }
        sink.write_all(hasher.finalize().as_bytes())?;
        sink.finish()?;
        Ok(())
    }

    /// What is to be kept, in order.
    fn entries(&mut self) -> Vec<Entry> {
        let mut entries = std::mem::take(&mut self.fresh);
        let size = |entry: &Entry| u64::from_le_bytes(field(entry, 2));
        if entries.len() > ENTRY_COUNT_MAX {
            // Small files are read again soonest.
            entries.sort_unstable_by_key(|entry| std::cmp::Reverse(size(entry)));
            entries.truncate(ENTRY_COUNT_MAX);
        }
        let replaced: HashSet<_> = entries.iter().map(order).collect();
        let mut room = ENTRY_COUNT_MAX - entries.len();
        for is_used in [true, false] {
            let known = self.known.iter().zip(&self.is_used);
            let known = known
                .filter(|(entry, used)| **used == is_used && !replaced.contains(&order(entry)));
            let before = entries.len();
            entries.extend(known.map(|(entry, _)| *entry).take(room));
            room -= entries.len() - before;
        }
        entries.sort_unstable_by_key(order);
        entries.dedup_by_key(|entry| order(entry));
        entries
    }
}

/// A stamp as an entry without its digest.
fn encode(stamp: &Stamp) -> Entry {
    let mut entry = [0; ENTRY_BYTES];
    let fields = [
        stamp.device.to_le_bytes(),
        stamp.inode.to_le_bytes(),
        stamp.len_bytes.to_le_bytes(),
        stamp.modified_ns.to_le_bytes(),
        stamp.changed_ns.to_le_bytes(),
    ];
    entry[..STAMP_BYTES].copy_from_slice(fields.as_flattened());
    entry
}

fn field(entry: &Entry, number: usize) -> [u8; 8] {
    entry.as_chunks().0[number]
}

/// What entries are sorted by.
fn order(entry: &Entry) -> (u64, u64) {
    (
        u64::from_le_bytes(field(entry, 0)),
        u64::from_le_bytes(field(entry, 1)),
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn stamp(inode: u64) -> Stamp {
        Stamp {
            device: 7,
            inode,
            len_bytes: 100 + inode,
            modified_ns: 5,
            changed_ns: 9,
        }
    }

    fn written(cache: &mut Cache) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("new/digests");
        cache.write(&path).expect("there is room");
        fs::read(&path).expect("it is there")
    }

    #[test]
    fn what_was_noted_is_found_as_long_as_the_file_is_the_same() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let mut cache = Cache::default();
        for inode in (1..50).rev() {
            cache.note(&stamp(inode), &[inode as u8; 32], now);
        }
        // It may change without a trace.
        let fresh = Stamp {
            changed_ns: 999_000_000_000,
            ..stamp(60)
        };
        cache.note(&fresh, &[60; 32], now);
        let mut cache = Cache::parse(&written(&mut cache)).expect("it is as it was written");
        assert_eq!(cache.digest(&stamp(30)), Some([30; 32]));
        assert_eq!(cache.digest(&stamp(50)), None);
        assert_eq!(cache.digest(&fresh), None);
        for other in [
            Stamp {
                device: 8,
                ..stamp(30)
            },
            Stamp {
                len_bytes: 1,
                ..stamp(30)
            },
            Stamp {
                modified_ns: 6,
                ..stamp(30)
            },
            Stamp {
                changed_ns: 8,
                ..stamp(30)
            },
        ] {
            assert_eq!(cache.digest(&other), None, "{other:?}");
        }
        // A new digest takes the place of an old one.
        cache.note(
            &Stamp {
                changed_ns: 10,
                ..stamp(30)
            },
            &[99; 32],
            now,
        );
        let mut cache = Cache::parse(&written(&mut cache)).expect("it is as it was written");
        assert_eq!(cache.digest(&stamp(30)), None);
        assert_eq!(
            cache.digest(&Stamp {
                changed_ns: 10,
                ..stamp(30)
            }),
            Some([99; 32])
        );
        assert_eq!(cache.digest(&stamp(31)), Some([31; 32]));
        assert_eq!(cache.known.len(), 49);
    }

    #[test]
    fn no_byte_may_be_another() {
        let mut cache = Cache::default();
        cache.note(&stamp(1), &[1; 32], UNIX_EPOCH + Duration::from_secs(1000));
        let good = written(&mut cache);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(Cache::parse(&bad).is_err(), "byte {at}");
            assert!(Cache::parse(&good[..at]).is_err(), "{at} bytes");
        }
        assert!(Cache::parse(&[&good[..], b"x"].concat()).is_err());
    }

    #[test]
    fn a_bad_cache_is_told_of_and_made_anew() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("digests");
        fs::write(&path, "nonsense that is long enough").expect("there is room");
        let mut notes = Vec::new();
        let error = Cache::open(&path, &mut notes).expect_err("it is no cache");
        assert!(matches!(error, Error::NoCache { .. }), "{error}");
        // It was one once.
        fs::write(&path, "TAMISDUP and more, long enough").expect("there is room");
        let mut cache = Cache::open(&path, &mut notes).expect("it may be replaced");
        assert_eq!(notes.len(), 1, "{notes:?}");
        cache.note(&stamp(1), &[1; 32], UNIX_EPOCH + Duration::from_secs(1000));
        cache.write(&path).expect("there is room");
        notes.clear();
        let mut open = |path: &Path| Cache::open(path, &mut notes).expect("it may be replaced");
        assert_eq!(open(&path).digest(&stamp(1)), Some([1; 32]));
        open(&folder.path().join("none"));
        assert!(notes.is_empty());
    }
}
