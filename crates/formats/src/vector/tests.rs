//! What every type takes for a value, for null and for neither.

use proptest::prelude::*;
use tamis_engine::kernel::Kernel;

use super::*;
use crate::columns::{Batch, Columns};
use crate::csv::{self, Dialect};
use crate::{Block, Malformed, Visitor, jsonl};

/// What a column of texts reads as: a debug text for each row, or the misfit.
fn read(texts: &[&str], ty: Type, nulls: Nulls) -> Result<Vec<String>, Misfit> {
    let mut rows = Columns::new(1);
    for text in texts {
        rows.column(0).text(text).unwrap();
        rows.end_row();
    }
    let mut read = Err(Misfit {
        row: 0,
        text: Vec::new(),
        ty: Type::Null,
    });
    rows.for_each_block(&mut |block| read = shown(block, None, ty, nulls.clone()))
        .unwrap();
    read
}

fn shown(
    block: &Block<'_>,
    dialect: Option<Dialect>,
    ty: Type,
    nulls: Nulls,
) -> Result<Vec<String>, Misfit> {
    let mut vector = Vector::default();
    Reader::new(dialect, b'.', nulls, Kernel::detect()).read(block, 0, ty, &mut vector)?;
    let bytes = block.column(0).bytes;
    let value = |row: usize| match &vector.values {
        _ if vector.is_null(row) => "null".to_owned(),
        Values::Null => unreachable!("a null type has no values"),
        Values::Boolean(bits) => (bits[row / 64] >> (row % 64) & 1 == 1).to_string(),
        Values::Number(values) => format!("{:?}", values[row]),
        Values::Text(texts) => String::from_utf8_lossy(texts.get(row, bytes)).into_owned(),
        Values::Integer(values)
        | Values::Date(values)
        | Values::Time(values)
        | Values::Timestamp(values) => values[row].to_string(),
    };
    Ok((0..vector.rows).map(value).collect())
}

#[test]
fn every_type_reads_its_values() {
    let cases: [(Type, &[&str], &[&str]); 7] = [
        (
            Type::Boolean,
            &["true", "FALSE", ""],
            &["true", "false", "null"],
        ),
        (
            Type::Integer,
            &["-0", "9223372036854775807", "NA"],
            &["0", "9223372036854775807", "null"],
        ),
        (
            Type::Number,
            &["1", "0.1", "-1e3", "nan"],
            &["1.0", "0.1", "-1000.0", "null"],
        ),
        (Type::Text, &["007", "NA", ""], &["007", "NA", "null"]),
        (Type::Date, &["1970-01-02", "1969-12-31"], &["1", "-1"]),
        (Type::Time, &["00:00:01.5"], &["1500000"]),
        (
            Type::Timestamp,
            &["1970-01-01T00:00:00.000001Z", "1970-01-01 01:00:00+01:00"],
            &["1", "0"],
        ),
    ];
    for (ty, texts, expected) in cases {
        let found = read(texts, ty, Nulls::common()).unwrap();
        assert_eq!(found, expected, "{ty}");
    }
    let declared = Nulls::declared(vec!["-".to_owned()]);
    assert_eq!(
        read(&["-", "NA"], Type::Text, declared).unwrap(),
        ["null", "NA"]
    );
}

#[test]
fn what_does_not_fit_says_what_it_is() {
    let cases = [
        (Type::Null, "7", Type::Integer),
        (Type::Integer, "7.5", Type::Number),
        (Type::Integer, "9223372036854775808", Type::Number),
        (Type::Integer, "007", Type::Text),
        (Type::Number, "1e400", Type::Text),
        (Type::Number, "00.5", Type::Text),
        (Type::Boolean, "yes", Type::Text),
        (Type::Date, "2023-02-29", Type::Text),
        (Type::Date, "2024-02-29T00:00:00", Type::Timestamp),
    ];
    for (ty, text, found) in cases {
        let misfit = read(&["", text], ty, Nulls::common()).unwrap_err();
        let expected = Misfit {
            row: 1,
            text: text.as_bytes().to_vec(),
            ty: found,
        };
        assert_eq!(misfit, expected, "{ty}");
        assert_eq!(Type::of_text(text.as_bytes(), b'.'), found);
    }
}

/// Whatever type a column gets from its own values, all of them fit it.
#[test]
fn the_join_of_all_types_fits_all_values() {
    let texts = [
        "1",
        "-7",
        "0.5",
        "1e5",
        "true",
        "2024-02-29",
        "12:00:00",
        "abc",
        "007",
        "99999999999999999999",
        "2024-02-29T10:00:00Z",
        "1e400",
    ];
    for one in texts {
        for two in texts {
            let ty = [one, two]
                .map(|text| Type::of_text(text.as_bytes(), b'.'))
                .into_iter()
                .fold(Type::Null, Type::join);
            assert!(
                read(&[one, two], ty, Nulls::common()).is_ok(),
                "{one} {two} {ty}"
            );
        }
    }
}

struct Blocks<F>(F);

