//! Arrays as they are passed on: values, where others would be packed for their file alone.
//!
//! Two batches of a file may have other dictionaries, and the buffers of views are written whole with every batch that looks into
//! them, so both become their values. Everything else stays as it is.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::RunEndIndexType;
use arrow_array::{
    Array, ArrayRef, BinaryArray, GenericListArray, LargeStringArray, OffsetSizeTrait, RunArray,
    StringArray, StructArray, UInt64Array, downcast_run_array, new_null_array,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};
use arrow_select::take::take;

use crate::Error;
use crate::parquet::message;

/// What an array of that type is passed on as.
pub fn passed_as(data_type: &DataType) -> DataType {
    let field = |field: &Arc<Field>| {
        let data_type = passed_as(field.data_type());
        Arc::new(field.as_ref().clone().with_data_type(data_type))
    };
    match data_type {
        DataType::Dictionary(_, values) => passed_as(values),
        DataType::RunEndEncoded(_, values) => passed_as(values.data_type()),
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(items) => DataType::List(field(items)),
        DataType::LargeList(items) => DataType::LargeList(field(items)),
        DataType::Struct(members) => DataType::Struct(members.iter().map(field).collect()),
        other => other.clone(),
    }
}

/// The array as `to`, which is what one of its kind is passed on as: its own type, or that of another input.
///
/// # Errors
/// [`Error::OtherType`] if one is not the other; `column` is what that calls it. [`Error::ValueTooLong`] for more than 2 GiB of
/// text.
pub(super) fn unpack(array: &ArrayRef, to: &DataType, column: &str) -> Result<ArrayRef, Error> {
    let from = array.data_type();
    if from == to {
        return Ok(Arc::clone(array));
    }
    Ok(match (from, to) {
        (DataType::Null, _) => new_null_array(to, array.len()),
        (DataType::Dictionary(..), _) => {
            let dictionary = array.as_any_dictionary();
            let values = take(dictionary.values(), dictionary.keys(), None);
            unpack(&values.map_err(damaged(column))?, to, column)?
        }
        (DataType::RunEndEncoded(..), _) => {
            let array = array.as_ref();
            let values =
                downcast_run_array!(array => repeated(array), _ => unreachable!("it has runs"));
            unpack(&values.map_err(damaged(column))?, to, column)?
        }
        (DataType::Utf8View, DataType::Utf8) => {
            let texts = array.as_string_view();
            check_length(texts.iter().flatten().map(str::len).sum())?;
            Arc::new(StringArray::from_iter(texts))
        }
        (DataType::LargeUtf8, DataType::Utf8) => {
            let texts = array.as_string::<i64>();
            check_length(texts.iter().flatten().map(str::len).sum())?;
            Arc::new(StringArray::from_iter(texts))
        }
        (DataType::Utf8View, DataType::LargeUtf8) => {
            Arc::new(LargeStringArray::from_iter(array.as_string_view()))
        }
        (DataType::Utf8, DataType::LargeUtf8) => {
            Arc::new(LargeStringArray::from_iter(array.as_string::<i32>()))
        }
        (DataType::BinaryView, DataType::Binary) => {
            let texts = array.as_binary_view();
            check_length(texts.iter().flatten().map(<[u8]>::len).sum())?;
            Arc::new(BinaryArray::from_iter(texts))
        }
        (DataType::List(_), DataType::List(items)) => {
            Arc::new(list(array.as_list::<i32>(), items, column)?)
        }
        (DataType::LargeList(_), DataType::LargeList(items)) => {
            Arc::new(list(array.as_list::<i64>(), items, column)?)
        }
        (DataType::Struct(old), DataType::Struct(members)) if old.len() == members.len() => {
            let array = array.as_struct();
            let values = array.columns().iter().zip(members);
            let values = values.map(|(values, member)| unpack(values, member.data_type(), column));
            let values = values.collect::<Result<Vec<_>, _>>()?;
            let nulls = array.nulls().cloned();
            let unpacked = StructArray::try_new(members.clone(), values, nulls);
            Arc::new(unpacked.map_err(damaged(column))?)
        }
        _ => {
            return Err(Error::OtherType {
                column: column.to_owned(),
                data_type: from.to_string(),
                expected: to.to_string(),
            });
        }
    })
}

/// The value of each row.
fn repeated<R: RunEndIndexType>(array: &RunArray<R>) -> Result<ArrayRef, arrow_schema::ArrowError> {
    let places = (0..array.len()).map(|row| array.get_physical_index(row) as u64);
    take(array.values(), &UInt64Array::from_iter_values(places), None)
}

fn list<O: OffsetSizeTrait>(
    array: &GenericListArray<O>,
    items: &Arc<Field>,
    column: &str,
) -> Result<GenericListArray<O>, Error> {
    // Only the values of these rows: the array may be a slice.
    let offsets = array.value_offsets();
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let values = array.values();
    let values = values.slice(first.as_usize(), (last - first).as_usize());
    let values = unpack(&values, items.data_type(), column)?;
    let offsets: Vec<O> = offsets.iter().map(|&offset| offset - first).collect();
    let nulls = array.nulls().cloned();
    let unpacked = GenericListArray::try_new(
        Arc::clone(items),
        OffsetBuffer::new(offsets.into()),
        values,
        nulls,
    );
    unpacked.map_err(damaged(column))
}

fn check_length(len_bytes: usize) -> Result<(), Error> {
    match i32::try_from(len_bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::ValueTooLong {
            len_bytes,
            limit_bytes: i32::MAX as usize,
        }),
    }
}

fn damaged(column: &str) -> impl Fn(arrow_schema::ArrowError) -> Error {
    move |error| Error::Damaged {
        place: format!("column `{column}`"),
        message: message(error),
    }
}
