//! A column whose fields are quoted, made readable for the kernels.

use tamis_engine::kernel::Spans;

use super::Dialect;
use super::decode::{quoted_text, simple_end};
use crate::Block;

/// The spans of the values of one column, or `None` when its raw fields are its values already.
///
/// A simply quoted field gets the span between its quotes, and spans are trimmed if the dialect says so. A
/// field whose value is no part of it (doubled quotes, escapes, text after the closing quote) keeps its
/// raw span, which starts with the quote: to a kernel it is suspect, and [`decode`](super::decode()) judges it.
///
/// `index` holds the spans, as pairs like those of a JSON block.
pub fn unquote_column<'s>(
    block: &Block<'s>,
    column: usize,
    dialect: &Dialect,
    index: &'s mut Vec<u32>,
) -> Option<Spans<'s>> {
    let raw = block.column(column);
    if !needs_rewriting(&raw, block.quote, dialect.trim) {
        return None;
    }
    index.clear();
    index.reserve(2 * raw.rows);
    for row in 0..raw.rows {
        let (start, end) = raw_span(&raw, row);
        let value = value_span(&raw.bytes[start..end], dialect);
        index.push(((start + value.0) as u32).wrapping_sub(1));
        index.push((start + value.1) as u32);
    }
    Some(Spans {
        bytes: raw.bytes,
        index,
        first: 0,
        stride: 2,
        rows: raw.rows,
        trim_cr: false,
    })
}

/// Whether the value of some field is not its raw text. Runs over every column of every block that has
/// quotes: about a nanosecond for each row.
fn needs_rewriting(raw: &Spans<'_>, quote: Option<u8>, trim: bool) -> bool {
    if trim {
        let is_edge = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_whitespace() || Some(*byte) == quote)
        };
        return (0..raw.rows).any(|row| {
            let (start, end) = raw_span(raw, row);
            let field = &raw.bytes[start..end];
            is_edge(field.first()) || is_edge(field.last())
        });
    }
    let Some(quote) = quote else {
        return false;
    };
    // An empty field starts with its delimiter or terminator, which is no quote. No early exit: the
    // loads of the next rows need not wait for this row's branch.
    let mut found = false;
    for entries in raw.index[raw.first..].chunks(raw.stride).take(raw.rows) {
        let start = entries[0].wrapping_add(1) as usize;
        found |= raw.bytes.get(start) == Some(&quote);
    }
    found
}

/// Where a raw field starts and ends, the `\r` of its terminator left out.
fn raw_span(raw: &Spans<'_>, row: usize) -> (usize, usize) {
    let entry = raw.first + row * raw.stride;
    let start = raw.index[entry].wrapping_add(1) as usize;
    let end = raw.index[entry + 1] as usize;
    let has_cr = raw.trim_cr && raw.bytes[start..end].ends_with(b"\r");
    (start, end - usize::from(has_cr))
}

/// Where the value lies in a raw field, or the quote and what follows if it is none of its parts.
fn value_span(field: &[u8], dialect: &Dialect) -> (usize, usize) {
    let text = quoted_text(field, dialect);
    let (start, end) = match text.zip(dialect.quote) {
        None => (0, field.len()),
        Some((text, quote)) => {
            let start = field.len() - text.len();
            match simple_end(text, quote, dialect) {
                Some(end) => (start, start + end),
                None => return (start - 1, field.len()),
            }
        }
    };
    if !dialect.trim {
        return (start, end);
    }
    let value = &field[start..end];
    let leading = value.len() - value.trim_ascii_start().len();
    (start + leading, start + leading + value.trim_ascii().len())
}
