//! Where the rows of a block lie in arrays: for whoever passes columns on as they are.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};
use arrow_select::nullif::nullif;

use super::{Slice, Sources};

/// Some rows of a batch.
#[derive(Clone, Debug)]
pub struct Stretch {
    batch: Arc<Sources>,
    rows: Range<usize>,
}

impl Stretch {
    pub(super) fn new(slice: &Slice, rows: &Range<usize>) -> Stretch {
        Stretch {
            batch: Arc::clone(&slice.batch),
            rows: rows.clone(),
        }
    }

    /// Takes the rows of `next` behind its own, if that is where they stand.
    pub(super) fn extend(&mut self, next: &Stretch) -> bool {
        let follows = Arc::ptr_eq(&self.batch, &next.batch) && self.rows.end == next.rows.start;
        if follows {
            self.rows.end = next.rows.end;
        }
        follows
    }

    /// These rows of a column of the blocks; `None` for one that is not there. A member of a struct is null where the
    /// struct is.
    pub(super) fn array(&self, column: usize) -> Option<ArrayRef> {
        // Where a source is wrong, its rows are no block in the first place.
        let source = self.batch.sources[column].as_ref()?.as_ref().ok()?;
        let rows = source.array.slice(self.rows.start, self.rows.len());
        let nulls = source.nulls.as_ref().filter(|_| source.is_member);
        Some(match nulls {
            None => rows,
            Some(nulls) => {
                let nulls = nulls.slice(self.rows.start, self.rows.len());
                let are_null = BooleanArray::new(!nulls.inner(), None);
                nullif(&rows, &are_null).expect("there are as many bits as rows")
            }
        })
    }
}
