//! Logs: what happened, how often, how fast, and when, of files too large to look at.
//!
//! ```text
//! input ─► format, by its first lines ─► [seek to the time asked for] ─► chunks of lines
//!       ─► records (parse) ─► counts and sketches of each worker ─► tables of the run ─► report
//! ```
//!
//! - [`mod@format`] has the formats and finds out which one an input is written in; its parsers turn a line into an [`Event`]
//!   of slices, without an allocation;
//! - [`time`] reads times and the bounds that people write;
//! - `chunk` counts the lines of a chunk, `merge` puts chunks in their order together: line numbers, and records that go on
//!   over several lines;
//! - `tally` is what a worker counts, `table` how often each value of a field comes, in bounded memory,
//!   `timeline` when;
//! - `seek` finds the bytes of a range of time by binary search;
//! - `run` does all this for one input after the other, `follow` for a file that grows;
//! - [`report`] is the answer.
//!
//! The answer does not depend on the number of threads or the size of chunks: all that is counted is a sum, a maximum or
//! a sketch that merges in any order, also where it is an estimate.
//!
//! ```
//! use tamis_engine::source::MemorySource;
//! use tamis_scan::logs::{Input, LogOptions, logs};
//!
//! let log = "127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] \"GET /apache_pb.gif HTTP/1.0\" 200 2326\n";
//! let source = MemorySource::new("access.log", log);
//! let (report, _) = logs(&[Input::named(&source)], &LogOptions::default())?;
//! assert_eq!((report.events, report.status[0].value.as_str()), (1, "200"));
//! # Ok::<(), tamis_scan::Error>(())
//! ```

mod chunk;
pub mod event;
mod follow;
pub mod format;
pub mod level;
mod merge;
pub mod number;
pub mod report;
mod run;
mod seek;
mod shared;
mod state;
mod summary;
mod table;
mod tally;
#[cfg(test)]
mod tests;
pub mod time;
mod timeline;

use std::borrow::Cow;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use tamis_engine::control::{Cancel, Progress};
use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::{CHUNK_BYTES_DEFAULT, RECORD_BYTES_MAX_DEFAULT, Stages};
use tamis_engine::source::Source;

pub use event::Event;
pub use follow::follow;
pub use report::Report;
pub use run::logs;

use format::{By, Format, Pattern};
use number::Unit;
use time::{Bound, Zone};

use crate::names;

/// What to do with logs, and how.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Worker threads.
    pub threads: usize,
    /// About how long a chunk is.
    pub chunk_bytes: usize,
    /// A longer line is an error.
    pub line_bytes_max: usize,
    /// The instruction set to scan with.
    pub kernel: Kernel,
    /// Stops the run.
    pub cancel: Cancel,
    /// Told about bytes and records.
    pub progress: Progress,
    /// How lines are written.
    pub format: FormatChoice,
    /// Only events from then on.
    pub since: Option<Bound>,
    /// Only events before then.
    pub until: Option<Bound>,
    /// Leave out what lies outside of the range in a file that seems to be sorted by time, instead of reading all of it.
    pub seeks: bool,
    /// The field whose values events are grouped by.
    pub by: By,
    /// Values of a field that are reported.
    pub top: usize,
    /// Paths with different queries are different.
    pub keeps_query: bool,
    /// The unit of durations, where it is known better than from their names.
    pub latency_unit: Option<Unit>,
    /// The zone of times without one, of bounds, and of the report. `None`: that of this machine, of the log, and of the log.
    pub zone: Option<Zone>,
    /// Memory for the values of fields: those of each may take a sixteenth before they are estimated.
    pub memory_bytes: u64,
    /// Microseconds since 1970: what bounds such as `2h ago` count from.
    pub now_us: i64,
}

/// How the lines of the inputs are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FormatChoice {
    /// In the format that their first lines are in, each input for itself.
    #[default]
    Detect,
    /// Syslog of either kind.
    Syslog,
    /// In this one.
    Format(Format),
}

impl FormatChoice {
    /// The formats of that name.
    pub fn by_name(name: &str) -> Option<FormatChoice> {
        match name {
            "syslog" => Some(FormatChoice::Syslog),
            _ => Format::by_name(name).map(FormatChoice::Format),
        }
    }

    /// The format that the user describes.
    pub fn pattern(pattern: Pattern) -> FormatChoice {
        FormatChoice::Format(Format::Pattern(pattern.into()))
    }
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            threads: 1,
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            line_bytes_max: RECORD_BYTES_MAX_DEFAULT,
            kernel: Kernel::detect(),
            cancel: Cancel::new(),
            progress: Progress::new(),
            format: FormatChoice::Detect,
            since: None,
            until: None,
            seeks: true,
            by: By::default(),
            top: 10,
            keeps_query: false,
            latency_unit: None,
            zone: None,
            memory_bytes: 200_000_000,
            now_us: now_us(),
        }
    }
}

/// Microseconds since 1970, by the clock of this machine.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| i64::try_from(it.as_micros()).unwrap_or(i64::MAX))
}

/// An input, and how it came to be one.
#[derive(Clone, Copy, Debug)]
pub struct Input<'s> {
    /// Where its bytes come from.
    pub source: &'s dyn Source,
    /// Where it is, if it is a file: its name may be no text.
    pub path: Option<&'s Path>,
    /// Somebody named it: if no format fits, that is an error. Files that were found in a folder are left out instead.
    pub is_named: bool,
}

impl<'s> Input<'s> {
    /// An input that was named.
    pub fn named(source: &'s dyn Source) -> Input<'s> {
        Input {
            source,
            path: None,
            is_named: true,
        }
    }

    /// Its name on one line, for people.
    fn shown(&self) -> Cow<'s, str> {
        names::show(self.path.unwrap_or(Path::new(self.source.name())))
    }
}

/// How a run went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Plain bytes that were read.
    pub bytes: u64,
    /// Lines in them.
    pub lines: u64,
    /// The back end of the last input.
    pub backend: &'static str,
    /// Where the time went.
    pub stages: Stages,
}
