//! The chosen rows of blocks as record batches: what a conversion hands to a writer.
//!
//! ```text
//! text      Block ─ read ─► Vector ─► a builder for each column ──────────┐
//! arrays    Block ─ origin ─► Stretch ─► the arrays, filtered, cast ──────┴─► RecordBatch
//! ```
//!
//! A column of arrays that nobody computes with leaves as it came, whatever its type: decimals keep their scale, lists stay
//! lists, moments keep unit and zone. Only what another batch could not be joined to is unpacked: dictionaries, runs and
//! views become their values ([`passed_as`]).

use std::sync::Arc;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::filter::FilterBuilder;

use super::Stretch;
use super::build::{Column, data_type};
pub use super::unpack::passed_as;
use super::unpack::unpack;
use crate::vector::{Type, Vector, ones};
use crate::{Block, Error};

/// Collects rows of blocks, column by column.
#[derive(Debug)]
pub struct Gatherer {
    schema: SchemaRef,
    columns: Vec<Gathered>,
    /// The rows of arrays that come next, and which of them are chosen.
    stretch: Option<(Stretch, BooleanBufferBuilder)>,
    rows: usize,
    batches: Vec<RecordBatch>,
}

/// A column under way.
#[derive(Debug)]
struct Gathered {
    values: Column,
    /// Its place in the block, where it comes as an array.
    passed: Option<usize>,
}

/// Where the values of a column are.
#[derive(Clone, Copy, Debug)]
pub enum From<'v> {
    /// They were read, from these bytes.
    Vector(&'v Vector, &'v [u8]),
    /// In the arrays that the block comes from, of which it is this column.
    Origin(usize),
}

/// How values of a type are stored: as [`data_type`] has it, but what is null throughout is text, since many readers know no
/// columns without a type.
pub fn stored_as(ty: Type) -> DataType {
    data_type(built_as(ty))
}

fn built_as(ty: Type) -> Type {
    match ty {
        Type::Null => Type::Text,
        ty => ty,
    }
}

impl Gatherer {
    /// No rows yet, of columns with these names, types, and types in the batches.
    pub fn new(columns: impl IntoIterator<Item = (String, Type, DataType)>) -> Gatherer {
        let (fields, columns): (Vec<_>, Vec<_>) = columns
            .into_iter()
            .map(|(name, ty, stored)| {
                let gathered = Gathered {
                    values: Column::new(built_as(ty)),
                    passed: None,
                };
                (Field::new(name, stored, true), gathered)
            })
            .unzip();
        Gatherer {
            schema: Arc::new(Schema::new(fields)),
            columns,
            stretch: None,
            rows: 0,
            batches: Vec::new(),
        }
    }

    /// The schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Appends the rows of `block` whose bits are set in `chosen`; `values` says where those of each column are, which is
    /// the same for all blocks of an input.
    ///
    /// # Errors
    /// [`Error::ValueTooLong`], [`Error::OtherType`], [`Error::NotUtf8`].
    ///
    /// # Panics
    /// If a block that comes from no arrays is said to.
    pub fn add<'v>(
        &mut self,
        block: &Block<'_>,
        chosen: &[u64],
        values: impl Fn(usize) -> From<'v>,
    ) -> Result<(), Error> {
        self.enter(block)?;
        for (at, column) in self.columns.iter_mut().enumerate() {
            match values(at) {
                From::Vector(vector, bytes) => column.values.add_chosen(vector, bytes, chosen)?,
                From::Origin(place) => column.passed = Some(place),
            }
        }
        let before = self.rows;
        self.rows += ones(chosen).count();
        if let Some((_, bits)) = &mut self.stretch {
            match self.rows - before == block.rows {
                true => bits.append_n(block.rows, true),
                false => {
                    for row in 0..block.rows {
                        bits.append(chosen[row / 64] >> (row % 64) & 1 == 1);
                    }
                }
            }
        }
        Ok(())
    }

    /// Goes on with the arrays of `block`, if it has some.
    fn enter(&mut self, block: &Block<'_>) -> Result<(), Error> {
        let origin = block.origin.and_then(|origin| origin.downcast_ref());
        let Some(origin): Option<&Stretch> = origin else {
            return Ok(());
        };
        let follows = match &mut self.stretch {
            Some((stretch, _)) => stretch.extend(origin),
            None => false,
        };
        if !follows {
            self.end_batch()?;
            self.stretch = Some((origin.clone(), BooleanBufferBuilder::new(block.rows)));
        }
        Ok(())
    }

    fn end_batch(&mut self) -> Result<(), Error> {
        let stretch = self.stretch.take();
        let rows = std::mem::take(&mut self.rows);
        if rows == 0 {
            return Ok(());
        }
        let passed = stretch.map(|(stretch, mut bits)| {
            let chosen = BooleanArray::new(bits.finish(), None);
            let filter = FilterBuilder::new(&chosen).optimize().build();
            (stretch, filter)
        });
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            let array = match (column.passed, &passed) {
                (Some(place), Some((stretch, filter))) => {
                    let array = stretch.array(place).expect("it is passed on");
                    match filter.count() == array.len() {
                        true => array,
                        false => filter.filter(&array).expect("there is a bit for each row"),
                    }
                }
                _ => column.values.take(field.name())?,
            };
            arrays.push(unpack(&array, field.data_type(), field.name())?);
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
        let batch = batch.expect("the arrays are of the types of the schema");
        self.batches.push(batch);
        Ok(())
    }

    /// The rows so far, which the gatherer then has no more.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn finish(&mut self) -> Result<Vec<RecordBatch>, Error> {
        self.end_batch()?;
        Ok(std::mem::take(&mut self.batches))
    }
}

#[cfg(test)]
mod tests;
