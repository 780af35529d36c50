//! What is written is what is read, as a file and as a stream; what is damaged is an error and nothing worse.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int8Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Int64Array, LargeStringArray,
    RecordBatch, StringArray, StringViewArray, StructArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field};
use proptest::prelude::*;
use tamis_engine::sink::MemorySink;
use tamis_engine::source::{MemorySource, Opened, Source};

use super::{Compression, Container, IpcFile, IpcStream, Writer};
use crate::arrow::Leaf;
use crate::arrow::every_leaf;
use crate::arrow::file::BatchFile;
use crate::arrow::write::BatchWriter;

fn table(rows: i64) -> RecordBatch {
    let texts = || (0..rows).map(|row| (row % 5 != 0).then(|| format!("a text of row {row}")));
    let city: ArrayRef = Arc::new(StringArray::from_iter(texts()));
    let customer = StructArray::from(vec![(
        Arc::new(Field::new("city", DataType::Utf8, true)),
        city,
    )]);
    let kinds: DictionaryArray<Int8Type> =
        (0..rows).map(|row| ["x", "y"][row as usize % 2]).collect();
    RecordBatch::try_from_iter([
        (
            "id",
            Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef,
        ),
        ("view", Arc::new(StringViewArray::from_iter(texts()))),
        ("customer", Arc::new(customer)),
        ("kind", Arc::new(kinds)),
        ("text", Arc::new(StringArray::from_iter(texts()))),
    ])
    .unwrap()
}

fn options(compression: Option<CompressionType>) -> IpcWriteOptions {
    IpcWriteOptions::default()
        .try_with_compression(compression)
        .unwrap()
}

fn file_bytes(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let schema = batches[0].schema();
    let mut writer =
        FileWriter::try_new_with_options(Vec::new(), &schema, options(compression)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn stream_bytes(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn open_file(bytes: Vec<u8>) -> tamis_engine::Result<IpcFile> {
    match MemorySource::new("t.arrow", bytes).open().unwrap() {
        Opened::Random(access) => IpcFile::open(access),
        Opened::Stream(_) => unreachable!("memory is random access"),
    }
}

fn open_stream(bytes: Vec<u8>, read_bytes_max: usize) -> tamis_engine::Result<IpcStream> {
    let source = MemorySource::new("t.arrows", bytes).as_stream(read_bytes_max);
    IpcStream::open(source.open().unwrap())
}

fn read(file: &dyn BatchFile, wanted: &[Leaf]) -> tamis_engine::Result<Vec<StructArray>> {
    let mut arrays = Vec::new();
    for piece in file.select(wanted, usize::MAX, 2)?.pieces {
        piece?.visit(&mut |array| {
            arrays.push(array.clone());
            Ok(())
        })?;
    }
    Ok(arrays)
}

#[test]
fn files_and_streams_give_what_was_written() {
    // A file has one dictionary for a column, so all of them have the same.
    let batches = [table(1000), table(7), table(7).slice(0, 0)];
    let expected: Vec<_> = batches.iter().cloned().map(StructArray::from).collect();
    let leaves = every_leaf(&batches[0].schema());
    let compressions = [
        None,
        Some(CompressionType::LZ4_FRAME),
        Some(CompressionType::ZSTD),
    ];
    for compression in compressions {
        let bytes = file_bytes(&batches, compression);
        let file = open_file(bytes.clone()).unwrap();
        assert_eq!(read(&file, &leaves).unwrap(), expected, "{compression:?}");
        assert_eq!(read(&file, &leaves).unwrap(), expected, "a second time");
        // A file in a pipe is a stream behind its magic word.
        let piped = open_stream(bytes, 1000).unwrap();
        assert_eq!(read(&piped, &leaves).unwrap(), expected);
    }
    for read_bytes_max in [1, 100, 1 << 20] {
        let stream = open_stream(stream_bytes(&batches), read_bytes_max).unwrap();
        assert_eq!(read(&stream, &leaves).unwrap(), expected);
        assert!(read(&stream, &leaves).is_err(), "a stream is read once");
    }
}

/// Columns of every kind that can be cut, with nulls, so many rows that they come in several arrays.
fn long_table(rows: i64) -> RecordBatch {
    let table = table(rows);
    let numbers = || (0..rows).map(|row| (row % 3 != 0).then_some(row));
    let columns = ["id", "customer", "kind", "text"].map(|name| {
        let column = table.column_by_name(name).unwrap();
        (name, Arc::clone(column))
    });
    let more: [(&str, ArrayRef); 3] = [
        (
            "ok",
            Arc::new(BooleanArray::from_iter(
                numbers().map(|row| row.map(|row| row % 2 == 0)),
            )),
        ),
        (
            "large",
            Arc::new(LargeStringArray::from_iter(
                numbers().map(|row| row.map(|row| row.to_string())),
            )),
        ),
        (
            "price",
            Arc::new(Decimal128Array::from_iter(
                numbers().map(|row| row.map(i128::from)),
            )),
        ),
    ];
    RecordBatch::try_from_iter(columns.into_iter().chain(more)).unwrap()
}

#[test]
fn long_batches_come_in_cuts() {
    let batches = [long_table(40_000), long_table(16_384), long_table(16_385)];
    let expected: Vec<_> = batches.iter().cloned().map(StructArray::from).collect();
    let file = open_file(file_bytes(&batches, None)).unwrap();
    let leaves = every_leaf(&batches[0].schema());
    for wanted in [&leaves[..], &leaves[1..3], &leaves[4..5]] {
        let found = read(&file, wanted).unwrap();
        let lengths: Vec<_> = found.iter().map(Array::len).collect();
        assert_eq!(lengths, [16_384, 16_384, 7232, 16_384, 16_384, 1]);
        let mut cuts = found.iter();
        for batch in &expected {
            let mut start = 0;
            while start < batch.len() {
                let cut = cuts.next().unwrap();
                let whole = batch.slice(start, cut.len());
                for (column, field) in cut.columns().iter().zip(cut.fields()) {
                    assert_eq!(column, whole.column_by_name(field.name()).unwrap());
                }
                start += cut.len();
            }
        }
    }
}

#[test]
fn a_large_batch_is_divided() {
    // 24 MB, of which a piece has 16 at most, and then as many rows as somebody wants at most.
    let ids = Int64Array::from_iter_values(0..3_000_000);
    let batch = RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef)]).unwrap();
    let file = open_file(file_bytes(std::slice::from_ref(&batch), None)).unwrap();
    let leaves = every_leaf(file.schema());
    for (rows_max, pieces) in [(usize::MAX, 2), (1 << 20, 3)] {
        let selection = file.select(&leaves, rows_max, 2).unwrap();
        assert_eq!(selection.pieces.count(), pieces);
    }
    let found = read(&file, &leaves).unwrap();
    let found: Vec<&dyn Array> = found.iter().map(|array| array as &dyn Array).collect();
    let found = arrow_select::concat::concat(&found).unwrap();
    assert_eq!(found.as_struct(), &StructArray::from(batch));
}

