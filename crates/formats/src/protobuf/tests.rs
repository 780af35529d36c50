//! The walker against messages as values, and streams against their cuts and their damages.

mod generate;
mod reference;
mod streams;

use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use prost_reflect::DynamicMessage;
use tamis_engine::source::{MemorySource, Source};

use super::{Framing, ProtobufFile, Schema, SchemaFile, SchemaOptions, StreamOptions};
use crate::file::RecordFile;
use crate::{Block, Kind, Malformed, Visitor};
use generate::Generator;

/// The schema of one of the files in `tests/data`.
fn schema(file: &str, message: &str) -> Arc<Schema> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let options = SchemaOptions {
        file: SchemaFile::Proto {
            path: path.join(file),
            includes: Vec::new(),
        },
        message: Some(message.to_owned()),
    };
    Arc::new(Schema::read(&options).expect("a valid schema"))
}

/// A value as a block has it.
type Cell = (Kind, String);

/// What a stream was found to hold.
#[derive(Debug, Default, PartialEq)]
struct Found {
    /// A row of values, or why there is none.
    rows: Vec<Result<Vec<Cell>, String>>,
    /// The bytes of each record.
    records: Vec<Vec<u8>>,
}

impl Visitor for Found {
    fn block(&mut self, block: &Block<'_>) {
        for row in 0..block.rows {
            let cells = (0..block.columns).map(|column| {
                let text = block.column(column).field(row);
                let text = String::from_utf8(text.to_vec()).expect("all text is UTF-8");
                assert!(!block.is_ascii(column) || text.is_ascii());
                (block.kind(row, column), text)
            });
            self.rows.push(Ok(cells.collect()));
            self.records.push(block.bytes[block.record(row)].to_vec());
        }
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        self.rows.push(Err(format!("{:?}", record.fault)));
        self.records
            .push(record.bytes[record.range.clone()].to_vec());
    }
}

/// Reads a stream, all of its columns or some.
fn read(
    stream: &[u8],
    options: StreamOptions,
    wanted: Option<&[usize]>,
) -> Result<Found, tamis_engine::Error> {
    let source = MemorySource::new("stream", stream.to_vec());
    let file = ProtobufFile::new(source.open()?, options);
    let all: Vec<usize> = (0..file.columns().len()).collect();
    let mut found = Found::default();
    let mut at = 0;
    for unit in file.units(wanted.unwrap_or(&all))? {
        let unit = unit?;
        assert_eq!(unit.byte_offset(), Some(at));
        at += unit.len_bytes();
        let before = found.rows.len() as u64;
        let totals = unit.visit(&mut found)?;
        assert_eq!(totals.rows, found.rows.len() as u64 - before);
    }
    assert_eq!(found.records.concat(), stream, "every byte has a record");
    Ok(found)
}

/// Messages with their lengths in front.
fn delimited<'m>(messages: impl IntoIterator<Item = &'m Vec<u8>>) -> Vec<u8> {
    let mut stream = Vec::new();
    for message in messages {
        prost::encoding::encode_varint(message.len() as u64, &mut stream);
        stream.extend_from_slice(message);
    }
    stream
}

fn assert_agrees(schema: &Arc<Schema>, messages: &[Vec<u8>]) {
    let stream = delimited(messages);
    let found = read(&stream, StreamOptions::new(schema.clone()), None).unwrap();
    assert_eq!(found.rows.len(), messages.len());
    for (row, bytes) in found.rows.iter().zip(messages) {
        let message = DynamicMessage::decode(schema.descriptor().clone(), bytes.as_slice());
        match (row, message) {
            (Ok(cells), Ok(message)) => reference::compare(schema, cells, &message),
            (Err(_), Err(_)) => {}
            (row, message) => panic!("{row:?}\n{:?}\n{bytes:x?}", message.map(drop)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn values_are_those_of_dynamic_messages(seed in any::<u64>()) {
        for (file, message) in [("orders.proto", "Order"), ("legacy.proto", "Item")] {
            let schema = schema(file, message);
            let mut generator = Generator::new(seed);
            let messages: Vec<_> = (0..8)
                .map(|_| generator.encoded(schema.descriptor()))
                .collect();
            assert_agrees(&schema, &messages);
        }
    }

    #[test]
    fn damaged_messages_are_refused_alike(seed in any::<u64>()) {
        // Without maps: the other one takes any wire type for an entry of a map.
        let schema = schema("orders.proto", "Parcel");
        let mut generator = Generator::new(seed);
        let messages: Vec<_> = (0..8)
            .map(|_| {
                let message = generator.encoded(schema.descriptor());
                generator.damaged(message)
            })
            .collect();
        assert_agrees(&schema, &messages);
    }

    #[test]
    fn cuts_and_choices_of_columns_change_nothing(seed in any::<u64>(), unit_bytes in 1..300_usize) {
        let schema = schema("orders.proto", "shop.Order");
        let mut generator = Generator::new(seed);
        let messages: Vec<_> = (0..6)
            .map(|_| {
                let message = generator.encoded(schema.descriptor());
                if generator.flip() { generator.damaged(message) } else { message }
            })
            .collect();
        let stream = delimited(&messages);
        let options = StreamOptions::new(schema.clone());
        let whole = read(&stream, options.clone(), None).unwrap();
        let cut = StreamOptions { unit_bytes, ..options.clone() };
        let pieces = read(&stream, cut, None).unwrap();
        for (one, other) in whole.rows.iter().zip(&pieces.rows) {
            // Offsets are those in the unit.
            prop_assert_eq!(one.as_ref().ok(), other.as_ref().ok());
        }
        let wanted: Vec<usize> = (0..schema.columns().len()).rev().step_by(3).collect();
        let some = read(&stream, options, Some(&wanted)).unwrap();
        for (all, some) in whole.rows.iter().zip(&some.rows) {
            let chosen = |row: &Vec<Cell>| -> Vec<Cell> {
                wanted.iter().map(|&column| row[column].clone()).collect()
            };
            prop_assert_eq!(all.clone().map(|row| chosen(&row)), some.clone());
        }
    }
}

/// Several framings hold the same messages.
#[test]
fn all_framings_are_read() {
    let schema = schema("orders.proto", "Address");
    let messages: [&[u8]; 3] = [b"\x0A\x04Oslo\x10\x05", b"", b"\x10\x07"];
    for (_, framing) in Framing::NAMED {
        let mut stream = Vec::new();
        for message in messages {
            let header: &[u8] = match framing {
                Framing::Confluent => &[0, 0, 0, 0, 9, 0],
                _ => &[],
            };
            let len = header.len() + message.len();
            match framing {
                Framing::Varint | Framing::Confluent => stream.push(len as u8),
                Framing::FourBytes => stream.extend((len as u32).to_be_bytes()),
                Framing::Grpc => stream.extend([0, 0, 0, 0, len as u8]),
            }
            stream.extend([header, message].concat());
        }
        let options = StreamOptions {
            framing,
            unit_bytes: 7,
            ..StreamOptions::new(schema.clone())
        };
        let found = read(&stream, options, None).unwrap();
        let text = |kind, text: &str| (kind, text.to_owned());
        let rows = [("Oslo", "5"), ("", "0"), ("", "7")];
        let rows =
            rows.map(|(city, zip)| Ok(vec![text(Kind::String, city), text(Kind::Number, zip)]));
        assert_eq!(found.rows, rows);
    }
}
