//! What producers repeat after a power cut that took records and left some behind them.

use proptest::test_runner::TestCaseError;

use super::*;
use crate::log::producers::{BadSequence::OutOfOrder, Gaps};

/// Two batches of so many bytes are in a segment.
const VALUE_BYTES: usize = 850;

const PRODUCER: i64 = 7;
const LETTERS: i64 = DEAD_LETTERS_FROM | PRODUCER;

/// A batch of one record, which has this number.
fn one(producer_id: i64, number: i32) -> Bytes {
    let mut builder = BatchBuilder::new(1000).producer(producer_id, 0, number);
    builder.push(1000, None, Some(&[b'x'; VALUE_BYTES]));
    builder.finish().into()
}

fn append(log: &Log, producer_id: i64, number: i32) -> Result<Appended> {
    log.append(one(producer_id, number), 0, 5)
}

/// Appends dead letters, of a batch that comes for the first time since the start; whether they were not there.
fn offer(log: &Log, number: i32, came: Came) -> bool {
    let letters = Checked::own(one(LETTERS, number)).expect("a batch");
    let appended = log.append_letters(letters, 5, came);
    !appended.expect("they are taken").is_duplicate
}

/// Numbers of all batches of a producer that are there, in their order.
fn numbers_of(log: &Log, producer_id: i64) -> Vec<i32> {
    log.flush().expect("it is durable");
    let mut found = Vec::new();
    let segments = log.segments.load();
    for segment in segments.iter() {
        let scan = segment.scan(0..segment.readable_bytes(), 1 << 20);
        let mut scan = scan.expect("it is there");
        while let Some((_, header)) = scan.next_header().expect("batches") {
            if header.producer_id == producer_id {
                found.push(header.base_sequence);
            }
        }
    }
    found
}

/// Cuts the first segment off behind its first batch, as a power cut may.
fn cut_first_segment(folder: &TempDir, first: &Bytes) {
    let path = folder.path().join("00000000000000000000.log");
    let file = fs::OpenOptions::new().write(true).open(path);
    let file = file.expect("it is there");
    assert_eq!(
        file.metadata().expect("it is there").len(),
        2 * first.len() as u64
    );
    file.set_len(first.len() as u64).expect("it is cut");
}

#[test]
fn a_batch_that_was_lost_is_taken_though_a_snapshot_knows_it() {
    let folder = TempDir::new().expect("a folder");
    let (log, _) = open(&folder, small());
    for (producer_id, number) in [(PRODUCER, 0), (PRODUCER, 1), (8, 0)] {
        append(&log, producer_id, number).expect("it is appended");
    }
    drop(log);
    cut_first_segment(&folder, &one(PRODUCER, 0));
    // Also at the second start, to which nothing of it is news.
    let (_, recovery) = open(&folder, small());
    assert_eq!(recovery.damaged.len(), 1);
    let (log, recovery) = open(&folder, small());
    assert_eq!(recovery.damaged.len(), 0);
    let first = append(&log, PRODUCER, 0).expect("it is there");
    assert_eq!((first.is_duplicate, first.base_offset), (true, 0));
    for is_duplicate in [false, true] {
        let lost = append(&log, PRODUCER, 1).expect("it is the next");
        assert_eq!((lost.is_duplicate, lost.base_offset), (is_duplicate, 3));
    }
    assert_eq!(numbers_of(&log, PRODUCER), [0, 1]);
}

#[test]
fn a_segment_that_was_lost_whole_takes_with_it_what_is_remembered_of_it() {
    let folder = TempDir::new().expect("a folder");
    let (log, _) = open(&folder, small());
    for (producer_id, number) in [(PRODUCER, 0), (PRODUCER, 1), (8, 0)] {
        append(&log, producer_id, number).expect("it is appended");
    }
    drop(log);
    let first = folder.path().join("00000000000000000000.log");
    fs::remove_file(first).expect("it is there");
    let (log, _) = open(&folder, small());
    for number in 0..2 {
        let lost = append(&log, PRODUCER, number).expect("it is the next");
        assert!(!lost.is_duplicate);
    }
    // What was removed in order is remembered.
    log.flush().expect("it is durable");
    log.delete_before(4).expect("it goes");
    drop(log);
    let (log, _) = open(&folder, small());
    assert!(log.segments.load()[0].base_offset > 2);
    let again = append(&log, PRODUCER, 0).expect("it is known");
    assert!(again.is_duplicate);
}

/// Goal: more dead letters of one batch than are remembered, one of which was lost, are there once each.
#[test]
fn dead_letters_that_were_lost_before_all_that_are_remembered_are_written_again() {
    let folder = TempDir::new().expect("a folder");
    let (log, _) = open(&folder, small());
    let firsts = [0, 10, 20, 30, 40, 50, 60, 70];
    let offer_all = |log: &Log| firsts.map(|it| offer(log, it, Came::default()));
    assert_eq!(offer_all(&log), [true; 8]);
    drop(log);
    cut_first_segment(&folder, &one(LETTERS, 0));
    let (log, _) = open(&folder, small());
    let lost = [false, true, false, false, false, false, false, false];
    assert_eq!(offer_all(&log), lost);
    drop(log);
    let (log, _) = open(&folder, small());
    assert_eq!(offer_all(&log), [false; 8]);
    assert_eq!(numbers_of(&log, LETTERS), [0, 20, 30, 40, 50, 60, 70, 10]);
}

