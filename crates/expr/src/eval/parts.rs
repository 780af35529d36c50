//! Running a program over all rows of a block, or in parts where their texts would take too much memory.
//!
//! A text may have a mebibyte, a block tens of thousands of rows, and an expression many steps. So the bytes of all texts that are
//! put together for some rows are counted ([`Room`]). Where they are too many, the rows are halved, until their texts fit or
//! there is one row. What a row comes to depends on that row alone, so nobody can see the parts in the result.

use std::ops::Range;

use tamis_formats::vector::{Texts, Values, Vector};

use super::slot::{Slot, empty};
use super::{Evaluator, Input, Run};
use crate::program::{Operand, Program};

/// What the texts of all steps may take for the rows at hand, in bytes: a hundred times an ordinary block.
pub(super) const TEXTS_BYTES_MAX: usize = 8 << 20;

/// What the texts that come out for the rows of one call may take, in bytes: a thousand times what is usual.
pub const RESULT_BYTES_MAX: usize = 256 << 20;

/// How much is left for the texts that are put together.
#[derive(Debug)]
pub(super) struct Room {
    taken: usize,
    max: usize,
}

impl Room {
    /// For texts that nobody counts.
    pub(super) fn unlimited() -> Room {
        Room {
            taken: 0,
            max: usize::MAX,
        }
    }

    fn of(rows: usize, max: usize) -> Room {
        match rows {
            // One row cannot be divided.
            0 | 1 => Room::unlimited(),
            _ => Room { taken: 0, max },
        }
    }

    /// Adds a text, or an empty one if there is no room for it.
    #[inline]
    pub(super) fn push(&mut self, out: &mut Texts, len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.taken = self.taken.saturating_add(len);
        match self.is_over() {
            false => out.push_with(write),
            true => out.push(b""),
        }
    }

    /// Whether a text found no room: what was computed is of no use.
    fn is_over(&self) -> bool {
        self.taken > self.max
    }
}

