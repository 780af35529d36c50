//! Names of files, which are bytes, as people can read them: for every message that has one.
//!
//! A name is written as it is, unless that would tear a line apart or hide something: then the bytes that do so are escaped (`a\nb`,
//! `\xff`). Whoever makes a name cannot make a terminal do anything by it.

use std::borrow::Cow;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path on one line.
pub fn show(path: &Path) -> Cow<'_, str> {
    show_bytes(path.as_os_str().as_bytes())
}

/// The same of any bytes.
pub fn show_bytes(bytes: &[u8]) -> Cow<'_, str> {
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

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

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
}
