//! `tamis gen`: test data with a contract and a known answer.

mod access_log;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use tamis_engine::control::Progress;
use tamis_engine::human;
use tamis_process::generate::{
    Fault, Format, Manifest, Recipe, Uniqueness, contract, is_generated_contract,
};

use crate::args::parse_count;
use crate::progress::Display;
use crate::{Context, Error, Exit, Result, output, topics};

/// Generate test data: payments with their contract and a known number of bad rows, or an access log
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    AccessLog(access_log::Options),
    Transactions(Transactions),
}

/// Payments: id, amount, timestamp, account, country and a memo with commas, quotes and newlines
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis gen transactions --rows 15M -o tx.csv          also writes tx.odcs.yaml
  tamis gen transactions --rows 1k --format jsonl -o - | head
  tamis gen transactions --rows 1M --manifest answer.json -o tx.csv

The same options give the same bytes, whatever the machine and the number of threads.")]
struct Transactions {
    /// How many rows: 1000, 1_000, 500k, 15M
    #[arg(long, value_name = "N", value_parser = parse_count)]
    rows: u64,

    /// Share of bad rows, each with exactly one fault
    #[arg(long, value_name = "RATE", default_value_t = 0.01)]
    bad_rate: f64,

    /// Another seed gives other values
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// How rows are written [default: by the extension of the output, else csv]
    #[arg(long, value_enum)]
    format: Option<FormatName>,

    /// Ask for distinct transaction ids in the contract (they are always distinct in the data)
    #[arg(long)]
    unique: bool,

    /// Where the rows go, `-` for standard output
    #[arg(long, short, value_name = "FILE", value_parser = output::file())]
    output: PathBuf,

    /// Where the contract goes [default: beside the output, as NAME.odcs.yaml]
    #[arg(long, value_name = "FILE", value_parser = output::file())]
    contract_out: Option<PathBuf>,

    /// Where to write, as JSON, how many rows break which rule
    #[arg(long, value_name = "FILE", value_parser = output::file())]
    manifest: Option<PathBuf>,

    /// Replace a contract that was not written by this command
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    Csv,
    Jsonl,
}

pub(crate) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    match &options.kind {
        Kind::AccessLog(options) => access_log::run(options, context),
        Kind::Transactions(options) => transactions(options, context),
    }
}

fn transactions(options: &Transactions, context: &Context<'_>) -> Result<Exit> {
    if topics::is_meant(&options.output) && options.format() == Format::Csv {
        return Err(Error::Usage {
            message: format!(
                "`{}`: rows of CSV stand below a header, which is no message",
                topics::shown(&options.output)
            ),
            hint: Some("leave `--format` out: each row is a JSON object then".to_owned()),
        });
    }
    let recipe = Recipe {
        rows: options.rows,
        bad_rate: options.bad_rate,
        seed: options.seed,
        format: options.format(),
    };
    let contract_path = options.contract_path();
    if let Some(path) = &contract_path {
        // Refused before the work and not after it.
        refuse_foreign_contract(path, options.force)?;
    }

    let start = Instant::now();
    let progress = Progress::new();
    let display = Display::start(context.globals, &progress);
    let mut sink = output::open_records(&options.output, context)?;
    let threads = context.globals.thread_count();
    let manifest = recipe.write(&mut *sink, threads, context.cancel, &progress)?;
    sink.finish()?;
    drop(display);
    let elapsed = start.elapsed();

    if let Some(path) = &contract_path {
        let uniqueness = if options.unique {
            Uniqueness::Required
        } else {
            Uniqueness::Unchecked
        };
        output::write(path, contract(uniqueness).as_bytes())?;
    }
    if let Some(path) = &options.manifest {
        output::write(path, manifest_json(&recipe, &manifest).as_bytes())?;
    }
    summarise(&manifest, elapsed, context);
    if let Some(path) = &contract_path {
        context
            .printer
            .say(&format!("contract: {}", path.display()));
    }
    Ok(Exit::Good)
}

impl Transactions {
    fn format(&self) -> Format {
        let extension = self
            .output
            .extension()
            .and_then(|extension| extension.to_str());
        match (self.format, extension) {
            (Some(FormatName::Csv), _) => Format::Csv,
            (Some(FormatName::Jsonl), _) | (None, Some("jsonl" | "ndjson")) => Format::Jsonl,
            // Messages of a topic are objects, unless somebody says otherwise.
            (None, _) if topics::is_meant(&self.output) => Format::Jsonl,
            (None, _) => Format::Csv,
        }
    }

    /// Where the contract goes; nowhere if the rows go to standard output or a device and nobody asks.
    fn contract_path(&self) -> Option<PathBuf> {
        let is_stream = output::is_stdout(&self.output)
            || topics::is_meant(&self.output)
            || fs::metadata(&self.output).is_ok_and(|m| !m.is_file());
        match &self.contract_out {
            Some(path) => Some(path.clone()),
            None if is_stream => None,
            None => Some(self.output.with_extension("odcs.yaml")),
        }
    }
}

fn refuse_foreign_contract(path: &Path, force: bool) -> Result<()> {
    match fs::read(path) {
        Ok(text) if !force && !is_generated_contract(&text) => Err(Error::Usage {
            message: format!(
                "`{}` exists and was not written by `tamis gen`",
                path.display()
            ),
            hint: Some(
                "use `--force` to replace it, or `--contract-out` for another place".to_owned(),
            ),
        }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// What was made, on standard error, the rules that were broken first.
fn summarise(manifest: &Manifest, elapsed: Duration, context: &Context<'_>) {
    let say = |line: String| context.printer.say(&line);
    say(format!(
        "{} rows, {} bad; {} in {} ({}, {} rows/s, threads: {})",
        human::count(manifest.rows),
        human::count(manifest.bad_rows()),
        human::bytes(manifest.bytes),
        human::duration(elapsed),
        human::byte_rate(manifest.bytes, elapsed),
        human::rate(manifest.rows, elapsed),
        context.globals.thread_count(),
    ));
    for rule in manifest.by_rule() {
        say(format!(
            "{:>12}  {} {}",
            human::count(rule.count),
            rule.column,
            rule.rule
        ));
    }
}

/// The manifest as a document that tests read.
fn manifest_json(recipe: &Recipe, manifest: &Manifest) -> String {
    let by_rule: Vec<_> = manifest
        .by_rule()
        .iter()
        .map(|rule| json!({"column": rule.column, "rule": rule.rule, "count": rule.count}))
        .collect();
    let by_fault: Vec<_> = Fault::ALL
        .iter()
        .map(|&fault| json!({"fault": fault.name(), "count": manifest.count(fault)}))
        .collect();
    let document = json!({
        "schema_version": 1,
        "seed": recipe.seed,
        "bad_rate": recipe.bad_rate,
        "bytes": manifest.bytes,
        "rows": {
            "total": manifest.rows,
            "valid": manifest.rows - manifest.bad_rows(),
            "invalid": manifest.bad_rows(),
        },
        "by_rule": by_rule,
        "by_fault": by_fault,
    });
    format!("{document:#}\n")
}
