//! `tamis sort`: rows in order.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use tamis_contract::report::Performance;
use tamis_engine::control::Progress;
use tamis_engine::source::Source;
use tamis_process::rows::Query;
use tamis_process::sort::{SortOptions, SortQuery, sort};
use tamis_process::table::Table;

use crate::inputs::InputOptions;
use crate::progress::Display;
use crate::rows::{self, FormatArgs};
use crate::table::TableArgs;
use crate::{Context, Exit, Result, output};

/// Write rows in order
///
/// By the values of one or several columns: numbers by value, dates by when, texts byte by byte; null comes last. Rows with equal
/// values keep the order they came in. Records leave as they came, byte for byte, unless the output has another format.
/// What does not fit into `--memory` goes to an unnamed temporary file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis sort orders.csv --by 'amount desc, id'
  tamis sort drops/ --by '\"Order Date\"' -o all.csv --memory 500MB
  tamis group orders.csv --by country --agg 'sum(amount) as total' | tamis sort --by 'total desc' | head
  tamis sort orders.csv --by 'id nulls first' --unique")]
pub(crate) struct Options {
    #[command(flatten)]
    table: TableArgs,

    /// The columns, each perhaps with `desc`, `nulls first` or `nulls last` behind it
    #[arg(long, short, value_name = "COLUMN,...", allow_hyphen_values = true)]
    by: String,

    /// Null comes first, where a column does not say otherwise
    #[arg(long)]
    nulls_first: bool,

    /// Of rows with equal values in these columns write the first only
    #[arg(long)]
    unique: bool,

    /// Only records for which this expression is true
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<String>,

    /// Where the rows go, `-` for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-", value_parser = output::file())]
    output: PathBuf,

    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let table = &options.table;
    rows::refuse_replacing(&table.inputs, &options.output)?;
    let query = SortQuery {
        by: options.by.clone(),
        are_nulls_first: options.nulls_first,
        is_unique: options.unique,
        rows: Query {
            filter: options.filter.clone(),
            format: options.format.of(&options.output)?,
            ..Query::default()
        },
    };
    let sort_options = SortOptions {
        memory_bytes: InputOptions::bytes(context.globals.memory()),
        ..SortOptions::default()
    };
    let sources = table.sources(context)?;
    let sources: Vec<&dyn Source> = sources.iter().map(AsRef::as_ref).collect();
    let progress = Progress::new();
    let table_options = table.options.table_options(context, &progress)?;
    let start = Instant::now();
    let display = Display::start(context.globals, &progress);
    let open_sink = rows::sink_opener(&options.output, context)?;
    let result = Table::open(sources, table_options.clone()).and_then(|mut table| {
        let sorted = sort(&mut table, &query, &sort_options, &open_sink)?;
        Ok((sorted, table.notes().to_vec()))
    });
    drop(display);
    let (sorted, notes) = result.map_err(|error| table.options.located(error))?;
    let elapsed = start.elapsed();
    notes.iter().for_each(|note| context.printer.say(note));
    let is_file = !output::is_stdout(&options.output);
    rows::tell(&sorted.written, is_file, elapsed, context);
    if context.globals.perf {
        let scanned = &sorted.written.scanned;
        let performance = Performance {
            spilled_bytes: sorted.spilled_bytes,
            ..scanned.performance(&table_options, elapsed)
        };
        context.printer.performance(&performance, scanned.rows);
    }
    Ok(Exit::Good)
}
