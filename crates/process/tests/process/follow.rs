//! Rows of an input that goes on: what is written is what would be of the whole, and it is written as it comes.

use std::collections::VecDeque;

use tamis_engine::Result as EngineResult;
use tamis_engine::pipeline::Flow;
use tamis_engine::sink::MemorySink;
use tamis_engine::source::{Arrival, ByteStream, Opened, Source};
use tamis_formats::vector::Type;
use tamis_process::rows::{Query, RowFormat, Written, follow_rows};
use tamis_process::table::TableOptions;
use tamis_process::{Error, Result};

use crate::rows::{columns, filter};

/// An input that gives one part after the other, with nothing between them for a while.
#[derive(Clone, Debug)]
struct Coming {
    name: &'static str,
    parts: Vec<&'static str>,
}

impl Source for Coming {
    fn name(&self) -> &str {
        self.name
    }

    fn open(&self) -> EngineResult<Opened> {
        Ok(Opened::Stream(Box::new(Parts {
            name: self.name,
            waiting: self.parts.iter().copied().collect(),
            is_idle: false,
        })))
    }

    fn is_repeatable(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct Parts {
    name: &'static str,
    waiting: VecDeque<&'static str>,
    is_idle: bool,
}

impl ByteStream for Parts {
    fn name(&self) -> &str {
        self.name
    }

    fn backend(&self) -> &'static str {
        "parts"
    }

    fn read(&mut self, buffer: &mut [u8]) -> EngineResult<usize> {
        let Some(part) = self.waiting.pop_front() else {
            return Ok(0);
        };
        let len = part.len().min(buffer.len());
        buffer[..len].copy_from_slice(&part.as_bytes()[..len]);
        if len < part.len() {
            self.waiting.push_front(&part[len..]);
        }
        Ok(len)
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> EngineResult<Arrival> {
        self.is_idle = !self.is_idle;
        if !self.is_idle {
            return Ok(Arrival::Idle);
        }
        Ok(match self.read(buffer)? {
            0 => Arrival::End,
            count => Arrival::Bytes(count),
        })
    }

    fn raw_bytes(&self) -> u64 {
        0
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        None
    }
}

fn options() -> TableOptions {
    TableOptions {
        threads: 2,
        ..TableOptions::default()
    }
}

/// What a run gave: its output, what it says of itself, records done with after each batch, and notes.
struct Ran {
    text: String,
    written: Written,
    records: Vec<u64>,
    notes: Vec<String>,
}

fn follow(
    name: &'static str,
    parts: &[&'static str],
    query: &Query,
    options: &TableOptions,
) -> Result<Ran> {
    let source = Coming {
        name,
        parts: parts.to_vec(),
    };
    let (sink, output) = MemorySink::new("out");
    let (mut records, mut notes) = (Vec::new(), Vec::new());
    let written = follow_rows(&source, options, query, Box::new(sink), |batch| {
        records.push(batch.records);
        notes.extend_from_slice(batch.notes);
        Flow::Continue
    })?;
    let bytes = output.bytes().expect("it was finished");
    Ok(Ran {
        text: String::from_utf8(bytes).expect("it is UTF-8"),
        written,
        records,
        notes,
    })
}

#[test]
fn each_part_is_a_batch_and_the_header_comes_once() {
    let parts = ["id,note\n1,a\n", "2,b\n3,", "c\n", "4,d\n"];
    let ran = follow("t.csv", &parts, &filter("id != 3"), &options()).unwrap();
    assert_eq!(ran.text, "id,note\n1,a\n2,b\n4,d\n");
    assert_eq!(ran.records, [2, 3, 4, 5], "with the header");
    assert_eq!((ran.written.rows, ran.written.scanned.rows), (3, 4));
    let json = Query {
        format: Some(RowFormat::JsonLines),
        ..columns("note")
    };
    let ran = follow("t.csv", &parts, &json, &options()).unwrap();
    let expected = "{\"note\":\"a\"}\n{\"note\":\"b\"}\n{\"note\":\"c\"}\n{\"note\":\"d\"}\n";
    assert_eq!(ran.text, expected);
    // Nothing ever came.
    let ran = follow("t.csv", &["id,note\n"], &filter("true"), &options()).unwrap();
    assert_eq!((ran.text.as_str(), ran.records), ("", vec![]));
}

#[test]
fn types_widen_as_values_come() {
    let parts = [
        "{\"amount\":1}\n",
        "{\"amount\":null}\n{\"amount\":2.5}\n",
        "{\"amount\":3}\n",
    ];
    let ran = follow("t.jsonl", &parts, &filter("amount > 2"), &options()).unwrap();
    assert_eq!(ran.text, "{\"amount\":2.5}\n{\"amount\":3}\n");
    // What is declared stays as it is.
    let declared = TableOptions {
        types: vec![("amount".to_owned(), Type::Integer)],
        ..options()
    };
    let error = follow("t.jsonl", &parts, &filter("amount > 2"), &declared).err();
    let Some(Error::Misfit { row, value, .. }) = error else {
        panic!("it is no integer: {error:?}");
    };
    assert_eq!((row, value.as_str()), (3, "2.5"));
}

#[test]
fn columns_of_json_may_come_later() {
    let parts = ["{\"id\":1}\n", "{\"id\":2,\"user\":{\"age\":30}}\n"];
    let ran = follow("t.jsonl", &parts, &filter("user.age > 18"), &options()).unwrap();
    assert_eq!(ran.text, "{\"id\":2,\"user\":{\"age\":30}}\n");
    assert_eq!(
        ran.notes,
        ["no record has `user.age` so far: it is null until one has it"]
    );
    let csv = Query {
        format: Some(RowFormat::Delimited { delimiter: b',' }),
        ..columns("id, user.age as age")
    };
    let ran = follow("t.jsonl", &parts, &csv, &options()).unwrap();
    assert_eq!(ran.text, "id,age\n1,\n2,30\n");
    let declared = TableOptions {
        types: vec![("user.age".to_owned(), Type::Integer)],
        ..options()
    };
    let ran = follow("t.jsonl", &parts, &filter("user.age > 18"), &declared).unwrap();
    assert_eq!(ran.written.rows, 1);
    // Which ones there are is never known.
    let all = Query {
        format: Some(RowFormat::Delimited { delimiter: b',' }),
        ..Query::default()
    };
    for query in [all, columns("!id"), columns("*")] {
        let error = follow("t.jsonl", &parts, &query, &options()).err();
        assert!(matches!(error, Some(Error::LateKeys { .. })), "{error:?}");
    }
}

#[test]
fn what_is_wrong_with_a_record_has_its_place_in_the_input() {
    let parts = ["id,note\n1,a\n", "2,b\n", "3,c\n4\n"];
    let query = columns("note");
    let error = follow("t.csv", &parts, &query, &options()).err();
    let Some(Error::Malformed {
        row, byte_offset, ..
    }) = error
    else {
        panic!("it has a field too few: {error:?}");
    };
    assert_eq!((row, byte_offset), (4, 20));
    let skips = TableOptions {
        skips_malformed: true,
        ..options()
    };
    let ran = follow("t.csv", &parts, &query, &skips).unwrap();
    assert_eq!(ran.text, "note\na\nb\nc\n");
    assert_eq!(ran.records, [2, 3, 5]);
    assert_eq!(ran.written.malformed, 1);
}

#[test]
fn what_is_wrong_with_the_question_is_known_before_anything_comes() {
    for query in [filter("id >"), columns("id, (")] {
        let error = follow("t.jsonl", &[], &query, &options()).err();
        assert!(matches!(error, Some(Error::Expression { .. })), "{error:?}");
    }
}
