//! Small files of the data folder: an object of JSON, whose last member is a checksum of the others.
//!
//! ```text
//! {
//!   ...
//!   "checksum": "107b2fb2"
//! }
//! ```
//!
//! It is the CRC-32C, in hexadecimal digits, of the text without that member and the comma before it. Other digits of an offset, of a
//! setting, of the next id of a producer would be as good JSON as the right ones.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crc_fast::{CrcAlgorithm, checksum};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::{Disk, replace, replace_private};
use crate::{Error, Result};

/// What stands between the other members and the digits.
const BEFORE: &str = ",\n  \"checksum\": \"";

/// What stands behind the digits.
const BEHIND: &str = "\"\n}\n";

/// How an object ends without a checksum.
const END: &str = "\n}";

/// Puts an object at `path`, durably.
///
/// # Errors
/// [`Error::Io`]; the old file is then still there, or the new one already.
pub(crate) fn write(disk: &dyn Disk, path: &Path, object: &impl Serialize) -> Result<()> {
    replace(disk, path, file_of(object).as_bytes())
}

/// The same for what its owner alone may read.
///
/// # Errors
/// As [`write()`].
pub(crate) fn write_private(disk: &dyn Disk, path: &Path, object: &impl Serialize) -> Result<()> {
    replace_private(disk, path, file_of(object).as_bytes())
}

/// An object with its checksum.
fn file_of(object: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(object).expect("it has text for keys");
    let members = text.strip_suffix(END).expect("an object with members");
    format!("{members}{BEFORE}{}{BEHIND}", digits(&text))
}

/// The object at `path`; `None`: no file is there.
///
/// # Errors
/// [`Error::Io`]; [`Error::Damaged`].
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let text = text_of(&bytes).map_err(|detail| damaged(path, detail))?;
    let object = serde_json::from_str(&text);
    let object = object.map_err(|error| damaged(path, error.to_string()))?;
    Ok(Some(object))
}

/// An error that a file says what cannot be.
pub(crate) fn damaged(path: &Path, detail: String) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        byte_offset: 0,
        detail,
    }
}

/// The object as it was without its checksum, or what is wrong.
fn text_of(bytes: &[u8]) -> std::result::Result<String, String> {
    let file = std::str::from_utf8(bytes).ok();
    let parts = file.and_then(|it| it.strip_suffix(BEHIND)?.rsplit_once(BEFORE));
    let (members, found) = parts.ok_or("it does not end with its checksum")?;
    let text = format!("{members}{END}");
    let wanted = digits(&text);
    match found == wanted {
        true => Ok(text),
        false => Err(format!(
            "its checksum is `{found}` and should be `{wanted}`, which is to be put there if somebody changed the rest on purpose"
        )),
    }
}

fn digits(text: &str) -> String {
    format!(
        "{:08x}",
        checksum(CrcAlgorithm::Crc32Iscsi, text.as_bytes())
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn no_flipped_bit_is_taken_for_another_object() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("file.json");
        assert_eq!(read::<Value>(&path).expect("it is not there"), None);
        let object = json!({ "checksum": "none", "offsets": [1, 23], "text": ",\n  \"checksum\": \"0\"\n}\n" });
        write(&RealDisk, &path, &object).expect("it is written");
        let found = read::<Value>(&path).expect("it is whole");
        assert_eq!(found, Some(object));
        let bytes = fs::read(&path).expect("it is there");
        serde_json::from_slice::<Value>(&bytes).expect("it is JSON");
        for at in 0..bytes.len() {
            fs::write(&path, &bytes[..at]).expect("it is cut");
            read::<Value>(&path).expect_err("it is cut");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                fs::write(&path, flipped).expect("it is written");
                read::<Value>(&path).expect_err("it is damaged");
            }
        }
    }

    #[test]
    fn who_changed_it_is_told_the_checksum() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("file.json");
        write(&RealDisk, &path, &json!({ "partitions": 3 })).expect("it is written");
        let text = fs::read_to_string(&path).expect("it is there");
        let changed = text.replace('3', "4");
        fs::write(&path, &changed).expect("it is written");
        let error = read::<Value>(&path)
            .expect_err("it was changed")
            .to_string();
        let wanted = error.split('`').rev().nth(1).expect("a checksum is named");
        let (members, _) = changed.rsplit_once(": ").expect("a checksum");
        fs::write(&path, format!("{members}: \"{wanted}\"\n}}\n")).expect("it is written");
        let found = read::<Value>(&path).expect("it is right");
        assert_eq!(found, Some(json!({ "partitions": 4 })));
    }
}
