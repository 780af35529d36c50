//! What aggregates keep of each group, and what that comes to.
//!
//! An [`Accumulator`] has one state for each group and takes the values of a block in one loop: `states[group of row]` takes the value
//! of the row. Group 0 stands for no group: it takes what falls to rows that are left out, and nobody asks for it. States can
//! be written to bytes and read back into another accumulator, which is how workers' states come together, from memory and
//! from disk alike. No state depends on the order of rows, but for those of `first` and `last`, which know theirs.

pub(super) mod bytes;
mod cells;
pub(super) mod distinct;
mod doubles;
mod ends;
mod exact;
mod picks;
pub(super) mod quantiles;
mod sums;

use tamis_formats::csv::{self, Dialect};
use tamis_formats::moment::write_moment;
use tamis_formats::vector::{Type, Values, Vector};
use tamis_formats::{Block, Kind, jsonl};

use super::decimals::Decimals;
use bytes::{Input, put_u64};
pub(super) use cells::{Cell, Cells, cells_of};
use distinct::Distinct;
use doubles::DoubleSums;
use ends::{DoubleEnds, End, NumberEnds, TextEnds};
use picks::{Pick, Picks};
use quantiles::Quantiles;
use sums::Sums;

/// A function of the values of a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    /// Rows, or values that are not null.
    Count,
    Sum,
    Mean,
    Least,
    Greatest,
    StandardDeviation,
    Variance,
    Distinct,
    First,
    Last,
    /// The quantile of that probability.
    Quantile(f64),
}

/// What is kept for one or several functions of the same argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Rows,
    Present,
    Sums { has_squares: bool },
    End(End),
    Pick(Pick),
    Distinct,
    Quantiles,
}

impl Function {
    /// What must be kept for it.
    pub(super) fn state(self, has_argument: bool) -> State {
        match self {
            Function::Count if !has_argument => State::Rows,
            Function::Count => State::Present,
            Function::Sum | Function::Mean => State::Sums { has_squares: false },
            Function::Variance | Function::StandardDeviation => State::Sums { has_squares: true },
            Function::Least => State::End(End::Least),
            Function::Greatest => State::End(End::Greatest),
            Function::First => State::Pick(Pick::First),
            Function::Last => State::Pick(Pick::Last),
            Function::Distinct => State::Distinct,
            Function::Quantile(_) => State::Quantiles,
        }
    }

    /// What it comes to for values of type `argument`.
    pub(super) fn ty(self, argument: Type) -> Type {
        match self {
            Function::Count | Function::Distinct => Type::Integer,
            Function::Sum | Function::Least | Function::Greatest => argument,
            Function::First | Function::Last => argument,
            Function::Mean
            | Function::Variance
            | Function::StandardDeviation
            | Function::Quantile(_) => Type::Number,
        }
    }

    /// Whether it can be computed of values of that type: most functions compute with numbers. Where there are no values yet, it can.
    pub(super) fn takes(self, ty: Type) -> bool {
        let wants_numbers = matches!(
            self,
            Function::Sum
                | Function::Mean
                | Function::Variance
                | Function::StandardDeviation
                | Function::Quantile(_)
        );
        !wants_numbers || matches!(ty, Type::Null | Type::Integer | Type::Number)
    }
}

/// How values come to an accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// As numbers in decimal, as they are written or counted.
    Numbers,
    /// As doubles, which is how fractions are computed.
    Doubles,
    /// As anything else.
    Others,
}

/// The values of a block that an accumulator takes.
pub(super) enum Taken<'t> {
    /// Rows, whatever is in them.
    Rows,
    Numbers(&'t Decimals),
    Values(&'t mut Written<'t>),
}

/// States of all groups.
#[derive(Debug)]
pub(super) enum Accumulator {
    Rows(Vec<u64>),
    Present(Vec<u64>),
    Sums(Sums),
    DoubleSums(DoubleSums),
    NumberEnds(NumberEnds),
    DoubleEnds(DoubleEnds),
    TextEnds(TextEnds),
    Picks(Picks),
    Distinct(Distinct),
    Quantiles(Quantiles),
}

impl Accumulator {
    /// For values that come like that.
    pub(super) fn new(state: State, lane: Lane) -> Accumulator {
        match state {
            State::Rows => Accumulator::Rows(Vec::new()),
            State::Present => Accumulator::Present(Vec::new()),
            State::Sums { has_squares } => match lane {
                Lane::Doubles => Accumulator::DoubleSums(DoubleSums::new(has_squares)),
                Lane::Numbers | Lane::Others => Accumulator::Sums(Sums::new(has_squares)),
            },
            State::End(end) => match lane {
                Lane::Numbers => Accumulator::NumberEnds(NumberEnds::new(end)),
                Lane::Doubles => Accumulator::DoubleEnds(DoubleEnds::new(end)),
                Lane::Others => Accumulator::TextEnds(TextEnds::new(end)),
            },
            State::Pick(pick) => Accumulator::Picks(Picks::new(pick)),
            State::Distinct => Accumulator::Distinct(Distinct::default()),
            State::Quantiles => Accumulator::Quantiles(Quantiles::default()),
        }
    }

