//! `tamis convert`: the same rows in another format.

use std::path::PathBuf;

use clap::Args;
use tamis_process::rows::Query;

use crate::follow::FollowArgs;
use crate::rows::FormatArgs;
use crate::table::TypeArgs;
use crate::{Context, Exit, Result, output};

/// Write the rows of an input in another format
///
/// The formats are told by the names, or by `--input-format` and `--output-format`. Numbers keep their digits, moments and texts
/// their characters. Types are those of all records: a column with one text in it is text.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis convert orders.csv orders.jsonl
  tamis convert orders.jsonl.gz orders.csv --where 'amount > 0'
  tamis convert orders.csv - --output-format json | jq '.[0]'")]
pub(crate) struct Options {
    /// A file or a folder of data files, `-` for standard input
    #[arg(value_name = "IN")]
    input: PathBuf,

    /// Where the rows go, `-` for standard output
    #[arg(value_name = "OUT", value_parser = output::file())]
    output: PathBuf,

    /// Only these columns, as `tamis select` has them
    #[arg(long, short, value_name = "COLUMN,...", allow_hyphen_values = true)]
    columns: Option<String>,

    /// Only records for which this expression is true
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<String>,

    #[command(flatten)]
    format: FormatArgs,

    #[command(flatten)]
    follow: FollowArgs,

    #[command(flatten)]
    types: TypeArgs,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let query = Query {
        filter: options.filter.clone(),
        columns: options.columns.clone(),
        ..Query::default()
    };
    let inputs = std::slice::from_ref(&options.input);
    let names = (inputs, options.output.as_path());
    options
        .format
        .write_or_follow(names, &options.types, query, options.follow, context)
}
