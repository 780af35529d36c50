//! The values of a column that are no dictionary any more: one tight loop for each thing that is found out.
//!
//! [`Spread::take`] is the definition of what the loops do.

use tamis_engine::kernel::{DateTimeShape, Empty, Kernel, Spans};
use tamis_formats::value::Class;

use super::block::Taker;
use super::column::{Mode, Setting, Spread, is_canonical};
use super::dictionary::Family;
use super::extremes;
use super::hash::WORD_BYTES;
use super::plain::Plain;
use crate::infer::column::characters;

/// Plain values of a block.
#[derive(Clone, Copy)]
pub(super) struct Values<'v> {
    pub(super) family: Family,
    pub(super) bytes: &'v [u8],
    /// A pair for each value, as in a [`Spans`].
    pub(super) index: &'v [u32],
    pub(super) words: &'v [u128],
    pub(super) hashes: &'v [u64],
    pub(super) ascii: bool,
}

impl<'v> Values<'v> {
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    #[inline(always)]
    pub(super) fn text(&self, at: usize) -> &'v [u8] {
        let start = self.index[2 * at].wrapping_add(1) as usize;
        &self.bytes[start..self.index[2 * at + 1] as usize]
    }

    /// Those from the one at `at` on.
    pub(super) fn from(self, at: usize) -> Values<'v> {
        Values {
            index: &self.index[2 * at..],
            words: &self.words[at..],
            hashes: self.hashes.get(at..).unwrap_or_default(),
            ..self
        }
    }

    /// Adds values to a spread.
    pub(super) fn spread(
        self,
        taker: Taker<'_>,
        spread: &mut Spread,
        suspects: &mut Vec<u64>,
        mantissas: &mut Vec<i64>,
    ) {
        if let Some(distinct) = &mut spread.distinct {
            self.hashes.iter().for_each(|&hash| distinct.insert(hash));
        }
        let Some((least, greatest)) = extremes::find(self.words, |at| self.text(at)) else {
            return;
        };
        spread.texts.take(self.text(least));
        spread.texts.take(self.text(greatest));
        self.lengths(spread);
        let mut at = 0;
        while at < self.len() {
            at += match (spread.mode, self.family) {
                (Mode::Numbers, Family::Untyped | Family::Number) => {
                    self.from(at).numbers(taker.setting, spread, mantissas)
                }
                (Mode::Moments(class), Family::Untyped | Family::String) if at == 0 => {
                    self.moments(taker.kernel, class, [least, greatest], spread, suspects)
                }
                (Mode::Texts, Family::Untyped) => {
                    spread.values += (self.len() - at) as u64;
                    spread.add_class(Class::Text);
                    break;
                }
                (Mode::Texts, Family::String) if spread.classes.contains(Class::Text) => {
                    spread.values += (self.len() - at) as u64;
                    break;
                }
                _ => 0,
            };
            // What no loop took.
            if at < self.len() {
                spread.read(taker.setting, self.family, self.text(at), 1);
                at += 1;
            }
        }
    }

    fn lengths(&self, spread: &mut Spread) {
        /// The first bit of each byte.
        const HIGH: u128 = u128::from_le_bytes([0x80; WORD_BYTES]);
        let (mut shortest, mut longest) = (u64::MAX, 0);
        for (at, (pair, word)) in self.index.chunks_exact(2).zip(self.words).enumerate() {
            let mut len = u64::from(pair[1].wrapping_sub(pair[0]).wrapping_sub(1));
            if !self.ascii {
                if len <= WORD_BYTES as u64 {
                    // All but the first byte of a character begin with the bits 10.
                    len -= u64::from((word & !(word << 1) & HIGH).count_ones());
                } else if word & HIGH != 0 || !self.text(at)[WORD_BYTES..].is_ascii() {
                    len = characters(self.text(at));
                }
            }
            shortest = shortest.min(len);
            longest = longest.max(len);
        }
        spread.take_length(shortest);
        spread.take_length(longest);
    }

    /// Adds plain numbers, up to the first value that is none; how many.
    fn numbers(&self, setting: &Setting, spread: &mut Spread, mantissas: &mut Vec<i64>) -> usize {
        let point = match self.family {
            Family::Number => b'.',
            _ => setting.point,
        };
        let needs_sketch = setting.wanted.needs_sketch();
        let (mut count, mut fractions) = (0, 0);
        mantissas.clear();
        // Numbers of one scale are summed up all at once.
        let mut scale = 0;
        for (at, &word) in self.words.iter().enumerate() {
            let Some(plain) = Plain::parse_word(self.text(at), word, point) else {
                break;
            };
            if plain.scale != scale {
                spread
                    .numbers
                    .scale(scale)
                    .add_all(mantissas, setting.wanted.deviation);
                mantissas.clear();
                scale = plain.scale;
            }
            mantissas.push(plain.mantissa);
            if needs_sketch {
                spread.sketch.add(plain.to_f64(), 1);
            }
            fractions += usize::from(!plain.is_integer);
            count += 1;
        }
        spread
            .numbers
            .scale(scale)
            .add_all(mantissas, setting.wanted.deviation);
        spread.values += count as u64;
        if fractions > 0 {
            spread.add_class(Class::Number);
        }
        if fractions < count {
            spread.add_class(Class::Integer);
        }
        count
    }

    /// Adds moments, if all values are moments written alike; how many. `ends` are the first and the last
    /// in the order of the texts, which then is that of time.
    fn moments(
        &self,
        kernel: Kernel,
        class: Class,
        ends: [usize; 2],
        spread: &mut Spread,
        suspects: &mut Vec<u64>,
    ) -> usize {
        let shape = match class {
            Class::Date => DateTimeShape::Date,
            Class::Time => DateTimeShape::Time,
            _ => DateTimeShape::DateTime,
        };
        let is_alike =
            spread.is_canonical && (0..self.len()).all(|at| is_canonical(class, self.text(at)));
        if !is_alike {
            return 0;
        }
        suspects.clear();
        suspects.resize(self.len().div_ceil(64), 0);
        let spans = Spans {
            bytes: self.bytes,
            index: self.index,
            first: 0,
            stride: 2,
            rows: self.len(),
            trim_cr: false,
        };
        kernel.mark_date_time(&spans, shape, Empty::Suspect, suspects);
        if suspects.iter().any(|&word| word != 0) {
            return 0;
        }
        for at in ends {
            let text = self.text(at);
            if let Some(moment) = tamis_engine::kernel::parse_date_time(text, shape) {
                spread.moments.take(moment, text);
            }
        }
        spread.values += self.len() as u64;
        self.len()
    }
}
