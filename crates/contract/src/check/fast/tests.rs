//! Goal: where values say what they are, the loops leave no row out that the judgement would find.

use proptest::prelude::*;
use tamis_engine::kernel::Kernel;
use tamis_formats::columns::Columns;

use super::FastCheck;
use crate::check::rows::RowsInput;
use crate::check::tests::{fields, properties, soak_factor};
use crate::check::{Check, CheckOptions, Unchecked};
use crate::model::{Contract, CsvFacts, Object};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300 * soak_factor()))]

    #[test]
    fn values_of_every_kind_are_spared_only_where_they_are_right(
        property in properties(),
        values in prop::collection::vec((fields(), 0..8_u8), 1..200),
        kernel in prop::sample::select(Kernel::available()),
        has_null_texts: bool,
    ) {
        let facts = CsvFacts {
            missing_values: has_null_texts.then(|| vec!["NA".into()]),
            ..CsvFacts::default()
        };
        let object = Object::new("rows").csv(facts).property(property);
        let contract = Contract::builder("test").object(object).build();
        let check = Check::compile(&contract, &contract.objects[0], Unchecked::Refuse).unwrap();
        let mut specification = check.clone();
        for column in &mut specification.compiled.columns {
            column.fast = FastCheck::judge_all();
        }
        let mut rows = Columns::new(1);
        for (text, kind) in &values {
            let column = rows.column(0);
            match kind {
                0 => column.null(),
                1 => column.boolean(true).unwrap(),
                2 => column.number("5").unwrap(),
                3 => column.string("").unwrap(),
                4 => column.string(text).unwrap(),
                // It is missing.
                5 => {}
                _ => column.text(text).unwrap(),
            }
            rows.end_row();
        }
        let input = RowsInput { name: "rows", format: "rows" };
        let options = CheckOptions { kernel, threads: 1, samples_max: 1000, ..CheckOptions::default() };
        let report = |check: &Check| {
            let mut report = check.run_rows(input, [Ok(rows.clone())].into_iter(), &options).unwrap();
            report.performance = Default::default();
            report
        };
        prop_assert_eq!(report(&check), report(&specification));
    }
}
