//! `tamis count`: lines, words, characters, bytes and records.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use tamis_contract::report::{Performance, StageTimes};
use tamis_engine::control::Progress;
use tamis_engine::counters::peak_rss_bytes;
use tamis_scan::count::{self, CountOptions, Input, Wanted, report};
use tamis_scan::names;
use tamis_scan::walk::WalkOptions;

use crate::args::{OutputFormat, OutputOptions};
use crate::follow::{FollowArgs, Results};
use crate::inputs::{self, InputOptions};
use crate::progress::Display;
use crate::{Context, Error, Exit, Result, stores, topics};

/// Count lines, words, characters, bytes and records
///
/// Counts as GNU wc does in the locale C.UTF-8, on all cores, and prints the counts in its order: lines, words,
/// characters, bytes, longest line; then records. Without options lines, words and bytes. Compressed inputs are counted
/// as what they unpack to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis count -l access.log
  tamis count *.csv --records
  tamis count src/ -lw                       all files of a folder and the folders in it
  find . -name '*.rs' -print0 | tamis count --files0-from=-

An input that cannot be read is named, the others are counted, and the exit code is 3.")]
pub(crate) struct Options {
    /// Files, folders (all files in them), topics (`kafka://HOST:PORT/TOPIC`), `-` for standard input
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// Count newlines
    #[arg(long, short)]
    lines: bool,

    /// Count words: what stands between white space
    #[arg(long, short)]
    words: bool,

    /// Count characters; bytes that are no UTF-8 do not count
    #[arg(long, short = 'm')]
    chars: bool,

    /// Count bytes
    #[arg(long, short = 'c')]
    bytes: bool,

    /// Measure the longest line, in columns of a terminal
    #[arg(long, short = 'L')]
    max_line_length: bool,

    /// Count records by the format of the input: of CSV by its quotes, without header, blank lines and comments
    #[arg(long)]
    records: bool,

    /// Read the names of the inputs from this file (`-`: standard input), each ended by a NUL
    #[arg(long, value_name = "FILE", conflicts_with = "inputs")]
    files0_from: Option<PathBuf>,

    #[command(flatten)]
    follow: FollowArgs,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    input: InputOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let (inputs, results) = (&options.inputs, Results::AtTheEnd);
    options
        .follow
        .run(inputs, results, context, |context| count(options, context))
}

fn count(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let mut exit = Exit::Good;
    let mut failed = |error: &Error| {
        context.printer.error(error);
        exit = Exit::Failure;
    };
    let names = options.names(&mut failed)?;
    let read = options.input.read_options(context.globals, context.cancel);
    let walk = WalkOptions {
        threads: context.globals.thread_count().get(),
        cancel: context.cancel.clone(),
        ..WalkOptions::default()
    };
    let mut inputs = Vec::new();
    for name in &names {
        if topics::is_meant(name) {
            let csv = options.input.csv();
            let said = options.input.said(&csv);
            let topics = &context.globals.topics;
            inputs.push(Input {
                name: topics::shown(name).into(),
                source: topics::source(name, said, topics, context.cancel)?,
                len_bytes: None,
            });
            continue;
        }
        if stores::is_meant(name) {
            let named = stores::Named::open(name, context.globals, context.cancel)?;
            for file in named.files(|_, _, _| true) {
                match file {
                    Ok(file) => inputs.push(Input {
                        name: file.name.clone(),
                        source: file.source(read.clone()),
                        len_bytes: None,
                    }),
                    Err(error) => failed(&error.into()),
                }
            }
            continue;
        }
        let name = std::slice::from_ref(name);
        let found = count::inputs(name, &read, &walk, &mut |error| failed(&error.into()))?;
        inputs.extend(found);
    }
    let wanted = options.wanted();
    let progress = Progress::new();
    let count_options = CountOptions {
        wanted,
        threads: context.globals.thread_count().get(),
        chunk_bytes: InputOptions::bytes(options.input.chunk_size),
        record_bytes_max: InputOptions::bytes(options.input.max_record),
        format: options.input.of_records()?,
        kernel: inputs::kernel(context.globals)?,
        cancel: context.cancel.clone(),
        progress: progress.clone(),
    };
    let start = Instant::now();
    let display = Display::start(context.globals, &progress);
    let counted = count::count(inputs, &count_options);
    drop(display);
    let elapsed = start.elapsed();
    let mut counted = counted?;
    for note in &counted.notes {
        context.printer.say(note);
    }
    let is_nameless = options.inputs.is_empty() && options.files0_from.is_none();
    let page = match options.output.format() {
        OutputFormat::Json => report::json(&counted, wanted),
        OutputFormat::Text => report::text(&counted, wanted, |name| match is_nameless {
            true => String::new(),
            false => names::show(name).into_owned(),
        }),
    };
    for (_, counts) in std::mem::take(&mut counted.inputs) {
        if let Err(error) = counts {
            failed(&error.into());
        }
    }
    context.printer.data(&page)?;
    if context.globals.perf {
        let bytes = progress.snapshot().plain_bytes;
        let records = counted.total.records.max(counted.total.lines);
        let performance = Performance {
            threads: count_options.threads,
            simd: count_options.kernel.name().to_owned(),
            io: counted.backend.to_owned(),
            peak_rss_bytes: peak_rss_bytes(),
            stages: StageTimes::new(&counted.stages, elapsed),
            ..Performance::measured(bytes, records, elapsed.as_secs_f64())
        };
        context.printer.performance(&performance, records);
    }
    Ok(exit)
}

impl Options {
    fn wanted(&self) -> Wanted {
        let wanted = Wanted {
            lines: self.lines,
            words: self.words,
            chars: self.chars,
            bytes: self.bytes,
            longest_line: self.max_line_length,
            records: self.records,
        };
        match wanted == Wanted::default() {
            true => Wanted {
                lines: true,
                words: true,
                bytes: true,
                ..wanted
            },
            false => wanted,
        }
    }

    /// The names of the inputs. What stands in the way of one goes to `failed`.
    fn names(&self, failed: &mut impl FnMut(&Error)) -> Result<Vec<PathBuf>> {
        let names = match &self.files0_from {
            None if self.inputs.is_empty() => vec![PathBuf::from("-")],
            None => self.inputs.clone(),
            Some(list) => names_of_list(list, failed)?,
        };
        let stdin = names.iter().filter(|name| name.as_os_str() == "-");
        match stdin.count() {
            0 | 1 => Ok(names),
            _ => Err(Error::Usage {
                message: "standard input can be read once only".to_owned(),
                hint: None,
            }),
        }
    }
}

fn names_of_list(list: &Path, failed: &mut impl FnMut(&Error)) -> Result<Vec<PathBuf>> {
    let is_stdin = list.as_os_str() == "-";
    let path = is_stdin.then(|| Path::new("/dev/stdin"));
    let bytes = fs::read(path.unwrap_or(list)).map_err(|source| Error::Read {
        path: list.to_owned(),
        source,
    })?;
    let refuse = |what: &str| Error::Usage {
        message: format!("`{}`: {what}", list.display()),
        hint: None,
    };
    let mut names = count::names(&bytes, &mut |number| {
        failed(&refuse(&format!("name {number} is empty")));
    });
    if is_stdin && names.iter().any(|name| name.as_os_str() == "-") {
        failed(&refuse("`-` would be the list itself"));
        names.retain(|name| name.as_os_str() != "-");
    }
    Ok(names)
}
