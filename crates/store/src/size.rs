//! How large a store is, and what it saves: from what it says of itself, so that the answer is there at once however much is in it.
//!
//! Read are the refs, the commits, the index's tables of packs, and the lengths of some files; no tree, no pack, and no history.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::id::CommitId;
use crate::index::PackKind;
use crate::store::Store;
use crate::{Error, Result};

/// How large a store is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sizes {
    /// Commits that are not forgotten.
    pub commits: u64,
    /// Commits that are.
    pub forgotten_commits: u64,
    /// Files in the newest version.
    pub head_files: u64,
    /// Their bytes.
    pub head_bytes: u64,
    /// Files in all versions, summed up.
    pub all_files: u64,
    /// Their bytes.
    pub all_bytes: u64,
    /// Chunks in packs; those that garbage collection would remove count, too.
    pub chunks: u64,
    /// Their plain bytes.
    pub chunk_bytes: u64,
    /// Nodes of folders and chunk lists in packs.
    pub nodes: u64,
    /// Their plain bytes.
    pub node_bytes: u64,
    /// What the files of the store take.
    pub stored: StoredSizes,
    /// Bytes of all versions for each plain byte of a chunk that is kept: 10 if ten versions are the same. 0 if there are none.
    pub dedup_ratio: f64,
    /// Plain bytes in packs for each byte that the packs take. 0 if there are none.
    pub compression_ratio: f64,
    /// All versions that are not forgotten, the newest first.
    pub versions: Vec<VersionSizes>,
}

/// What the files of a store take, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StoredSizes {
    /// Packs of chunks.
    pub data_packs: u64,
    /// Packs of nodes.
    pub tree_packs: u64,
    /// The index.
    pub index: u64,
    /// What the next commit will hold.
    pub staging: u64,
    /// Commits.
    pub commits: u64,
    /// Packs that wait to be deleted.
    pub trash: u64,
}

impl StoredSizes {
    /// All of it.
    pub fn total(&self) -> u64 {
        let packs = self.data_packs + self.tree_packs;
        packs + self.index + self.staging + self.commits + self.trash
    }
}

/// What a version added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionSizes {
    /// Its commit.
    pub commit: String,
    /// When it was made, in nanoseconds since 1970.
    pub time_ns: i64,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Chunks that were in no pack before.
    pub new_chunks: u64,
    /// Their plain bytes.
    pub new_plain_bytes: u64,
    /// What they and its nodes took in packs, where it was made.
    pub stored_bytes: u64,
}

impl Store {
    /// How large the store is.
    ///
    /// Cost: one small file for each commit.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Io`].
    pub fn sizes(&self) -> Result<Sizes> {
        let forgotten = self.refs().forgotten()?;
        let mut sizes = Sizes {
            stored: self.stored_sizes()?,
            ..Sizes::default()
        };
        if let Some(head) = self.refs().head()? {
            let totals = self.refs().commit(head)?.totals;
            (sizes.head_files, sizes.head_bytes) = (totals.files, totals.bytes);
        }
        for id in self.refs().commits()? {
            match forgotten.contains(&id) {
                true => sizes.forgotten_commits += 1,
                false => sizes.versions.push(self.version(id)?),
            }
        }
        sizes.versions.sort_by(|left, right| {
            let key = |it: &VersionSizes| (it.time_ns, it.commit.clone());
            key(right).cmp(&key(left))
        });
        sizes.commits = sizes.versions.len() as u64;
        // Sums of what commits claim.
        let sum = |field: fn(&VersionSizes) -> u64| {
            let fields = sizes.versions.iter().map(field);
            fields.fold(0, u64::saturating_add)
        };
        (sizes.all_files, sizes.all_bytes) = (sum(|it| it.files), sum(|it| it.bytes));
        self.objects().index().refresh()?;
        for pack in self.objects().index().known_packs() {
            let (count, plain, stored) = match pack.kind {
                PackKind::Data => (
                    &mut sizes.chunks,
                    &mut sizes.chunk_bytes,
                    &mut sizes.stored.data_packs,
                ),
                PackKind::Tree => (
                    &mut sizes.nodes,
                    &mut sizes.node_bytes,
                    &mut sizes.stored.tree_packs,
                ),
            };
            *count += u64::from(pack.entries);
            *plain += pack.plain_bytes;
            *stored += pack.file_bytes;
        }
        let packs = sizes.stored.data_packs + sizes.stored.tree_packs;
        sizes.dedup_ratio = ratio(sizes.all_bytes, sizes.chunk_bytes);
        sizes.compression_ratio = ratio(sizes.chunk_bytes + sizes.node_bytes, packs);
        Ok(sizes)
    }

