//! Pages that no writer would leave are refused, and the others are not.

use parquet::schema::types::{ColumnDescriptor, ColumnPath, Type as SchemaType};
use tamis_engine::source::{MemorySource, Opened, Source};

use super::*;

/// A dictionary of one 32-bit integer.
const DICTIONARY: &[u8] = b"\x15\x04\x15\x08\x15\x08\x4c\x15\x02\x15\x00\x00\x00\x07\x00\x00\x00";
/// One value as it is, with bits for its level of definition where it has any.
const PLAIN: &[u8] =
    b"\x15\x00\x15\x08\x15\x08\x2c\x15\x02\x15\x00\x15\x06\x15\x06\x00\x00\x07\x00\x00\x00";
/// One key, in bits of width 1.
const KEYS: &[u8] =
    b"\x15\x00\x15\x06\x15\x06\x2c\x15\x02\x15\x10\x15\x06\x15\x06\x00\x00\x01\x02\x00";

/// What reading the pages one after the other says, and what skipping the first `skipped` of them and reading the rest.
fn walk(pages: &[&[u8]], level_max: i16, skipped: usize) -> Result<usize> {
    let bytes = pages.concat();
    let len = bytes.len() as i64;
    let Opened::Random(access) = MemorySource::new("t.parquet", bytes).open().unwrap() else {
        unreachable!("memory is random access");
    };
    let integer = SchemaType::primitive_type_builder("id", Type::INT32);
    let descriptor = Arc::new(ColumnDescriptor::new(
        Arc::new(integer.build().unwrap()),
        level_max,
        0,
        ColumnPath::from("id"),
    ));
    let chunk = ColumnChunkMetaData::builder(descriptor)
        .set_num_values(4)
        .set_data_page_offset(0)
        .set_total_compressed_size(len)
        .build()
        .unwrap();
    let reader = Chunk::of_column(Region::new(access), chunk.compression());
    let pages = SerializedPageReader::new(Arc::new(reader), &chunk, 4, None).unwrap();
    let mut doubted = Doubted::new(pages, &chunk, None);
    for _ in 0..skipped {
        doubted.skip_next_page()?;
    }
    let mut count = 0;
    while doubted.get_next_page()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[test]
fn pages_in_order_are_read() {
    assert_eq!(walk(&[DICTIONARY, KEYS, PLAIN], 0, 0).unwrap(), 3);
    assert_eq!(walk(&[DICTIONARY, KEYS, KEYS], 0, 1).unwrap(), 2);
    assert_eq!(walk(&[DICTIONARY, KEYS, KEYS], 0, 2).unwrap(), 1);
    assert_eq!(walk(&[PLAIN, PLAIN], 0, 1).unwrap(), 1);
}

#[test]
fn dictionaries_out_of_place_are_refused() {
    let missing = "column `id`: a page holds keys of a dictionary, and there is none before it";
    let second = "column `id`: it has a second dictionary";
    let behind = "column `id`: its dictionary comes behind data, not in front of it";
    for (pages, skipped, expected) in [
        (&[KEYS][..], 0, missing),
        (&[PLAIN, KEYS], 0, missing),
        (&[KEYS, KEYS], 1, missing),
        (&[DICTIONARY, DICTIONARY, KEYS], 0, second),
        (&[DICTIONARY, DICTIONARY, KEYS], 1, second),
        (&[DICTIONARY, DICTIONARY, KEYS], 2, second),
        (&[PLAIN, DICTIONARY, KEYS], 0, behind),
        (&[PLAIN, DICTIONARY, KEYS], 1, behind),
        (&[PLAIN, DICTIONARY, KEYS], 2, behind),
    ] {
        let error = walk(pages, 0, skipped).unwrap_err();
        assert_eq!(message(error), expected, "{skipped} skipped");
    }
}

#[test]
fn counts_that_cannot_be_are_refused() {
    // Byte 8 is the count, twice it; odd ones are negative. Byte 9 begins the encoding, byte 12 that of the levels.
    let with = |at: usize, byte: u8| {
        let mut page = PLAIN.to_vec();
        page[at] = byte;
        page
    };
    assert!(walk(&[&with(8, 8)], 0, 0).is_ok());
    for count in [10, 1, 3] {
        assert!(walk(&[&with(8, count)], 0, 0).is_err(), "{count}");
    }
    for size in [1, 3] {
        assert!(walk(&[&with(3, size)], 0, 0).is_err(), "{size}");
        assert!(walk(&[&with(5, size)], 0, 1).is_err(), "{size}");
    }
}

#[test]
fn levels_longer_than_their_page_are_refused() {
    let error = walk(&[PLAIN], 1, 0).unwrap_err();
    let expected = "column `id`: the levels of a page are longer than the page";
    assert_eq!(message(error), expected);
    // The older encoding: the bits alone. Four values of a level up to 1023 take five bytes, and there are four.
    let mut bits = PLAIN.to_vec();
    (bits[8], bits[12]) = (8, 8);
    assert!(walk(&[&bits], 1, 0).is_ok());
    assert_eq!(message(walk(&[&bits], 1023, 0).unwrap_err()), expected);
    // The second version says how long they are: two bytes, of a page that has one.
    let second =
        b"\x15\x06\x15\x08\x15\x02\x5c\x15\x02\x15\x00\x15\x02\x15\x00\x15\x04\x15\x00\x00\x00\x07";
    assert_eq!(message(walk(&[second], 1, 0).unwrap_err()), expected);
    let mut nulls = second.to_vec();
    (nulls[10], nulls[16]) = (4, 0);
    let error = message(walk(&[&nulls], 1, 0).unwrap_err());
    assert_eq!(error, "column `id`: a page claims 2 nulls among 1 values");
}
