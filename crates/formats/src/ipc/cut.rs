//! Some rows of a record batch, of each buffer only what these rows are made of.
//!
//! A batch may be as large as its file. Where its buffers are not compressed, arithmetic says which bytes of a buffer some
//! rows need (Columnar.html, "Physical Memory Layout"), so a batch is read in arrays of some ten thousand rows that stay
//! in the cache, and several threads share a large one. Lists, views and unions are not cut.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, DictionaryArray, StructArray, make_array, new_empty_array};
use arrow_array::{cast::AsArray, types::ArrowDictionaryKeyType};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_ipc::{Message, MetadataVersion};
use arrow_schema::{DataType, Field, Fields};

use super::layout::{Start, starts};
use super::message::{Columns, Dictionaries, rows_of};
use crate::arrow::dictionary::with_key_type;
use crate::arrow::region::Region;
use crate::parquet::message as text_of;

/// Rows of an array: with some columns it stays in a second-level cache. Bits of rows are cut at whole bytes.
pub(super) const ARRAY_ROWS: usize = 16 << 10;

/// A record batch in a file that can be cut.
pub(super) struct Cutter<'b> {
    region: &'b Region,
    /// Where its body is in the file.
    body: Range<u64>,
    batch: arrow_ipc::RecordBatch<'b>,
    rows: usize,
    columns: &'b Columns,
    starts: Vec<Start>,
    dictionaries: &'b Dictionaries,
}

/// A buffer of the batch, by its place in the body.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    len_bytes: u64,
}

impl<'b> Cutter<'b> {
    /// The batch that `message` speaks of, whose body begins at byte `start`; `None` if it cannot be cut, or is no batch.
    ///
    /// # Errors
    /// What is wrong with its size.
    pub(super) fn new(
        message: &Message<'b>,
        region: &'b Region,
        start: u64,
        columns: &'b Columns,
        dictionaries: &'b Dictionaries,
    ) -> Result<Option<Cutter<'b>>, String> {
        let Some(batch) = message.header_as_record_batch() else {
            return Ok(None);
        };
        let mut wanted = columns.roots.iter().map(|&root| columns.schema.field(root));
        let can_be_cut = message.version() == MetadataVersion::V5
            && batch.compression().is_none()
            && !columns.roots.is_empty()
            && wanted.all(|field| can_be_cut(field.data_type()));
        let counts = batch.variadicBufferCounts();
        let counts = counts.iter().flat_map(|counts| counts.iter());
        let starts = starts(&columns.schema, counts).filter(|_| can_be_cut);
        let Some(starts) = starts else {
            return Ok(None);
        };
        let end = u64::try_from(message.bodyLength())
            .ok()
            .and_then(|len_bytes| start.checked_add(len_bytes))
            .filter(|&end| end <= region.len_bytes());
        let end = end.ok_or_else(|| {
            let len_bytes = message.bodyLength();
            format!("its body of {len_bytes} bytes at byte {start} goes past the end of the file")
        })?;
        Ok(Some(Cutter {
            region,
            body: start..end,
            rows: rows_of(&batch)?,
            batch,
            columns,
            starts,
            dictionaries,
        }))
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The wanted columns of some rows, of which the first is a multiple of eight.
    pub(super) fn read(&self, rows: Range<usize>) -> Result<StructArray, String> {
        let schema = &self.columns.schema;
        let roots = self.columns.roots.iter();
        let (fields, arrays): (Vec<_>, Vec<_>) = roots
            .map(|&root| {
                let field = &schema.fields()[root];
                let array = self.array(field, &mut self.starts[root].clone(), &rows);
                let array = array.map_err(|error| format!("column `{}`: {error}", field.name()));
                array.map(|array| (Arc::clone(field), array))
            })
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .unzip();
        StructArray::try_new(Fields::from(fields), arrays, None).map_err(text_of)
    }

