//! What is left of a log after a power cut.

use super::*;

/// What happens to a log.
#[derive(Clone, Copy, Debug)]
enum Step {
    Append { count: i64, value_bytes: usize },
    Flush,
    DeleteBefore,
    Retain,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..10_i64, 0..400_usize).prop_map(|(count, value_bytes)| Step::Append { count, value_bytes }),
        3 => Just(Step::Flush),
        1 => Just(Step::DeleteBefore),
        1 => Just(Step::Retain),
        1 => Just(Step::Close),
    ]
}

proptest! {
    #![proptest_config(cases(128))]
    /// Goal: whatever a power cut takes, what was durable is there, and nothing else than what was appended.
    #[test]
    fn a_power_cut_takes_nothing_that_was_durable(
        steps in prop::collection::vec(step(), 1..40),
        seed in any::<u64>(),
        fails_after in prop_oneof![3 => Just(u64::MAX), 1 => 0..20_u64],
        is_trusted in any::<bool>(),
    ) {
        let folder = TempDir::new().expect("a folder");
        let disk = Arc::new(LossyDisk::new(folder.path()));
        let on_disk = Shared { files: Files::on(disk.clone(), 4), tails: Budget::new(16000) };
        let mut config = small();
        config.retention_bytes = Some(5000);
        let (log, _) = Log::open(folder.path(), config.clone(), &on_disk, 0).expect("it opens");
        disk.fail(fails_after, EIO);
        let mut next = 0;
        // The first that may be asked for: a start that was told of, or is about to be.
        let mut start = 0;
        for step in steps {
            match step {
                Step::Append { count, value_bytes } => {
                    if log.append(batch(next, count, value_bytes), 0, 5).is_ok() {
                        next += count;
                    }
                }
                Step::Flush => drop(log.flush()),
                Step::DeleteBefore => {
                    let before = log.start_offset().midpoint(log.readable_offset());
                    start = start.max(before);
                    drop(log.delete_before(before));
                }
                Step::Retain => {
                    drop(log.retain(6));
                    start = start.max(log.start_offset());
                }
                Step::Close => drop(log.close()),
            }
            prop_assert!(log.readable_offset() <= log.durable_offset());
        }
        let durable = log.durable_offset();
        let after = TempDir::new().expect("a folder");
        disk.crash(seed, after.path());
        let point = if is_trusted { durable } else { 0 };
        let (left, _) = Log::open(after.path(), config, &shared(), point).expect("it opens");
        prop_assert!(left.end_offset() >= durable && left.end_offset() <= next);
        let from = start.max(left.start_offset());
        // Where nothing was durable the log may begin anywhere.
        let is_early = left.start_offset() <= start.max(log.start_offset());
        prop_assert!(is_early || durable <= start);
        let read = read_all(&left, from, 1 << 20);
        prop_assert!(read.iter().all(|(offset, number)| offset == number));
        let kept: Vec<_> = read.into_iter().filter(|(offset, _)| *offset < durable).collect();
        prop_assert_eq!(kept, numbers(from..durable));
        let appended = left.append(batch(left.end_offset(), 1, 0), 0, 5).expect("it goes on");
        prop_assert_eq!(appended.next_offset, left.end_offset());
    }
}
