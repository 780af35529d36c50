//! Goal: a table answers the same whoever counted what; exactly while it can, and as near as it says when it cannot.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::logs::tests::cases;

const ONE: Counts = Counts {
    events: 1,
    errors: 0,
    bytes: 10,
    log_bytes: 20,
};

/// Counts `events` (values, by their places) with as many workers, each absorbing after `every` events of its own.
fn count(events: &[String], budget: u64, workers: usize, every: usize) -> Table {
    let table = Table::new(budget, true);
    let mut locals: Vec<Local> = (0..workers).map(|_| Local::new(true)).collect();
    for (place, value) in events.iter().enumerate() {
        // Not in turn: some workers see more than others.
        let local = &mut locals[sample::mix(place as u64) as usize % workers];
        let draw = draw(1, place as u64);
        let latency = Some(1_000_000 + place as u64 % 7);
        local.add(value.as_bytes(), ONE, latency, draw, table.sample_below());
        if local.is_full() || place % every == 0 {
            table.absorb(local);
        }
    }
    locals.iter_mut().for_each(|local| table.absorb(local));
    table
}

/// Value `n` comes about `total / n` times; and as many values once.
fn skewed(total: usize, rare: usize) -> Vec<String> {
    let mut events: Vec<String> = (1..=50)
        .flat_map(|rank| std::iter::repeat_n(format!("/common/{rank}"), total / rank))
        .chain((0..rare).map(|number| format!("/rare/{number}")))
        .collect();
    let mut state = 7;
    for at in (1..events.len()).rev() {
        state = sample::mix(state + at as u64);
        events.swap(at, (state % (at as u64 + 1)) as usize);
    }
    events
}

fn truth(events: &[String]) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    for value in events {
        *counts.entry(value.as_str()).or_default() += 1;
    }
    counts
}

#[test]
fn few_values_are_counted_exactly() {
    let events = skewed(500, 1000);
    let expected = truth(&events);
    let ranking = count(&events, 1 << 20, 3, 97).ranking(20);
    assert_eq!((ranking.distinct, ranking.error), (Some(1050), None));
    for ranked in &ranking.values {
        let value = std::str::from_utf8(&ranked.value).expect("text");
        assert_eq!(ranked.counts.events, expected[value]);
        assert_eq!(ranked.counts.bytes, 10 * expected[value]);
        let latency = ranked.latency.as_ref().expect("there are durations");
        let kept: u64 = latency.buckets().map(|bucket| bucket.count).sum();
        assert_eq!(kept, expected[value]);
    }
    let order: Vec<u64> = ranking.values.iter().map(|it| it.counts.events).collect();
    assert!(order.is_sorted_by(|a, b| a >= b) && order.len() == 20);
}

#[test]
fn many_values_are_estimated_within_the_bound() {
    let events = skewed(40_000, 200_000);
    let expected = truth(&events);
    let ranking = count(&events, 100_000, 2, 10_000).ranking(10);
    let error = ranking.error.expect("there are too many to be exact");
    assert!(error < 2_000, "{error}");
    let found: Vec<&str> = ranking
        .values
        .iter()
        .map(|it| std::str::from_utf8(&it.value).expect("text"))
        .collect();
    // The first ones are further apart than the bound.
    assert_eq!(
        found[..5],
        [
            "/common/1",
            "/common/2",
            "/common/3",
            "/common/4",
            "/common/5"
        ]
    );
    for ranked in &ranking.values {
        let value = std::str::from_utf8(&ranked.value).expect("text");
        let off = ranked.counts.events.abs_diff(expected[value]);
        assert!(off <= error, "{value} is off by {off}, not {error}");
    }
}

#[test]
fn where_nothing_is_frequent_nothing_is_listed() {
    let events: Vec<String> = (0..100_000).map(|number| number.to_string()).collect();
    let ranking = count(&events, 100_000, 2, 10_000).ranking(10);
    assert_eq!(ranking.values.len(), 0);
    assert!(ranking.error.is_some_and(|error| error < 100));
}

#[test]
fn long_values_are_cut() {
    let long = |end: char| format!("{}{end}", "x".repeat(KEY_BYTES_MAX));
    let ranking = count(&[long('a'), long('b')], 1 << 20, 1, 10).ranking(10);
    assert_eq!((ranking.values.len(), ranking.distinct), (1, Some(1)));
}

#[test]
fn full_tables_are_told_and_emptied() {
    let mut local = Local::new(false);
    let mut number = 0_u64;
    while !local.is_full() {
        local.add(&number.to_le_bytes(), ONE, None, u64::MAX, 0);
        number += 1;
    }
    let table = Table::new(1 << 20, false);
    table.absorb(&mut local);
    assert!(local.is_empty());
    assert_eq!(local.add(b"again", ONE, None, u64::MAX, 0), 0);
    table.absorb(&mut local);
    assert_eq!(table.ranking(1).distinct, Some(number + 1));
    let error = local.distinct().estimate().abs_diff(number + 1);
    assert!(error < number / 25, "{error}");
}

proptest! {
    #![proptest_config(cases(24))]

    /// The budget is such that some cases are exact and some are not.
    #[test]
    fn who_counts_does_not_show(
        values in proptest::collection::vec(0..600_u32, 1..4000),
        workers in 1..6_usize,
        every in 1..2000_usize,
    ) {
        let events: Vec<String> = values.iter().map(|value| format!("/{}", value * value / 300)).collect();
        let alone = count(&events, 24_000, 1, usize::MAX).ranking(15);
        let together = count(&events, 24_000, workers, every).ranking(15);
        prop_assert_eq!(alone, together);
    }
}

#[test]
fn the_sample_is_that_of_all_events() {
    // More than two samples hold, so that they are cut on the way.
    let events = skewed(20_000, 60_000);
    let one = count(&events, 1000, 1, usize::MAX).ranking(30);
    let other = count(&events, 1000, 5, 777).ranking(30);
    assert_eq!(one, other);
    let latency = one.values[0].latency.as_ref().expect("it was sampled");
    let sampled: u64 = latency.buckets().map(|bucket| bucket.count).sum();
    let expected = SAMPLE_EVENTS as f64 * 20_000.0 / events.len() as f64;
    assert!(
        (sampled as f64 - expected).abs() < 5.0 * expected.sqrt(),
        "{sampled} {expected}"
    );
}
