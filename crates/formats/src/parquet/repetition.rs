//! Which columns are worth a dictionary: those whose values come again.
//!
//! The library tries a dictionary on every column and gives up when it has grown too large, once for each row group; until then it
//! has hashed every value for nothing. Identifiers and amounts never repeat enough, so a sample of the first row group says
//! which columns are like that. Hashing and looking up took 36 % of the samples of a conversion of 2 million transactions.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// Values that are looked at.
const SAMPLE_ROWS: usize = 8192;

/// Whether at least half of a sample of the values are others' equals, as far as that can be said of their type.
pub(super) fn repeats(column: &ArrayRef) -> bool {
    let rows: Vec<usize> = (0..column.len())
        .step_by(column.len().div_ceil(SAMPLE_ROWS).max(1))
        .filter(|&row| column.is_valid(row))
        .collect();
    let distinct = match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            count(rows.iter().map(|&row| texts.value(row).as_bytes()))
        }
        DataType::LargeUtf8 => {
            let texts = column.as_string::<i64>();
            count(rows.iter().map(|&row| texts.value(row).as_bytes()))
        }
        other => {
            let Some(width) = other.primitive_width() else {
                return true;
            };
            let data = column.to_data();
            let bytes = &data.buffers()[0].as_slice()[data.offset() * width..];
            count(rows.iter().map(|&row| &bytes[row * width..][..width]))
        }
    };
    2 * distinct <= rows.len()
}

fn count<'v>(values: impl Iterator<Item = &'v [u8]>) -> usize {
    values.collect::<HashSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float64Array, Int64Array, StringArray};

    use super::*;

    #[test]
    fn values_that_come_again_are_found() {
        let rows = 0..50_000_i64;
        let columns: [(ArrayRef, bool); 5] = [
            (Arc::new(Int64Array::from_iter_values(rows.clone())), false),
            (
                Arc::new(Int64Array::from_iter_values(
                    rows.clone().map(|row| row / 100),
                )),
                true,
            ),
            (
                Arc::new(Float64Array::from_iter(
                    rows.clone()
                        .map(|row| (row % 2 == 0).then_some(row as f64 / 7.0)),
                )),
                false,
            ),
            (
                Arc::new(StringArray::from_iter_values(
                    rows.clone().map(|row| format!("id {row}")),
                )),
                false,
            ),
            (
                Arc::new(StringArray::from_iter_values(
                    rows.map(|row| ["DE", "FR", ""][row as usize % 3]),
                )),
                true,
            ),
        ];
        for (column, expected) in columns {
            assert_eq!(repeats(&column), expected, "{:?}", column.data_type());
            // A slice has its values behind an offset.
            let slice = column.slice(40_000, 9000);
            assert_eq!(repeats(&slice), expected, "{:?}", column.data_type());
        }
    }
}