    /// Some rows of the column that begins `at` the next node and buffer.
    fn array(
        &self,
        field: &Field,
        at: &mut Start,
        rows: &Range<usize>,
    ) -> Result<ArrayRef, String> {
        let nodes = self.batch.nodes().ok_or("the batch has no columns")?;
        if at.node >= nodes.len() {
            return Err(format!("the batch has {} columns", nodes.len()));
        }
        let node = nodes.get(at.node);
        at.node += 1;
        if usize::try_from(node.length()) != Ok(self.rows) {
            let length = node.length();
            return Err(format!("it has {length} rows in a batch of {}", self.rows));
        }
        let validity = self.place(at)?;
        let bits = match node.null_count() > 0 {
            true => Some(self.bits(validity, rows)?),
            false => None,
        };
        let data_type = field.data_type();
        let nulls = || {
            bits.clone()
                .map(|bits| NullBuffer::new(BooleanBuffer::new(bits, 0, rows.len())))
        };
        match data_type {
            DataType::Struct(members) => {
                let arrays = members.iter().map(|member| self.array(member, at, rows));
                let arrays = arrays.collect::<Result<_, _>>()?;
                let array = StructArray::try_new(members.clone(), arrays, nulls());
                Ok(Arc::new(array.map_err(text_of)?))
            }
            DataType::Dictionary(key_type, _) => {
                let place = self.place(at)?;
                let keys = self.fixed(place, key_type, rows)?;
                let keys = built(key_type, rows.len(), bits, vec![keys])?;
                self.keyed(field, key_type, &keys)
            }
            DataType::Utf8 | DataType::Binary => {
                let (ends, bytes) = self.texts(at, 4, rows)?;
                let ends: Vec<i32> = ends.into_iter().map(|end| end as i32).collect();
                let ends = Buffer::from_vec(ends);
                built(data_type, rows.len(), bits, vec![ends, bytes])
            }
            DataType::LargeUtf8 | DataType::LargeBinary => {
                let (ends, bytes) = self.texts(at, 8, rows)?;
                let ends = Buffer::from_vec(ends);
                built(data_type, rows.len(), bits, vec![ends, bytes])
            }
            DataType::Boolean => {
                let place = self.place(at)?;
                let values = self.bits(place, rows)?;
                built(data_type, rows.len(), bits, vec![values])
            }
            _ => {
                let place = self.place(at)?;
                let values = self.fixed(place, data_type, rows)?;
                built(data_type, rows.len(), bits, vec![values])
            }
        }
    }

    /// Keys with the values that they are for.
    fn keyed(
        &self,
        field: &Field,
        key_type: &DataType,
        keys: &ArrayRef,
    ) -> Result<ArrayRef, String> {
        #[expect(deprecated, reason = "the number is how messages name a dictionary")]
        let number = field.dict_id();
        let values = number.and_then(|number| self.dictionaries.get(&number));
        let values = values.ok_or("its dictionary is not in the file")?;
        fn joined<K: ArrowDictionaryKeyType>(
            keys: &ArrayRef,
            values: &ArrayRef,
        ) -> Result<ArrayRef, String> {
            let keys = keys.as_primitive::<K>().clone();
            let array = DictionaryArray::<K>::try_new(keys, Arc::clone(values));
            Ok(Arc::new(array.map_err(text_of)?))
        }
        macro_rules! join {
            ($key:ty) => {
                joined::<$key>(keys, values)
            };
        }
        with_key_type!(key_type, join)
    }

    /// The next buffer.
    fn place(&self, at: &mut Start) -> Result<Place, String> {
        let buffers = self.batch.buffers().ok_or("the batch has no buffers")?;
        if at.buffer >= buffers.len() {
            return Err(format!("the batch has {} buffers", buffers.len()));
        }
        let buffer = buffers.get(at.buffer);
        at.buffer += 1;
        let body_bytes = self.body.end - self.body.start;
        let place = u64::try_from(buffer.offset()).ok().and_then(|offset| {
            let len_bytes = u64::try_from(buffer.length()).ok()?;
            let is_inside = offset.checked_add(len_bytes)? <= body_bytes;
            is_inside.then_some(Place { offset, len_bytes })
        });
        place.ok_or_else(|| {
            format!(
                "a buffer of {} bytes at byte {} is not in its body of {body_bytes} bytes",
                buffer.length(),
                buffer.offset()
            )
        })
    }

