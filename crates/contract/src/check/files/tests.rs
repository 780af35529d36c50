//! Goal: the same values give the same answer as a CSV, as Parquet and as Arrow, for any threads and any units.

use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use tamis_engine::sink::{MemorySink, Sink};
use tamis_engine::source::{FileSource, MemorySource, Opened, RandomAccess, ReadOptions, Source};
use tamis_formats::arrow::write::BatchWriter;
use tamis_formats::{ipc, parquet};

use super::super::{Check, CheckError, CheckOptions, Unchecked};
use crate::model::{Contract, Object, Property};
use crate::report::Report;

pub(in crate::check) const ROWS: usize = 5000;

/// Ids of which every 499th repeats the one before, amounts of which some are too small, too large or missing, and
/// countries of which some are not known or missing.
fn values() -> (Vec<String>, Vec<Option<f64>>, Vec<Option<&'static str>>) {
    let ids = (0..ROWS).map(|row| match row % 499 {
        498 => format!("TX{:04}", row - 1),
        _ if row % 777 == 5 => "TX?".to_owned(),
        _ => format!("TX{row:04}"),
    });
    let amounts = (0..ROWS).map(|row| (row % 611 != 7).then_some(row as f64 / 4.0 - 10.0));
    let countries = (0..ROWS).map(|row| match row % 401 {
        4 if row > 2000 => Some("XX"),
        9 => None,
        _ => Some(["DE", "FR", "IT"][row % 3]),
    });
    (ids.collect(), amounts.collect(), countries.collect())
}

fn csv() -> Vec<u8> {
    let (ids, amounts, countries) = values();
    let mut text = "id,amount,country\n".to_owned();
    for ((id, amount), country) in ids.iter().zip(&amounts).zip(countries) {
        let amount = amount.map_or(String::new(), |amount| format!("{amount:?}"));
        let country = country.unwrap_or_default();
        text += &format!("{id},{amount},{country}\n");
    }
    text.into_bytes()
}

fn batch() -> RecordBatch {
    let (ids, amounts, countries) = values();
    RecordBatch::try_from_iter([
        ("id", Arc::new(StringArray::from(ids)) as ArrayRef),
        ("amount", Arc::new(Float64Array::from(amounts))),
        ("country", Arc::new(StringArray::from(countries))),
    ])
    .unwrap()
}

fn written(new: impl FnOnce(Box<dyn Sink>) -> Box<dyn BatchWriter>) -> Vec<u8> {
    let (sink, output) = MemorySink::new("out");
    let mut writer = new(Box::new(sink));
    let batch = batch();
    for first in (0..ROWS).step_by(700) {
        writer
            .write(&batch.slice(first, 700.min(ROWS - first)))
            .unwrap();
    }
    let bytes = writer.finish().unwrap();
    let written = output.bytes().unwrap();
    assert_eq!(written.len() as u64, bytes);
    written
}

fn parquet(row_group_rows: usize, threads: usize) -> Vec<u8> {
    written(|sink| {
        let options = parquet::WriterOptions {
            row_group_rows,
            threads,
            ..parquet::WriterOptions::default()
        };
        Box::new(parquet::Writer::new(sink, &batch().schema(), options).unwrap())
    })
}

fn arrow(container: ipc::Container, compression: ipc::Compression) -> Vec<u8> {
    written(|sink| {
        let schema = batch().schema();
        Box::new(ipc::Writer::new(sink, &schema, container, compression).unwrap())
    })
}

/// All forms of the values, by name.
pub(in crate::check) fn inputs() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("t.csv", csv()),
        ("t.parquet", parquet(600, 1)),
        ("t.pq", parquet(10_000, 3)),
        (
            "t.arrow",
            arrow(ipc::Container::File, ipc::Compression::None),
        ),
        (
            "t.feather",
            arrow(ipc::Container::File, ipc::Compression::Zstd),
        ),
        (
            "t.arrows",
            arrow(ipc::Container::Stream, ipc::Compression::Lz4),
        ),
    ]
}

