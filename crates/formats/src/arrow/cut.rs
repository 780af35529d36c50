//! Batches of any size, cut into groups at the same rows whatever their sizes are.
//!
//! Batches are as large as the pieces of input were, and outputs must not depend on these. So a group ends after so many rows, or
//! earlier where they are long: their bytes are looked at every [`STEP_ROWS`] rows, and counted alike wherever a batch ends.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_buffer::ArrowNativeType;
use arrow_schema::DataType;

/// Rows after which bytes are looked at.
const STEP_ROWS: usize = 1024;

/// Collects batches for the next group.
#[derive(Debug)]
pub(crate) struct Cutter {
    rows_max: usize,
    bytes_max: usize,
    pending: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Cutter {
    /// Groups of so many rows, fewer where they come to so many bytes.
    pub(crate) fn new(rows_max: usize, bytes_max: usize) -> Cutter {
        Cutter {
            rows_max: rows_max.max(1),
            bytes_max,
            pending: Vec::new(),
            rows: 0,
            bytes: 0,
        }
    }

    /// Takes the rows of `batch`; calls `full` with each group that is complete with them.
    pub(crate) fn push<E>(
        &mut self,
        batch: &RecordBatch,
        mut full: impl FnMut(Vec<RecordBatch>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut first, mut at) = (0, 0);
        while at < batch.num_rows() {
            let room = (self.rows_max - self.rows).min(STEP_ROWS - self.rows % STEP_ROWS);
            let rows = at..batch.num_rows().min(at + room);
            at = rows.end;
            self.rows += rows.len();
            let columns = batch.columns().iter();
            self.bytes += columns
                .map(|column| len_bytes(column, rows.clone()))
                .sum::<usize>();
            let is_step = self.rows.is_multiple_of(STEP_ROWS);
            if self.rows == self.rows_max || is_step && self.bytes >= self.bytes_max {
                self.pending.push(batch.slice(first, at - first));
                first = at;
                full(self.take())?;
            }
        }
        if first < at {
            self.pending.push(batch.slice(first, at - first));
        }
        Ok(())
    }

    /// The rows that are left: perhaps none.
    pub(crate) fn take(&mut self) -> Vec<RecordBatch> {
        (self.rows, self.bytes) = (0, 0);
        std::mem::take(&mut self.pending)
    }
}

/// About how many bytes the values of some rows have; the sum over neighbours is that of them all.
fn len_bytes(array: &ArrayRef, rows: Range<usize>) -> usize {
    fn between<O: ArrowNativeType>(offsets: &[O], rows: &Range<usize>) -> Range<usize> {
        offsets[rows.start].as_usize()..offsets[rows.end].as_usize()
    }
    match array.data_type() {
        DataType::Utf8 => between(array.as_string::<i32>().value_offsets(), &rows).len(),
        DataType::LargeUtf8 => between(array.as_string::<i64>().value_offsets(), &rows).len(),
        DataType::Binary => between(array.as_binary::<i32>().value_offsets(), &rows).len(),
        DataType::LargeBinary => between(array.as_binary::<i64>().value_offsets(), &rows).len(),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            len_bytes(list.values(), between(list.value_offsets(), &rows))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            len_bytes(list.values(), between(list.value_offsets(), &rows))
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let entries = between(map.value_offsets(), &rows);
            let columns = map.entries().columns().iter();
            columns.map(|it| len_bytes(it, entries.clone())).sum()
        }
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            columns.map(|it| len_bytes(it, rows.clone())).sum()
        }
        DataType::FixedSizeBinary(width) => rows.len() * *width as usize,
        other => rows.len() * other.primitive_width().unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::StringArray;

    use super::*;

    /// The rows of the groups of 10,000 texts of that length, in batches of `batch_rows`.
    fn groups(batch_rows: usize, len_bytes: usize) -> Vec<usize> {
        let text = "x".repeat(len_bytes);
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..10_000).map(|_| &text)));
        let all = RecordBatch::try_from_iter([("t", texts)]).unwrap();
        let mut cutter = Cutter::new(4000, 100_000);
        let mut groups = Vec::new();
        let rows = |group: &[RecordBatch]| group.iter().map(RecordBatch::num_rows).sum();
        for first in (0..10_000).step_by(batch_rows) {
            let batch = all.slice(first, batch_rows.min(10_000 - first));
            let full = |group: Vec<RecordBatch>| {
                groups.push(rows(&group));
                Ok::<(), ()>(())
            };
            cutter.push(&batch, full).unwrap();
        }
        groups.push(rows(&cutter.take()));
        groups
    }

    #[test]
    fn cuts_do_not_depend_on_batches() {
        for batch_rows in [1, 7, 1024, 3000, 10_000] {
            assert_eq!(groups(batch_rows, 3), [4000, 4000, 2000]);
            assert_eq!(groups(batch_rows, 50), [2048, 2048, 2048, 2048, 1808]);
        }
    }
}
