//! `tamis logs`: what happened, how often, how fast, and when.

mod follow;
mod page;
mod sections;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use tamis_contract::model::CsvFacts;
use tamis_contract::report::text::counted;
use tamis_contract::report::{Performance, StageTimes};
use tamis_engine::control::Progress;
use tamis_engine::counters::peak_rss_bytes;
use tamis_engine::human;
use tamis_engine::source::{
    FileSource, Growth, MAX_EXPANSION_DEFAULT, ReadOptions, Source, StdinSource,
};
use tamis_scan::logs::format::{By, Format, Pattern};
use tamis_scan::logs::number::Unit;
use tamis_scan::logs::time::{Bound, Zone};
use tamis_scan::logs::{FormatChoice, Input, LogOptions, Ran, Report, logs};
use tamis_scan::names;

use crate::args::{ByteSize, OutputFormat, OutputOptions};
use crate::inputs::{self, InputOptions};
use crate::progress::Display;
use crate::topics::{self, Said};
use crate::{Context, Error, Exit, Result, stores};

/// Report on logs: events over time, paths, clients, statuses, levels, errors, latencies
///
/// Access logs (common, combined), syslog (RFC 3164, RFC 5424), JSON lines, logfmt, glog, and text that begins with a time are
/// known by their first lines; `--pattern` describes any other. All cores work on one file, in bounded memory.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis logs access.log
  tamis logs access.log access.log.1 access.log.2.gz --since -2h
  tamis logs access.log --since '2026-11-20 14:20' --until '2026-11-20 14:40' --by path --top 20
  tamis logs app.log --pattern '{time} {level} [{thread}] {message}' --by thread
  tamis logs access.log --follow
  zcat old.log.gz | tamis logs - --json

A pattern is a line with names for what changes: `{name}`, or `{}` for what does not matter; a space stands for any number \
of them. Times are ISO 8601 (`2026-11-20T14:30:00Z`, `2026-11-20`), `14:30`, `2h ago` or `-2h`.

Exit codes: 0 done; 2 usage, or no format fits; 3 an input failed; 130 interrupted.")]
pub(crate) struct Options {
    /// Files, folders (the files in them, sorted), topics (`kafka://HOST:PORT/TOPIC`), `-` for standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// Only events from then on; where they begin in a sorted file is searched for, not read up to
    #[arg(long, value_name = "TIME", value_parser = Bound::parse, allow_hyphen_values = true)]
    since: Option<Bound>,

    /// Only events before then
    #[arg(long, value_name = "TIME", value_parser = Bound::parse, allow_hyphen_values = true)]
    until: Option<Bound>,

    /// Read everything: `--since` and `--until` otherwise leave out what cannot be theirs if a file is sorted by time
    #[arg(long)]
    no_seek: bool,

    /// Add up the events by this field: status, path, level, or any other that records have
    #[arg(long, short, value_name = "FIELD")]
    by: Option<String>,

    /// Values of a field to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    top: usize,

    /// Tell paths with different queries apart
    #[arg(long)]
    keep_query: bool,

    /// How lines are written [default: as the first 64 KiB are]
    #[arg(long, value_name = "NAME", value_parser = parse_format)]
    log_format: Option<FormatChoice>,

    /// How lines are written, by a line with names for what changes: `{time} {level} {message}`
    #[arg(long, value_name = "TEXT", conflicts_with = "log_format", value_parser = Pattern::compile)]
    pattern: Option<Pattern>,

    /// Unit of durations whose name and value tell none: s, ms, us, ns
    #[arg(long, value_name = "UNIT", value_parser = parse_unit)]
    latency_unit: Option<Unit>,

    /// Zone of the report, of times without one, and of `--since` and `--until`: utc, local, +01:00, Europe/Berlin [default:
    /// that of the log, else that of this machine]
    #[arg(long, value_name = "ZONE", value_parser = Zone::named, allow_hyphen_values = true)]
    timezone: Option<Zone>,

    /// Go on as the file or the topic grows, and show the report again and again; Ctrl-C ends it with the last one
    #[arg(long, short)]
    follow: bool,

