//! `tamis contract show`: a contract as a table that fits a screen.

use std::fmt::{self, Write};
use std::path::PathBuf;

use clap::Args;
use tamis_contract::describe;
use tamis_contract::model::{Contract, Object, Property, Quality, QualityKind, Severity};
use tamis_contract::report::text::{Cell, Paint, Role, Table, tamed};

use crate::paint::Coloured;
use crate::{Context, Error, Exit, Result, contract_file};

/// Longest text of a cell.
const CELL_CHARS: usize = 100;

/// Show what a contract asks of the data
///
/// Lists the columns with their types and limits, the thresholds, and the rules that Tamis does
/// not check.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The contract, `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Show this object only
    #[arg(long, value_name = "NAME")]
    object: Option<String>,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let reading = contract_file::load(&options.file, context)?;
    context
        .printer
        .findings(&reading.source_text, &reading.diagnostics);
    let contract = &reading.contract;
    let objects = match &options.object {
        None => contract.objects.iter().collect(),
        Some(name) => vec![
            contract
                .object(Some(name), "")
                .map_err(|error| Error::Usage {
                    message: error.to_string(),
                    hint: None,
                })?,
        ],
    };
    let mut page = String::new();
    write_page(contract, &objects, &mut page).expect("a string takes everything");
    context.printer.data(&page)?;
    Ok(Exit::Good)
}

fn write_page(contract: &Contract, objects: &[&Object], page: &mut String) -> fmt::Result {
    heading(contract.name.as_deref().unwrap_or(&contract.id), page)?;
    let status = contract.status.as_deref().unwrap_or("no status");
    let facts = format!(
        "  {} {}, {status}, ODCS {}\n",
        contract.id, contract.version, contract.api_version
    );
    Coloured.paint(Role::Faint, &facts, page)?;
    for object in objects {
        write_object(object, page)?;
    }
    write_unchecked(contract, objects, page)
}

fn write_object(object: &Object, page: &mut String) -> fmt::Result {
    page.push('\n');
    heading(&object.name, page)?;
    if let Some(description) = &object.description {
        write!(page, "  {}", tamed(description.trim(), CELL_CHARS))?;
    }
    page.push('\n');
    let facts = describe::csv_facts(&object.csv);
    if !facts.is_empty() {
        let facts = format!("CSV: {}", tamed(&facts.join("; "), 2 * CELL_CHARS));
        Coloured.paint(Role::Faint, &facts, page)?;
        page.push('\n');
    }
    if let Some(extra_columns) = object.extra_columns {
        Coloured.paint(Role::Faint, describe::extra_columns(extra_columns), page)?;
        page.push('\n');
    }
    if let Some(duplicate_columns) = object.duplicate_columns {
        let meaning = describe::duplicate_columns(duplicate_columns);
        Coloured.paint(Role::Faint, meaning, page)?;
        page.push('\n');
    }
    page.push('\n');
    let mut columns = Table::default();
    columns.row(
        ["column", "type", "required", "key", "values"].map(|text| Cell::left(Role::Heading, text)),
    );
    let mut thresholds = Table::default();
    for quality in &object.quality {
        add_threshold("(all rows)", quality, &mut thresholds);
    }
    for property in &object.properties {
        add_property(property, "", &mut columns, &mut thresholds);
    }
    columns.write(&Coloured, page)?;
    write_section("thresholds", &thresholds, page)
}

/// A row for the property and for each of its members, named by their paths.
fn add_property(property: &Property, prefix: &str, columns: &mut Table, thresholds: &mut Table) {
    let path = format!("{prefix}{}", property.name);
    let mut name = tamed(&path, CELL_CHARS);
    if let Some(physical) = property
        .physical_name
        .as_ref()
        .filter(|name| **name != property.name)
    {
        name.push_str(&format!(" ({})", tamed(physical, CELL_CHARS)));
    }
    let key = match (property.primary_key_position, property.unique) {
        (Some(position), _) => format!("primary {position}"),
        (None, true) => "unique".to_owned(),
        (None, false) => String::new(),
    };
    columns.row([
        Cell::left(Role::Plain, name),
        Cell::left(Role::Value, describe::type_name(property)),
        Cell::left(Role::Plain, describe::required(property)),
        Cell::left(Role::Plain, key),
        Cell::left(
            Role::Plain,
            tamed(
                &describe::limits(&property.constraints).join(", "),
                CELL_CHARS,
            ),
        ),
    ]);
    for quality in &property.quality {
        add_threshold(&path, quality, thresholds);
    }
    for member in &property.properties {
        add_property(member, &format!("{path}."), columns, thresholds);
    }
    if let Some(items) = &property.items {
        for member in &items.properties {
            add_property(member, &format!("{path}[]."), columns, thresholds);
        }
    }
}

fn add_threshold(path: &str, quality: &Quality, thresholds: &mut Table) {
    // Rules of other types are not checked, and listed as such.
    let (what, threshold) = match &quality.kind {
        QualityKind::Metric {
            metric,
            operator,
            unit,
        } => (
            describe::metric(metric),
            describe::threshold(operator, *unit),
        ),
        QualityKind::Expression { text, threshold } => {
            let threshold = threshold.as_ref();
            let threshold = threshold.map(|(operator, unit)| describe::threshold(operator, *unit));
            (
                format!("`{text}`"),
                threshold.unwrap_or_else(|| "must be true".to_owned()),
            )
        }
        _ => return,
    };
    let about = quality
        .name
        .as_deref()
        .or(quality.description.as_deref())
        .unwrap_or("");
    let role = match quality.severity {
        Severity::Error => Role::Plain,
        Severity::Warning => Role::Warning,
        Severity::Info => Role::Faint,
    };
    thresholds.row([
        Cell::left(Role::Plain, tamed(path, CELL_CHARS)),
        Cell::left(Role::Plain, tamed(&what, CELL_CHARS)),
        Cell::left(Role::Plain, threshold),
        Cell::left(role, quality.severity.name()),
        Cell::left(Role::Faint, tamed(about.trim(), CELL_CHARS)),
    ]);
}

/// Rules about the contract or the objects shown that no check looks at.
fn write_unchecked(contract: &Contract, objects: &[&Object], page: &mut String) -> fmt::Result {
    let is_shown = |location: &str| {
        let mut names = objects.iter().map(|object| object.name.as_str());
        location.is_empty()
            || names.any(|name| {
                location
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
    };
    let mut table = Table::default();
    for rule in contract
        .unchecked
        .iter()
        .filter(|rule| is_shown(&rule.location))
    {
        let location = if rule.location.is_empty() {
            "(contract)"
        } else {
            &rule.location
        };
        table.row([
            Cell::left(Role::Plain, tamed(location, CELL_CHARS)),
            Cell::left(Role::Plain, tamed(&rule.rule, CELL_CHARS)),
            Cell::left(Role::Faint, tamed(&rule.reason, CELL_CHARS)),
        ]);
    }
    write_section("not checked", &table, page)
}

fn write_section(name: &str, table: &Table, page: &mut String) -> fmt::Result {
    if table.is_empty() {
        return Ok(());
    }
    page.push_str("\n  ");
    heading(name, page)?;
    page.push('\n');
    table.write(&Coloured, page)
}

fn heading(text: &str, page: &mut String) -> fmt::Result {
    Coloured.paint(Role::Heading, &tamed(text, CELL_CHARS), page)
}
