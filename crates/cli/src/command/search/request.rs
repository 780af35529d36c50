//! From what was typed to what it means.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use tamis_contract::model::CsvFacts;
use tamis_engine::control::Progress;
use tamis_engine::source::{Growth, ReadOptions};
use tamis_scan::search::{
    BinaryFiles, Boundary, Case, Condition, Extent, Filter, Given, Inputs, LineEnd, LineMatcher,
    MatcherOptions, Multiline, Order, Reading, Report, Search, Selection, Style,
};

use super::{Options, SortBy};
use crate::args::{self, ByteSize, When};
use crate::inputs::{self, InputOptions, kernel};
use crate::stores::{self, Named};
use crate::topics::{self, Said};
use crate::{Context, Error, Result};

/// A command line, understood.
pub(super) struct Request {
    pub(super) search: Search,
    pub(super) inputs: Inputs,
    /// What is in stores ...
    stored: Vec<Named>,
    /// ... what of it is left out, if there is any ...
    filter: Option<Filter>,
    /// ... and how it is read.
    read: ReadOptions,
    /// Topics.
    pub(super) topics: Vec<Given>,
    pub(super) reading: Reading,
    /// What stands between the rows of two inputs.
    pub(super) separator: Vec<u8>,
    /// Nothing can match.
    pub(super) is_void: bool,
    /// No input was named.
    pub(super) is_implied: bool,
    pub(super) is_terminal: bool,
    /// There is a single input, and rows do not run over the bar.
    pub(super) shows_progress: bool,
}

impl Request {
    pub(super) fn new(
        options: &Options,
        context: &Context<'_>,
        progress: &Progress,
    ) -> Result<Self> {
        let (patterns, typed, stdin_is_read) = patterns_and_paths(options)?;
        let is_implied = typed.is_empty();
        let (in_topics, typed): (Vec<_>, Vec<_>) =
            typed.into_iter().partition(|path| topics::is_meant(path));
        let (in_stores, mut paths): (Vec<_>, Vec<_>) =
            typed.into_iter().partition(|path| stores::is_meant(path));
        let topics = topics_of(&in_topics, options, context)?;
        let mut stored = Vec::new();
        for name in &in_stores {
            stored.push(Named::open(name, context.globals, context.cancel)?);
        }
        if is_implied && !stdin_is_read && stdin_has_data() {
            paths.push(PathBuf::from("-"));
        }
        let selection = selection(options, paths, !stored.is_empty() || !topics.is_empty());
        let is_terminal = io::stdout().is_terminal();
        let globals = context.globals;
        let report = report(options, globals.quiet);
        let is_single = match &stored[..] {
            [] if !topics.is_empty() => selection.paths.is_empty() && topics.len() == 1,
            [] => selection.single().is_some(),
            _ if !topics.is_empty() => false,
            [named] => selection.paths.is_empty() && !named.is_folder(),
            _ => false,
        };
        let is_stdin = selection
            .single()
            .is_some_and(|path| path == Path::new("-"));
        let extent = options.range.clone().unwrap_or_default();
        let typed = &options.report;
        let around = |side: Option<usize>| side.or(typed.context).unwrap_or(0);
        let heading = (is_terminal || typed.heading) && !typed.no_heading;
        let numbers_by_default = match report {
            Report::Lines => is_terminal && !is_stdin || typed.column,
            Report::Json => true,
            _ => false,
        };
        // Lines before a range of bytes would have to be counted first.
        let is_far = matches!(extent, Extent::Bytes(_));
        let multiline = multiline(options, &patterns)?;
        let search = Search {
            condition: condition(options, if multiline.is_some() { &[] } else { &patterns })?,
            multiline,
            report,
            before: around(typed.before_context),
            after: around(typed.after_context),
            max_count: typed.max_count,
            line_numbers: typed.line_number
                || numbers_by_default && !typed.no_line_number && !is_far,
            stats: typed.stats || typed.json,
            binary: match options.matching.text || options.matching.null_data {
                true => BinaryFiles::Text,
                false => BinaryFiles::Guarded,
            },
            style: Style {
                names: (typed.with_filename || !is_single) && !typed.no_filename,
                heading,
                null: typed.null,
                columns: typed.column,
                byte_offsets: typed.byte_offset,
                only_matching: typed.only_matching,
                replacement: typed.replace.clone().map(String::into_bytes),
                max_columns: typed.max_columns.filter(|max| *max > 0),
                color: report != Report::Json && uses_color(globals.color),
                include_zero: typed.include_zero,
            },
        };
        let separator = match report {
            Report::Lines if heading => search.terminator_text().to_vec(),
            Report::Lines if search.before + search.after > 0 => {
                [b"--", search.terminator_text()].concat()
            }
            _ => Vec::new(),
        };
        let reading = Reading {
            threads: globals.thread_count().get(),
            chunk_bytes: InputOptions::bytes(options.chunk_size),
            line_bytes_max: InputOptions::bytes(options.max_line),
            kernel: kernel(globals)?,
            cancel: context.cancel.clone(),
            progress: progress.clone(),
            extent,
            unpacks: options.selection.search_zip,
        };
        let read = ReadOptions {
            io: inputs::io(globals),
            // As ripgrep: what was there when it was opened is searched.
            growth: Growth::Allowed,
            unpack: options.selection.search_zip,
            // Lines go through as they come: a bomb takes time and no memory.
            max_expansion: u64::MAX,
            cancel: context.cancel.clone(),
            ..ReadOptions::default()
        };
        Ok(Self {
            is_void: patterns.is_empty() && !options.matching.invert_match
                || search.max_count == Some(0),
            search,
            filter: match stored.is_empty() {
                // To make one takes as long as to search a small file.
                true => None,
                false => Some(selection.filter()?),
            },
            stored,
            topics,
            read: read.clone(),
            inputs: selection.inputs(read)?,
            reading,
            separator,
            is_implied,
            is_terminal,
            shows_progress: !is_terminal && is_single,
        })
    }
}

