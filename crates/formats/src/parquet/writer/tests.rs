//! What other readers are told of types, and what is said of columns that cannot be written.

use arrow_array::{
    Date64Array, Decimal128Array, Int64Array, StructArray, Time32SecondArray, TimestampSecondArray,
};
use bytes::Bytes;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use tamis_engine::sink::MemorySink;

use super::*;

fn written(batch: &RecordBatch, threads: usize) -> tamis_engine::Result<Vec<u8>> {
    let (sink, output) = MemorySink::new("out.parquet");
    let options = WriterOptions {
        threads,
        ..WriterOptions::default()
    };
    let mut writer = Writer::new(Box::new(sink), &batch.schema(), options)?;
    writer.write(batch)?;
    Box::new(writer).finish()?;
    Ok(output.bytes().expect("it is finished"))
}

/// Goal: moments are moments to readers that know nothing of Arrow.
#[test]
fn seconds_and_long_days_have_types() {
    let at = TimestampSecondArray::from(vec![Some(1), None]).with_timezone("UTC");
    let columns: [(&str, ArrayRef); 3] = [
        ("at", Arc::new(at)),
        ("hour", Arc::new(Time32SecondArray::from(vec![1, 2]))),
        ("day", Arc::new(Date64Array::from(vec![0, 86_400_000]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("three columns");
    let bytes = Bytes::from(written(&batch, 1).expect("Parquet has them"));
    let reader = SerializedFileReader::new(bytes).expect("it is a file");
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let types = schema.columns().iter();
    let types: Vec<_> = types
        .map(|column| column.logical_type_ref().cloned())
        .collect();
    let unit = TimeUnit::MILLIS;
    assert_eq!(
        types,
        [
            Some(LogicalType::timestamp(true, unit)),
            Some(LogicalType::time(false, unit)),
            Some(LogicalType::Date),
        ]
    );
}

/// Goal: whoever cannot write a file learns which column is at fault.
#[test]
fn a_column_that_cannot_be_written_is_named() {
    let decimals = Decimal128Array::from(vec![1, 2]);
    let decimals = decimals.with_precision_and_scale(5, -2);
    let nothing = StructArray::new_empty_fields(2, None);
    let late = TimestampSecondArray::from(vec![0, i64::MAX]);
    let columns: [(&str, ArrayRef); 3] = [
        (
            "Decimal128(5, -2)",
            Arc::new(decimals.expect("Arrow has such")),
        ),
        ("Struct()", Arc::new(nothing)),
        ("Timestamp(s)", Arc::new(late)),
    ];
    for (ty, array) in columns {
        let good: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let batch = RecordBatch::try_from_iter([("fine", good), ("odd", array)]);
        for threads in [1, 2] {
            let error = written(batch.as_ref().expect("two columns"), threads);
            let error = error.expect_err(ty);
            let error = format!("{error}");
            let expected = format!("column `odd` holds {ty} values, which cannot be written (");
            assert!(error.contains(&expected), "{error}");
            assert!(error.contains("out.parquet"), "{error}");
        }
    }
}
