//! `tamis stats`: what the columns of a table are like.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use tamis_contract::report::text::counted;
use tamis_engine::control::Progress;
use tamis_engine::human;
use tamis_engine::source::Source;
use tamis_process::lists;
use tamis_process::stats::{Measure, Statistics, StatsOptions, Wanted, html, stats, text};

use crate::args::{OutputFormat, OutputOptions};
use crate::follow::{FollowArgs, Results};
use crate::inputs::{self, InputOptions};
use crate::paint::Coloured;
use crate::progress::Display;
use crate::{Context, Error, Exit, Result, output};

/// Say what the columns of a table are like
///
/// Reads every record once and says of each column its type, how many values are null and how many differ, the smallest
/// and the largest, sum, mean and standard deviation, quantiles, the most frequent values, and what texts look like.
/// Several inputs are one table. Figures are exact, or say how far off they may be.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis stats orders.csv
  tamis stats drops/ --core                  type, nulls, distinct, range, sum: faster
  tamis stats orders.csv --columns amount,country --json
  tamis stats orders.csv --html profile.html
  zcat orders.jsonl.gz | tamis stats - --input-format jsonl

Malformed records are left out and counted; `tamis check` says what is wrong with them.")]
pub(crate) struct Options {
    /// Files, folders (their data files, sorted), topics (`kafka://HOST:PORT/TOPIC`), `-` for standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// Look at these columns only, an odd name in double quotes: `amount,"Order Date"`
    #[arg(long, value_name = "NAME,...")]
    columns: Vec<String>,

    /// Find out what costs least: type, nulls, distinct, range and sum
    #[arg(long, conflicts_with = "only")]
    core: bool,

    /// Find out these only: type, distinct, range, sum, deviation, quantiles, top, shapes, histogram
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = parse_measure)]
    only: Option<Vec<Measure>>,

    /// Write a profile with histograms to this file, as a page for browsers
    #[arg(long, value_name = "FILE", value_parser = output::file())]
    html: Option<PathBuf>,

    /// Replace that file if it exists
    #[arg(long, requires = "html")]
    force: bool,

    #[command(flatten)]
    follow: FollowArgs,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    input: InputOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    // Refused before the work and not after it.
    options.validate()?;
    let (inputs, results) = (&options.inputs, Results::AtTheEnd);
    options.follow.run(inputs, results, context, |context| {
        measure(options, context)
    })
}

fn measure(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let sources = options
        .input
        .sources(&options.inputs, context.globals, context.cancel)?;
    let sources: Vec<&dyn Source> = sources.iter().map(AsRef::as_ref).collect();
    let start = Instant::now();
    let progress = Progress::new();
    let stats_options = StatsOptions {
        threads: context.globals.thread_count().get(),
        chunk_bytes: InputOptions::bytes(options.input.chunk_size),
        record_bytes_max: InputOptions::bytes(options.input.max_record),
        kernel: inputs::kernel(context.globals)?,
        format: options.input.format(),
        messages: options.input.messages()?,
        csv: options.input.csv(),
        columns: options.columns()?,
        wanted: options.wanted(),
        cancel: context.cancel.clone(),
        progress: progress.clone(),
    };
    let display = Display::start(context.globals, &progress);
    let result = stats(&sources, &stats_options);
    drop(display);
    let statistics = result.map_err(|error| lists::located(&options.column_list(), error))?;
    let elapsed = start.elapsed();
    options.publish(&statistics, context)?;
    let bytes = statistics.inputs.iter().map(|input| input.bytes).sum();
    context.printer.say(&format!(
        "{}; {} in {} ({}, threads: {})",
        counted(statistics.rows.total, "row"),
        human::bytes(bytes),
        human::duration(elapsed),
        human::byte_rate(bytes, elapsed),
        context.globals.thread_count(),
    ));
    Ok(Exit::Good)
}

impl Options {
    fn validate(&self) -> Result<()> {
        let stdin = self.inputs.iter().filter(|path| path.as_os_str() == "-");
        if stdin.count() > 1 {
            return Err(Error::Usage {
                message: "standard input can be read once only".to_owned(),
                hint: None,
            });
        }
        let Some(path) = &self.html else {
            return Ok(());
        };
        output::refuse_topic(path)?;
        if let Some(input) = self
            .inputs
            .iter()
            .find(|input| output::replaces(path, input))
        {
            return Err(Error::Usage {
                message: format!(
                    "the profile would replace `{}`, which is read",
                    input.display()
                ),
                hint: Some("write to another file".to_owned()),
            });
        }
        if path.is_file() && !self.force && !output::is_stdout(path) {
            return Err(Error::Usage {
                message: format!("`{}` exists", path.display()),
                hint: Some("use `--force` to replace it".to_owned()),
            });
        }
        Ok(())
    }

    /// The columns that are asked for.
    fn columns(&self) -> Result<Option<Vec<String>>> {
        match self.columns.is_empty() {
            true => Ok(None),
            false => Ok(Some(lists::names(&self.column_list())?)),
        }
    }

    /// They as one list.
    fn column_list(&self) -> String {
        self.columns.join(", ")
    }

    fn wanted(&self) -> Wanted {
        match &self.only {
            Some(measures) => Wanted::only(measures),
            None if self.core => Wanted::core(),
            None => Wanted::all(),
        }
    }

    /// Writes the profile, and prints the rest unless the profile takes standard output.
    fn publish(&self, statistics: &Statistics, context: &Context<'_>) -> Result<()> {
        if let Some(path) = &self.html {
            output::write(path, html::page(statistics).as_bytes())?;
            if output::is_stdout(path) {
                return Ok(());
            }
        }
        match self.output.format() {
            OutputFormat::Json => context.printer.data(&statistics.to_json()),
            OutputFormat::Text => {
                let mut page = String::new();
                text::write(statistics, output::width(), &Coloured, &mut page)
                    .expect("a string takes everything");
                context.printer.data(&page)
            }
        }
    }
}

fn parse_measure(name: &str) -> std::result::Result<Measure, String> {
    // Nulls are always counted; who names them need not know that.
    let name = if name == "nulls" { "type" } else { name };
    Measure::by_name(name).ok_or_else(|| {
        let names = Measure::ALL.map(Measure::name).join(", ");
        format!("expected some of {names}")
    })
}
