//! Texts with a syntax of their own: identifiers and addresses that a contract has a name for.
//!
//! As with [`dates`](super::dates): every value leaves what it fits. `hostname` is not looked for, because any word is
//! one, and `uri` needs its `//`, because `note:x` is one by the letter.

use tamis_contract::format::TextFormat;

/// What is looked for.
const FORMATS: [TextFormat; 5] = [
    TextFormat::Uuid,
    TextFormat::Email,
    TextFormat::Ipv4,
    TextFormat::Ipv6,
    TextFormat::Uri,
];

/// The formats that all values so far have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shapes {
    /// Bits of [`FORMATS`].
    left: u8,
}

impl Default for Shapes {
    fn default() -> Shapes {
        Shapes {
            left: (1 << FORMATS.len()) - 1,
        }
    }
}

impl Shapes {
    /// Whether a value can still make a difference.
    #[inline]
    pub(super) fn are_left(self) -> bool {
        self.left != 0
    }

    /// Takes a value.
    pub(super) fn take(&mut self, text: &[u8]) {
        for (bit, format) in FORMATS.iter().enumerate() {
            if self.left >> bit & 1 == 1 && !has(*format, text) {
                self.left &= !(1 << bit);
            }
        }
    }

    /// Adds the values of `other`.
    pub(super) fn merge(&mut self, other: Shapes) {
        self.left &= other.left;
    }

    /// The format of the values, if there were any.
    pub(super) fn format(self) -> Option<TextFormat> {
        let is_untouched = self == Shapes::default();
        let bit = self.left.trailing_zeros() as usize;
        FORMATS.get(bit).copied().filter(|_| !is_untouched)
    }
}

fn has(format: TextFormat, text: &[u8]) -> bool {
    let is_shown = format != TextFormat::Uri || text.windows(3).any(|window| window == b"://");
    is_shown && format.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_of_all_values_is_found() {
        let format = |texts: &[&str]| {
            let mut shapes = Shapes::default();
            texts.iter().for_each(|text| shapes.take(text.as_bytes()));
            shapes.format().map(TextFormat::name)
        };
        assert_eq!(
            format(&["123e4567-e89b-12d3-a456-426614174000"]),
            Some("uuid")
        );
        assert_eq!(format(&["a@b.c", "x.y@example.org"]), Some("email"));
        assert_eq!(format(&["127.0.0.1", "::1"]), None);
        assert_eq!(format(&["::1", "fe80::2"]), Some("ipv6"));
        assert_eq!(format(&["https://example.org/a", "ftp://x"]), Some("uri"));
        assert_eq!(format(&["note:x"]), None);
        assert_eq!(format(&["a@b.c", ""]), None);
        assert_eq!(format(&[]), None);
    }
}
