//! Which columns: `id, a:c, !note, amount as gross`.
//!
//! | item | means |
//! |---|---|
//! | `name` | the column of that name |
//! | `3` | the third column, if none is called `3` |
//! | `a:c`, `2:4`, `b:`, `:b` | all from one to the other |
//! | `*` | all |
//! | `!item` | all but these; an item that follows `!` takes away from those before it, or from all |
//! | `item as name` | under another name |
//! | `expression as name` | a column that is computed |
//! | `expression` | the same, called as it is written |
//!
//! A name in double quotes is taken as it stands, whatever is in it.

use crate::table::Table;
use crate::{Error, Result};

/// A column of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) source: Source,
    /// What it is called.
    pub(super) name: String,
}

/// Where the values of a column of the output come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A column of the table.
    Column(usize),
    /// An expression, not yet compiled.
    Expression(String),
}

/// The columns that `text` asks for, in its order.
///
/// # Errors
/// [`Error::Columns`], [`Error::UnknownColumn`].
pub(super) fn select(text: &str, table: &mut Table<'_>) -> Result<Vec<Selected>> {
    let mut selected: Vec<Selected> = Vec::new();
    for (at, item) in items(text)?.into_iter().enumerate() {
        if let Some(excluded) = item.strip_prefix('!') {
            if at == 0 {
                selected = all(table)?;
            }
            let excluded = range(excluded.trim(), table)?;
            selected.retain(|it| match it.source {
                Source::Column(column) => !excluded.contains(&column),
                Source::Expression(_) => true,
            });
            continue;
        }
        let (source, name) = match renamed(item) {
            Some((source, name)) => (source, Some(name)),
            None => (item, None),
        };
        if source == "*" {
            selected.append(&mut all(table)?);
            continue;
        }
        match (range(source, table), name) {
            (Ok(columns), None) => {
                selected.extend(columns.into_iter().map(|column| named(table, column)));
            }
            (Ok(columns), Some(name)) => match columns.as_slice() {
                [column] => selected.push(Selected {
                    source: Source::Column(*column),
                    name: unquoted(name).to_owned(),
                }),
                _ => {
                    return Err(wrong(
                        text,
                        format!("`{item}` gives several columns one name"),
                    ));
                }
            },
            (Err(Error::UnknownColumn { .. }), Some(name)) => selected.push(Selected {
                source: Source::Expression(source.to_owned()),
                name: unquoted(name).to_owned(),
            }),
            (Err(Error::UnknownColumn { .. }), None) if is_computed(source) => {
                selected.push(Selected {
                    source: Source::Expression(source.to_owned()),
                    name: source.to_owned(),
                });
            }
            (Err(unknown), _) => return Err(unknown),
        }
    }
    match selected.is_empty() {
        true => Err(wrong(text, "it leaves no columns".to_owned())),
        false => Ok(selected),
    }
}

/// All columns, those that only later records have as well.
pub(super) fn all(table: &mut Table<'_>) -> Result<Vec<Selected>> {
    table.find_all()?;
    let columns = 0..table.columns().len();
    Ok(columns.map(|column| named(table, column)).collect())
}

fn named(table: &Table<'_>, column: usize) -> Selected {
    Selected {
        source: Source::Column(column),
        name: table.columns()[column].name.clone(),
    }
}

/// The items between the commas that are in no quotes and no brackets.
fn items(text: &str) -> Result<Vec<&str>> {
    let mut items = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'[') => depth += 1,
            (None, b')' | b']') => depth = depth.saturating_sub(1),
            (None, b',') if depth == 0 => {
                items.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    items.push(text[start..].trim());
    if quote.is_some() {
        return Err(wrong(text, "a quote is never closed".to_owned()));
    }
    match items.iter().any(|item| item.is_empty()) {
        true => Err(wrong(
            text,
            "there is nothing between two commas".to_owned(),
        )),
        false => Ok(items),
    }
}

/// The halves of `item as name`.
fn renamed(item: &str) -> Option<(&str, &str)> {
    let (source, name) = item.rsplit_once(" as ")?;
    let is_inside = source.bytes().filter(|&byte| byte == b'"').count() % 2 == 1;
    (!is_inside).then(|| (source.trim(), name.trim()))
}

/// The columns of one item.
fn range(item: &str, table: &mut Table<'_>) -> Result<Vec<usize>> {
    if let Ok(column) = one(item, table) {
        return Ok(vec![column]);
    }
    let colon = item
        .find(':')
        .filter(|_| !item.starts_with('"') || item.contains("\":"));
    let Some(colon) = colon else {
        return one(item, table).map(|column| vec![column]);
    };
    let (first, last) = (item[..colon].trim(), item[colon + 1..].trim());
    let first = match first {
        "" => 0,
        first => one(first, table)?,
    };
    let last = match last {
        "" => {
            table.find_all()?;
            table.columns().len().saturating_sub(1)
        }
        last => one(last, table)?,
    };
    Ok(match first <= last {
        true => (first..=last).collect(),
        false => (last..=first).rev().collect(),
    })
}

/// The column that a name or a number stands for.
fn one(item: &str, table: &mut Table<'_>) -> Result<usize> {
    let unknown = match table.find(unquoted(item)) {
        Ok(column) => return Ok(column),
        Err(unknown) => unknown,
    };
    match item.parse::<usize>() {
        Ok(number) if (1..=table.columns().len()).contains(&number) => Ok(number - 1),
        _ => Err(unknown),
    }
}

/// Whether an item that is no column has something of an expression: otherwise it is a name that was misspelt.
fn is_computed(item: &str) -> bool {
    !item.starts_with('"') && item.contains(['(', '[', '+', '-', '*', '/', '%', '<', '>', '=', '?'])
}

fn unquoted(name: &str) -> &str {
    let inner = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    inner.unwrap_or(name)
}

fn wrong(text: &str, reason: String) -> Error {
    Error::Columns {
        text: text.to_owned(),
        reason,
    }
}
