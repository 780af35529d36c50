//! `tamis sample`: records drawn by chance.

use clap::Args;
use tamis_process::rows::{Query, Take};

use crate::args::parse_count;
use crate::rows::RowsOutput;
use crate::table::TableArgs;
use crate::{Context, Exit, Result};

/// Write records drawn by chance, in the order of the input
///
/// Either so many (`-n`), every set of that size being as likely as any other, or each with a probability (`--share`). The same
/// seed draws the same records from the same inputs, whatever the threads.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis sample orders.csv -n 1000 -o some.csv
  tamis sample orders.csv --share 0.01 --seed 7 | tamis check - --input-format csv -c orders.odcs.yaml

The records that `-n` draws are kept in memory.")]
pub(crate) struct Options {
    #[command(flatten)]
    table: TableArgs,

    /// How many [default: 1000]
    #[arg(long, short = 'n', value_name = "N", value_parser = parse_count, conflicts_with = "share")]
    count: Option<u64>,

    /// Draw each with this probability instead, from 0 to 1
    #[arg(long, value_name = "P")]
    share: Option<f64>,

    /// What chance depends on
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Only records for which this expression is true
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<String>,

    #[command(flatten)]
    output: RowsOutput,
}

/// Records drawn when nobody says how many.
const COUNT_DEFAULT: u64 = 1000;

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let seed = options.seed;
    let take = match options.share {
        Some(rate) => Take::Fraction { rate, seed },
        None => Take::Sample {
            count: usize::try_from(options.count.unwrap_or(COUNT_DEFAULT)).unwrap_or(usize::MAX),
            seed,
        },
    };
    let query = Query {
        filter: options.filter.clone(),
        take,
        ..Query::default()
    };
    options.output.write(&options.table, query, context)
}