/// A power cut with batches on the way.
#[derive(Clone, Debug)]
struct Outage {
    /// Of each batch that comes before, how many of dead letters it has, and whether it is durable before the next comes.
    batches: Vec<(usize, bool)>,
    seed: u64,
    /// Whether the log that they come from has those that are on the way.
    is_again: bool,
}

fn outage() -> impl Strategy<Value = Outage> {
    let batches = prop::collection::vec((1..9_usize, prop::bool::weighted(0.3)), 1..12);
    (batches, any::<u64>(), any::<bool>()).prop_map(|(batches, seed, is_again)| Outage {
        batches,
        seed,
        is_again,
    })
}

/// A log on a disk that can lose its power.
struct Powered {
    folder: TempDir,
    disk: Arc<LossyDisk>,
    log: Log,
}

impl Powered {
    fn on(folder: TempDir) -> Powered {
        let disk = Arc::new(LossyDisk::new(folder.path()));
        let on_disk = Shared {
            files: Files::on(disk.clone(), 4),
            tails: Budget::new(16000),
        };
        let opened = Log::open(folder.path(), small(), &on_disk, 0);
        let (log, _) = opened.expect("it opens");
        Powered { folder, disk, log }
    }

    fn cut(&self, seed: u64) -> Powered {
        let left = TempDir::new().expect("a folder");
        self.disk.crash(seed, left.path());
        assert!(self.folder.path() != left.path());
        Powered::on(left)
    }
}

/// Batches that may be on the way: what a producer may have.
const ON_THE_WAY_MAX: usize = 5;

proptest! {
    #![proptest_config(cases(128))]
    /// Goal: dead letters that a producer's batches have are there once each, whatever a power cut takes of those on the way.
    #[test]
    fn dead_letters_are_there_once(outages in prop::collection::vec(outage(), 1..4)) {
        let mut powered = Powered::on(TempDir::new().expect("a folder"));
        let mut next = 0;
        let mut taken = 0;
        for Outage { batches, seed, is_again } in outages {
            let mut on_the_way = Vec::new();
            for (count, is_durable) in batches {
                let numbers: Vec<i32> = (next..).take(count).collect();
                let came = Came { is_again: false, behind: taken };
                for number in &numbers {
                    prop_assert!(offer(&powered.log, *number, came));
                }
                next += count as i32;
                taken += count as u64;
                on_the_way.push(numbers);
                if is_durable || on_the_way.len() == ON_THE_WAY_MAX {
                    powered.log.flush().expect("it is durable");
                    on_the_way.clear();
                }
            }
            powered = powered.cut(seed);
            taken = 0;
            for numbers in on_the_way {
                let came = Came { is_again, behind: taken };
                for number in &numbers {
                    offer(&powered.log, *number, came);
                }
                if !is_again {
                    taken += numbers.len() as u64;
                }
            }
            powered.log.flush().expect("it is durable");
        }
        let mut found = numbers_of(&powered.log, LETTERS);
        found.sort_unstable();
        prop_assert_eq!(found, (0..next).collect::<Vec<_>>());
    }

    /// Goal: what a producer is told to be there is there, once.
    #[test]
    fn what_is_acknowledged_is_there_once(outages in prop::collection::vec(outage(), 1..4)) {
        let mut powered = Powered::on(TempDir::new().expect("a folder"));
        let mut producer_id = 0;
        let mut acknowledged = Vec::new();
        let mut next = 0;
        for Outage { batches, seed, .. } in outages {
            let mut on_the_way = Vec::new();
            for (_, is_durable) in batches {
                append(&powered.log, producer_id, next).expect("it is the next");
                on_the_way.push(next);
                next += 1;
                if is_durable || on_the_way.len() == ON_THE_WAY_MAX {
                    powered.log.flush().expect("it is durable");
                    acknowledged.extend(on_the_way.drain(..).map(|it| (producer_id, it)));
                }
            }
            powered = powered.cut(seed);
            for number in on_the_way {
                match append(&powered.log, producer_id, number) {
                    Ok(_) => acknowledged.push((producer_id, number)),
                    // It was lost before another that is there; what else is on the way is its own affair.
                    Err(Error::Sequence(OutOfOrder { .. })) => {
                        prop_assert_eq!(powered.log.lock().producers.gaps, Gaps::Yes);
                        producer_id += 1;
                        next = 0;
                        break;
                    }
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                }
            }
            powered.log.flush().expect("it is durable");
        }
        for producer in 0..=producer_id {
            let mut found = numbers_of(&powered.log, producer);
            found.sort_unstable();
            let count = found.len();
            found.dedup();
            prop_assert_eq!(found.len(), count, "there twice");
            let told = acknowledged.iter().filter(|it| it.0 == producer);
            prop_assert!(told.clone().all(|it| found.contains(&it.1)), "lost");
        }
    }
}
