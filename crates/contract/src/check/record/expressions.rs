//! Expressions over several columns of one record: evaluated over a block of one row, by the loops that check files.

use std::sync::PoisonError;

use tamis_engine::kernel::Kernel;
use tamis_formats::columns::{Batch, Columns};
use tamis_formats::{Block, Kind};

use super::super::CheckError;
use super::super::compile::Compiled;
use super::super::value::Consequence;
use super::super::worker::{Expressions, shown_values};
use super::{BrokenRule, RecordCheck, Scalar};
use crate::report::Sample;

/// Those values of a record that expressions read.
#[derive(Debug)]
pub struct RecordRow(Columns);

/// For each column its place among those that expressions read.
pub(super) fn read_columns(compiled: &Compiled) -> Vec<Option<usize>> {
    let mut count = 0..;
    let mut place = |column| {
        let mut rules = compiled.expressions.iter();
        let is_read = rules.any(|rule| rule.columns.contains(&column));
        is_read.then(|| count.next().expect("it has no end"))
    };
    (0..compiled.columns.len()).map(&mut place).collect()
}

impl RecordCheck {
    /// A row that takes the values of a record; `None` if no expression reads any.
    pub fn new_row(&self) -> Option<RecordRow> {
        let count = self.read.iter().flatten().count();
        (!self.compiled.expressions.is_empty()).then(|| RecordRow(Columns::new(count)))
    }

    /// Notes a value of the record, if an expression reads that column; at most one for each column.
    ///
    /// # Errors
    /// [`CheckError::Format`] for a value of more than a gigabyte.
    pub fn note(
        &self,
        row: &mut RecordRow,
        column: usize,
        value: Scalar<'_>,
    ) -> Result<(), CheckError> {
        let Some(at) = self.read[column] else {
            return Ok(());
        };
        let column = row.0.column(at);
        let noted = match value {
            Scalar::Missing => Ok(()),
            Scalar::Null => {
                column.null();
                Ok(())
            }
            Scalar::Text(text) => column.text(text),
            Scalar::String(text) => column.string(text),
            Scalar::Integer(number) => column.integer(number),
            Scalar::Number(text) => column.number(text),
            Scalar::Float(number) => column.float(number),
            Scalar::Boolean(value) => column.boolean(value),
            Scalar::Object(shown) => column.nested(Kind::Object, shown),
            Scalar::Array(shown) => column.nested(Kind::Array, shown),
        };
        noted.map_err(|source| CheckError::Format {
            input: "a record".to_owned(),
            source,
        })
    }

    /// What is wrong with the values of a record together; those that were not noted are missing.
    ///
    /// # Errors
    /// As [`note`](Self::note).
    pub fn judge_row(&self, mut row: RecordRow) -> Result<Vec<(BrokenRule, Sample)>, CheckError> {
        let kept = self.kept_expressions().pop();
        let kept = kept.or_else(|| Expressions::new(&self.compiled, None, Kernel::detect()));
        let Some(mut expressions) = kept else {
            return Ok(Vec::new());
        };
        row.0.end_row();
        let mut found = Vec::new();
        let judged = row.0.for_each_block(&mut |block| {
            let place = |column: usize| self.read[column];
            let text = |at| block.column(at).field(0).to_vec();
            self.judge_together(&mut expressions, block, place, text, &mut found);
        });
        self.kept_expressions().push(expressions);
        judged.map_err(|source| CheckError::Format {
            input: "a record".to_owned(),
            source,
        })?;
        Ok(found)
    }

    /// Adds what is wrong with the first record of a block. `place` says where in it a column of the contract is, and `text`
    /// what a value there says.
    pub(super) fn judge_together(
        &self,
        expressions: &mut Expressions,
        block: &Block<'_>,
        place: impl Fn(usize) -> Option<usize>,
        mut text: impl FnMut(usize) -> Vec<u8>,
        found: &mut Vec<(BrokenRule, Sample)>,
    ) {
        expressions.evaluate(&self.compiled, block, &place, |rule, broken| {
            let is_broken = broken.first().is_some_and(|word| word & 1 == 1);
            let Consequence::Violation(id) = rule.consequence else {
                return;
            };
            if !is_broken {
                return;
            }
            let read = rule.columns.iter().filter_map(|&column| place(column));
            let value = shown_values(read.map(|at| (block.kind(0, at), text(at))));
            let rule = self.compiled.rules.get(id);
            let sample = self.sample_of(id, rule.column.clone(), value, rule.expected.clone());
            found.push((BrokenRule(id), sample));
        });
    }

    fn kept_expressions(&self) -> std::sync::MutexGuard<'_, Vec<Expressions>> {
        // Nothing is left half done by whoever panics while it holds the list.
        self.expressions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
