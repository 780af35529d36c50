//! `tamis search`: lines that match a pattern, with the options of ripgrep.

mod follow;
mod request;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use tamis_contract::report::{Performance, StageTimes};
use tamis_engine::control::Progress;
use tamis_engine::counters::peak_rss_bytes;
use tamis_engine::sink::{NullSink, Sink, StdoutSink};
use tamis_scan::Error as Scan;
use tamis_scan::search::{self, Output, Report};

use crate::args::ByteSize;
use crate::follow::Results;
use crate::progress::Display;
use crate::{Context, Error, Exit, Result};
use follow::Committing;
use request::Request;

/// Search files, folders, streams and archives for lines that match a pattern
///
/// The options are ripgrep's and mean the same, and so does the exit code: 0 if a line matches, 1 if none does, 2 if something could not be
/// searched. One large file is searched on all cores.
#[derive(Debug, Args)]
#[command(
    args_override_self = true,
    after_help = "\
Examples:
  tamis search -n 'error|panic' app.log
  tamis search -i timeout --and 'order-\\d+' --not retry logs/
  tamis search -z -c ' 500 ' access.log.gz access.log.1.gz
  tamis search -n refund --range lines:2000000..=3000000 orders.csv
  tamis search -l refund store:HEAD~1:drops
  tamis search refund kafka://localhost:9092/orders
  tamis search refund 'kafka://localhost:9092/orders?group=g' --follow"
)]
pub(crate) struct Options {
    /// What to search for, unless `-e` or `-f` says it, and where: files, folders, both also in a store (`store:REF:PATH`), topics
    /// (`kafka://HOST:PORT/TOPIC`), `-` for standard input
    #[arg(value_name = "PATTERN INPUT")]
    arguments: Vec<OsString>,

    /// A pattern; may be given several times
    #[arg(
        long = "regexp",
        short = 'e',
        value_name = "PATTERN",
        allow_hyphen_values = true
    )]
    patterns: Vec<String>,

    /// A file with a pattern on each line, `-` for standard input
    #[arg(long = "file", short = 'f', value_name = "FILE")]
    pattern_files: Vec<PathBuf>,

    /// Lines must match this as well; may be given several times
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    and: Vec<String>,

    /// Lines must not match this; may be given several times
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    not: Vec<String>,

    /// Only this of each input: `bytes:A..B` (lines that start there) or `lines:A..B` (from 1); `..=B` includes B
    #[arg(long, value_name = "RANGE", value_parser = request::parse_extent)]
    range: Option<search::Extent>,

    #[command(flatten)]
    matching: Matching,

    #[command(flatten)]
    report: ReportArgs,

    #[command(flatten)]
    selection: SelectionArgs,

    /// A longer line is an error
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "64MiB",
        hide_short_help = true
    )]
    max_line: ByteSize,

    /// About how much of an input one thread takes at a time
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "1MiB",
        hide_short_help = true
    )]
    chunk_size: ByteSize,
}

/// How patterns are read and compared.
#[derive(Debug, Args)]
#[command(next_help_heading = "Matching")]
struct Matching {
    /// Capitals and small letters are the same
    #[arg(long, short, overrides_with_all = ["case_sensitive", "smart_case"])]
    ignore_case: bool,

    /// Letters are as typed (the default)
    #[arg(long, short = 's', overrides_with_all = ["ignore_case", "smart_case"])]
    case_sensitive: bool,

    /// Capitals and small letters are the same unless a pattern has a capital
    #[arg(long, short = 'S', overrides_with_all = ["ignore_case", "case_sensitive"])]
    smart_case: bool,

    /// Patterns are text, not expressions
    #[arg(long, short = 'F')]
    fixed_strings: bool,

    /// Matches begin and end where words do
    #[arg(long, short, overrides_with = "line_regexp")]
    word_regexp: bool,

    /// Matches are whole lines
    #[arg(long, short = 'x', overrides_with = "word_regexp")]
    line_regexp: bool,

    /// Lines that do not match
    #[arg(long, short = 'v')]
    invert_match: bool,

