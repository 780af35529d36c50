//! Running a program over the columns of a block: one loop for each step, over all rows.
//!
//! # Null and failure
//! Every step has a bit for each row: whether it has a value. A step that cannot compute a row (a division by zero, a text
//! that is no number) leaves it without a value and notes it as *failed*; what is computed of it fails as well, unless
//! the failure does not matter: `x != 0 && 10 / x > 1` is false where `x` is 0, whatever the right side says, and what is
//! computed with null is null. A row fails as a whole if its value is null for such a reason. All this depends on the row alone, never on the block.
//!
//! # Memory
//! A step writes to a slot of its own, which keeps its buffers from block to block. Where texts would take much memory, rows are
//! computed in [`parts`].

mod integers;
mod logic;
mod numbers;
mod parts;
mod slot;
mod test;
mod texts;
mod view;

use regex_automata::meta;
use tamis_engine::kernel::Kernel;
use tamis_formats::vector::{Values, Vector};

use crate::Expression;
use crate::program::{Operand, Program, Scalar, Step};
use parts::Room;

pub use parts::RESULT_BYTES_MAX;
use slot::{LaneMut, Out, Slot};
use view::{Data, View};

/// A column of a block, typed.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Its values, of the type that the schema has.
    pub vector: &'a Vector,
    /// The bytes that its texts lie in: [`Spans::bytes`](tamis_engine::kernel::Spans) of the block's column. Columns of other
    /// types need none.
    pub bytes: &'a [u8],
}

/// The values of an expression, a row after the other.
#[derive(Clone, Copy, Debug)]
pub struct Evaluated<'e> {
    /// The values.
    pub vector: &'e Vector,
    /// The bytes that texts lie in, as in [`Input::bytes`].
    pub bytes: &'e [u8],
    /// A bit for each row that is null because something could not be computed; empty if there are none.
    pub failed: &'e [u64],
    /// Texts would take more than [`RESULT_BYTES_MAX`]: there are not all rows, and fewer at a time must be asked for.
    pub is_too_large: bool,
}

impl Evaluated<'_> {
    /// How many rows could not be computed.
    pub fn failed_count(&self) -> u64 {
        self.failed
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }
}

/// The rows that a filter lets through.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'e> {
    /// A bit for each row: whether the expression is true. Bits behind the last row are 0.
    pub rows: &'e [u64],
    /// As in [`Evaluated::failed`]; none of these is let through.
    pub failed: &'e [u64],
}

impl Selected<'_> {
    /// How many rows are let through.
    pub fn count(&self) -> u64 {
        self.rows
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }

    /// How many rows could not be computed.
    pub fn failed_count(&self) -> u64 {
        self.failed
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }
}

/// Evaluates expressions. Keep one for each thread and expression: it reuses its memory from block to block.
#[derive(Debug)]
pub struct Evaluator {
    slots: Vec<Slot>,
    /// The result, where it is no step.
    other: Slot,
    scratch: Scratch,
    /// Bits of a Boolean column that are true.
    selected: Vec<u64>,
    /// What texts may take before rows are computed in parts.
    texts_bytes_max: usize,
    /// What those of the result may.
    result_bytes_max: usize,
}

/// What the loops need beside their operands.
#[derive(Debug)]
struct Scratch {
    kernel: Kernel,
    /// A bit for each row.
    bits: Vec<u64>,
    room: Room,
    /// By pattern. Boxed, for it is large.
    patterns: Vec<Option<Box<meta::Cache>>>,
    text: String,
}

impl Scratch {
    fn new(kernel: Kernel) -> Scratch {
        Scratch {
            kernel,
            bits: Vec::new(),
            room: Room::unlimited(),
            patterns: Vec::new(),
            text: String::new(),
        }
    }
}

impl Evaluator {
    /// Nothing allocated yet.
    pub fn new(kernel: Kernel) -> Evaluator {
        Evaluator {
            slots: Vec::new(),
            other: Slot::default(),
            scratch: Scratch::new(kernel),
            selected: Vec::new(),
            texts_bytes_max: parts::TEXTS_BYTES_MAX,
            result_bytes_max: RESULT_BYTES_MAX,
        }
    }

    /// As if there were memory for texts of so many bytes.
    #[cfg(test)]
    pub(crate) fn within(self, texts_bytes_max: usize) -> Evaluator {
        Evaluator {
            texts_bytes_max,
            ..self
        }
    }

