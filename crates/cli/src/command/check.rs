//! `tamis check`: records against a contract.

mod follow;

use std::path::{Path, PathBuf};

use clap::Args;
use tamis_contract::check::{Check, CheckOptions, Unchecked};
use tamis_contract::model::{CsvFacts, Object};
use tamis_contract::report::{Report, text};
use tamis_engine::control::Progress;
use tamis_engine::sink::Sink;
use tamis_engine::source::Source;

use crate::args::{OutputFormat, OutputOptions};
use crate::inputs::{self, InputOptions};
use crate::paint::Coloured;
use crate::progress::Display;
use crate::{Context, Error, Exit, Result, contract_file, output, stores, topics};

/// Check every record against a contract
///
/// Says whether the data keeps the contract, which rules are broken how often, and shows the first
/// offending values. Good and bad records can be written to files of their own: byte for byte, or good ones
/// as CSV, JSON, Parquet or Arrow, by the name of their file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis check orders.csv --contract orders.odcs.yaml
  tamis check drops/ --contract orders.odcs.yaml --good good.csv --bad bad.csv
  tamis check orders.csv --contract orders.odcs.yaml --good good.parquet
  tamis check orders.log.csv --contract orders.odcs.yaml --follow
  tamis check 'kafka://localhost:9092/orders?group=gate' --contract orders.odcs.yaml --bad kafka://localhost:9092/orders.bad
  zcat orders.jsonl.gz | tamis check - --input-format jsonl --contract orders.odcs.yaml --json

Exit codes: 0 the data keeps the contract; 1 it does not; 2 usage or contract error;
3 an input or output failed; 130 interrupted.")]
pub(crate) struct Options {
    /// Files, folders (their data files, sorted), topics (`kafka://HOST:PORT/TOPIC?group=...`), `-` for standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// The contract (ODCS v3 YAML)
    #[arg(long, short, value_name = "FILE")]
    contract: PathBuf,

    /// The contract's object that describes the inputs [default: the only one, or the one named like the file]
    #[arg(long, value_name = "NAME")]
    object: Option<String>,

    /// Run although the contract has rules that cannot be checked; they are listed in the report
    #[arg(long)]
    allow_unchecked: bool,

    /// Let warnings make rows bad and the run fail
    #[arg(long)]
    strict: bool,

    /// Stop after the first bad row
    #[arg(long)]
    fail_fast: bool,

    /// Do not read columns of a Parquet row group that keep the contract by the statistics in the file, which may lie
    #[arg(long)]
    trust_statistics: bool,

    /// Go on as the file or the topic grows, and print each violation when it is found; Ctrl-C ends it with the report
    #[arg(long)]
    follow: bool,

    /// Offending values to show; counts are always exact
    #[arg(long, value_name = "N", default_value_t = 10)]
    max_errors: usize,

    /// Write the report to this file as JSON, whatever is printed
    #[arg(long, value_name = "FILE", value_parser = output::file())]
    report: Option<PathBuf>,

    /// Write the good records here, as they came or in the format of the file's name, `-` for standard output
    #[arg(long, value_name = "FILE")]
    good: Option<PathBuf>,

    /// Write the bad records here, each with its row and the reason, `-` for standard output
    #[arg(long, value_name = "FILE", value_parser = output::file())]
    bad: Option<PathBuf>,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    input: InputOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    options.validate()?;
    let (check, csv) = options.compile(context)?;
    if options.fail_fast {
        let topics = &context.globals.topics;
        topics.keep("`--fail-fast` may have read more than it judged");
    }
    let progress = Progress::new();
    let check_options = CheckOptions {
        threads: context.globals.thread_count().get(),
        chunk_bytes: InputOptions::bytes(options.input.chunk_size),
        record_bytes_max: InputOptions::bytes(options.input.max_record),
        kernel: inputs::kernel(context.globals)?,
        memory_bytes: InputOptions::bytes(context.globals.memory()),
        samples_max: options.max_errors,
        fail_fast: options.fail_fast,
        strict: options.strict,
        trusts_statistics: options.trust_statistics,
        format: options.input.format(),
        messages: options.input.messages()?,
        cancel: context.cancel.clone(),
        progress: progress.clone(),
        ..CheckOptions::default()
    };
    if options.follow {
        return follow::run(options, (&check, &csv), check_options, &progress, context);
    }
    let (globals, cancel) = (context.globals, context.cancel);
    let sources = options
        .input
        .sources_of(&options.inputs, &csv, globals, cancel)?;
    let sources: Vec<&dyn Source> = sources.iter().map(AsRef::as_ref).collect();
    let (good, bad) = options.open_outputs(context)?;
    let display = Display::start(context.globals, &progress);
    let result = check.run(&sources, &check_options, good, bad);
    drop(display);
    let mut report = result?;
    report.contract.file = Some(options.contract.display().to_string());
    report.notes.extend(context.globals.topics.notes());
    options.publish(&report, context)?;
    Ok(if report.passed { Exit::Good } else { Exit::Bad })
}

/// Where records go.
type Output = Box<dyn Sink>;

