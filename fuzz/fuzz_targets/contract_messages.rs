//! Goal: whatever a message says, each in a batch is judged as if it were alone.
//!
//! The first byte of an input chooses payload and dialect, and where the rest is cut into values: at its record separators,
//! or all so many bytes. An empty value is none.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tamis_contract::check::{
    BadMessage, Check, MessageCheck, Payload, Unchecked, VIOLATIONS_MAX, Verdicts,
};
use tamis_contract::model::{Contract, CsvFacts, Object};
use tamis_contract::odcs::read;

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let reading = read("messages.odcs.yaml", include_bytes!("messages.odcs.yaml"));
    reading.expect("the contract is good").contract
});

/// For every choice of the first byte that is about the check.
static CHECKS: LazyLock<Vec<MessageCheck>> = LazyLock::new(|| (0..16).map(check).collect());

/// What is said of one message.
type Said = (String, Vec<tamis_contract::check::Violation>);

fuzz_target!(|data: &[u8]| {
    let Some((&bits, bytes)) = data.split_first() else {
        return;
    };
    let check = &CHECKS[usize::from(bits % 16)];
    let values: Vec<Option<&[u8]>> = match usize::from(bits >> 4) {
        0 => bytes.split(|&byte| byte == 0x1e).map(present).collect(),
        len => bytes.chunks(4 * len).map(present).collect(),
    };
    let verdicts = check.judge(values.iter().copied());
    assert_eq!(verdicts.total(), values.len());
    let indices = verdicts.bad().iter().map(|bad| bad.index);
    assert!(indices.is_sorted_by(|one, next| one < next));
    let (mut alone, mut counts) = (Vec::new(), BTreeMap::new());
    for (index, value) in values.iter().enumerate() {
        let verdicts = check.judge([*value]);
        assert_eq!(verdicts.total(), 1);
        add_counts(&mut counts, &verdicts);
        alone.extend(verdicts.bad().iter().map(|bad| (index, said(bad))));
    }
    let mut of_batch = BTreeMap::new();
    add_counts(&mut of_batch, &verdicts);
    assert_eq!(of_batch, counts);
    assert_eq!(verdicts.bad().len(), alone.len());
    // Of more than that the texts are left out.
    let violations: usize = alone
        .iter()
        .map(|(_, (_, violations))| violations.len())
        .sum();
    let has_all = violations <= VIOLATIONS_MAX;
    for (bad, (index, (reason, violations))) in verdicts.bad().iter().zip(&alone) {
        assert_eq!((&bad.reason(), bad.index), (reason, *index));
        assert!(!reason.is_empty());
        assert!(
            !has_all || bad.violations == *violations,
            "{:?}",
            values[*index]
        );
    }
});

fn check(bits: u8) -> MessageCheck {
    let has = |bit: u8| bits >> bit & 1 == 1;
    let object = &CONTRACT.objects[0];
    let csv = CsvFacts {
        escape: has(1).then_some(Some(b'\\')),
        comment: has(2).then_some(Some(b'#')),
        trim: Some(has(3)),
        ..CsvFacts::default()
    };
    let object = Object {
        csv: csv.or(&object.csv),
        ..object.clone()
    };
    let check =
        Check::compile(&CONTRACT, &object, Unchecked::Refuse).expect("all rules are checked");
    let payload = match has(0) {
        true => Payload::Json,
        false => Payload::Csv,
    };
    MessageCheck::new(&check, payload).expect("no rule needs all records")
}

fn present(value: &[u8]) -> Option<&[u8]> {
    (!value.is_empty()).then_some(value)
}

fn said(bad: &BadMessage) -> Said {
    (bad.reason(), bad.violations.clone())
}

/// Adds how often each rule was broken.
fn add_counts(counts: &mut BTreeMap<(Option<String>, String), u64>, verdicts: &Verdicts) {
    for (column, rule, count) in verdicts.by_rule() {
        let rule = (column.map(str::to_owned), rule.to_owned());
        *counts.entry(rule).or_default() += count;
    }
}
