//! What `--by` says: `amount desc, "Order Date", id asc nulls first`.

use std::ops::Range;

use crate::Result;
use crate::lists::{self, items, trimmed};
use crate::table::Table;

/// A column that rows are ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Where its name stands.
    span: Range<usize>,
    pub(super) is_descending: bool,
    pub(super) are_nulls_first: bool,
}

/// Reads the columns; null comes first where `are_nulls_first` and nothing else is said.
pub(super) fn parse(text: &str, are_nulls_first: bool) -> Result<Vec<Item>> {
    let items = items(text)?.into_iter();
    let items = items.map(|item| parse_item(text, item, are_nulls_first));
    Ok(items.collect())
}

fn parse_item(text: &str, mut span: Range<usize>, are_nulls_first: bool) -> Item {
    let mut nulls = None;
    for (words, is_first) in [("nulls first", true), ("nulls last", false)] {
        if nulls.is_none() && cut(text, &mut span, words) {
            nulls = Some(is_first);
        }
    }
    let is_descending = cut(text, &mut span, "desc");
    if !is_descending {
        cut(text, &mut span, "asc");
    }
    Item {
        span,
        is_descending,
        are_nulls_first: nulls.unwrap_or(are_nulls_first),
    }
}

/// Cuts `words` off the end of a stretch, if they stand there behind a space.
fn cut(text: &str, span: &mut Range<usize>, words: &str) -> bool {
    let rest = text[span.clone()].strip_suffix(words);
    match rest {
        Some(rest) if rest.ends_with(char::is_whitespace) => {
            *span = trimmed(text, span.start..span.start + rest.len());
            true
        }
        _ => false,
    }
}

impl Item {
    /// The column of the table.
    pub(super) fn find(&self, text: &str, table: &mut Table<'_>) -> Result<usize> {
        let found = lists::find(text, &self.span, table)?;
        found.ok_or_else(|| lists::unknown(text, &self.span, table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_have_a_direction_and_a_place_for_null() {
        let text = "amount desc, \"desc\",a b asc nulls first , x nulls last, \"a\\\" desc";
        let items = parse(text, false).unwrap();
        let shown: Vec<_> = items
            .iter()
            .map(|item| {
                let name = &text[item.span.clone()];
                (name, item.is_descending, item.are_nulls_first)
            })
            .collect();
        let expected = [
            ("amount", true, false),
            ("\"desc\"", false, false),
            ("a b", false, true),
            ("x", false, false),
            ("\"a\\\"", true, false),
        ];
        assert_eq!(shown, expected);
        assert!(parse("x", true).unwrap()[0].are_nulls_first);
        assert!(parse("a,,b", false).is_err() && parse("", false).is_err());
    }
}