    /// Forgets all states and gives their memory back.
    pub(super) fn reset(&mut self) {
        match self {
            Accumulator::Rows(counts) | Accumulator::Present(counts) => *counts = Vec::new(),
            Accumulator::Sums(sums) => sums.reset(),
            Accumulator::DoubleSums(sums) => sums.reset(),
            Accumulator::NumberEnds(ends) => ends.reset(),
            Accumulator::DoubleEnds(ends) => ends.reset(),
            Accumulator::TextEnds(ends) => ends.reset(),
            Accumulator::Picks(picks) => picks.reset(),
            Accumulator::Distinct(distinct) => *distinct = Distinct::default(),
            Accumulator::Quantiles(quantiles) => *quantiles = Quantiles::default(),
        }
    }

    /// Makes room for groups below `groups`.
    pub(super) fn grow(&mut self, groups: usize) {
        match self {
            Accumulator::Rows(counts) | Accumulator::Present(counts) => counts.resize(groups, 0),
            Accumulator::Sums(sums) => sums.grow(groups),
            Accumulator::DoubleSums(sums) => sums.grow(groups),
            Accumulator::NumberEnds(ends) => ends.grow(groups),
            Accumulator::DoubleEnds(ends) => ends.grow(groups),
            Accumulator::TextEnds(ends) => ends.grow(groups),
            Accumulator::Picks(picks) => picks.grow(groups),
            Accumulator::Distinct(distinct) => distinct.grow(groups),
            Accumulator::Quantiles(quantiles) => quantiles.grow(groups),
        }
    }

    /// Takes the values of a block whose rows belong to `groups`; the first stands at `order`, behind all before.
    pub(super) fn take(&mut self, groups: &[u32], order: u64, taken: Taken<'_>) {
        match (self, taken) {
            (Accumulator::Rows(counts), _) => {
                groups.iter().for_each(|&group| counts[group as usize] += 1);
            }
            (Accumulator::Present(counts), Taken::Numbers(numbers)) => {
                let rows = numbers.each_present(groups.len());
                rows.for_each(|row| counts[groups[row] as usize] += 1);
            }
            (Accumulator::Present(counts), Taken::Values(values)) => {
                for (row, &group) in groups.iter().enumerate() {
                    counts[group as usize] += u64::from(!values.vector.is_null(row));
                }
            }
            (Accumulator::Sums(sums), Taken::Numbers(numbers)) => sums.take(groups, numbers),
            (Accumulator::NumberEnds(ends), Taken::Numbers(numbers)) => ends.take(groups, numbers),
            (Accumulator::TextEnds(ends), Taken::Values(values)) => ends.take(groups, values),
            (Accumulator::Picks(picks), Taken::Numbers(numbers)) => {
                picks.take_numbers(groups, order, numbers);
            }
            (Accumulator::Picks(picks), Taken::Values(values)) => {
                picks.take(groups, order, values);
            }
            (Accumulator::Distinct(distinct), Taken::Numbers(numbers)) => {
                distinct.take_numbers(groups, numbers);
            }
            (Accumulator::Distinct(distinct), Taken::Values(values)) => {
                distinct.take(groups, values);
            }
            (Accumulator::Quantiles(quantiles), Taken::Numbers(numbers)) => {
                quantiles.take(groups, numbers);
            }
            (accumulator, Taken::Values(values)) => {
                if let Values::Number(doubles) = &values.vector.values {
                    accumulator.take_doubles(groups, values.vector, doubles);
                }
            }
            // A column without any value so far: there is nothing to take.
            _ => {}
        }
    }

    fn take_doubles(&mut self, groups: &[u32], vector: &Vector, doubles: &[f64]) {
        match self {
            Accumulator::DoubleSums(sums) => sums.take(groups, vector, doubles),
            Accumulator::DoubleEnds(ends) => ends.take(groups, vector, doubles),
            Accumulator::Quantiles(quantiles) => quantiles.take_doubles(groups, vector, doubles),
            _ => {}
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Accumulator::Rows(counts) | Accumulator::Present(counts) => 8 * counts.capacity(),
            Accumulator::Sums(sums) => sums.memory_bytes(),
            Accumulator::DoubleSums(sums) => sums.memory_bytes(),
            Accumulator::NumberEnds(ends) => ends.memory_bytes(),
            Accumulator::DoubleEnds(ends) => ends.memory_bytes(),
            Accumulator::TextEnds(ends) => ends.memory_bytes(),
            Accumulator::Picks(picks) => picks.memory_bytes(),
            Accumulator::Distinct(distinct) => distinct.memory_bytes(),
            Accumulator::Quantiles(quantiles) => quantiles.memory_bytes(),
        }
    }

