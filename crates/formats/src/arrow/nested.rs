//! Lists, maps and structs as text: their JSON.
//!
//! The elements of many rows lie one behind the other, so their texts are made at once and then put together row by row.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, OffsetSizeTrait};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;

use super::dictionary::Dictionary;
use super::text::Text;
use super::{EmptyText, Spare, moment, number};
use crate::Error;
use crate::write::write_json_string;

/// The JSON of some rows, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Json {
    pub(super) bytes: Vec<u8>,
    /// Where each row's ends.
    pub(super) ends: Vec<usize>,
}

impl Json {
    fn of(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[row]]
    }

    fn end_row(&mut self) {
        self.ends.push(self.bytes.len());
    }
}

/// The JSON of these rows of `array`; `nulls` are those that count.
///
/// # Errors
/// [`Error::ValueTooLong`]; [`Error::NotUtf8`] and [`Error::NoText`], whose column is the member of a struct that is meant, or
/// nothing.
pub(super) fn json(
    array: &dyn Array,
    nulls: Option<&NullBuffer>,
    rows: Range<usize>,
) -> Result<Json, Error> {
    let is_null = |row: usize| nulls.is_some_and(|nulls| nulls.is_null(row));
    match array.data_type() {
        DataType::List(_) => lists(array.as_list::<i32>().values(), rows, is_null, |row| {
            span(array.as_list::<i32>().value_offsets(), row)
        }),
        DataType::LargeList(_) => lists(array.as_list::<i64>().values(), rows, is_null, |row| {
            span(array.as_list::<i64>().value_offsets(), row)
        }),
        DataType::FixedSizeList(_, size) => {
            let size = usize::try_from(*size).unwrap_or(0);
            let values = array.as_fixed_size_list().values();
            lists(values, rows, is_null, |row| row * size..(row + 1) * size)
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            let (starts, sizes) = (list.value_offsets(), list.value_sizes());
            lists(list.values(), rows, is_null, |row| view(starts, sizes, row))
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            let (starts, sizes) = (list.value_offsets(), list.value_sizes());
            lists(list.values(), rows, is_null, |row| view(starts, sizes, row))
        }
        DataType::Map(..) => maps(array, rows, is_null),
        DataType::Struct(_) => structs(array, rows, is_null),
        _ => scalars(array, nulls, rows),
    }
}

fn span<O: OffsetSizeTrait>(offsets: &[O], row: usize) -> Range<usize> {
    offsets[row].as_usize()..offsets[row + 1].as_usize()
}

fn view<O: OffsetSizeTrait>(starts: &[O], sizes: &[O], row: usize) -> Range<usize> {
    let start = starts[row].as_usize();
    start..start + sizes[row].as_usize()
}

/// The elements that any of these rows has.
fn hull(rows: Range<usize>, span: impl Fn(usize) -> Range<usize>) -> Range<usize> {
    let spans = rows.map(span).filter(|span| !span.is_empty());
    let hull = spans.reduce(|all, one| all.start.min(one.start)..all.end.max(one.end));
    hull.unwrap_or(0..0)
}

fn lists(
    values: &ArrayRef,
    rows: Range<usize>,
    is_null: impl Fn(usize) -> bool,
    span: impl Fn(usize) -> Range<usize>,
) -> Result<Json, Error> {
    // What lies under a null may be anything.
    let span = |row: usize| if is_null(row) { 0..0 } else { span(row) };
    let elements = hull(rows.clone(), span);
    let values = json(
        values.as_ref(),
        values.logical_nulls().as_ref(),
        elements.clone(),
    )?;
    let mut out = Json::default();
    for row in rows {
        if is_null(row) {
            out.bytes.extend_from_slice(b"null");
        } else {
            out.bytes.push(b'[');
            for (at, element) in span(row).enumerate() {
                if at > 0 {
                    out.bytes.push(b',');
                }
                out.bytes
                    .extend_from_slice(values.of(element - elements.start));
            }
            out.bytes.push(b']');
        }
        out.end_row();
    }
    Ok(out)
}

