//! Why something could not be done to a folder.

use std::io;
use std::path::{Path, PathBuf};

use crate::names::show;

/// Shorthand for results of a disk.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something could not be done to a folder. Who uses a disk has errors of its own: each of these becomes one of them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused something that was done to a file.
    #[error("cannot {action} `{}`: {source}", show(.path))]
    Io {
        /// What was tried: `read`, `write`, `rename`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An earlier failure left this handle useless: what it wrote may not be on the disk.
    #[error("`{}` could not be made durable before; nothing more is written through it", show(.path))]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    /// For `map_err`: what was tried with which file.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// Whether there was no room on a disk, or none for this user.
    pub(super) fn is_disk_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Error::Io { source, .. } if matches!(source.kind(), QuotaExceeded | StorageFull))
    }
}
