//! Goal: every array becomes the text of its values, whatever its layout, offset and nulls.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::*;
use arrow_schema::{Field, Fields, IntervalUnit, Schema, UnionFields};

use super::*;

/// The values of a column as they come out of the blocks; `None`: null.
fn values(array: ArrayRef) -> Vec<Option<String>> {
    let field = Field::new("x", array.data_type().clone(), true);
    let schema = Schema::new(vec![field.clone()]);
    let batch = StructArray::from(vec![(Arc::new(field), array)]);
    let leaves = leaves(&schema, &["x".to_owned()]);
    let reader = Reader::new([Some((&leaves[0], Spare::default()))]).unwrap();
    read(&reader, &batch)
}

fn read(reader: &Reader, batch: &StructArray) -> Vec<Option<String>> {
    let mut found = Vec::new();
    for slice in reader.slices(batch) {
        slice
            .for_each_block(&mut |block| {
                for row in 0..block.rows {
                    let text = str::from_utf8(block.column(0).field(row)).unwrap();
                    let is_null = match block.kind(row, 0) {
                        Kind::Text => text.is_empty(),
                        kind => kind == Kind::Null,
                    };
                    found.push((!is_null).then(|| text.to_owned()));
                }
            })
            .unwrap();
    }
    found
}

/// The array, and pieces of it whose buffers do not begin where they do.
fn check(array: ArrayRef, expected: &[Option<&str>]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|text| text.map(str::to_owned))
        .collect();
    for start in 0..=expected.len() {
        for end in start..=expected.len() {
            let found = values(array.slice(start, end - start));
            assert_eq!(
                found,
                expected[start..end],
                "{} {start}..{end}",
                array.data_type()
            );
        }
    }
}

const TEXTS: [Option<&str>; 7] = [
    Some("TX0000000001"),
    None,
    Some("é"),
    Some("a text that is longer than what a view holds, and than one copy"),
    Some("thirteen byte"),
    None,
    Some("z"),
];

#[test]
fn strings_of_every_layout() {
    check(Arc::new(StringArray::from(TEXTS.to_vec())), &TEXTS);
    check(Arc::new(LargeStringArray::from(TEXTS.to_vec())), &TEXTS);
    check(Arc::new(StringViewArray::from(TEXTS.to_vec())), &TEXTS);
    let mut views = StringViewBuilder::new().with_fixed_block_size(70);
    TEXTS.iter().for_each(|text| views.append_option(*text));
    check(Arc::new(views.finish()), &TEXTS);
    let short: Vec<_> = TEXTS
        .iter()
        .filter(|text| text.is_none_or(|text| text.len() < 13))
        .copied()
        .collect();
    check(Arc::new(StringViewArray::from(short.clone())), &short);
    let keys: DictionaryArray<Int8Type> = TEXTS.iter().copied().collect();
    check(Arc::new(keys), &TEXTS);
}

#[test]
fn an_empty_text_is_a_value_and_no_null() {
    let texts = [Some(""), None, Some("a"), Some(""), None, Some("")];
    check(Arc::new(StringArray::from(texts.to_vec())), &texts);
    check(Arc::new(LargeStringArray::from(texts.to_vec())), &texts);
    check(Arc::new(StringViewArray::from(texts.to_vec())), &texts);
    let long = texts.map(|text| text.map(|text| text.repeat(20)));
    let long = long.each_ref().map(Option::as_deref);
    check(Arc::new(StringViewArray::from(long.to_vec())), &long);
    let bytes = texts.map(|text| text.map(str::as_bytes));
    check(Arc::new(BinaryArray::from(bytes.to_vec())), &texts);
    check(Arc::new(StringArray::from(vec![""; 3])), &[Some(""); 3]);
    let keys: DictionaryArray<Int8Type> = texts.iter().copied().collect();
    check(Arc::new(keys), &texts);
    // A dictionary may have a null among its values.
    let keys = DictionaryArray::<Int8Type>::new(
        Int8Array::from(vec![Some(0), Some(1), None, Some(2)]),
        Arc::new(StringArray::from(vec![Some(""), None, Some("b")])),
    );
    check(Arc::new(keys), &[Some(""), None, None, Some("b")]);
    let ends = Int32Array::from(vec![1, 3, 4]);
    let runs = StringArray::from(vec![Some(""), Some("b"), Some("")]);
    let runs = RunArray::<Int32Type>::try_new(&ends, &runs).unwrap();
    check(Arc::new(runs), &[Some(""), Some("b"), Some("b"), Some("")]);
}

