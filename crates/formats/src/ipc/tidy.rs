//! Bits behind the last row: zeros, in what is written.
//!
//! Rows of which only the first are wanted share their bitmaps with those behind them. The library writes whole bytes, so the last
//! one would have bits of rows that are not in the file: and which these are depends on how the input was cut. Nothing
//! reads them, but the same rows must give the same file.

use arrow_array::{Array, ArrayRef};
use arrow_buffer::{ArrowNativeType, BooleanBuffer};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat;

/// The same values, copied if there are bits behind the last of them.
pub(super) fn tidy(array: ArrayRef) -> Result<ArrayRef, ArrowError> {
    match is_tidy(&array.to_data()) {
        true => Ok(array),
        // What is put together is put into new buffers.
        false => concat(&[array.as_ref(), array.slice(0, 0).as_ref()]),
    }
}

fn is_tidy(data: &ArrayData) -> bool {
    let nulls = data.nulls().filter(|nulls| nulls.null_count() > 0);
    if nulls.is_some_and(|nulls| has_bits_behind(nulls.inner())) {
        return false;
    }
    let children = data.child_data();
    let (first, len) = (data.offset(), data.len());
    match data.data_type() {
        DataType::Boolean => {
            let values = data.buffers()[0].clone();
            !has_bits_behind(&BooleanBuffer::new(values, first, len))
        }
        DataType::List(_) | DataType::Map(..) => has_tidy_items::<i32>(data),
        DataType::LargeList(_) => has_tidy_items::<i64>(data),
        DataType::FixedSizeList(_, size) => {
            let size = *size as usize;
            is_tidy(&children[0].slice(first * size, len * size))
        }
        // What of the others is written is not for us to tell.
        _ => children.iter().all(is_tidy),
    }
}

/// Whether the items are that belong to the lists of `data`.
fn has_tidy_items<O: ArrowNativeType>(data: &ArrayData) -> bool {
    let offsets = &data.buffer::<O>(0)[..=data.len()];
    let (first, last) = (offsets[0].as_usize(), offsets[data.len()].as_usize());
    is_tidy(&data.child_data()[0].slice(first, last - first))
}

/// Whether the byte that the last bit is written in would have others behind it.
fn has_bits_behind(bits: &BooleanBuffer) -> bool {
    let end = bits.offset() + bits.len();
    // Bits that begin within a byte are moved when they are written, and then nothing comes with them.
    let is_copied = !bits.offset().is_multiple_of(8);
    !is_copied
        && !bits.is_empty()
        && !end.is_multiple_of(8)
        && bits.values()[end / 8] >> (end % 8) != 0
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{BooleanArray, FixedSizeListArray, Int32Array, ListArray, StructArray};
    use arrow_buffer::OffsetBuffer;
    use arrow_schema::Field;

    use super::*;

    /// Three rows, and whatever stands behind them.
    fn arrays(more: &[Option<bool>]) -> Vec<ArrayRef> {
        let truths: Vec<_> = [Some(true), None, Some(false)]
            .iter()
            .chain(more)
            .copied()
            .collect();
        let rows = truths.len();
        let truths: ArrayRef = Arc::new(BooleanArray::from(truths));
        let numbers: Int32Array = (0..rows)
            .map(|row| (row != 1 && row < 9).then_some(row as i32))
            .collect();
        let item = Arc::new(Field::new("item", DataType::Boolean, true));
        let offsets = OffsetBuffer::from_lengths((0..rows).map(|_| 1));
        let list = ListArray::new(Arc::clone(&item), offsets, Arc::clone(&truths), None);
        let fixed = FixedSizeListArray::new(Arc::clone(&item), 1, Arc::clone(&truths), None);
        let member = StructArray::from(vec![(item, Arc::clone(&truths))]);
        let all: [ArrayRef; 5] = [
            truths,
            Arc::new(numbers),
            Arc::new(list),
            Arc::new(fixed),
            Arc::new(member),
        ];
        all.into_iter().collect()
    }

    #[test]
    fn bits_behind_the_last_row_are_found() {
        for (alone, first) in arrays(&[]).into_iter().zip(arrays(&[Some(true); 7])) {
            let cut = first.slice(0, 3);
            assert!(is_tidy(&alone.to_data()), "{}", alone.data_type());
            assert!(!is_tidy(&cut.to_data()), "{}", alone.data_type());
            let tidied = tidy(Arc::clone(&cut)).unwrap();
            assert!(is_tidy(&tidied.to_data()), "{}", alone.data_type());
            assert_eq!(&tidied, &cut);
        }
    }

    #[test]
    fn what_ends_with_its_bytes_is_not_copied() {
        for array in arrays(&[Some(true); 13]) {
            let tidied = tidy(Arc::clone(&array.slice(0, 8))).unwrap();
            assert!(
                tidied.to_data().ptr_eq(&array.slice(0, 8).to_data()),
                "{}",
                array.data_type()
            );
        }
    }
}
