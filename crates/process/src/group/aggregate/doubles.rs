//! Sums, means and variances of doubles, exact until the last rounding.
//!
//! A double is an integer times a power of two. Those of common magnitudes are integers of the unit `2^-80`, which an `i128` adds up to
//! `2^45`; their squares are integers of `2^-160` in three words of 64 bits, up to `2^60`. What does not fit is added up in
//! full beside it. So no order of adding changes the result, and it is the double nearest to the true sum.

use num_bigint::BigInt;
use tamis_formats::vector::Vector;

use super::bytes::{Input, put_u64, put_u128};
use super::exact::{Others, Radix};
use super::{Cells, Function};

/// The unit of sums is 2 to minus this.
const UNIT: i32 = 80;

/// Sums beyond this are moved aside before anything is added.
const SUM_MAX: u128 = 1 << 125;

/// The sums of all groups.
#[derive(Debug)]
pub(in crate::group) struct DoubleSums {
    sums: Vec<Sum>,
    /// Sums of squares, if a variance is wanted: words of 64 bits, the lowest first, with room for carries.
    squares: Option<Vec<[u128; 3]>>,
    /// What is not in `sums` and `squares`.
    others: Others,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sum: i128,
    count: u64,
}

impl DoubleSums {
    pub(super) fn new(has_squares: bool) -> DoubleSums {
        DoubleSums {
            sums: Vec::new(),
            squares: has_squares.then(Vec::new),
            others: Others::new(Radix::Two),
        }
    }

    pub(super) fn reset(&mut self) {
        *self = DoubleSums::new(self.squares.is_some());
    }

    pub(super) fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, Sum::default());
        if let Some(squares) = &mut self.squares {
            squares.resize(groups, [0; 3]);
        }
    }

    pub(super) fn take(&mut self, groups: &[u32], vector: &Vector, values: &[f64]) {
        for (row, (&group, &value)) in groups.iter().zip(values).enumerate() {
            if vector.is_null(row) {
                continue;
            }
            let (mantissa, exponent) = parts(value);
            self.add(group, mantissa, exponent);
            if self.squares.is_some() {
                self.add_square(group, mantissa, exponent);
            }
        }
    }

    #[inline(always)]
    fn add(&mut self, group: u32, mantissa: i64, exponent: i32) {
        let sum = &mut self.sums[group as usize];
        sum.count += 1;
        // Up to 72 bits more than the 53 of a mantissa: 125 in all.
        let shift = exponent + UNIT;
        if (0..=72).contains(&shift) && sum.sum.unsigned_abs() <= SUM_MAX {
            sum.sum += i128::from(mantissa) << shift;
        } else {
            let before = std::mem::take(&mut sum.sum);
            self.others.change(group, |[others, _]| {
                others.add(before.into(), -UNIT);
                others.add(mantissa.into(), exponent);
            });
        }
    }

    fn add_square(&mut self, group: u32, mantissa: i64, exponent: i32) {
        let Some(squares) = &mut self.squares else {
            return;
        };
        let magnitude = u128::from(mantissa.unsigned_abs());
        let square = magnitude * magnitude;
        let shift = 2 * (exponent + UNIT);
        // A square has up to 106 bits: at most 85 more leave one bit of the three words.
        if !(0..=85).contains(&shift) {
            return self
                .others
                .change(group, |[_, others]| others.add(square.into(), 2 * exponent));
        }
        let (word, bits) = ((shift / 64) as usize, shift % 64);
        let low = u128::from(square as u64) << bits;
        let high = (square >> 64) << bits;
        let words = &mut squares[group as usize];
        words[word] += u128::from(low as u64);
        let middle = (low >> 64) + u128::from(high as u64);
        words[word + 1] += middle;
        // Shifted by a word and more, the square ends in the word before.
        if let Some(top) = words.get_mut(word + 2) {
            *top += high >> 64;
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let sums = self.sums.capacity() * size_of::<Sum>();
        let squares = self
            .squares
            .as_ref()
            .map_or(0, |squares| squares.capacity() * 48);
        sums + squares + self.others.memory_bytes()
    }

    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        let sum = self.sums[group as usize];
        put_u64(sum.count, out);
        put_u128(sum.sum.cast_unsigned(), out);
        if let Some(squares) = &self.squares {
            squares[group as usize]
                .iter()
                .for_each(|&word| put_u128(word, out));
        }
        self.others.write(group, out);
    }

    pub(super) fn absorb(&mut self, group: u32, input: &mut Input<'_>) {
        let sum = &mut self.sums[group as usize];
        sum.count += input.u64();
        let more = input.u128().cast_signed();
        match sum.sum.checked_add(more) {
            Some(total) => sum.sum = total,
            None => self
                .others
                .change(group, |[others, _]| others.add(more.into(), -UNIT)),
        }
        if let Some(squares) = &mut self.squares {
            let words = &mut squares[group as usize];
            words.iter_mut().for_each(|word| *word += input.u128());
        }
        self.others.absorb(group, input);
    }

    pub(super) fn finish(&self, group: u32, function: Function, cells: &mut Cells) {
        let Sum { sum, count } = self.sums[group as usize];
        let least_count = match function {
            Function::Variance | Function::StandardDeviation => 2,
            _ => 1,
        };
        if count < least_count {
            return cells.null();
        }
        let [mut total, mut squares] = self.others.get(group);
        total.add(sum.into(), -UNIT);
        if let Some(all) = &self.squares {
            for (word, exponent) in all[group as usize]
                .into_iter()
                .zip((-2 * UNIT..).step_by(64))
            {
                squares.add(BigInt::from(word), exponent);
            }
        }
        cells.double(match function {
            Function::Mean => total.mean(count),
            Function::Variance => total.variance(&squares, count),
            Function::StandardDeviation => total.variance(&squares, count).sqrt(),
            _ => total.mean(1),
        });
    }
}

