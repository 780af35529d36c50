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
    #[inline(never)]
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
        for (word, rows) in spans.words(suspects) {
            for (bit, range) in rows {
                let field = &spans.bytes[range];
                let is_suspect = if field.is_empty() {
                    empty.is_suspect()
                } else {
                    !template.matches(field)
                };
                *word |= u64::from(is_suspect) << bit;
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::*;

    use super::Template;
    use crate::kernel::simd::Simd;
    use crate::kernel::{Empty, Spans};

    #[inline(always)]
    pub(super) fn mark_template<S: Simd>(
        simd: S,
        spans: &Spans<'_>,
        template: &Template,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        if template.positions.len() <= 16 {
            mark::<S, 16>(simd, spans, template, empty, suspects);
        } else {
            mark::<S, 32>(simd, spans, template, empty, suspects);
        }
    }

    /// Marks what does not match; `N` bytes, 16 or 32, are read for every field.
    #[inline(always)]
    fn mark<S: Simd, const N: usize>(
        simd: S,
        spans: &Spans<'_>,
        template: &Template,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        let width = template.positions.len();
        for (word, rows) in spans.words(suspects) {
            for (bit, range) in rows {
                let bytes = spans
                    .bytes
                    .get(range.start..)
                    .and_then(|rest| rest.first_chunk::<N>());
                let is_suspect = match bytes {
                    Some(bytes) if range.len() == width => !matches(simd, template, bytes),
                    _ if range.is_empty() => empty.is_suspect(),
                    // Of another length, or one of the last fields of `bytes`.
                    _ => !template.matches(&spans.bytes[range]),
                };
                *word |= u64::from(is_suspect) << bit;
            }
        }
    }

    /// Whether all positions allow the first of these bytes.
    #[inline(always)]
    fn matches<S: Simd, const N: usize>(_simd: S, template: &Template, field: &[u8; N]) -> bool {
        if N <= 16 {
            // SAFETY: `_simd` proves AVX2; all arrays hold 16 bytes, at any alignment.
            unsafe {
                let load = |bytes: &[u8]| _mm_loadu_si128(bytes.as_ptr().cast());
                let field = load(field);
                let distance = _mm_sub_epi8(field, load(&template.ranges.low));
                let span = _mm_min_epu8(distance, load(&template.ranges.span));
                let allowed = _mm_cmpeq_epi8(span, distance);
                let folded = _mm_or_si128(field, load(&template.fold));
                let distance = _mm_sub_epi8(folded, load(&template.others.low));
                let span = _mm_min_epu8(distance, load(&template.others.span));
                let other_allowed = _mm_cmpeq_epi8(span, distance);
                _mm_movemask_epi8(_mm_or_si128(allowed, other_allowed)) == 0xFFFF
            }
        } else {
            // SAFETY: `_simd` proves AVX2; all arrays hold 32 bytes, at any alignment.
            unsafe {
                let load = |bytes: &[u8]| _mm256_loadu_si256(bytes.as_ptr().cast());
                let field = load(field);
                let distance = _mm256_sub_epi8(field, load(&template.ranges.low));
                let span = _mm256_min_epu8(distance, load(&template.ranges.span));
                let allowed = _mm256_cmpeq_epi8(span, distance);
                let folded = _mm256_or_si256(field, load(&template.fold));
                let distance = _mm256_sub_epi8(folded, load(&template.others.low));
                let span = _mm256_min_epu8(distance, load(&template.others.span));
                let other_allowed = _mm256_cmpeq_epi8(span, distance);
                _mm256_movemask_epi8(_mm256_or_si256(allowed, other_allowed)) == -1
            }
        }
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
