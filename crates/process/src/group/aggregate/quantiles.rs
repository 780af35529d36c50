//! Quantiles: all values while they are few, a sketch of them beyond.
//!
//! A quantile is the value of its rank, the nearest one (`ceil(p * count)`, from 1): exact for a group of up to [`EXACT_MAX`] values,
//! within [`relative_error`] of itself for larger ones ([`Sketch`]).

use tamis_engine::number::short_f64;
use tamis_formats::vector::Vector;

use super::Cells;
use super::bytes::{Input, put_u32, put_u64};
use super::ends::decimal;
use crate::group::decimals::Decimals;
use tamis_engine::sketch::Sketch;

/// Values of a group up to which quantiles are exact.
pub const EXACT_MAX: usize = 64;

/// Bits of the mantissa that tell the buckets of a sketch apart.
const SKETCH_BITS: u32 = 7;

/// By how much of itself a quantile of more values may be off.
pub(in crate::group) fn relative_error() -> f64 {
    Sketch::relative_error(SKETCH_BITS)
}

/// The values of all groups.
#[derive(Debug, Default)]
pub(in crate::group) struct Quantiles {
    values: Vec<Values>,
    value_bytes: usize,
}

#[derive(Clone, Debug)]
enum Values {
    Few(Vec<f64>),
    Many(Box<Sketch>),
}

impl Quantiles {
    pub(super) fn grow(&mut self, groups: usize) {
        self.values.resize(groups, Values::Few(Vec::new()));
    }

    pub(super) fn take(&mut self, groups: &[u32], numbers: &Decimals) {
        for (row, &group) in groups.iter().enumerate() {
            if group != 0 && numbers.is_plain(row) {
                self.add(group, double(numbers.mantissas[row], numbers.scale), 1);
            }
        }
        for (row, number) in &numbers.others {
            if groups[*row] != 0 {
                let value = number
                    .to_string()
                    .parse()
                    .expect("it is written as a number");
                self.add(groups[*row], value, 1);
            }
        }
    }

    /// As [`take`](Self::take), for doubles.
    pub(super) fn take_doubles(&mut self, groups: &[u32], vector: &Vector, values: &[f64]) {
        for (row, (&group, &value)) in groups.iter().zip(values).enumerate() {
            if group != 0 && !vector.is_null(row) {
                self.add(group, value, 1);
            }
        }
    }