#[test]
fn a_reader_may_take_empty_texts_for_null() {
    let texts = StringArray::from(vec![Some(""), None, Some("a")]);
    let keys: DictionaryArray<Int8Type> = texts.iter().collect();
    for array in [Arc::new(texts) as ArrayRef, Arc::new(keys)] {
        let field = Field::new("x", array.data_type().clone(), true);
        let schema = Schema::new(vec![field.clone()]);
        let batch = StructArray::from(vec![(Arc::new(field), array)]);
        let leaf = &leaves(&schema, &[])[0];
        let reader = Reader::new([Some((leaf, Spare::default()))]).unwrap();
        let reader = reader.with_empty_text(EmptyText::Null);
        assert_eq!(read(&reader, &batch), [None, None, Some("a".to_owned())]);
    }
}

#[test]
fn values_that_are_no_strings() {
    check(
        Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(7)])),
        &[Some("-9223372036854775808"), None, Some("7")],
    );
    check(
        Arc::new(UInt64Array::from(vec![u64::MAX])),
        &[Some("18446744073709551615")],
    );
    check(
        Arc::new(Float64Array::from(vec![
            Some(12.5),
            None,
            Some(1e-7),
            Some(f64::INFINITY),
        ])),
        &[Some("12.5"), None, Some("1e-7"), Some("inf")],
    );
    check(Arc::new(Float32Array::from(vec![0.1])), &[Some("0.1")]);
    let decimals = Decimal128Array::from(vec![Some(-1234), None])
        .with_precision_and_scale(10, 3)
        .unwrap();
    check(Arc::new(decimals), &[Some("-1.234"), None]);
    check(
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        &[Some("true"), None, Some("false")],
    );
    check(
        Arc::new(Date32Array::from(vec![Some(19_782), None])),
        &[Some("2024-02-29"), None],
    );
    check(
        Arc::new(Time64MicrosecondArray::from(vec![1])),
        &[Some("00:00:00.000001")],
    );
    let stamps = TimestampMillisecondArray::from(vec![Some(0), None]).with_timezone("UTC");
    check(Arc::new(stamps), &[Some("1970-01-01T00:00:00Z"), None]);
    check(Arc::new(NullArray::new(2)), &[None, None]);
    let numbers = Int64Array::from(vec![5, 6]);
    let keys = DictionaryArray::<Int8Type>::new(
        Int8Array::from(vec![Some(1), None, Some(0)]),
        Arc::new(numbers),
    );
    check(Arc::new(keys), &[Some("6"), None, Some("5")]);
}

#[test]
fn what_lies_under_a_null_is_not_seen() {
    let nulls = NullBuffer::from(vec![true, false, true]);
    let texts = StringArray::new(
        StringArray::from(vec!["a", "hidden", "c"])
            .offsets()
            .clone(),
        StringArray::from(vec!["a", "hidden", "c"]).values().clone(),
        Some(nulls),
    );
    check(Arc::new(texts), &[Some("a"), None, Some("c")]);
}

#[test]
fn members_of_a_struct_are_columns() {
    let city = Arc::new(StringArray::from(vec![Some("Bonn"), Some("hidden"), None])) as ArrayRef;
    let fields = Fields::from(vec![Field::new("city", DataType::Utf8, true)]);
    let customers = StructArray::new(
        fields.clone(),
        vec![city],
        Some(NullBuffer::from(vec![true, false, true])),
    );
    let schema = Schema::new(vec![Field::new("customer", DataType::Struct(fields), true)]);
    let batch = StructArray::new(schema.fields().clone(), vec![Arc::new(customers)], None);
    let names = |known: &[&str]| {
        let known: Vec<_> = known.iter().map(|&name| name.to_owned()).collect();
        leaves(&schema, &known)
            .into_iter()
            .map(|leaf| leaf.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&["id"]), ["customer"]);
    assert_eq!(
        names(&["customer", "customer.city"]),
        ["customer", "customer.city"]
    );
    let leaves = leaves(&schema, &["customer.city".to_owned()]);
    let reader = Reader::new([Some((&leaves[0], Spare::default()))]).unwrap();
    assert_eq!(read(&reader, &batch), [Some("Bonn".to_owned()), None, None]);
    let nothing = StructArray::new(
        batch.fields().clone(),
        batch.columns().to_vec(),
        Some(NullBuffer::new_null(3)),
    );
    assert_eq!(read(&reader, &nothing), [None, None, None]);
}