/// `{"key":value}`, the keys as strings.
fn maps(
    array: &dyn Array,
    rows: Range<usize>,
    is_null: impl Fn(usize) -> bool,
) -> Result<Json, Error> {
    let map = array.as_map();
    let span = |row: usize| match is_null(row) {
        true => 0..0,
        false => span(map.value_offsets(), row),
    };
    let entries = hull(rows.clone(), span);
    let keys = json(map.keys().as_ref(), map.keys().nulls(), entries.clone())?;
    let nulls = map.values().logical_nulls();
    let values = json(map.values().as_ref(), nulls.as_ref(), entries.clone())?;
    let mut out = Json::default();
    for row in rows {
        if is_null(row) {
            out.bytes.extend_from_slice(b"null");
        } else {
            out.bytes.push(b'{');
            for (at, entry) in span(row).enumerate() {
                if at > 0 {
                    out.bytes.push(b',');
                }
                write_key(keys.of(entry - entries.start), &mut out.bytes);
                out.bytes.push(b':');
                out.bytes
                    .extend_from_slice(values.of(entry - entries.start));
            }
            out.bytes.push(b'}');
        }
        out.end_row();
    }
    Ok(out)
}

/// A key that is no string becomes one.
fn write_key(key: &[u8], out: &mut Vec<u8>) {
    match key.first() {
        Some(b'"') => out.extend_from_slice(key),
        _ => write_json_string(key, out),
    }
}

fn structs(
    array: &dyn Array,
    rows: Range<usize>,
    is_null: impl Fn(usize) -> bool,
) -> Result<Json, Error> {
    let array = array.as_struct();
    let mut names = Vec::new();
    for field in array.fields() {
        let mut name = Vec::new();
        write_json_string(field.name().as_bytes(), &mut name);
        names.push(name);
    }
    let members = array.columns().iter().zip(array.fields());
    let members = members.map(|(member, field)| {
        let nulls = member.logical_nulls();
        let found = json(member.as_ref(), nulls.as_ref(), rows.clone());
        found.map_err(|error| error.within(field.name()))
    });
    let members = members.collect::<Result<Vec<_>, _>>()?;
    let mut out = Json::default();
    for (at, row) in rows.enumerate() {
        if is_null(row) {
            out.bytes.extend_from_slice(b"null");
        } else {
            out.bytes.push(b'{');
            for (index, (name, member)) in names.iter().zip(&members).enumerate() {
                if index > 0 {
                    out.bytes.push(b',');
                }
                out.bytes.extend_from_slice(name);
                out.bytes.push(b':');
                out.bytes.extend_from_slice(member.of(at));
            }
            out.bytes.push(b'}');
        }
        out.end_row();
    }
    Ok(out)
}

/// Values with a text of their own: numbers and truth values as they are, all else as strings.
fn scalars(
    array: &dyn Array,
    nulls: Option<&NullBuffer>,
    rows: Range<usize>,
) -> Result<Json, Error> {
    let mut scratch = Text::default();
    let dictionary =
        Dictionary::of("", array, &Spare::default(), EmptyText::default()).transpose()?;
    let data_type = match array.data_type() {
        DataType::Dictionary(_, values) => values.as_ref(),
        data_type => data_type,
    };
    let is_known = matches!(
        data_type,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
            | DataType::Boolean
            | DataType::Null
    ) || number::is_number(data_type)
        || moment::is_moment(data_type);
    if !is_known {
        return Err(Error::NoText {
            column: String::new(),
            data_type: data_type.to_string(),
            shown: None,
        });
    }
    let loaded = match &dictionary {
        Some(dictionary) => dictionary.load("", array, nulls, rows.clone(), &mut scratch)?,
        None => scratch
            .load(array, nulls, rows.clone())?
            .checked("", data_type)?,
    };
    let is_bare = matches!(data_type, DataType::Boolean) || number::is_number(data_type);
    let mut out = Json::default();
    for (row, pair) in rows.zip(loaded.index.chunks_exact(2)) {
        let text = &loaded.bytes[pair[0].wrapping_add(1) as usize..pair[1] as usize];
        let is_null = nulls.is_some_and(|nulls| nulls.is_null(row));
        match is_null || *data_type == DataType::Null {
            true => out.bytes.extend_from_slice(b"null"),
            false => write_scalar(text, is_bare, &mut out.bytes),
        }
        out.end_row();
    }
    Ok(out)
}

/// A value of JSON; a number that JSON does not have (`NaN`) becomes a string.
fn write_scalar(text: &[u8], is_bare: bool, out: &mut Vec<u8>) {
    let is_json = || {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        matches!(text, b"true" | b"false") || digits.first().is_some_and(u8::is_ascii_digit)
    };
    match is_bare && is_json() {
        true => out.extend_from_slice(text),
        false => write_json_string(text, out),
    }
}