pub(in crate::check) fn check() -> Check {
    let object = Object::new("t")
        .property(
            Property::string("id")
                .required()
                .unique()
                .pattern("^TX\\d{4}$")
                .unwrap(),
        )
        .property(
            Property::number("amount")
                .required()
                .minimum(-5)
                .maximum(1000),
        )
        .property(Property::string("country").one_of(["DE", "FR", "IT"]));
    let contract = Contract::builder("test").object(object).build();
    Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap()
}

/// What must be the same: the verdict, without what only one of the formats has.
fn verdict(mut report: Report) -> Report {
    let is_csv = report.inputs.iter().any(|input| input.format == "csv");
    for input in &mut report.inputs {
        (input.name, input.format, input.bytes) = Default::default();
    }
    for sample in &mut report.samples {
        (sample.input, sample.line, sample.byte_offset) = Default::default();
        // A null of CSV is a text: the empty one.
        sample.value.take_if(|value| is_csv && value.is_empty());
    }
    report.performance = Default::default();
    report
}

#[test]
fn the_answer_does_not_depend_on_the_format() {
    let check = check();
    for fail_fast in [false, true] {
        let mut expected = None;
        for (name, bytes) in inputs() {
            let source = MemorySource::new(name, bytes);
            for threads in [1, 2, 3] {
                let options = CheckOptions {
                    threads,
                    fail_fast,
                    samples_max: 40,
                    ..CheckOptions::default()
                };
                let report = verdict(check.run(&[&source], &options, None, None).unwrap());
                assert_eq!(report.rows.invalid > 1, !fail_fast);
                let expected = expected.get_or_insert_with(|| report.clone());
                assert_eq!(&report, expected, "{name}, {threads} threads");
            }
        }
    }
}

#[test]
fn a_stream_is_checked_in_one_pass_and_spooled_for_two() {
    let bytes = arrow(ipc::Container::Stream, ipc::Compression::None);
    let whole = MemorySource::new("t.arrows", bytes.clone());
    let stream = MemorySource::new("t.arrows", bytes).as_stream(1000);
    let run = |source| {
        let report = check().run(&[source], &CheckOptions::default(), None, None);
        verdict(report.unwrap())
    };
    assert_eq!(run(&stream), run(&whole));
}

/// Row groups of integers, the second of them with a negative one.
fn integers() -> Vec<u8> {
    let values: Vec<i64> = (0..3000)
        .map(|row| if row == 1500 { WRONG } else { row + 1 })
        .collect();
    let columns = [("n", Arc::new(Int64Array::from(values)) as ArrayRef)];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let (sink, output) = MemorySink::new("out");
    let options = parquet::WriterOptions {
        row_group_rows: 1000,
        ..parquet::WriterOptions::default()
    };
    let mut writer = parquet::Writer::new(Box::new(sink), &batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    Box::new(writer).finish().unwrap();
    output.bytes().unwrap()
}

const WRONG: i64 = -123_456_789;

#[test]
fn statistics_are_believed_only_if_somebody_says_so() {
    let object = Object::new("t").property(Property::integer("n").required().minimum(0));
    let contract = Contract::builder("test").object(object).build();
    let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap();
    let honest = integers();
    let mut lying = honest.clone();
    let len = honest.len();
    let footer = u32::from_le_bytes(honest[len - 8..len - 4].try_into().unwrap()) as usize;
    let mut lies = 0;
    for at in len - 8 - footer..len - 16 {
        if lying[at..at + 8] == WRONG.to_le_bytes() {
            lying[at..at + 8].copy_from_slice(&1_i64.to_le_bytes());
            lies += 1;
        }
    }
    assert!(lies > 0, "there are statistics");
    for (bytes, trusts, invalid, trusted) in [
        (&honest, false, 1, None),
        (&honest, true, 1, Some("2 of 3 row groups")),
        (&lying, false, 1, None),
        (&lying, true, 0, Some("3 of 3 row groups")),
    ] {
        let source = MemorySource::new("t.parquet", bytes.clone());
        let options = CheckOptions {
            trusts_statistics: trusts,
            threads: 2,
            ..CheckOptions::default()
        };
        let report = check.run(&[&source], &options, None, None).unwrap();
        assert_eq!((report.rows.total, report.rows.invalid), (3000, invalid));
        let note = report.notes.first().map(|note| note.message.as_str());
        assert_eq!(note.is_some(), trusted.is_some(), "{note:?}");
        assert!(
            note.unwrap_or_default()
                .starts_with(trusted.unwrap_or_default()),
            "{note:?}"
        );
    }
}

#[test]
fn a_damaged_file_is_named() {
    let damaged = MemorySource::new("t.parquet", b"PAR1 and nothing more".to_vec());
    let error = check()
        .run(&[&damaged], &CheckOptions::default(), None, None)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("`t.parquet`: footer: "), "{error}");
}

