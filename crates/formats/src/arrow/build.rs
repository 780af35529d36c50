//! Typed vectors as record batches: what a conversion hands to a writer.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, NullArray, RecordBatch,
    StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::Error;
use crate::vector::{Type, Values, Vector, ones};

/// Collects the vectors of some blocks; every column may have nulls.
#[derive(Debug)]
pub struct BatchBuilder {
    schema: SchemaRef,
    columns: Vec<Column>,
}

/// The values of one column.
#[derive(Debug)]
pub(super) struct Column {
    ty: Type,
    rows: usize,
    present: BooleanBufferBuilder,
    values: Collected,
}

#[derive(Debug)]
enum Collected {
    Null,
    Boolean(BooleanBufferBuilder),
    Integers(Vec<i64>),
    Numbers(Vec<f64>),
    Texts { ends: Vec<i32>, bytes: Vec<u8> },
}

/// How values of a type are stored: `int64`, `double`, `utf8`, `date32`, `time64[us]`, `timestamp[us, UTC]`, ...
pub fn data_type(ty: Type) -> DataType {
    match ty {
        Type::Null => DataType::Null,
        Type::Boolean => DataType::Boolean,
        Type::Integer => DataType::Int64,
        Type::Number => DataType::Float64,
        Type::Text => DataType::Utf8,
        Type::Date => DataType::Date32,
        Type::Time => DataType::Time64(TimeUnit::Microsecond),
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

impl BatchBuilder {
    /// No rows yet, of columns with these names and types.
    pub fn new<'c>(columns: impl IntoIterator<Item = (&'c str, Type)>) -> BatchBuilder {
        let (fields, columns): (Vec<_>, Vec<_>) = columns
            .into_iter()
            .map(|(name, ty)| (Field::new(name, data_type(ty), true), Column::new(ty)))
            .unzip();
        BatchBuilder {
            schema: Arc::new(Schema::new(fields)),
            columns,
        }
    }

    /// The schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Appends the values of a column, all of its type or null. `bytes` are those that the vector was read from
    /// ([`Texts::get`](crate::vector::Texts::get)). Every column must get as many rows.
    ///
    /// # Errors
    /// [`Error::ValueTooLong`] when the texts of a batch come to more than 2 GiB.
    ///
    /// # Panics
    /// If the vector is of another type.
    pub fn add(&mut self, column: usize, vector: &Vector, bytes: &[u8]) -> Result<(), Error> {
        self.columns[column].add(vector, bytes)
    }

    /// The same for the rows whose bits are set in `chosen`.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    ///
    /// # Panics
    /// As [`add`](Self::add).
    pub fn add_chosen(
        &mut self,
        column: usize,
        vector: &Vector,
        bytes: &[u8],
        chosen: &[u64],
    ) -> Result<(), Error> {
        self.columns[column].add_chosen(vector, bytes, chosen)
    }

    /// The rows so far, which the builder then has no more.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] for a text that is not.
    ///
    /// # Panics
    /// If the columns have got different numbers of rows.
    pub fn finish(&mut self) -> Result<RecordBatch, Error> {
        let rows = self.columns.first().map_or(0, |column| column.rows);
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            assert_eq!(column.rows, rows, "every column gets as many rows");
            arrays.push(column.take(field.name())?);
        }
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options);
        Ok(batch.expect("the arrays are of the types of the schema"))
    }
}

impl Column {
    /// No values yet.
    pub(super) fn new(ty: Type) -> Column {
        Column::with_room(ty, 0, 0)
    }

    /// No values yet, but room for so many.
    fn with_room(ty: Type, rows: usize, text_bytes: usize) -> Column {
        Column {
            ty,
            rows: 0,
            present: BooleanBufferBuilder::new(rows),
            values: match ty {
                Type::Null => Collected::Null,
                Type::Boolean => Collected::Boolean(BooleanBufferBuilder::new(rows)),
                Type::Number => Collected::Numbers(Vec::with_capacity(rows)),
                Type::Text => {
                    let mut ends = Vec::with_capacity(rows + 1);
                    ends.push(0);
                    let bytes = Vec::with_capacity(text_bytes);
                    Collected::Texts { ends, bytes }
                }
                Type::Integer | Type::Date | Type::Time | Type::Timestamp => {
                    Collected::Integers(Vec::with_capacity(rows))
                }
            },
        }
    }