    /// Matches may span lines
    #[arg(long, short = 'U', conflicts_with_all = ["and", "not", "range"])]
    multiline: bool,

    /// With `-U`, `.` matches a line end as well
    #[arg(long)]
    multiline_dotall: bool,

    /// `\r\n` ends a line, as `\n` does
    #[arg(long, overrides_with = "null_data")]
    crlf: bool,

    /// A NUL byte ends a line, and `\n` does not
    #[arg(long, overrides_with = "crlf")]
    null_data: bool,

    /// Search binary files as if they were text
    #[arg(long, short = 'a')]
    text: bool,
}

/// Of these the last one typed counts.
const REPORTS: [&str; 5] = [
    "count",
    "count_matches",
    "files_with_matches",
    "files_without_match",
    "json",
];

/// What is said of matches.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
struct ReportArgs {
    /// How many lines match
    #[arg(long, short, overrides_with_all = REPORTS)]
    count: bool,

    /// How many matches there are
    #[arg(long, overrides_with_all = REPORTS)]
    count_matches: bool,

    /// Names of inputs with a match
    #[arg(long, short = 'l', overrides_with_all = REPORTS)]
    files_with_matches: bool,

    /// Names of inputs without a match
    #[arg(long, overrides_with_all = REPORTS)]
    files_without_match: bool,

    /// JSON lines, in ripgrep's schema
    #[arg(long, overrides_with_all = REPORTS)]
    json: bool,

    /// Matches and not their lines
    #[arg(long, short)]
    only_matching: bool,

    /// This in place of matches; `$1` and `$name` are groups
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    replace: Option<String>,

    /// So many matching lines of each input and no more
    #[arg(long, short, value_name = "N")]
    max_count: Option<u64>,

    /// So many lines after a match
    #[arg(long, short = 'A', value_name = "N")]
    after_context: Option<usize>,

    /// So many lines before a match
    #[arg(long, short = 'B', value_name = "N")]
    before_context: Option<usize>,

    /// So many lines before and after a match
    #[arg(long, short = 'C', value_name = "N")]
    context: Option<usize>,

    /// Line numbers (on a terminal, the default)
    #[arg(long, short = 'n', overrides_with = "no_line_number")]
    line_number: bool,

    /// No line numbers
    #[arg(long, short = 'N', overrides_with = "line_number")]
    no_line_number: bool,

    /// The column of the first match, in bytes from 1
    #[arg(long)]
    column: bool,

    /// The offset of the line, or of the match with `-o`, in bytes from 0
    #[arg(long, short)]
    byte_offset: bool,

    /// Names of inputs (the default for more than one)
    #[arg(long, short = 'H', overrides_with = "no_filename")]
    with_filename: bool,

    /// No names of inputs
    #[arg(long, short = 'I', overrides_with = "with_filename")]
    no_filename: bool,

    /// Names above the lines of an input (on a terminal, the default)
    #[arg(long, overrides_with = "no_heading")]
    heading: bool,

    /// Names before each line
    #[arg(long, overrides_with = "heading")]
    no_heading: bool,

    /// A NUL byte after names
    #[arg(long, short = '0')]
    null: bool,

    /// Counts of zero as well
    #[arg(long)]
    include_zero: bool,

    /// Leave out lines longer than so many bytes
    #[arg(long, short = 'M', value_name = "N")]
    max_columns: Option<u64>,

    /// How much was searched and found
    #[arg(long)]
    stats: bool,
}

/// Which files are searched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Inputs")]
struct SelectionArgs {
    /// Only files like this, or none if it begins with `!`; may be given several times
    #[arg(long, short, value_name = "GLOB", allow_hyphen_values = true)]
    glob: Vec<String>,

    /// Only files of this type; may be given several times
    #[arg(long = "type", short = 't', value_name = "TYPE")]
    types: Vec<String>,

    /// No files of this type; may be given several times
    #[arg(long = "type-not", short = 'T', value_name = "TYPE")]
    types_not: Vec<String>,

    /// Hidden files as well
    #[arg(long)]
    hidden: bool,

