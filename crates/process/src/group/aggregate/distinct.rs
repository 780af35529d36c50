//! How many distinct values there are: hashes while they are few, registers beyond.
//!
//! Whether a group has more than [`EXACT_MAX`] values follows from its set of values alone, and so do the registers: neither the
//! order of the rows nor who saw them matters.

use tamis_engine::number::Decimal;
use tamis_formats::vector::Values;
use xxhash_rust::xxh3::xxh3_64;

use super::bytes::{Input, put_u32, put_u64};
use super::{Cells, Written};
use crate::group::decimals::Decimals;
use crate::stats::hash::permute;
use tamis_engine::sketch::HyperLogLog;

/// Distinct values of a group up to which they are counted exactly.
pub const EXACT_MAX: usize = 1 << 16;

/// HyperLogLog has `2^PRECISION` registers.
const PRECISION: u32 = 14;

/// The relative standard error of the number of more values.
pub(in crate::group) fn standard_error() -> f64 {
    HyperLogLog::standard_error(PRECISION)
}

/// The distinct values of all groups.
#[derive(Debug, Default)]
pub(in crate::group) struct Distinct {
    sets: Vec<Set>,
    set_bytes: usize,
}

/// The distinct values of a group.
#[derive(Clone, Debug)]
enum Set {
    /// Their hashes: open addressing, at most half full; 0 is no hash.
    Few {
        slots: Vec<u64>,
        len: usize,
    },
    Many(Box<HyperLogLog>),
}

impl Distinct {
    pub(super) fn grow(&mut self, groups: usize) {
        let empty = Set::Few {
            slots: Vec::new(),
            len: 0,
        };
        self.sets.resize(groups, empty);
    }

    pub(super) fn take(&mut self, groups: &[u32], values: &mut Written<'_>) {
        let vector = values.vector;
        for (row, &group) in groups.iter().enumerate() {
            if group == 0 || vector.is_null(row) {
                continue;
            }
            let hash = match &vector.values {
                Values::Boolean(bits) => permute(bits[row / 64] >> (row % 64) & 1),
                Values::Integer(values)
                | Values::Date(values)
                | Values::Time(values)
                | Values::Timestamp(values) => permute(values[row].cast_unsigned()),
                // Zero is zero, whatever its sign.
                Values::Number(values) => permute((values[row] + 0.0).to_bits()),
                Values::Text(_) | Values::Null => xxh3_64(values.text(row)),
            };
            self.insert(group, hash);
        }
    }

    pub(super) fn take_numbers(&mut self, groups: &[u32], numbers: &Decimals) {
        for (row, &group) in groups.iter().enumerate() {
            if group != 0 && numbers.is_plain(row) {
                self.insert(group, hash_plain(numbers.mantissas[row], numbers.scale));
            }
        }
        for (row, number) in &numbers.others {
            if groups[*row] != 0 {
                self.insert(groups[*row], hash_other(number));
            }
        }
    }

    #[inline]
    fn insert(&mut self, group: u32, hash: u64) {
        let hash = hash.max(1);
        let set = &mut self.sets[group as usize];
        match set {
            Set::Few { slots, len } => {
                if !slots.is_empty() {
                    let mask = slots.len() - 1;
                    let mut at = hash as usize & mask;
                    while slots[at] != 0 {
                        if slots[at] == hash {
                            return;
                        }
                        at = (at + 1) & mask;
                    }
                    if 2 * (*len + 1) <= slots.len() {
                        slots[at] = hash;
                        *len += 1;
                        return;
                    }
                }
                let before = set.memory_bytes();
                set.enlarge();
                self.set_bytes = self.set_bytes + set.memory_bytes() - before;
                self.insert(group, hash);
            }
            Set::Many(registers) => registers.insert(hash),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.sets.capacity() * size_of::<Set>() + self.set_bytes
    }

    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        match &self.sets[group as usize] {
            Set::Few { slots, len } => {
                put_u32(*len as u32, out);
                let hashes = slots.iter().filter(|hash| **hash != 0);
                hashes.for_each(|hash| put_u64(*hash, out));
            }
            Set::Many(registers) => {
                put_u32(u32::MAX, out);
                out.extend_from_slice(registers.registers());
            }
        }
    }

