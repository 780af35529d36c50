//! Goal: whatever happens in whatever order, of each key the last record stays, and nothing else than what was appended is read.

use nix::libc::EIO;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::batch::UNPACKED_BYTES_MAX;
use crate::testing::cases;

#[derive(Clone, Debug)]
enum Step {
    Append {
        pairs: Vec<Pair>,
        codec: u8,
    },
    Flush,
    /// With room for so many keys, and cut short after so many batches.
    Clean {
        keys: usize,
        batches: usize,
        after_ms: i64,
    },
    Reopen {
        is_trusted: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let pairs = vec((0..12_u8, prop::option::weighted(0.8, any::<u8>())), 1..9);
    let batches = prop_oneof![3 => Just(usize::MAX), 1 => 0..40_usize];
    let keys = prop_oneof![3 => Just(1000_usize), 1 => 1..12_usize];
    prop_oneof![
        12 => (pairs, any::<u8>()).prop_map(|(pairs, codec)| Step::Append { pairs, codec }),
        2 => Just(Step::Flush),
        3 => (keys, batches, 0..80_i64).prop_map(|(keys, batches, after_ms)| Step::Clean { keys, batches, after_ms }),
        1 => any::<bool>().prop_map(|is_trusted| Step::Reopen { is_trusted }),
    ]
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn of_each_key_the_last_record_stays(steps in vec(step(), 1..60)) {
        let folder = TempDir::new().expect("a folder");
        let mut log = open(folder.path(), 0);
        let mut model = Records::new();
        let mut now_ms = 1_000;
        // Behind all that a cleaning saw that was cut short: it may have gone further than the log is clean.
        let mut untouched = 0;
        for step in steps {
            match step {
                Step::Append { pairs, codec } => append(&log, &mut model, &pairs, codec, now_ms),
                Step::Flush => log.flush().expect("it is durable"),
                Step::Clean { keys, batches, after_ms } => {
                    now_ms += after_ms;
                    let cleaned = clean(&log, now_ms, keys, batches).expect("it is cleaned");
                    let found = read(&log, 0);
                    check(&found, &model, log.readable_offset());
                    match cleaned {
                        Some(_) => check_clean(&log, &found, &model, untouched),
                        None if batches < usize::MAX => untouched = log.readable_offset(),
                        None => {}
                    }
                }
                Step::Reopen { is_trusted } => {
                    log.close().expect("it closes");
                    let point = if is_trusted { log.durable_offset() } else { 0 };
                    let end = log.end_offset();
                    drop(log);
                    log = open(folder.path(), point);
                    prop_assert_eq!(log.end_offset(), end);
                }
            }
        }
        // Cleaned until nothing is left to do, and long after: the last values, and no tombstone.
        log.flush().expect("it is durable");
        log.lock_and_roll();
        for _ in 0..3 {
            while clean(&log, now_ms, 1000, usize::MAX).expect("it is cleaned").is_some() {}
            now_ms += 2 * RETENTION_MS;
        }
        let found = read(&log, 0);
        check_clean(&log, &found, &model, untouched);
        let last = last_of_keys(&model, i64::MAX);
        let values = last.into_values().filter(|it| it.1.is_some()).map(|it| it.0);
        prop_assert!(found.keys().copied().eq(values.collect::<std::collections::BTreeSet<_>>()));
        // Wherever somebody asks, what comes next is found.
        for offset in (0..log.end_offset()).step_by(11) {
            let next = read(&log, offset);
            prop_assert!(next.iter().eq(found.range(offset..)));
        }
        for (offset, (_, timestamp)) in found.iter().take(4) {
            let at = log.find_time(*timestamp, UNPACKED_BYTES_MAX).expect("it reads").expect("it is there");
            let first = found.iter().find(|it| it.1.1 >= *timestamp);
            prop_assert_eq!(Some(at.0), first.map(|it| *it.0), "asked for {}", offset);
        }
    }

    /// Goal: a power cut in the middle of a cleaning takes nothing that must stay, and brings nothing back.
    #[test]
    fn a_power_cut_takes_no_last_record(
        steps in vec(step(), 1..50),
        seed in any::<u64>(),
        fails_after in prop_oneof![2 => Just(u64::MAX), 3 => 0..40_u64],
        is_trusted in any::<bool>(),
    ) {
        let folder = TempDir::new().expect("a folder");
        let disk = Arc::new(LossyDisk::new(folder.path()));
        let files = || Files::on(disk.clone(), 4);
        let mut log = open_on(folder.path(), files(), 0);
        disk.fail(fails_after, EIO);
        let mut model = Records::new();
        let mut now_ms = 1_000;
        for step in steps {
            match step {
                Step::Append { pairs, codec } => append(&log, &mut model, &pairs, codec, now_ms),
                Step::Flush => drop(log.flush()),
                Step::Clean { keys, batches, after_ms } => {
                    now_ms += after_ms;
                    drop(clean(&log, now_ms, keys, batches));
                }
                Step::Reopen { .. } if log.close().is_ok() => {
                    let point = log.durable_offset();
                    drop(log);
                    let shared = Shared { files: files(), tails: Budget::new(65536) };
                    match Log::open(folder.path(), config(), &shared, point) {
                        Ok(opened) => log = opened.0,
                        // The one sync that fails.
                        Err(_) => log = open_on(folder.path(), files(), point),
                    }
                }
                Step::Reopen { .. } => {}
            }
        }
        let durable = log.durable_offset();
        let after = TempDir::new().expect("a folder");
        disk.crash(seed, after.path());
        let left = open(after.path(), if is_trusted { durable } else { 0 });
        // What was durable is damaged nowhere, whether or not it is trusted.
        let names = fs::read_dir(after.path()).expect("it is there").map(|it| it.expect("it is there").file_name());
        for name in names.filter_map(|it| it.into_string().ok()) {
            if let Some(offset) = name.strip_suffix(".damaged") {
                prop_assert!(offset.parse::<i64>().expect("an offset") >= durable, "{}", name);
            }
        }
        prop_assert!(left.end_offset() >= durable);
        // Where nothing was durable the log may begin anywhere.
        let start = left.start_offset();
        prop_assert!(start == 0 || durable == 0);
        let found = read(&left, start);
        check(&found, &model, durable);
        // It goes on: what is cleaned then is what it says it is.
        model.retain(|offset, _| found.contains_key(offset) || *offset < durable);
        let end = left.end_offset();
        left.lock_and_roll();
        clean(&left, now_ms, 1000, usize::MAX).expect("it is cleaned");
        let found = read(&left, start);
        check(&found, &model, i64::MAX);
        prop_assert_eq!(left.end_offset(), end);
    }
}
