//! What a search is to find, and what it says of it.

use super::condition::Condition;
use super::multiline::Multiline;
use super::pattern::LineEnd;

/// Everything about a search but its inputs.
#[derive(Debug)]
pub struct Search {
    /// Which lines match.
    pub condition: Condition,
    /// Matches that may span lines. `condition` then says what ends a line, and if it is inverted, and no more.
    pub multiline: Option<Multiline>,
    /// What is said of them.
    pub report: Report,
    /// Lines shown before a match.
    pub before: usize,
    /// Lines shown after a match.
    pub after: usize,
    /// An input is left after so many lines that match.
    pub max_count: Option<u64>,
    /// Whether lines are numbered.
    pub line_numbers: bool,
    /// Whether [`Stats`](super::Stats) are asked for, which need every match of a line.
    pub stats: bool,
    /// Whether files with NUL bytes are no text.
    pub binary: BinaryFiles,
    /// How lines are shown.
    pub style: Style,
}

/// What is said of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Its lines that match.
    Lines,
    /// The same as JSON lines, in ripgrep's schema.
    Json,
    /// How many lines match.
    Count,
    /// How many matches there are.
    CountMatches,
    /// Its name, if a line matches.
    FilesWithMatch,
    /// Its name, if none does.
    FilesWithoutMatch,
    /// Nothing: the exit code tells.
    Quiet,
}

/// What a NUL byte in an input means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryFiles {
    /// Inputs that were named are searched, but their lines are not shown; files found in folders are left out.
    Guarded,
    /// Files found in folders are treated as if they had been named.
    Searched,
    /// Nothing.
    Text,
}

/// How lines are shown.
#[derive(Clone, Debug, Default)]
pub struct Style {
    /// The input's name stands before each line, or above them with `heading`.
    pub names: bool,
    /// The input's name stands above its lines.
    pub heading: bool,
    /// A NUL byte follows a name, and not `:` or a line end.
    pub null: bool,
    /// The first match's column stands before the line.
    pub columns: bool,
    /// The line's byte offset stands before it, or the match's with `only_matching`.
    pub byte_offsets: bool,
    /// Matches are shown and not their lines.
    pub only_matching: bool,
    /// What stands in a match's place; `$1` and `$name` are its groups.
    pub replacement: Option<Vec<u8>>,
    /// Longer lines are left out.
    pub max_columns: Option<u64>,
    /// Names, numbers and matches are coloured.
    pub color: bool,
    /// Counts of zero are shown.
    pub include_zero: bool,
}

impl Search {
    /// Whether lines around matches are shown.
    pub(super) fn has_context(&self) -> bool {
        self.shows_lines() && (self.before > 0 || self.after > 0)
    }

    /// Whether lines are shown at all.
    pub(super) fn shows_lines(&self) -> bool {
        matches!(self.report, Report::Lines | Report::Json)
    }

    /// Whether rows are lines that match, as they are, whatever there is before them.
    pub(super) fn shows_plain_lines(&self) -> bool {
        self.report == Report::Lines
            && !self.needs_matches()
            && !self.has_context()
            && self.max_count.is_none()
    }

    /// Whether one match decides what is said.
    pub(super) fn ends_at_first_match(&self) -> bool {
        let is_decided = matches!(
            self.report,
            Report::FilesWithMatch | Report::FilesWithoutMatch | Report::Quiet
        );
        is_decided && !self.stats
    }

    /// Whether it must be known where in its line each match is.
    pub(super) fn needs_matches(&self) -> bool {
        let style = &self.style;
        match self.report {
            Report::Lines => {
                self.stats
                    || style.color
                    || style.columns
                    || style.only_matching
                    || style.replacement.is_some()
            }
            Report::Json | Report::CountMatches => true,
            _ => self.stats,
        }
    }

    /// Whether lines must be counted.
    pub(super) fn needs_line_count(&self) -> bool {
        self.shows_lines() && (self.line_numbers || self.has_context())
    }

    /// The byte that ends a line.
    pub fn terminator(&self) -> u8 {
        self.line_end().byte()
    }

    /// What is written at the end of a line.
    pub fn terminator_text(&self) -> &'static [u8] {
        match self.line_end() {
            LineEnd::Lf => b"\n",
            LineEnd::CrLf => b"\r\n",
            LineEnd::Nul => b"\0",
        }
    }

    pub(super) fn line_end(&self) -> LineEnd {
        self.condition.line_end()
    }
}
