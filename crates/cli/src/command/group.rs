//! `tamis group`: rows that share their keys, added up.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tamis_contract::report::Performance;
use tamis_contract::report::text::counted;
use tamis_engine::control::Progress;
use tamis_engine::human;
use tamis_engine::source::Source;
use tamis_formats::sniff;
use tamis_process::group::{GroupOptions, GroupQuery, Grouped, ResultFormat, group};
use tamis_process::rows::batch_format;
use tamis_process::table::{Table, TableOptions};

use crate::follow::{FollowArgs, Results};
use crate::inputs::InputOptions;
use crate::progress::Display;
use crate::table::TableArgs;
use crate::{Context, Error, Exit, Result, output, rows, topics};

/// Add up the rows that share their keys
///
/// Functions: count() of rows, count(x) of values, sum, mean, min, max, stddev, variance, distinct, first, last, median, p95 and other
/// percentiles. Each may have a name: `sum(amount) as total`; by its name alone, `max`, it is computed of each column that is no
/// key and that it takes. Sums are exact, whatever the order; null is left out of all of them, and is a key of its own. Groups
/// come in the order of their first rows.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis group orders.csv --by country --agg 'sum(amount), count(), p95(amount)'
  tamis group orders.csv --by 'country, \"Order Date\" as day' --agg 'mean(amount) as mean' --format table
  tamis group orders.csv --by country --agg 'sum(amount * 1.2) as gross' --where 'amount > 0'
  tamis group drops/ --agg 'count(), min(amount), max(amount)' --json
  tamis group orders.csv --by country --agg 'min, max'
  tamis group orders.csv --by country --agg 'sum(amount) as total' | tamis sort - --by 'total desc'

`distinct` counts exactly up to 65,536 values of a group, percentiles are exact up to 64; beyond that they are estimates.")]
pub(crate) struct Options {
    #[command(flatten)]
    table: TableArgs,

    /// The keys: columns or expressions, `country, timestamp.getFullYear() as year` [default: all rows are one group]
    #[arg(long, short, value_name = "KEY,...", allow_hyphen_values = true)]
    by: Option<String>,

    /// What is found out of each group
    #[arg(
        long,
        short,
        value_name = "FUNCTION(X),...",
        default_value = "count()",
        allow_hyphen_values = true
    )]
    agg: String,

    /// Only records for which this expression is true
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    filter: Option<String>,

    /// Where the result goes, `-` for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-", value_parser = output::file())]
    output: PathBuf,

    /// How the result is written [default: by the name of the output, else csv]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    #[command(flatten)]
    follow: FollowArgs,

    /// Short for `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// How Parquet and Arrow are packed: none, snappy, lz4, zstd, gzip, the last two perhaps with a level [default: zstd:1 for Parquet,
    /// none for Arrow]
    #[arg(long, value_name = "CODEC")]
    compression: Option<String>,
}

/// Formats of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated values
    Csv,
    /// A JSON array of objects
    Json,
    /// One JSON object a line
    #[value(alias = "ndjson")]
    Jsonl,
    /// For people
    Table,
    /// A Parquet file
    Parquet,
    /// An Arrow file (IPC, Feather version 2)
    #[value(alias = "feather")]
    Arrow,
    /// A stream of Arrow record batches
    ArrowStream,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let (inputs, results) = (&options.table.inputs, Results::AtTheEnd);
    options
        .follow
        .run(inputs, results, context, |context| add_up(options, context))
}

fn add_up(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let table = &options.table;
    rows::refuse_replacing(&table.inputs, &options.output)?;
    rows::refuse_packed(&options.output)?;
    let sources = table.sources(context)?;
    let sources: Vec<&dyn Source> = sources.iter().map(AsRef::as_ref).collect();
    let progress = Progress::new();
    let table_options = table.options.table_options(context, &progress)?;
    let format = options.format()?;
    if !matches!(format, ResultFormat::Batches(_)) {
        rows::refuse_compression(options.compression.as_deref())?;
    }
    let query = GroupQuery {
        by: options.by.clone(),
        aggregates: options.agg.clone(),
        filter: options.filter.clone(),
        format,
    };
    let group_options = GroupOptions {
        memory_bytes: InputOptions::bytes(context.globals.memory()),
        ..GroupOptions::default()
    };
    let start = Instant::now();
    let display = Display::start(context.globals, &progress);
    let result = options.group(sources, &query, (&group_options, &table_options), context);
    drop(display);
    let (grouped, notes) = result?;
    let elapsed = start.elapsed();
    notes.iter().for_each(|note| context.printer.say(note));
    options.tell(&grouped, elapsed, context);
    if context.globals.perf {
        let performance = Performance {
            spilled_bytes: grouped.spilled_bytes,
            ..grouped.scanned.performance(&table_options, elapsed)
        };
        context
            .printer
            .performance(&performance, grouped.scanned.rows);
    }
    Ok(Exit::Good)
}

