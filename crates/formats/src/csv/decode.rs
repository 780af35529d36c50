//! A raw field to its value, and back.

use memchr::{memchr, memchr2};

use super::Dialect;

/// The value of a raw field: without its quotes, doubled quotes and escapes resolved, trimmed if
/// the dialect says so. `scratch` holds the value where it is no part of the field.
///
/// What follows a closing quote is part of the value, as in the `csv` crate: `"abc"def` is `abcdef`.
///
/// ```
/// use tamis_formats::csv::{Dialect, decode};
///
/// let mut scratch = Vec::new();
/// assert_eq!(decode(br#""5"" nail""#, &Dialect::csv(), &mut scratch), br#"5" nail"#);
/// ```
pub fn decode<'f>(field: &'f [u8], dialect: &Dialect, scratch: &'f mut Vec<u8>) -> &'f [u8] {
    let value = match quoted_text(field, dialect) {
        None => field,
        Some(text) => match dialect
            .quote
            .and_then(|quote| simple_end(text, quote, dialect))
        {
            Some(end) => &text[..end],
            None => {
                scratch.clear();
                resolve(text, dialect, scratch);
                scratch
            }
        },
    };
    if dialect.trim {
        value.trim_ascii()
    } else {
        value
    }
}

/// Appends `value` to `out` as a field that [`decode`] reads back, quoted where it must be.
///
/// In a dialect without quotes the bytes that would break the record become spaces.
pub fn write_field(value: &[u8], dialect: &Dialect, out: &mut Vec<u8>) {
    let is_special = |byte: &u8| {
        matches!(byte, b'\n' | b'\r') || *byte == dialect.delimiter || Some(*byte) == dialect.quote
    };
    let Some(quote) = dialect.quote else {
        out.extend(
            value
                .iter()
                .map(|byte| if is_special(byte) { b' ' } else { *byte }),
        );
        return;
    };
    // An empty value is quoted, since alone in its record it would be a blank line.
    let is_plain =
        !value.is_empty() && dialect.comment != Some(value[0]) && !value.iter().any(is_special);
    if is_plain {
        out.extend_from_slice(value);
        return;
    }
    out.push(quote);
    for &byte in value {
        if byte == quote {
            out.push(quote);
        } else if Some(byte) == dialect.escape {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(quote);
}

/// What follows the opening quote of a field that has one.
pub(super) fn quoted_text<'f>(field: &'f [u8], dialect: &Dialect) -> Option<&'f [u8]> {
    let is_gap = |byte: &&u8| dialect.trim && matches!(byte, b' ' | b'\t');
    let gap = field.iter().take_while(is_gap).count();
    match &field[gap..] {
        [first, text @ ..] if Some(*first) == dialect.quote => Some(text),
        _ => None,
    }
}

/// Where the closing quote of `text` stands, if it is the first special byte in it and nothing
/// (in a trimming dialect: nothing but spaces) follows.
pub(super) fn simple_end(text: &[u8], quote: u8, dialect: &Dialect) -> Option<usize> {
    let end = match dialect.escape {
        None => memchr(quote, text),
        Some(escape) => memchr2(quote, escape, text),
    }?;
    let after = &text[end + 1..];
    let is_last = after.is_empty() || (dialect.trim && after.trim_ascii().is_empty());
    (text[end] == quote && is_last).then_some(end)
}

/// Appends the value of what follows an opening quote, by the rules of csv-core.
fn resolve(mut text: &[u8], dialect: &Dialect, out: &mut Vec<u8>) {
    while let [byte, after @ ..] = text {
        text = after;
        if Some(*byte) == dialect.escape {
            out.extend(text.split_off_first());
        } else if Some(*byte) != dialect.quote {
            out.push(*byte);
        } else if text.first() == Some(byte) {
            out.extend(text.split_off_first());
        } else {
            // The quote closed the field: from here on every byte is literal.
            out.extend_from_slice(text);
            return;
        }
    }
}
