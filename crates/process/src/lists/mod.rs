//! Lists on the command line: what stands between commas, and the names in it.
//!
//! ```text
//! list = item , item ...
//! item = what [as name]
//! name = "any name"      in double quotes: as it stands, but for a quote, which is written twice
//!      | any name        as it stands, if it has no comma and its quotes and brackets are closed
//! ```
//!
//! What else an item may be is up to those who read it: a range of columns, an order, a function of a column, an expression.
//! A comma inside of brackets or quotes ([`scan`]) is no border.
//!
//! What is wrong with a list is drawn below it, so everything here knows its place.

mod scan;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::Range;

use tamis_expr::{ExprError, Expression, Schema};
use tamis_formats::vector::Type;

use crate::table::Table;
use crate::{Error, Result};
use scan::Scan;

pub(crate) use scan::{quoted, written};

/// The way out for names that are no plain ones.
const QUOTE_IT: &str =
    "an odd name stands in double quotes, a quote in it twice: `\"5\"\" disk, used\"`";

/// The way out for columns without a name.
const NO_NAME: &str = "a column without a name is `\"\"`";

/// Reads a list of names.
///
/// # Errors
/// [`Error::Expression`], as for all lists.
pub fn names(text: &str) -> Result<Vec<String>> {
    let items = items(text)?.into_iter();
    Ok(items.map(|item| name(&text[item])).collect())
}

/// Reads a list of names with types: `amount:number, "a, b":text, row['a, b']:text`.
///
/// # Errors
/// [`Error::Expression`], as for all lists, and for a name that comes twice.
pub fn types(text: &str) -> Result<Vec<(String, Type)>> {
    let mut known = HashSet::new();
    let mut typed = |item: Range<usize>| {
        let Some(colon) = last(text, &item, b':') else {
            let help = "for example `amount:number`".to_owned();
            let message = "expected a column, a colon and a type".to_owned();
            return Err(wrong(text, item, message, Some(help)));
        };
        let name_place = trimmed(text, item.start..colon);
        let written = &text[name_place.clone()];
        if written.is_empty() {
            let message = "there is no column before the colon".to_owned();
            return Err(wrong(
                text,
                colon..colon + 1,
                message,
                Some(NO_NAME.to_owned()),
            ));
        }
        let name = name(written);
        if !known.insert(name.clone()) {
            let message = format!("`{name}` has a type already");
            return Err(wrong(text, name_place, message, None));
        }
        let place = trimmed(text, colon + 1..item.end);
        match text[place.clone()].parse() {
            Ok(ty) => Ok((name, ty)),
            Err(unknown) => Err(wrong(text, place, unknown, None)),
        }
    };
    items(text)?.into_iter().map(&mut typed).collect()
}

/// The error, with its place in a list of names or of names with types, if it is that no column has one of them.
pub fn located(text: &str, error: Error) -> Error {
    let Error::UnknownColumn {
        name: missing,
        known,
    } = &error
    else {
        return error;
    };
    let items = items(text).unwrap_or_default().into_iter();
    let places = items.flat_map(|item| {
        let typed = last(text, &item, b':').map(|colon| trimmed(text, item.start..colon));
        [Some(item), typed].into_iter().flatten()
    });
    let mut named = places.filter(|place| name(&text[place.clone()]) == *missing);
    match named.next() {
        Some(place) => unknown_of(text, place, known),
        None => error,
    }
}