impl Options {
    fn validate(&self) -> Result<()> {
        let outputs = [&self.good, &self.bad, &self.report];
        let to_stdout = outputs
            .into_iter()
            .flatten()
            .filter(|path| output::is_stdout(path))
            .count();
        if to_stdout > 1 {
            return Err(Error::Usage {
                message: "only one of `--good`, `--bad` and `--report` can go to standard output"
                    .to_owned(),
                hint: None,
            });
        }
        if let Some(path) = &self.report {
            output::refuse_topic(path)?;
        }
        self.validate_topics()?;
        let read = self.inputs.iter().chain([&self.contract]);
        for input in read {
            if outputs
                .into_iter()
                .flatten()
                .any(|path| output::replaces(path, input))
            {
                return Err(Error::Usage {
                    message: format!(
                        "an output would replace `{}`, which is read",
                        topics::shown(input)
                    ),
                    hint: Some("write to another file and move it".to_owned()),
                });
            }
        }
        if let Some(path) = output::named_twice(&outputs.map(Option::as_deref)) {
            return Err(Error::Usage {
                message: format!(
                    "`{}` cannot take more than one of `--good`, `--bad` and `--report`",
                    topics::shown(path)
                ),
                hint: None,
            });
        }
        let stdin = self
            .inputs
            .iter()
            .filter(|path| path.as_os_str() == "-")
            .count();
        if stdin > 1 || stdin == 1 && self.contract.as_os_str() == "-" {
            return Err(Error::Usage {
                message: "standard input can be read once only".to_owned(),
                hint: None,
            });
        }
        Ok(())
    }

    /// What cannot be of outputs that are topics, or of others where the run goes on.
    fn validate_topics(&self) -> Result<()> {
        for path in [&self.good, &self.bad].into_iter().flatten() {
            if !topics::is_meant(path) {
                if self.follow {
                    return Err(Error::Usage {
                        message: "with `--follow`, `--good` and `--bad` are topics: a file appears when it is whole".to_owned(),
                        hint: Some("name a topic, such as `kafka://HOST:PORT/TOPIC`".to_owned()),
                    });
                }
            } else if topics::says_csv(path)?.is_some() {
                return Err(Error::Usage {
                    message: format!(
                        "`{}`: records are written as they came, whatever `payload` says",
                        topics::shown(path)
                    ),
                    hint: Some("leave it out; `tamis convert` writes JSON of CSV".to_owned()),
                });
            }
        }
        Ok(())
    }

    /// Where good and bad records go.
    fn open_outputs(&self, context: &Context<'_>) -> Result<(Option<Output>, Option<Output>)> {
        let good = self.good.as_deref();
        let good = good.map(|path| self.open_good(path, context)).transpose()?;
        let bad = self.bad.as_deref();
        let bad = bad.map(|path| output::open_records(path, context));
        Ok((good, bad.transpose()?))
    }

    /// The check, and what is known of CSV records.
    fn compile(&self, context: &Context<'_>) -> Result<(Check, CsvFacts)> {
        let reading = contract_file::load(&self.contract, context)?;
        context
            .printer
            .findings(&reading.source_text, &reading.diagnostics);
        let contract = reading.contract;
        let object = contract
            .object(self.object.as_deref(), &self.file_stem())
            .map_err(|error| Error::Usage {
                message: format!("`{}`: {error}", self.contract.display()),
                hint: None,
            })?;
        let unchecked = if self.allow_unchecked {
            Unchecked::Allow
        } else {
            Unchecked::Refuse
        };
        // What was said on the command line beats the contract.
        let object = Object {
            csv: self.input.csv().or(&object.csv),
            ..object.clone()
        };
        let check = Check::compile(&contract, &object, unchecked)?;
        Ok((check, object.csv))
    }

    /// `orders` for `drops/orders.csv.gz`: what names the object, when the contract has several.
    fn file_stem(&self) -> String {
        if let Some(topic) = topics::topic(&self.inputs[0]) {
            return topic;
        }
        let name = stores::path_of(&self.inputs[0]);
        let name = name.file_name().unwrap_or_default().to_string_lossy();
        name.split('.').next().unwrap_or_default().to_owned()
    }

    /// Where the good records go: a file, or one in a store, where they are a commit of their own.
    fn open_good(&self, path: &Path, context: &Context<'_>) -> Result<Box<dyn Sink>> {
        if !stores::is_meant(path) {
            return output::open_records(path, context);
        }
        let inputs: Vec<_> = self.inputs.iter().map(|it| topics::shown(it)).collect();
        let message = format!(
            "tamis check: the good records of {} by {}",
            inputs.join(", "),
            self.contract.display()
        );
        stores::sink(path, message, context)
    }

    /// Writes the report to its file, and what `--perf` asks for.
    fn write_report(&self, report: &Report, context: &Context<'_>) -> Result<()> {
        if let Some(path) = &self.report {
            output::write(path, report.to_json().as_bytes())?;
        }
        if context.globals.perf {
            context
                .printer
                .performance(&report.performance, report.rows.total);
        }
        Ok(())
    }

    /// Prints the report, on standard error when the data takes standard output.
    fn publish(&self, report: &Report, context: &Context<'_>) -> Result<()> {
        self.write_report(report, context)?;
        let rendered = match self.output.format() {
            OutputFormat::Json => report.to_json(),
            OutputFormat::Text => {
                let mut page = String::new();
                text::write(report, &Coloured, &mut page).expect("a string takes everything");
                page
            }
        };
        let stdout_is_taken = [&self.good, &self.bad, &self.report]
            .into_iter()
            .flatten()
            .any(|path| output::is_stdout(path));
        if !stdout_is_taken {
            return context.printer.data(&rendered);
        }
        context.printer.say(rendered.trim_end());
        Ok(())
    }
}
