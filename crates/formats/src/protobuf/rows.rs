//! Cells to blocks: the columns of some thousand messages, one column after the other.
//!
//! Texts stay where they lie in the messages; everything else is written out. A block is small enough that its cells
//! are still in a cache when their columns are made of them.

use std::ops::Range;

use super::json::Json;
use super::leaf::Form;
use super::plan::{ABSENT, DEFAULT, Output, Plan};
use super::text;
use super::types::Scalar;
use super::walker::Walker;
use crate::block::{Column, Kinds};
use crate::columns::VALUE_BYTES_MAX;
use crate::{Block, Error, Kind, Visitor, jsonl};

/// Cells of a block, all columns together: half a megabyte of them.
const CELLS_MAX: usize = 64 << 10;

/// Rows of a block at most.
const ROWS_MAX: usize = 2048;

/// Rows that become a block when there are enough of them.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) walker: Walker,
    /// Rows that are filled.
    count: usize,
    rows_max: usize,
    /// Where each record lies, as pairs.
    records: Vec<u32>,
    /// Where the message in each begins.
    messages: Vec<u32>,
    columns: Vec<Values>,
}

/// The values of one column of a block.
#[derive(Debug, Default)]
struct Values {
    /// What is written out; what lies in the messages is not here.
    text: Vec<u8>,
    index: Vec<u32>,
    kinds: Vec<Kind>,
    /// Values that are of another kind than the column's others would be, or that are empty.
    is_mixed: bool,
    is_ascii: bool,
}

impl Rows {
    pub(super) fn new(plan: &Plan) -> Rows {
        let rows_max = (CELLS_MAX / plan.template.len().max(1)).clamp(16, ROWS_MAX);
        let mut columns = Vec::new();
        columns.resize_with(plan.outputs.len(), Values::default);
        Rows {
            walker: Walker::new(plan, rows_max),
            count: 0,
            rows_max,
            records: Vec::with_capacity(2 * rows_max),
            messages: Vec::with_capacity(rows_max),
            columns,
        }
    }

    /// The row that the next message fills.
    pub(super) fn next(&self) -> usize {
        self.count
    }

    /// The row is filled, by the record that lies there and has its message from `message` on; `true` if the block is full.
    pub(super) fn push(&mut self, record: &Range<usize>, message: usize) -> bool {
        self.records
            .extend([record.start as u32, record.end as u32]);
        self.messages.push(message as u32);
        self.count += 1;
        self.count == self.rows_max
    }

    /// Hands the rows on, if there are any.
    ///
    /// # Errors
    /// [`Error::ValueTooLong`] for lists and messages with a text that no column can hold.
    pub(super) fn flush(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        visitor: &mut dyn Visitor,
    ) -> Result<(), Error> {
        if self.count == 0 {
            return Ok(());
        }
        let row = Row {
            plan,
            walker: &self.walker,
            count: self.count,
        };
        for (output, values) in plan.outputs.iter().zip(&mut self.columns) {
            values.clear();
            match (output.form, output.scalar) {
                (Form::Scalar, Scalar::Text) if output.default.is_none() => {
                    values.fill_texts(&row, output);
                }
                (Form::Scalar, Scalar::Text | Scalar::Bytes) => {
                    values.fill_copies(&row, output, bytes);
                }
                (Form::Scalar, _) => values.fill_scalars(&row, output),
                (Form::Message, _) => values.fill_messages(&row, output),
                (Form::Timestamp | Form::Duration, _) => values.fill_moments(&row, output),
                (Form::Json, _) => {
                    let ends = self.records.chunks_exact(2).map(|pair| pair[1]);
                    let messages = self.messages.iter().zip(ends);
                    let messages =
                        messages.map(|(&start, end)| &bytes[start as usize..end as usize]);
                    values.fill_json(&row, output, messages);
                }
            }
            if values.text.len() > VALUE_BYTES_MAX {
                return Err(Error::ValueTooLong {
                    len_bytes: values.text.len(),
                    limit_bytes: VALUE_BYTES_MAX,
                });
            }
        }
        let columns = plan.outputs.iter().zip(&self.columns);
        let columns: Vec<_> = columns
            .map(|(output, values)| values.column(output, bytes))
            .collect();
        visitor.block(&Block {
            bytes,
            records: Some(&self.records),
            ..Block::apart(&columns, self.count)
        });
        self.walker.is_wide.fill(false);
        self.records.clear();
        self.messages.clear();
        self.count = 0;
        Ok(())
    }
}

/// The filled rows, to read columns from.
struct Row<'r> {
    plan: &'r Plan,
    walker: &'r Walker,
    count: usize,
}

impl Row<'_> {
    /// Calls `take` with the state and the value of a cell in every row, and the value of the cell behind it.
    #[inline(always)]
    fn for_each(&self, output: &Output, mut take: impl FnMut(u8, u64, usize)) {
        let cells = self.plan.template.len();
        let first = output.cell as usize;
        let values = self.walker.values.chunks_exact(cells);
        let states = self.walker.states.chunks_exact(cells);
        for (row, (values, states)) in values.zip(states).take(self.count).enumerate() {
            take(states[first], values[first], row);
        }
    }
}

impl Values {
    fn clear(&mut self) {
        self.text.clear();
        self.index.clear();
        self.kinds.clear();
        self.is_mixed = false;
        self.is_ascii = true;
    }

    /// Adds the value that was written to `text` from `start` on.
    #[inline(always)]
    fn end(&mut self, start: usize, kind: Kind) {
        self.index
            .extend([(start as u32).wrapping_sub(1), self.text.len() as u32]);
        self.kinds.push(kind);
    }

