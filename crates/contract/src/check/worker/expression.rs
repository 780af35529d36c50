//! Expressions over the columns of a block.

use tamis_expr::{Evaluator, Input};
use tamis_formats::Block;
use tamis_formats::vector::{Nulls, Reader, Type, Values, Vector};

use super::bits::for_each_bit;
use super::gather::Gather;
use super::{Found, Pass};
use crate::check::layout::Layout;
use crate::check::value::Consequence;

/// What a thread needs to evaluate expressions.
pub(super) struct Scratch {
    reader: Reader,
    /// The columns that some expression reads, with the type it is read as and its values.
    columns: Vec<(usize, Type, Vector)>,
    /// For each expression, its columns among those.
    places: Vec<Vec<usize>>,
    evaluators: Vec<Evaluator>,
    /// A bit for each row for which an expression is false.
    broken: Vec<u64>,
}

impl Scratch {
    /// `None` if there are no expressions.
    pub(super) fn new(pass: &Pass<'_>) -> Option<Scratch> {
        let rules = &pass.compiled.expressions;
        if rules.is_empty() {
            return None;
        }
        let dialect = match pass.layout {
            Layout::Csv { dialect, .. } => Some(*dialect),
            Layout::Jsonl { .. } | Layout::Rows { .. } => None,
        };
        let csv = &pass.compiled.csv;
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
            reader: Reader::new(dialect, point, nulls, pass.kernel),
            columns,
            places,
            evaluators: rules.iter().map(|_| Evaluator::new(pass.kernel)).collect(),
            broken: Vec::new(),
        })
    }
}

impl Gather<'_> {
    /// Finds the records of a block for which an expression is false.
    pub(super) fn check_expressions(&mut self, block: &Block<'_>) {
        let Some(scratch) = &mut self.worker.expressions else {
            return;
        };
        let layout = self.pass.layout;
        for (column, ty, vector) in &mut scratch.columns {
            match layout.place(*column) {
                Some(at) => scratch.reader.read_or_null(block, at, *ty, vector),
                None => vector.start(*ty, block.rows),
            }
        }
        let rules = self.pass.compiled.expressions.iter();
        let parts = rules.zip(&scratch.places).zip(&mut scratch.evaluators);
        for ((rule, places), evaluator) in parts {
            let inputs: Vec<Input<'_>> = places
                .iter()
                .map(|&place| {
                    let (column, _, vector) = &scratch.columns[place];
                    let at = layout.place(*column);
                    Input {
                        vector,
                        bytes: at.map_or(&[], |at| block.column(at).bytes),
                    }
                })
                .collect();
            let values = evaluator
                .evaluate(&rule.expression, &inputs, block.rows)
                .vector;
            scratch.broken.clear();
            if let Values::Boolean(bits) = &values.values {
                let rows = bits.iter().zip(&values.present);
                scratch
                    .broken
                    .extend(rows.map(|(bit, present)| !bit & present));
            }
            match rule.consequence {
                Consequence::Count(metric) => {
                    let count = scratch
                        .broken
                        .iter()
                        .map(|word| u64::from(word.count_ones()));
                    self.part.metrics[metric.0 as usize] += count.sum::<u64>();
                }
                Consequence::Violation(rule) => for_each_bit(&scratch.broken, |row| {
                    self.worker.found.push(Found {
                        row: row as u32,
                        rule,
                        extra_key: 0,
                    });
                }),
            }
        }
    }
}
