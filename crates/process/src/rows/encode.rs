//! One row to bytes.

use tamis_formats::Block;
use tamis_formats::csv::{self, Dialect};
use tamis_formats::moment::write_moment;
use tamis_formats::vector::{Values, Vector};
use tamis_formats::write::{write_delimited_field, write_json_field, write_json_string};

use super::plan::{From, Plan};

/// What a row is written from.
pub(super) struct Rows<'b> {
    pub(super) block: &'b Block<'b>,
    /// How the fields of the block are written, if it is CSV.
    pub(super) dialect: Option<&'b Dialect>,
    /// Where the wanted columns are in the block.
    pub(super) fields: &'b [usize],
    /// Their values, where the plan has them read.
    pub(super) vectors: &'b [Vector],
    /// The values of the computed columns, with the bytes that their texts lie in.
    pub(super) computed: &'b [(&'b Vector, &'b [u8])],
}

impl Rows<'_> {
    /// Appends a row as a record of `to`, its terminator included.
    pub(super) fn write_delimited(
        &self,
        plan: &Plan,
        row: usize,
        to: &Dialect,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        for (at, output) in plan.outputs.iter().enumerate() {
            if at > 0 {
                out.push(to.delimiter);
            }
            match output.from {
                From::Column(column) | From::Stored(column) => {
                    let place = (row, self.fields[column]);
                    write_delimited_field(self.block, place, self.dialect, to, scratch, out);
                }
                From::Computed(computed) => {
                    let (vector, bytes) = self.computed[computed];
                    scratch.clear();
                    if write_value(vector, bytes, row, scratch) {
                        csv::write_field(scratch, to, out);
                    }
                }
            }
        }
        if out.len() == start {
            // Without a quote it would be a blank line, and those are no records.
            csv::write_field(b"", to, out);
        }
        out.push(b'\n');
    }

    /// Appends a row as a JSON object.
    pub(super) fn write_object(
        &self,
        plan: &Plan,
        keys: &[Vec<u8>],
        row: usize,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) {
        for (key, output) in keys.iter().zip(&plan.outputs) {
            out.extend_from_slice(key);
            match output.from {
                From::Column(column) | From::Stored(column) => {
                    self.write_json(plan, column, row, scratch, out)
                }
                From::Computed(computed) => {
                    let (vector, bytes) = self.computed[computed];
                    scratch.clear();
                    match (&vector.values, write_value(vector, bytes, row, scratch)) {
                        (_, false) => out.extend_from_slice(b"null"),
                        (Values::Boolean(_) | Values::Integer(_) | Values::Number(_), true) => {
                            out.extend_from_slice(scratch);
                        }
                        (_, true) => write_json_string(scratch, out),
                    }
                }
            }
        }
        out.push(b'}');
    }

    fn write_json(
        &self,
        plan: &Plan,
        column: usize,
        row: usize,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) {
        let vector = &self.vectors[column];
        if vector.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        let place = (row, self.fields[column]);
        let read_as = (vector.ty(), plan.point);
        write_json_field(self.block, place, self.dialect, read_as, scratch, out);
    }
}

/// Appends a computed value as text; `false` if there is none.
pub(super) fn write_value(vector: &Vector, bytes: &[u8], row: usize, out: &mut Vec<u8>) -> bool {
    if vector.is_null(row) {
        return false;
    }
    match &vector.values {
        Values::Null => return false,
        Values::Boolean(bits) => match bits[row / 64] >> (row % 64) & 1 {
            1 => out.extend_from_slice(b"true"),
            _ => out.extend_from_slice(b"false"),
        },
        Values::Integer(values) => {
            out.extend_from_slice(itoa::Buffer::new().format(values[row]).as_bytes());
        }
        Values::Number(values) => {
            let text = zmij::Buffer::new().format(values[row]).to_owned();
            // 12.0 is 12: a computed number is written as short as it can be.
            let text = text.strip_suffix(".0").unwrap_or(&text);
            out.extend_from_slice(text.as_bytes());
        }
        Values::Text(texts) => out.extend_from_slice(texts.get(row, bytes)),
        Values::Date(values) | Values::Time(values) | Values::Timestamp(values) => {
            write_moment(vector.ty(), values[row], out);
        }
    }
    true
}
