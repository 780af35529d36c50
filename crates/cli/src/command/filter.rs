//! `tamis filter`: the records for which an expression is true.

use clap::Args;
use tamis_process::rows::Query;

use crate::follow::FollowArgs;
use crate::rows::RowsOutput;
use crate::table::TableArgs;
use crate::{Context, Exit, Result};

/// Write the records for which an expression is true
///
/// Records leave as they came, byte for byte, unless the output has another format. Expressions are CEL: columns by their
/// names (`row['Order Date']` for odd ones), `+ - * / %`, `== != < <= > >=`, `in`, `&& || !`, functions. Where an operand is
/// null, a record does not match.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis filter orders.csv --where 'amount > 100 && country in [\"DE\", \"AT\"]' -o big.csv
  tamis filter orders.csv --where \"row['Order Date'] >= date('2026-01-01')\" | head
  zcat events.jsonl.gz | tamis filter --where 'user.age >= 18' --input-format jsonl
  tamis filter 'kafka://localhost:9092/orders?group=big' --where 'amount > 100' --follow -o kafka://localhost:9092/big

docs/expressions.md has the whole language.")]
pub(crate) struct Options {
    #[command(flatten)]
    table: TableArgs,

    /// The expression
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    filter: String,

    #[command(flatten)]
    output: RowsOutput,

    #[command(flatten)]
    follow: FollowArgs,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let query = Query {
        filter: Some(options.filter.clone()),
        ..Query::default()
    };
    let follow = options.follow;
    options
        .output
        .write_or_follow(&options.table, query, follow, context)
}
