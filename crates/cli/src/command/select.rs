//! `tamis select`: some columns, and columns that are computed.

use clap::Args;
use tamis_process::rows::Query;

use crate::follow::FollowArgs;
use crate::rows::RowsOutput;
use crate::table::TableArgs;
use crate::{Context, Exit, Result};

/// Write some columns, and columns that are computed
///
/// Columns are separated by commas: by name, by number from 1, as a range `a:c` or `2:`, `*` for all, `!note` for all but one,
/// `amount * 1.2 as gross` for what an expression gives. A name in double quotes is taken as it stands, a quote in it is written twice.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis select orders.csv --columns 'id, amount, amount * 1.2 as gross'
  tamis select orders.csv --columns '!note' -o orders.jsonl
  tamis select orders.csv --columns '2:4, \"Order Date\" as date' --where 'amount > 100'

docs/expressions.md has the language of expressions.")]
pub(crate) struct Options {
    #[command(flatten)]
    table: TableArgs,

    /// The columns
    #[arg(long, short, value_name = "COLUMN,...", allow_hyphen_values = true)]
    columns: String,

    /// Only records for which this expression is true
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<String>,

    #[command(flatten)]
    output: RowsOutput,

    #[command(flatten)]
    follow: FollowArgs,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let query = Query {
        filter: options.filter.clone(),
        columns: Some(options.columns.clone()),
        ..Query::default()
    };
    let follow = options.follow;
    options
        .output
        .write_or_follow(&options.table, query, follow, context)
}
