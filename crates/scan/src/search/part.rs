//! What a chunk gives: the text of its rows, ready but for what depends on the chunks before it.
//!
//! A worker knows neither how many lines precede its chunk nor what of its first and last lines belongs to matches in other
//! chunks. So it leaves room for line numbers ([`Row::number_at`]), and makes a row of every line that *may* be shown
//! ([`RowKind::Edge`]): the first lines, which may follow a match of an earlier chunk, and the last, which may precede one of a later
//! chunk. The merge ([`input`](super::input)) decides, and copies.

/// What was found in a chunk.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Rows, one behind the other, without their line numbers.
    pub(super) text: Vec<u8>,
    /// Where rows end in `text`; empty if all of them are shown, whatever is before them.
    pub(super) rows: Vec<Row>,
    /// Where the line numbers go if there are no `rows`.
    pub(super) numbers: Vec<Number>,
    /// Rows with a NUL byte in their line, by index, and the byte as an offset of the input.
    pub(super) nuls: Vec<(usize, u64)>,
    /// Lines of the chunk, if they are counted.
    pub(super) lines: u64,
    /// Lines that match.
    pub(super) matched_lines: u64,
    /// Matches in them, if they are counted.
    pub(super) matches: u64,
    /// The lines that match, if a search that shows none stops after some of these.
    pub(super) counted_lines: Vec<CountedLine>,
    /// Where the first line that matches ends, as an offset of the input.
    pub(super) first_match_end: Option<u64>,
    /// First NUL byte of the chunk, as an offset of the input, if it matters.
    pub(super) nul: Option<u64>,
    /// Where the part ends in the input; what is in `rest` comes behind it.
    pub(super) end: u64,
    /// What is left of the chunk, because `text` has become too long: to be searched when its turn has come.
    pub(super) rest: Option<Vec<u8>>,
}

/// A line that matches and is not shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct CountedLine {
    /// Where it ends in the input.
    pub(super) end: u64,
    /// Matches in it, if they are counted.
    pub(super) matches: u32,
}

/// A line number to be put in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    /// Where it goes in the text of the part.
    pub(super) at: u32,
    /// Number of its line in the part, from 0.
    pub(super) line: u32,
}

/// A line of output, or several with one line number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Where it ends in the text of the part.
    pub(super) end: usize,
    /// Where in it its line number goes, if it has one.
    pub(super) number_at: Option<u32>,
    /// Number of its line in the part, from 0.
    pub(super) line: u32,
    /// Where its line ends in the input.
    pub(super) line_end: u64,
    /// Matches in its line.
    pub(super) matches: u32,
    pub(super) kind: RowKind,
}

/// Why there is a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowKind {
    /// Its line matches.
    Match,
    /// A further match of the line before.
    MatchGoesOn,
    /// Its line is near a match of the same chunk.
    Context,
    /// Its line may be near a match of another chunk.
    Edge,
}
