//! Goal: good rows are the same rows in every format, whatever the input's; good and bad are all; nothing is lost silently.

use tamis_engine::sink::{MemoryOutput, MemorySink, Sink};
use tamis_engine::source::{MemorySource, Source};

use crate::check::{Check, CheckError, CheckOptions, Unchecked};
use crate::model::{Contract, LogicalType, Object, Property};
use crate::report::Report;

fn compile(object: Object) -> Check {
    let contract = Contract::builder("test").object(object).build();
    Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap()
}

fn sink(name: &str) -> (Option<Box<dyn Sink>>, MemoryOutput) {
    let (sink, output) = MemorySink::new(name);
    (Some(Box::new(sink)), output)
}

/// The good and the bad file, under these names.
fn split(
    check: &Check,
    inputs: &[&dyn Source],
    options: &CheckOptions,
    (good, bad): (&str, &str),
) -> Result<(Report, Vec<u8>, Vec<u8>), CheckError> {
    let ((good, good_bytes), (bad, bad_bytes)) = (sink(good), sink(bad));
    let report = check.run(inputs, options, good, bad)?;
    Ok((
        report,
        good_bytes.bytes().unwrap(),
        bad_bytes.bytes().unwrap(),
    ))
}

fn small(threads: usize) -> CheckOptions {
    CheckOptions {
        threads,
        chunk_bytes: 1 << 10,
        ..CheckOptions::default()
    }
}

/// What a good file of `text` is.
fn good_of(check: &Check, input: &str, text: &str, good: &str) -> Result<String, String> {
    let source = MemorySource::new(input, text.as_bytes().to_vec());
    split(check, &[&source], &small(2), (good, "bad"))
        .map(|(_, good, _)| String::from_utf8(good).unwrap())
        .map_err(|error| error.to_string())
}

fn typed() -> Check {
    compile(
        Object::new("t")
            .property(Property::integer("id").required())
            .property(Property::number("amount"))
            .property(Property::boolean("paid"))
            .property(Property::string("note")),
    )
}

#[test]
fn text_becomes_text_of_another_format() {
    let check = typed();
    let csv = "id,amount,paid,note,more\n007,.50,TRUE,\"a, \"\"b\"\"\",x\nno,1,true,,\n8,,,,\n";
    assert_eq!(
        good_of(&check, "t.csv", csv, "good.jsonl").unwrap(),
        "{\"id\":7,\"amount\":0.50,\"paid\":true,\"note\":\"a, \\\"b\\\"\",\"more\":\"x\"}\n\
         {\"id\":8,\"amount\":null,\"paid\":null,\"note\":null,\"more\":null}\n"
    );
    assert_eq!(
        good_of(&check, "t.csv", csv, "good.json").unwrap(),
        "[\n{\"id\":7,\"amount\":0.50,\"paid\":true,\"note\":\"a, \\\"b\\\"\",\"more\":\"x\"},\n\
         {\"id\":8,\"amount\":null,\"paid\":null,\"note\":null,\"more\":null}\n]\n"
    );
    assert_eq!(
        good_of(&check, "t.csv", csv, "good.tsv").unwrap(),
        "id\tamount\tpaid\tnote\tmore\n007\t.50\tTRUE\t\"a, \"\"b\"\"\"\tx\n8\t\t\t\t\n"
    );
    let jsonl = "{\"id\": 1, \"note\": \"x,\\ny\"}\n{\"id\":\"1\"}\n{\"amount\":1.50,\"id\":2}\n";
    assert_eq!(
        good_of(&check, "t.jsonl", jsonl, "good.csv").unwrap(),
        "id,amount,paid,note\n1,,,\"x,\ny\"\n2,1.50,,\n"
    );
    assert_eq!(
        good_of(&check, "t.jsonl", jsonl, "good.json").unwrap(),
        "[\n{\"id\": 1, \"note\": \"x,\\ny\"},\n{\"amount\":1.50,\"id\":2}\n]\n"
    );
    assert_eq!(
        good_of(&check, "t.jsonl", "{\"id\":\"1\"}\n", "good.json").unwrap(),
        "[]\n"
    );
}

#[test]
fn what_is_called_like_the_input_is_copied() {
    let check = compile(Object::new("t").property(Property::string("id")));
    let text = "id,b\r\n 1 ,\"x\"\r\n2,y";
    for good in ["good", "good.csv", "-"] {
        assert!(
            good_of(&check, "t.csv", text, good).unwrap() == text,
            "{good}"
        );
    }
    let text = "{ \"id\":\"1\"}\n\n";
    assert_eq!(
        good_of(&check, "t.jsonl", text, "good.jsonl").unwrap(),
        "{ \"id\":\"1\"}\n"
    );
}

