//! Bytes of files in JSON: `content` if they are UTF-8, else `content_base64`, written as they come.
//!
//! Which of the two it is must be known before the first byte is written, so they are read twice, or up to the first that is no UTF-8.
//! Chunks are held against their ids both times, so it is the same bytes.

use std::ops::Range;

use serde_json::Value;
use tamis_scan::names;
use tamis_store::store::Store;
use tamis_store::tree::Child;

use super::json;
use crate::Result;

/// What is looked at before the next is read, while the bytes may all be text.
const LOOK_BYTES: u64 = 4 << 20;

/// Adds an item that has these fields, and the bytes of a range of a file behind them.
pub(super) fn add(
    list: &mut json::List<'_>,
    mut head: json::Fields,
    store: &Store,
    child: &Child,
    range: Range<u64>,
) -> Result<()> {
    head.insert("from".to_owned(), range.start.into());
    head.insert("bytes".to_owned(), (range.end - range.start).into());
    let is_text = is_text(store, child, range.clone())?;
    let key = match is_text {
        true => "content",
        false => "content_base64",
    };
    list.begin_item(head, key)?;
    let mut failure = None;
    let mut write = |bytes: &[u8], encoder: &mut Encoder| {
        // What cannot be written is told of as such, and not as a fault of the store.
        match list.add_to_item(&encoder.take(bytes)) {
            Ok(()) => true,
            Err(error) => {
                failure = Some(error);
                false
            }
        }
    };
    let mut encoder = Encoder::new(is_text);
    let mut start = range.start;
    while start < range.end {
        let end = range.end.min(start + LOOK_BYTES);
        let mut is_written = true;
        store.copy_range(child, start..end, &mut |bytes| {
            is_written = is_written && write(bytes, &mut encoder);
            Ok(())
        })?;
        if !is_written {
            break;
        }
        start = end;
    }
    if let Some(error) = failure {
        return Err(error);
    }
    list.end_item(&encoder.rest())
}

/// Whether the bytes are UTF-8 throughout.
fn is_text(store: &Store, child: &Child, range: Range<u64>) -> Result<bool> {
    let mut characters = Characters::default();
    let mut is_text = true;
    let mut start = range.start;
    while is_text && start < range.end {
        let end = range.end.min(start + LOOK_BYTES);
        store.copy_range(child, start..end, &mut |bytes| {
            is_text = is_text && characters.take(bytes).is_some();
            Ok(())
        })?;
        start = end;
    }
    Ok(is_text && characters.rest.is_empty())
}

/// A text that comes in pieces, which may end inside of a character.
#[derive(Debug, Default)]
struct Characters {
    /// The start of a character.
    rest: Vec<u8>,
}

impl Characters {
    /// All whole characters that there are now; `None` if the bytes are no UTF-8.
    fn take(&mut self, bytes: &[u8]) -> Option<String> {
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(bytes);
        match String::from_utf8(whole) {
            Ok(text) => Some(text),
            Err(error) if error.utf8_error().error_len().is_none() => {
                let end = error.utf8_error().valid_up_to();
                let mut whole = error.into_bytes();
                self.rest = whole.split_off(end);
                String::from_utf8(whole).ok()
            }
            Err(_) => None,
        }
    }
}

/// Makes the inside of a JSON string of bytes.
#[derive(Debug)]
enum Encoder {
    Text(Characters),
    /// Up to two bytes that wait for a third.
    Base64(Vec<u8>),
}

impl Encoder {
    fn new(is_text: bool) -> Self {
        match is_text {
            true => Self::Text(Characters::default()),
            false => Self::Base64(Vec::new()),
        }
    }

    fn take(&mut self, bytes: &[u8]) -> String {
        match self {
            Self::Text(characters) => {
                let text = characters.take(bytes);
                escaped(&text.expect("the same bytes were looked at before"))
            }
            Self::Base64(rest) => {
                let mut whole = std::mem::take(rest);
                whole.extend_from_slice(bytes);
                *rest = whole.split_off(whole.len() / 3 * 3);
                names::base64(&whole)
            }
        }
    }

    /// What waited for more.
    fn rest(self) -> String {
        match self {
            Self::Text(_) => String::new(),
            Self::Base64(rest) => names::base64(&rest),
        }
    }
}

/// A text as it stands between quotes.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of bytes that come in pieces of a length.
    fn encoded(bytes: &[u8], piece_bytes: usize, is_text: bool) -> String {
        let mut encoder = Encoder::new(is_text);
        let pieces = bytes.chunks(piece_bytes);
        let text: String = pieces.map(|piece| encoder.take(piece)).collect();
        text + &encoder.rest()
    }

    #[test]
    fn pieces_of_any_length_make_the_same() {
        let text = "a\"ü€\u{1f600}\n\u{1b}[31m\\";
        for piece_bytes in 1..=text.len() {
            let json = format!("\"{}\"", encoded(text.as_bytes(), piece_bytes, true));
            assert_eq!(serde_json::from_str::<String>(&json).expect("a text"), text);
            let base64 = encoded(text.as_bytes(), piece_bytes, false);
            assert_eq!(base64, names::base64(text.as_bytes()));
        }
    }

    #[test]
    fn text_is_told_from_bytes_wherever_they_are_cut() {
        let is_text = |bytes: &[u8], piece_bytes: usize| {
            let mut characters = Characters::default();
            let mut pieces = bytes.chunks(piece_bytes);
            pieces.all(|piece| characters.take(piece).is_some()) && characters.rest.is_empty()
        };
        for piece_bytes in 1..6 {
            assert!(is_text("ü€\u{1f600}".as_bytes(), piece_bytes));
            assert!(!is_text(b"ab\xff", piece_bytes));
            assert!(
                !is_text(b"ab\xe2\x82", piece_bytes),
                "the end of it is missing"
            );
            assert!(!is_text(b"\xe2\x82a", piece_bytes));
        }
    }
}
