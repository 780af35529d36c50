//! Which segments count.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::codec::{Read, Reader};
use crate::disk::{SharedDisk, replace};
use crate::id::{FileId, ID_BYTES};
use crate::{Error, Result};

const MAGIC: [u8; 8] = *b"TAMISMAN";
const VERSION: u16 = 1;
const NAME: &str = "manifest";

/// The file `index/manifest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Counts publications.
    pub(super) generation: u64,
    /// The segments, the newest first.
    pub(super) segments: Vec<FileId>,
}

impl Manifest {
    /// Reads the manifest in `folder`, the store's `index`; a store that published nothing yet has none.
    pub(super) fn read(folder: &Path) -> Result<Manifest> {
        let path = folder.join(NAME);
        match fs::read(&path) {
            Ok(bytes) => Manifest::decode(&bytes, &path),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Manifest::default()),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    /// Replaces the manifest of the store at `store`, durably.
    pub(super) fn write(&self, disk: &SharedDisk, store: &Path) -> Result<()> {
        let path = store.join("index").join(NAME);
        Ok(replace(disk, &store.join("tmp"), &path, &self.encode())?)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::from(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(self.generation.to_le_bytes());
        bytes.extend((self.segments.len() as u32).to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.segments.iter().flat_map(|id| id.0));
        let hash = FileId::of(&bytes);
        bytes.extend(hash.0);
        bytes
    }

    /// What the bytes of the file at `path` say.
    pub(super) fn decode(bytes: &[u8], path: &Path) -> Result<Manifest> {
        let damaged = |detail: &str| Error::damaged(path, 0, detail);
        if !bytes.starts_with(&MAGIC) {
            return Err(damaged("it is no manifest"));
        }
        let (content, hash) = bytes
            .split_last_chunk::<ID_BYTES>()
            .ok_or_else(|| damaged("it ends too early"))?;
        if FileId::of(content).0 != *hash {
            return Err(damaged("its bytes do not have the hash that it ends with"));
        }
        match decode_content(content) {
            Ok((VERSION, manifest)) => Ok(manifest),
            Ok((found, _)) => Err(Error::Version {
                path: path.to_owned(),
                found,
                supported: VERSION,
            }),
            Err(flaw) => Err(Error::damaged(path, flaw.byte_offset as u64, flaw.detail)),
        }
    }
}

/// Reads a manifest of these bytes, and makes them again of what it says: for fuzzing.
///
/// # Errors
/// When it is damaged.
///
/// # Panics
/// When other bytes are read to the same.
pub fn check_manifest(bytes: &[u8]) -> Result<()> {
    let path = Path::new("a manifest");
    let manifest = Manifest::decode(bytes, path)?;
    let again = Manifest::decode(&manifest.encode(), path)?;
    assert_eq!(manifest, again, "what is written is read");
    Ok(())
}

/// The version, and if it is ours the content.
fn decode_content(content: &[u8]) -> Read<(u16, Manifest)> {
    let mut reader = Reader::new(content);
    reader.take(MAGIC.len())?;
    let version = reader.u16()?;
    if version != VERSION {
        return Ok((version, Manifest::default()));
    }
    reader.take(6)?;
    let generation = reader.u64()?;
    let count = reader.u32()?;
    reader.take(4)?;
    if reader.remaining() as u64 != u64::from(count) * ID_BYTES as u64 {
        return Err(reader.flaw("it does not name as many segments as it says"));
    }
    let segments = (0..count).map(|_| reader.array().map(FileId));
    let segments = segments.collect::<Read<_>>()?;
    let manifest = Manifest {
        generation,
        segments,
    };
    Ok((version, manifest))
}
