//! Lists on the command line: what stands between commas.
//!
//! A comma inside of brackets or quotes is no border. What is wrong with a list is drawn below it, so everything here knows its place.

use std::ops::Range;

use tamis_expr::ExprError;

use crate::{Error, Result};

/// The stretches between commas, without the white space around them.
pub(crate) fn items(text: &str) -> Result<Vec<Range<usize>>> {
    let mut items = Vec::new();
    let mut start = 0;
    let mut depth = Vec::new();
    let mut quote: Option<(u8, usize)> = None;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, quote) {
            (_, Some((open, _))) if byte == open => quote = None,
            (_, Some(_)) => {}
            (b'"' | b'\'', None) => quote = Some((byte, at)),
            (b'(' | b'[' | b'{', None) => depth.push(at),
            (b')' | b']' | b'}', None) if depth.pop().is_none() => {
                let message = format!("this `{}` closes nothing", char::from(byte));
                return Err(wrong(text, at..at + 1, message, None));
            }
            (b',', None) if depth.is_empty() => {
                items.push(trimmed(text, start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    if let Some((_, at)) = quote {
        let message = "this quote is never closed".to_owned();
        return Err(wrong(text, at..at + 1, message, None));
    }
    if let Some(at) = depth.pop() {
        let message = "this bracket is never closed".to_owned();
        return Err(wrong(text, at..at + 1, message, None));
    }
    items.push(trimmed(text, start..text.len()));
    match items.iter().find(|item| item.is_empty()) {
        Some(item) => {
            let message = match items.len() {
                1 => "there is nothing here",
                _ => "there is nothing between two commas",
            };
            Err(wrong(text, item.clone(), message.to_owned(), None))
        }
        None => Ok(items),
    }
}

/// Where the bracket that opens at `open` is closed.
pub(crate) fn matching(text: &str, open: usize) -> Option<usize> {
    let (mut depth, mut quote) = (0, None);
    for (at, byte) in text.bytes().enumerate().skip(open) {
        match (byte, quote) {
            (_, Some(open)) if byte == open => quote = None,
            (_, Some(_)) => {}
            (b'"' | b'\'', None) => quote = Some(byte),
            (b'(' | b'[' | b'{', None) => depth += 1,
            (b')' | b']' | b'}', None) => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The halves of `item as name`.
pub(crate) fn renamed(text: &str, item: Range<usize>) -> Result<(Range<usize>, Option<String>)> {
    let Some(at) = text[item.clone()].rfind(" as ") else {
        return Ok((item, None));
    };
    let source = trimmed(text, item.start..item.start + at);
    let name = trimmed(text, item.start + at + 4..item.end);
    let is_inside = |quote| text[source.clone()].matches(quote).count() % 2 == 1;
    let opened = text[source.clone()].matches(['(', '[']).count();
    let closed = text[source.clone()].matches([')', ']']).count();
    if is_inside('"') || is_inside('\'') || opened != closed {
        return Ok((item, None));
    }
    let bare = &text[name.clone()];
    let unquoted = bare
        .strip_prefix('"')
        .and_then(|bare| bare.strip_suffix('"'));
    if name.is_empty() || source.is_empty() || unquoted == Some("") {
        let message = "expected something before `as` and a name behind it".to_owned();
        return Err(wrong(text, item, message, None));
    }
    Ok((source, Some(unquoted.unwrap_or(bare).to_owned())))
}

pub(crate) fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let inner = &text[range.clone()];
    let start = range.start + inner.len() - inner.trim_start().len();
    start..start + inner.trim().len()
}

/// What is wrong with an option, and where.
pub(crate) fn wrong(
    text: &str,
    span: Range<usize>,
    message: String,
    help: Option<String>,
) -> Error {
    Error::Expression {
        text: text.to_owned(),
        source: ExprError {
            message,
            span,
            help,
        },
    }
}
