//! Whether a batch is the next, or a repetition.

use super::*;
use crate::batch::BatchBuilder;

/// The header of a batch of dead letters of so many records, the first of which has this number.
fn letters(first: i32, count: usize) -> Header {
    let mut batch = BatchBuilder::new(5).producer(DEAD_LETTERS_FROM | 7, 0, first);
    (0..count).for_each(|_| batch.push(5, None, None));
    Header::read(&batch.finish()).expect("it is a header")
}

fn is_next(producers: &Producers, first: i32) -> bool {
    let verdict = producers.check(&letters(first, 2), Came::default());
    verdict.expect("its epoch is not over") == Verdict::Next
}

#[test]
fn dead_letters_are_known_by_their_first_number() {
    let mut producers = Producers::default();
    let firsts = [
        i32::MAX - 50,
        i32::MAX - 1,
        30,
        70,
        1_000_000,
        1_000_010,
        1_000_012,
    ];
    for (index, first) in firsts.iter().enumerate() {
        assert!(is_next(&producers, *first), "{first}");
        producers.note(&letters(*first, 2), 0, Came::default());
        // All that came before are here, whether they are remembered or not.
        assert!(firsts[..=index].iter().all(|it| !is_next(&producers, *it)));
    }
}

#[test]
fn dead_letters_that_a_power_cut_took_before_others_are_missing() {
    let mut producers = Producers::default();
    for first in [10, 30] {
        producers.note(&letters(first, 2), 0, Came::default());
    }
    // 20 was lost, and so was what came before 10, or else it would be remembered.
    assert!(is_next(&producers, 20) && is_next(&producers, 5));
    producers.note(&letters(20, 2), 0, Came::default());
    assert!([10, 20, 30].iter().all(|it| !is_next(&producers, *it)));
    for first in [40, 50] {
        producers.note(&letters(first, 2), 0, Came::default());
    }
    assert!(!is_next(&producers, 5));
    assert!(is_next(&producers, 45) && is_next(&producers, 60));
}

/// Dead letters whose batches came one by one, with so many records taken before each.
fn taken(came: &[(u64, i32)]) -> Producers {
    let mut producers = Producers::default();
    for (behind, first) in came {
        let came = Came {
            is_again: false,
            behind: *behind,
        };
        let verdict = producers.check(&letters(*first, 2), came);
        assert_eq!(verdict, Ok(Verdict::Next), "{first}");
        producers.note(&letters(*first, 2), 0, came);
    }
    producers
}

#[test]
fn what_comes_when_numbers_have_gone_round_is_not_here() {
    let round = 1_u64 << 31;
    let before = [100, 110, 120, 130, 140].map(|it| (it as u64, it));
    let mut producers = taken(&before);
    let check = |producers: &Producers, first, is_again, behind| {
        let verdict = producers.check(&letters(first, 2), Came { is_again, behind });
        verdict.expect("its epoch is not over") != Verdict::Next
    };
    for first in [0, 90, 110] {
        // All that are remembered lie a little ahead, and were taken long ago.
        assert!(!check(&producers, first, false, round + first as u64));
        // What the other log has already was offered before, and found its place.
        assert!(check(&producers, first, true, 150));
    }
    // What was here at the start may be of batches that the other log lost, until it has taken more than that.
    producers.start();
    for first in [0, 90, 110] {
        assert!(check(&producers, first, false, 0));
        assert!(!check(&producers, first, false, round + first as u64));
    }
}

#[test]
fn a_batch_whose_dead_letters_are_many_is_known_when_it_comes_again() {
    // The other log did not append it behind them, and has taken nothing of this producer meanwhile.
    let came = Came {
        is_again: false,
        behind: 40,
    };
    let firsts = [40, 50, 60, 70, 80, 90, 100];
    let cut = firsts.map(|it| (40, it));
    let producers = taken(&[&[(7, 7)], &cut[..]].concat());
    for first in firsts {
        let verdict = producers.check(&letters(first, 2), came);
        assert!(matches!(verdict, Ok(Verdict::Duplicate(_))), "{first}");
    }
    let verdict = producers.check(&letters(110, 2), came);
    assert_eq!(verdict, Ok(Verdict::Next));
}

#[test]
fn refused_producers_take_no_memory_without_an_end() {
    let batch = |producer_id: i64, first: i32| {
        let mut batch = BatchBuilder::new(5).producer(producer_id, 0, first);
        batch.push(5, None, None);
        Header::read(&batch.finish()).expect("it is a header")
    };
    let mut producers = Producers::default();
    for producer_id in 0..10_000 {
        producers.refuse(&batch(producer_id, 0));
    }
    let check = |producer_id| producers.check(&batch(producer_id, 1), Came::default());
    assert!(check(0).is_err(), "the first of it is awaited");
    assert_eq!(check(9_999).expect("any number is taken"), Verdict::Next);
}
