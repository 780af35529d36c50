//! What was found out, as a value and as JSON.
//!
//! The JSON is a promise to scripts, described field by field in `docs/stats.md`: the names here are the names there, in
//! this order. Fields may be added; one that changes or goes raises [`SCHEMA_VERSION`]. What does not apply, or was not
//! asked for, is `null`, never left out. There is nothing about threads or time in it: the same data gives the same bytes.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Version of the JSON; grows when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// What a table is like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statistics {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was read, in order.
    pub inputs: Vec<InputStats>,
    /// How many records there are.
    pub rows: RowCounts,
    /// One for each column, in the order of the input.
    pub columns: Vec<ColumnStats>,
    /// What was decided without being told, and what is good to know: sentences for people.
    pub notes: Vec<String>,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputStats {
    /// Its name as the user gave it: a path, or `-`.
    pub name: String,
    /// How its records are written.
    pub format: String,
    /// Its size after decompression.
    pub bytes: u64,
    /// Records in it, malformed ones included.
    pub rows: u64,
}

/// Numbers of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// All of them.
    pub total: u64,
    /// Those that could not be split into fields, and so are part of nothing else.
    pub malformed: u64,
}

/// What a column is like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnStats {
    /// Its name; members of JSON objects as `a.b`.
    pub name: String,
    /// The narrowest type that all values have: `integer`, `number`, `boolean`, `date`, `timestamp`, `time`, `string`,
    /// `object`, `array`; `mixed` if no type unites them, `null` if there are none.
    #[serde(rename = "type")]
    pub logical_type: &'static str,
    /// Records that have a value.
    pub values: u64,
    /// Records that have none.
    pub nulls: Share,
    /// Floating-point values that are NaN or infinite: values, but part of no sum, quantile or extreme.
    pub not_finite: u64,
    /// Different values, as they are written.
    pub distinct: Option<Distinct>,
    /// Smallest value: numbers by size, dates by time, texts by their bytes.
    pub min: Option<Scalar>,
    /// Largest value.
    pub max: Option<Scalar>,
    /// Characters of the shortest value.
    pub min_length: Option<u64>,
    /// Characters of the longest value.
    pub max_length: Option<u64>,
    /// Sum of the numbers, exact.
    pub sum: Option<Scalar>,
    /// Their mean.
    pub mean: Option<f64>,
    /// Their standard deviation, that of a sample.
    pub standard_deviation: Option<f64>,
    /// Quantiles of numbers, dates and times.
    pub quantiles: Option<Quantiles>,
    /// The most frequent values, the most frequent one first.
    pub top: Option<Frequencies>,
    /// What texts look like, the most frequent shape first.
    pub shapes: Option<Frequencies>,
    /// How numbers, dates and times are spread.
    pub histogram: Option<Histogram>,
}

/// A part of the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Of a hundred.
    pub percent: f64,
}

/// A number of different values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Distinct {
    /// How many.
    pub count: u64,
    /// Whether they were counted, or estimated.
    pub exact: bool,
    /// Relative standard error of an estimate.
    pub standard_error: Option<f64>,
}

/// What figures rest on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Basis {
    /// They are those of all values.
    pub exact: bool,
    /// They may be off by this much of themselves.
    pub relative_error: Option<f64>,
    /// They are those of a uniform sample of so many values.
    pub sample: Option<u64>,
}

/// Values that so many are not larger than.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// What they rest on.
    #[serde(flatten)]
    pub basis: Basis,
    /// From the smallest to the largest.
    pub values: Vec<Quantile>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quantile {
    /// Which part of the values is not larger.
    pub quantile: f64,
    /// The value.
    pub value: Scalar,
}

/// Texts with how often they came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frequencies {
    /// What they rest on.
    #[serde(flatten)]
    pub basis: Basis,
    /// The most frequent one first.
    pub values: Vec<Frequency>,
}

/// A text with how often it came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frequency {
    /// The text, cut if it is long.
    pub value: String,
    /// How often it came; from a sample, how often it is expected to have come.
    pub count: u64,
    /// Of a hundred values.
    pub percent: f64,
}

/// How values are spread.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// What it rests on.
    #[serde(flatten)]
    pub basis: Basis,
    /// Bins of one width, from the smallest value to the largest.
    pub bins: Vec<Bin>,
}

/// Values of one stretch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Its smallest value.
    pub from: Scalar,
    /// Where the next one begins.
    pub to: Scalar,
    /// Values in it.
    pub count: u64,
}

/// A value: in JSON a number with all its digits, or a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// A number in decimal notation.
    Number(String),
    /// Anything else.
    Text(String),
}

impl Scalar {
    /// The value as text.
    pub fn as_str(&self) -> &str {
        match self {
            Scalar::Number(text) | Scalar::Text(text) => text,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Scalar::Text(text) => serializer.serialize_str(text),
            Scalar::Number(text) => RawValue::from_string(text.clone())
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
        }
    }
}

impl Share {
    /// `count` of `total`.
    pub(super) fn of(count: u64, total: u64) -> Share {
        Share {
            count,
            percent: percent(count, total),
        }
    }
}

/// `count` of `total`, in a hundred; none of nothing is 0.
pub(super) fn percent(count: u64, total: u64) -> f64 {
    match total {
        0 => 0.0,
        _ => 100.0 * count as f64 / total as f64,
    }
}

impl Statistics {
    /// The JSON, indented, with a newline at its end.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("all of it is text and numbers");
        json.push('\n');
        json
    }
}
