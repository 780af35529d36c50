//! Inputs as one table: columns, types, and what happens where a sample told too little.

use tamis_engine::pipeline::Flow;
use tamis_engine::source::{MemorySource, ReadOptions, ReaderSource, Source};
use tamis_formats::vector::{Reader, Type, Values, Vector};
use tamis_formats::{Block, Malformed, Visitor};
use tamis_process::Error;
use tamis_process::infer::{InferOptions, infer};
use tamis_process::stats::{StatsOptions, stats};
use tamis_process::table::{Attempt, Misfit, Table, TableOptions, settle};

fn options() -> TableOptions {
    TableOptions {
        threads: 2,
        chunk_bytes: 64,
        ..TableOptions::default()
    }
}

fn types(table: &Table<'_>) -> Vec<(String, Type)> {
    let columns = table.columns().iter();
    columns
        .map(|column| (column.name.clone(), column.ty))
        .collect()
}

fn typed(pairs: &[(&str, Type)]) -> Vec<(String, Type)> {
    pairs
        .iter()
        .map(|(name, ty)| ((*name).to_owned(), *ty))
        .collect()
}

/// Adds up a column as it is typed.
struct Sum<'r> {
    reader: &'r mut Reader,
    vector: Vector,
    field: usize,
    ty: Type,
    sum: f64,
    rows: u64,
    misfit: Option<(u64, String)>,
}

impl Visitor for Sum<'_> {
    fn block(&mut self, block: &Block<'_>) {
        if let Err(misfit) = self
            .reader
            .read(block, self.field, self.ty, &mut self.vector)
        {
            let text = String::from_utf8_lossy(&misfit.text).into_owned();
            self.misfit
                .get_or_insert((self.rows + misfit.row as u64, text));
        }
        match &self.vector.values {
            Values::Integer(values) => self.sum += values.iter().sum::<i64>() as f64,
            Values::Number(values) => self.sum += values.iter().sum::<f64>(),
            _ => {}
        }
        self.rows += block.rows as u64;
    }

    fn malformed(&mut self, _: &Malformed<'_>) {
        self.rows += 1;
    }
}

fn sum(table: &mut Table<'_>, column: usize, may_repeat: bool) -> tamis_process::Result<f64> {
    settle(table, &[column], may_repeat, |table| {
        let (mut total, mut misfit) = (0.0, None);
        let (readers, ty) = (table.readers(), table.columns()[column].ty);
        table.scan(
            &[column],
            |layout| readers.of(layout),
            |reader, piece| {
                let mut sum = Sum {
                    reader,
                    vector: Vector::default(),
                    field: piece.layout().fields[0],
                    ty,
                    sum: 0.0,
                    rows: 0,
                    misfit: None,
                };
                piece.visit(&mut sum)?;
                Ok((sum.sum, sum.misfit))
            },
            |(sum, found), start| {
                if let Some((row, value)) = found {
                    misfit = Some(Misfit {
                        input: start.input.to_owned(),
                        column,
                        row: start.input_rows + row + 1,
                        value,
                    });
                    return Ok(Flow::Stop);
                }
                total += sum;
                Ok(Flow::Continue)
            },
        )?;
        Ok(misfit.map_or(Attempt::Done(total), Attempt::Misfit))
    })
}

/// Integers for as long as any sample, then a number.
fn late_number() -> Vec<u8> {
    let mut text = b"id,amount\n".to_vec();
    for row in 0..60_000 {
        text.extend_from_slice(format!("A{row},1\n").as_bytes());
    }
    text.extend_from_slice(b"B,0.5\n");
    text
}

#[test]
fn columns_and_types_come_from_the_start() {
    let csv = MemorySource::new("a.csv", "id,n,when,gone\n007,1,2024-01-01,\nx,2.5,NA,\n");
    let table = Table::open(vec![&csv], options()).unwrap();
    let expected = [
        ("id", Type::Text),
        ("n", Type::Number),
        ("when", Type::Date),
        ("gone", Type::Null),
    ];
    assert_eq!(types(&table), typed(&expected));

    let json = MemorySource::new(
        "a.jsonl",
        "{\"a\":{\"b\":1},\"c\":true}\n{\"d\":\"12:00:00\"}\n",
    );
    let table = Table::open(vec![&json], options()).unwrap();
    let expected = [
        ("a.b", Type::Integer),
        ("c", Type::Boolean),
        ("d", Type::Time),
    ];
    assert_eq!(types(&table), typed(&expected));
}

