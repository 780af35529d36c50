//! What a character is to someone who counts words and measures lines: as GNU `wc` has it in the locale `C.UTF-8`.
//!
//! Bytes are decoded as glibc does it, which is UTF-8 as it once was: five and six bytes and numbers beyond U+10FFFF are
//! characters (that nobody can print), while surrogates and forms longer than needed are none. A byte that begins no
//! character is passed over alone.
//!
//! White space are glibc's spaces and the spaces that do not break a line (U+00A0, U+2007, U+202F, U+2060). Characters
//! that cannot be printed (controls, line and paragraph separators, numbers that Unicode has not assigned) neither begin
//! nor end a word.

use std::sync::OnceLock;

use regex_syntax::hir::{Class, ClassUnicode, HirKind};
use unicode_width::UnicodeWidthChar;

/// The longest character, in bytes: as much as must be known of the text around a piece of it.
pub(super) const BYTES_MAX: usize = 6;

/// Code points that share a page of the table.
const PAGE: usize = 256;

/// What is to be known of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Character(u8);

impl Character {
    const PRINTABLE: u8 = 4;
    const SPACE: u8 = 8;

    /// The character of this number.
    pub(super) fn of(number: u32) -> Character {
        static PAGES: [OnceLock<Box<[u8; PAGE]>>; (char::MAX as usize + 1) / PAGE] =
            [const { OnceLock::new() }; (char::MAX as usize + 1) / PAGE];
        let (page, at) = (number as usize / PAGE, number as usize % PAGE);
        match PAGES.get(page) {
            None => Character(0),
            Some(entries) => Character(entries.get_or_init(|| page_of(page))[at]),
        }
    }

    /// Columns on a terminal; none for what cannot be printed.
    pub(super) fn width(self) -> u64 {
        u64::from(self.0 & 3)
    }

    /// Whether words end here.
    pub(super) fn is_space(self) -> bool {
        self.0 & Self::SPACE != 0
    }

    /// Whether it is part of a word.
    pub(super) fn is_of_word(self) -> bool {
        self.0 & (Self::SPACE | Self::PRINTABLE) == Self::PRINTABLE
    }
}

fn page_of(page: usize) -> Box<[u8; PAGE]> {
    let mut entries = Box::new([0; PAGE]);
    for (at, entry) in entries.iter_mut().enumerate() {
        let number = (page * PAGE + at) as u32;
        if let Some(character) = char::from_u32(number).filter(|&it| is_printable(it)) {
            let width = character.width().unwrap_or(0).min(3) as u8;
            let space = if is_space(character) {
                Character::SPACE
            } else {
                0
            };
            *entry = Character::PRINTABLE | width | space;
        }
    }
    entries
}

/// The spaces beyond ASCII. A space of ASCII is one as well, but whoever asks deals with ASCII by itself.
fn is_space(character: char) -> bool {
    matches!(
        character,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{2060}' | '\u{3000}'
    )
}

fn is_printable(character: char) -> bool {
    static OTHERS: OnceLock<ClassUnicode> = OnceLock::new();
    let others = OTHERS.get_or_init(|| {
        let class = regex_syntax::parse(r"[\p{Cn}\p{Cc}\p{Zl}\p{Zp}]").map(|it| it.into_kind());
        match class {
            Ok(HirKind::Class(Class::Unicode(class))) => class,
            _ => unreachable!("it is a class of several characters"),
        }
    });
    let ranges = others.ranges();
    let behind = ranges.partition_point(|range| range.start() <= character);
    !(behind > 0 && character <= ranges[behind - 1].end())
}