impl Evaluator {
    /// Computes the steps; the one that is the result for all rows. False if the texts of the result are too large.
    pub(super) fn run(
        &mut self,
        program: &Program,
        result: Operand,
        inputs: &[Input<'_>],
        rows: usize,
    ) -> bool {
        let is_done = self.run_rows(program, result, inputs, rows);
        let (false, Operand::Step(step)) = (is_done, result) else {
            return true;
        };
        let mut whole = Slot::default();
        let fits = self.run_halves(program, step, inputs, 0..rows, &mut whole);
        self.slots[step] = whole;
        fits
    }

    /// Computes the steps for all rows; false if their texts take too much.
    fn run_rows(
        &mut self,
        program: &Program,
        result: Operand,
        inputs: &[Input<'_>],
        rows: usize,
    ) -> bool {
        if self.slots.len() < program.steps.len() {
            self.slots.resize_with(program.steps.len(), Slot::default);
        }
        self.scratch.room = Room::of(rows, self.texts_bytes_max);
        for (index, step) in program.steps.iter().enumerate() {
            // Operands stand before the step.
            let (before, rest) = self.slots.split_at_mut(index);
            let run = Run {
                program,
                inputs,
                slots: before,
                rows,
            };
            run.step(step, &mut rest[0], &mut self.scratch);
            if self.scratch.room.is_over() {
                return false;
            }
            if self.scratch.room.taken > self.texts_bytes_max {
                self.forget_operands(program, result, index);
            }
        }
        true
    }

    /// Gives back the texts that no step behind this one needs.
    fn forget_operands(&mut self, program: &Program, result: Operand, index: usize) {
        for operand in &program.steps[index].operands {
            let is_needed = || {
                let mut later = program.steps[index + 1..].iter();
                *operand == result || later.any(|step| step.operands.contains(operand))
            };
            if let Operand::Step(step) = *operand
                && matches!(self.slots[step].vector.values, Values::Text(_))
                && !is_needed()
            {
                self.slots[step].vector.values = Values::Null;
            }
        }
    }

    /// Computes one half of the rows after the other, and adds what `step` comes to behind `whole`. False if that is too large.
    fn run_halves(
        &mut self,
        program: &Program,
        step: usize,
        inputs: &[Input<'_>],
        rows: Range<usize>,
        whole: &mut Slot,
    ) -> bool {
        let middle = rows.start + rows.len() / 2;
        for half in [rows.start..middle, middle..rows.end] {
            let is_done = {
                let copied = inputs.iter().map(|input| {
                    let mut half_of = Slot::default();
                    half_of.append(input.vector, input.bytes, &[], half.clone());
                    half_of.vector
                });
                let copied: Vec<Vector> = copied.collect();
                let of = |vector| Input { vector, bytes: &[] };
                let halves: Vec<Input<'_>> = copied.iter().map(of).collect();
                self.run_rows(program, Operand::Step(step), &halves, half.len())
            };
            if is_done {
                let Slot { vector, failed } = &self.slots[step];
                whole.append(vector, &[], failed, 0..half.len());
                if whole.text_bytes() > self.result_bytes_max {
                    return false;
                }
            } else if !self.run_halves(program, step, inputs, half, whole) {
                return false;
            }
        }
        true
    }
}

impl Slot {
    /// What its texts take.
    fn text_bytes(&self) -> usize {
        match &self.vector.values {
            Values::Text(texts) => texts.decoded_bytes(),
            _ => 0,
        }
    }

    /// Adds rows of a vector whose texts lie in `bytes`.
    fn append(&mut self, vector: &Vector, bytes: &[u8], failed: &[u64], rows: Range<usize>) {
        let Vector {
            rows: held,
            present,
            values,
        } = &mut self.vector;
        append_bits(present, *held, &vector.present, &rows);
        if !(failed.is_empty() && self.failed.is_empty()) {
            append_bits(&mut self.failed, *held, failed, &rows);
        }
        if *held == 0 {
            *values = empty(vector.ty());
        }
        match (values, &vector.values) {
            (Values::Boolean(bits), Values::Boolean(more)) => {
                append_bits(bits, *held, more, &rows);
            }
            (Values::Integer(values), Values::Integer(more))
            | (Values::Date(values), Values::Date(more))
            | (Values::Time(values), Values::Time(more))
            | (Values::Timestamp(values), Values::Timestamp(more)) => {
                values.extend_from_slice(&more[rows.clone()]);
            }
            (Values::Number(values), Values::Number(more)) => {
                values.extend_from_slice(&more[rows.clone()]);
            }
            (Values::Text(texts), Values::Text(more)) => {
                for row in rows.clone() {
                    texts.push(more.get(row, bytes));
                }
            }
            _ => {}
        }
        *held += rows.len();
    }
}

/// Adds the bits of `rows` behind the first `held`; where there are no bits, they are 0.
fn append_bits(bits: &mut Vec<u64>, held: usize, more: &[u64], rows: &Range<usize>) {
    bits.resize((held + rows.len()).div_ceil(64), 0);
    for (to, from) in (held..).zip(rows.clone()) {
        let bit = more
            .get(from / 64)
            .map_or(0, |word| word >> (from % 64) & 1);
        bits[to / 64] |= bit << (to % 64);
    }
}

#[cfg(test)]
mod tests {
    use tamis_engine::kernel::Kernel;
    use tamis_formats::vector::Type;

    use super::*;
    use crate::{Expression, Schema};

    fn bytes_held(evaluator: &Evaluator) -> usize {
        evaluator.slots.iter().map(Slot::text_bytes).sum()
    }

    #[test]
    fn texts_of_many_rows_take_no_more_memory_than_those_of_few() {
        let rows = 300;
        let mut texts = Texts::default();
        (0..rows).for_each(|row| texts.push(if row % 3 == 0 { b"b" } else { b"a" }));
        let vector = Vector {
            rows,
            present: vec![u64::MAX, u64::MAX, u64::MAX, u64::MAX, (1 << 44) - 1],
            values: Values::Text(texts),
        };
        let inputs = [Input {
            vector: &vector,
            bytes: &[],
        }];
        let (some, more) = ("x".repeat(1000), "y".repeat(1000));
        let chain = format!("t.replace('a', '{some}').replace('x', '{more}')");
        let schema = Schema::new([("t", Type::Text)]);
        let mut evaluator = Evaluator::new(Kernel::detect());

        // The texts of all rows together have two hundred megabytes.
        let whole = Expression::compile(&chain, &schema).unwrap();
        let found = evaluator.evaluate(&whole, &inputs, rows);
        assert!(!found.is_too_large && found.vector.rows == rows);
        evaluator.result_bytes_max = 100_000_000;
        assert!(evaluator.evaluate(&whole, &inputs, rows).is_too_large);
        let few = evaluator.evaluate(&whole, &inputs, 10);
        assert!(!few.is_too_large);

        let sizes = Expression::compile(&format!("size({chain})"), &schema).unwrap();
        let found = evaluator.evaluate(&sizes, &inputs, rows).vector;
        let expected: Vec<i64> = (0..rows as i64)
            .map(|row| if row % 3 == 0 { 1 } else { 1_000_000 })
            .collect();
        assert_eq!(found.values, Values::Integer(expected));
        assert!(bytes_held(&evaluator) <= TEXTS_BYTES_MAX);

        // Each step nearly a mebibyte, in one row.
        let long = format!("size({chain}{})", ".upperAscii().lowerAscii()".repeat(20));
        let sizes = Expression::compile(&long, &schema).unwrap();
        let found = evaluator.evaluate(&sizes, &inputs, 2).vector;
        assert_eq!(found.values, Values::Integer(vec![1, 1_000_000]));
        assert!(bytes_held(&evaluator) <= TEXTS_BYTES_MAX + 2_000_000);
    }
}