    #[inline]
    fn add(&mut self, group: u32, value: f64, count: u64) {
        match &mut self.values[group as usize] {
            Values::Many(sketch) => {
                let before = sketch.memory_bytes();
                sketch.add(value, count);
                self.value_bytes += sketch.memory_bytes() - before;
            }
            Values::Few(values) if values.len() < EXACT_MAX && count == 1 => {
                let before = values.capacity();
                values.push(value);
                self.value_bytes += 8 * (values.capacity() - before);
            }
            Values::Few(values) => {
                let mut sketch = Sketch::new(SKETCH_BITS);
                values.iter().for_each(|&value| sketch.add(value, 1));
                sketch.add(value, count);
                self.value_bytes += sketch.memory_bytes();
                self.value_bytes -= 8 * values.capacity();
                self.values[group as usize] = Values::Many(Box::new(sketch));
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.values.capacity() * size_of::<Values>() + self.value_bytes
    }

    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        match &self.values[group as usize] {
            Values::Few(values) => {
                put_u32(values.len() as u32, out);
                values
                    .iter()
                    .for_each(|value| put_u64(value.to_bits(), out));
            }
            Values::Many(sketch) => {
                put_u32(u32::MAX, out);
                put_u32(sketch.buckets().count() as u32, out);
                for bucket in sketch.buckets() {
                    // The end of a bucket that is nearer to zero is a value of it.
                    let is_negative = bucket.from < 0.0;
                    let value = if is_negative { bucket.to } else { bucket.from };
                    put_u64(value.to_bits(), out);
                    put_u64(bucket.count, out);
                }
            }
        }
    }

    pub(super) fn absorb(&mut self, group: u32, input: &mut Input<'_>) {
        let len = input.u32();
        if len != u32::MAX {
            for _ in 0..len {
                let value = f64::from_bits(input.u64());
                self.add(group, value, 1);
            }
            return;
        }
        for _ in 0..input.u32() {
            let value = f64::from_bits(input.u64());
            let count = input.u64();
            self.force(group);
            self.add(group, value, count);
        }
    }

    /// Makes a sketch of the group's values, few as they are.
    fn force(&mut self, group: u32) {
        let values = &mut self.values[group as usize];
        if let Values::Few(few) = values {
            let mut sketch = Sketch::new(SKETCH_BITS);
            few.iter().for_each(|&value| sketch.add(value, 1));
            self.value_bytes += sketch.memory_bytes();
            self.value_bytes -= 8 * few.capacity();
            *values = Values::Many(Box::new(sketch));
        }
    }

    pub(super) fn finish(&self, group: u32, probability: f64, cells: &mut Cells) {
        match &self.values[group as usize] {
            Values::Few(values) if values.is_empty() => cells.null(),
            Values::Few(values) => {
                let mut values = values.clone();
                values.sort_by(f64::total_cmp);
                cells.double(values[rank(probability, values.len() as u64) as usize - 1]);
            }
            Values::Many(sketch) => {
                cells.is_estimated = true;
                let count = sketch.buckets().map(|bucket| bucket.count).sum();
                let rank = rank(probability, count);
                let mut before = 0;
                let holds = sketch.buckets().find(|bucket| {
                    before += bucket.count;
                    before >= rank
                });
                let value = holds.map_or(0.0, |bucket| bucket.middle());
                // As many digits as are worth something.
                cells.double(format!("{value:.4e}").parse().unwrap_or(value));
            }
        }
    }
}

/// The double nearest to `mantissa * 10^-scale`, in whatever unit the number came.
fn double(mantissa: i64, scale: u8) -> f64 {
    let short = short_f64(mantissa, -i32::from(scale));
    short.unwrap_or_else(|| decimal(mantissa, scale).to_f64())
}

/// The rank of a quantile, from 1.
fn rank(probability: f64, count: u64) -> u64 {
    let product = probability * count as f64;
    // A hundredth is no double: 0.07 of 100 is 7 and not what is a little above.
    let is_whole = (product - product.round()).abs() <= 2.0 * f64::EPSILON * product;
    let rank = if is_whole {
        product.round()
    } else {
        product.ceil()
    };
    (rank as u64).clamp(1, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantile(values: &[f64], probability: f64) -> (f64, bool) {
        let mut quantiles = Quantiles::default();
        quantiles.grow(2);
        values.iter().for_each(|&value| quantiles.add(1, value, 1));
        // By way of bytes, in two halves that overlap nowhere.
        let mut bytes = Vec::new();
        quantiles.write(1, &mut bytes);
        let mut read = Quantiles::default();
        read.grow(2);
        read.absorb(1, &mut Input(&bytes));
        let mut cells = Cells::default();
        read.finish(1, probability, &mut cells);
        let text = String::from_utf8(cells.iter().next().unwrap().1.to_vec()).unwrap();
        (text.parse().unwrap(), cells.is_estimated)
    }

    /// Goal: which unit a worker reads a column in, which follows from what it has read before, changes nothing.
    #[test]
    fn numbers_are_the_same_in_every_unit() {
        for (mantissa, scale) in [(4_666_009_041_i64, 3), (922_337_189, 2), (-12, 0)] {
            let value: f64 = format!("{mantissa}e-{scale}").parse().unwrap();
            for more in 0..=12 - scale {
                let Some(scaled) = mantissa.checked_mul(10_i64.pow(more)) else {
                    break;
                };
                let unit = (scale + more) as u8;
                assert_eq!(double(scaled, unit).to_bits(), value.to_bits(), "{unit}");
            }
        }
    }

    #[test]
    fn ranks_are_those_of_the_percent() {
        for percent in 1..100_u64 {
            for count in 1..1000 {
                let found = rank(percent as f64 / 100.0, count);
                assert_eq!(found, (percent * count).div_ceil(100), "{percent} {count}");
            }
        }
    }

    #[test]
    fn few_are_exact_and_many_are_close() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), (2.0, false));
        assert_eq!(quantile(&[4.0, 3.0, 1.0, 2.0], 0.5), (2.0, false));
        assert_eq!(quantile(&[7.0], 0.99), (7.0, false));
        let many: Vec<f64> = (-500..=500).map(f64::from).collect();
        for (probability, expected) in [(0.01, -490.0), (0.5, 0.0), (0.95, 450.0), (0.999, 499.0)] {
            let (found, is_estimated) = quantile(&many, probability);
            assert!(is_estimated);
            let limit = expected * relative_error() * 1.01;
            assert!(
                (found - expected).abs() <= f64::abs(limit),
                "{found} {expected}"
            );
        }
    }
}
