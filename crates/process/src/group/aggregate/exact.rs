//! Exact sums of whatever fits no machine integer.

use std::collections::{BTreeMap, HashMap};

use num_bigint::BigInt;
use tamis_engine::number::Decimal;

use super::bytes::{Input, put_bytes, put_u32};
use crate::stats::numbers::{in_full, quotient, split};

/// A sum of integers times powers of ten, or of two, in full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exact {
    radix: Radix,
    /// By exponent.
    terms: BTreeMap<i32, BigInt>,
}

/// What the powers are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Radix {
    #[default]
    Ten,
    Two,
}

impl Exact {
    fn new(radix: Radix) -> Exact {
        Exact {
            radix,
            terms: BTreeMap::new(),
        }
    }

    /// Adds `mantissa * radix^exponent`.
    pub(super) fn add(&mut self, mantissa: BigInt, exponent: i32) {
        *self.terms.entry(exponent).or_default() += mantissa;
    }

    pub(super) fn add_number(&mut self, number: &Decimal) {
        let (mantissa, exponent) = split(number.to_string().as_bytes());
        self.add(mantissa, exponent);
    }

    pub(super) fn add_square(&mut self, number: &Decimal) {
        let (mantissa, exponent) = split(number.to_string().as_bytes());
        self.add(&mantissa * &mantissa, 2 * exponent);
    }

    fn merge(&mut self, other: Exact) {
        for (exponent, mantissa) in other.terms {
            self.add(mantissa, exponent);
        }
    }

    /// The sum as one integer times a power.
    fn total(&self) -> (BigInt, i32) {
        let lowest = self.terms.keys().next().copied().unwrap_or(0);
        let terms = self.terms.iter().map(|(exponent, mantissa)| {
            let more = exponent.abs_diff(lowest);
            match self.radix {
                Radix::Ten => mantissa * BigInt::from(10).pow(more),
                Radix::Two => mantissa << more,
            }
        });
        (terms.sum(), lowest)
    }

    /// The sum of powers of ten as a text.
    pub(super) fn to_text(&self) -> String {
        let (sum, exponent) = self.total();
        in_full(&sum, exponent)
    }

    /// The sum of `count` numbers divided by that, rounded once.
    pub(super) fn mean(&self, count: u64) -> f64 {
        let (sum, exponent) = self.total();
        self.radix.quotient(sum, count.into(), exponent)
    }

    /// The variance of a sample of `count` numbers, at least two, with this sum and that sum of squares; rounded once.
    pub(super) fn variance(&self, squares: &Exact, count: u64) -> f64 {
        let count = BigInt::from(count);
        let (sum, sum_exponent) = self.total();
        let mut above = Exact::new(self.radix);
        above.add(-&sum * &sum, 2 * sum_exponent);
        let (squares, squares_exponent) = squares.total();
        above.add(&count * squares, squares_exponent);
        let (above, exponent) = above.total();
        self.radix.quotient(above, &count * (&count - 1), exponent)
    }

    fn memory_bytes(&self) -> usize {
        self.terms.len() * 96
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_u32(self.terms.len() as u32, out);
        for (exponent, mantissa) in &self.terms {
            put_u32(exponent.cast_unsigned(), out);
            put_bytes(&mantissa.to_signed_bytes_le(), out);
        }
    }

    fn read(radix: Radix, input: &mut Input<'_>) -> Exact {
        let count = input.u32();
        let terms = (0..count).map(|_| {
            let exponent = input.u32().cast_signed();
            (exponent, BigInt::from_signed_bytes_le(input.bytes()))
        });
        Exact {
            radix,
            terms: terms.collect(),
        }
    }
}

/// What is added up in full beside machine integers, by group: the sum of numbers, and that of their squares.
#[derive(Debug)]
pub(super) struct Others {
    radix: Radix,
    sums: HashMap<u32, [Exact; 2]>,
    /// What they take. Kept up to date, since it is asked for after every few thousand rows, and groups may be many.
    bytes: usize,
}

impl Others {
    pub(super) fn new(radix: Radix) -> Others {
        Others {
            radix,
            sums: HashMap::new(),
            bytes: 0,
        }
    }

    /// Changes the sums of a group.
    pub(super) fn change(&mut self, group: u32, change: impl FnOnce(&mut [Exact; 2])) {
        let sums = self.sums.entry(group).or_insert_with(|| {
            self.bytes += 64;
            [Exact::new(self.radix), Exact::new(self.radix)]
        });
        let bytes = |sums: &[Exact; 2]| sums[0].memory_bytes() + sums[1].memory_bytes();
        let before = bytes(sums);
        change(sums);
        self.bytes = self.bytes + bytes(sums) - before;
    }

    /// Whether a group has any.
    pub(super) fn has(&self, group: u32) -> bool {
        self.sums.contains_key(&group)
    }

    /// The sums of a group.
    pub(super) fn get(&self, group: u32) -> [Exact; 2] {
        let none = || [Exact::new(self.radix), Exact::new(self.radix)];
        self.sums.get(&group).cloned().unwrap_or_else(none)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        let sums = self.sums.get(&group);
        out.push(sums.is_some().into());
        sums.into_iter().flatten().for_each(|sum| sum.write(out));
    }

    pub(super) fn absorb(&mut self, group: u32, input: &mut Input<'_>) {
        if input.u8() == 0 {
            return;
        }
        let radix = self.radix;
        self.change(group, |sums| {
            for sum in sums {
                sum.merge(Exact::read(radix, input));
            }
        });
    }
}

impl Radix {
    /// `above / below * radix^exponent`, rounded once.
    fn quotient(self, above: BigInt, below: BigInt, exponent: i32) -> f64 {
        match self {
            Radix::Ten => quotient(&above, &below, exponent),
            Radix::Two if exponent < 0 => quotient(&above, &(below << exponent.unsigned_abs()), 0),
            Radix::Two => quotient(&(above << exponent.unsigned_abs()), &below, 0),
        }
    }
}