    /// These bytes of a buffer.
    fn bytes(&self, place: Place, range: Range<u64>) -> Result<Buffer, String> {
        if range.end > place.len_bytes {
            return Err(format!(
                "a buffer of {} bytes is too short for {} rows",
                place.len_bytes, self.rows
            ));
        }
        // Places are in the body, and that is in the file.
        let start = self.body.start + place.offset;
        let bytes = self.region.read(start + range.start..start + range.end);
        bytes
            .map(Buffer::from)
            .ok_or_else(|| "it cannot be read".to_owned())
    }

    /// A bit for each row.
    fn bits(&self, place: Place, rows: &Range<usize>) -> Result<Buffer, String> {
        self.bytes(place, rows.start as u64 / 8..rows.end.div_ceil(8) as u64)
    }

    /// A value of one size for each row.
    fn fixed(
        &self,
        place: Place,
        data_type: &DataType,
        rows: &Range<usize>,
    ) -> Result<Buffer, String> {
        let width = fixed_width(data_type).ok_or("its values have no size")? as u64;
        self.bytes(place, rows.start as u64 * width..rows.end as u64 * width)
    }

    /// Where the texts of the rows begin and end, and the texts; `width` is that of an offset in bytes.
    fn texts(
        &self,
        at: &mut Start,
        width: usize,
        rows: &Range<usize>,
    ) -> Result<(Vec<i64>, Buffer), String> {
        let (offsets, texts) = (self.place(at)?, self.place(at)?);
        if rows.is_empty() {
            // The one offset of no rows may be left out.
            return Ok((vec![0], Buffer::default()));
        }
        let range = rows.start as u64 * width as u64..(rows.end as u64 + 1) * width as u64;
        let bytes = self.bytes(offsets, range)?;
        let mut ends: Vec<i64> = match width {
            4 => {
                let (words, _) = bytes.as_chunks();
                words
                    .iter()
                    .map(|&word| i32::from_le_bytes(word).into())
                    .collect()
            }
            _ => {
                let (words, _) = bytes.as_chunks();
                words.iter().map(|&word| i64::from_le_bytes(word)).collect()
            }
        };
        let (first, last) = (ends[0], ends[rows.len()]);
        let range = u64::try_from(first).ok().zip(u64::try_from(last).ok());
        let range = range.filter(|(first, last)| first <= last);
        let (from, to) =
            range.ok_or_else(|| format!("its texts lie from byte {first} to {last}"))?;
        let bytes = self.bytes(texts, from..to)?;
        // What lies between is checked when the array is built.
        for end in &mut ends {
            *end = end.wrapping_sub(first);
        }
        Ok((ends, bytes))
    }
}

/// An array of these buffers, which are checked.
fn built(
    data_type: &DataType,
    rows: usize,
    nulls: Option<Buffer>,
    buffers: Vec<Buffer>,
) -> Result<ArrayRef, String> {
    if rows == 0 {
        return Ok(new_empty_array(data_type));
    }
    let data = ArrayData::builder(data_type.clone())
        .len(rows)
        .null_bit_buffer(nulls)
        .add_buffers(buffers)
        .align_buffers(true)
        .build();
    data.map(make_array).map_err(text_of)
}

/// Whether the bytes of some rows are known without reading others.
fn can_be_cut(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(members) => members.iter().all(|member| can_be_cut(member.data_type())),
        DataType::Dictionary(..)
        | DataType::Boolean
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Binary
        | DataType::LargeBinary => true,
        other => fixed_width(other).is_some(),
    }
}

/// The size of a value in bytes, if all have the same.
fn fixed_width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        other => other.primitive_width(),
    }
}
