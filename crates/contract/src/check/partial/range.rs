//! Byte ranges of inputs: what a plan is made of.

use serde::{Deserialize, Serialize};
use tamis_engine::framing::{State, Terminator, Transition};
use tamis_formats::Totals;
use tamis_formats::csv::{Dialect, Header};
use tamis_formats::input::{Records, Shape};
use tamis_formats::sniff::Format;

use super::PartialError;
use super::envelope::{seal, unseal};

/// A byte range of an input, with all that a worker must know to read it. Nobody knows yet whether it begins inside
/// a quoted field; that is for [`Check::scan`](crate::check::Check::scan) and
/// [`Check::plan`](crate::check::Check::plan) to find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRange {
    /// Fingerprint of the contract, with the version of the rule engine.
    pub(super) contract: String,
    pub(super) input: InputFacts,
    pub(super) ordinal: u32,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What a scan of a range found: how the range leaves the framing, for every state it may begin in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    pub(super) input: u32,
    pub(super) ordinal: u32,
    /// For each state, by its number, the state at the end of the range.
    pub(super) ends: [u8; 8],
}

/// A range with the state that its first byte is in: what can be mapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRange {
    /// Identifies the plan; all its partials carry it.
    pub(super) plan: String,
    /// Inputs of the plan.
    pub(super) inputs: u32,
    pub(super) range: InputRange,
    /// Number of the framing's state at the first byte.
    pub(super) start_state: u8,
}

/// An input as it was when it was split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InputFacts {
    pub(super) name: String,
    /// Place among the inputs of the plan, from 0.
    pub(super) index: u32,
    /// How many ranges it was split into.
    pub(super) ranges: u32,
    /// Cannot be read from the middle: its only range is all of it.
    pub(super) is_stream: bool,
    /// Size as stored, where that is known.
    pub(super) len_bytes: Option<u64>,
    /// Modification time in nanoseconds since 1970, where there is one.
    pub(super) modified_ns: Option<i64>,
    /// `gzip`, `zstd` or `lz4`.
    pub(super) compression: Option<String>,
    pub(super) format: FormatFacts,
    /// What stands before the first record: the header, and comments and blank lines around it.
    pub(super) head: HeadFacts,
    pub(super) notes: Vec<String>,
}

/// What an input holds before its first record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeadFacts {
    pub(super) blank_lines: u64,
    pub(super) comments: u64,
    pub(super) newlines: u64,
}

/// How the records of an input are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FormatFacts {
    Csv {
        delimiter: u8,
        quote: Option<u8>,
        escape: Option<u8>,
        comment: Option<u8>,
        trim: bool,
        /// Lines end in a bare carriage return.
        carriage_return: bool,
        /// Column names; none if the first record is a row already.
        header: Option<Vec<String>>,
        /// Columns, from 0, whose name stands further left as well.
        duplicates: Vec<usize>,
    },
    Jsonl,
    /// A JSON array.
    Json,
}

impl FormatFacts {
    pub(super) fn of(records: &Records) -> FormatFacts {
        match &records.shape {
            Shape::Jsonl if records.is_array => FormatFacts::Json,
            Shape::Jsonl => FormatFacts::Jsonl,
            Shape::Csv { dialect, header } => FormatFacts::Csv {
                delimiter: dialect.delimiter,
                quote: dialect.quote,
                escape: dialect.escape,
                comment: dialect.comment,
                trim: dialect.trim,
                carriage_return: dialect.terminator == Terminator::CarriageReturn,
                header: header.as_ref().map(|header| header.names.clone()),
                duplicates: header
                    .as_ref()
                    .map_or_else(Vec::new, |header| header.duplicates.clone()),
            },
        }
    }

