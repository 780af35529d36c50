//! `tamis infer`: a contract from data.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use tamis_contract::odcs;
use tamis_contract::report::text;
use tamis_engine::control::Progress;
use tamis_engine::human;
use tamis_engine::source::Source;
use tamis_process::infer::{InferOptions, Inferred, LISTED_MAX_LIMIT, infer};

use crate::inputs::{self, InputOptions};
use crate::progress::Display;
use crate::{Context, Error, Exit, Result, output};

/// Write the contract that all records of the inputs keep
///
/// Reads every record and notes what they have in common: types, ranges, lengths, formats, lists of few values, what is
/// never null, what never comes twice, which texts stand for null. Finds out the CSV dialect and says why. The contract
/// passes on its own data; read it and correct it before others are held to it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis infer orders.csv -o orders.odcs.yaml
  tamis infer orders.csv --null NA,- | less
  tamis infer drops/2024/ -o orders.odcs.yaml
  zcat orders.jsonl.gz | tamis infer - --input-format jsonl -o orders.odcs.yaml

Malformed records are skipped and counted; a check will find them.")]
pub(crate) struct Options {
    /// Files, folders of files, or `-` for standard input; all together make one contract
    #[arg(value_name = "INPUT", required = true)]
    input_paths: Vec<PathBuf>,

    /// Where the contract goes, `-` for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-", value_parser = output::file())]
    output: PathBuf,

    /// Replace the output if it exists
    #[arg(long)]
    force: bool,

    /// List the values of a text column if they are at most N (and each comes ten times on average); 0: never
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = parse_listed_max)]
    enum_max: usize,

    /// Do not look for columns whose values are all different
    #[arg(long)]
    no_unique: bool,

    #[command(flatten)]
    input: InputOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    // Refused before the work and not after it.
    options.validate()?;
    let sources = options
        .input
        .sources(&options.input_paths, context.globals, context.cancel)?;
    let sources: Vec<&dyn Source> = sources.iter().map(AsRef::as_ref).collect();
    let start = Instant::now();
    let progress = Progress::new();
    let infer_options = InferOptions {
        threads: context.globals.thread_count().get(),
        chunk_bytes: InputOptions::bytes(options.input.chunk_size),
        record_bytes_max: InputOptions::bytes(options.input.max_record),
        kernel: inputs::kernel(context.globals)?,
        format: options.input.format(),
        messages: options.input.messages()?,
        csv: options.input.csv(),
        finds_unique: !options.no_unique,
        listed_max: options.enum_max,
        memory_bytes: InputOptions::bytes(context.globals.memory()),
        spill_dir: None,
        cancel: context.cancel.clone(),
        progress: progress.clone(),
    };
    let display = Display::start(context.globals, &progress);
    let result = infer(&sources, &infer_options);
    drop(display);
    let inferred = result?;
    let elapsed = start.elapsed();

    let document = odcs::to_yaml(&inferred.contract);
    if output::is_stdout(&options.output) {
        context.printer.data(&document)?;
    } else {
        output::write(&options.output, document.as_bytes())?;
    }
    let properties = &inferred.contract.objects[0].properties;
    context.printer.say(&format!(
        "{}, {}; {} in {} ({}, threads: {})",
        text::counted(inferred.rows, "row"),
        text::counted(properties.len() as u64, "column"),
        human::bytes(inferred.bytes),
        human::duration(elapsed),
        human::byte_rate(inferred.bytes, elapsed),
        context.globals.thread_count(),
    ));
    explain(&inferred, context);
    Ok(Exit::Good)
}

/// What was decided, on standard error.
fn explain(inferred: &Inferred, context: &Context<'_>) {
    /// Of a thousand notes nobody reads more.
    const SHOWN: usize = 20;
    if inferred.malformed > 0 {
        context.printer.say(&format!(
            "{} malformed {} skipped: a check will find them",
            human::count(inferred.malformed),
            if inferred.malformed == 1 {
                "record was"
            } else {
                "records were"
            },
        ));
    }
    for note in inferred.notes.iter().take(SHOWN) {
        context.printer.say(note);
    }
    if inferred.notes.len() > SHOWN {
        let more = inferred.notes.len() - SHOWN;
        context.printer.say(&format!("and {more} more notes"));
    }
}

impl Options {
    fn validate(&self) -> Result<()> {
        output::refuse_topic(&self.output)?;
        let is_regular = self.output.is_file();
        if !is_regular || self.force || output::is_stdout(&self.output) {
            return Ok(());
        }
        Err(Error::Usage {
            message: format!("`{}` exists", self.output.display()),
            hint: Some("use `--force` to replace it".to_owned()),
        })
    }
}

fn parse_listed_max(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(count) if count <= LISTED_MAX_LIMIT => Ok(count),
        _ => Err(format!("expected a number from 0 to {LISTED_MAX_LIMIT}")),
    }
}
