//! How many distinct values there are, when they are too many to keep.
//!
//! HyperLogLog (Flajolet, Fusy, Gandouet and Meunier 2007): each hash chooses a register by its first bits, and the
//! register remembers the longest run of zeros that followed. Merging takes the larger of two registers, so neither
//! the order of the values nor who saw them matters. The estimate is Ertl's ("New cardinality estimation algorithms for
//! HyperLogLog sketches", 2017, algorithm 6), which needs no special case for few values and no table of
//! empirical corrections.

/// Registers, one byte each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HyperLogLog {
    precision: u32,
    registers: Box<[u8]>,
}

impl HyperLogLog {
    /// An empty one with `2^precision` registers; `precision` is 4 to 16.
    pub fn new(precision: u32) -> HyperLogLog {
        HyperLogLog {
            precision,
            registers: vec![0; 1 << precision].into(),
        }
    }

    /// One with these registers, as [`registers`](Self::registers) gave them.
    pub fn of_registers(registers: Box<[u8]>) -> HyperLogLog {
        HyperLogLog {
            precision: registers.len().ilog2(),
            registers,
        }
    }

    /// All registers, one byte each.
    pub fn registers(&self) -> &[u8] {
        &self.registers
    }

    /// Takes the hash of a value.
    #[inline(always)]
    pub fn insert(&mut self, hash: u64) {
        let register = (hash >> (64 - self.precision)) as usize;
        // The bit that is set ends the run of zeros where the hash has no bits left.
        let rest = (hash << self.precision) | 1 << (self.precision - 1);
        let rank = rest.leading_zeros() as u8 + 1;
        // The index fits: it has as many bits as there are registers.
        let known = &mut self.registers[register];
        if *known < rank {
            *known = rank;
        }
    }

    /// Takes what another one of the same size has seen.
    pub fn merge(&mut self, other: &HyperLogLog) {
        for (known, more) in self.registers.iter_mut().zip(&other.registers) {
            *known = (*known).max(*more);
        }
    }

    /// The estimate.
    pub fn estimate(&self) -> u64 {
        let registers = self.registers.len() as f64;
        let rank_max = 64 - self.precision as usize + 1;
        let mut counts = vec![0_u32; rank_max + 1];
        for &rank in &self.registers {
            counts[usize::from(rank)] += 1;
        }
        let mut sum = registers * tau(1.0 - f64::from(counts[rank_max]) / registers);
        for &count in counts[1..rank_max].iter().rev() {
            sum = 0.5 * (sum + f64::from(count));
        }
        sum += registers * sigma(f64::from(counts[0]) / registers);
        let alpha = 0.5 / std::f64::consts::LN_2;
        (alpha * registers * registers / sum).round() as u64
    }

    /// The relative standard error of an estimate with `2^precision` registers.
    pub fn standard_error(precision: u32) -> f64 {
        1.04 / f64::from(1_u32 << precision).sqrt()
    }
}

/// `x + sum over k of x^(2^k) * 2^(k-1)`: stands for registers that saw nothing.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut sum) = (1.0, x);
    loop {
        let before = sum;
        x *= x;
        sum += x * power;
        power += power;
        if sum == before {
            return sum;
        }
    }
}

/// Stands for registers that are full.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut power, mut sum) = (1.0, 1.0 - x);
    loop {
        let before = sum;
        x = x.sqrt();
        power *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * power;
        if sum == before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::permute;
    use super::*;

    /// Within four standard errors, from none to millions.
    #[test]
    fn estimates_are_close() {
        for precision in [10, 12, 14] {
            for count in [0, 1, 10, 100, 5_000, 20_000, 100_000, 1_000_000_u64] {
                let mut sketch = HyperLogLog::new(precision);
                (0..count).for_each(|number| sketch.insert(permute(number)));
                let error = sketch.estimate() as f64 - count as f64;
                let limit = 4.0 * HyperLogLog::standard_error(precision) * count as f64;
                assert!(error.abs() <= limit, "{precision} {count} {error}");
            }
        }
    }

    #[test]
    fn merging_is_inserting() {
        let mut whole = HyperLogLog::new(12);
        let mut halves = [whole.clone(), whole.clone()];
        for number in 0..50_000 {
            whole.insert(permute(number));
            halves[(number % 3 == 0) as usize].insert(permute(number));
            // Who saw a value twice, or whether both did, does not matter.
            halves[1].insert(permute(number / 2));
        }
        let [mut one, other] = halves;
        one.merge(&other);
        assert_eq!(one, whole);
    }
}