impl Request {
    /// The files in stores: those that were named, and what is searched of folders.
    pub(super) fn stored(&self) -> impl Iterator<Item = tamis_scan::Result<Given>> + Send {
        self.stored.iter().flat_map(|named| {
            let takes = |path: &Path, depth, is_folder| {
                let filter = self.filter.as_ref();
                filter.is_none_or(|it| it.takes(path, depth, is_folder))
            };
            named.files(takes).map(|file| {
                let file = file.map_err(|error| named.unread(error))?;
                Ok(Given {
                    name: file.name.clone(),
                    source: file.source(self.read.clone()),
                    is_named: !named.is_folder(),
                })
            })
        })
    }
}

/// The topics that were named. A search that may end early commits nothing of them.
fn topics_of(names: &[PathBuf], options: &Options, context: &Context<'_>) -> Result<Vec<Given>> {
    let report = &options.report;
    let ends_early = options.range.is_some()
        || report.max_count.is_some()
        || report.files_with_matches
        || report.files_without_match
        || context.globals.quiet;
    let topics = &context.globals.topics;
    if ends_early {
        topics.keep("the search may have ended before the topic");
    }
    let csv = CsvFacts::default();
    let said = Said {
        format: None,
        csv: &csv,
        header: None,
    };
    let given = |name: &PathBuf| {
        Ok(Given {
            name: topics::shown(name).into(),
            source: topics::source(name, said, topics, context.cancel)?,
            is_named: true,
        })
    };
    names.iter().map(given).collect()
}

/// What is searched for, where, and whether standard input has been read for it.
fn patterns_and_paths(options: &Options) -> Result<(Vec<String>, Vec<PathBuf>, bool)> {
    let mut arguments = options.arguments.iter();
    let mut patterns = options.patterns.clone();
    if patterns.is_empty() && options.pattern_files.is_empty() {
        let Some(first) = arguments.next() else {
            return Err(Error::Usage {
                message: "there is nothing to search for".to_owned(),
                hint: Some("`tamis search PATTERN [INPUT...]`, or `-e` or `-f`".to_owned()),
            });
        };
        patterns.push(pattern_of(first)?);
    }
    let mut stdin_is_read = false;
    for file in &options.pattern_files {
        let failed = |source| Error::Read {
            path: file.clone(),
            source,
        };
        let mut text = String::new();
        if file.as_os_str() == "-" {
            stdin_is_read = true;
            io::stdin().read_to_string(&mut text).map_err(failed)?;
        } else {
            text = fs::read_to_string(file).map_err(failed)?;
        }
        patterns.extend(text.lines().map(str::to_owned));
    }
    let mut seen = std::collections::HashSet::new();
    patterns.retain(|pattern| seen.insert(pattern.clone()));
    let paths: Vec<_> = arguments.map(PathBuf::from).collect();
    if stdin_is_read && paths.iter().any(|path| path.as_os_str() == "-") {
        return Err(Error::Usage {
            message: "patterns and text cannot both come from standard input".to_owned(),
            hint: None,
        });
    }
    Ok((patterns, paths, stdin_is_read))
}

fn pattern_of(argument: &OsString) -> Result<String> {
    let text = argument.to_str().ok_or_else(|| Error::Usage {
        message: "the pattern is not UTF-8".to_owned(),
        hint: Some("`\\xFF` in a pattern stands for that byte, with `(?-u)` before it".to_owned()),
    })?;
    Ok(text.to_owned())
}

/// Whether standard input is a file or a pipe, so that it is probably meant.
fn stdin_has_data() -> bool {
    let Ok(stdin) = io::stdin().as_fd().try_clone_to_owned() else {
        return false;
    };
    fs::File::from(stdin).metadata().is_ok_and(|metadata| {
        let kind = metadata.file_type();
        kind.is_file() || kind.is_fifo() || kind.is_socket()
    })
}

