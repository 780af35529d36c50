//! Streams that are damaged, cut or lie: typed errors, never a panic, and no memory because of a length.

use super::oracle::Reader;
use super::{delimited, options};
use crate::Kind;
use crate::messages::{Framing, MessageOptions};
use crate::protobuf::Error;

fn failure(stream: &[u8], reader: &Reader) -> Error {
    match reader.read(stream, None) {
        Err(tamis_engine::Error::Producer { input, source }) => {
            assert_eq!(input, "stream");
            *source.downcast::<Error>().expect("an error of this format")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_cut_anywhere_is_read_up_to_the_cut() {
    let reader = Reader::new(options("orders.proto", "Address"));
    let message = b"\x0A\x04Oslo\x10\x05".to_vec();
    let stream = delimited([&message, &message]);
    for cut in 0..stream.len() {
        if cut == 0 || cut == 9 {
            let found = reader.read(&stream[..cut], None).unwrap();
            assert_eq!(found.rows.len(), cut / 9);
            continue;
        }
        let start = if cut < 9 { 0 } else { 9 };
        match failure(&stream[..cut], &reader) {
            Error::Truncated {
                byte_offset,
                expected_bytes,
                found_bytes,
            } => {
                assert_eq!((byte_offset, found_bytes), (start, cut as u64 - start));
                assert_eq!(expected_bytes, 9);
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn lengths_that_lie_are_errors_that_name_the_place() {
    let reader = Reader::new(options("orders.proto", "Address"));
    let good = delimited([&b"\x10\x05".to_vec()]);
    let long = [good.as_slice(), &[0xFF; 11]].concat();
    let error = failure(&long, &reader);
    assert!(
        matches!(error, Error::Length { byte_offset: 3, .. }),
        "{error}"
    );
    // 2^40 bytes, of which there are none.
    let huge = [good.as_slice(), &[0x80, 0x80, 0x80, 0x80, 0x80, 0x20]].concat();
    let error = failure(&huge, &reader);
    assert!(
        matches!(
            error,
            Error::TooLong {
                byte_offset: 3,
                len_bytes: 0x100_0000_0000,
                ..
            }
        ),
        "{error}"
    );
    // Below the limit, but more than there is: nothing is allocated for it.
    let lie = [good.as_slice(), &[0x80, 0x80, 0x80, 0x10]].concat();
    let error = failure(&lie, &reader);
    assert!(
        matches!(
            error,
            Error::Truncated {
                byte_offset: 3,
                found_bytes: 4,
                ..
            }
        ),
        "{error}"
    );
    let reader = Reader::new(MessageOptions {
        framing: Framing::Grpc,
        ..reader.options
    });
    let error = failure(&[7, 0, 0, 0, 0], &reader);
    assert!(
        matches!(error, Error::Length { byte_offset: 0, .. }),
        "{error}"
    );
}

#[test]
fn messages_longer_than_a_unit_are_whole() {
    let reader = Reader::new(options("orders.proto", "Address"));
    let city = "x".repeat(100_000);
    let mut message = vec![0x0A];
    prost::encoding::encode_varint(city.len() as u64, &mut message);
    message.extend_from_slice(city.as_bytes());
    let stream = delimited([&b"\x10\x05".to_vec(), &message, &b"\x10\x06".to_vec()]);
    let reader = Reader::new(MessageOptions {
        unit_bytes: 10,
        ..reader.options
    });
    let found = reader.read(&stream, None).unwrap();
    let cities = found
        .rows
        .iter()
        .map(|row| row.as_ref().unwrap()[0].1.len());
    assert_eq!(cities.collect::<Vec<_>>(), [0, 100_000, 0]);
    let reader = Reader::new(MessageOptions {
        record_bytes_max: 99_999,
        ..reader.options
    });
    let error = failure(&stream, &reader);
    assert!(
        matches!(error, Error::TooLong { byte_offset: 3, .. }),
        "{error}"
    );
}

#[test]
fn faults_say_where_and_what() {
    let reader = Reader::new(options("orders.proto", "Order"));
    let cases: [(&[u8], &str); 9] = [
        (
            &[0x12, 1, 0],
            "field 2 of `shop.Order` is `amount`, a `int64`",
        ),
        (&[0x0A, 2, 0xFF, 0xFE], "InvalidUtf8 { offset: 3 }"),
        (&[0x0A, 5, b'x'], "reaches beyond the end"),
        (&[0x10], "ends inside of a field"),
        (&[0x00, 1], "expected a field number"),
        (&[0x0E, 1], "wire type from 0 to 5, found 6"),
        (&[0x0C], "a group ends that did not begin"),
        (&[0x22, 3, 0, 0, 0], "field 4 of `shop.Order` is `quantity`"),
        (&[0x32, 4, 0x22, 2, 0, 0], "a list ends inside of a value"),
    ];
    for (message, expected) in cases {
        let stream = delimited([&message.to_vec(), &b"\x10\x05".to_vec()]);
        let found = reader.read(&stream, Some(&[1])).unwrap();
        let fault = found.rows[0].as_ref().unwrap_err();
        assert!(fault.contains(expected), "{fault}");
        assert_eq!(found.rows[1], Ok(vec![(Kind::Number, "5".to_owned())]));
    }
}

#[test]
fn messages_in_messages_have_an_end() {
    let reader = Reader::new(options("orders.proto", "Tree"));
    let nested = |levels: usize| {
        let mut message = Vec::new();
        for _ in 0..levels {
            let mut outer = vec![0x12];
            prost::encoding::encode_varint(message.len() as u64, &mut outer);
            outer.extend(message);
            message = outer;
        }
        message
    };
    for (levels, is_read) in [(10, true), (100, true), (101, false), (50_000, false)] {
        let stream = delimited([&nested(levels)]);
        let found = reader.read(&stream, None).unwrap();
        assert_eq!(found.rows[0].is_ok(), is_read, "{levels}");
    }
}

#[test]
fn a_number_without_a_name_is_no_value_of_a_closed_enum() {
    let reader = Reader::new(options("legacy.proto", "Item"));
    let column = |name: &str| {
        let mut columns = reader.schema.columns().iter();
        columns.position(|column| column.name == name).unwrap()
    };
    let wanted = [
        column("colour"),
        column("shade"),
        column("number"),
        column("word"),
    ];
    let stream = delimited([
        &vec![0x20, 9, 0x28, 9],
        &vec![0x20, 2, 0x48, 5, 0x52, 1, b'w'],
    ]);
    let found = reader.read(&stream, Some(&wanted)).unwrap();
    let text = |kind, text: &str| (kind, text.to_owned());
    let nothing = || text(Kind::Missing, "");
    let green = || text(Kind::String, "GREEN");
    let three = || text(Kind::Number, "3");
    assert_eq!(
        found.rows[0],
        Ok(vec![nothing(), green(), three(), nothing()])
    );
    let word = text(Kind::String, "w");
    assert_eq!(found.rows[1], Ok(vec![green(), green(), three(), word]));
}
