//! `tamis head`: the first records.

use clap::Args;
use tamis_process::rows::{Query, Take};

use crate::args::parse_count;
use crate::rows::RowsOutput;
use crate::table::TableArgs;
use crate::{Context, Exit, Result};

/// Write the header and the first records
///
/// A record is one even where it spans lines, and reading ends as soon as there are enough.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis head orders.csv
  tamis head orders.csv -n 1000 -o some.jsonl
  tamis head orders.csv --where 'amount < 0'")]
pub(crate) struct Options {
    #[command(flatten)]
    table: TableArgs,

    /// How many
    #[arg(long, short = 'n', value_name = "N", default_value = "10", value_parser = parse_count)]
    count: u64,

    /// Only records for which this expression is true
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<String>,

    #[command(flatten)]
    output: RowsOutput,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let query = Query {
        filter: options.filter.clone(),
        take: Take::First(options.count),
        ..Query::default()
    };
    options.output.write(&options.table, query, context)
}
