//! Goal: messages are taken and refused as by prost-reflect, with the same values; and no stream, whatever its lengths say, is
//! more than an error, the same for any cut.
//!
//! The oracle is that of the property tests. The first byte of an input chooses the cut; the others are read as one message, and
//! as a stream of them.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use messages::{MessageOptions, SchemaFile, SchemaOptions};
// The names by which the oracle knows them.
use tamis_formats::{Block, Kind, Malformed, Visitor, file, messages, protobuf};

#[path = "../../crates/formats/src/protobuf/tests/oracle.rs"]
mod oracle;

static READER: LazyLock<oracle::Reader> = LazyLock::new(|| reader(1 << 20));

fn reader(unit_bytes: usize) -> oracle::Reader {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../crates/formats/tests/data");
    let schema = SchemaOptions {
        file: SchemaFile::Proto {
            path: data.join("orders.proto"),
            includes: Vec::new(),
        },
        // Without maps: the oracle takes any wire type for an entry of one.
        message: Some("Parcel".to_owned()),
    };
    oracle::Reader::new(MessageOptions {
        unit_bytes,
        ..MessageOptions::new(schema)
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((&unit_bytes, bytes)) = data.split_first() else {
        return;
    };
    let mut stream = Vec::new();
    prost::encoding::encode_varint(bytes.len() as u64, &mut stream);
    stream.extend_from_slice(bytes);
    READER.assert_agrees(&stream, &[bytes.to_vec()]);

    let cut = oracle::Reader {
        schema: READER.schema.clone(),
        options: MessageOptions {
            unit_bytes: usize::from(unit_bytes) + 1,
            ..READER.options.clone()
        },
    };
    match (READER.read(bytes, None), cut.read(bytes, None)) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole.records, pieces.records),
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("{whole:?}\n{pieces:?}"),
    }
});
