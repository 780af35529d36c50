//! Numbers as most are written: up to [`PLAIN_DIGITS_MAX`] digits, perhaps a minus and a point, no exponent.

/// The most digits that fit an `i64` whatever they are.
const PLAIN_DIGITS_MAX: usize = 18;

/// Powers of ten that doubles hold exactly, and that a plain number is divided by.
const POWERS: [f64; PLAIN_DIGITS_MAX + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];

/// `mantissa * 10^-scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    pub(super) mantissa: i64,
    pub(super) scale: u8,
    /// It has no decimal point.
    pub(super) is_integer: bool,
}

impl Plain {
    /// Reads digits with perhaps a minus and a point; `None` for everything else, numbers with a leading zero or too
    /// many digits among it.
    #[inline]
    pub(super) fn parse(text: &[u8], point: u8) -> Option<Plain> {
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        let (mut magnitude, mut digits, mut scale, mut point_at) = (0_i64, 0, 0, None);
        for (at, &byte) in unsigned.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit < 10 {
                // Wraps behind too many digits, which are refused below.
                magnitude = magnitude.wrapping_mul(10).wrapping_add(i64::from(digit));
                digits += 1;
                scale += usize::from(point_at.is_some());
            } else if byte == point && point_at.is_none() {
                point_at = Some(at);
            } else {
                return None;
            }
        }
        let is_padded = matches!(unsigned, [b'0', b'0'..=b'9', ..]);
        if digits == 0 || digits > PLAIN_DIGITS_MAX || is_padded {
            return None;
        }
        let is_negative = unsigned.len() < text.len();
        Some(Plain {
            mantissa: if is_negative { -magnitude } else { magnitude },
            scale: scale as u8,
            is_integer: point_at.is_none(),
        })
    }

    /// [`parse`](Plain::parse), with the [word](super::hash::word_at) of the text at hand: eight bytes at a time where
    /// there are no more.
    #[inline(always)]
    pub(super) fn parse_word(text: &[u8], word: u128, point: u8) -> Option<Plain> {
        match text.len() {
            0..=8 => Plain::parse_eight(text.len(), word as u64, point),
            _ => Plain::parse(text, point),
        }
    }

    /// Reads a text of up to eight bytes, the first in the lowest bits of `word`, zeros behind the last.
    #[inline(always)]
    fn parse_eight(len: usize, word: u64, point: u8) -> Option<Plain> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const ZEROS: u64 = 0x3030_3030_3030_3030;
        let is_negative = word as u8 == b'-';
        let (word, len) = match is_negative {
            true => (word >> 8, len.wrapping_sub(1)),
            false => (word, len),
        };
        if len == 0 || len > 8 {
            return None;
        }
        // The first byte that is the point (Mycroft's trick finds the first zero byte without fail).
        let differs = word ^ (ONES * u64::from(point));
        let found = differs.wrapping_sub(ONES) & !differs & (0x80 * ONES);
        let point_at = (found.trailing_zeros() / 8) as usize;
        let has_point = found != 0;
        let (digits, scale) = match has_point {
            false => (word, 0),
            true => {
                let before = word & ((1_u64 << (8 * point_at)) - 1);
                let behind = (word >> (8 * point_at)) >> 8;
                (before | behind << (8 * point_at), len - 1 - point_at)
            }
        };
        let count = len - usize::from(has_point);
        let is_padded = word as u8 == b'0' && len > 1 && point_at != 1;
        if count == 0 || is_padded {
            return None;
        }
        // The last digit goes to the highest byte, zeros before the first.
        let digits = digits << (8 * (8 - count)) | (ZEROS >> (8 * (count - 1))) >> 8;
        let are_digits = digits & (0xF0 * ONES) == ZEROS
            && digits.wrapping_add(0x06 * ONES) & (0xF0 * ONES) == ZEROS;
        if !are_digits {
            return None;
        }
        // Pairs of digits, then of pairs, then of fours.
        let pairs = (digits & (0x0F * ONES)).wrapping_mul(2561) >> 8;
        let fours = (pairs & 0x00FF_00FF_00FF_00FF).wrapping_mul(6_553_601) >> 16;
        let eight = (fours & 0x0000_FFFF_0000_FFFF).wrapping_mul(42_949_672_960_001) >> 32;
        let magnitude = eight as i64;
        Some(Plain {
            mantissa: if is_negative { -magnitude } else { magnitude },
            scale: scale as u8,
            is_integer: !has_point,
        })
    }

    /// The number as a double, one rounding away at most.
    #[inline(always)]
    pub(super) fn to_f64(self) -> f64 {
        self.mantissa as f64 / POWERS[usize::from(self.scale)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::hash::word_of;
    use super::*;

    #[test]
    fn what_is_plain() {
        let parse = |text: &str| {
            let plain = Plain::parse(text.as_bytes(), b'.')?;
            Some((plain.mantissa, plain.scale, plain.is_integer))
        };
        assert_eq!(parse("-12.50"), Some((-1250, 2, false)));
        assert_eq!(parse("5."), Some((5, 0, false)));
        assert_eq!(parse(".5"), Some((5, 1, false)));
        assert_eq!(parse("0"), Some((0, 0, true)));
        assert_eq!(
            parse("999999999999999999"),
            Some((999_999_999_999_999_999, 0, true))
        );
        for text in [
            "",
            "-",
            ".",
            "-.",
            "1e5",
            "007",
            "00.5",
            "1000000000000000000",
            "1.2.3",
            "+1",
            "1,5",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        /// Goal: eight bytes at a time read what one at a time does.
        #[test]
        fn both_ways_read_the_same(text in "[-.0-9]{0,10}|-?[0-9]{0,7}[.,]?[0-9]{0,3}|[-+.,0-9:/e]{0,8}", point in prop_oneof![Just(b'.'), Just(b',')]) {
            let text = text.as_bytes();
            let word = word_of(text);
            prop_assert_eq!(Plain::parse_word(text, word, point), Plain::parse(text, point));
        }
    }
}
