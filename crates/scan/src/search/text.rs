//! A text to look for, in which letters may be of either case.

use tamis_engine::kernel::ByteSet;

/// The bit in which an ASCII letter of one case differs from that of the other.
pub(super) const CASE_BIT: u8 = 0x20;

/// Bytes, some of which are letters whose case is of no importance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text {
    /// Letters of either case are small here.
    pub(super) bytes: Vec<u8>,
    /// [`CASE_BIT`] where both cases are meant, otherwise zero.
    pub(super) case_bits: Vec<u8>,
}

impl Text {
    /// These bytes and no others.
    pub(super) fn plain(bytes: &[u8]) -> Text {
        Text {
            bytes: bytes.to_vec(),
            case_bits: vec![0; bytes.len()],
        }
    }

    /// `None` if a class is neither one byte nor both cases of a letter.
    pub(super) fn of(classes: &[ByteSet]) -> Option<Text> {
        let (bytes, case_bits) = classes
            .iter()
            .map(|class| letter(*class))
            .collect::<Option<_>>()?;
        Some(Text { bytes, case_bits })
    }

    /// Whether the case of all letters counts.
    pub(super) fn is_plain(&self) -> bool {
        self.case_bits.iter().all(|&bit| bit == 0)
    }

    /// Whether `bytes` start with it.
    pub(super) fn starts(&self, bytes: &[u8]) -> bool {
        let mut letters = self.bytes.iter().zip(&self.case_bits).zip(bytes);
        bytes.len() >= self.bytes.len()
            && letters.all(|((&byte, &case_bit), &there)| there | case_bit == byte)
    }
}

/// The byte that a class is, or the small letter of which it has both cases, and its case bit.
pub(super) fn letter(class: ByteSet) -> Option<(u8, u8)> {
    let mut bytes = class.iter();
    match (bytes.next()?, bytes.next(), bytes.next()) {
        (byte, None, _) => Some((byte, 0)),
        (capital, Some(small), None)
            if capital.is_ascii_uppercase() && small == capital | CASE_BIT =>
        {
            Some((small, CASE_BIT))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_either_case_are_pairs() {
        let pair = ByteSet::of(*b"aA");
        let text = Text::of(&[pair, ByteSet::of(*b"A"), ByteSet::of(*b"[")]).expect("letters");
        assert!(!text.is_plain());
        for (bytes, expected) in [
            (&b"aA[x"[..], true),
            (b"AA[", true),
            (b"aa[", false),
            (b"aA{", false),
            (b"aA", false),
        ] {
            assert_eq!(text.starts(bytes), expected, "{}", bytes.escape_ascii());
        }
        for class in [&b"ab"[..], b"[{", b"aAb", b"@`"] {
            assert_eq!(letter(ByteSet::of(class.iter().copied())), None);
        }
    }
}
