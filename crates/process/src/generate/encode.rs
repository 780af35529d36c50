//! Rows to bytes: the same values as a CSV record or as a line of JSON.

use super::Format;
use super::memo::Memos;
use super::row::Row;
use super::text::Text;

/// The first line of the CSV file.
const CSV_HEADER: &[u8] = b"transaction_id,amount,timestamp,account_id,country,memo\n";

/// Writes rows in one format.
#[derive(Debug)]
pub(super) struct Encoder {
    format: Format,
    memos: Memos,
}

impl Encoder {
    pub(super) fn new(format: Format) -> Self {
        let memos = match format {
            Format::Csv => Memos::csv(),
            Format::Jsonl => Memos::json(),
        };
        Self { format, memos }
    }

    /// What comes before the first row.
    pub(super) fn header(&self) -> &'static [u8] {
        match self.format {
            Format::Csv => CSV_HEADER,
            Format::Jsonl => b"",
        }
    }

    /// Appends `row` to `out`.
    pub(super) fn push_row(&self, row: &Row, out: &mut Vec<u8>) {
        let memo = self.memos.choose(row.memo_bits);
        match self.format {
            Format::Csv => push_csv(row, memo, out),
            Format::Jsonl => push_json(row, memo, out),
        }
    }
}

fn push_csv(row: &Row, memo: &[u8], out: &mut Vec<u8>) {
    for field in [
        &row.transaction_id,
        &row.amount,
        &row.timestamp,
        &row.account_id,
    ] {
        out.extend_from_slice(field.as_bytes());
        out.push(b',');
    }
    out.extend_from_slice(row.country.as_bytes());
    out.push(b',');
    out.extend_from_slice(memo);
    out.push(b'\n');
}

fn push_json(row: &Row, memo: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"transaction_id\":");
    push_json_text(&row.transaction_id, out);
    out.extend_from_slice(b",\"amount\":");
    if row.amount_is_number && !row.amount.is_empty() {
        out.extend_from_slice(row.amount.as_bytes());
    } else {
        push_json_text(&row.amount, out);
    }
    out.extend_from_slice(b",\"timestamp\":");
    push_json_text(&row.timestamp, out);
    out.extend_from_slice(b",\"account_id\":");
    push_json_text(&row.account_id, out);
    out.extend_from_slice(b",\"country\":\"");
    out.extend_from_slice(row.country.as_bytes());
    out.extend_from_slice(b"\",\"memo\":");
    out.extend_from_slice(memo);
    out.extend_from_slice(b"}\n");
}

/// A text that needs no escapes, or null if it is empty.
fn push_json_text(text: &Text, out: &mut Vec<u8>) {
    if text.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// `text` as a field of a CSV file, quoted if it must be (RFC 4180 section 2).
pub(super) fn csv_field(text: &str) -> Vec<u8> {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into_bytes()
    } else {
        text.as_bytes().to_vec()
    }
}

/// `text` as a JSON string (RFC 8259 section 7); of the control characters it knows the line feed.
pub(super) fn json_string(text: &str) -> Vec<u8> {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"").into_bytes()
}