    /// The values of an expression in `rows` rows. `inputs` are the columns it reads, in the order of
    /// [`Expression::columns`].
    ///
    /// # Panics
    /// If there are fewer inputs, or one has fewer rows or values of another type than the expression was compiled for.
    pub fn evaluate<'e>(
        &'e mut self,
        expression: &'e Expression,
        inputs: &'e [Input<'e>],
        rows: usize,
    ) -> Evaluated<'e> {
        let program = &expression.program;
        let is_too_large = !self.run(program, expression.result, inputs, rows);
        let evaluated = match expression.result {
            Operand::Column(column) => Evaluated {
                vector: inputs[column].vector,
                bytes: inputs[column].bytes,
                failed: &[],
                is_too_large: false,
            },
            Operand::Step(step) => self.slots[step].evaluated(),
            Operand::Constant(constant) => {
                self.other
                    .fill(&program.constants[constant], expression.ty, rows);
                self.other.evaluated()
            }
        };
        Evaluated {
            is_too_large,
            ..evaluated
        }
    }

    /// The rows in which an expression is true.
    ///
    /// # Panics
    /// As [`evaluate`](Self::evaluate), and if it is no [`Expression::filter`].
    pub fn select<'e>(
        &'e mut self,
        expression: &'e Expression,
        inputs: &'e [Input<'e>],
        rows: usize,
    ) -> Selected<'e> {
        let mut selected = std::mem::take(&mut self.selected);
        selected.clear();
        let values = self.evaluate(expression, inputs, rows);
        let present = &values.vector.present;
        match &values.vector.values {
            Values::Boolean(bits) => {
                selected.extend(bits.iter().zip(present).map(|(bit, present)| bit & present));
            }
            Values::Null => selected.resize(present.len(), 0),
            _ => panic!("a filter is a boolean"),
        }
        self.selected = selected;
        let failed = match expression.result {
            Operand::Step(step) => &self.slots[step].failed[..],
            _ => &[],
        };
        Selected {
            rows: &self.selected,
            failed,
        }
    }
}

/// The value of a step whose operands are constants; `None` if it cannot be computed.
pub(crate) fn constant(program: &Program, step: &Step) -> Option<Scalar> {
    let run = Run {
        program,
        inputs: &[],
        slots: &[],
        rows: 1,
    };
    let mut slot = Slot::default();
    run.step(step, &mut slot, &mut Scratch::new(Kernel::scalar()));
    slot.scalar()
}

/// What a step can see.
#[derive(Clone, Copy)]
struct Run<'r> {
    program: &'r Program,
    inputs: &'r [Input<'r>],
    slots: &'r [Slot],
    rows: usize,
}

impl<'r> Run<'r> {
    fn step(&self, step: &Step, slot: &mut Slot, scratch: &mut Scratch) {
        let mut out = slot.open(step.ty, self.rows);
        view::ones(self.rows, out.present);
        if !step.op.is_strict() {
            return self.logic(step, out, scratch);
        }
        // A row has a value where all operands have one, and failed where one of them did and none is null.
        for &operand in &step.operands {
            let view = self.view(operand);
            view.presence.restrict(out.present);
            view::union(out.failed, view.failed);
        }
        if !out.failed.is_empty() {
            for &operand in &step.operands {
                let view = self.view(operand);
                for (word, failed) in out.failed.iter_mut().enumerate() {
                    let own = view.failed.get(word).copied().unwrap_or(0);
                    *failed &= view.presence.word(word) | own;
                }
            }
        }
        // Rows that a loop cannot compute.
        scratch.bits.clear();
        match &mut out.values {
            LaneMut::Null => {}
            LaneMut::Bits(bits) => self.test(step, bits, scratch),
            LaneMut::Integers(values) => self.integers(step, values, scratch),
            LaneMut::Numbers(values) => self.numbers(step, values, scratch),
            LaneMut::Texts(texts) => self.texts(step, texts, scratch),
        }
        view::fail(&scratch.bits, out.present, out.failed);
        if let LaneMut::Bits(bits) = out.values {
            bits.iter_mut()
                .zip(out.present)
                .for_each(|(bits, present)| *bits &= *present);
        }
    }

    fn view(&self, operand: Operand) -> View<'r> {
        match operand {
            Operand::Column(column) => {
                let Input { vector, bytes } = self.inputs[column];
                View::of(vector, bytes, &[])
            }
            Operand::Step(step) => {
                let Slot { vector, failed } = &self.slots[step];
                View::of(vector, &[], failed)
            }
            Operand::Constant(constant) => View::constant(&self.program.constants[constant]),
        }
    }

    fn data(&self, operand: Operand) -> Data<'r> {
        self.view(operand).data
    }
}
