//! Goal: sparing values their text changes nothing.

use std::sync::Arc;

use arrow_array::types::{
    ArrowDictionaryKeyType, Date32Type, Date64Type, Float64Type, Int8Type, Int64Type,
    TimestampMicrosecondType, TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, DictionaryArray, PrimitiveArray, StringArray, UInt32Array,
};
use arrow_schema::{DataType, Field, TimeUnit};
use proptest::prelude::*;

use super::*;
use crate::check::{CheckOptions, Unchecked};
use crate::model::{Contract, Object, Property};
use crate::report::Report;

const INPUT: RowsInput<'static> = RowsInput {
    name: "table",
    format: "arrow",
};

fn report(property: Property, array: ArrayRef) -> Report {
    let object = Object::new("table").property(property);
    let contract = Contract::builder("test").object(object).build();
    let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap();
    let field = Field::new("x", array.data_type().clone(), true);
    let schema = Schema::new(vec![field]);
    let batch = StructArray::new(schema.fields().clone(), vec![array], None);
    let options = CheckOptions::default();
    let mut report = check
        .run_arrow(INPUT, &schema, [Ok(batch)].into_iter(), &options)
        .unwrap();
    report.performance = Default::default();
    report
}

/// The same values as keys of themselves: their text is always written.
fn written<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> ArrayRef {
    fn keys<K: ArrowDictionaryKeyType>(keys: PrimitiveArray<K>, values: ArrayRef) -> ArrayRef {
        Arc::new(DictionaryArray::new(keys, values))
    }
    let rows = 0..array.len() as u32;
    let values = Arc::new(array.clone());
    keys(UInt32Array::from_iter_values(rows), values)
}

fn assert_same<T: ArrowPrimitiveType>(property: &Property, array: PrimitiveArray<T>) {
    let expected = report(property.clone(), written(&array));
    let found = report(property.clone(), Arc::new(array));
    assert_eq!(found, expected, "{property:?}");
}

