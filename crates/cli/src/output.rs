//! Files that appear whole or not at all.
//!
//! A regular file is written beside its final place and renamed when it is complete; an interrupted
//! run leaves nothing behind. `-` is standard output, and a device or a pipe is written directly.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// An output that is being written.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Stdout,
    Direct(File),
    /// Written under the second name until [`Output::commit`].
    Pending(File, PathBuf),
}

impl Output {
    /// Opens `path` for writing; what was there stays until [`commit`](Self::commit).
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let error = |source| Error::Write {
            path: path.to_owned(),
            source,
        };
        let target = if path.as_os_str() == "-" {
            Target::Stdout
        } else if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            Target::Direct(File::options().write(true).open(path).map_err(error)?)
        } else {
            let mut name = OsString::from(".");
            name.push(
                path.file_name()
                    .ok_or_else(|| error(io::ErrorKind::InvalidFilename.into()))?,
            );
            name.push(format!(".{}.partial", std::process::id()));
            let pending = path.with_file_name(name);
            Target::Pending(File::create(&pending).map_err(error)?, pending)
        };
        Ok(Self {
            path: path.to_owned(),
            target,
        })
    }

    /// Puts the finished file in its place.
    pub(crate) fn commit(mut self) -> Result<()> {
        if let Target::Pending(_, pending) = &self.target {
            let renamed = fs::rename(pending, &self.path);
            renamed.map_err(|source| Error::Write {
                path: self.path.clone(),
                source,
            })?;
            self.target = Target::Stdout;
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            Target::Stdout => io::stdout().write(bytes),
            Target::Direct(file) | Target::Pending(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Stdout => io::stdout().flush(),
            Target::Direct(file) | Target::Pending(file, _) => file.flush(),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Target::Pending(_, pending) = &self.target {
            // Best effort: the run has failed already, and says why.
            let _ = fs::remove_file(pending);
        }
    }
}
