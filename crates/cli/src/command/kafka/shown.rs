//! How the verbs print: documents for programs, tables for people.

use serde_json::{Map, Value};
use tamis_contract::report::text::{Cell, Role, Table};
use tamis_engine::names;

use crate::Result;
use crate::paint::Coloured;
use crate::printer::Printer;

/// The layout of all these documents.
const SCHEMA_VERSION: u64 = 1;

/// Makes an object of pairs.
pub(super) fn object<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    let pairs = pairs.into_iter();
    pairs.map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Prints a document.
pub(super) fn document(printer: &Printer, mut document: Map<String, Value>) -> Result<()> {
    document.insert("schema_version".to_owned(), SCHEMA_VERSION.into());
    let text = serde_json::to_string_pretty(&document).expect("its keys are texts");
    printer.data(&format!("{text}\n"))
}

/// A row of headings: those that begin with `>` stand over numbers.
pub(super) fn heading<const N: usize>(names: [&str; N]) -> Table {
    let mut table = Table::default();
    table.row(names.map(|name| match name.strip_prefix('>') {
        Some(name) => Cell::right(Role::Heading, name),
        None => Cell::left(Role::Heading, name),
    }));
    table
}

/// A text of somebody else's, on one line.
pub(super) fn text(text: &str) -> Cell {
    Cell::left(Role::Plain, shown(text))
}

/// A number; `-` where there is none.
pub(super) fn number(value: Option<i64>) -> Cell {
    let shown = value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    Cell::right(Role::Plain, shown)
}

/// Adds a table to a page.
pub(super) fn add(table: &Table, page: &mut String) {
    table
        .write(&Coloured, page)
        .expect("a string takes everything");
}

/// A text of somebody else's, without what would confuse a terminal.
pub(super) fn shown(text: &str) -> String {
    names::show_bytes(text.as_bytes()).into_owned()
}

/// `1 record`, `2,000 records`.
pub(super) use tamis_contract::report::text::counted;