    /// What is not told by the index.
    fn stored_sizes(&self) -> Result<StoredSizes> {
        let bytes = |name: &str| bytes_in(&self.folder().join(name));
        Ok(StoredSizes {
            index: bytes("index")?,
            staging: bytes("staging")?,
            commits: bytes("commits")?,
            trash: bytes("trash")?,
            ..StoredSizes::default()
        })
    }

    fn version(&self, id: CommitId) -> Result<VersionSizes> {
        let commit = self.refs().commit(id)?;
        Ok(VersionSizes {
            time_ns: commit.time_ns,
            files: commit.totals.files,
            bytes: commit.totals.bytes,
            new_chunks: commit.new_chunks,
            new_plain_bytes: commit.new_plain_bytes,
            stored_bytes: commit.stored_bytes,
            commit: id.to_string(),
        })
    }
}

fn ratio(plain: u64, stored: u64) -> f64 {
    match stored {
        0 => 0.0,
        stored => plain as f64 / stored as f64,
    }
}

/// What the files in a folder take; what is gone meanwhile counts for nothing.
fn bytes_in(folder: &Path) -> Result<u64> {
    let read = || -> io::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(folder)? {
            let metadata = entry?.metadata();
            bytes += metadata.map_or(0, |it| if it.is_file() { it.len() } else { 0 });
        }
        Ok(bytes)
    };
    read().map_err(Error::io("read", folder))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tamis_engine::control::Cancel;

    use super::*;
    use crate::add::AddOptions;
    use crate::chunker::Parameters;
    use crate::session::{CommitRequest, Session};
    use crate::settings::Settings;

    #[test]
    fn versions_that_share_everything_count_once_in_packs() {
        let work = tempfile::tempdir().expect("a temporary folder");
        let folder = work.path().join(".tamis");
        Store::init(&folder, Parameters::default()).expect("a new store");
        let store = Store::open(&folder, Settings::default(), &Cancel::new()).expect("a store");
        let empty = store.sizes().expect("it can be read");
        assert_eq!((empty.commits, empty.dedup_ratio), (0, 0.0));
        fs::write(work.path().join("a"), b"tamis ".repeat(2000)).expect("a file");
        let mut session = Session::open(&store, work.path()).expect("nobody else adds");
        let mut ids = Vec::new();
        for _ in 0..4 {
            session
                .add(&[Vec::new()], &AddOptions::default())
                .expect("it can be added");
            let request = CommitRequest {
                message: String::new(),
                author: String::new(),
                offset_minutes: 0,
                allows_empty: true,
            };
            let committed = session.commit(&request).expect("it can be committed");
            ids.push(committed.expect("empty ones are allowed"));
        }
        store
            .forget_commits(&[ids[0].id])
            .expect("it is not the head");
        let sizes = store.sizes().expect("it can be read");
        assert_eq!((sizes.commits, sizes.forgotten_commits), (3, 1));
        assert_eq!((sizes.head_files, sizes.head_bytes), (1, 12_000));
        assert_eq!((sizes.all_files, sizes.all_bytes), (3, 36_000));
        assert_eq!((sizes.chunks, sizes.chunk_bytes), (1, 12_000));
        assert!((sizes.dedup_ratio - 3.0).abs() < 1e-9);
        assert!(sizes.compression_ratio > 5.0, "{sizes:?}");
        let newest: Vec<_> = sizes.versions.iter().map(|it| &it.commit[..]).collect();
        assert_eq!(newest[0], ids[3].id.to_string());
        assert_eq!(sizes.versions[0].stored_bytes, ids[3].commit.stored_bytes);
        let packs = fs::read_dir(folder.join("packs")).expect("a folder");
        let packs = packs
            .flatten()
            .map(|it| it.metadata().expect("it is there").len());
        assert_eq!(
            sizes.stored.data_packs + sizes.stored.tree_packs,
            packs.sum::<u64>()
        );
        assert!(sizes.stored.total() > sizes.stored.index + sizes.stored.commits);
        serde_json::to_string(&sizes).expect("it is all plain");
    }
}
