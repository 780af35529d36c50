//! Patterns of fixed length, such as `^TX\d{10}$`, UUIDs and fixed-width codes.
//!
//! All positions are compared at once: `byte - low <= high - low`, unsigned and wrapping, is one
//! subtraction, one minimum and one comparison for a whole register.

use std::ops::RangeInclusive;

use crate::kernel::{Empty, Kernel, Spans, dispatch};

/// The most positions a [`Template`] has.
const POSITIONS_MAX: usize = 32;

/// The bytes allowed at one position of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// One range of allowed bytes.
    pub range: RangeInclusive<u8>,
    /// Another range of allowed bytes.
    pub other: Option<RangeInclusive<u8>>,
    /// `other` is compared with the letter's case bit set (`byte | 0x20`), so that `a..=f` allows
    /// `A..=F` as well. `other` has to be given as lower case then.
    pub other_ignores_case: bool,
}

impl Position {
    /// Exactly this byte.
    pub fn byte(byte: u8) -> Position {
        Position::range(byte..=byte)
    }

    /// Any byte of this range.
    pub fn range(range: RangeInclusive<u8>) -> Position {
        Position {
            range,
            other: None,
            other_ignores_case: false,
        }
    }

    /// A hexadecimal digit of either case.
    pub fn hex_digit() -> Position {
        Position {
            range: b'0'..=b'9',
            other: Some(b'a'..=b'f'),
            other_ignores_case: true,
        }
    }

    /// Whether `byte` is allowed here.
    fn allows(&self, byte: u8) -> bool {
        let folded = if self.other_ignores_case {
            byte | 0x20
        } else {
            byte
        };
        self.range.contains(&byte)
            || self
                .other
                .as_ref()
                .is_some_and(|other| other.contains(&folded))
    }
}

/// A pattern of fixed length: which bytes are allowed at each position.
#[derive(Clone, Debug)]
pub struct Template {
    positions: Box<[Position]>,
    ranges: Ranges,
    others: Ranges,
    fold: [u8; POSITIONS_MAX],
}

/// One range per position: bytes from `low` on, `span` more of them.
#[derive(Clone, Debug)]
struct Ranges {
    low: [u8; POSITIONS_MAX],
    span: [u8; POSITIONS_MAX],
}

impl Template {
    /// A pattern of that many positions; `None` unless these are 1 to 32 and no range is empty.
    pub fn new(positions: &[Position]) -> Option<Template> {
        let is_empty = |position: &Position| {
            position.range.is_empty()
                || position
                    .other
                    .as_ref()
                    .is_some_and(|other| other.is_empty())
        };
        if !(1..=POSITIONS_MAX).contains(&positions.len()) || positions.iter().any(is_empty) {
            return None;
        }
        // What lies past the last position is compared as well, and may be anything.
        let anything = Ranges {
            low: [0; POSITIONS_MAX],
            span: [0xFF; POSITIONS_MAX],
        };
        let mut template = Template {
            positions: positions.into(),
            ranges: anything.clone(),
            others: anything,
            fold: [0; POSITIONS_MAX],
        };
        for (index, position) in positions.iter().enumerate() {
            template.ranges.set(index, &position.range);
            template
                .others
                .set(index, position.other.as_ref().unwrap_or(&position.range));
            let folds = position.other.is_some() && position.other_ignores_case;
            template.fold[index] = if folds { 0x20 } else { 0 };
        }
        Some(template)
    }

    /// Whether all of `field` is an instance of the pattern: the definition of the kernel.
    pub fn matches(&self, field: &[u8]) -> bool {
        field.len() == self.positions.len()
            && self
                .positions
                .iter()
                .zip(field)
                .all(|(position, &byte)| position.allows(byte))
    }
}

impl Ranges {
    fn set(&mut self, index: usize, range: &RangeInclusive<u8>) {
        self.low[index] = *range.start();
        self.span[index] = range.end() - range.start();
    }
}

impl Kernel {
    /// Marks the rows whose field does not match `template` from its first to its last byte.
    pub fn mark_template(
        self,
        spans: &Spans<'_>,
        template: &Template,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        dispatch!(
            self,
            mark_template(
                spans: &Spans<'_>,
                template: &Template,
                empty: Empty,
                suspects: &mut [u64],
            )
        );
    }
}

