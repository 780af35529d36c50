//! Dead letters of producers that number their records are there once, whatever happens in between.

use nix::libc::EIO;

use super::*;
use crate::disk::lossy::LossyDisk;

const LETTERS: [(&str, &str); 1] = [("tamis.on.invalid", "dead-letter")];

fn numbered(values: &[&str], sequence: i32) -> Bytes {
    let values: Vec<_> = values.iter().map(|it| Some(*it)).collect();
    packed_batch(&values, Compression::Lz4, (7, 0, sequence))
}

fn bad(number: usize) -> String {
    format!(r#"{{"id": "TX{number}", "amount": 0}}"#)
}

#[test]
fn a_batch_that_was_not_written_behind_its_dead_letters_comes_again() {
    let trial = Trial::new().with_orders(&LETTERS);
    let batch = numbered(&[GOOD, BAD], 0);
    // As if the process ended between the two: the source takes nothing, and the dead letters do.
    let before = TempDir::new().expect("a folder");
    copied(trial._folder.path(), before.path());
    assert_eq!(trial.send(batch.clone()).error_code, 0);
    let letters = trial._folder.path().join("logs/orders.dlq-1");
    let target = before.path().join("logs/orders.dlq-1");
    trial.log("orders.dlq", 1).flush().expect("it is durable");
    copied(&letters, &target);
    let after = Trial::again(before, Arc::new(RealDisk));
    assert_eq!(after.read("orders", 1).len(), 0);
    assert_eq!(after.read("orders.dlq", 1).len(), 1);
    for _ in 0..2 {
        let again = after.send(batch.clone());
        assert_eq!((again.error_code, again.base_offset), (0, 0));
    }
    assert_eq!(values(&after.read("orders", 1)), [GOOD]);
    assert_eq!(values(&after.read("orders.dlq", 1)), [BAD]);
}

#[test]
fn dead_letters_that_a_power_cut_took_are_written_again() {
    let trial = Trial::new().with_orders(&LETTERS);
    let before = TempDir::new().expect("a folder");
    copied(trial._folder.path(), before.path());
    let batch = numbered(&[GOOD, BAD], 0);
    assert_eq!(trial.send(batch.clone()).error_code, 0);
    let source = trial._folder.path().join("logs/orders-1");
    copied(&source, &before.path().join("logs/orders-1"));
    let after = Trial::again(before, Arc::new(RealDisk));
    assert_eq!(after.read("orders", 1).len(), 1);
    assert_eq!(after.read("orders.dlq", 1).len(), 0);
    assert_eq!(after.send(batch.clone()).error_code, 0);
    assert_eq!(after.send(batch).error_code, 0);
    assert_eq!(values(&after.read("orders", 1)), [GOOD]);
    assert_eq!(values(&after.read("orders.dlq", 1)), [BAD]);
}

#[test]
fn numbers_of_dead_letters_jump_and_go_round() {
    let trial = Trial::new().with_orders(&LETTERS);
    // Good ones in between, over the end of numbers, in a new epoch, and after a restart.
    let mut sequence = i32::MAX - 4;
    let mut expected = Vec::new();
    let mut trial = trial;
    for round in 0..12 {
        let bad = bad(round);
        let values = [GOOD, &bad, GOOD];
        let batch = numbered(if round % 3 == 1 { &[GOOD; 3] } else { &values }, sequence);
        for _ in 0..2 {
            assert_eq!(trial.send(batch.clone()).error_code, 0);
            if round % 4 == 2 {
                trial = killed(&trial);
            }
        }
        if round % 3 != 1 {
            expected.push(bad);
        }
        sequence = crate::batch::after(sequence, 3);
    }
    let next_epoch = packed_batch(&[Some(BAD)], Compression::None, (7, 1, 0));
    for _ in 0..2 {
        assert_eq!(trial.send(next_epoch.clone()).error_code, 0);
    }
    expected.push(BAD.to_owned());
    let old_epoch = trial.send(numbered(&[BAD], sequence));
    assert_eq!(
        old_epoch.error_code,
        ResponseError::InvalidProducerEpoch.code()
    );
    assert_eq!(values(&trial.read("orders.dlq", 1)), expected);
    // What is removed takes no number with it.
    let log = trial.log("orders.dlq", 1);
    log.delete_before(log.end_offset()).expect("they go");
    assert_eq!(trial.send(next_epoch).error_code, 0);
    assert_eq!(trial.read("orders.dlq", 1).len(), 0);
}

#[test]
fn by_another_contract_dead_letters_are_others() {
    let trial = Trial::new().with_orders(&LETTERS);
    let before = TempDir::new().expect("a folder");
    copied(trial._folder.path(), before.path());
    let (five, small) = (
        r#"{"id": "five", "amount": 5}"#,
        r#"{"id": "small", "amount": 0}"#,
    );
    let batch = numbered(&[five, small], 0);
    assert_eq!(trial.send(batch.clone()).error_code, 0);
    copied(
        &trial._folder.path().join("logs/orders.dlq-1"),
        &before.path().join("logs/orders.dlq-1"),
    );
    let after = Trial::again(before, Arc::new(RealDisk));
    after.set(&[(
        "tamis.contract",
        &ORDERS.replace("minimum: 1", "maximum: 4"),
    )]);
    for _ in 0..2 {
        assert_eq!(after.send(batch.clone()).error_code, 0);
    }
    // `five` came first in the batch, and is not taken for one that was there.
    assert_eq!(values(&after.read("orders", 1)), [small]);
    assert_eq!(values(&after.read("orders.dlq", 1)), [small, five]);
}

#[test]
fn nobody_is_told_before_the_dead_letters_are_durable() {
    for acks in [1, -1] {
        let folder = TempDir::new().expect("a folder");
        let disk = Arc::new(LossyDisk::new(folder.path()));
        let trial = Trial::again(folder, disk.clone()).with_orders(&LETTERS);
        assert_eq!(
            trial.send_to("orders", &[(1, numbered(&[GOOD, BAD], 0))], acks)[0].error_code,
            0
        );
        let after = reopened(&disk, 1);
        assert_eq!(values(&after.read("orders.dlq", 1)), [BAD]);
        // One that cannot be made durable is an error, whatever was asked for.
        disk.fail(0, EIO);
        let failed = trial.send_to("orders", &[(1, numbered(&[GOOD, BAD], 2))], acks);
        assert_eq!(
            failed[0].error_code,
            ResponseError::KafkaStorageError.code()
        );
    }
}

/// A producer sends batch after batch and repeats what it heard nothing of, over power cuts at any moment: every record is there once, in its
/// topic or among the dead letters.
#[test]
fn power_cuts_lose_and_double_nothing() {
    for seed in 0..25 * u64::from(soak_factor()) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let folder = TempDir::new().expect("a folder");
        let mut disk = Arc::new(LossyDisk::new(folder.path()));
        let mut trial = Trial::again(folder, disk.clone()).with_orders(&LETTERS);
        let mut sequence = 0;
        let (mut good, mut letters) = (Vec::new(), Vec::new());
        for number in 0..12 {
            let texts: Vec<String> = (0..rng.usize(1..6))
                .map(|it| match rng.bool() {
                    true => bad(number * 10 + it),
                    false => format!(r#"{{"id": "TX{}", "amount": 9}}"#, number * 10 + it),
                })
                .collect();
            let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
            let batch = numbered(&refs, sequence);
            if rng.u8(..3) == 0 {
                // It goes while this batch is on its way; nobody hears what became of it.
                disk.die_after(rng.u64(0..6));
                trial.send(batch.clone());
                let left = TempDir::new().expect("a folder");
                disk.crash(rng.u64(..), left.path());
                disk = Arc::new(LossyDisk::new(left.path()));
                trial = Trial::again(left, disk.clone());
            }
            assert_eq!(trial.send(batch).error_code, 0, "{seed} {number}");
            sequence += texts.len() as i32;
            for text in texts {
                match text.ends_with("9}") {
                    true => good.push(text),
                    false => letters.push(text),
                }
            }
        }
        assert_eq!(values(&trial.read("orders", 1)), good, "{seed}");
        assert_eq!(values(&trial.read("orders.dlq", 1)), letters, "{seed}");
    }
}
