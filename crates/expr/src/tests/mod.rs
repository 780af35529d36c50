//! What expressions mean, row by row, and what is said about those that mean nothing.

mod errors;
mod meaning;
mod oracle;
mod random;

use tamis_engine::kernel::Kernel;
use tamis_formats::columns::{Batch, Columns};
use tamis_formats::vector::{Nulls, Reader, Type, Values, Vector};

use crate::{Evaluated, Evaluator, Expression, Input, Schema};

/// A table in memory: columns of texts that are read as their types; the empty text is null.
struct Table {
    schema: Schema,
    rows: Columns,
}

/// What a row of a result is, for people: its value, `null`, or `failed`.
type Shown = String;

impl Table {
    fn new(columns: &[(&str, Type, Vec<String>)]) -> Table {
        let mut rows = Columns::new(columns.len());
        for row in 0..columns.first().map_or(0, |column| column.2.len()) {
            for (index, (_, _, values)) in columns.iter().enumerate() {
                rows.column(index).text(&values[row]).unwrap();
            }
            rows.end_row();
        }
        Table {
            schema: Schema::new(columns.iter().map(|&(name, ty, _)| (name, ty))),
            rows,
        }
    }

    /// The values of an expression.
    fn evaluate(&self, text: &str) -> Vec<Shown> {
        let expression = Expression::compile(text, &self.schema);
        self.values_of(
            text,
            &expression.unwrap_or_else(|error| panic!("{text}: {error}")),
        )
    }

    /// The values of an expression; `None` if one of its constants cannot be computed.
    fn try_evaluate(&self, text: &str) -> Option<Vec<Shown>> {
        match Expression::compile(text, &self.schema) {
            Ok(expression) => Some(self.values_of(text, &expression)),
            Err(error) if error.message.starts_with("th") => None,
            Err(error) => panic!("{text}: {error}"),
        }
    }

    fn values_of(&self, text: &str, expression: &Expression) -> Vec<Shown> {
        let mut evaluator = Evaluator::new(Kernel::detect());
        let mut in_parts = Evaluator::new(Kernel::detect()).within(3);
        let mut shown = Vec::new();
        let nulls = Nulls::declared(Vec::new());
        let mut reader = Reader::new(None, b'.', nulls, Kernel::detect());
        self.rows
            .for_each_block(&mut |block| {
                let columns = expression.columns();
                let mut vectors = vec![Vector::default(); columns.len()];
                for (&column, vector) in columns.iter().zip(&mut vectors) {
                    let ty = self.schema.columns[column].1;
                    reader.read(block, column, ty, vector).unwrap();
                }
                let inputs: Vec<Input<'_>> = columns
                    .iter()
                    .zip(&vectors)
                    .map(|(&column, vector)| Input {
                        vector,
                        bytes: block.column(column).bytes,
                    })
                    .collect();
                let show_all = |evaluated: Evaluated<'_>| -> Vec<Shown> {
                    let Evaluated {
                        vector,
                        bytes,
                        failed,
                        is_too_large,
                    } = evaluated;
                    assert!(!is_too_large, "{text}");
                    let rows = 0..block.rows;
                    rows.map(|row| show(vector, bytes, failed, row)).collect()
                };
                let evaluated = evaluator.evaluate(expression, &inputs, block.rows);
                assert_eq!(evaluated.vector.rows, block.rows);
                assert_eq!(evaluated.vector.ty(), expression.ty(), "{text}");
                let found = show_all(evaluated);
                let of_parts = in_parts.evaluate(expression, &inputs, block.rows);
                assert_eq!(found, show_all(of_parts), "{text}");
                shown.extend(found);
                if expression.ty() == Type::Boolean {
                    let first = shown.len() - block.rows;
                    let selected = evaluator.select(expression, &inputs, block.rows);
                    for (row, shown) in shown[first..].iter().enumerate() {
                        let is_selected = selected.rows[row / 64] >> (row % 64) & 1 == 1;
                        assert_eq!(is_selected, shown == "true", "{text} in row {row}");
                    }
                    let true_rows = shown[first..]
                        .iter()
                        .filter(|shown| *shown == "true")
                        .count();
                    assert_eq!(
                        selected.count(),
                        true_rows as u64,
                        "{text}: rows behind the last"
                    );
                }
            })
            .unwrap();
        shown
    }
}

fn show(vector: &Vector, bytes: &[u8], failed: &[u64], row: usize) -> Shown {
    let has_failed = failed
        .get(row / 64)
        .is_some_and(|word| word >> (row % 64) & 1 == 1);
    if vector.is_null(row) {
        return if has_failed { "failed" } else { "null" }.to_owned();
    }
    assert!(!has_failed, "what failed has no value");
    match &vector.values {
        Values::Null => unreachable!("it has no values"),
        Values::Boolean(bits) => (bits[row / 64] >> (row % 64) & 1 == 1).to_string(),
        Values::Number(values) => format!("{:?}", values[row]),
        Values::Text(texts) => format!("{:?}", String::from_utf8_lossy(texts.get(row, bytes))),
        Values::Integer(values)
        | Values::Date(values)
        | Values::Time(values)
        | Values::Timestamp(values) => values[row].to_string(),
    }
}
