//! Fields of a block as fields of another format.

use std::borrow::Cow;

use super::{write_json_number, write_json_string};
use crate::csv::{self, Dialect};
use crate::vector::Type;
use crate::{Block, Kind, jsonl};

/// Appends a value of a block as a field of `to`; null, which is an empty text as well, is nothing. `from` is how fields of
/// the block are written, if it is CSV; `scratch` is overwritten.
pub fn write_delimited_field(
    block: &Block<'_>,
    (row, column): (usize, usize),
    from: Option<&Dialect>,
    to: &Dialect,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    let raw = block.column(column).field(row);
    match block.kind(row, column) {
        Kind::Null | Kind::Missing => {}
        Kind::Text => match from {
            Some(from) if reads_alike(from, to) => out.extend_from_slice(raw),
            Some(from) => write_text(csv::decode(raw, from, scratch), to, out),
            None => write_text(raw, to, out),
        },
        Kind::EscapedString => csv::write_field(jsonl::decode_string(raw, scratch), to, out),
        _ => csv::write_field(raw, to, out),
    }
}

/// Appends a value of a block that is not null as JSON. `ty` is what a text of CSV is to be read as, with `point` between
/// integer and fraction; the rest as in [`write_delimited_field`].
pub fn write_json_field(
    block: &Block<'_>,
    (row, column): (usize, usize),
    from: Option<&Dialect>,
    (ty, point): (Type, u8),
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    let raw = block.column(column).field(row);
    match block.kind(row, column) {
        Kind::String | Kind::EscapedString if block.records.is_some() && block.apart.is_none() => {
            out.push(b'"');
            out.extend_from_slice(raw);
            out.push(b'"');
        }
        Kind::String => write_json_string(raw, out),
        Kind::EscapedString => write_json_string(jsonl::decode_string(raw, scratch), out),
        Kind::Object | Kind::Array | Kind::Boolean => out.extend_from_slice(raw),
        // Arrow's NaN and infinities are no numbers in JSON.
        Kind::Number => match raw.last().is_some_and(u8::is_ascii_digit) {
            true => write_json_number(raw, b'.', out),
            false => out.extend_from_slice(b"null"),
        },
        Kind::Null | Kind::Missing => out.extend_from_slice(b"null"),
        Kind::Text => {
            let text = match from {
                Some(dialect) => csv::decode(raw, dialect, scratch),
                None => raw,
            };
            match ty {
                Type::Integer | Type::Number => {
                    write_json_number(&unpadded(text), point, out);
                }
                Type::Boolean => out.extend(text.iter().map(u8::to_ascii_lowercase)),
                _ => write_json_string(text, out),
            }
        }
    }
}

/// JSON has no zeros in front of other digits.
fn unpadded(text: &[u8]) -> Cow<'_, [u8]> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let zeros = digits.iter().take_while(|&&byte| byte == b'0').count();
    let zeros = match digits.get(zeros) {
        Some(b'0'..=b'9') => zeros,
        _ => zeros.saturating_sub(1),
    };
    if zeros == 0 {
        return Cow::Borrowed(text);
    }
    let sign = &text[..text.len() - digits.len()];
    Cow::Owned([sign, &digits[zeros..]].concat())
}

/// Whether a raw field of one dialect is the same value in the other.
fn reads_alike(from: &Dialect, to: &Dialect) -> bool {
    from.delimiter == to.delimiter
        && from.quote == to.quote
        && from.escape == to.escape
        && from.trim == to.trim
        && from.terminator == to.terminator
}

/// An empty text is null, and null is nothing.
fn write_text(text: &[u8], to: &Dialect, out: &mut Vec<u8>) {
    if !text.is_empty() {
        csv::write_field(text, to, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_in_front_of_digits_go() {
        for (text, expected) in [
            ("007", "7"),
            ("-000.50", "-0.50"),
            ("0", "0"),
            ("00", "0"),
            (".5", ".5"),
            ("10", "10"),
        ] {
            assert_eq!(unpadded(text.as_bytes()), expected.as_bytes());
        }
    }
}