impl Options {
    fn group(
        &self,
        sources: Vec<&dyn Source>,
        query: &GroupQuery,
        (options, table_options): (&GroupOptions, &TableOptions),
        context: &Context<'_>,
    ) -> Result<(Grouped, Vec<String>)> {
        let opened = Table::open(sources, table_options.clone());
        let mut table = opened.map_err(|error| self.table.options.located(error))?;
        let sink = output::open_records(&self.output, context)?;
        let grouped = group(&mut table, query, options, sink)?;
        Ok((grouped, table.notes().to_vec()))
    }

    /// The format that was asked for, or that the output's name tells.
    fn format(&self) -> Result<ResultFormat> {
        if topics::is_meant(&self.output) {
            return self.format_of_messages();
        }
        let named = sniff::format_of_name(&self.output.to_string_lossy());
        let columns = match (self.format, named) {
            _ if self.json => return Ok(ResultFormat::Json),
            (Some(Format::Csv), _) => return Ok(ResultFormat::Csv),
            (Some(Format::Json), _) | (None, Some(sniff::Format::JsonArray)) => {
                return Ok(ResultFormat::Json);
            }
            (Some(Format::Jsonl), _) | (None, Some(sniff::Format::JsonLines)) => {
                return Ok(ResultFormat::JsonLines);
            }
            (Some(Format::Table), _) => return Ok(ResultFormat::Table),
            (None, None | Some(sniff::Format::Delimited { .. })) => return Ok(ResultFormat::Csv),
            (Some(Format::Parquet), _) => sniff::Format::Parquet,
            (Some(Format::Arrow), _) => sniff::Format::ArrowFile,
            (Some(Format::ArrowStream), _) => sniff::Format::ArrowStream,
            (None, Some(other)) => other,
        };
        rows::refuse_terminal(&self.output)?;
        match batch_format(columns, self.compression.as_deref()) {
            Ok(Some(format)) => Ok(ResultFormat::Batches(format)),
            Ok(None) => Err(Error::Usage {
                message: format!("groups cannot be written as {columns}"),
                hint: Some("`--format` says what to write".to_owned()),
            }),
            Err(message) => Err(Error::Usage {
                message: format!("`--compression`: {message}"),
                hint: None,
            }),
        }
    }

    /// The same of the messages of a topic: JSON, unless something else is said.
    fn format_of_messages(&self) -> Result<ResultFormat> {
        let format = self.format.filter(|_| !self.json);
        match (format, topics::says_csv(&self.output)?) {
            _ if self.json => {}
            (None | Some(Format::Jsonl), None | Some(false)) => return Ok(ResultFormat::JsonLines),
            (None | Some(Format::Csv), Some(true)) | (Some(Format::Csv), None) => {
                return Ok(ResultFormat::Csv);
            }
            _ => {}
        }
        Err(Error::Usage {
            message: format!(
                "`{}`: each group is a message, a JSON object or a CSV record",
                topics::shown(&self.output)
            ),
            hint: Some("`--format` is `jsonl` or `csv` for topics".to_owned()),
        })
    }

    /// Says what was left out and how far off estimates are; for a file, what is in it, too.
    fn tell(&self, grouped: &Grouped, elapsed: Duration, context: &Context<'_>) {
        rows::tell_missing(grouped.malformed, grouped.failed, context);
        if let Some(estimated) = grouped.estimated {
            context.printer.say(&format!(
                "some figures are estimates: `distinct` of many values has a standard error of {:.1} %, percentiles of large groups \
                 are off by at most {:.1} %",
                100.0 * estimated.distinct_error,
                100.0 * estimated.quantile_error,
            ));
        }
        if !output::is_stdout(&self.output) {
            context.printer.say(&format!(
                "{} of {}; {} in {} ({})",
                counted(grouped.groups, "group"),
                counted(grouped.scanned.rows, "row"),
                human::bytes(grouped.scanned.bytes),
                human::duration(elapsed),
                human::byte_rate(grouped.scanned.bytes, elapsed),
            ));
        }
    }
}
