//! `tamis bench`: what each technique gains on a file at hand.
//!
//! 1. A contract is inferred from the file, unless there is one; a first check, which is not timed, counts its rows.
//!    Afterwards all of the file that fits is in the page cache.
//! 2. Of the ways to run a verb ([`job`]) the first that works on the file is chosen; a verb that none of them works for
//!    is skipped, and the result says why.
//! 3. Every verb runs at every level (`--level`), each time in a process of its own that measures itself ([`measure`]),
//!    once in each round: what else the machine does is spread over all levels.
//! 4. [`table`] shows the medians.

mod events;
mod job;
mod measure;
mod table;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use tamis_engine::kernel::Kernel;

use crate::args::{Globals, OutputFormat, OutputOptions};
use crate::{Context, Error, Exit, Result, contract_file};
use job::{Choice, Job, Skipped};
use measure::Figures;

pub(super) use measure::{Options as MeasureOptions, Runner, run as run_measured};

/// Levels of `--level`.
const LEVELS: usize = 4;

/// Measure what SIMD, cores and mapped files gain on a file
///
/// Runs the verbs at every level of `--level`, each time in a process of its own, and prints medians of time, rate,
/// memory and, where the system counts them, instructions and cache misses.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis bench orders.csv
  tamis bench orders.csv --contract orders.odcs.yaml --rounds 9 --json
  tamis bench export.txt -- --input-format csv --delimiter ';'

docs/concepts.md explains the techniques.")]
pub(crate) struct Options {
    /// A file
    #[arg(value_name = "FILE")]
    input_path: PathBuf,

    /// The contract to check against [default: one inferred from the file]
    #[arg(long, short, value_name = "FILE")]
    contract: Option<PathBuf>,

    /// How often everything runs
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    #[command(flatten)]
    output: OutputOptions,

    /// Options that every verb is given, such as the input's dialect
    #[arg(last = true, value_name = "OPTIONS")]
    shared: Vec<OsString>,
}

/// What was measured.
#[derive(Debug)]
struct Outcome {
    input: String,
    /// Bytes of records, after decompression.
    bytes: u64,
    rows: u64,
    rounds: u32,
    threads: usize,
    simd: &'static str,
    /// Of each verb the runs at each level.
    jobs: Vec<(Job, [Vec<Figures>; LEVELS])>,
    /// Verbs that the file is nothing for.
    skipped: Vec<Skipped>,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    options.validate(context.globals)?;
    let runner = Runner::new()?;
    let outcome = options.measure(&runner, context)?;
    let page = match options.output.format() {
        OutputFormat::Text => table::text(&outcome),
        OutputFormat::Json => table::json(&outcome),
    };
    context.printer.data(&page)?;
    Ok(Exit::Good)
}

impl Options {
    fn validate(&self, globals: &Globals) -> Result<()> {
        let refuse = |message: String, hint: &str| {
            Err(Error::Usage {
                message,
                hint: Some(hint.to_owned()),
            })
        };
        let is_set = globals.threads.is_some() || globals.io.is_some() || globals.simd.is_some();
        if is_set || globals.level.is_some() {
            return refuse(
                "`--threads`, `--io`, `--simd` and `--level` are what `bench` compares".to_owned(),
                "leave them out",
            );
        }
        if self.input_path.as_os_str() == "-" || self.input_path.is_dir() {
            return refuse(
                format!(
                    "`{}` is not a file, and `bench` reads one many times",
                    self.input_path.display()
                ),
                "name one file",
            );
        }
        Ok(())
    }

    fn measure(&self, runner: &Runner, context: &Context<'_>) -> Result<Outcome> {
        let contract = match &self.contract {
            Some(path) => path.clone(),
            None => self.infer(runner, context)?,
        };
        let (rows, bytes) = self.size(&contract, runner, context)?;
        // The same objects as those of a check, which has come to its end by now.
        let objects = contract_file::load(&contract, context)?.contract.objects;
        let object = objects
            .first()
            .expect("a contract that was checked has an object");
        let mut jobs = vec![job::check(&self.input_path, &contract, &self.shared)];
        let mut skipped = Vec::new();
        for choice in job::choices(&self.input_path, object, &self.shared) {
            match choose(choice, runner, context)? {
                Ok(job) => jobs.push(job),
                Err(verb) => skipped.push(verb),
            }
        }
        let mut jobs: Vec<_> = jobs
            .into_iter()
            .map(|job| (job, [const { Vec::new() }; LEVELS]))
            .collect();
        for round in 1..=self.rounds {
            context
                .printer
                .say(&format!("round {round} of {}", self.rounds));
            for (job, runs) in &mut jobs {
                for (level, runs) in runs.iter_mut().enumerate() {
                    let mut arguments = job.arguments.clone();
                    arguments.extend(["--level".into(), level.to_string().into()]);
                    runs.push(runner.measure(&arguments, context)?);
                }
            }
        }
        Ok(Outcome {
            input: self.input_path.display().to_string(),
            bytes,
            rows,
            rounds: self.rounds,
            threads: context.globals.thread_count().get(),
            simd: Kernel::detect().name(),
            jobs,
            skipped,
        })
    }

    /// Infers a contract, which lies in the runner's folder.
    fn infer(&self, runner: &Runner, context: &Context<'_>) -> Result<PathBuf> {
        context.printer.say("inferring a contract");
        let contract = runner.folder.path().join("inferred.odcs.yaml");
        let mut arguments: Vec<OsString> =
            ["infer", "--quiet", "--output"].map(Into::into).to_vec();
        arguments.extend([contract.clone().into(), self.input_path.clone().into()]);
        arguments.extend(self.shared.iter().cloned());
        runner.output(&arguments, context)?;
        Ok(contract)
    }

    /// Rows of the input and their bytes, as a check counts them.
    fn size(
        &self,
        contract: &PathBuf,
        runner: &Runner,
        context: &Context<'_>,
    ) -> Result<(u64, u64)> {
        let mut arguments: Vec<OsString> = ["check", "--quiet", "--json", "--contract"]
            .map(Into::into)
            .to_vec();
        arguments.extend([contract.into(), self.input_path.clone().into()]);
        arguments.extend(self.shared.iter().cloned());
        let report = runner.output(&arguments, context)?;
        let report: Value = serde_json::from_slice(&report).expect("a check reports JSON");
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        Ok((
            number(&report["rows"]["total"]),
            number(&report["performance"]["bytes"]),
        ))
    }
}

/// The first of a verb's jobs that works on the input.
fn choose(
    choice: Choice,
    runner: &Runner,
    context: &Context<'_>,
) -> Result<std::result::Result<Job, Skipped>> {
    let mut reason = choice.lack.to_owned();
    for job in choice.jobs {
        match runner.try_out(&job.arguments, context)? {
            None => return Ok(Ok(job)),
            Some(complaint) => reason = complaint,
        }
    }
    let verb = choice.verb;
    Ok(Err(Skipped { verb, reason }))
}
