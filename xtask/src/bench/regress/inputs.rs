//! What is counted beside the generated transactions: the same in formats that `tamis gen` does not write, and a log.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Result;
use crate::bench::data::Data;
use crate::command::{program, require};

/// Of the fields of a transaction, in their order. A message has the number that the text of an amount stands for.
const SCHEMA: &str = "\
syntax = \"proto3\";
message Transaction {
  optional string transaction_id = 1;
  optional double amount = 2;
  optional string timestamp = 3;
  optional string account_id = 4;
  optional string country = 5;
  optional string memo = 6;
}
";

const FIELDS: [&str; 6] = [
    "transaction_id",
    "amount",
    "timestamp",
    "account_id",
    "country",
    "memo",
];

/// The file beside the CSV that has another extension.
fn beside(data: &Data, extension: &str) -> PathBuf {
    data.csv.with_extension(extension)
}

/// The transactions as Parquet, amounts that are none left out.
pub(super) fn parquet(tamis: &Path, data: &Data) -> Result<PathBuf> {
    let path = beside(data, "parquet");
    let columns = FIELDS.map(|field| match field {
        "amount" => "double(amount) as amount",
        other => other,
    });
    let mut command = program(tamis);
    command.args(["convert", "--quiet", "--columns", &columns.join(",")]);
    require(command.arg(&data.csv).arg(&path))?;
    Ok(path)
}

/// An access log of as many lines.
pub(super) fn access_log(tamis: &Path, data: &Data) -> Result<PathBuf> {
    let path = beside(data, "access.log");
    let mut command = program(tamis);
    command.args(["gen", "access-log", "--quiet", "--rows"]);
    command.arg(data.rows.to_string()).arg("--output");
    require(command.arg(&path))?;
    Ok(path)
}

/// The transactions as Protobuf messages with their lengths in front, and their schema.
pub(super) fn protobuf(data: &Data) -> Result<[PathBuf; 2]> {
    let [messages, schema] = ["pb", "proto"].map(|extension| beside(data, extension));
    let failed =
        |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let lines = fs::read_to_string(&data.jsonl).map_err(|error| failed(&data.jsonl, &error))?;
    let mut stream = Vec::new();
    for line in lines.lines() {
        let record: Value =
            serde_json::from_str(line).map_err(|error| failed(&data.jsonl, &error))?;
        let message = message(&record);
        push_varint(message.len() as u64, &mut stream);
        stream.extend(message);
    }
    fs::write(&messages, stream).map_err(|error| failed(&messages, &error))?;
    fs::write(&schema, SCHEMA).map_err(|error| failed(&schema, &error))?;
    Ok([messages, schema])
}

/// A transaction on the wire <https://protobuf.dev/programming-guides/encoding/>.
fn message(record: &Value) -> Vec<u8> {
    const FIXED_64: u64 = 1;
    const LENGTH_DELIMITED: u64 = 2;
    let mut message = Vec::new();
    for (number, field) in (1..).zip(FIELDS) {
        match &record[field] {
            Value::Number(amount) => {
                push_varint(number << 3 | FIXED_64, &mut message);
                let amount = amount.as_f64().unwrap_or_default();
                message.extend_from_slice(&amount.to_le_bytes());
            }
            Value::String(text) if field != "amount" => {
                push_varint(number << 3 | LENGTH_DELIMITED, &mut message);
                push_varint(text.len() as u64, &mut message);
                message.extend_from_slice(text.as_bytes());
            }
            _ => {}
        }
    }
    message
}

fn push_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_hold_what_the_records_do() {
        let record = serde_json::json!({ "transaction_id": "T1", "amount": 0.5, "memo": null });
        let expected = [&[0x0A, 2, b'T', b'1', 0x11][..], &0.5_f64.to_le_bytes()[..]].concat();
        assert_eq!(message(&record), expected);
        let long = serde_json::json!({ "amount": "many", "memo": "x".repeat(200) });
        assert_eq!(message(&long)[..3], [0x32, 0xC8, 0x01]);
    }
}