/// A finite double as an integer of 53 bits, with sign, and a power of two.
#[inline(always)]
fn parts(value: f64) -> (i64, i32) {
    let bits = value.to_bits();
    let biased = (bits >> 52 & 0x7ff) as i32;
    let fraction = (bits & ((1 << 52) - 1)).cast_signed();
    let (magnitude, exponent) = match biased {
        0 if fraction == 0 => (0, 0),
        0 => (fraction, -1074),
        _ => (fraction | 1 << 52, biased - 1075),
    };
    let mantissa = if value.is_sign_negative() {
        -magnitude
    } else {
        magnitude
    };
    (mantissa, exponent)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use tamis_formats::vector::Values;

    use super::super::cells_of;
    use super::*;

    fn figures(values: &[f64], cuts: usize) -> Vec<String> {
        let mut merged = DoubleSums::new(true);
        merged.grow(2);
        for part in values.chunks(cuts.max(1)) {
            let vector = Vector {
                rows: part.len(),
                present: vec![u64::MAX; part.len().div_ceil(64)],
                values: Values::Number(part.to_vec()),
            };
            let mut sums = DoubleSums::new(true);
            sums.grow(2);
            sums.take(&vec![1; part.len()], &vector, part);
            let mut bytes = Vec::new();
            sums.write(1, &mut bytes);
            merged.absorb(1, &mut Input(&bytes));
        }
        let mut cells = Cells::default();
        for function in [Function::Sum, Function::Mean, Function::Variance] {
            merged.finish(1, function, &mut cells);
        }
        let texts = cells_of(cells.as_bytes());
        texts
            .map(|(_, text)| String::from_utf8_lossy(text).into_owned())
            .collect()
    }

    #[test]
    fn nothing_is_lost() {
        assert_eq!(figures(&[1e308, 1.0, -1e308], 3)[0], "1");
        assert_eq!(figures(&[1e-300, 1e300, -1e300], 1)[0].parse(), Ok(1e-300));
        assert_eq!(figures(&[0.1; 10], 3)[0], "1");
        assert_eq!(
            figures(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 2)[1..],
            ["5", "4.571428571428571"]
        );
        assert_eq!(figures(&[1e100, 1e100], 1)[2], "0");
        assert_eq!(figures(&[5e-324, 5e-324], 1)[0].parse(), Ok(1e-323));
    }

    proptest! {
        /// Goal: any order and any cut gives the same bits, and for integers they are right.
        #[test]
        fn order_does_not_matter(values in vec(prop_oneof![-1e6..1e6, any::<f64>(), -1e3..1e3], 2..30), cuts in 1..7_usize) {
            let values: Vec<f64> = values.into_iter().filter(|value: &f64| value.abs() < 1e150).collect();
            let mut reversed = values.clone();
            reversed.reverse();
            prop_assert_eq!(figures(&values, cuts), figures(&reversed, 30));
        }

        #[test]
        fn whole_numbers_are_exact(values in vec(-1_000_000_000_i64..1_000_000_000, 2..30)) {
            let doubles: Vec<f64> = values.iter().map(|&value| value as f64).collect();
            let found = figures(&doubles, 4);
            let sum: i64 = values.iter().sum();
            prop_assert_eq!(found[0].parse::<f64>().unwrap(), sum as f64);
            let count = values.len() as i128;
            let squares: i128 = values.iter().map(|&value| i128::from(value) * i128::from(value)).sum();
            let above = count * squares - i128::from(sum) * i128::from(sum);
            let expected = above as f64 / (count * (count - 1)) as f64;
            prop_assert!((found[2].parse::<f64>().unwrap() - expected).abs() <= 1e-12 * expected);
        }
    }
}