    /// Seconds between reports
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 1.0,
        requires = "follow"
    )]
    interval: f64,

    #[command(flatten)]
    output: OutputOptions,

    /// Longest line
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    max_record: ByteSize,

    /// Give up a compressed input that unpacks to more than N times its size
    #[arg(long, value_name = "N", default_value_t = MAX_EXPANSION_DEFAULT)]
    max_expansion: u64,

    /// About how much of an input one thread takes at a time
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "512KiB",
        hide_short_help = true
    )]
    chunk_size: ByteSize,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    options.validate()?;
    let start = Instant::now();
    let progress = Progress::new();
    let log_options = options.log_options(&progress, context)?;
    if options.follow {
        return follow::run(options, &log_options, context);
    }
    let named = options.sources(context)?;
    let inputs: Vec<Input<'_>> = named
        .iter()
        .map(|it| Input {
            source: it.source.as_ref(),
            path: it.path.as_deref(),
            is_named: it.is_named,
        })
        .collect();
    let display = Display::start(context.globals, &progress);
    let result = logs(&inputs, &log_options);
    drop(display);
    let (report, ran) = result?;
    if report.inputs.is_empty() {
        return Err(options.no_logs(inputs.len()));
    }
    options.publish(&report, context)?;
    options.tell(&report, &ran, start.elapsed(), &log_options, context);
    Ok(Exit::Good)
}

/// An input that is there to be opened.
struct Found {
    source: Box<dyn Source>,
    path: Option<PathBuf>,
    /// Others were found in a folder.
    is_named: bool,
}

impl Options {
    fn validate(&self) -> Result<()> {
        let stdin = self.inputs.iter().filter(|path| path.as_os_str() == "-");
        let message = if stdin.count() > 1 {
            "standard input can be read once only"
        } else if self.interval.is_nan() || !(0.05..=86_400.0).contains(&self.interval) {
            "`--interval` is 0.05 to 86400 seconds"
        } else {
            return Ok(());
        };
        Err(Error::Usage {
            message: message.to_owned(),
            hint: None,
        })
    }

    fn log_options(&self, progress: &Progress, context: &Context<'_>) -> Result<LogOptions> {
        let globals = context.globals;
        let format = match (&self.log_format, &self.pattern) {
            (Some(format), _) => format.clone(),
            (None, Some(pattern)) => FormatChoice::pattern(pattern.clone()),
            (None, None) => FormatChoice::Detect,
        };
        Ok(LogOptions {
            threads: globals.thread_count().get(),
            chunk_bytes: InputOptions::bytes(self.chunk_size),
            line_bytes_max: InputOptions::bytes(self.max_record),
            kernel: inputs::kernel(globals)?,
            cancel: context.cancel.clone(),
            progress: progress.clone(),
            format,
            since: self.since.clone(),
            until: self.until.clone(),
            seeks: !self.no_seek,
            by: By::new(self.by.as_deref()),
            top: self.top,
            keeps_query: self.keep_query,
            latency_unit: self.latency_unit,
            zone: self.timezone.clone(),
            memory_bytes: globals.memory().0,
            ..LogOptions::default()
        })
    }

    /// All that was found in the folders is something else.
    fn no_logs(&self, files: usize) -> Error {
        let folders: Vec<String> = self
            .inputs
            .iter()
            .map(|folder| format!("`{}`", names::show(folder)))
            .collect();
        Error::Usage {
            message: format!(
                "no file in {} is a log: of {} none is in a format that is known",
                folders.join(", "),
                counted(files as u64, "file"),
            ),
            hint: Some(
                "`--log-format` names the format, `--pattern '{time} {level} {message}'` describes any other".to_owned(),
            ),
        }
    }

