//! Opening packs: what a file's name promises is held against its footer.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::read::{Footer, read_footer};
use super::write::SealedPack;
use super::{file_name, parse_name};
use crate::id::FileId;
use crate::index::PackKind;
use crate::{Error, Result};

/// A pack as the name of its file has it; nobody has looked into it.
#[derive(Clone, Debug)]
pub(crate) struct PackFile {
    pub(crate) path: PathBuf,
    pub(crate) id: FileId,
    pub(crate) kind: PackKind,
}

impl PackFile {
    /// One in the folder `packs` of the store at `store`.
    pub(crate) fn of(store: &Path, id: FileId, kind: PackKind) -> PackFile {
        PackFile {
            path: super::path(store, id, kind),
            id,
            kind,
        }
    }

    /// One that was put aside by `gc`.
    pub(crate) fn trashed(store: &Path, id: FileId, kind: PackKind) -> PackFile {
        PackFile {
            path: store.join("trash").join(file_name(id, kind)),
            id,
            kind,
        }
    }

    /// The file at `path`, if it is called as a pack is.
    pub(crate) fn named(path: PathBuf) -> Option<PackFile> {
        let (id, kind) = path.file_name()?.to_str().and_then(parse_name)?;
        Some(PackFile { path, id, kind })
    }

    /// Opens it, and reads its footer.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] if it is not the pack that its name says, [`Error::Version`].
    pub(crate) fn open(&self) -> Result<OpenPack> {
        let path = self.path.clone();
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let footer = read_footer(&path, &file, self.id, self.kind)?;
        Ok(OpenPack { path, file, footer })
    }
}

/// A pack whose footer is sound.
#[derive(Debug)]
pub(crate) struct OpenPack {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) footer: Footer,
}

impl OpenPack {
    /// Opens a pack that an index knows, or knew a moment ago: in `trash/` if `gc` has moved it there meanwhile.
    ///
    /// # Errors
    /// As of [`PackFile::open`]; one that is nowhere is [`Error::Io`] of what is not found in `packs/`.
    pub(crate) fn find(store: &Path, id: FileId, kind: PackKind) -> Result<OpenPack> {
        match PackFile::of(store, id, kind).open() {
            Err(gone) if gone.is_not_found() => match PackFile::trashed(store, id, kind).open() {
                Err(error) if error.is_not_found() => Err(gone),
                trashed => trashed,
            },
            opened => opened,
        }
    }

    /// To be read by several threads.
    pub(crate) fn shared(self) -> Arc<OpenPack> {
        Arc::new(self)
    }

    /// As whoever filled it had it.
    pub(crate) fn into_sealed(self) -> SealedPack {
        SealedPack {
            pack: self.footer.pack,
            objects: self.footer.objects,
        }
    }
}