fn selection(options: &Options, paths: Vec<PathBuf>, has_given: bool) -> Selection {
    let typed = &options.selection;
    Selection {
        paths,
        has_given,
        globs: typed.glob.clone(),
        types: typed.types.clone(),
        types_not: typed.types_not.clone(),
        hidden: typed.hidden,
        ignored: typed.no_ignore,
        follow: typed.follow,
        max_depth: typed.max_depth,
        order: match typed.sort {
            None | Some(SortBy::None) => None,
            Some(SortBy::Path) => Some(Order::Path),
            Some(SortBy::Modified) => Some(Order::Modified),
            Some(SortBy::Accessed) => Some(Order::Accessed),
            Some(SortBy::Created) => Some(Order::Created),
        },
    }
}

fn report(options: &Options, quiet: bool) -> Report {
    let typed = &options.report;
    let inverted = options.matching.invert_match;
    if typed.files_without_match {
        Report::FilesWithoutMatch
    } else if quiet {
        Report::Quiet
    } else if typed.files_with_matches {
        Report::FilesWithMatch
    } else if (typed.count_matches || typed.count && typed.only_matching) && !inverted {
        Report::CountMatches
    } else if typed.count || typed.count_matches {
        Report::Count
    } else if typed.json {
        Report::Json
    } else {
        Report::Lines
    }
}

fn settings(options: &Options) -> MatcherOptions {
    let typed = &options.matching;
    MatcherOptions {
        case: match (typed.ignore_case, typed.smart_case) {
            (true, _) => Case::Insensitive,
            (_, true) => Case::Smart,
            _ => Case::Sensitive,
        },
        boundary: match (typed.word_regexp, typed.line_regexp) {
            (true, _) => Boundary::Word,
            (_, true) => Boundary::Line,
            _ => Boundary::None,
        },
        line_end: match (typed.crlf, typed.null_data) {
            (true, _) => LineEnd::CrLf,
            (_, true) => LineEnd::Nul,
            _ => LineEnd::Lf,
        },
        fixed_strings: typed.fixed_strings,
        banned: (!typed.text && !typed.null_data).then_some(0),
        ..MatcherOptions::default()
    }
}

/// Only if matches may span lines indeed: lines are searched on all cores, and need not all be in memory.
fn multiline(options: &Options, patterns: &[String]) -> Result<Option<Multiline>> {
    if !options.matching.multiline {
        return Ok(None);
    }
    let dot_all = options.matching.multiline_dotall;
    let multiline = Multiline::new(patterns, &settings(options), dot_all)?;
    Ok(Some(multiline).filter(Multiline::spans_lines))
}

fn condition(options: &Options, patterns: &[String]) -> Result<Condition> {
    let settings = settings(options);
    let one = |pattern: &String| LineMatcher::new(std::slice::from_ref(pattern), &settings);
    let all = |patterns: &[String]| patterns.iter().map(one).collect::<tamis_scan::Result<_>>();
    Ok(Condition {
        pattern: LineMatcher::new(patterns, &settings)?,
        and: all(&options.and)?,
        not: all(&options.not)?,
        inverted: options.matching.invert_match,
    })
}

fn uses_color(when: When) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
    }
}

/// Parses `bytes:A..B` or `lines:A..B`.
pub(super) fn parse_extent(text: &str) -> std::result::Result<Extent, String> {
    let expected = || format!("expected `bytes:A..B` or `lines:A..B`, found `{text}`");
    let (unit, range) = text.split_once(':').ok_or_else(expected)?;
    let (from, to) = range.split_once("..").ok_or_else(expected)?;
    let (to, includes_end) = match to.strip_prefix('=') {
        Some(to) => (to, true),
        None => (to, false),
    };
    let number = |text: &str, default| match (text, unit) {
        ("", _) => Ok(default),
        (text, "lines") => args::parse_count(text),
        (text, _) => text.parse::<ByteSize>().map(|size| size.0),
    };
    let (first, extent): (u64, fn(std::ops::Range<u64>) -> Extent) = match unit {
        "bytes" => (0, Extent::Bytes),
        "lines" => (1, Extent::Lines),
        _ => return Err(expected()),
    };
    let from = number(from, first)?;
    let to = number(to, u64::MAX)?.saturating_add(u64::from(includes_end));
    match from.checked_sub(first) {
        None => Err("lines are counted from 1".to_owned()),
        Some(_) if to < from => Err(format!("the range ends before it begins: `{text}`")),
        Some(start) => Ok(extent(start..to.saturating_sub(first))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        let parsed = |text| parse_extent(text).ok();
        assert_eq!(parsed("bytes:10..20"), Some(Extent::Bytes(10..20)));
        assert_eq!(parsed("bytes:1KB..=2KB"), Some(Extent::Bytes(1000..2001)));
        assert_eq!(parsed("bytes:..5"), Some(Extent::Bytes(0..5)));
        assert_eq!(parsed("lines:1..3"), Some(Extent::Lines(0..2)));
        assert_eq!(parsed("lines:2..=3"), Some(Extent::Lines(1..3)));
        assert_eq!(parsed("lines:2.."), Some(Extent::Lines(1..u64::MAX - 1)));
        for wrong in [
            "",
            "10..20",
            "bytes:10",
            "lines:0..3",
            "lines:5..3",
            "rows:1..2",
        ] {
            assert!(parse_extent(wrong).is_err(), "{wrong}");
        }
    }
}