/// The character that `bytes` begin with, which is beyond ASCII, and its length; `None`: they begin with none.
pub(super) fn decode(bytes: &[u8]) -> Option<(u32, usize)> {
    let lead = *bytes.first()?;
    let len = match lead {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        0xF8..=0xFB => 5,
        0xFC..=0xFD => 6,
        _ => return None,
    };
    let mut number = u32::from(lead & (0x7F >> len));
    for &byte in bytes.get(1..len)? {
        if !is_continuation(byte) {
            return None;
        }
        number = number << 6 | u32::from(byte & 0x3F);
    }
    // The smallest number that needs so many bytes.
    let is_needed = len == 2 || number >> (5 * len - 4) != 0;
    let is_surrogate = (0xD800..0xE000).contains(&number);
    (is_needed && !is_surrogate).then_some((number, len))
}

/// Whether a byte can only stand inside of a character.
pub(super) fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// The first place from `at` on where a character may begin: behind the one that goes on across `at`, if one does.
pub(super) fn boundary(bytes: &[u8], at: usize) -> usize {
    let before = &bytes[..at.min(bytes.len())];
    let window = before.len().saturating_sub(BYTES_MAX - 1);
    let lead = (window..before.len()).rfind(|&at| !is_continuation(bytes[at]));
    let crossing = lead.and_then(|lead| {
        let (_, len) = decode(&bytes[lead..])?;
        (lead + len > at).then_some(lead + len)
    });
    crossing.unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_text_is_decoded_as_the_standard_library_does() {
        let numbers = (0x80..=0x10FFFF).step_by(7);
        for character in numbers.filter_map(char::from_u32) {
            let mut bytes = [0; 4];
            let len = character.encode_utf8(&mut bytes).len();
            assert_eq!(
                decode(&bytes),
                Some((character as u32, len)),
                "{character:?}"
            );
            assert_eq!(decode(&bytes[..len - 1]), None, "{character:?}");
        }
    }

    #[test]
    fn what_glibc_takes_and_refuses() {
        let taken: [&[u8]; 4] = [
            b"\xf4\x90\x80\x80",
            b"\xf7\xbf\xbf\xbf",
            b"\xf8\x88\x80\x80\x80",
            b"\xfc\x84\x80\x80\x80\x80",
        ];
        for bytes in taken {
            let (number, len) = decode(bytes).expect("glibc takes it");
            assert_eq!(len, bytes.len());
            assert_eq!(Character::of(number), Character(0));
        }
        let refused: [&[u8]; 8] = [
            b"\xc0\x80",
            b"\xc1\xbf",
            b"\xe0\x80\x80",
            b"\xe0\x9f\xbf",
            b"\xed\xa0\x80",
            b"\xf0\x80\x80\x80",
            b"\xf8\x80\x80\x80\x80",
            b"\xfe",
        ];
        for bytes in refused {
            assert_eq!(decode(bytes), None, "{bytes:x?}");
        }
    }

    #[test]
    fn characters_have_their_kind() {
        let of = |character| Character::of(character as u32);
        for (character, width) in [
            ('a', 1),
            ('é', 1),
            ('界', 2),
            ('\u{301}', 0),
            ('\u{e000}', 1),
        ] {
            assert!(of(character).is_of_word(), "{character:?}");
            assert_eq!(of(character).width(), width, "{character:?}");
        }
        for space in ['\u{a0}', '\u{2003}', '\u{3000}', '\u{2060}'] {
            assert!(of(space).is_space() && !of(space).is_of_word(), "{space:?}");
        }
        for neither in ['\u{85}', '\u{2028}', '\u{378}', '\u{ffff}', '\0'] {
            assert_eq!(of(neither), Character(0), "{neither:?}");
        }
    }

    #[test]
    fn a_boundary_is_behind_what_crosses_it() {
        let text = "a€b".as_bytes();
        let boundaries: Vec<_> = (0..=5).map(|at| boundary(text, at)).collect();
        assert_eq!(boundaries, [0, 1, 4, 4, 4, 5]);
        // Nothing crosses: bytes that go on nothing.
        let broken = b"\xe2\x82A\x82\x82";
        let boundaries: Vec<_> = (0..=5).map(|at| boundary(broken, at)).collect();
        assert_eq!(boundaries, [0, 1, 2, 3, 4, 5]);
    }
}