impl<F: FnMut(&Block<'_>)> Visitor for Blocks<F> {
    fn block(&mut self, block: &Block<'_>) {
        self.0(block);
    }

    fn malformed(&mut self, _: &Malformed<'_>) {
        panic!("all records are well-formed");
    }
}

#[test]
fn quotes_and_escapes_are_undone() {
    let bytes = b"\"a,b\",\"x\"\n\"say \"\"hi\"\"\",y\n\"12\",z\n";
    let mut found = Vec::new();
    let dialect = Dialect::csv();
    csv::Parser::new(dialect, 2, Kernel::detect()).parse(
        bytes,
        true,
        &mut Blocks(|block: &Block<'_>| {
            found = shown(block, Some(dialect), Type::Text, Nulls::common()).unwrap();
        }),
    );
    assert_eq!(found, ["a,b", "say \"hi\"", "12"]);
    let lines = b"{\"a\":\"x\\ny\"}\n{\"a\":12}\n{\"a\":[1, 2]}\n{\"a\":null}\n{}\n";
    let path = jsonl::Path::new(["a"]);
    jsonl::Parser::new(&[path], Kernel::detect()).parse(
        lines,
        true,
        &mut Blocks(|block: &Block<'_>| {
            found = shown(block, None, Type::Text, Nulls::common()).unwrap();
            let misfit = shown(block, None, Type::Integer, Nulls::common()).unwrap_err();
            assert_eq!(
                (misfit.row, misfit.ty),
                (0, Type::Text),
                "a string is no number"
            );
        }),
    );
    assert_eq!(found, ["x\ny", "12", "[1, 2]", "null", "null"]);
}

/// Texts of every sort: plain values, what is nearly one, quotes, nulls.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "-?[0-9]{1,5}(\\.[0-9]{1,3})?",
        1 => "-?[0-9]{14,20}|-?0[0-9.]{1,3}|-?[0-9]{1,3}[eE]-?[0-9]{1,5}",
        2 => "20[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]0[0-9]:30)?)?",
        1 => "[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,3})?",
        1 => prop::sample::select(vec!["true", "false", "TRUE", "NA", "null", "", " ", "-1", "-", "\\N"]).prop_map(str::to_owned),
        1 => "[ a-zé\"\\\\,]{0,6}",
    ]
}

/// What every row reads as, one by one; the first misfit ends it.
fn read_slowly(
    reader: &mut Reader,
    block: &Block<'_>,
    column: usize,
    ty: Type,
) -> Result<Vector, Misfit> {
    let mut vector = Vector::default();
    vector.start(ty, block.rows);
    for row in 0..block.rows {
        reader.take(block, column, row, ty, &mut vector)?;
    }
    Ok(vector)
}

fn agrees(reader: &mut Reader, block: &Block<'_>) -> Result<(), TestCaseError> {
    let bytes = |column| block.column(column).bytes;
    let mut vector = Vector::default();
    for column in 0..block.columns {
        for (_, ty) in Type::NAMED {
            let expected = read_slowly(reader, block, column, ty);
            let found = reader.read(block, column, ty, &mut vector);
            let expected = match (expected, found) {
                (Ok(expected), Ok(())) => expected,
                (expected, found) => {
                    prop_assert_eq!(found.err(), expected.err());
                    continue;
                }
            };
            prop_assert_eq!(&vector.present, &expected.present);
            for row in (0..block.rows).filter(|&row| !expected.is_null(row)) {
                match (&vector.values, &expected.values) {
                    (Values::Text(found), Values::Text(expected)) => {
                        let expected = expected.get(row, bytes(column));
                        prop_assert_eq!(found.get(row, bytes(column)), expected);
                    }
                    (Values::Number(found), Values::Number(expected)) => {
                        prop_assert_eq!(found[row].to_bits(), expected[row].to_bits());
                    }
                    (found, expected) => prop_assert_eq!(found, expected),
                }
            }
        }
    }
    Ok(())
}

proptest! {
    /// Rows that are read together are what they are one by one, in every format and dialect.
    #[test]
    fn plain_rows_are_read_as_all_others(
        texts in prop::collection::vec(any_text(), 1..150),
        kinds in prop::collection::vec(0..6_u8, 150),
        is_trimmed in any::<bool>(),
        point in prop::sample::select(vec![b'.', b',']),
        nulls in prop::sample::select(vec![vec![], vec!["-1"], vec!["NA", "\\N"], vec!["2024-01-01"]]),
        is_declared in any::<bool>(),
    ) {
        let nulls = match is_declared {
            true => Nulls::declared(nulls.iter().map(|&null| null.to_owned()).collect()),
            false => Nulls::common(),
        };
        let kernel = Kernel::detect();
        // As values of a program, each of a kind of its own.
        let mut rows = Columns::new(2);
        let mut lines = Vec::new();
        for (text, kind) in texts.iter().zip(&kinds) {
            let column = rows.column(0);
            match kind {
                0 => column.string(text).unwrap(),
                1 => column.number("12.5").unwrap(),
                2 => column.boolean(true).unwrap(),
                3 => column.null(),
                _ => column.text(text).unwrap(),
            }
            rows.column(1).text(text).unwrap();
            rows.end_row();
            lines.extend_from_slice(b"1,");
            csv::write_field(text.as_bytes(), &Dialect::csv(), &mut lines);
            lines.extend_from_slice(b",");
            csv::write_field(text.as_bytes(), &Dialect::csv(), &mut lines);
            lines.extend_from_slice(b"\r\n");
        }
        let mut result = Ok(());
        let mut reader = Reader::new(None, point, nulls.clone(), kernel);
        rows.for_each_block(&mut |block| result = agrees(&mut reader, block)).unwrap();
        result?;
        // As fields of a CSV, ends of lines and quotes included.
        let dialect = Dialect { trim: is_trimmed, ..Dialect::csv() };
        let mut reader = Reader::new(Some(dialect), point, nulls, kernel);
        let mut result = Ok(());
        csv::Parser::new(dialect, 3, kernel).parse(&lines, true, &mut Blocks(|block: &Block<'_>| {
            if result.is_ok() {
                result = agrees(&mut reader, block);
            }
        }));
        result?;
    }
}

