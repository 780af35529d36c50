//! Columns of types that have no text, and values beyond what is computed with: passed on whole, shown where they can be,
//! and named where they cannot.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, Int32Array, Int64Array, IntervalMonthDayNanoArray, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt64Array, UnionArray,
};
use arrow_buffer::{IntervalMonthDayNano, ScalarBuffer};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema, UnionFields};

use crate::shell::{Ran, Shell};

/// Microseconds from 1970 to the year 10000.
const YEAR_10000: i64 = 253_402_300_800_000_000;

fn table() -> RecordBatch {
    let members = [
        (0, Arc::new(Field::new("number", DataType::Int32, true))),
        (1, Arc::new(Field::new("text", DataType::Utf8, true))),
    ];
    let members: UnionFields = members.into_iter().collect();
    let either = UnionArray::try_new(
        members,
        ScalarBuffer::from(vec![0_i8, 1, 0, 1]),
        Some(ScalarBuffer::from(vec![0, 0, 1, 1])),
        vec![
            Arc::new(Int32Array::from(vec![7, 8])),
            Arc::new(StringArray::from(vec!["x", "y"])),
        ],
    );
    let took = |months| Some(IntervalMonthDayNano::new(months, 2, 3));
    let raw: Vec<Option<&[u8]>> = vec![Some(b"\xff\xfe"), None, Some(b"ok"), Some(b"")];
    let at = vec![
        Some(YEAR_10000),
        None,
        Some(0),
        Some(-62_167_219_200_000_001),
    ];
    let columns: [(&str, ArrayRef); 6] = [
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        ("raw", Arc::new(BinaryArray::from(raw))),
        ("either", Arc::new(either.expect("a union"))),
        (
            "took",
            Arc::new(IntervalMonthDayNanoArray::from(vec![
                took(1),
                None,
                took(0),
                took(-1),
            ])),
        ),
        (
            "big",
            Arc::new(UInt64Array::from(vec![
                Some(u64::MAX),
                Some(5),
                None,
                Some(1 << 63),
            ])),
        ),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(at).with_timezone("UTC")),
        ),
    ];
    let field =
        |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let fields = columns.iter().map(field);
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(schema), arrays).expect("a table")
}

fn shell() -> Shell {
    let shell = Shell::new();
    let table = table();
    let file = File::create(shell.folder.path().join("odd.arrow")).expect("a file");
    let mut writer = FileWriter::try_new(file, &table.schema()).expect("a header");
    writer.write(&table).expect("rows");
    writer.finish().expect("a footer");
    shell
}

fn read(shell: &Shell, name: &str) -> RecordBatch {
    let file = File::open(shell.folder.path().join(name)).expect("the file was written");
    let mut reader = FileReader::try_new(file, None).expect("an Arrow file");
    let batch = reader.next().expect("there are rows").expect("a batch");
    assert!(reader.next().is_none());
    batch
}

fn runs(shell: &Shell, command: &str) -> String {
    let ran = shell.tamis(command);
    assert_eq!(ran.code, Some(0), "{command}: {}", ran.stderr);
    ran.stdout
}

fn fails(shell: &Shell, command: &str, code: i32, messages: &[&str]) {
    let ran: Ran = shell.tamis(command);
    assert_eq!(ran.code, Some(code), "{command}: {}", ran.stderr);
    for message in messages {
        assert!(ran.stderr.contains(message), "{command}: {}", ran.stderr);
    }
}