/// Enough of some values for several words of bits, with every so many-th null.
fn many<T: Copy>(values: &[T], nulls: usize) -> Vec<Option<T>> {
    let values = values.iter().copied().cycle().take(200).enumerate();
    values
        .map(|(row, value)| Some(value).filter(|_| nulls == 0 || row % nulls != 0))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn numbers(
        limits in prop::collection::vec(prop::sample::select(vec![-3, 0, 1, 7, i64::MAX]), 2),
        any in prop::collection::vec(any::<i64>(), 0..20),
        near in prop::collection::vec(-9..9i64, 0..70),
        nulls in 0..5usize,
        is_integer: bool,
        is_required: bool,
    ) {
        let property = match is_integer {
            true => Property::integer("x"),
            false => Property::number("x"),
        };
        let property = property.exclusive_minimum(limits[0]).maximum(limits[1]);
        let property = if is_required { property.required() } else { property };
        let integers = [near.clone(), any].concat();
        let floats: Vec<f64> = integers.iter().map(|&value| value as f64 / 2.0).collect();
        let floats = [floats, vec![0.1, -0.0, f64::NAN, f64::INFINITY, f64::MAX, 7.000000000000001]].concat();
        assert_same(&property, PrimitiveArray::<Float64Type>::from(many(&floats, nulls)));
        let small: Vec<i8> = near.iter().map(|&value| value as i8).collect();
        assert_same(&property, PrimitiveArray::<Int8Type>::from(many(&small, nulls)));
        let unsigned: Vec<u64> = integers.iter().map(|&value| value as u64).collect();
        assert_same(&property, PrimitiveArray::<UInt64Type>::from(many(&unsigned, nulls)));
        assert_same(&property, PrimitiveArray::<Int64Type>::from(many(&integers, nulls)));
    }

    #[test]
    fn moments(
        days in prop::collection::vec(
            prop_oneof![
                any::<i32>(),
                prop::sample::select(vec![-719_163, -719_162, -719_161, 2_932_895, 2_932_896, 2_932_897, 0, 1, 2]),
            ],
            1..20,
        ),
        any in prop::collection::vec(any::<i64>(), 0..20),
        zone in prop::sample::select(vec![None, Some("UTC"), Some("+14:00"), Some("-12:00"), Some("Europe/Rome")]),
        nulls in 0..5usize,
        is_required: bool,
        is_date: bool,
        limits in prop::sample::select(vec![None, Some(("1970-01-02", "1970-01-03")), Some(("0001-01-01", "9999-12-31"))]),
    ) {
        let property = match is_date {
            true => Property::date("x"),
            false => Property::timestamp("x"),
        };
        let limit = |day: &str| match is_date {
            true => day.to_owned(),
            false => format!("{day}T00:00:00Z"),
        };
        let property = match limits {
            None => property,
            Some((first, last)) => property.minimum(&*limit(first)).exclusive_maximum(&*limit(last)),
        };
        let property = if is_required { property.required() } else { property };
        assert_same(&property, PrimitiveArray::<Date32Type>::from(many(&days, nulls)));
        let seconds: Vec<i64> = days.iter().map(|&days| i64::from(days) * 86_400).chain(any).collect();
        let millis: Vec<i64> = seconds.iter().map(|seconds| seconds.saturating_mul(1000)).collect();
        assert_same(&property, PrimitiveArray::<Date64Type>::from(many(&millis, nulls)));
        let array = PrimitiveArray::<TimestampSecondType>::from(many(&seconds, nulls));
        assert_same(&property, array.with_timezone_opt(zone));
        let micros: Vec<i64> = millis.iter().map(|millis| millis.saturating_mul(1000) | 1).collect();
        let array = PrimitiveArray::<TimestampMicrosecondType>::from(many(&micros, nulls));
        assert_same(&property, array.with_timezone_opt(zone));
        let array = PrimitiveArray::<TimestampNanosecondType>::from(many(&micros, nulls));
        assert_same(&property, array.with_timezone_opt(zone));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn texts_of_a_dictionary(
        texts in prop::collection::vec(prop::sample::select(vec!["DE", "FR", "é", "none", "", "long enough"]), 1..9),
        rows in prop::collection::vec(prop::option::weighted(0.9, any::<prop::sample::Index>()), 0..300),
        which in 0..4usize,
        is_required: bool,
    ) {
        let property = match which {
            0 => Property::string("x").one_of(["DE", "FR", "é"]),
            1 => Property::string("x").pattern("^[A-Z]{2}$").unwrap(),
            2 => Property::string("x").max_length(4),
            _ => Property::integer("x"),
        };
        let property = if is_required { property.required() } else { property };
        let at = rows.iter().map(|row| row.map(|row| row.index(texts.len())));
        let plain = StringArray::from_iter(at.clone().map(|at| at.map(|at| texts[at])));
        let keys = PrimitiveArray::<Int8Type>::from_iter(at.map(|at| at.map(|at| at as i8)));
        let keys = DictionaryArray::new(keys, Arc::new(StringArray::from(texts)));
        prop_assert_eq!(report(property.clone(), Arc::new(keys)), report(property, Arc::new(plain)));
    }
}

#[test]
fn empty_strings_of_a_table_are_null_as_those_of_rows_are() {
    let texts = StringArray::from(vec![Some(""), Some("a"), None, Some("")]);
    let keys: DictionaryArray<Int8Type> = texts.iter().collect();
    for array in [Arc::new(texts) as ArrayRef, Arc::new(keys)] {
        let violations = report(Property::string("x").required(), array).violations;
        assert_eq!(violations.by_rule[0].rule, "required");
        assert_eq!(violations.by_rule[0].count, 3);
    }
}

#[test]
fn what_is_spared() {
    let spared = |property: Property, data_type: DataType| {
        let object = Object::new("table").property(property);
        let contract = Contract::builder("test").object(object).build();
        let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap();
        let schema = Schema::new(vec![Field::new("x", data_type, true)]);
        let leaves = leaves(&schema, &["x".to_owned()]);
        let kind = leaves[0].kind().unwrap();
        spare(
            &check.compiled.columns[0],
            &leaves[0],
            kind,
            Kernel::detect(),
        )
    };
    let stamps = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Second, zone.map(Into::into));
    let amount = spared(Property::number("x").minimum(1), DataType::Float64);
    assert!(matches!(amount.values, Right::Numbers { .. }) && amount.nulls);
    let at = spared(Property::timestamp("x").required(), stamps(Some("UTC")));
    assert!(matches!(at.values, Right::Moments { .. }) && !at.nulls);
    let day = spared(Property::date("x"), DataType::Date32);
    assert!(matches!(day.values, Right::Moments { .. }));
    // Every value is of the wrong type.
    let day = spared(Property::date("x"), stamps(None));
    assert!(matches!(day.values, Right::Unknown));
    let text = spared(Property::string("x"), DataType::Int64);
    assert!(matches!(text.values, Right::Unknown));
}