#[test]
fn a_late_value_widens_the_type_or_is_an_error() {
    let source = MemorySource::new("late.csv", late_number());
    let open = |options| Table::open(vec![&source as &dyn Source], options).unwrap();
    let mut table = open(options());
    assert_eq!(table.columns()[1].ty, Type::Integer);
    assert_eq!(sum(&mut table, 1, true).unwrap(), 60_000.5);
    assert_eq!(table.columns()[1].ty, Type::Number);

    let error = sum(&mut open(options()), 1, false).unwrap_err().to_string();
    assert!(
        error.contains("row 60001: `0.5` in column `amount` is no integer"),
        "{error}"
    );
    let declared = TableOptions {
        types: vec![("amount".to_owned(), Type::Integer)],
        ..options()
    };
    let error = sum(&mut open(declared), 1, true).unwrap_err().to_string();
    assert!(
        error.ends_with("is no integer, which the column is declared to be"),
        "{error}"
    );
    let right = TableOptions {
        types: vec![("amount".to_owned(), Type::Number)],
        ..options()
    };
    assert_eq!(sum(&mut open(right), 1, false).unwrap(), 60_000.5);
}

#[test]
fn a_stream_is_not_read_twice() {
    let text = std::io::Cursor::new(late_number());
    let stream = ReaderSource::new("-", text, ReadOptions::default());
    let mut table = Table::open(vec![&stream], options()).unwrap();
    let error = sum(&mut table, 1, true).unwrap_err();
    assert!(
        matches!(error, Error::Misfit { row: 60_001, .. }),
        "{error}"
    );
}

#[test]
fn inputs_are_one_table_by_the_names_of_their_columns() {
    let one = MemorySource::new("one.csv", "a,b\n1,10\n");
    let two = MemorySource::new("two.csv", "b,c,a\n20,x,2\n");
    let mut table = Table::open(vec![&one, &two], options()).unwrap();
    assert_eq!(sum(&mut table, 1, true).unwrap(), 30.0);

    let other = MemorySource::new("other.csv", "a,c\n1,2\n");
    let mut table = Table::open(vec![&one, &other], options()).unwrap();
    let error = sum(&mut table, 1, true).unwrap_err().to_string();
    assert_eq!(error, "`other.csv` has no column `b`, which `one.csv` has");
}

#[test]
fn a_key_of_late_records_is_found() {
    let mut text = b"{\"a\":1}\n".repeat(50_000);
    text.extend_from_slice(b"{\"late\":{\"n\":7}}\n");
    let source = MemorySource::new("late.jsonl", text);
    let mut table = Table::open(vec![&source], options()).unwrap();
    let late = table.find("late.n").unwrap();
    assert_eq!(table.columns()[late].ty, Type::Integer);
    assert_eq!(sum(&mut table, late, true).unwrap(), 7.0);
    let error = table.find("b").unwrap_err().to_string();
    assert_eq!(error, "there is no column `b`: there are `a`, `late.n`");
}

#[test]
fn no_header_no_rows_and_nothing_at_all() {
    let mut headless = options();
    headless.csv.header = Some(false);
    let source = MemorySource::new("a.csv", "1,x\n2,y\n");
    let mut table = Table::open(vec![&source], headless).unwrap();
    assert_eq!(
        types(&table),
        typed(&[("column_1", Type::Integer), ("column_2", Type::Text)])
    );
    assert_eq!(sum(&mut table, 0, true).unwrap(), 3.0);
    for text in ["", "a,b\n"] {
        let source = MemorySource::new("a.csv", text);
        let mut table = Table::open(vec![&source], options()).unwrap();
        let all: Vec<usize> = (0..table.columns().len()).collect();
        table.read_types(&all).unwrap();
        assert!(table.columns().iter().all(|column| column.ty == Type::Null));
    }
}

/// As wide as tables of numbers get. More keys are those of a map.
#[test]
fn json_lines_may_have_ten_thousand_keys() {
    let record = |keys: usize| {
        let members: Vec<String> = (0..keys)
            .map(|key| format!("\"measurement_{key}\":{key}.123456789012"))
            .collect();
        format!("{{{}}}\n", members.join(",")).repeat(3)
    };
    let wide = MemorySource::new("wide.jsonl", record(10_000));
    let mut table = Table::open(vec![&wide], TableOptions::default()).expect("it can be opened");
    table.find_all().expect("they are columns");
    assert_eq!(table.columns().len(), 10_000);
    let inferred = infer(&[&wide], &InferOptions::default()).expect("it can be read");
    assert_eq!(inferred.contract.objects[0].properties.len(), 10_000);
    let statistics = stats(&[&wide], &StatsOptions::default()).expect("it can be read");
    assert_eq!(statistics.columns.len(), 10_000);

    let map = MemorySource::new("map.jsonl", record(10_001));
    let refused = [
        Table::open(vec![&map], TableOptions::default()).err(),
        infer(&[&map], &InferOptions::default()).err(),
        stats(&[&map], &StatsOptions::default()).err(),
    ];
    for error in refused {
        let error = error.expect("they are data");
        assert!(matches!(error, Error::TooManyKeys { .. }), "{error}");
    }
}