/// The stretches between commas, without the white space around them.
pub(crate) fn items(text: &str) -> Result<Vec<Range<usize>>> {
    let mut items = Vec::new();
    let mut start = 0;
    let mut open = Vec::new();
    let scanned = Scan::of(text);
    for (at, byte) in scanned.plain {
        match byte {
            b'(' | b'[' | b'{' => open.push(at),
            b')' | b']' | b'}' if open.pop().is_none() => {
                let message = format!("this `{}` closes nothing", char::from(byte));
                return Err(wrong(text, at..at + 1, message, Some(QUOTE_IT.to_owned())));
            }
            b',' if open.is_empty() => {
                items.push(trimmed(text, start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    let unclosed = scanned.open_quote.map(|at| (at, "quote"));
    if let Some((at, what)) = unclosed.or_else(|| open.pop().map(|at| (at, "bracket"))) {
        let message = format!("this {what} is never closed");
        return Err(wrong(text, at..at + 1, message, Some(QUOTE_IT.to_owned())));
    }
    items.push(trimmed(text, start..text.len()));
    match items.iter().find(|item| item.is_empty()) {
        Some(item) => {
            let message = match items.len() {
                1 => "there is nothing here",
                _ => "there is nothing between two commas",
            };
            Err(wrong(
                text,
                item.clone(),
                message.to_owned(),
                Some(NO_NAME.to_owned()),
            ))
        }
        None => Ok(items),
    }
}

/// The halves of `what as name`.
pub(crate) fn renamed(text: &str, item: Range<usize>) -> Result<(Range<usize>, Option<String>)> {
    let part = &text[item.clone()];
    if part == "as" {
        return Ok((item, None));
    }
    let spaced = |at: usize| part.as_bytes().get(at).is_none_or(u8::is_ascii_whitespace);
    let words = Scan::of(part).outside();
    let as_word = words.filter(|&(at, byte)| {
        let is_word = byte == b'a' && part[at..].starts_with("as");
        is_word && (at == 0 || spaced(at - 1)) && spaced(at + 2)
    });
    let Some((at, _)) = as_word.last() else {
        return Ok((item, None));
    };
    let what = trimmed(text, item.start..item.start + at);
    let place = trimmed(text, item.start + at + 2..item.end);
    let new = &text[place.clone()];
    let is_name = match new.as_bytes().first() {
        Some(b'"') => quoted(new).is_some(),
        first => !matches!(first, None | Some(b'\'')),
    };
    match is_name && !what.is_empty() {
        true => Ok((what, Some(name(new)))),
        false => {
            let message = "expected something before `as` and a name behind it".to_owned();
            let as_word = item.start + at..item.start + at + 2;
            let span = if is_name || new.is_empty() {
                as_word
            } else {
                place
            };
            Err(wrong(text, span, message, Some(QUOTE_IT.to_owned())))
        }
    }
}

/// The first such byte of an item that stands in no quotes and no brackets.
pub(crate) fn first(text: &str, item: &Range<usize>, byte: u8) -> Option<usize> {
    let mut outside = Scan::of(&text[item.clone()]).outside();
    let found = outside.find(|(_, found)| *found == byte);
    found.map(|(at, _)| item.start + at)
}

/// The last such byte.
fn last(text: &str, item: &Range<usize>, byte: u8) -> Option<usize> {
    let outside = Scan::of(&text[item.clone()]).outside();
    let found = outside.filter(|(_, found)| *found == byte).last();
    found.map(|(at, _)| item.start + at)
}

/// The first bracket of an item that a function may have.
pub(crate) fn opening(text: &str, item: &Range<usize>) -> Option<usize> {
    let mut plain = Scan::of(&text[item.clone()]).plain.into_iter();
    let found = plain.find(|(_, found)| *found == b'(');
    found.map(|(at, _)| item.start + at)
}

/// Where the bracket of an item that opens at `open` is closed.
pub(crate) fn matching(text: &str, item: &Range<usize>, open: usize) -> Option<usize> {
    let mut depth = 0;
    let plain = Scan::of(&text[item.clone()]).plain.into_iter();
    for (at, byte) in plain.map(|(at, byte)| (item.start + at, byte)) {
        match byte {
            b'(' | b'[' | b'{' if at >= open => depth += 1,
            b')' | b']' | b'}' if at >= open => {
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

/// A name as it is meant: in double quotes, as in expressions (`row['a b']`), or as it stands.
fn name(written: &str) -> String {
    let in_expression = || {
        let is_column = written.starts_with("row[");
        is_column
            .then(|| Expression::column_name(written))
            .flatten()
    };
    let meant = quoted(written).or_else(in_expression);
    meant.unwrap_or_else(|| written.to_owned())
}

/// The column that an item, or a part of one, names: in double quotes, as it stands, or as expressions do (`row['a b']`). `None`:
/// it names none, and may be an expression.
///
/// # Errors
/// For a name in double quotes that no column has; as [`Table::find`].
pub(crate) fn find(
    text: &str,
    span: &Range<usize>,
    table: &mut Table<'_>,
) -> Result<Option<usize>> {
    let part = &text[span.clone()];
    if let Some(name) = quoted(part) {
        return match table.find(&name) {
            Ok(column) => Ok(Some(column)),
            Err(Error::UnknownColumn { .. }) => Err(unknown(text, span, table)),
            Err(error) => Err(error),
        };
    }
    let known = |table: &Table<'_>| {
        let mut columns = table.columns().iter();
        let as_it_stands = columns.position(|column| column.name == part);
        let is_path = || part.contains(['.', '[']);
        as_it_stands.or_else(|| {
            let schema = is_path().then(|| table.schema())?;
            Expression::column(part, &schema)
        })
    };
    if let Some(column) = known(table) {
        return Ok(Some(column));
    }
    match table.find(part) {
        Ok(column) => Ok(Some(column)),
        // By now all columns are known that can be.
        Err(Error::UnknownColumn { .. }) => Ok(known(table)),
        Err(error) => Err(error),
    }
}

/// No column has the name that stands there.
pub(crate) fn unknown(text: &str, span: &Range<usize>, table: &Table<'_>) -> Error {
    let known: Vec<String> = table.columns().iter().map(|it| it.name.clone()).collect();
    unknown_of(text, span.clone(), &known)
}

fn unknown_of(text: &str, span: Range<usize>, known: &[String]) -> Error {
    let name = name(&text[span.clone()]);
    let help = crate::error::of_these(known);
    let help = help
        .trim_start_matches([':', ' ', '('])
        .trim_end_matches(')');
    let help = help.to_owned();
    let message = format!("no column is named `{name}`");
    wrong(text, span, message, Some(help))
}

/// Compiles the expression that stands at `span` of `text`.
pub(crate) fn compile(
    text: &str,
    span: &Range<usize>,
    table: &mut Table<'_>,
    compile: fn(&str, &Schema) -> std::result::Result<Expression, ExprError>,
) -> Result<Expression> {
    let part = &text[span.clone()];
    let mut compiled = compile(part, &table.schema());
    let known = table.columns().len();
    // A name that only later records have is no mistake.
    if compiled.is_err() && table.find_all().is_ok() && table.columns().len() > known {
        compiled = compile(part, &table.schema());
    }
    compiled.map_err(|mut source| {
        source.span = source.span.start + span.start..source.span.end + span.start;
        Error::Expression {
            text: text.to_owned(),
            source,
        }
    })
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
