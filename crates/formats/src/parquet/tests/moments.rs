//! INT96 timestamps are read in the unit that the footer names, or refused where 64 bits do not hold them in it.

use std::sync::Arc;

use arrow_array::Array;
use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};
use parquet::arrow::add_encoded_arrow_schema_to_metadata;
use parquet::basic::Compression;
use parquet::data_type::{Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{open, read};
use crate::arrow::every_leaf;
use crate::arrow::file::BatchFile;

const DAY_NANOS: i128 = 86_400_000_000_000;
const UNITS: [(TimeUnit, i128); 4] = [
    (TimeUnit::Nanosecond, 1),
    (TimeUnit::Microsecond, 1_000),
    (TimeUnit::Millisecond, 1_000_000),
    (TimeUnit::Second, 1_000_000_000),
];
/// 9999-12-31, its last second.
const LAST: i128 = 253_402_300_799_000_000_000;

/// A file of two columns, `at` and a member of `inner`: these moments by their nanoseconds since 1970, and as many times 1970.
/// `units`: what an Arrow schema says that the columns hold, if there is one.
fn file(nanos: &[i128], units: Option<[TimeUnit; 2]>, has_dictionary: bool) -> Vec<u8> {
    let message = "message m { required int96 at; required group inner { required int96 at; } }";
    let schema = Arc::new(parse_message_type(message).unwrap());
    let mut properties = WriterProperties::builder()
        .set_dictionary_enabled(has_dictionary)
        .set_compression(Compression::SNAPPY)
        .build();
    if let Some(units) = units {
        let [at, member] =
            units.map(|unit| Field::new("at", DataType::Timestamp(unit, None), false));
        let inner = DataType::Struct(Fields::from(vec![member]));
        let arrow = Schema::new(vec![at, Field::new("inner", inner, false)]);
        add_encoded_arrow_schema_to_metadata(&arrow, &mut properties);
    }
    let moment = |nanos: &i128| {
        let day = nanos.div_euclid(DAY_NANOS) + 2_440_588;
        let nanos = nanos.rem_euclid(DAY_NANOS) as u64;
        Int96::from(vec![nanos as u32, (nanos >> 32) as u32, day as u32])
    };
    let moments: Vec<Int96> = nanos.iter().map(moment).collect();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for values in [moments.clone(), vec![moment(&0); moments.len()]] {
        let mut column = group.next_column().unwrap().unwrap();
        let typed = column.typed::<Int96Type>();
        typed.write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

/// The values of the first column, or what is wrong with the file.
fn values(bytes: Vec<u8>) -> Result<Vec<i64>, String> {
    let file = open(bytes).unwrap();
    let arrays = read(&file, &every_leaf(file.schema()), usize::MAX);
    let arrays = arrays.map_err(|error| error.to_string())?;
    Ok(arrays[0].column(0).to_data().buffer::<i64>(0).to_vec())
}

#[test]
fn moments_beyond_their_unit_are_an_error() {
    let (least, greatest) = (i128::from(i64::MIN), i128::from(i64::MAX));
    for has_dictionary in [false, true] {
        let read = |nanos: &[i128], units| values(file(nanos, units, has_dictionary));
        let known = [least, -1, 0, greatest];
        let unstated = [None, Some([TimeUnit::Nanosecond; 2])];
        for units in unstated {
            assert_eq!(
                read(&known, units).unwrap(),
                known.map(|nanos| nanos as i64)
            );
            for beyond in [least - 1, greatest + 1, LAST] {
                let error = read(&[0, beyond], units).unwrap_err();
                let expected = "row group 0: column `at`: an INT96 timestamp is outside of the years 1678 to 2261";
                assert!(error.contains(expected), "{error}");
            }
        }
        let units = Some([TimeUnit::Microsecond; 2]);
        let micros = [least * 1000, greatest * 1000];
        assert_eq!(read(&micros, units).unwrap(), [i64::MIN, i64::MAX]);
        for beyond in [(least - 1) * 1000, (greatest + 1) * 1000] {
            let error = read(&[0, beyond], units).unwrap_err();
            let expected =
                "row group 0: column `at`: an INT96 timestamp is outside of what 64 bits hold";
            assert!(error.contains(expected), "{error}");
        }
    }
}

/// Goal: each column chunk is held to its own unit, wherever it lies.
#[test]
fn moments_are_read_in_the_unit_of_the_arrow_schema() {
    for (unit, nanos) in UNITS {
        for (other, _) in UNITS {
            let bytes = file(&[LAST], Some([unit, other]), false);
            match unit {
                TimeUnit::Nanosecond => assert!(values(bytes).is_err()),
                _ => assert_eq!(values(bytes).unwrap(), [(LAST / nanos) as i64]),
            }
        }
    }
}