mod scalar {
    use super::Template;
    use crate::kernel::{Empty, Spans};

    pub(super) fn mark_template(
        spans: &Spans<'_>,
        template: &Template,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        spans.mark(suspects, |range| {
            let field = &spans.bytes[range];
            if field.is_empty() {
                empty.is_suspect()
            } else {
                !template.matches(field)
            }
        });
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::*;

    use super::{Ranges, Template};
    use crate::kernel::simd::Simd;
    use crate::kernel::{Empty, Spans};

    #[inline(always)]
    pub(super) fn mark_template<S: Simd>(
        _simd: S,
        spans: &Spans<'_>,
        template: &Template,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        let width = template.positions.len();
        if width <= 16 {
            // SAFETY: `_simd` proves AVX2 at least.
            let matches = |field: &[u8; 16]| unsafe { matches_16(template, field) };
            mark(spans, width, template, empty, suspects, matches);
        } else {
            // SAFETY: `_simd` proves AVX2 at least.
            let matches = |field: &[u8; 32]| unsafe { matches_32(template, field) };
            mark(spans, width, template, empty, suspects, matches);
        }
    }

    /// Marks what does not match; `N` bytes are read for a field of `width` bytes.
    #[inline(always)]
    fn mark<const N: usize>(
        spans: &Spans<'_>,
        width: usize,
        template: &Template,
        empty: Empty,
        suspects: &mut [u64],
        matches: impl Fn(&[u8; N]) -> bool,
    ) {
        spans.mark(suspects, |range| {
            if range.len() != width {
                return !range.is_empty() || empty.is_suspect();
            }
            match spans
                .bytes
                .get(range.start..)
                .and_then(|rest| rest.first_chunk())
            {
                Some(field) => !matches(field),
                // Fewer than `N` bytes follow: one of the last fields of `bytes`.
                None => !template.matches(&spans.bytes[range]),
            }
        });
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn matches_16(template: &Template, field: &[u8; 16]) -> bool {
        // SAFETY: the arrays hold 16 bytes or more, at any alignment.
        let load = |bytes: &[u8]| unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        let is_within = |bytes: __m128i, ranges: &Ranges| {
            let distance = _mm_sub_epi8(bytes, load(&ranges.low));
            _mm_cmpeq_epi8(_mm_min_epu8(distance, load(&ranges.span)), distance)
        };
        let field = load(field);
        let folded = _mm_or_si128(field, load(&template.fold));
        let allowed = _mm_or_si128(
            is_within(field, &template.ranges),
            is_within(folded, &template.others),
        );
        _mm_movemask_epi8(allowed) == 0xFFFF
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn matches_32(template: &Template, field: &[u8; 32]) -> bool {
        // SAFETY: the arrays hold 32 bytes, at any alignment.
        let load = |bytes: &[u8]| unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        let is_within = |bytes: __m256i, ranges: &Ranges| {
            let distance = _mm256_sub_epi8(bytes, load(&ranges.low));
            _mm256_cmpeq_epi8(_mm256_min_epu8(distance, load(&ranges.span)), distance)
        };
        let field = load(field);
        let folded = _mm256_or_si256(field, load(&template.fold));
        let allowed = _mm256_or_si256(
            is_within(field, &template.ranges),
            is_within(folded, &template.others),
        );
        _mm256_movemask_epi8(allowed) == -1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_to_thirty_two_positions_make_a_template() {
        let digit = Position::range(b'0'..=b'9');
        assert!(Template::new(&[]).is_none());
        assert!(Template::new(&vec![digit.clone(); 32]).is_some());
        assert!(Template::new(&vec![digit; 33]).is_none());
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
        let nothing = Position::range(b'9'..=b'0');
        assert!(Template::new(&[nothing]).is_none());
    }

    #[test]
    fn case_is_ignored_in_the_other_range_alone() {
        let template = Template::new(&[Position::hex_digit(), Position::byte(b'x')]).unwrap();
        for (field, matches) in [
            ("Fx", true),
            ("fx", true),
            ("0x", true),
            ("gx", false),
            ("fX", false),
        ] {
            assert_eq!(template.matches(field.as_bytes()), matches, "{field}");
        }
    }
}