    /// The inputs, folders by the files in them.
    fn sources(&self, context: &Context<'_>) -> Result<Vec<Found>> {
        let options = ReadOptions {
            // Somebody may be writing it.
            growth: Growth::Allowed,
            ..inputs::read_options(context.globals, self.max_expansion, context.cancel)
        };
        let file = |path: PathBuf, is_named: bool| Found {
            source: Box::new(FileSource::new(&path, options.clone())),
            path: Some(path),
            is_named,
        };
        let mut found = Vec::new();
        for name in &self.inputs {
            if name.as_os_str() == "-" {
                found.push(Found {
                    source: Box::new(StdinSource::new(options.clone())),
                    path: None,
                    is_named: true,
                });
            } else if topics::is_meant(name) {
                found.push(Found {
                    source: topic(name, context)?,
                    path: None,
                    is_named: true,
                });
            } else if stores::is_meant(name) {
                found.extend(stored(name, &options, context)?);
            } else if name.is_dir() {
                let files = files_in(name)?.into_iter();
                found.extend(files.map(|path| file(path, false)));
            } else {
                found.push(file(name.clone(), true));
            }
        }
        Ok(found)
    }

    fn publish(&self, report: &Report, context: &Context<'_>) -> Result<()> {
        context.printer.data(&match self.output.format() {
            OutputFormat::Json => report.to_json(),
            OutputFormat::Text => page::text(report),
        })
    }

    /// What was done, on standard error; the formats, where the report does not show them.
    fn tell(
        &self,
        report: &Report,
        ran: &Ran,
        elapsed: Duration,
        options: &LogOptions,
        context: &Context<'_>,
    ) {
        let say = |line: &str| context.printer.say(line);
        if self.output.format() == OutputFormat::Json {
            report.notes.iter().for_each(|note| say(note));
        }
        let was_in_range = report.events + report.range.records_outside;
        if was_in_range == 0 && report.lines.unparsed > 0 {
            let why = "no line is in the format that was asked for";
            context.printer.notice(&format!(
                "notice: {why}; without `--log-format` and `--pattern` it is found out"
            ));
        }
        say(&format!(
            "{}; {} in {} ({}, threads: {})",
            counted(ran.lines, "line"),
            human::bytes(ran.bytes),
            human::duration(elapsed),
            human::byte_rate(ran.bytes, elapsed),
            options.threads,
        ));
        if context.globals.perf {
            let performance = Performance {
                threads: options.threads,
                simd: options.kernel.name().to_owned(),
                io: ran.backend.to_owned(),
                peak_rss_bytes: peak_rss_bytes(),
                stages: StageTimes::new(&ran.stages, elapsed),
                ..Performance::measured(ran.bytes, ran.lines, elapsed.as_secs_f64())
            };
            context.printer.performance(&performance, ran.lines);
        }
    }
}

fn topic(name: &Path, context: &Context<'_>) -> Result<Box<dyn Source>> {
    let csv = CsvFacts::default();
    let said = Said {
        format: None,
        csv: &csv,
        header: None,
    };
    topics::source(name, said, &context.globals.topics, context.cancel)
}

/// The files of a folder, sorted by name. Hidden ones are left out, and subfolders are not entered.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(no_files(folder)),
        false => Ok(files),
    }
}

/// The same of what was named in a store, where a file may be hidden.
fn stored(name: &Path, options: &ReadOptions, context: &Context<'_>) -> Result<Vec<Found>> {
    let named = stores::Named::open(name, context.globals, context.cancel)?;
    let is_shown = |path: &Path, depth: usize, is_folder: bool| {
        let name = path.file_name().unwrap_or_default();
        depth == 1 && !is_folder && !name.as_encoded_bytes().starts_with(b".")
    };
    let mut found = Vec::new();
    for file in named.files(is_shown) {
        found.push(Found {
            source: file?.source(options.clone()),
            path: None,
            is_named: !named.is_folder(),
        });
    }
    match found.is_empty() {
        true => Err(no_files(name)),
        false => Ok(found),
    }
}

fn no_files(folder: &Path) -> Error {
    Error::Usage {
        message: format!("no files in `{}`", names::show(folder)),
        hint: None,
    }
}

fn parse_format(name: &str) -> std::result::Result<FormatChoice, String> {
    FormatChoice::by_name(name).ok_or_else(|| {
        let names = Format::NAMES.map(|(name, _)| name).join(", ");
        format!("expected one of {names}")
    })
}

fn parse_unit(name: &str) -> std::result::Result<Unit, String> {
    Unit::by_name(name).ok_or_else(|| "expected s, ms, us or ns".to_owned())
}
