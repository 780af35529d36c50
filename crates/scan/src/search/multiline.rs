//! Matches over several lines, by ripgrep's own searcher and printer.
//!
//! Where a match may begin in one line and end in any other there is nothing to cut chunks at, so such a search takes one thread and an
//! input as a whole, in ripgrep as well; its libraries do that, with the settings of ours.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use grep_matcher::{LineTerminator, Matcher};
use grep_printer::{ColorSpecs, JSONBuilder, StandardBuilder, SummaryBuilder, SummaryKind};
use grep_regex::RegexMatcher;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder};
use tamis_engine::Error as EngineError;
use tamis_engine::pipeline::Stages;
use tamis_engine::source::{Opened, Source};
use termcolor::{Ansi, NoColor, WriteColor};

use super::input::{Found, Origin};
use super::name::Name;
use super::one::Reading;
use super::options::{BinaryFiles, Report, Search};
use super::output::InputOutput;
use super::pattern::{LineEnd, MatcherOptions};
use super::stats::Stats;
use crate::{Error, Result, Work};

/// Patterns whose matches may span lines.
#[derive(Clone, Debug)]
pub struct Multiline {
    matcher: RegexMatcher,
    line_end: LineEnd,
}

impl Multiline {
    /// Reads `patterns`; `dot_all`: `.` matches a line end as well.
    ///
    /// # Errors
    /// [`Error::Pattern`].
    pub fn new(patterns: &[String], options: &MatcherOptions, dot_all: bool) -> Result<Self> {
        let matcher = options
            .grep_regex()
            .dot_matches_new_line(dot_all)
            .line_terminator(None)
            .build_many(patterns)
            .map_err(|error| Error::Pattern {
                message: error.to_string(),
            })?;
        Ok(Self {
            matcher,
            line_end: options.line_end,
        })
    }

    /// Whether a match may contain the end of a line. If not, lines are searched one by one, as ripgrep does.
    pub fn spans_lines(&self) -> bool {
        let never = self.matcher.non_matching_bytes();
        !never.is_some_and(|bytes| bytes.contains(self.line_end.byte()))
    }

    /// Searches all of `source`.
    pub(super) fn search_source(
        &self,
        search: &Search,
        source: &dyn Source,
        name: &Name,
        origin: Origin,
        reading: &Reading,
        output: InputOutput<'_>,
    ) -> Result<Found> {
        match source.open()? {
            Opened::Random(file) => {
                let mut output = Some(output);
                let mut found = None;
                file.with_range(0..file.len_bytes(), &mut |bytes| {
                    if let Some(output) = output.take() {
                        found = Some(self.search(search, bytes, name, origin, output));
                    }
                })?;
                let found = found.expect("the bytes were visited")?;
                Ok(found.unwrap_or_default())
            }
            Opened::Stream(mut stream) => {
                let (mut text, mut len) = (Vec::new(), 0);
                loop {
                    if len == text.len() {
                        text.resize((2 * len).max(64 << 10), 0);
                    }
                    match stream.read(&mut text[len..])? {
                        0 => break,
                        read => len += read,
                    }
                    if len > reading.line_bytes_max {
                        return Err(Error::TooLong {
                            input: stream.name().to_owned(),
                            what: "all of it, which `-U` keeps in memory,".to_owned(),
                            limit_bytes: reading.line_bytes_max,
                        });
                    }
                }
                let found = self.search(search, &text[..len], name, origin, output)?;
                Ok(found.unwrap_or_default())
            }
        }
    }

    /// Searches `bytes`, all of an input; `None` if there are too many rows for an output that keeps them.
    pub(super) fn search(
        &self,
        search: &Search,
        bytes: &[u8],
        name: &Name,
        origin: Origin,
        mut output: InputOutput<'_>,
    ) -> Result<Option<Found>> {
        let rows = Rows {
            output: &mut output,
            failed: None,
        };
        let found = match search.style.color {
            true => self.print(search, bytes, name, origin, Ansi::new(rows)),
            false => self.print(search, bytes, name, origin, NoColor::new(rows)),
        };
        let found = found?;
        if output.has_overflowed() {
            return Ok(None);
        }
        output.finish()?;
        Ok(Some(found))
    }