    /// Appends the state of a group.
    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        match self {
            Accumulator::Rows(counts) | Accumulator::Present(counts) => {
                put_u64(counts[group as usize], out);
            }
            Accumulator::Sums(sums) => sums.write(group, out),
            Accumulator::DoubleSums(sums) => sums.write(group, out),
            Accumulator::NumberEnds(ends) => ends.write(group, out),
            Accumulator::DoubleEnds(ends) => ends.write(group, out),
            Accumulator::TextEnds(ends) => ends.write(group, out),
            Accumulator::Picks(picks) => picks.write(group, out),
            Accumulator::Distinct(distinct) => distinct.write(group, out),
            Accumulator::Quantiles(quantiles) => quantiles.write(group, out),
        }
    }

    /// Takes a state that was written; `rank` says what orders stand for.
    pub(super) fn absorb(&mut self, group: u32, input: &mut Input<'_>, rank: &dyn Fn(u64) -> u64) {
        match self {
            Accumulator::Rows(counts) | Accumulator::Present(counts) => {
                counts[group as usize] += input.u64();
            }
            Accumulator::Sums(sums) => sums.absorb(group, input),
            Accumulator::DoubleSums(sums) => sums.absorb(group, input),
            Accumulator::NumberEnds(ends) => ends.absorb(group, input),
            Accumulator::DoubleEnds(ends) => ends.absorb(group, input),
            Accumulator::TextEnds(ends) => ends.absorb(group, input),
            Accumulator::Picks(picks) => picks.absorb(group, input, rank),
            Accumulator::Distinct(distinct) => distinct.absorb(group, input),
            Accumulator::Quantiles(quantiles) => quantiles.absorb(group, input),
        }
    }

    /// Appends what the state of a group comes to. `is_bare`: values of the argument stand without quotes in JSON.
    pub(super) fn finish(&self, group: u32, function: Function, is_bare: bool, cells: &mut Cells) {
        match self {
            Accumulator::Rows(counts) | Accumulator::Present(counts) => {
                cells.bare(counts[group as usize].to_string().as_bytes());
            }
            Accumulator::Sums(sums) => sums.finish(group, function, cells),
            Accumulator::DoubleSums(sums) => sums.finish(group, function, cells),
            Accumulator::NumberEnds(ends) => ends.finish(group, cells),
            Accumulator::DoubleEnds(ends) => ends.finish(group, cells),
            Accumulator::TextEnds(ends) => ends.finish(group, is_bare, cells),
            Accumulator::Picks(picks) => picks.finish(group, is_bare, cells),
            Accumulator::Distinct(distinct) => distinct.finish(group, cells),
            Accumulator::Quantiles(quantiles) => match function {
                Function::Quantile(probability) => quantiles.finish(group, probability, cells),
                _ => cells.null(),
            },
        }
    }
}

/// Typed values, and how they are written.
pub(super) struct Written<'w> {
    pub(super) vector: &'w Vector,
    pub(super) from: From<'w>,
    pub(super) decoded: Vec<u8>,
}

/// Where values are from.
#[derive(Clone, Copy, Debug)]
pub(super) enum From<'w> {
    /// A column of a block.
    Block {
        block: &'w Block<'w>,
        column: usize,
        /// `None`: not written as CSV.
        dialect: Option<&'w Dialect>,
    },
    /// An expression.
    Computed {
        /// What texts lie in.
        bytes: &'w [u8],
    },
}

impl Written<'_> {
    /// The text of a value that is not null.
    pub(super) fn text(&mut self, row: usize) -> &[u8] {
        if let Values::Boolean(bits) = &self.vector.values {
            // However it is written: `TRUE` is `true`, also in JSON and in the order of values.
            return truth(bits, row);
        }
        let (block, column, dialect) = match self.from {
            From::Block {
                block,
                column,
                dialect,
            } => (block, column, dialect),
            From::Computed { bytes } => {
                if let Values::Text(texts) = &self.vector.values {
                    return texts.get(row, bytes);
                }
                self.decoded.clear();
                write_value(self.vector, row, &mut self.decoded);
                return &self.decoded;
            }
        };
        let spans = block.column(column);
        if let Values::Text(texts) = &self.vector.values {
            return texts.get(row, spans.bytes);
        }
        let raw = spans.field(row);
        match (block.kind(row, column), dialect) {
            (Kind::Text, Some(dialect)) => csv::decode(raw, dialect, &mut self.decoded),
            (Kind::EscapedString, _) => jsonl::decode_string(raw, &mut self.decoded),
            _ => raw,
        }
    }
}

fn truth(bits: &[u64], row: usize) -> &'static [u8] {
    match bits[row / 64] >> (row % 64) & 1 {
        1 => b"true",
        _ => b"false",
    }
}

/// Appends a value that is no text.
fn write_value(vector: &Vector, row: usize, out: &mut Vec<u8>) {
    match &vector.values {
        Values::Null | Values::Text(_) => {}
        Values::Boolean(bits) => out.extend_from_slice(truth(bits, row)),
        Values::Integer(values) => {
            out.extend_from_slice(itoa::Buffer::new().format(values[row]).as_bytes())
        }
        Values::Number(values) => {
            out.extend_from_slice(format!("{}", values[row] + 0.0).as_bytes())
        }
        Values::Date(values) | Values::Time(values) | Values::Timestamp(values) => {
            write_moment(vector.ty(), values[row], out);
        }
    }
}
