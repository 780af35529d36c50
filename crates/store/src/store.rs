//! A store: its folder, opened.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tamis_engine::control::Cancel;

use crate::chunker::{Chunker, Parameters};
use crate::commit::Commit;
use crate::disk::{RealDisk, SharedDisk, create_folders, sync_parents};
use crate::format::Format;
use crate::id::CommitId;
use crate::lock::{Lock, Locks, Role, Wait};
use crate::objects::Objects;
use crate::refs::Refs;
use crate::settings::Settings;
use crate::staging::Staging;
use crate::{Error, Result};

/// The name of a store's folder in its work tree.
pub const FOLDER: &str = ".tamis";

/// Folders that every store has.
pub(crate) const FOLDERS: [&str; 9] = [
    "packs",
    "index",
    "commits",
    "refs",
    "refs/heads",
    "refs/tags",
    "staging",
    "tmp",
    "trash",
];

/// A store that is open for reading; [`Session::open`](crate::session::Session::open) opens it for adding.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    format: Format,
    settings: Settings,
    disk: SharedDisk,
    locks: Locks,
    objects: Objects,
    refs: Refs,
    cancel: Cancel,
    /// Keeps `gc` from deleting anything as long as this is open.
    user: Lock,
}

impl Store {
    /// Makes a store in `folder`, which may exist if it is empty.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Io`], [`Error::Usage`] for parameters that do not fit together.
    pub fn init(folder: &Path, chunks: Parameters) -> Result<()> {
        Store::init_on(&RealDisk::shared(), folder, chunks)
    }

    pub(crate) fn init_on(disk: &SharedDisk, folder: &Path, chunks: Parameters) -> Result<()> {
        Chunker::new(chunks)?;
        if folder.join("format").exists() {
            return Err(Error::Exists {
                path: folder.to_owned(),
            });
        }
        let made = create_folders(disk, folder)?;
        for name in FOLDERS {
            disk.create_folder(&folder.join(name))?;
        }
        let packs = folder.join("packs");
        let mut found = fs::read_dir(&packs).map_err(Error::io("read", &packs))?;
        if found.next().is_some() {
            return Err(Error::damaged(
                &folder.join("format"),
                0,
                "it is gone, but there are packs",
            ));
        }
        let lock = folder.join("lock");
        if !lock.exists() {
            disk.sync(&disk.create(&lock)?, &lock)?;
        }
        // Of an attempt to make a store that was cut off.
        disk.remove(&folder.join("staging/log"))?;
        Staging::create_on(disk, &folder.join("staging"))?;
        for name in ["refs", "staging"] {
            disk.sync_folder(&folder.join(name))?;
        }
        disk.sync_folder(folder)?;
        // Last, for it makes the folder a store.
        let format = Format {
            chunks,
            number: new_number(),
        };
        format.write(disk, folder)?;
        Ok(match made.is_empty() {
            false => sync_parents(disk, &made),
            // An attempt that was cut off may have made it.
            true => sync_parents(disk, &[folder]),
        }?)
    }

    /// Opens the store in `folder`.
    ///
    /// # Errors
    /// [`Error::NoStore`], [`Error::Version`], [`Error::Damaged`], [`Error::Io`]; [`Interrupted`](tamis_engine::Error::Interrupted) if
    /// it is cancelled while garbage is deleted, which is waited for.
    pub fn open(folder: &Path, settings: Settings, cancel: &Cancel) -> Result<Store> {
        Store::open_on(RealDisk::shared(), folder, settings, cancel)
    }

    pub(crate) fn open_on(
        disk: SharedDisk,
        folder: &Path,
        settings: Settings,
        cancel: &Cancel,
    ) -> Result<Store> {
        let format = Format::read(folder)?;
        let locks = Locks::new(folder, cancel);
        let user = locks.shared(Role::User, Wait::Yes)?;
        Ok(Store {
            objects: Objects::open(&disk, folder, &format, &settings)?,
            format,
            settings,
            refs: Refs::new(disk.clone(), folder),
            disk,
            folder: folder.to_owned(),
            locks,
            cancel: cancel.clone(),
            user,
        })
    }

    /// The store that `from` is in: its own folder, or the nearest [`FOLDER`] in it and above.
    ///
    /// # Errors
    /// [`Error::NoStore`]; [`Error::Damaged`] for what is left of a store, rather than one further up; [`Error::Io`] where it cannot be told.
    pub fn discover(from: &Path) -> Result<PathBuf> {
        let none = || Error::NoStore {
            path: from.to_owned(),
        };
        let start = fs::canonicalize(from).map_err(|_| none())?;
        let folders = start.ancestors().map(|it| it.join(FOLDER));
        for folder in std::iter::once(start.clone()).chain(folders) {
            if is_store(&folder)? {
                return Ok(folder);
            }
        }
        Err(none())
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it was made with.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// How it works.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is in its packs.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Its branches, tags and commits.
    pub fn refs(&self) -> &Refs {
        &self.refs
    }

    /// The commit that a revision names: see [`Refs::resolve`].
    ///
    /// # Errors
    /// [`Error::Revision`], and what reading it can end in.
    pub fn resolve(&self, revision: &str) -> Result<(CommitId, Commit)> {
        self.refs.resolve(revision)
    }

    pub(crate) fn disk(&self) -> &SharedDisk {
        &self.disk
    }

    pub(crate) fn locks(&self) -> &Locks {
        &self.locks
    }

    /// The lock that says that the store is in use.
    pub(crate) fn user(&self) -> &Lock {
        &self.user
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    pub(crate) fn staging_folder(&self) -> PathBuf {
        self.folder.join("staging")
    }
}

/// Whether there is a store.
fn is_store(folder: &Path) -> Result<bool> {
    let format = folder.join("format");
    let has_packs = folder.join("packs").is_dir();
    match fs::metadata(&format) {
        Ok(metadata) => Ok(metadata.is_file() && (has_packs || folder.ends_with(FOLDER))),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(Error::io("look at", &format)(error))
        }
        Err(_) if has_packs && folder.join("commits").is_dir() => Err(Error::damaged(
            &format,
            0,
            "it is gone, but the rest of a store is there",
        )),
        Err(_) => Ok(false),
    }
}

/// A number that no other store has.
pub(crate) fn new_number() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    // The keys are random, and new in each of them.
    let half = || RandomState::new().hash_one(std::time::SystemTime::now());
    (u128::from(half()) << 64 | u128::from(half())).to_le_bytes()
}
