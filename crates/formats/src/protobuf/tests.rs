//! The walker against messages as values, and streams against their cuts and their damages.

mod generate;
mod oracle;
mod streams;

use std::path::PathBuf;

use proptest::prelude::*;

use crate::Kind;
use crate::messages::{Framing, MessageOptions, SchemaFile, SchemaOptions};
use generate::Generator;
use oracle::{Cell, Reader};

/// Options for one of the files in `tests/data`.
fn options(file: &str, message: &str) -> MessageOptions {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    MessageOptions::new(SchemaOptions {
        file: SchemaFile::Proto {
            path: path.join(file),
            includes: Vec::new(),
        },
        message: Some(message.to_owned()),
    })
}

/// `TAMIS_SOAK=n` runs `n` times as many cases.
fn cases(count: u32) -> ProptestConfig {
    let factor = std::env::var("TAMIS_SOAK").ok();
    let factor: u32 = factor.map_or(1, |factor| factor.parse().expect("TAMIS_SOAK is a number"));
    ProptestConfig::with_cases(count * factor)
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

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn values_are_those_of_dynamic_messages(seed in any::<u64>()) {
        for (file, message) in [("orders.proto", "Order"), ("legacy.proto", "Item")] {
            let reader = Reader::new(options(file, message));
            let mut generator = Generator::new(seed);
            let messages: Vec<_> = (0..8)
                .map(|_| generator.encoded(reader.schema.descriptor()))
                .collect();
            reader.assert_agrees(&delimited(&messages), &messages);
        }
    }

    #[test]
    fn damaged_messages_are_refused_alike(seed in any::<u64>()) {
        // Without maps: the other one takes any wire type for an entry of a map.
        let reader = Reader::new(options("orders.proto", "Parcel"));
        let mut generator = Generator::new(seed);
        let messages: Vec<_> = (0..8)
            .map(|_| {
                let message = generator.encoded(reader.schema.descriptor());
                generator.damaged(message)
            })
            .collect();
        reader.assert_agrees(&delimited(&messages), &messages);
    }

    #[test]
    fn cuts_and_choices_of_columns_change_nothing(seed in any::<u64>(), unit_bytes in 1..300_usize) {
        let mut reader = Reader::new(options("orders.proto", "shop.Order"));
        let mut generator = Generator::new(seed);
        let messages: Vec<_> = (0..6)
            .map(|_| {
                let message = generator.encoded(reader.schema.descriptor());
                if generator.flip() { generator.damaged(message) } else { message }
            })
            .collect();
        let stream = delimited(&messages);
        let whole = reader.read(&stream, None).unwrap();
        let wanted: Vec<usize> = (0..reader.schema.columns().len()).rev().step_by(3).collect();
        let some = reader.read(&stream, Some(&wanted)).unwrap();
        for (all, some) in whole.rows.iter().zip(&some.rows) {
            let chosen = |row: Vec<Cell>| -> Vec<Cell> {
                wanted.iter().map(|&column| row[column].clone()).collect()
            };
            prop_assert_eq!(all.clone().map(chosen), some.clone());
        }
        reader.options.unit_bytes = unit_bytes;
        let pieces = reader.read(&stream, None).unwrap();
        prop_assert_eq!(whole.records, pieces.records);
        for (one, other) in whole.rows.iter().zip(&pieces.rows) {
            // Faults have their offsets in the unit.
            prop_assert_eq!(one.as_ref().ok(), other.as_ref().ok());
        }
    }
}

/// Several framings hold the same messages.
#[test]
fn all_framings_are_read() {
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
        let reader = Reader::new(MessageOptions {
            framing,
            unit_bytes: 7,
            ..options("orders.proto", "Address")
        });
        let found = reader.read(&stream, None).unwrap();
        let text = |kind, text: &str| (kind, text.to_owned());
        let rows = [("Oslo", "5"), ("", "0"), ("", "7")];
        let rows =
            rows.map(|(city, zip)| Ok(vec![text(Kind::String, city), text(Kind::Number, zip)]));
        assert_eq!(found.rows, rows);
    }
}
