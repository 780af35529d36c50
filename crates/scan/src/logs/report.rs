//! What was found out about logs, as a value and as JSON.
//!
//! The JSON is a promise to scripts, described field by field in `docs/scan/logs.md`: the names here are the names there.
//! Fields may be added; one that changes or goes raises [`SCHEMA_VERSION`]. What does not apply is `null` or an empty list,
//! never left out. There is nothing about threads or how long it took in it: the same logs give the same bytes.

use serde::Serialize;

/// Version of the JSON; grows when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// What logs say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was read, in order.
    pub inputs: Vec<InputReport>,
    /// The time that was asked for.
    pub range: RangeReport,
    /// When the first event was, as RFC 3339 has it.
    pub first: Option<String>,
    /// When the last event was.
    pub last: Option<String>,
    /// Seconds that the clock of this report is ahead of UTC.
    pub utc_offset_seconds: i32,
    /// Records in the range of time.
    pub events: u64,
    /// Events with a status of 500 and above, or a level of error and above.
    pub errors: u64,
    /// Errors as a part of all events that have a status or a level.
    pub error_rate: Option<f64>,
    /// Events without a time: they are in no bucket, and in no range of time.
    pub events_without_time: u64,
    /// Lines of all inputs.
    pub lines: LineReport,
    /// The first lines that could not be parsed.
    pub unparsed: Vec<UnparsedLine>,
    /// Bytes of the records, with the lines that go on with them.
    pub log_bytes: u64,
    /// Bytes of responses, if records tell.
    pub response_bytes: Option<u64>,
    /// How long requests took, if records tell.
    pub latency: Option<LatencyReport>,
    /// Events over time.
    pub timeline: Timeline,
    /// Statuses, the most frequent first.
    pub status: Vec<Share>,
    /// Levels, the gravest first.
    pub levels: Vec<Share>,
    /// Paths, without their queries unless these were asked for.
    pub paths: Option<TopValues>,
    /// Who asked.
    pub clients: Option<TopValues>,
    /// Machines that wrote the log.
    pub hosts: Option<TopValues>,
    /// Programs that wrote the log.
    pub apps: Option<TopValues>,
    /// Events by the field that was asked for.
    pub by: Option<Groups>,
    /// What is good to know: sentences for people.
    pub notes: Vec<String>,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputReport {
    /// Its name as the user gave it: a path, or `-`.
    pub name: String,
    /// The format of its lines.
    pub format: String,
    /// Its size after decompression.
    pub bytes: u64,
    /// Bytes of it that were read, those to find the range of time included.
    pub bytes_read: u64,
    /// Bytes of it that were left out, since nothing of the range of time is in them if the file is sorted by time.
    pub bytes_skipped: u64,
    /// They as a part of its size.
    pub skipped_share: f64,
    /// Reads to find the range of time; 0 if it was read from start to end.
    pub probes: u64,
    /// Lines that were read.
    pub lines: u64,
    /// Events in the range of time.
    pub events: u64,
    /// Lines that could not be parsed.
    pub unparsed: u64,
    /// The furthest that a time lies before one that came earlier, in seconds; `null` if not all of it was read, since then
    /// nobody knows.
    pub out_of_order_seconds: Option<f64>,
}

/// A range of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RangeReport {
    /// Its beginning, which belongs to it.
    pub since: Option<String>,
    /// Its end, which does not.
    pub until: Option<String>,
    /// Records that were read and are outside of it.
    pub records_outside: u64,
}

/// Numbers of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LineReport {
    /// Lines that were read.
    pub total: u64,
    /// Blank ones.
    pub blank: u64,
    /// Lines that go on with the event before them.
    pub continued: u64,
    /// Events that have such lines.
    pub continued_events: u64,
    /// Lines that could not be parsed.
    pub unparsed: u64,
}

/// A line that could not be parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnparsedLine {
    /// Name of the input.
    pub input: String,
    /// Its number, from 1; `null` if the lines before it were not read.
    pub line: Option<u64>,
    /// Where it begins.
    pub byte_offset: u64,
    /// Its text, cut to 400 bytes.
    pub text: String,
}

/// How long something took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LatencyReport {
    /// Events that tell.
    pub count: u64,
    /// Seconds of all of them, divided by their number.
    pub mean: f64,
    /// Seconds of the shortest.
    pub min: f64,
    /// Seconds that half of them did not take.
    pub p50: f64,
    /// Seconds that nine of ten did not take.
    pub p90: f64,
    /// Seconds that 95 % did not take.
    pub p95: f64,
    /// Seconds that 99 % did not take.
    pub p99: f64,
    /// Seconds of the longest.
    pub max: f64,
    /// Quantiles are off by at most this part of themselves.
    pub relative_error: f64,
}

/// Events over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// Width of a bucket.
    pub bucket_seconds: i64,
    /// All buckets from the first event to the last, empty ones included.
    pub buckets: Vec<Bucket>,
}

/// Events of some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// When it begins.
    pub start: String,
    /// Microseconds since 1970 of that.
    #[serde(skip)]
    pub start_us: i64,
    /// Events in it.
    pub events: u64,
    /// Errors among them.
    pub errors: u64,
}

/// How often a value came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Share {
    /// The value.
    pub value: String,
    /// Events that have it.
    pub events: u64,
    /// They as a part of all events that have a value.
    pub share: f64,
}

/// The most frequent values of a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopValues {
    /// How many different values there are, about.
    pub distinct: u64,
    /// That number is exact.
    pub distinct_is_exact: bool,
    /// Counts are estimates, since there are more values than can be kept.
    pub approximate: bool,
    /// Counts are off by at most so many events in all but one of several thousand cases; `null`: they are exact.
    pub error_bound: Option<u64>,
    /// The most frequent ones first. If counts are estimates, those that are above the error bound.
    pub values: Vec<TopValue>,
}

/// A frequent value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopValue {
    /// The value.
    pub value: String,
    /// Events that have it.
    pub events: u64,
    /// They as a part of all events.
    pub share: f64,
    /// Errors among them.
    pub errors: u64,
    /// Bytes of their responses.
    pub response_bytes: u64,
}

/// Events by the values of a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Groups {
    /// The field.
    pub field: String,
    /// How many groups there are, about.
    pub distinct: u64,
    /// That number is exact.
    pub distinct_is_exact: bool,
    /// Counts are estimates, and quantiles are those of a sample of events.
    pub approximate: bool,
    /// Counts of events are off by at most so many in all but one of several thousand cases; `null`: they are exact.
    pub error_bound: Option<u64>,
    /// Events of the sample that quantiles are those of; `null`: they are of all events.
    pub sampled_events: Option<u64>,
    /// Events that do not have the field.
    pub without: u64,
    /// The most frequent ones first.
    pub groups: Vec<Group>,
}

/// Events that share a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The value.
    pub value: String,
    /// Events that have it.
    pub events: u64,
    /// They as a part of all events.
    pub share: f64,
    /// Errors among them.
    pub errors: u64,
    /// Bytes of their responses.
    pub response_bytes: u64,
    /// Bytes of their records, with the lines that go on with them.
    pub log_bytes: u64,
    /// How long they took, in seconds: the median.
    pub p50: Option<f64>,
    /// What 95 % did not take.
    pub p95: Option<f64>,
    /// What 99 % did not take.
    pub p99: Option<f64>,
}

impl Report {
    /// The report as a JSON document.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("its keys are texts");
        text.push('\n');
        text
    }

    /// The report as one line of JSON.
    pub fn to_json_line(&self) -> String {
        let mut text = serde_json::to_string(self).expect("its keys are texts");
        text.push('\n');
        text
    }
}
