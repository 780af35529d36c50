//! Names of files, which are bytes, in texts, which are characters.
//!
//! For people, what would confuse a terminal is escaped ([`show`]). For programs a name that is no text comes as base64 beside what can be
//! read of it.

use std::path::Path;

use serde_json::{Map, Value};

pub use tamis_engine::names::{show, show_bytes};

/// Puts a name into a JSON object: `path`, and `path_base64` if it is no text.
pub fn put(path: &Path, object: &mut Map<String, Value>) {
    let bytes = path.as_os_str().as_encoded_bytes();
    object.insert("path".to_owned(), String::from_utf8_lossy(bytes).into());
    if std::str::from_utf8(bytes).is_err() {
        object.insert("path_base64".to_owned(), base64(bytes).into());
    }
}

/// RFC 4648 §4, with padding.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let mut bits = [0; 4];
        bits[1..=three.len()].copy_from_slice(three);
        let bits = u32::from_be_bytes(bits);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            let is_padding = digit > three.len();
            text.push(if is_padding {
                '='
            } else {
                char::from(DIGITS[value as usize])
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn names_that_are_no_text_come_whole() {
        let mut object = Map::new();
        put(Path::new(OsStr::from_bytes(b"\xff.txt")), &mut object);
        assert_eq!(object["path"], "\u{fffd}.txt");
        assert_eq!(object["path_base64"], "/y50eHQ=");
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
