//! Whatever comes, what is stored and what is not is what a check of the same records as a file says.

use proptest::collection::vec;
use proptest::sample::select;
use tamis_contract::check::{Check, CheckOptions, Unchecked};
use tamis_contract::odcs;
use tamis_engine::source::MemorySource;

use super::*;

/// Values that are good, and that are bad in one way or another.
const VALUES: &[&str] = &[
    GOOD,
    r#"{"id": "TX9", "amount": 1}"#,
    r#"{"amount": 1e3, "id": "é", "more": [1, {"a": null}]}"#,
    BAD,
    r#"{"id": "TX3"}"#,
    r#"{"id": null, "amount": 7}"#,
    r#"{"id": "TX4", "amount": "many"}"#,
    r#"[1, 2]"#,
    "no JSON",
    r#"{"id": "TX5", "amount": 3"#,
];

/// What came: values of a batch, how it is packed, and whether it comes twice.
type Batch = (Vec<usize>, Compression, bool);

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let values = prop_oneof![
        vec(0..3_usize, 1..30),
        vec(0..VALUES.len(), 1..30),
        vec(3..VALUES.len(), 1..4),
    ];
    vec((values, select(&CODECS[..]), any::<bool>()), 1..8)
}

/// Whether each of these is good, by a check of them as a file.
fn verdicts() -> Vec<bool> {
    let reading = odcs::read("orders", ORDERS.as_bytes()).expect("it is a contract");
    let object = &reading.contract.objects[0];
    let check = Check::compile(&reading.contract, object, Unchecked::Refuse).expect("it compiles");
    let good = |value: &&str| {
        let source = MemorySource::new("orders.jsonl", format!("{value}\n").into_bytes());
        let report = check.run(&[&source], &CheckOptions::default(), None, None);
        report.expect("it is checked").passed
    };
    VALUES.iter().map(good).collect()
}

fn expected(batches: &[Batch], keeps: impl Fn(usize) -> bool, is_numbered: bool) -> Vec<String> {
    let mut expected = Vec::new();
    for (values, _, is_twice) in batches {
        let times = if *is_twice && !is_numbered { 2 } else { 1 };
        for _ in 0..times {
            let kept = values.iter().filter(|it| keeps(**it));
            expected.extend(kept.map(|it| VALUES[*it].to_owned()));
        }
    }
    expected
}

proptest! {
    #![proptest_config(cases(24))]
    #[test]
    fn what_is_stored_is_what_a_check_accepts(
        batches in batches(),
        mode in select(&["reject", "dead-letter", "tag", "off", "dry"][..]),
        is_numbered in any::<bool>(),
        start in select(&[0, 5, i32::MAX - 20][..]),
    ) {
        let is_good = verdicts();
        prop_assert_eq!(is_good.iter().filter(|it| **it).count(), 3);
        let mode_settings = match mode {
            "dry" => [("tamis.on.invalid", "reject"), ("tamis.dry.run", "true")],
            mode => [("tamis.on.invalid", mode), ("tamis.dry.run", "false")],
        };
        let mut trial = Trial::new().with_orders(&mode_settings);
        let mut next = start;
        let mut taken = Vec::new();
        for (values, codec, is_twice) in &batches {
            let texts: Vec<_> = values.iter().map(|it| Some(VALUES[*it])).collect();
            let producer = if is_numbered { (7, 0, next) } else { NOBODY };
            let batch = packed_batch(&texts, *codec, producer);
            let is_refused = mode == "reject" && values.iter().any(|it| !is_good[*it]);
            for time in 0..1 + i32::from(*is_twice) {
                let code = trial.send(batch.clone()).error_code;
                prop_assert_eq!(code, if is_refused { 87 } else { 0 });
                if time == 0 && *is_twice && is_numbered {
                    trial = killed(&trial);
                }
            }
            if !is_refused {
                next = crate::batch::after(next, values.len() as i32);
                taken.push((values.clone(), *codec, *is_twice));
            }
        }
        let all = |_| true;
        let stored = match mode {
            "dead-letter" => expected(&taken, |it| is_good[it], is_numbered),
            _ => expected(&taken, all, is_numbered),
        };
        let found = trial.read("orders", 1);
        prop_assert_eq!(values(&found), stored);
        for record in &found {
            let text = values(std::slice::from_ref(record)).remove(0);
            let place = VALUES.iter().position(|it| *it == text).expect("it was sent");
            let is_tagged = header(record, "tamis.rule").is_some();
            prop_assert_eq!(is_tagged, mode == "tag" && !is_good[place], "{}", text);
        }
        if mode == "dead-letter" {
            let letters = expected(&taken, |it| !is_good[it], is_numbered);
            prop_assert_eq!(values(&trial.read("orders.dlq", 1)), letters);
        }
    }
}
