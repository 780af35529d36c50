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
    let (bytes, open_quote) = outside_quotes(text);
    for (at, byte) in bytes {
        match byte {
            b'(' | b'[' | b'{' => depth.push(at),
            b')' | b']' | b'}' if depth.pop().is_none() => {
                let message = format!("this `{}` closes nothing", char::from(byte));
                return Err(wrong(text, at..at + 1, message, None));
            }
            b',' if depth.is_empty() => {
                items.push(trimmed(text, start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    if let Some(at) = open_quote {
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

/// Where the bracket that opens at `open`, outside of quotes, is closed.
pub(crate) fn matching(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0;
    let (bytes, _) = outside_quotes(text);
    for (at, byte) in bytes.into_iter().filter(|(at, _)| *at >= open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
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

/// The bytes that stand outside of quotes, with their places, and where a quote stands that is never closed.
///
/// In quotes a backslash makes the next byte literal, as in CEL, but not in those behind an `r`.
fn outside_quotes(text: &str) -> (Vec<(usize, u8)>, Option<usize>) {
    let mut outside = Vec::new();
    let mut quote: Option<(u8, usize)> = None;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (byte, quote) {
            (_, Some((open, _))) if byte == open => quote = None,
            (b'\\', Some((_, start))) if !text[..start].ends_with(['r', 'R']) => drop(bytes.next()),
            (_, Some(_)) => {}
            (b'"' | b'\'', None) => quote = Some((byte, at)),
            (_, None) => outside.push((at, byte)),
        }
    }
    (outside, quote.map(|(_, at)| at))
}

/// The halves of `item as name`.
pub(crate) fn renamed(text: &str, item: Range<usize>) -> Result<(Range<usize>, Option<String>)> {
    let Some(at) = text[item.clone()].rfind(" as ") else {
        return Ok((item, None));
    };
    let source = trimmed(text, item.start..item.start + at);
    let name = trimmed(text, item.start + at + 4..item.end);
    let (before, open_quote) = outside_quotes(&text[source.clone()]);
    let count = |brackets: [u8; 2]| before.iter().filter(|it| brackets.contains(&it.1)).count();
    if open_quote.is_some() || count(*b"([") != count(*b")]") {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hide_commas_brackets_and_each_other() {
        let text = r#"a, 'it\'s (,', r'\', f('as') as x, 'a as b', row['(']  as  "y""#;
        let shown: Vec<_> = items(text)
            .unwrap()
            .into_iter()
            .map(|item| {
                let (source, name) = renamed(text, item).unwrap();
                (&text[source], name)
            })
            .collect();
        let named = |name: &str| Some(name.to_owned());
        let expected = [
            ("a", None),
            (r"'it\'s (,'", None),
            (r"r'\'", None),
            ("f('as')", named("x")),
            ("'a as b'", None),
            ("row['(']", named("y")),
        ];
        assert_eq!(shown, expected);
        assert_eq!(matching("f(')', (1))", 1), Some(10));
    }
}
