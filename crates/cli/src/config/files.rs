//! Where configuration files are, and what is in them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tamis_contract::diagnostic::{ContractError, ContractText, Diagnostic};

use super::document::finding;
use crate::{Error, Result};

/// What every configuration file is called.
pub(super) const FILE_NAME: &str = "tamis.toml";
/// A configuration is a page of text; what is larger was put there by mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A configuration file that exists, and what it says.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    bytes: Vec<u8>,
}

impl Found {
    /// The text, under the name that messages give it.
    ///
    /// # Errors
    /// When it is too large or no UTF-8.
    pub(super) fn text(self) -> Result<ContractText> {
        let mut text = ContractText {
            name: self.path.display().to_string(),
            text: String::new(),
        };
        if self.bytes.len() as u64 > FILE_BYTES_MAX {
            let message = "larger than 1 MiB, which no configuration is".to_owned();
            return Err(refused(
                text,
                vec![finding("too-large", 0..0, message, None)],
            ));
        }
        match String::from_utf8(self.bytes) {
            Ok(known) => text.text = known,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                // Up to there nothing is replaced, so the place is the same in both.
                text.text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let span = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
                let message = format!("not UTF-8 (byte {at}); a configuration is UTF-8 text");
                return Err(refused(
                    text,
                    vec![finding("not-utf8", span, message, None)],
                ));
            }
        }
        Ok(text)
    }
}

/// A configuration file cannot be used, for these reasons.
pub(super) fn refused(source_text: ContractText, diagnostics: Vec<Diagnostic>) -> Error {
    Error::Configuration(ContractError {
        source_text,
        diagnostics,
    })
}

/// The file in `folder`, or in the nearest folder above it that has one.
pub(super) fn nearest(folder: &Path) -> Result<Option<Found>> {
    for folder in folder.ancestors() {
        if let Some(found) = read(folder.join(FILE_NAME))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The user's own file, which holds everywhere.
pub(super) fn of_user(environment: impl Fn(&str) -> Option<OsString>) -> Result<Option<Found>> {
    // The XDG base directory specification: a path that is not absolute is to be ignored.
    let folder = |name: &str| {
        environment(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let configuration = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    match configuration {
        Some(configuration) => read(configuration.join("tamis").join(FILE_NAME)),
        None => Ok(None),
    }
}

/// What is in the file; `None` if there is none.
fn read(path: PathBuf) -> Result<Option<Found>> {
    match read_bytes(&path) {
        Ok(bytes) => Ok(bytes.map(|bytes| Found { path, bytes })),
        Err(source) => Err(Error::Read { path, source }),
    }
}

fn read_bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    match fs::metadata(path) {
        // Permission is denied here when the *folder* may not be entered, as with the home of whoever started us
        // through `sudo -u`. Nobody can say then that there is a file.
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | PermissionDenied) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
        // Opening a pipe would wait for ever.
        Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("not a file")),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    // One byte more than is allowed, so that it shows.
    File::open(path)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