    /// The shape these facts were taken from.
    pub(super) fn shape(&self) -> Result<Shape, PartialError> {
        let FormatFacts::Csv {
            delimiter,
            quote,
            escape,
            comment,
            trim,
            carriage_return,
            header,
            duplicates,
        } = self
        else {
            return Ok(Shape::Jsonl);
        };
        let dialect = Dialect {
            delimiter: *delimiter,
            quote: *quote,
            escape: *escape,
            comment: *comment,
            trim: *trim,
            header: header.is_some(),
            terminator: if *carriage_return {
                Terminator::CarriageReturn
            } else {
                Terminator::Newline
            },
        };
        let dialect = dialect
            .checked()
            .map_err(|error| PartialError::Unreadable {
                what: "range",
                reason: error.to_string(),
            })?;
        Ok(Shape::Csv {
            dialect,
            header: header.as_ref().map(|names| Header {
                names: names.clone(),
                duplicates: duplicates.clone(),
                ..Header::default()
            }),
        })
    }

    /// What to open the input as, so that it is not looked at anew.
    pub(super) fn format(&self) -> Format {
        match self {
            FormatFacts::Csv { delimiter, .. } => Format::Delimited {
                delimiter: *delimiter,
            },
            FormatFacts::Jsonl => Format::JsonLines,
            FormatFacts::Json => Format::JsonArray,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            FormatFacts::Csv { .. } => "csv",
            FormatFacts::Jsonl => "jsonl",
            FormatFacts::Json => "json",
        }
    }
}

impl From<Totals> for HeadFacts {
    fn from(totals: Totals) -> HeadFacts {
        HeadFacts {
            blank_lines: totals.blank_lines,
            comments: totals.comments,
            newlines: totals.newlines,
        }
    }
}

impl InputRange {
    /// Name of the input.
    pub fn input_name(&self) -> &str {
        &self.input.name
    }

    /// Place of the input among those of the split, from 0.
    pub fn input_index(&self) -> u32 {
        self.input.index
    }

    /// Place among the ranges of the input, from 0.
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// The bytes that the range's records start in. (All there are, and an empty range, for an input that cannot be
    /// read from the middle.)
    pub fn byte_range(&self) -> std::ops::Range<u64> {
        self.start..self.end
    }

    /// Whether the range stands for a whole input that cannot be read from the middle.
    pub fn is_stream(&self) -> bool {
        self.input.is_stream
    }

    /// The range as bytes, for [`from_bytes`](Self::from_bytes) on another machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        seal("range", self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`PartialError::Unreadable`] and [`PartialError::Version`].
    pub fn from_bytes(bytes: &[u8]) -> Result<InputRange, PartialError> {
        unseal("range", bytes)
    }
}

impl Scan {
    pub(super) fn new(range: &InputRange, transition: Transition) -> Scan {
        let end = |state: State| transition.apply(state).unwrap_or(state) as u8;
        Scan {
            input: range.input.index,
            ordinal: range.ordinal,
            ends: State::ALL.map(end),
        }
    }

    /// The state after the range when `start` is the state before it.
    pub(super) fn end(&self, start: State) -> Result<State, PartialError> {
        state(self.ends[start as usize], "scan")
    }

    /// The scan as bytes, for [`from_bytes`](Self::from_bytes) on another machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        seal("scan", self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`PartialError::Unreadable`] and [`PartialError::Version`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Scan, PartialError> {
        unseal("scan", bytes)
    }
}

impl PlannedRange {
    /// The range without the plan.
    pub fn range(&self) -> &InputRange {
        &self.range
    }

    /// Identifies the plan.
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// The framing's state at the first byte.
    pub(super) fn start_state(&self) -> Result<State, PartialError> {
        state(self.start_state, "planned range")
    }

    /// The range as bytes, for [`from_bytes`](Self::from_bytes) on another machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        seal("planned range", self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`PartialError::Unreadable`] and [`PartialError::Version`].
    pub fn from_bytes(bytes: &[u8]) -> Result<PlannedRange, PartialError> {
        unseal("planned range", bytes)
    }
}

fn state(number: u8, what: &'static str) -> Result<State, PartialError> {
    State::from_number(number.into()).ok_or_else(|| PartialError::Unreadable {
        what,
        reason: format!("there is no framing state {number}"),
    })
}
