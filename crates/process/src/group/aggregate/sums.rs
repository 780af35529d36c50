//! Sums, means and variances, exact until the last rounding.
//!
//! A group's sum is an `i128` of the column's unit: it takes 2^64 numbers that fit 64 bits. When the unit becomes smaller, the sums so
//! far are multiplied; what would not fit then, and numbers that fit no unit, are added up in full beside it.

use super::bytes::{Input, put_u64, put_u128};
use super::exact::{Exact, Others, Radix};
use super::{Cells, Function};
use crate::group::decimals::Decimals;
use crate::stats::numbers::digits_in_full;

/// Sums beyond this are not multiplied: adding to them could overflow.
const SUM_MAX: u128 = 1 << 125;

/// The sums of all groups.
#[derive(Debug)]
pub(in crate::group) struct Sums {
    scale: u8,
    sums: Vec<Sum>,
    /// Sums of squares, if a variance is wanted, in two parts, `high * 2^64 + low`: a square has up to 126 bits.
    squares: Option<Vec<[u128; 2]>>,
    /// What is not in `sums` and `squares`.
    others: Others,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sum: i128,
    count: u64,
}

impl Sums {
    pub(super) fn new(has_squares: bool) -> Sums {
        Sums {
            scale: 0,
            sums: Vec::new(),
            squares: has_squares.then(Vec::new),
            others: Others::new(Radix::Ten),
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Sums::new(self.squares.is_some());
    }

    pub(super) fn grow(&mut self, groups: usize) {
        self.sums.resize(groups, Sum::default());
        if let Some(squares) = &mut self.squares {
            squares.resize(groups, [0; 2]);
        }
    }

    pub(super) fn take(&mut self, groups: &[u32], numbers: &Decimals) {
        if numbers.scale > self.scale {
            self.set_scale(numbers.scale);
        }
        let rows = groups.iter().zip(&numbers.mantissas).enumerate();
        for (row, (&group, &mantissa)) in rows {
            // A row without a number adds nothing.
            let sum = &mut self.sums[group as usize];
            sum.sum += i128::from(mantissa);
            sum.count += numbers.present[row / 64] >> (row % 64) & 1;
        }
        if let Some(squares) = &mut self.squares {
            for (&group, &mantissa) in groups.iter().zip(&numbers.mantissas) {
                let magnitude = u128::from(mantissa.unsigned_abs());
                let square = magnitude * magnitude;
                let squares = &mut squares[group as usize];
                squares[0] += u128::from(square as u64);
                squares[1] += square >> 64;
            }
        }
        for (row, number) in &numbers.others {
            let group = groups[*row];
            self.sums[group as usize].count += 1;
            self.others.change(group, |[sum, squares]| {
                sum.add_number(number);
                if self.squares.is_some() {
                    squares.add_square(number);
                }
            });
        }
    }

    /// Makes the unit smaller.
    fn set_scale(&mut self, scale: u8) {
        let factor = 10_i128.pow(u32::from(scale - self.scale));
        let exponent = -i32::from(self.scale);
        for (group, sum) in (0..).zip(&mut self.sums) {
            let scaled = sum.sum.checked_mul(factor);
            sum.sum = match scaled.filter(|scaled| scaled.unsigned_abs() <= SUM_MAX) {
                Some(scaled) => scaled,
                None => {
                    self.others
                        .change(group, |[others, _]| others.add(sum.sum.into(), exponent));
                    0
                }
            };
        }
        for (group, squares) in (0..).zip(self.squares.iter_mut().flatten()) {
            if *squares != [0; 2] {
                let squares = std::mem::take(squares);
                self.others.change(group, |[_, others]| {
                    add_squares(others, squares, 2 * exponent);
                });
            }
        }
        self.scale = scale;
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let sums = self.sums.capacity() * size_of::<Sum>();
        let squares = self
            .squares
            .as_ref()
            .map_or(0, |squares| squares.capacity() * 32);
        sums + squares + self.others.memory_bytes()
    }

    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        let sum = self.sums[group as usize];
        put_u64(sum.count, out);
        out.push(self.scale);
        put_u128(sum.sum.cast_unsigned(), out);
        if let Some(squares) = &self.squares {
            squares[group as usize]
                .iter()
                .for_each(|&half| put_u128(half, out));
        }
        self.others.write(group, out);
    }

    pub(super) fn absorb(&mut self, group: u32, input: &mut Input<'_>) {
        let at = group as usize;
        self.sums[at].count += input.u64();
        let scale = input.u8();
        if scale > self.scale {
            self.set_scale(scale);
        }
        let more = input.u128().cast_signed();
        let factor = 10_i128.pow(u32::from(self.scale - scale));
        let sum = more
            .checked_mul(factor)
            .and_then(|more| more.checked_add(self.sums[at].sum));
        match sum.filter(|sum| sum.unsigned_abs() <= SUM_MAX) {
            Some(sum) => self.sums[at].sum = sum,
            None => {
                self.others.change(group, |[others, _]| {
                    others.add(more.into(), -i32::from(scale));
                });
            }
        }
        if let Some(squares) = &mut self.squares {
            let more = [input.u128(), input.u128()];
            if scale == self.scale {
                squares[at][0] += more[0];
                squares[at][1] += more[1];
            } else {
                self.others.change(group, |[_, others]| {
                    add_squares(others, more, -2 * i32::from(scale));
                });
            }
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
        if function == Function::Sum && !self.others.has(group) {
            // Where there are millions of groups, integers of any length take longer than all the rest.
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(sum.unsigned_abs());
            let text = digits_in_full(sum < 0, digits, -i32::from(self.scale));
            return cells.bare(text.as_bytes());
        }
        let [mut total, mut squares] = self.others.get(group);
        total.add(sum.into(), -i32::from(self.scale));
        if let Some(all) = &self.squares {
            add_squares(
                &mut squares,
                all[group as usize],
                -2 * i32::from(self.scale),
            );
        }
        match function {
            Function::Mean => cells.double(total.mean(count)),
            Function::Variance => cells.double(total.variance(&squares, count)),
            Function::StandardDeviation => cells.double(total.variance(&squares, count).sqrt()),
            _ => cells.bare(total.to_text().as_bytes()),
        }
    }
}

fn add_squares(sum: &mut Exact, [low, high]: [u128; 2], exponent: i32) {
    sum.add(low.into(), exponent);
    sum.add(num_bigint::BigInt::from(high) << 64_u32, exponent);
}