#[test]
fn members_of_objects_are_columns_and_lost_keys_an_error() {
    let mut customer = Property::of_type("customer", LogicalType::Object);
    customer.properties.push(Property::string("city"));
    let check = compile(
        Object::new("t")
            .property(Property::integer("id"))
            .property(customer)
            .property(Property::of_type("tags", LogicalType::Array)),
    );
    let text =
        "{\"id\":1,\"customer\":{\"city\":\"Bonn\"},\"tags\":[1,\"a\"]}\n{\"customer\":null}\n";
    assert_eq!(
        good_of(&check, "t.jsonl", text, "good.csv").unwrap(),
        "id,customer.city,tags\n1,Bonn,\"[1,\"\"a\"\"]\"\n,,\n"
    );
    for (text, key) in [
        ("{\"id\":1,\"extra\":2}\n", "`extra`"),
        (
            "{\"customer\":{\"city\":\"B\",\"zip\":1}}\n",
            "`customer.zip`",
        ),
    ] {
        let error = good_of(&check, "t.jsonl", text, "good.csv").unwrap_err();
        assert!(
            error.starts_with("`good.csv`: ") && error.contains(key),
            "{error}"
        );
        assert!(good_of(&check, "t.jsonl", text, "good.jsonl").is_ok());
    }
}

#[test]
fn bad_records_are_lines_of_text() {
    let check = typed();
    let source = MemorySource::new("t.csv", b"id\n1\n".to_vec());
    let error = split(&check, &[&source], &small(1), ("good.csv", "bad.parquet")).unwrap_err();
    assert!(
        error.to_string().starts_with("`bad.parquet`: bad records"),
        "{error}"
    );
}

#[cfg(feature = "parquet")]
mod columns {
    use tamis_formats::input::{Input, InputOptions, open_any};
    use tamis_formats::vector::Type;

    use super::*;
    use crate::check::files::tests::{ROWS, check, inputs};

    const FORMATS: [&str; 7] = ["csv", "tsv", "jsonl", "json", "parquet", "arrow", "arrows"];

    /// The rows of a file as CSV, with numbers in one form.
    fn rows(name: &str, bytes: &[u8]) -> Vec<String> {
        let any = compile(
            Object::new("t")
                .property(Property::string("id"))
                .property(Property::number("amount"))
                .property(Property::string("country").optional()),
        );
        let source = MemorySource::new(name, bytes.to_vec());
        let (report, good, _) = split(&any, &[&source], &small(1), ("again.csv", "bad")).unwrap();
        assert_eq!(report.rows.invalid, 0, "{name}");
        let text = String::from_utf8(good).unwrap();
        let row = |line: &str| {
            let mut fields = line.split([',', '\t']);
            let [id, amount] = [fields.next(), fields.next()].map(Option::unwrap);
            format!("{id} {:?}", amount.parse::<f64>().ok())
        };
        text.lines().map(row).collect()
    }

    #[test]
    fn good_rows_are_the_same_in_every_format() {
        let check = check();
        let mut expected = None;
        for (input, bytes) in inputs() {
            let source = MemorySource::new(input, bytes);
            for format in FORMATS {
                let good = format!("good.{format}");
                for threads in [1, 3] {
                    let names = (good.as_str(), "bad.csv");
                    let (report, written, bad) =
                        split(&check, &[&source], &small(threads), names).unwrap();
                    let rows = rows(&good, &written);
                    let bad = String::from_utf8(bad).unwrap();
                    assert_eq!(rows.len() + bad.lines().count(), ROWS + 2, "{input} {good}");
                    assert_eq!(report.outputs[0].bytes, written.len() as u64);
                    let bad: Vec<_> = bad.lines().map(|line| line.replace(".0\n", "\n")).collect();
                    let expected = expected.get_or_insert_with(|| (rows.clone(), bad.clone()));
                    assert!(expected.0 == rows, "{input} {good}");
                    let first = |lines: &[String]| -> Vec<String> {
                        let id = |line: &String| line.rsplit_once(',').unwrap().0.to_owned();
                        lines.iter().map(id).collect()
                    };
                    assert_eq!(first(&expected.1), first(&bad), "{input} {good}");
                }
            }
        }
    }