/// A file that somebody writes to when all of it has been read.
#[derive(Debug)]
struct Touched(PathBuf);

#[derive(Debug)]
struct TouchedAtTheEnd {
    path: PathBuf,
    access: Box<dyn RandomAccess>,
}

impl Source for Touched {
    fn name(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn open(&self) -> tamis_engine::Result<Opened> {
        let file = FileSource::new(&self.0, ReadOptions::default());
        let Opened::Random(access) = file.open()? else {
            panic!("a file has random access");
        };
        let path = self.0.clone();
        Ok(Opened::Random(Box::new(TouchedAtTheEnd { path, access })))
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl RandomAccess for TouchedAtTheEnd {
    fn name(&self) -> &str {
        self.access.name()
    }

    fn len_bytes(&self) -> u64 {
        self.access.len_bytes()
    }

    fn backend(&self) -> &'static str {
        self.access.backend()
    }

    fn with_range(
        &self,
        range: Range<u64>,
        visit: &mut dyn FnMut(&[u8]),
    ) -> tamis_engine::Result<()> {
        self.access.with_range(range, visit)
    }

    fn release(&self, range: Range<u64>) {
        self.access.release(range);
    }

    fn verify(&self) -> tamis_engine::Result<()> {
        let file = File::options().write(true).open(&self.path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        self.access.verify()
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    // A stream of Arrow is read to its mark of an end, and each read by itself makes sure.
    let is_verified = |(name, _): &(&str, Vec<u8>)| *name != "t.arrows";
    for (name, bytes) in inputs().into_iter().filter(is_verified) {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        for threads in [1, 2] {
            let options = CheckOptions {
                threads,
                ..CheckOptions::default()
            };
            std::fs::write(&path, std::fs::read(&path).unwrap()).unwrap();
            let result = check().run(&[&Touched(path.clone())], &options, None, None);
            let changed = matches!(
                result,
                Err(CheckError::Engine(tamis_engine::Error::Changed { .. }))
            );
            assert!(changed, "{name}, {threads} threads: {result:?}");
        }
    }
}

/// Every byte of `bytes` that is looked at is another, and the file is cut off there.
fn damaged(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let step = (bytes.len() / 60).max(1);
    (0..bytes.len()).step_by(step).flat_map(move |at| {
        let mut other = bytes.to_vec();
        other[at] ^= [0x01, 0x80, 0xff][at % 3];
        [other, bytes[..at].to_vec()]
    })
}

#[test]
fn damage_is_an_error_with_a_place_or_other_data() {
    let check = check();
    for (name, bytes) in inputs().into_iter().skip(1) {
        let (mut errors, mut reports) = (0, 0);
        for bytes in damaged(&bytes) {
            let source = MemorySource::new(name, bytes);
            match check.run(&[&source], &CheckOptions::default(), None, None) {
                Ok(_) => reports += 1,
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.starts_with(&format!("`{name}`: ")), "{error}");
                    assert!(!error.contains('\n'), "{error}");
                    errors += 1;
                }
            }
        }
        assert!(errors > 60, "{name}: {errors} errors, {reports} reports");
    }
}