    fn print<'r, 'o: 'r, W: WriteColor + IntoRows<'r, 'o>>(
        &self,
        search: &Search,
        bytes: &[u8],
        name: &Name,
        origin: Origin,
        rows: W,
    ) -> Result<Found> {
        let mut searcher = searcher(search, origin);
        let path = OsStr::from_bytes(&name.bytes);
        let matcher = &self.matcher;
        let style = &search.style;
        let (rows, searched, is_match, stats) = match search.report {
            Report::Lines => {
                let mut printer = StandardBuilder::new();
                printer
                    .byte_offset(style.byte_offsets)
                    .color_specs(ColorSpecs::default_with_color())
                    .column(style.columns)
                    .heading(style.heading)
                    .max_columns(style.max_columns)
                    .only_matching(style.only_matching)
                    .path(style.names)
                    .path_terminator(style.null.then_some(0))
                    .replacement(style.replacement.clone())
                    .stats(search.stats);
                let mut printer = printer.build(rows);
                let mut sink = printer.sink_with_path(matcher, path);
                let searched = searcher.search_slice(matcher, bytes, &mut sink);
                let (is_match, stats) = (sink.has_match(), sink.stats().cloned());
                (printer.into_inner(), searched, is_match, stats)
            }
            Report::Json => {
                let mut printer = JSONBuilder::new();
                printer.replacement(style.replacement.clone());
                let mut printer = printer.build(rows);
                let mut sink = printer.sink_with_path(matcher, path);
                let searched = searcher.search_slice(matcher, bytes, &mut sink);
                let (is_match, stats) = (sink.has_match(), sink.stats().clone());
                (printer.into_inner(), searched, is_match, Some(stats))
            }
            report => {
                let mut printer = SummaryBuilder::new();
                printer
                    .color_specs(ColorSpecs::default_with_color())
                    .kind(summary_kind(report))
                    .exclude_zero(!style.include_zero)
                    .path(style.names)
                    .path_terminator(style.null.then_some(0))
                    .stats(search.stats);
                let mut printer = printer.build(rows);
                let mut sink = printer.sink_with_path(matcher, path);
                let searched = searcher.search_slice(matcher, bytes, &mut sink);
                let (is_match, stats) = (sink.has_match(), sink.stats().cloned());
                (printer.into_inner(), searched, is_match, stats)
            }
        };
        // What the searcher says of rows that could not be written is less than what their output says.
        if let Some(error) = rows.into_rows().failed {
            return Err(error.into());
        }
        searched.map_err(|error| Error::Pattern {
            message: error.to_string(),
        })?;
        let stats = stats.map(|stats| Stats {
            elapsed: stats.elapsed(),
            searches: stats.searches(),
            searches_with_match: stats.searches_with_match(),
            bytes_searched: stats.bytes_searched(),
            bytes_printed: stats.bytes_printed(),
            matched_lines: stats.matched_lines(),
            matches: stats.matches(),
        });
        Ok(Found {
            is_match,
            stats: stats.unwrap_or_default(),
            work: Work {
                bytes: bytes.len() as u64,
                backend: "read",
                stages: Stages::default(),
            },
        })
    }
}

fn summary_kind(report: Report) -> SummaryKind {
    match report {
        Report::Count => SummaryKind::Count,
        Report::CountMatches => SummaryKind::CountMatches,
        Report::FilesWithMatch => SummaryKind::PathWithMatch,
        Report::FilesWithoutMatch => SummaryKind::PathWithoutMatch,
        Report::Quiet | Report::Lines | Report::Json => SummaryKind::QuietWithMatch,
    }
}

fn searcher(search: &Search, origin: Origin) -> Searcher {
    let terminator = match search.line_end() {
        LineEnd::Lf => LineTerminator::byte(b'\n'),
        LineEnd::CrLf => LineTerminator::crlf(),
        LineEnd::Nul => LineTerminator::byte(0),
    };
    let binary = match (search.binary, origin) {
        (BinaryFiles::Text, _) => BinaryDetection::none(),
        (BinaryFiles::Guarded, Origin::Found) => BinaryDetection::quit(0),
        _ => BinaryDetection::convert(0),
    };
    SearcherBuilder::new()
        .multi_line(true)
        .line_terminator(terminator)
        .invert_match(search.condition.inverted)
        .line_number(search.line_numbers)
        .before_context(search.before)
        .after_context(search.after)
        .max_matches(search.max_count)
        .binary_detection(binary)
        .build()
}

/// An output as the printers want it.
struct Rows<'r, 'o> {
    output: &'r mut InputOutput<'o>,
    failed: Option<EngineError>,
}

impl io::Write for Rows<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.buffer().extend_from_slice(bytes);
        if let Err(error) = self.output.pass_on() {
            self.failed = Some(error);
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives back what was coloured, or not.
trait IntoRows<'r, 'o> {
    fn into_rows(self) -> Rows<'r, 'o>;
}

impl<'r, 'o> IntoRows<'r, 'o> for Ansi<Rows<'r, 'o>> {
    fn into_rows(self) -> Rows<'r, 'o> {
        self.into_inner()
    }
}

impl<'r, 'o> IntoRows<'r, 'o> for NoColor<Rows<'r, 'o>> {
    fn into_rows(self) -> Rows<'r, 'o> {
        self.into_inner()
    }
}
