//! The index against a hash set, whatever the budget, the order and the number of threads.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use proptest::prelude::*;
use tamis_engine::Error;

use super::*;

/// Every ordinal but the smallest of each key.
fn expected(keys: &[(Key, u64)]) -> Vec<u64> {
    let mut first: HashMap<Key, u64> = HashMap::new();
    let mut repeats = Vec::new();
    for &(key, ordinal) in keys {
        match first.get_mut(&key) {
            None => drop(first.insert(key, ordinal)),
            Some(smallest) => repeats.push(if ordinal < *smallest {
                std::mem::replace(smallest, ordinal)
            } else {
                ordinal
            }),
        }
    }
    repeats.sort_unstable();
    repeats
}

fn found(keys: &[(Key, u64)], memory_bytes: usize, batch: usize, threads: usize) -> Vec<u64> {
    let mut index = UniqueIndex::new(memory_bytes, None);
    for batch in keys.chunks(batch) {
        index
            .push(batch.iter().copied())
            .expect("the spill file can be written");
    }
    let threads = NonZero::new(threads).expect("at least one thread");
    let duplicates = index.finish(threads).expect("the spill file can be read");
    duplicates.range(0..u64::MAX).collect()
}

/// Keys of `values` at consecutive ordinals.
fn numbered(values: impl IntoIterator<Item = u32>) -> Vec<(Key, u64)> {
    (0..)
        .zip(values)
        .map(|(ordinal, value)| (key_of(&[&value.to_le_bytes()]), ordinal))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn equals_a_hash_set(
        values in prop::collection::vec(prop_oneof![0..5u32, 0..1_000u32, any::<u32>()], 0..3_000),
        memory_bytes in prop_oneof![Just(0usize), 0..40_000usize, Just(1 << 20)],
        batch in 1..500usize,
        threads in 1..4usize,
        reversed: bool,
    ) {
        let mut keys = numbered(values);
        if reversed {
            keys.reverse();
        }
        prop_assert_eq!(found(&keys, memory_bytes, batch, threads), expected(&keys));
    }

    #[test]
    fn keys_that_share_a_half_are_told_apart(
        halves in prop::collection::vec((0..3u64, 0..3u64), 0..200),
        memory_bytes in prop_oneof![Just(0usize), Just(1usize << 20)],
    ) {
        let keys: Vec<_> = (0..)
            .zip(halves)
            .map(|(ordinal, (high, low))| (Key(u128::from(high) << 64 | u128::from(low)), ordinal))
            .collect();
        prop_assert_eq!(found(&keys, memory_bytes, 7, 2), expected(&keys));
    }
}

#[test]
fn many_spills_of_one_repeated_key_stay_small() {
    let mut index = UniqueIndex::new(0, None);
    let key = key_of(&[b"always the same"]);
    index
        .push((0..100_000).map(|ordinal| (key, ordinal)))
        .expect("spills");
    let spilled_entries = index.spilled_bytes() / 24;
    assert!(
        (10..=2_000).contains(&spilled_entries),
        "{spilled_entries} entries for one key"
    );
    let duplicates = index.finish(NonZero::<usize>::MIN).expect("merges");
    assert_eq!(duplicates.count(), 99_999);
    assert!(!duplicates.contains(0));
}

#[test]
fn large_runs_agree_on_several_threads() {
    let keys = numbered((0..300_000u32).map(|index| index.wrapping_mul(2_654_435_761) % 250_000));
    let expected = expected(&keys);
    for (memory_bytes, threads) in [(1 << 30, 1), (1 << 30, 3), (1 << 20, 1), (1 << 20, 2)] {
        assert_eq!(
            found(&keys, memory_bytes, 1_000, threads),
            expected,
            "{memory_bytes} {threads}"
        );
    }
}

#[test]
fn the_budget_holds() {
    let mut index = UniqueIndex::new(100_000, None);
    for batch in numbered(0..50_000).chunks(100) {
        index.push(batch.iter().copied()).expect("spills");
        let held: usize = index
            .partitions
            .iter()
            .map(|entries| entries.capacity() * 24)
            .sum();
        assert!(held <= 100_000, "{held} bytes");
    }
    assert!(index.spilled_bytes() > 1_000_000);
}

#[test]
fn a_full_disk_is_an_error_that_says_what_to_do() {
    let mut index = UniqueIndex::new(0, None);
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    index.spill = Some(Spill::in_file(full, spill_name(Path::new("/scratch"))));
    let error = index
        .push(numbered(0..10_000).into_iter())
        .expect_err("nothing can be written");
    let Error::Write { source, .. } = &error else {
        panic!("unexpected: {error:?}")
    };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    let text = error.to_string();
    assert!(
        text.starts_with("cannot write `spilled keys of `unique` in /scratch`: "),
        "{text}"
    );
    assert!(text.contains("set TMPDIR to a larger disk"), "{text}");
}

#[test]
fn a_missing_spill_folder_is_an_error_that_names_it() {
    let folder = tempfile::tempdir()
        .expect("a temporary folder")
        .path()
        .join("gone");
    let mut index = UniqueIndex::new(0, Some(folder.clone()));
    let error = index
        .push(numbered(0..10_000).into_iter())
        .expect_err("there is no such folder");
    assert!(
        error.to_string().contains(&folder.display().to_string()),
        "{error}"
    );
}

/// Goal: a budget beyond what the machine has is no reason to fail.
#[test]
fn a_budget_is_not_taken_before_it_is_needed() {
    let mut index = UniqueIndex::new(usize::MAX, None);
    let keys = (0..10_000u64).map(|row| (Key::of(&(row % 9_999).to_le_bytes()), row));
    index.push(keys).expect("memory only");
    let duplicates = index.finish(NonZero::<usize>::MIN).expect("memory only");
    assert_eq!(duplicates.count(), 1);
}