/// The type of all values, found as a table finds it: what does not fit widens it.
fn type_of_all(reader: &mut Reader, block: &Block<'_>) -> Result<Type, TestCaseError> {
    let (mut ty, mut vector) = (Type::Null, Vector::default());
    while let Err(misfit) = reader.read(block, 0, ty, &mut vector) {
        let wider = ty.join(misfit.ty);
        prop_assert_ne!(wider, ty, "{:?}", misfit);
        ty = wider;
    }
    Ok(ty)
}

proptest! {
    /// Finding a type ends, and neither the order of the values nor who reads them decides what it is.
    #[test]
    fn a_misfit_widens_the_type_and_order_does_not_matter(
        values in prop::collection::vec((any_text(), 0..4_u8), 1..6),
        point in prop::sample::select(vec![b'.', b',']),
    ) {
        let mut reader = Reader::new(None, point, Nulls::common(), Kernel::detect());
        let mut types = Vec::new();
        for is_reversed in [false, true] {
            let mut rows = Columns::new(1);
            let mut order: Vec<_> = values.iter().collect();
            if is_reversed {
                order.reverse();
            }
            for (text, kind) in order {
                let column = rows.column(0);
                match kind {
                    0 => column.string(text).unwrap(),
                    1 => column.number("-12.5e-1").unwrap(),
                    2 => column.number("1e-99999").unwrap(),
                    _ => column.text(text).unwrap(),
                }
                rows.end_row();
            }
            let mut found = Ok(Type::Null);
            rows.for_each_block(&mut |block| found = type_of_all(&mut reader, block)).unwrap();
            types.push(found?);
        }
        prop_assert_eq!(types[0], types[1]);
    }
}

/// Nothing is computed with them, and a file that has them is none that cannot be read.
#[test]
fn what_is_not_finite_is_null_in_a_column_of_numbers() {
    let mut rows = Columns::new(1);
    for number in ["1.5", "NaN", "inf", "-inf"] {
        rows.column(0).number(number).unwrap();
        rows.end_row();
    }
    rows.for_each_block(&mut |block| {
        let read = |ty| shown(block, None, ty, Nulls::common()).unwrap();
        assert_eq!(read(Type::Number), ["1.5", "null", "null", "null"]);
        assert_eq!(read(Type::Text), ["1.5", "NaN", "inf", "-inf"]);
        // What is to be written must not become null on the way.
        let mut reader = Reader::new(None, b'.', Nulls::common(), Kernel::detect());
        let mut vector = Vector::default();
        let mut written = |rows| reader.read_declared(block, 0, Type::Number, &[rows], &mut vector);
        assert_eq!(written(0b0001), Ok(()));
        assert_eq!(written(0b0110).map_err(|misfit| misfit.row), Err(1));
    })
    .unwrap();
}

/// A number of a program or of JSON has a point, however texts write theirs, and what stands in a string is none.
#[test]
fn declared_types_take_numbers_of_every_kind() {
    let mut rows = Columns::new(1);
    rows.column(0).number("7.0").unwrap();
    rows.end_row();
    rows.column(0).text("8,0").unwrap();
    rows.end_row();
    rows.column(0).string("9").unwrap();
    rows.end_row();
    let mut reader = Reader::new(None, b',', Nulls::declared(Vec::new()), Kernel::detect());
    let mut vector = Vector::default();
    rows.for_each_block(&mut |block| {
        reader.read_or_null(block, 0, Type::Integer, &mut vector);
        assert_eq!(vector.present, [0b011]);
        let Values::Integer(values) = &vector.values else {
            panic!("{vector:?}");
        };
        assert_eq!(values[..2], [7, 8]);
    })
    .unwrap();
}

#[test]
fn quoted_fields_that_lie_apart_are_decoded() {
    let mut rows = Columns::new(1);
    for text in ["\"\"", "\"a\"", "b"] {
        rows.column(0).text(text).unwrap();
        rows.end_row();
    }
    rows.for_each_block(&mut |block| {
        let found = shown(block, Some(Dialect::csv()), Type::Text, Nulls::common()).unwrap();
        assert_eq!(found, ["null", "a", "b"]);
    })
    .unwrap();
}
