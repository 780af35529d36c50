//! Encodings that the first bytes show: UTF-16 and UTF-32 for certain, others as a suggestion.

use crate::Error;

/// An encoding whose characters are wider than a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wide {
    name: &'static str,
    /// What to declare; `None`: it cannot be read.
    pub(crate) label: Option<&'static str>,
    remedy: &'static str,
}

impl Wide {
    /// Why an input is not read as UTF-8.
    pub(super) fn refused(self) -> Error {
        Error::Undeclared {
            encoding: self.name,
            remedy: self.remedy,
        }
    }
}

/// UTF-16 and UTF-32 have a mark of their own; UTF-16 without one has zeros in every other byte.
pub(crate) fn wide_encoding(prefix: &[u8]) -> Option<Wide> {
    const UTF32: Wide = Wide {
        name: "UTF-32",
        label: None,
        remedy: "convert it to UTF-8 first (for example with `iconv -f utf-32 -t utf-8`)",
    };
    const LITTLE: Wide = Wide {
        name: "UTF-16 (little-endian)",
        label: Some("utf-16"),
        remedy: "declare it with `--encoding utf-16`",
    };
    const BIG: Wide = Wide {
        name: "UTF-16 (big-endian)",
        ..LITTLE
    };
    let pairs = prefix.len().min(4096) / 2;
    // Whatever the script, half of the characters in data are digits, delimiters, line ends and
    // other ASCII; zeros that are data are seldom all on one side.
    let is_half = |zeros: usize| pairs >= 4 && zeros * 2 >= pairs;
    let zeros = |side: usize| {
        let halves = prefix.chunks_exact(2).take(pairs).map(|pair| pair[side]);
        halves.filter(|&half| half == 0).count()
    };
    match (prefix, zeros(0), zeros(1)) {
        ([0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..], _, _) => Some(UTF32),
        ([0xFF, 0xFE, ..], _, _) => Some(LITTLE),
        ([0xFE, 0xFF, ..], _, _) => Some(BIG),
        (_, 0, odd) if is_half(odd) => Some(Wide {
            label: Some("utf-16le"),
            remedy: "declare it with `--encoding utf-16le`",
            ..LITTLE
        }),
        (_, even, 0) if is_half(even) => Some(Wide {
            label: Some("utf-16be"),
            remedy: "declare it with `--encoding utf-16be`",
            ..BIG
        }),
        _ => None,
    }
}

/// What to say about the first byte that is not UTF-8.
///
/// Which 8-bit encoding it is cannot be told for certain. What is text in one that Windows writes has letters and
/// quotes where ISO 8859-1 has control characters.
pub(crate) fn note_on_bytes(prefix: &[u8]) -> Option<String> {
    let error = simdutf8::compat::from_utf8(prefix).err()?;
    // A character may be cut by the end of the prefix.
    error.error_len()?;
    let byte_offset = error.valid_up_to();
    let has_controls = prefix.iter().any(|byte| (0x80..=0x9F).contains(byte));
    let label = if has_controls {
        "windows-1252"
    } else {
        "latin1"
    };
    Some(format!(
        "byte {byte_offset} (0x{:02x}) is not UTF-8, and records with such bytes are malformed: the encoding may be \
         {label} (`--encoding {label}`)",
        prefix[byte_offset]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beyond_utf8_have_a_suggestion() {
        assert_eq!(note_on_bytes("caf\u{e9}".as_bytes()), None);
        assert_eq!(note_on_bytes(b"caf\xC3"), None, "the rest may follow");
        let note = note_on_bytes(b"caf\xE9,x").unwrap();
        assert!(
            note.starts_with("byte 3 (0xe9)") && note.contains("latin1"),
            "{note}"
        );
        let note = note_on_bytes(b"5 \x80,x").unwrap();
        assert!(note.contains("`--encoding windows-1252`"), "{note}");
    }
}
