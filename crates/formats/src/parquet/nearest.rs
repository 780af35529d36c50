//! Types that Arrow has and Parquet has not, as the nearest that every reader knows.
//!
//! The library stores them as bare integers and leaves a note of the Arrow type, which few readers other than itself look at: to
//! them a moment is a number. So seconds become milliseconds, and days that are counted in milliseconds become days.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Time32MillisecondType, Time32SecondType,
    TimestampMillisecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, make_array};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Schema, TimeUnit};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The schema that batches of `schema` are written with.
pub(super) fn nearest_schema(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(nearest_field);
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}

fn nearest_field(field: &Arc<Field>) -> Arc<Field> {
    match nearest_type(field.data_type()) {
        same if same == *field.data_type() => Arc::clone(field),
        other => Arc::new(field.as_ref().clone().with_data_type(other)),
    }
}

fn nearest_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
        }
        DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Date64 => DataType::Date32,
        DataType::List(items) => DataType::List(nearest_field(items)),
        DataType::LargeList(items) => DataType::LargeList(nearest_field(items)),
        DataType::FixedSizeList(items, size) => {
            DataType::FixedSizeList(nearest_field(items), *size)
        }
        DataType::Map(entries, is_sorted) => DataType::Map(nearest_field(entries), *is_sorted),
        DataType::Struct(members) => DataType::Struct(members.iter().map(nearest_field).collect()),
        other => other.clone(),
    }
}

/// The values of `array` as `to`, which is what [`nearest_schema`] makes of its type.
///
/// # Errors
/// For a value that the other type has no room for.
pub(super) fn nearest(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    match array.data_type() == to {
        true => Ok(Arc::clone(array)),
        false => data_as(array.to_data(), to).map(make_array),
    }
}

fn data_as(data: ArrayData, to: &DataType) -> Result<ArrayData, String> {
    let to_ms = |seconds: i64| seconds.checked_mul(1000);
    Ok(match (data.data_type(), to) {
        (from, to) if from == to => data,
        (DataType::Timestamp(..), DataType::Timestamp(_, zone)) => {
            let of = "seconds is a moment beyond what milliseconds can count";
            let array = mapped::<TimestampSecondType, TimestampMillisecondType>(data, of, to_ms)?;
            array.with_timezone_opt(zone.clone()).into_data()
        }
        (DataType::Time32(_), _) => {
            let of = "seconds is no time of day";
            let to_ms = |seconds: i32| seconds.checked_mul(1000);
            mapped::<Time32SecondType, Time32MillisecondType>(data, of, to_ms)?.into_data()
        }
        (DataType::Date64, _) => {
            let of = "milliseconds is a day beyond what 32 bits can count";
            let to_day = |ms: i64| i32::try_from(ms.div_euclid(DAY_MS)).ok();
            mapped::<Date64Type, Date32Type>(data, of, to_day)?.into_data()
        }
        _ => {
            let types: Vec<DataType> = match to {
                DataType::Struct(members) => {
                    members.iter().map(|it| it.data_type().clone()).collect()
                }
                DataType::List(items)
                | DataType::LargeList(items)
                | DataType::FixedSizeList(items, _)
                | DataType::Map(items, _) => vec![items.data_type().clone()],
                other => return Err(format!("{} cannot become {other}", data.data_type())),
            };
            let children = data.child_data().iter().cloned().zip(&types);
            let children = children.map(|(child, to)| data_as(child, to));
            let children = children.collect::<Result<Vec<_>, _>>()?;
            let built = data
                .into_builder()
                .data_type(to.clone())
                .child_data(children)
                .build();
            built.map_err(super::message)?
        }
    })
}

/// Each value by `map`; where that has none, `fault` says what the value is.
fn mapped<F, T>(
    data: ArrayData,
    fault: &str,
    map: impl Fn(F::Native) -> Option<T::Native>,
) -> Result<PrimitiveArray<T>, String>
where
    F: ArrowPrimitiveType<Native: std::fmt::Display>,
    T: ArrowPrimitiveType,
{
    PrimitiveArray::<F>::from(data)
        .try_unary(|value| map(value).ok_or_else(|| format!("{value} {fault}")))
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        Date32Array, Date64Array, Int32Array, ListArray, StructArray, Time32MillisecondArray,
        Time32SecondArray, TimestampMillisecondArray, TimestampSecondArray,
    };
    use arrow_buffer::OffsetBuffer;

    use super::*;

    fn as_written(array: ArrayRef) -> Result<ArrayRef, String> {
        let schema = Schema::new(vec![Field::new("c", array.data_type().clone(), true)]);
        nearest(&array, nearest_schema(&schema).field(0).data_type())
    }

    #[test]
    fn seconds_and_long_days_become_what_parquet_has() {
        let zone = || Some("Europe/Berlin");
        let moments = TimestampSecondArray::from(vec![Some(7), None, Some(-1)]);
        let expected = TimestampMillisecondArray::from(vec![Some(7000), None, Some(-1000)]);
        let pairs: [(ArrayRef, ArrayRef); 5] = [
            (Arc::new(moments.clone()), Arc::new(expected.clone())),
            (
                Arc::new(moments.with_timezone_opt(zone())),
                Arc::new(expected.with_timezone_opt(zone())),
            ),
            (
                Arc::new(Time32SecondArray::from(vec![Some(86_399), None])),
                Arc::new(Time32MillisecondArray::from(vec![Some(86_399_000), None])),
            ),
            (
                // An array that is not of whole days has no such values by its definition; each lies on its day.
                Arc::new(Date64Array::from(vec![Some(DAY_MS), None, Some(-1)])),
                Arc::new(Date32Array::from(vec![Some(1), None, Some(-1)])),
            ),
            (
                Arc::new(Int32Array::from(vec![1])),
                Arc::new(Int32Array::from(vec![1])),
            ),
        ];
        for (array, expected) in pairs {
            // What is left out may hold anything.
            let whole = as_written(Arc::clone(&array)).unwrap();
            assert_eq!(&whole, &expected);
            let slice = as_written(array.slice(0, array.len() - 1)).unwrap();
            assert_eq!(&slice, &expected.slice(0, expected.len() - 1));
        }
    }

    #[test]
    fn items_and_members_do_as_well() {
        let days: ArrayRef = Arc::new(Date64Array::from(vec![0, DAY_MS, 2 * DAY_MS]));
        let members = StructArray::from(vec![(
            Arc::new(Field::new("day", DataType::Date64, true)),
            days,
        )]);
        let item = Arc::new(Field::new("item", members.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths([1, 0, 2]);
        let lists = ListArray::new(item, offsets, Arc::new(members), None);
        let written = as_written(Arc::new(lists.slice(1, 2))).unwrap();
        let text = format!("{written:?}");
        assert!(text.contains("PrimitiveArray<Date32>"), "{text}");
        assert!(
            text.contains("1970-01-03") && !text.contains("1970-01-01"),
            "{text}"
        );
    }

    #[test]
    fn values_without_room_are_errors() {
        let late = as_written(Arc::new(TimestampSecondArray::from(vec![i64::MAX])));
        let late = late.unwrap_err();
        assert!(
            late.starts_with("9223372036854775807 seconds is a moment"),
            "{late}"
        );
        let far = as_written(Arc::new(Date64Array::from(vec![i64::MIN])));
        assert!(far.is_err());
    }
}
