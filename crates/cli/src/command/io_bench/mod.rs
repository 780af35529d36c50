//! `tamis io-bench`: the ways of reading a file, measured against each other.
//!
//! Each measurement is a process of its own ([`MeasureOptions`]), as those of `tamis bench` are.

mod table;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use tamis_engine::human;
use tamis_scan::io_bench::plan::{self, Plan};
use tamis_scan::io_bench::report::Results;
use tamis_scan::io_bench::run::measure;
use tamis_scan::io_bench::{Job, Measured};
use tamis_scan::names;

use super::bench::Runner;
use crate::args::{ByteSize, OutputFormat, OutputOptions};
use crate::{Context, Error, Exit, Result, stores};

/// Measure the ways of reading a file on this machine
///
/// read, pread, mmap, O_DIRECT and io_uring; from memory and from the disk; from front to back, anywhere, and ten thousand
/// small files; by one thread and by several. Every measurement is a process of its own, in shuffled order.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis io-bench big.log
  tamis io-bench test.txt --make-file 1GB
  tamis io-bench big.log --quick
  tamis io-bench big.log --rounds 9 --seed 7 --json > runs.json")]
pub(crate) struct Options {
    /// The file that is read
    #[arg(value_name = "FILE", value_parser = stores::outside(NOT_STORED))]
    path: PathBuf,

    /// Make the file first, so large, of lines of text
    #[arg(long, value_name = "SIZE")]
    make_file: Option<ByteSize>,

    /// How often everything is measured [default: 3; with `--quick`: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,

    /// How often each process reads the file, one time after the other
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    passes: u32,

    /// What the order of the measurements follows from [default: the time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Measure few ways once, on 128 MiB of the file
    #[arg(long)]
    quick: bool,

    #[command(flatten)]
    output: OutputOptions,
}

/// Why a file in a store is refused.
const NOT_STORED: &str = "ways of reading a file are compared, and one in a store is in many pieces; `tamis store get` puts it into a folder";

/// Measures one way of reading, and prints what it took as JSON: a step of `tamis io-bench`.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct MeasureOptions {
    /// What is measured, as JSON
    job: String,
}

pub(super) fn run_measured(options: &MeasureOptions, context: &Context<'_>) -> Result<Exit> {
    let job: Job = serde_json::from_str(&options.job).map_err(|error| Error::Usage {
        message: format!("`{}` is no measurement: {error}", options.job),
        hint: None,
    })?;
    let measured = measure(&job).map_err(|source| Error::Read {
        path: job.path.clone(),
        source,
    })?;
    let text = serde_json::to_string(&measured).expect("figures are JSON");
    context.printer.data(&text)?;
    Ok(Exit::Good)
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    options.validate(context)?;
    let seed = options.seed.unwrap_or_else(|| {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        now.as_nanos() as u64 % 1_000_000
    });
    if let Some(ByteSize(bytes)) = options.make_file {
        context
            .printer
            .say(&format!("making {} of text", human::bytes(bytes)));
        plan::make_file(&options.path, bytes, seed, context.cancel)?;
    }
    let threads = context.globals.thread_count().get();
    let plan = Plan::new(&options.path, options.quick, threads, options.passes, seed);
    let plan = plan.map_err(|source| Error::Read {
        path: options.path.clone(),
        source,
    })?;
    let results = options.measure(&plan, context)?;
    context.printer.data(&match options.output.format() {
        OutputFormat::Text => table::text(&results),
        OutputFormat::Json => format!("{:#}\n", results.json()),
    })?;
    if !plan.options.can_evict {
        let why = "it cannot be dropped from memory (a file system in memory, or others use it)";
        let what = "notice: nothing is measured from the disk";
        context
            .printer
            .notice(&format!("{what}: {}: {why}", names::show(&options.path)));
    }
    Ok(Exit::Good)
}

impl Options {
    fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }

    fn validate(&self, context: &Context<'_>) -> Result<()> {
        let refuse = |message: String, hint: &str| {
            let hint = Some(hint.to_owned());
            Err(Error::Usage { message, hint })
        };
        let globals = context.globals;
        if globals.io.is_some() || globals.simd.is_some() || globals.level.is_some() {
            let message = "`--io`, `--simd` and `--level` are not for `io-bench`, which compares ways of reading";
            return refuse(
                message.to_owned(),
                "leave them out; `--threads` is the most threads",
            );
        }
        if self.make_file.is_some() && self.path.exists() {
            let message = format!("`{}` exists", self.path.display());
            return refuse(
                message,
                "leave out `--make-file`, or name a file that is to be made",
            );
        }
        Ok(())
    }

    /// Runs every job once in each round, each round in another order.
    fn measure(&self, plan: &Plan, context: &Context<'_>) -> Result<Results> {
        let runner = Runner::new()?;
        let rounds = self.rounds();
        let jobs = plan.jobs.iter().cloned();
        let mut results = Results {
            options: plan.options.clone(),
            rounds,
            jobs: jobs.map(|job| (job, Vec::new())).collect(),
        };
        for round in 1..=rounds {
            let count = results.jobs.len();
            context
                .printer
                .say(&format!("round {round} of {rounds}: {count} measurements"));
            for at in plan::order(count, plan.options.seed, round) {
                let (job, runs) = &mut results.jobs[at];
                let text = serde_json::to_string(job).expect("a job is JSON");
                let arguments: [OsString; 2] = ["io-measure".into(), text.into()];
                let answer = runner.output(&arguments, context)?;
                let measured: Measured =
                    serde_json::from_slice(&answer).expect("`io-measure` prints JSON");
                runs.push(measured);
            }
        }
        Ok(results)
    }
}