    #[test]
    fn columns_without_rules_are_read_when_rows_are_copied() {
        let unique = compile(Object::new("t").property(Property::string("id").unique()));
        let (input, bytes) = &inputs()[1];
        let source = MemorySource::new(*input, bytes.clone());
        for good in ["good.arrow", "good.jsonl"] {
            let (report, written, _) =
                split(&unique, &[&source], &small(2), (good, "bad")).unwrap();
            assert!(report.rows.invalid > 0);
            let rows = rows(good, &written);
            assert_eq!(rows.len() as u64, report.rows.valid + 1);
            assert!(
                rows.last().unwrap().ends_with("Some(1239.75)"),
                "{:?}",
                rows.last()
            );
        }
    }

    #[test]
    fn a_run_that_ends_early_writes_the_rows_up_to_its_end() {
        let check = check();
        for (input, bytes) in inputs() {
            let source = MemorySource::new(input, bytes);
            let options = CheckOptions {
                fail_fast: true,
                ..small(2)
            };
            let names = ("good.parquet", "bad.jsonl");
            let (report, good, bad) = split(&check, &[&source], &options, names).unwrap();
            assert_eq!(report.rows.invalid, 1);
            let rows = rows("good.parquet", &good).len() as u64 - 1;
            assert_eq!(rows, report.rows.valid);
            let bad = String::from_utf8(bad).unwrap();
            let bad: Vec<_> = bad
                .lines()
                .filter(|line| !line.starts_with("_tamis"))
                .collect();
            assert_eq!(bad.len(), 1, "{input}: {bad:?}");
        }
    }

    /// The columns of a Parquet file.
    fn types(bytes: Vec<u8>) -> Vec<(String, Type)> {
        let source = MemorySource::new("t.parquet", bytes);
        let Ok(Input::File(file)) = open_any(&source, &InputOptions::default()) else {
            panic!("a file of columns");
        };
        let columns = file.columns().iter();
        columns
            .map(|column| (column.name.clone(), column.ty))
            .collect()
    }

    #[test]
    fn columns_have_the_types_of_the_contract() {
        let check = compile(
            Object::new("t")
                .property(Property::integer("id"))
                .property(Property::date("day"))
                .property(Property::timestamp("at"))
                .property(Property::number("x")),
        );
        let text = "day,id,more,at,x\n2024-02-29,0012,a,2024-01-01T10:00:00+02:00,1e3\n,7.0,,,\n";
        let source = MemorySource::new("t.csv", text.as_bytes().to_vec());
        let names = ("good.parquet", "bad");
        let (_, good, bad) = split(&check, &[&source], &small(1), names).unwrap();
        assert_eq!(
            String::from_utf8(bad).unwrap().lines().count(),
            1,
            "the header"
        );
        let expected = [
            ("day", Type::Date),
            ("id", Type::Integer),
            ("more", Type::Text),
            ("at", Type::Timestamp),
            ("x", Type::Number),
        ];
        let expected = expected.map(|(name, ty)| (name.to_owned(), ty));
        assert_eq!(types(good.clone()), expected);
        let again = MemorySource::new("good.parquet", good);
        let (report, text, _) = split(&check, &[&again], &small(1), ("good.csv", "bad")).unwrap();
        assert_eq!(report.rows.valid, 2);
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "day,id,more,at,x\n2024-02-29,12,a,2024-01-01T08:00:00Z,1000.0\n,7,,,\n"
        );
    }

    #[test]
    fn a_value_that_a_column_cannot_hold_ends_the_run() {
        let two = Object::new("t")
            .property(Property::integer("id"))
            .property(Property::number("more"));
        let check = compile(two);
        let mut text = "id,more\n".to_owned();
        for row in 0..999 {
            text += &format!("{row},0.5\n");
        }
        text += "99999999999999999999,1\n1,1\n";
        let error = good_of(&check, "t.csv", &text, "good.arrow").unwrap_err();
        assert!(
            error.starts_with(
                "`good.arrow`: row 1000 of `t.csv` keeps the contract, but column `id`"
            ),
            "{error}"
        );
        assert!(good_of(&check, "t.csv", &text, "good.jsonl").is_ok());
    }

    #[test]
    fn inputs_with_other_columns_do_not_go_into_one_file() {
        let any = compile(Object::new("t"));
        let parquet = &inputs()[1].1;
        let sources = [
            MemorySource::new("a.csv", b"id,amount\n".to_vec()),
            MemorySource::new("b.parquet", parquet.clone()),
        ];
        let sources = [&sources[0] as &dyn Source, &sources[1]];
        let error = split(&any, &sources, &small(1), ("good.csv", "bad")).unwrap_err();
        assert!(matches!(error, CheckError::HeadersDiffer { .. }), "{error}");
    }
}
