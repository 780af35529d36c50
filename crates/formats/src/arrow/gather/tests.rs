//! What is chosen leaves as it was, whether it comes as an array or as values that were read.

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, Decimal128Array, DictionaryArray, Int32Array, Int64Array, StringArray,
    StructArray,
};
use arrow_buffer::NullBuffer;

use super::super::row::RowCodec;
use super::super::{Reader, Right, Spare, every_leaf};
use super::*;
use crate::columns::Batch;
use crate::vector::Values;

/// 5,000 rows: two blocks and a part of one.
const ROWS: usize = 5000;

/// A decimal, a dictionary, and a member of a struct that is null at every third row.
fn table() -> StructArray {
    let cents = Decimal128Array::from_iter_values(0..ROWS as i128);
    let cents = cents.with_precision_and_scale(12, 2).unwrap();
    let kinds: DictionaryArray<Int32Type> = (0..ROWS)
        .map(|row| ["a", "b"].get(row % 5).copied())
        .collect();
    let zip = Int32Array::from_iter_values(0..ROWS as i32);
    let customer = StructArray::new(
        vec![Field::new("zip", DataType::Int32, true)].into(),
        vec![Arc::new(zip)],
        Some(NullBuffer::from_iter((0..ROWS).map(|row| row % 3 != 0))),
    );
    let field = |name: &str, array: &dyn Array| Field::new(name, array.data_type().clone(), true);
    let fields = vec![
        field("cents", &cents),
        field("kind", &kinds),
        field("customer", &customer),
    ];
    let arrays: Vec<ArrayRef> = vec![Arc::new(cents), Arc::new(kinds), Arc::new(customer)];
    StructArray::new(fields.into(), arrays, None)
}

/// The rows of the table for which `is_chosen`, and the number of the row in the block as a column that was computed.
fn gathered(is_chosen: impl Fn(usize) -> bool) -> (Gatherer, Vec<RecordBatch>) {
    let table = table();
    let leaves = every_leaf(&Schema::new(table.fields().clone()));
    let unread = Spare {
        values: Right::All,
        nulls: true,
    };
    let reader = Reader::new(leaves.iter().map(|leaf| Some((leaf, unread.clone())))).unwrap();
    let columns = leaves.iter().map(|leaf| {
        let stored = passed_as(&leaf.data_type);
        (leaf.name.clone(), Type::Text, stored)
    });
    let computed = ("row".to_owned(), Type::Integer, DataType::Int64);
    let mut gatherer = Gatherer::new(columns.chain([computed]));
    let mut seen = 0;
    for slice in reader.slices(&table) {
        slice
            .for_each_block(&mut |block| {
                let rows: Vec<i64> = (seen as i64..).take(block.rows).collect();
                let mut chosen = vec![0_u64; block.rows.div_ceil(64)];
                for row in (0..block.rows).filter(|row| is_chosen(seen + row)) {
                    chosen[row / 64] |= 1 << (row % 64);
                }
                let vector = Vector {
                    rows: block.rows,
                    present: vec![u64::MAX; block.rows.div_ceil(64)],
                    values: Values::Integer(rows),
                };
                let from = |column| match column {
                    3 => From::Vector(&vector, &[]),
                    passed => From::Origin(passed),
                };
                gatherer.add(block, &chosen, from).unwrap();
                seen += block.rows;
            })
            .unwrap();
    }
    let batches = gatherer.finish().unwrap();
    (gatherer, batches)
}

fn assert_rows(batch: &RecordBatch, rows: &[usize]) {
    let decimals: &Decimal128Array = batch.column(0).as_any().downcast_ref().unwrap();
    let texts: &StringArray = batch.column(1).as_any().downcast_ref().unwrap();
    let zips: &Int32Array = batch.column(2).as_any().downcast_ref().unwrap();
    let computed: &Int64Array = batch.column(3).as_any().downcast_ref().unwrap();
    assert_eq!(batch.num_rows(), rows.len());
    for (at, &row) in rows.iter().enumerate() {
        assert_eq!(decimals.value(at), row as i128);
        assert_eq!(computed.value(at), row as i64);
        let kind = texts.is_valid(at).then(|| texts.value(at));
        assert_eq!(kind, ["a", "b"].get(row % 5).copied());
        let zip = zips.is_valid(at).then(|| zips.value(at));
        assert_eq!(zip, (row % 3 != 0).then_some(row as i32));
    }
}

#[test]
fn arrays_are_passed_on() {
    let every_seventh: Vec<usize> = (0..ROWS).step_by(7).collect();
    for (is_chosen, rows) in [
        ((|_| true) as fn(usize) -> bool, (0..ROWS).collect()),
        (|row| row % 7 == 0, every_seventh),
    ] {
        let (gatherer, batches) = gathered(is_chosen);
        let stored = gatherer.schema().fields().iter().map(|it| it.data_type());
        let expected = [
            DataType::Decimal128(12, 2),
            DataType::Utf8,
            DataType::Int32,
            DataType::Int64,
        ];
        assert!(stored.eq(&expected));
        let [batch] = batches.as_slice() else {
            panic!("{} batches of one array", batches.len());
        };
        assert_rows(batch, &rows);
    }
    assert!(gathered(|_| false).1.is_empty());
}

#[test]
fn rows_are_moved_one_by_one() {
    let (gatherer, batches) = gathered(|row| row < 100);
    let codec = RowCodec::new(gatherer.schema()).unwrap();
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    codec.encode(&batches[0], &mut bytes, &mut ends).unwrap();
    let row = |row: usize| &bytes[row.checked_sub(1).map_or(0, |before| ends[before])..ends[row]];
    let rows = [99, 0, 42, 0];
    assert_rows(&codec.decode(rows.map(row)).unwrap(), &rows);
}

#[test]
fn a_column_takes_no_values_of_another_type() {
    let integers: ArrayRef = Arc::new(Int64Array::from(vec![7, 1 << 40]));
    for to in [DataType::Int32, DataType::Float64, DataType::Utf8] {
        let error = unpack(&integers, &to, "n").unwrap_err();
        assert!(error.to_string().contains("column `n` holds Int64 values"));
    }
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let large = unpack(&texts, &DataType::LargeUtf8, "t").unwrap();
    assert_eq!(&unpack(&large, &DataType::Utf8, "t").unwrap(), &texts);
}