    pub(super) fn absorb(&mut self, group: u32, input: &mut Input<'_>) {
        let len = input.u32();
        if len != u32::MAX {
            (0..len).for_each(|_| {
                let hash = input.u64();
                self.insert(group, hash);
            });
            return;
        }
        let (registers, rest) = input.0.split_at(1 << PRECISION);
        input.0 = rest;
        let registers = HyperLogLog::of_registers(registers.into());
        let set = &mut self.sets[group as usize];
        let before = set.memory_bytes();
        set.become_many().merge(&registers);
        self.set_bytes = self.set_bytes + set.memory_bytes() - before;
    }

    pub(super) fn finish(&self, group: u32, cells: &mut Cells) {
        let count = match &self.sets[group as usize] {
            Set::Few { len, .. } => *len as u64,
            Set::Many(registers) => {
                cells.is_estimated = true;
                registers.estimate()
            }
        };
        cells.bare(count.to_string().as_bytes());
    }
}

impl Set {
    /// Makes room for one more.
    #[cold]
    fn enlarge(&mut self) {
        let Set::Few { slots, len } = self else {
            return;
        };
        if *len == EXACT_MAX {
            self.become_many();
            return;
        }
        let count = (2 * slots.len()).max(4);
        let mask = count - 1;
        for hash in std::mem::replace(slots, vec![0; count]) {
            let mut at = hash as usize & mask;
            while hash != 0 && slots[at] != 0 {
                at = (at + 1) & mask;
            }
            if hash != 0 {
                slots[at] = hash;
            }
        }
    }

    fn become_many(&mut self) -> &mut HyperLogLog {
        if let Set::Few { slots, .. } = self {
            let mut registers = HyperLogLog::new(PRECISION);
            let hashes = slots.iter().filter(|hash| **hash != 0);
            hashes.for_each(|&hash| registers.insert(hash));
            *self = Set::Many(Box::new(registers));
        }
        match self {
            Set::Many(registers) => registers,
            Set::Few { .. } => unreachable!("it was replaced"),
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Set::Few { slots, .. } => 8 * slots.len(),
            Set::Many(_) => 1 << PRECISION,
        }
    }
}

/// The hash of `mantissa * 10^-scale`, the same for `1.50` and `1.5`.
fn hash_plain(mut mantissa: i64, mut scale: u8) -> u64 {
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    permute(permute(mantissa.cast_unsigned()).wrapping_add(u64::from(scale)))
}

/// The same hash for a number that came in another notation.
fn hash_other(number: &Decimal) -> u64 {
    let text = number.to_string();
    let scale = text.find('.').map_or(0, |point| text.len() - point - 1);
    let mantissa = text.replace('.', "").parse::<i64>();
    match mantissa {
        Ok(mantissa) if scale <= usize::from(u8::MAX) => hash_plain(mantissa, scale as u8),
        _ => xxh3_64(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_up_to_a_bound_and_close_beyond() {
        for count in [
            0,
            1,
            5,
            1_000,
            EXACT_MAX as u64,
            EXACT_MAX as u64 + 1,
            300_000,
        ] {
            let (mut whole, mut halves) = (
                Distinct::default(),
                [Distinct::default(), Distinct::default()],
            );
            whole.grow(2);
            halves.iter_mut().for_each(|half| half.grow(2));
            for number in 0..count {
                whole.insert(1, permute(number));
                halves[number as usize % 2].insert(1, permute(number));
                halves[0].insert(1, permute(number / 2));
            }
            let mut merged = Distinct::default();
            merged.grow(2);
            for half in &halves {
                let mut bytes = Vec::new();
                half.write(1, &mut bytes);
                merged.absorb(1, &mut Input(&bytes));
            }
            let found = |distinct: &Distinct| {
                let mut cells = Cells::default();
                distinct.finish(1, &mut cells);
                let text = cells.iter().next().unwrap().1.to_vec();
                (
                    String::from_utf8(text).unwrap().parse::<u64>().unwrap(),
                    cells.is_estimated,
                )
            };
            assert_eq!(found(&whole), found(&merged), "{count}");
            let (number, is_estimated) = found(&whole);
            assert_eq!(is_estimated, count > EXACT_MAX as u64);
            match is_estimated {
                false => assert_eq!(number, count),
                true => assert!(number.abs_diff(count) < count / 25, "{number} {count}"),
            }
        }
    }

    #[test]
    fn equal_numbers_have_one_hash() {
        let number = |text: &str| Decimal::parse(text.as_bytes()).unwrap();
        assert_eq!(hash_plain(150, 2), hash_other(&number("1.5")));
        assert_eq!(hash_plain(1000, 0), hash_other(&number("1e3")));
        assert_ne!(hash_plain(15, 0), hash_plain(15, 1));
    }
}
