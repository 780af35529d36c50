//! Names of files, which are bytes, in texts, which are characters.
//!
//! For people a name is written as it is, unless that would tear a line apart or hide something: then the bytes that do so
//! are escaped (`a\nb`, `\xff`). For programs a name that is no text comes as base64 beside what can be read of it.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value};

/// A name on one line, for people.
pub fn show(path: &Path) -> Cow<'_, str> {
    let bytes = path.as_os_str().as_encoded_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(is_hidden) => Cow::Borrowed(text),
        _ => Cow::Owned(escape(bytes)),
    }
}

/// What moves the cursor, or nothing that can be seen.
fn is_hidden(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => shown.push_str("\\\\"),
                character if is_hidden(character) => shown.extend(character.escape_default()),
                character => shown.push(character),
            }
        }
        for byte in chunk.invalid() {
            write!(shown, "\\x{byte:02x}").expect("a string takes everything");
        }
    }
    shown
}

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
    fn odd_names_are_escaped_and_others_are_not() {
        let shown = |bytes: &[u8]| show(Path::new(OsStr::from_bytes(bytes))).into_owned();
        assert_eq!(shown("a b/ü.txt".as_bytes()), "a b/ü.txt");
        assert_eq!(shown(b"back\\slash"), "back\\slash");
        assert_eq!(shown(b"two\nlines\\\x1b[31m"), "two\\nlines\\\\\\u{1b}[31m");
        assert_eq!(shown(b"\xff\xfe.txt"), "\\xff\\xfe.txt");
        assert_eq!(shown("right\u{202e}txt".as_bytes()), "right\\u{202e}txt");
    }

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
