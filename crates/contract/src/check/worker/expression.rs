//! Expressions over the columns of a block.

use tamis_engine::kernel::Kernel;
use tamis_expr::{Evaluator, Input};
use tamis_formats::Block;
use tamis_formats::csv::Dialect;
use tamis_formats::vector::{Nulls, Reader, Type, Values, Vector};

use super::Found;
use super::bits::for_each_bit;
use super::gather::Gather;
use crate::check::compile::{Compiled, ExpressionRule};
use crate::check::value::Consequence;

/// What a thread needs to evaluate expressions.
#[derive(Debug)]
pub(in crate::check) struct Scratch {
    reader: Reader,
    /// The columns that some expression reads, with the type it is read as and its values.
    columns: Vec<(usize, Type, Vector)>,
    /// For each expression, its columns among those.
    places: Vec<Vec<usize>>,
    evaluators: Vec<Evaluator>,
    /// A bit for each row for which an expression is false.
    broken: Vec<u64>,
    /// Rows that each expression could not be computed for, in the last block.
    not_computed: Vec<u64>,
}

impl Scratch {
    /// For records in that dialect of CSV, or in none; `None` if there are no expressions.
    pub(in crate::check) fn new(
        compiled: &Compiled,
        dialect: Option<Dialect>,
        kernel: Kernel,
    ) -> Option<Scratch> {
        let rules = &compiled.expressions;
        if rules.is_empty() {
            return None;
        }
        let csv = &compiled.csv;
        let nulls = Nulls::declared(csv.missing_values.clone().unwrap_or_default());
        let point = csv.decimal_char.unwrap_or(b'.');
        let mut columns: Vec<(usize, Type, Vector)> = Vec::new();
        let mut places = Vec::with_capacity(rules.len());
        for rule in rules {
            let read = rule.columns.iter().zip(&rule.types);
            let read = read.map(|(&column, &ty)| {
                let known = columns
                    .iter()
                    .position(|known| (known.0, known.1) == (column, ty));
                known.unwrap_or_else(|| {
                    columns.push((column, ty, Vector::default()));
                    columns.len() - 1
                })
            });
            places.push(read.collect());
        }
        Some(Scratch {
            reader: Reader::new(dialect, point, nulls, kernel),
            columns,
            places,
            evaluators: rules.iter().map(|_| Evaluator::new(kernel)).collect(),
            broken: Vec::new(),
            not_computed: Vec::new(),
        })
    }

    /// Evaluates all expressions over a block and hands each rule to `visit`, with a bit for each row for which it is false.
    /// `place` says where in the block a column of the contract is.
    pub(in crate::check) fn evaluate(
        &mut self,
        compiled: &Compiled,
        block: &Block<'_>,
        place: impl Fn(usize) -> Option<usize>,
        mut visit: impl FnMut(&ExpressionRule, &[u64]),
    ) {
        for (column, ty, vector) in &mut self.columns {
            match place(*column) {
                Some(at) => self.reader.read_or_null(block, at, *ty, vector),
                None => vector.start(*ty, block.rows),
            }
        }
        let rules = compiled.expressions.iter();
        let parts = rules.zip(&self.places).zip(&mut self.evaluators);
        self.not_computed.clear();
        for ((rule, places), evaluator) in parts {
            let inputs: Vec<Input<'_>> = places
                .iter()
                .map(|&at| {
                    let (column, _, vector) = &self.columns[at];
                    Input {
                        vector,
                        bytes: place(*column).map_or(&[], |at| block.column(at).bytes),
                    }
                })
                .collect();
            let evaluated = evaluator.evaluate(&rule.expression, &inputs, block.rows);
            self.not_computed.push(evaluated.failed_count());
            let values = evaluated.vector;
            self.broken.clear();
            if let Values::Boolean(bits) = &values.values {
                let rows = bits.iter().zip(&values.present);
                self.broken
                    .extend(rows.map(|(bit, present)| !bit & present));
            }
            visit(rule, &self.broken);
        }
    }
}

impl Gather<'_> {
    /// Finds the records of a block for which an expression is false.
    pub(super) fn check_expressions(&mut self, block: &Block<'_>) {
        let Some(scratch) = &mut self.worker.expressions else {
            return;
        };
        let (found, metrics) = (&mut self.worker.found, &mut self.part.metrics);
        let place = |column| self.pass.layout.place(column);
        scratch.evaluate(
            self.pass.compiled,
            block,
            place,
            |rule, broken| match rule.consequence {
                Consequence::Count(metric) => {
                    let counts = broken.iter().map(|word| u64::from(word.count_ones()));
                    metrics[metric.0 as usize] += counts.sum::<u64>();
                }
                Consequence::Violation(rule) => for_each_bit(broken, |row| {
                    found.push(Found {
                        row: row as u32,
                        rule,
                        extra_key: 0,
                    });
                }),
            },
        );
        let sums = self.part.not_computed.iter_mut();
        sums.zip(&scratch.not_computed)
            .for_each(|(sum, rows)| *sum += rows);
    }
}
