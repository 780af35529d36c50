//! `tamis gen access-log`: a day of a web server.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use tamis_engine::control::Progress;
use tamis_engine::human;
use tamis_process::generate::AccessLog;

use crate::args::parse_count;
use crate::progress::Display;
use crate::{Context, Exit, Result, output};

/// A day of a web server in the combined format with request times: frequent and rare paths and clients, and an incident
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis gen access-log --rows 5M -o access.log
  tamis gen access-log --rows 10k -o - | tamis logs -

The day is 20 November 2026 (UTC), and the incident lasts from 14:20 to 14:40:
  tamis logs access.log --since '2026-11-20 14:20' --until '2026-11-20 14:40'

The same options give the same bytes, whatever the machine and the number of threads.")]
pub(super) struct Options {
    /// How many lines: 1000, 1_000, 500k, 5M
    #[arg(long, value_name = "N", value_parser = parse_count)]
    rows: u64,

    /// How many paths there are to ask for, rounded up to a power of two
    #[arg(long, value_name = "N", value_parser = parse_count, default_value = "16k")]
    paths: u64,

    /// Another seed gives other values
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// Where the lines go, `-` for standard output
    #[arg(long, short, value_name = "FILE", value_parser = output::file())]
    output: PathBuf,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let log = AccessLog {
        lines: options.rows,
        seed: options.seed,
        paths: options.paths,
    };
    let start = Instant::now();
    let progress = Progress::new();
    let display = Display::start(context.globals, &progress);
    let mut sink = output::open_records(&options.output, context)?;
    let threads = context.globals.thread_count();
    let bytes = log.write(&mut *sink, threads, context.cancel, &progress)?;
    sink.finish()?;
    drop(display);
    let elapsed = start.elapsed();
    context.printer.say(&format!(
        "{} lines; {} in {} ({}, threads: {threads})",
        human::count(options.rows),
        human::bytes(bytes),
        human::duration(elapsed),
        human::byte_rate(bytes, elapsed),
    ));
    Ok(Exit::Good)
}