    /// Files that `.gitignore` and its like leave out as well
    #[arg(long)]
    no_ignore: bool,

    /// Follow links in folders; of a topic, go on behind its end as messages come, until Ctrl-C
    #[arg(long, short = 'L')]
    follow: bool,

    /// Go into folders so deep and no deeper
    #[arg(long, short = 'd', value_name = "N")]
    max_depth: Option<usize>,

    /// Unpack gzip, zstd and lz4, told by the first bytes
    #[arg(long, short = 'z')]
    search_zip: bool,

    /// Search inputs in this order
    #[arg(long, value_enum, value_name = "BY")]
    sort: Option<SortBy>,
}

/// Orders of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SortBy {
    /// As they come
    None,
    /// By name
    Path,
    /// The one modified longest ago first
    Modified,
    /// The one read longest ago first
    Accessed,
    /// The oldest first
    Created,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let found = match options.follows()? {
        None => find(options, None, context),
        Some(results) => crate::follow::run(results, context, |context| {
            find(options, Some(results), context)
        }),
    };
    match found {
        // As ripgrep: 1 means that nothing was found, and everything else that went wrong is 2.
        Err(error) if error.exit() == Exit::Failure => {
            context.printer.error(&error);
            Ok(Exit::Usage)
        }
        ended => ended,
    }
}

/// `follows`: the input is a topic that goes on.
fn find(options: &Options, follows: Option<Results>, context: &Context<'_>) -> Result<Exit> {
    let started = Instant::now();
    let progress = Progress::new();
    let mut request = Request::new(options, context, &progress)?;
    if request.is_void {
        return Ok(Exit::Bad);
    }
    let sink: Box<dyn Sink> = match context.globals.quiet {
        true => Box::new(NullSink),
        false => Box::new(StdoutSink::new()?),
    };
    let output = Output::new(sink, request.separator.clone(), request.is_terminal);
    let committing = Committing::default();
    let output = match follows {
        Some(Results::OnTheWay) => output.watched(committing.watcher(&context.globals.topics)),
        _ => output,
    };
    let on_error = |error: &Scan| context.printer.warn(&error.to_string());
    let (lines, inputs, reading) = (&request.search, &request.inputs, &request.reading);
    let display = request
        .shows_progress
        .then(|| Display::start(context.globals, &progress));
    let topics = std::mem::take(&mut request.topics);
    let mut stored = request.stored().chain(topics.into_iter().map(Ok));
    let outcome = search::search(lines, inputs, &mut stored, reading, &output, &on_error);
    drop(display);
    committing.end()?;
    let outcome = outcome.map_err(Error::from)?;
    let has_searched_nothing = request.is_implied && !outcome.has_searched;
    if has_searched_nothing {
        let why = "hidden and ignored ones are left out (`--hidden`, `--no-ignore`)";
        context
            .printer
            .warn(&format!("no files were searched: {why}"));
    }
    output.finish()?;
    if lines.stats {
        // Also where lines are not shown.
        let report = match options.report.json {
            true => Report::Json,
            false => lines.report,
        };
        let mut stdout = StdoutSink::new()?;
        stdout.write_all(&outcome.stats.summary(report, started.elapsed()))?;
        Box::new(stdout).finish()?;
    }
    if context.globals.perf {
        let (work, elapsed) = (outcome.work, started.elapsed());
        let performance = Performance {
            threads: reading.threads,
            simd: reading.kernel.name().to_owned(),
            io: work.backend.to_owned(),
            peak_rss_bytes: peak_rss_bytes(),
            stages: StageTimes::new(&work.stages, elapsed),
            ..Performance::measured(
                work.bytes,
                outcome.stats.matched_lines,
                elapsed.as_secs_f64(),
            )
        };
        context
            .printer
            .performance(&performance, outcome.stats.matched_lines);
    }
    Ok(match outcome.is_match {
        true if context.globals.quiet || !outcome.has_failed => Exit::Good,
        _ if outcome.has_failed || has_searched_nothing => Exit::Usage,
        _ => Exit::Bad,
    })
}