    /// Adds what a row has that does not say anything.
    #[inline(never)]
    fn end_without(&mut self, state: u8, output: &Output) {
        let start = self.text.len();
        self.is_mixed = true;
        match &output.default {
            Some((kind, text)) if state == DEFAULT => {
                self.text.extend_from_slice(text.as_bytes());
                self.end(start, *kind);
            }
            _ => self.end(start, Kind::Missing),
        }
    }

    /// Texts, which stay in the messages.
    fn fill_texts(&mut self, row: &Row<'_>, output: &Output) {
        self.is_ascii = !row.walker.is_wide[output.cell as usize];
        row.for_each(output, |state, value, _| {
            let (start, end) = ((value >> 32) as u32, value as u32);
            self.is_mixed |= start == end;
            let kind = match state {
                ABSENT => Kind::Missing,
                _ => Kind::String,
            };
            let end = if state == ABSENT { start } else { end };
            self.index.extend([start.wrapping_sub(1), end]);
            self.kinds.push(kind);
            self.is_mixed |= state == ABSENT;
        });
    }

    /// Texts of columns that declare a default, which stands in no message; and bytes.
    fn fill_copies(&mut self, row: &Row<'_>, output: &Output, bytes: &[u8]) {
        row.for_each(output, |state, value, _| {
            if state == ABSENT || state == DEFAULT {
                return self.end_without(state, output);
            }
            let start = self.text.len();
            let found = &bytes[(value >> 32) as usize..value as u32 as usize];
            match output.scalar {
                Scalar::Bytes => text::base64(found, &mut self.text),
                _ => self.text.extend_from_slice(found),
            }
            self.is_mixed |= found.is_empty();
            self.end(start, Kind::String);
        });
        self.is_ascii = self.text.is_ascii();
    }

    fn fill_scalars(&mut self, row: &Row<'_>, output: &Output) {
        let enums = &row.plan.enums;
        let mut only = None;
        row.for_each(output, |state, value, _| {
            if state == ABSENT || state == DEFAULT {
                return self.end_without(state, output);
            }
            let start = self.text.len();
            let kind = text::scalar(value, output.scalar, enums, &mut self.text);
            self.is_mixed |= *only.get_or_insert(kind) != kind;
            self.end(start, kind);
        });
        self.is_ascii = self.text.is_ascii();
    }

    /// Messages, of which only is asked whether they are there.
    fn fill_messages(&mut self, row: &Row<'_>, output: &Output) {
        row.for_each(output, |state, _, _| {
            if state == ABSENT {
                return self.end_without(state, output);
            }
            let start = self.text.len();
            self.text.extend_from_slice(b"{}");
            self.end(start, Kind::Object);
        });
    }

    /// Moments and durations; those that are none are shown as what they are made of.
    fn fill_moments(&mut self, row: &Row<'_>, output: &Output) {
        let write = match output.form {
            Form::Timestamp => text::timestamp,
            _ => text::duration,
        };
        let cells = row.plan.template.len();
        row.for_each(output, |state, seconds, at| {
            if state == ABSENT {
                return self.end_without(state, output);
            }
            let start = self.text.len();
            let nanos = row.walker.values[at * cells + output.cell as usize + 1] as i32;
            if write(seconds as i64, nanos, &mut self.text) {
                return self.end(start, Kind::String);
            }
            let shown = format!("{{\"seconds\":{},\"nanos\":{nanos}}}", seconds as i64);
            self.text.extend_from_slice(shown.as_bytes());
            self.is_mixed = true;
            self.end(start, Kind::Object);
        });
    }

    fn fill_json<'m>(
        &mut self,
        row: &Row<'_>,
        output: &Output,
        mut messages: impl Iterator<Item = &'m [u8]>,
    ) {
        self.is_mixed = true;
        self.is_ascii = false;
        let json = Json {
            nodes: &row.plan.nodes,
            enums: &row.plan.enums,
            bytes_max: VALUE_BYTES_MAX,
        };
        row.for_each(output, |state, _, _| {
            let message = messages.next().unwrap_or_default();
            let start = self.text.len();
            if state == ABSENT || !json.column(message, &output.path, &mut self.text) {
                return self.end_without(ABSENT, output);
            }
            let kind = match self.text.get(start) {
                Some(b'{') => Kind::Object,
                Some(b'[') => Kind::Array,
                Some(b'"') => self.unquote(start),
                Some(b't' | b'f') => Kind::Boolean,
                Some(b'n') => {
                    self.text.truncate(start);
                    Kind::Null
                }
                _ => Kind::Number,
            };
            self.end(start, kind);
        });
    }

    /// A `google.protobuf.Value` may be a string: the column has what the string says.
    fn unquote(&mut self, start: usize) -> Kind {
        let quoted = self.text.split_off(start);
        let inner = &quoted[1..quoted.len() - 1];
        let mut decoded = Vec::new();
        self.text
            .extend_from_slice(jsonl::decode_string(inner, &mut decoded));
        Kind::String
    }

    fn column<'c>(&'c self, output: &Output, bytes: &'c [u8]) -> Column<'c> {
        let is_borrowed = matches!(
            (output.form, output.scalar, &output.default),
            (Form::Scalar, Scalar::Text, None)
        );
        Column {
            bytes: if is_borrowed { bytes } else { &self.text },
            index: &self.index,
            kinds: match self.kinds.first() {
                Some(&kind) if !self.is_mixed => Kinds::All(kind),
                _ => Kinds::Each(&self.kinds),
            },
            ascii: Some(self.is_ascii),
            suspects: None,
        }
    }
}
