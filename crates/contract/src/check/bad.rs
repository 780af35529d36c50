//! The file of bad records: each as it came, behind its row number and the reason.
//!
//! In CSV the two new fields come first, so that a record with too many or too few fields still reads well. In
//! JSON lines each record becomes a member of a new object; what is no JSON becomes a string. So does a message of a stream,
//! as JSON.

use tamis_engine::framing::Framing;
use tamis_formats::csv::{self, Dialect};

use super::compile::Compiled;
use super::layout::Layout;
use super::part::BadRecords;
use super::rule::RuleId;
use super::worker::Pass;

/// Name of the field that holds the row number, from 1.
const ROW: &str = "_tamis_row";
/// Name of the field that holds the broken rules.
const REASON: &str = "_tamis_reason";

/// The header of the file, if it has one.
pub(crate) fn header(header: &[u8], pass: &Pass<'_>) -> Vec<u8> {
    match dialect(pass) {
        Some(dialect) if !header.is_empty() => {
            let mut out = Vec::with_capacity(header.len() + 32);
            out.extend_from_slice(ROW.as_bytes());
            out.push(dialect.delimiter);
            out.extend_from_slice(REASON.as_bytes());
            out.push(dialect.delimiter);
            push_record(&mut out, header, pass.line_end);
            out
        }
        _ => Vec::new(),
    }
}

/// Where the records of the input end, and bad ones with them.
pub(crate) fn framing(pass: &Pass<'_>) -> Framing {
    dialect(pass).map_or(Framing::Lines, |dialect| Framing::Quoted(dialect.quoting()))
}

/// How bad records are delimited; `None`: they are JSON, or have been made so.
fn dialect<'p>(pass: &'p Pass<'_>) -> Option<&'p Dialect> {
    match pass.layout {
        Layout::Csv { dialect, .. } => Some(dialect),
        Layout::Jsonl { .. } | Layout::Rows { .. } => pass.bad_dialect.as_ref(),
    }
}

/// The lines of one chunk's bad records; `rows_before` rows of the input came before the chunk.
pub(crate) fn render(bad: &BadRecords, rows_before: u64, pass: &Pass<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(bad.bytes.len() + 48 * bad.records.len());
    for (row, record, reasons) in bad.iter() {
        let row = rows_before + row + 1;
        let reason = reason(reasons, pass.compiled);
        match dialect(pass) {
            Some(dialect) => push_csv(&mut out, row, &reason, record, dialect, pass.line_end),
            None => push_json(&mut out, row, &reason, record),
        }
    }
    out
}

/// `amount: minimum; country: invalidValues`
pub(crate) fn reason(reasons: &[RuleId], compiled: &Compiled) -> String {
    reason_within(reasons, compiled, usize::MAX)
}

/// The same, cut behind so many bytes.
pub(crate) fn reason_within(reasons: &[RuleId], compiled: &Compiled, bytes_max: usize) -> String {
    let mut text = String::new();
    for &id in reasons {
        if text.len() > bytes_max {
            break;
        }
        let rule = compiled.rules.get(id);
        if !text.is_empty() {
            text.push_str("; ");
        }
        if let Some(column) = &rule.column {
            text.push_str(column);
            text.push_str(": ");
        }
        text.push_str(&rule.word);
    }
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push_str(" ...");
        text.shrink_to_fit();
    }
    text
}

fn push_csv(
    out: &mut Vec<u8>,
    row: u64,
    reason: &str,
    record: &[u8],
    dialect: &Dialect,
    line_end: u8,
) {
    out.extend_from_slice(row.to_string().as_bytes());
    out.push(dialect.delimiter);
    csv::write_field(reason.as_bytes(), dialect, out);
    out.push(dialect.delimiter);
    push_record(out, record, line_end);
}

fn push_record(out: &mut Vec<u8>, record: &[u8], line_end: u8) {
    out.extend_from_slice(record);
    if record.last() != Some(&line_end) {
        out.push(line_end);
    }
}

fn push_json(out: &mut Vec<u8>, row: u64, reason: &str, record: &[u8]) {
    let record = record.trim_ascii();
    let string = |text: &str| serde_json::to_string(text).expect("a string is always JSON");
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(record).is_ok();
    out.extend_from_slice(
        format!(
            "{{\"{ROW}\":{row},\"{REASON}\":{},\"record\":",
            string(reason)
        )
        .as_bytes(),
    );
    if is_json {
        out.extend_from_slice(record);
    } else {
        out.extend_from_slice(string(&String::from_utf8_lossy(record)).as_bytes());
    }
    out.extend_from_slice(b"}\n");
}
