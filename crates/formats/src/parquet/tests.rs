//! What is written is what is read, in pieces of any size; what is damaged is an error and nothing worse.

mod moments;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{WriterProperties, WriterVersion};
use proptest::prelude::*;
use tamis_engine::source::{MemorySource, Opened, Source};

use super::ParquetFile;
use crate::arrow::Leaf;
use crate::arrow::every_leaf;
use crate::arrow::file::BatchFile;

/// Rows of every type that a table is likely to have.
fn table(rows: i64) -> RecordBatch {
    let numbers = || (0..rows).map(|row| (row % 7 != 0).then_some(row));
    let city: ArrayRef = Arc::new(StringArray::from_iter(
        numbers().map(|row| row.map(|row| format!("city {}", row % 5))),
    ));
    let zip: ArrayRef = Arc::new(Int32Array::from_iter(
        numbers().map(|row| row.map(|row| row as i32)),
    ));
    let customer = StructArray::from(vec![
        (Arc::new(Field::new("city", DataType::Utf8, true)), city),
        (Arc::new(Field::new("zip", DataType::Int32, true)), zip),
    ]);
    let tags = ListArray::from_iter_primitive::<Int32Type, _, _>(
        (0..rows).map(|row| (row % 3 != 0).then(|| (0..row % 4).map(|tag| Some(tag as i32)))),
    );
    let kinds: DictionaryArray<Int32Type> = (0..rows)
        .map(|row| ["a", "b", "c"][row as usize % 3])
        .collect();
    let text = |row: i64| format!("text of row {row}");
    let decimals = Decimal128Array::from_iter(numbers().map(|row| row.map(i128::from)));
    RecordBatch::try_from_iter([
        (
            "id",
            Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef,
        ),
        (
            "text",
            Arc::new(StringArray::from_iter(numbers().map(|row| row.map(text)))),
        ),
        ("customer", Arc::new(customer)),
        ("tags", Arc::new(tags)),
        (
            "ratio",
            Arc::new(Float64Array::from_iter(
                numbers().map(|row| row.map(|row| row as f64 / 8.0)),
            )),
        ),
        (
            "ok",
            Arc::new(BooleanArray::from_iter(
                numbers().map(|row| row.map(|row| row % 2 == 0)),
            )),
        ),
        (
            "day",
            Arc::new(Date32Array::from_iter(
                numbers().map(|row| row.map(|row| row as i32)),
            )),
        ),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from_iter(numbers()).with_timezone("UTC")),
        ),
        (
            "price",
            Arc::new(decimals.with_precision_and_scale(20, 2).unwrap()),
        ),
        ("kind", Arc::new(kinds)),
    ])
    .unwrap()
}

fn written(batch: &RecordBatch, properties: WriterProperties) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn open(bytes: Vec<u8>) -> tamis_engine::Result<ParquetFile> {
    match MemorySource::new("t.parquet", bytes).open().unwrap() {
        Opened::Random(access) => ParquetFile::open(access),
        Opened::Stream(_) => unreachable!("memory is random access"),
    }
}

/// The values, where there are keys of them in the place of an array of type `wanted`.
fn unpacked(array: &ArrayRef, wanted: &DataType) -> ArrayRef {
    match (wanted, array.data_type()) {
        (DataType::Struct(fields), _) => {
            let members = array.as_struct();
            let columns = members.columns().iter().zip(fields);
            let columns = columns.map(|(column, field)| unpacked(column, field.data_type()));
            Arc::new(StructArray::new(
                fields.clone(),
                columns.collect(),
                members.nulls().cloned(),
            ))
        }
        (DataType::Utf8, DataType::Dictionary(..)) => {
            let keys = array.as_dictionary::<Int32Type>();
            arrow_select::take::take(keys.values(), keys.keys(), None).unwrap()
        }
        _ => Arc::clone(array),
    }
}

