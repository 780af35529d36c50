//! The result in columns: texts of cells to values of their columns' types.

use tamis_engine::kernel::Kernel;
use tamis_engine::sink::Sink;
use tamis_engine::{Error, Result};
use tamis_formats::columns::{BLOCK_ROWS, Batch, Columns};
use tamis_formats::vector::{Nulls, Reader, Type, Vector};

use super::aggregate::{Cell, cells_of};
use crate::batches::{self, From, Gatherer, Target};

/// Collects rows of cells.
pub(super) struct ColumnOutput {
    /// Name and type of each column.
    columns: Vec<(String, Type)>,
    gatherer: Gatherer,
    output: batches::Output,
    /// The name of the output, for messages.
    name: String,
    held: Columns,
    reader: Reader,
    vectors: Vec<Vector>,
}

impl ColumnOutput {
    /// Begins a result with these columns.
    pub(super) fn new(
        sink: Box<dyn Sink>,
        target: &Target,
        columns: Vec<(String, Type)>,
        threads: usize,
    ) -> ColumnOutput {
        let nulls = Nulls::declared(Vec::new());
        ColumnOutput {
            gatherer: target.gatherer(),
            name: sink.name().to_owned(),
            output: target.open(sink, threads),
            held: Columns::new(columns.len()),
            reader: Reader::new(None, b'.', nulls, Kernel::detect()),
            vectors: vec![Vector::default(); columns.len()],
            columns,
        }
    }

    /// Appends a row.
    pub(super) fn row(&mut self, cells: &[u8]) -> Result<()> {
        for (at, (cell, text)) in cells_of(cells).enumerate() {
            let text = String::from_utf8_lossy(text);
            let values = self.held.column(at);
            let held = match (cell, self.columns[at].1) {
                (Cell::Null, _) => continue,
                // An empty text is one, too.
                (_, Type::Null | Type::Text) => values.string(&text),
                _ => values.text(&text),
            };
            held.map_err(|error| producer(&self.name, error))?;
        }
        self.held.end_row();
        match self.held.rows() < BLOCK_ROWS {
            true => Ok(()),
            false => self.flush(),
        }
    }

    /// Hands over the rows that are held.
    fn flush(&mut self) -> Result<()> {
        let held = std::mem::replace(&mut self.held, Columns::new(self.columns.len()));
        let mut outcome = Ok(());
        let visited = held.for_each_block(&mut |block| {
            let mut all = vec![u64::MAX; block.rows.div_ceil(64)];
            if let (Some(last), odd @ 1..) = (all.last_mut(), block.rows % 64) {
                *last = (1 << odd) - 1;
            }
            for (at, (name, ty)) in self.columns.iter().enumerate() {
                let ty = if *ty == Type::Null { Type::Text } else { *ty };
                let vector = &mut self.vectors[at];
                if let Err(misfit) = self.reader.read(block, at, ty, vector) {
                    let value = String::from_utf8_lossy(&misfit.text).into_owned();
                    let name = name.clone();
                    let beyond = crate::Error::Beyond { name, value, ty };
                    outcome = Err(producer(&self.name, beyond));
                    return;
                }
            }
            let vectors = &self.vectors;
            let from = |at: usize| From::Vector(&vectors[at], block.column(at).bytes);
            let gathered = self.gatherer.add(block, &all, from);
            if let Err(error) = gathered {
                outcome = Err(producer(&self.name, error));
            }
        });
        visited.map_err(|error| producer(&self.name, error))?;
        outcome?;
        let batches = self.gatherer.finish();
        let batches = batches.map_err(|error| producer(&self.name, error))?;
        self.output.write(&batches, u64::MAX)
    }

    /// Ends the result.
    pub(super) fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.output.finish()
    }
}

fn producer(output: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Producer {
        input: output.to_owned(),
        source: Box::new(error),
    }
}