#[test]
fn only_wanted_columns_are_there() {
    let file = open_file(file_bytes(&[table(100)], None)).unwrap();
    let leaves = every_leaf(file.schema());
    for wanted in 0..leaves.len() {
        let selection = file
            .select(&leaves[wanted..=wanted], usize::MAX, 1)
            .unwrap();
        assert_eq!(selection.leaves[0].path()[0], 0);
        for piece in selection.pieces {
            let check = &mut |array: &StructArray| {
                let original = StructArray::from(table(100));
                assert_eq!(array.columns(), [original.column(wanted).clone()]);
                Ok(())
            };
            piece.unwrap().visit(check).unwrap();
        }
    }
    assert_eq!(read(&file, &[]).unwrap()[0].len(), 100, "rows are counted");
}

#[test]
fn what_is_cut_off_says_where() {
    let bytes = file_bytes(&[table(100)], None);
    for len in (0..bytes.len()).step_by(61) {
        let error = open_file(bytes[..len].to_vec()).unwrap_err().to_string();
        assert!(error.contains("footer"), "{error}");
    }
    let bytes = stream_bytes(&[table(100)]);
    // The end mark, which may be missing, takes the last eight bytes.
    for len in (1..bytes.len() - 8).step_by(61) {
        let arrays = open_stream(bytes[..len].to_vec(), 64).and_then(|stream| read(&stream, &[]));
        match arrays {
            // Between two messages nobody can tell.
            Ok(arrays) => assert!(arrays.is_empty()),
            Err(error) => assert!(error.to_string().contains("ends in it"), "{error}"),
        }
    }
}

#[test]
fn lengths_are_not_believed() {
    let message = |length: i32| [&[0xFF; 4][..], &length.to_le_bytes()].concat();
    for length in [i32::MAX, -5] {
        let error = open_stream(message(length), 100).unwrap_err().to_string();
        assert!(error.contains("schema: "), "{error}");
    }
    let claim = |plain: i64| {
        super::message::check_claim(&[&plain.to_le_bytes()[..], &[0; 100]].concat(), 256)
    };
    assert!(claim(-1).is_ok() && claim(1 << 20).is_ok());
    assert!(claim(1 << 40).is_err());
}

/// What our own writer makes of the rows.
fn written(batch: &RecordBatch) -> Vec<u8> {
    let (sink, output) = MemorySink::new("t.arrow");
    let (container, compression) = (Container::File, Compression::None);
    let mut writer = Writer::new(Box::new(sink), &batch.schema(), container, compression).unwrap();
    writer.write(batch).unwrap();
    Box::new(writer).finish().unwrap();
    output.bytes().unwrap()
}

#[test]
fn rows_behind_the_last_leave_no_trace() {
    let table = |rows: i64| {
        let truths: BooleanArray = (0..rows)
            .map(|row| (row % 7 != 3).then_some(row % 3 != 0))
            .collect();
        let text = table(rows).project(&[0, 2, 4]).unwrap();
        let columns = text.columns().iter().cloned();
        let columns = columns.chain([Arc::new(truths) as ArrayRef]);
        let named = ["id", "customer", "text", "ok"].into_iter().zip(columns);
        let named = named.map(|(name, column)| (name, column, true));
        RecordBatch::try_from_iter_with_nullable(named).unwrap()
    };
    for rows in [1, 13, 16] {
        let cut = written(&table(100).slice(0, rows));
        assert!(cut == written(&table(rows as i64)), "{rows} rows");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_is_an_error_or_other_data(
        which in 0..4_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let batches = [table(40), table(3)];
        let mut bytes = match which {
            0 => file_bytes(&batches, None),
            1 => file_bytes(&batches, Some(CompressionType::LZ4_FRAME)),
            2 => file_bytes(&batches, Some(CompressionType::ZSTD)),
            _ => stream_bytes(&batches),
        };
        let len = bytes.len();
        for (at, byte) in damage {
            bytes[at.index(len)] = byte;
        }
        // No panic, and no memory for lengths that are not there: the test would not survive these.
        if which < 3 && let Ok(file) = open_file(bytes.clone()) {
            let _ = read(&file, &every_leaf(file.schema()));
        }
        if let Ok(stream) = open_stream(bytes, 1000) {
            let leaves = every_leaf(stream.schema());
            let _ = read(&stream, &leaves);
        }
    }
}