#[test]
fn what_has_no_text_is_passed_on() {
    let shell = shell();
    let whole = table();
    for command in [
        "convert odd.arrow out.arrow",
        "filter odd.arrow --where id>0 -o out.arrow",
        "head odd.arrow -n 4 -o out.arrow",
        "sample odd.arrow --share 1 -o out.arrow",
        "select odd.arrow --columns * -o out.arrow",
    ] {
        runs(&shell, command);
        assert_eq!(
            read(&shell, "out.arrow").columns(),
            whole.columns(),
            "{command}"
        );
    }
    runs(&shell, "filter odd.arrow --where id!=2 -o out.arrow");
    let found = read(&shell, "out.arrow");
    assert_eq!(found.num_rows(), 3);
    for column in ["raw", "took", "big", "at"] {
        let [whole, found] = [&whole, &found].map(|batch| &batch[column]);
        assert_eq!(&whole.slice(2, 2), &found.slice(1, 2), "{column}");
    }
    // Of what Parquet has.
    let rest = "--columns !either,!took";
    runs(&shell, &format!("select odd.arrow {rest} -o out.parquet"));
    runs(&shell, "filter out.parquet --where id>0 -o again.parquet");
    runs(&shell, "convert again.parquet back.arrow");
    let found = read(&shell, "back.arrow");
    for column in ["raw", "big", "at"] {
        assert_eq!(&whole[column], &found[column], "{column}");
    }
}

#[test]
fn what_cannot_be_shown_or_held_is_named() {
    let shell = shell();
    let way = "leave it out, as `tamis select --columns '!raw'` does, or write Parquet or Arrow";
    let no_text = "column `raw` holds Binary values, which have no text";
    for command in [
        "select odd.arrow --columns id,raw",
        "select odd.arrow --columns id,raw --output-format jsonl",
        "select odd.arrow --columns id --where raw=='ok'",
        "stats odd.arrow --columns raw",
        "sort odd.arrow --by raw -o out.arrow",
        "group odd.arrow --by raw",
    ] {
        fails(&shell, command, 3, &["odd.arrow", no_text, way]);
    }
    for command in [
        "convert odd.arrow out.csv",
        "stats odd.arrow",
        "infer odd.arrow",
    ] {
        let message = "holds Union";
        fails(
            &shell,
            command,
            3,
            &[
                "column `either`",
                message,
                "which have no text: leave it out",
            ],
        );
    }
    fails(
        &shell,
        "convert odd.arrow out.parquet",
        3,
        &[
            "column `either` holds Union",
            "which cannot be written (Parquet has no such type): leave it out, as `--columns '!either'` does",
        ],
    );
    fails(
        &shell,
        "select odd.arrow --columns !either -o out.parquet",
        3,
        &["column `took` holds Interval(MonthDayNano) values, which cannot be written"],
    );
    assert_eq!(shell.files(), ["odd.arrow"]);
}

#[test]
fn values_of_any_size_are_shown() {
    let shell = shell();
    let select = "select odd.arrow --columns id,big,at";
    assert_eq!(
        runs(&shell, select),
        "id,big,at\n1,18446744073709551615,+10000-01-01T00:00:00Z\n2,5,\n3,,1970-01-01T00:00:00Z\n\
         4,9223372036854775808,-0001-12-31T23:59:59.999999Z\n"
    );
    assert_eq!(
        runs(&shell, &format!("{select} --output-format jsonl")),
        "{\"id\":1,\"big\":18446744073709551615,\"at\":\"+10000-01-01T00:00:00Z\"}\n\
         {\"id\":2,\"big\":5,\"at\":null}\n\
         {\"id\":3,\"big\":null,\"at\":\"1970-01-01T00:00:00Z\"}\n\
         {\"id\":4,\"big\":9223372036854775808,\"at\":\"-0001-12-31T23:59:59.999999Z\"}\n"
    );
    // Nobody computes with such values, and the error says where one is. Integers may be taken for numbers.
    fails(
        &shell,
        "select odd.arrow --columns id --where big>6",
        1,
        &[
            "row 1",
            "`18446744073709551615` in column `big` is no integer",
        ],
    );
    let numbers = "select odd.arrow --columns id,big --types big:number --where big>6";
    assert_eq!(
        runs(&shell, &format!("{numbers} --output-format jsonl")),
        "{\"id\":1,\"big\":18446744073709551615}\n{\"id\":4,\"big\":9223372036854775808}\n"
    );
    fails(
        &shell,
        "select odd.arrow --columns id --where at>timestamp('2000-01-01T00:00:00Z')",
        1,
        &[
            "row 1",
            "`+10000-01-01T00:00:00Z` in column `at` is no timestamp",
        ],
    );
}