/// All rows of the wanted columns, as the pieces give them.
fn read(
    file: &ParquetFile,
    wanted: &[Leaf],
    rows_max: usize,
) -> tamis_engine::Result<Vec<StructArray>> {
    let mut arrays = Vec::new();
    for piece in file.select(wanted, rows_max, 2)?.pieces {
        piece?.visit(&mut |array| {
            arrays.push(array.clone());
            Ok(())
        })?;
    }
    Ok(arrays)
}

fn joined(arrays: &[StructArray]) -> StructArray {
    let arrays: Vec<&dyn Array> = arrays.iter().map(|array| array as &dyn Array).collect();
    let all = arrow_select::concat::concat(&arrays).unwrap();
    all.as_any().downcast_ref::<StructArray>().unwrap().clone()
}

fn every_encoding() -> Vec<WriterProperties> {
    let plain = || WriterProperties::builder().set_max_row_group_row_count(Some(700));
    let encoded = |encoding| plain().set_dictionary_enabled(false).set_encoding(encoding);
    vec![
        plain().build(),
        plain()
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_data_page_row_count_limit(100)
            .set_write_batch_size(50)
            .build(),
        plain().set_compression(Compression::SNAPPY).build(),
        plain()
            .set_compression(Compression::ZSTD(Default::default()))
            .build(),
        plain().set_compression(Compression::LZ4_RAW).build(),
        plain()
            .set_compression(Compression::GZIP(Default::default()))
            .build(),
        plain()
            .set_compression(Compression::BROTLI(Default::default()))
            .build(),
        encoded(Encoding::PLAIN).build(),
        WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_column_encoding("id".into(), Encoding::DELTA_BINARY_PACKED)
            .set_column_encoding("text".into(), Encoding::DELTA_BYTE_ARRAY)
            .set_column_encoding("ratio".into(), Encoding::BYTE_STREAM_SPLIT)
            .set_column_encoding("customer.city".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .build(),
        WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_column_encoding("text".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_column_encoding("customer.city".into(), Encoding::DELTA_BYTE_ARRAY)
            .set_column_encoding("customer.zip".into(), Encoding::DELTA_BINARY_PACKED)
            .build(),
    ]
}

#[test]
fn what_is_written_is_read_in_pieces_of_any_size() {
    let table = table(2000);
    let all = every_leaf(&table.schema());
    for properties in every_encoding() {
        let file = open(written(&table, properties)).unwrap();
        assert_eq!(file.rows(), Some(2000));
        for rows_max in [usize::MAX, 300, 64] {
            let read = joined(&read(&file, &all, rows_max).unwrap());
            let columns = read.columns().iter().zip(table.columns());
            for (column, expected) in columns {
                assert_eq!(&unpacked(column, expected.data_type()), expected);
            }
        }
    }
}

#[test]
fn texts_that_are_stored_as_keys_are_read_as_keys() {
    let table = table(2000);
    let all = every_leaf(&table.schema());
    let is_keyed = |properties: WriterProperties, column: usize| {
        let file = open(written(&table, properties)).unwrap();
        let array = joined(&read(&file, &all, usize::MAX).unwrap());
        matches!(array.column(column).data_type(), DataType::Dictionary(..))
    };
    let text = table.schema().index_of("text").unwrap();
    assert!(is_keyed(WriterProperties::default(), text));
    // A dictionary that is full after some pages: the others hold the texts.
    let some = WriterProperties::builder()
        .set_dictionary_page_size_limit(500)
        .set_data_page_row_count_limit(100)
        .set_write_batch_size(50);
    assert!(!is_keyed(some.build(), text));
    let none = WriterProperties::builder().set_dictionary_enabled(false);
    assert!(!is_keyed(none.build(), text));
}

#[test]
fn only_wanted_columns_are_decoded() {
    let table = table(500);
    let file = open(written(&table, WriterProperties::default())).unwrap();
    let leaves = every_leaf(&table.schema());
    let names: Vec<_> = leaves.iter().map(|leaf| leaf.name.as_str()).collect();
    assert_eq!(names[..4], ["id", "text", "customer.city", "customer.zip"]);
    let selection = file.select(&leaves[3..4], usize::MAX, 1).unwrap();
    assert_eq!(selection.leaves[0].path(), [0, 0]);
    for piece in selection.pieces {
        piece
            .unwrap()
            .visit(&mut |array| {
                assert_eq!((array.num_columns(), array.len()), (1, 500));
                let customer = array.column(0).as_any().downcast_ref::<StructArray>();
                assert_eq!(customer.unwrap().column_names(), ["zip"]);
                Ok(())
            })
            .unwrap();
    }
    let rows = |arrays: &[StructArray]| arrays.iter().map(Array::len).sum::<usize>();
    assert_eq!(
        rows(&read(&file, &[], 100).unwrap()),
        500,
        "rows are counted"
    );
}

#[test]
fn files_without_rows_have_columns() {
    let empty = table(0);
    let file = open(written(&empty, WriterProperties::default())).unwrap();
    assert_eq!(file.schema().fields().len(), 10);
    assert_eq!(
        (file.rows(), read(&file, &[], 10).unwrap().len()),
        (Some(0), 0)
    );
    let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let file = open(written(&nothing, WriterProperties::default())).unwrap();
    assert_eq!(read(&file, &[], 10).unwrap().len(), 0);
}

#[test]
fn what_is_no_parquet_says_so() {
    for bytes in [
        &b""[..],
        b"PAR1",
        b"PAR1\xFF\xFF\xFF\x7FPAR1",
        b"a,b\n1,2\n1,2\n1,2\n",
    ] {
        let error = open(bytes.to_vec()).unwrap_err();
        let tamis_engine::Error::Producer { input, source } = error else {
            panic!("{error}");
        };
        assert_eq!(input, "t.parquet");
        assert!(source.to_string().starts_with("footer: "), "{source}");
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let bytes = written(&table(200), WriterProperties::default());
    for len in (0..bytes.len()).step_by(97) {
        let _error = open(bytes[..len].to_vec()).unwrap_err();
    }
}

/// Two row groups of 20 rows, `id` and `country`, whose pages have checksums. Written by pyarrow 26:
/// `write_table(table, path, compression="none", write_page_checksum=True, row_group_size=20, write_statistics=False, store_schema=False)`.
const CHECKSUMS: &[u8] = include_bytes!("../../tests/data/checksums.parquet");

#[test]
fn a_bit_that_flipped_in_a_page_is_told_by_its_checksum() {
    let read = |bytes: Vec<u8>| {
        let file = open(bytes)?;
        read(&file, &every_leaf(file.schema()), usize::MAX)
    };
    let rows = read(CHECKSUMS.to_vec()).unwrap();
    assert_eq!(rows.iter().map(Array::len).sum::<usize>(), 40);
    // The dictionary page of `id` in the second row group: twenty integers behind a header of some twenty bytes.
    for at in [237 + 60, 237 + 90] {
        let mut bytes = CHECKSUMS.to_vec();
        bytes[at] ^= 4;
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.contains("row group 1: column `id`: "), "{error}");
        assert!(error.contains("checksum"), "{error}");
    }
}

/// A file of pyarrow 26 that a fuzzer has damaged, behind a byte of the fuzzer's own: `id` now claims to hold keys of a dictionary.
const NO_DICTIONARY: &[u8] =
    include_bytes!("../../../../fuzz/corpus/record_file/keys-without-dictionary");

#[test]
fn keys_without_their_dictionary_are_an_error() {
    let file = open(NO_DICTIONARY[1..].to_vec()).unwrap();
    let error = read(&file, &every_leaf(file.schema()), usize::MAX).unwrap_err();
    let expected = "`t.parquet`: row group 0: column `id`: a page holds keys of a dictionary, and there is none before it";
    assert_eq!(error.to_string(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn damage_is_an_error_or_other_data(
        which in 0..10_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let table = table(300);
        let mut bytes = written(&table, every_encoding().swap_remove(which));
        let len = bytes.len();
        for (at, byte) in damage {
            bytes[at.index(len)] = byte;
        }
        // No panic, and no memory for lengths that are not there: the test would not survive these.
        if let Ok(file) = open(bytes) {
            let leaves = every_leaf(file.schema());
            let _ = read(&file, &leaves, 100);
        }
    }
}