#[test]
fn long_arrays_come_in_slices_and_blocks() {
    let numbers: Vec<i64> = (0..100_000).collect();
    let expected: Vec<_> = numbers
        .iter()
        .map(|number| Some(number.to_string()))
        .collect();
    assert_eq!(values(Arc::new(Int64Array::from(numbers))), expected);
}

#[test]
fn columns_that_nobody_looks_at_are_let_go() {
    let array: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let field = Arc::new(Field::new("x", DataType::Int64, true));
    let batch = StructArray::from(vec![(field, Arc::clone(&array))]);
    let slices: Vec<_> = Reader::new([None]).unwrap().slices(&batch).collect();
    drop(batch);
    assert_eq!((slices.len(), Arc::strong_count(&array)), (1, 1));
}

#[test]
fn types_that_no_rule_fits_are_refused_by_name() {
    let schema = Schema::new(vec![Field::new(
        "took",
        DataType::Interval(IntervalUnit::YearMonth),
        true,
    )]);
    let leaves = leaves(&schema, &[]);
    let error = leaves[0].kind().unwrap_err().to_string();
    let known = "column `took` holds Interval(YearMonth) values, which cannot be checked: ";
    assert!(error.starts_with(known), "{error}");
    let reader = Reader::new([Some((&leaves[0], Spare::default()))]);
    assert_eq!(
        reader.unwrap_err().to_string(),
        "column `took` holds Interval(YearMonth) values, which have no text: leave it out, as \
         `tamis select --columns '!took'` does, or write Parquet or Arrow, which keep it as it is"
    );
    let passed = Spare {
        values: Right::All,
        nulls: true,
    };
    assert!(Reader::new([Some((&leaves[0], passed))]).is_ok());
}

/// A union has no nulls of its own, so what lies under the null of a struct would be seen.
#[test]
fn unions_in_structs_that_are_null_are_refused() {
    let number = Arc::new(Field::new("number", DataType::Int64, true));
    let union = |numbers: Vec<i64>| {
        let members = UnionFields::from_iter([(0, Arc::clone(&number))]);
        let types = vec![0_i8; numbers.len()].into();
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
        Arc::new(UnionArray::try_new(members, types, None, vec![numbers]).unwrap()) as ArrayRef
    };
    let error = |nulls: Option<NullBuffer>| {
        let either = union(vec![1, 2]);
        let field = Field::new("either", either.data_type().clone(), true);
        let inner = StructArray::new(vec![field].into(), vec![either], nulls);
        let field = Field::new("s", inner.data_type().clone(), true);
        let schema = Schema::new(vec![field.clone()]);
        let batch = StructArray::from(vec![(Arc::new(field), Arc::new(inner) as ArrayRef)]);
        let leaf = &leaves(&schema, &["s.either".to_owned()])[0];
        let passed = Spare {
            values: Right::All,
            nulls: true,
        };
        let reader = Reader::new([Some((leaf, passed))]).unwrap();
        let slices = reader.slices(&batch);
        let found = slices.map(|slice| slice.for_each_block(&mut |_| ()));
        let found = found.collect::<Result<Vec<()>, _>>();
        found.err().map(|error| error.to_string())
    };
    assert_eq!(error(None), None);
    let error = error(Some(NullBuffer::from(vec![true, false]))).unwrap();
    assert!(
        error.starts_with("column `s.either` holds Union("),
        "{error}"
    );
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let error = |array: ArrayRef| {
        let field = Field::new("raw", array.data_type().clone(), true);
        let schema = Schema::new(vec![field.clone()]);
        let batch = StructArray::from(vec![(Arc::new(field), array)]);
        let leaf = &leaves(&schema, &[])[0];
        let reader = Reader::new([Some((leaf, Spare::default()))]).unwrap();
        let slices = reader.slices(&batch);
        let found = slices.map(|slice| slice.for_each_block(&mut |_| ()));
        let error = found.collect::<Result<Vec<()>, _>>().unwrap_err();
        error.to_string().split(": ").next().unwrap().to_owned()
    };
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"\xff\xfe"[..]]));
    let known = "holds Binary values, which have no text (`\u{fffd}\u{fffd}` is no UTF-8)";
    assert_eq!(error(Arc::clone(&bytes)), format!("column `raw` {known}"));
    let keys = DictionaryArray::<Int8Type>::new(Int8Array::from(vec![0]), Arc::clone(&bytes));
    assert_eq!(error(Arc::new(keys)), format!("column `raw` {known}"));
    let field = Arc::new(Field::new("key", DataType::Binary, true));
    let inner = StructArray::from(vec![(field, bytes)]);
    assert_eq!(error(Arc::new(inner)), format!("column `raw.key` {known}"));
}
