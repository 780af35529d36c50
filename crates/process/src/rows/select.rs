//! Which columns: `id, a:c, !note, amount as gross`.
//!
//! A [list](crate::lists) whose items are
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

use std::collections::HashSet;
use std::ops::Range;

use crate::lists::{self, items, quoted, renamed, trimmed, written, wrong};
use crate::table::Table;
use crate::{Error, Result};

/// A column of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) source: Source,
    /// What it is called.
    pub(super) name: String,
    /// Where the item stands that asks for it; nowhere, if all columns are asked for without a list.
    pub(super) span: Range<usize>,
}

/// Where the values of a column of the output come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A column of the table.
    Column(usize),
    /// An expression that stands there, not yet compiled.
    Expression(Range<usize>),
}

/// What an item without its name stands for.
enum Found {
    Columns(Vec<usize>),
    /// No column has the name that stands there.
    Unknown(Range<usize>),
}

/// The columns that `text` asks for, in its order; none only of a table without columns.
///
/// # Errors
/// [`Error::Expression`], as for all lists, and for columns that there are not.
pub(super) fn select(text: &str, table: &mut Table<'_>) -> Result<Vec<Selected>> {
    let mut selected: Vec<Selected> = Vec::new();
    for (at, item) in items(text)?.into_iter().enumerate() {
        if text[item.clone()].starts_with('!') {
            if at == 0 {
                selected = all(table, item.clone())?;
            }
            let inner = trimmed(text, item.start + 1..item.end);
            let excluded = match range(text, inner.clone(), table)? {
                Found::Columns(columns) => columns,
                Found::Unknown(span) => {
                    let (source, name) = renamed(text, inner)?;
                    return Err(match name.is_some() || is_computed(&text[source.clone()]) {
                        true => no_exclusion(text, item.start..source.end, name),
                        false => lists::unknown(text, &span, table),
                    });
                }
            };
            selected.retain(|it| match it.source {
                Source::Column(column) => !excluded.contains(&column),
                Source::Expression(_) => true,
            });
            continue;
        }
        let (source, name) = renamed(text, item.clone())?;
        let columns = match (&text[source.clone()], &name) {
            ("*", None) => {
                selected.append(&mut all(table, item)?);
                continue;
            }
            ("*", Some(_)) => Vec::new(),
            (written, _) => match range(text, source.clone(), table)? {
                Found::Columns(columns) => columns,
                Found::Unknown(_) if name.is_some() || is_computed(written) => {
                    selected.push(Selected {
                        name: name.unwrap_or_else(|| written.to_owned()),
                        source: Source::Expression(source),
                        span: item,
                    });
                    continue;
                }
                Found::Unknown(span) => return Err(lists::unknown(text, &span, table)),
            },
        };
        match (columns.as_slice(), name) {
            (_, None) => {
                let columns = columns.into_iter();
                selected.extend(columns.map(|column| named(table, column, item.clone())));
            }
            ([column], Some(name)) => selected.push(Selected {
                source: Source::Column(*column),
                name,
                span: item,
            }),
            (_, Some(_)) => {
                let message = format!("`{}` gives several columns one name", &text[item.clone()]);
                return Err(wrong(text, item, message, None));
            }
        }
    }
    match selected.is_empty() && !table.columns().is_empty() {
        true => {
            let message = "it leaves no columns".to_owned();
            Err(wrong(text, 0..text.len(), message, None))
        }
        false => Ok(selected),
    }
}

/// All columns, those that only later records have as well.
pub(super) fn all(table: &mut Table<'_>, span: Range<usize>) -> Result<Vec<Selected>> {
    table.find_all()?;
    let columns = 0..table.columns().len();
    let all = columns.map(|column| named(table, column, span.clone()));
    Ok(all.collect())
}

fn named(table: &Table<'_>, column: usize, span: Range<usize>) -> Selected {
    Selected {
        source: Source::Column(column),
        name: table.columns()[column].name.clone(),
        span,
    }
}

/// Columns of an output that tells them by their names.
///
/// # Errors
/// For two of one name.
pub(super) fn require_names(selected: &[Selected], text: Option<&str>) -> Result<()> {
    let mut known = HashSet::new();
    let Some(again) = selected.iter().find(|it| !known.insert(&it.name)) else {
        return Ok(());
    };
    let name = again.name.clone();
    Err(match text {
        None => Error::SameName { name },
        Some(text) => {
            let (item, _) = renamed(text, again.span.clone())?;
            let is_several = &text[item.clone()] == "*"
                || text[item.clone()].starts_with('!')
                || lists::first(text, &item, b':').is_some();
            let help = match again.source {
                Source::Column(column) if is_several => format!(
                    "name the columns one by one, and this one as `{} as other`",
                    column + 1
                ),
                _ => format!("give one another name: `{} as other`", &text[item]),
            };
            let message = format!("two columns of the result are called `{name}`");
            wrong(text, again.span.clone(), message, Some(help))
        }
    })
}

/// The columns of one item.
fn range(text: &str, item: Range<usize>, table: &mut Table<'_>) -> Result<Found> {
    if let Some(column) = one(text, &item, table)? {
        return Ok(Found::Columns(vec![column]));
    }
    let Some(colon) = lists::first(text, &item, b':') else {
        return Ok(Found::Unknown(item));
    };
    let ends = [item.start..colon, colon + 1..item.end].map(|end| trimmed(text, end));
    let [first, last] = ends.clone();
    let first = match first.is_empty() {
        true => Some(0),
        false => one(text, &first, table)?,
    };
    let last = match last.is_empty() {
        true => {
            table.find_all()?;
            Some(table.columns().len().saturating_sub(1))
        }
        false => one(text, &last, table)?,
    };
    Ok(match (first, last) {
        // From the first of none to the last.
        (Some(_), Some(_)) if table.columns().is_empty() => Found::Columns(Vec::new()),
        (Some(first), Some(last)) if first <= last => Found::Columns((first..=last).collect()),
        (Some(first), Some(last)) => Found::Columns((last..=first).rev().collect()),
        (unknown, _) => {
            let [first, last] = ends;
            Found::Unknown(if unknown.is_none() { first } else { last })
        }
    })
}

/// The column that a name or a number stands for.
fn one(text: &str, item: &Range<usize>, table: &mut Table<'_>) -> Result<Option<usize>> {
    let named = lists::find(text, item, table)?;
    Ok(named.or_else(|| {
        let number = text[item.clone()].parse::<usize>().ok()?;
        (1..=table.columns().len())
            .contains(&number)
            .then(|| number - 1)
    }))
}

/// What follows `!` is an expression: all of it, up to its name, was meant to be one.
fn no_exclusion(text: &str, span: Range<usize>, name: Option<String>) -> Error {
    let name = name.map(|name| format!(" as {}", written(&name)));
    let help = format!(
        "an expression that starts with `!` stands in brackets: `({}){}`",
        &text[span.clone()],
        name.unwrap_or_default()
    );
    let message = "a `!` in front leaves columns out, and this is none".to_owned();
    wrong(text, span, message, Some(help))
}

/// Whether an item that is no column has something of an expression: otherwise it is a name that was misspelt.
fn is_computed(item: &str) -> bool {
    let operators = ['(', '[', '+', '-', '*', '/', '%', '<', '>', '=', '?'];
    quoted(item).is_none() && item.contains(operators)
}