    fn text_bytes(&self) -> usize {
        match &self.values {
            Collected::Texts { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// As [`BatchBuilder::add`].
    fn add(&mut self, vector: &Vector, bytes: &[u8]) -> Result<(), Error> {
        let rows = vector.rows;
        match (&mut self.values, &vector.values) {
            (Collected::Null, _) => {}
            (Collected::Boolean(bits), Values::Boolean(words)) => append_bits(bits, words, rows),
            (Collected::Boolean(bits), Values::Null) => bits.append_n(rows, false),
            (
                Collected::Integers(all),
                Values::Integer(more)
                | Values::Date(more)
                | Values::Time(more)
                | Values::Timestamp(more),
            ) => all.extend_from_slice(&more[..rows]),
            (Collected::Integers(all), Values::Null) => all.resize(all.len() + rows, 0),
            (Collected::Numbers(all), Values::Number(more)) => {
                all.extend_from_slice(&more[..rows]);
            }
            (Collected::Numbers(all), Values::Null) => all.resize(all.len() + rows, 0.0),
            (Collected::Texts { ends, bytes: all }, Values::Text(texts)) => {
                ends.reserve(rows);
                for row in 0..rows {
                    if !vector.is_null(row) {
                        all.extend_from_slice(texts.get(row, bytes));
                    }
                    ends.push(all.len() as i32);
                }
                // Ends only grow: where the last one fits, all do.
                text_end(all.len())?;
            }
            (Collected::Texts { ends, bytes: all }, Values::Null) => {
                ends.resize(ends.len() + rows, text_end(all.len())?);
            }
            _ => panic!(
                "a column of type {} gets values of type {}",
                self.ty,
                vector.ty()
            ),
        }
        match vector.values {
            Values::Null => self.present.append_n(rows, false),
            _ => append_bits(&mut self.present, &vector.present, rows),
        }
        self.rows += rows;
        Ok(())
    }

    /// As [`BatchBuilder::add_chosen`].
    pub(super) fn add_chosen(
        &mut self,
        vector: &Vector,
        bytes: &[u8],
        chosen: &[u64],
    ) -> Result<(), Error> {
        let count: u32 = chosen.iter().map(|word| word.count_ones()).sum();
        if count as usize == vector.rows {
            return self.add(vector, bytes);
        }
        let has_values = !matches!(vector.values, Values::Null);
        for row in ones(chosen) {
            let is_present = has_values && !vector.is_null(row);
            match (&mut self.values, &vector.values) {
                (Collected::Null, _) => {}
                (Collected::Boolean(bits), Values::Boolean(words)) => {
                    bits.append(words[row / 64] >> (row % 64) & 1 == 1);
                }
                (Collected::Boolean(bits), Values::Null) => bits.append(false),
                (
                    Collected::Integers(all),
                    Values::Integer(more)
                    | Values::Date(more)
                    | Values::Time(more)
                    | Values::Timestamp(more),
                ) => all.push(more[row]),
                (Collected::Integers(all), Values::Null) => all.push(0),
                (Collected::Numbers(all), Values::Number(more)) => all.push(more[row]),
                (Collected::Numbers(all), Values::Null) => all.push(0.0),
                (Collected::Texts { ends, bytes: all }, Values::Text(texts)) => {
                    if is_present {
                        all.extend_from_slice(texts.get(row, bytes));
                    }
                    ends.push(text_end(all.len())?);
                }
                (Collected::Texts { ends, bytes: all }, Values::Null) => {
                    ends.push(text_end(all.len())?);
                }
                _ => panic!(
                    "a column of type {} gets values of type {}",
                    self.ty,
                    vector.ty()
                ),
            }
            self.present.append(is_present);
        }
        self.rows += count as usize;
        Ok(())
    }

    /// The values so far, which the column then has no more; `name` is what errors call it.
    pub(super) fn take(&mut self, name: &str) -> Result<ArrayRef, Error> {
        // The next batch will be about as large.
        let next = Column::with_room(self.ty, self.rows, self.text_bytes());
        std::mem::replace(self, next).finish(name)
    }

    fn finish(mut self, name: &str) -> Result<ArrayRef, Error> {
        let nulls = NullBuffer::new(self.present.finish());
        let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
        Ok(match (self.values, self.ty) {
            (Collected::Null, _) => Arc::new(NullArray::new(self.rows)),
            (Collected::Boolean(mut bits), _) => Arc::new(BooleanArray::new(bits.finish(), nulls)),
            (Collected::Numbers(values), _) => Arc::new(Float64Array::new(values.into(), nulls)),
            (Collected::Texts { ends, bytes }, _) => {
                let ends = OffsetBuffer::new(ends.into());
                let bytes = Buffer::from(bytes);
                let texts = StringArray::try_new(ends.clone(), bytes.clone(), nulls);
                // Parsers let nothing else through, but other formats call any bytes a text.
                texts
                    .map(Arc::new)
                    .map_err(|_| not_utf8(name, &ends, &bytes))?
            }
            (Collected::Integers(values), Type::Date) => {
                // A day of the years that a date can be read from fits 32 bits.
                let days: ScalarBuffer<i32> = values.iter().map(|&day| day as i32).collect();
                Arc::new(Date32Array::new(days, nulls))
            }
            (Collected::Integers(values), Type::Time) => {
                Arc::new(Time64MicrosecondArray::new(values.into(), nulls))
            }
            (Collected::Integers(values), Type::Timestamp) => {
                let array = TimestampMicrosecondArray::new(values.into(), nulls);
                Arc::new(array.with_timezone("UTC"))
            }
            (Collected::Integers(values), _) => Arc::new(Int64Array::new(values.into(), nulls)),
        })
    }
}

/// The first text that is no UTF-8.
fn not_utf8(column: &str, ends: &[i32], bytes: &[u8]) -> Error {
    let texts = ends
        .windows(2)
        .map(|ends| &bytes[ends[0] as usize..ends[1] as usize]);
    let mut bad = texts.filter(|text| std::str::from_utf8(text).is_err());
    let shown = String::from_utf8_lossy(bad.next().unwrap_or_default());
    Error::NotUtf8 {
        column: column.to_owned(),
        shown: shown.chars().take(80).collect(),
    }
}

fn append_bits(bits: &mut BooleanBufferBuilder, words: &[u64], rows: usize) {
    for (first, &word) in (0..rows).step_by(64).zip(words) {
        bits.append_word(word, (rows - first).min(64));
    }
}

fn text_end(len_bytes: usize) -> Result<i32, Error> {
    i32::try_from(len_bytes).map_err(|_| Error::ValueTooLong {
        len_bytes,
        limit_bytes: i32::MAX as usize,
    })
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;

    #[test]
    fn vectors_of_several_blocks_become_one_batch() {
        let mut builder = BatchBuilder::new([
            ("a", Type::Integer),
            ("b", Type::Boolean),
            ("d", Type::Date),
            ("n", Type::Null),
        ]);
        let vector = |values| Vector {
            rows: 3,
            present: vec![0b101],
            values,
        };
        let nothing = Vector {
            rows: 2,
            present: vec![0],
            values: Values::Null,
        };
        for (column, values) in [
            (0, Values::Integer(vec![7, 0, i64::MIN])),
            (1, Values::Boolean(vec![0b100])),
            (2, Values::Date(vec![-1, 0, 19_782])),
            (3, Values::Null),
        ] {
            builder.add(column, &vector(values), b"").unwrap();
            builder.add(column, &nothing, b"").unwrap();
        }
        let batch = builder.finish().unwrap();
        let integers = batch
            .column(0)
            .as_primitive::<arrow_array::types::Int64Type>();
        assert_eq!(
            integers.iter().collect::<Vec<_>>(),
            [Some(7), None, Some(i64::MIN), None, None]
        );
        let truths: Vec<_> = batch.column(1).as_boolean().iter().collect();
        assert_eq!(truths, [Some(false), None, Some(true), None, None]);
        let days = batch
            .column(2)
            .as_primitive::<arrow_array::types::Date32Type>();
        assert_eq!(
            (days.value(0), days.value(2), days.null_count()),
            (-1, 19_782, 3)
        );
        assert_eq!(batch.column(3).len(), 5);
        let nothing = builder.finish().unwrap();
        assert_eq!(nothing.num_rows(), 0, "the builder starts anew");
    }

    #[test]
    fn texts_are_gathered() {
        use crate::columns::{Batch, Columns};
        use crate::vector::{Nulls, Reader};
        use tamis_engine::kernel::Kernel;

        let mut rows = Columns::new(1);
        for text in ["one", "", "drei"] {
            rows.column(0).text(text).unwrap();
            rows.end_row();
        }
        let mut reader = Reader::new(None, b'.', Nulls::common(), Kernel::detect());
        let (mut vector, mut builder) = (Vector::default(), BatchBuilder::new([("t", Type::Text)]));
        rows.for_each_block(&mut |block| {
            reader.read(block, 0, Type::Text, &mut vector).unwrap();
            for _ in 0..2 {
                builder.add(0, &vector, block.column(0).bytes).unwrap();
            }
        })
        .unwrap();
        let batch = builder.finish().unwrap();
        let texts: Vec<_> = batch.column(0).as_string::<i32>().iter().collect();
        assert_eq!(
            texts,
            [
                Some("one"),
                None,
                Some("drei"),
                Some("one"),
                None,
                Some("drei")
            ]
        );
    }
}
