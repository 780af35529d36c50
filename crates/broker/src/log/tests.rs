//! The log against a list of what was appended.

mod power_cut;
mod repeated;

use std::fs;
use std::os::unix::fs::FileExt;

use nix::libc::EIO;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::batch::{BatchBuilder, HEADER_BYTES, Records, UNPACKED_BYTES_MAX, split};
use crate::disk::lossy::LossyDisk;
use crate::testing::cases;

fn shared() -> Shared {
    Shared {
        files: Files::new(16),
        tails: Budget::new(65536),
    }
}

fn small() -> LogConfig {
    LogConfig {
        segment_bytes: 2000,
        retention_ms: None,
        ..LogConfig::default()
    }
}

fn open(folder: &TempDir, config: LogConfig) -> (Log, Recovery) {
    Log::open(folder.path(), config, &shared(), 0).expect("it opens")
}

fn batch(first: i64, count: i64, value_bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(1000 + first);
    for number in first..first + count {
        let mut value = number.to_be_bytes().to_vec();
        value.resize(8 + value_bytes, b'x');
        builder.push(1000 + number, None, Some(&value));
    }
    builder.finish().into()
}

fn numbered(first: i32, count: i32, epoch: i16) -> Bytes {
    let mut builder = BatchBuilder::new(1000).producer(9, epoch, first);
    for _ in 0..count {
        builder.push(1000, None, Some(b"value"));
    }
    builder.finish().into()
}

/// All records from `offset` on: offsets, and the numbers that stand in the values.
fn read_all(log: &Log, mut offset: i64, bytes_max: u64) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    loop {
        let bytes = match log.fetch(offset, bytes_max).expect("it reads") {
            Fetched::Nothing => return found,
            Fetched::Memory(pieces) => pieces.concat(),
            Fetched::File(range) => {
                let mut bytes = vec![0; range.len_bytes as usize];
                range
                    .file
                    .read_exact_at(&mut bytes, range.position)
                    .expect("it is there");
                bytes
            }
        };
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (header, whole, behind) = split(rest).expect("whole batches");
            Header::check(whole).expect("valid batches");
            let records = Records::new(&whole[HEADER_BYTES..], header.record_count as usize);
            for record in records {
                let record = record.expect("valid records");
                let at = header.base_offset + i64::from(record.offset_delta);
                if at >= offset {
                    let value = record.value.expect("a value");
                    let number = value.first_chunk().map_or(0, |it| i64::from_be_bytes(*it));
                    found.push((at, number));
                }
            }
            rest = behind;
            offset = offset.max(header.next_offset());
        }
    }
}

fn numbers(range: std::ops::Range<i64>) -> Vec<(i64, i64)> {
    range.map(|it| (it, it)).collect()
}

proptest! {
    #![proptest_config(cases(48))]
    #[test]
    fn what_was_appended_is_read(
        counts in prop::collection::vec((1..20_i64, 0..300_usize), 1..40),
        from in any::<prop::sample::Index>(),
        bytes_max in 1..5000_u64,
        is_reopened in any::<bool>(),
    ) {
        let folder = TempDir::new().expect("a folder");
        let (mut log, _) = open(&folder, small());
        let mut next = 0;
        for (count, value_bytes) in counts {
            let appended = log.append(batch(next, count, value_bytes), 0, 5).expect("it is appended");
            prop_assert_eq!((appended.base_offset, appended.next_offset), (next, next + count));
            next += count;
        }
        prop_assert_eq!(log.readable_offset(), 0);
        log.flush().expect("it is durable");
        prop_assert_eq!(log.durable_offset(), next);
        if is_reopened {
            drop(log);
            let (opened, recovery) = open(&folder, small());
            prop_assert_eq!(recovery.torn_bytes, 0);
            prop_assert!(recovery.damaged.is_empty());
            log = opened;
        }
        let from = from.index(next as usize) as i64;
        prop_assert_eq!(read_all(&log, from, bytes_max), numbers(from..next));
        let found = log.find_time(1000 + from, UNPACKED_BYTES_MAX).expect("it reads").expect("there is one");
        prop_assert_eq!(found, (from, 1000 + from));
        prop_assert!(log.find_time(1000 + next, UNPACKED_BYTES_MAX).expect("it reads").is_none());
    }

    #[test]
    fn a_cut_anywhere_loses_the_end_alone(cut in any::<prop::sample::Index>(), garbage in prop::collection::vec(any::<u8>(), 0..40)) {
        let folder = TempDir::new().expect("a folder");
        let (log, _) = open(&folder, LogConfig::default());
        let mut ends = vec![0_u64];
        for first in (0..20).step_by(2) {
            let batch = batch(first, 2, 30);
            ends.push(ends.last().unwrap() + batch.len() as u64);
            log.append(batch, 0, 5).expect("it is appended");
        }
        drop(log);
        let path = folder.path().join("00000000000000000000.log");
        let cut = cut.index(*ends.last().unwrap() as usize) as u64;
        let file = fs::OpenOptions::new().write(true).open(&path).expect("it is there");
        file.set_len(cut).expect("it is cut");
        file.write_all_at(&garbage, cut).expect("it is written");
        let (log, recovery) = open(&folder, LogConfig::default());
        let whole = ends.iter().filter(|&&end| end > 0 && end <= cut).count() as i64;
        prop_assert_eq!(read_all(&log, 0, 1 << 20), numbers(0..whole * 2));
        prop_assert!(recovery.damaged.is_empty());
        let appended = log.append(batch(whole * 2, 1, 0), 0, 5).expect("it goes on");
        prop_assert_eq!(appended.base_offset, whole * 2);
    }

    #[test]
    fn a_flipped_bit_is_set_aside_and_told(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let folder = TempDir::new().expect("a folder");
        let (log, _) = open(&folder, LogConfig::default());
        let one = batch(0, 2, 30).len();
        for first in (0..20).step_by(2) {
            log.append(batch(first, 2, 30), 0, 5).expect("it is appended");
        }
        drop(log);
        let path = folder.path().join("00000000000000000000.log");
        let mut bytes = fs::read(&path).expect("it is there");
        // An epoch of another leader is no damage.
        let at = at.index(one * 10);
        prop_assume!(!(12..STAMP_BYTES).contains(&(at % one)));
        bytes[at] ^= 1 << bit;
        fs::write(&path, &bytes).expect("it is written");
        let (log, recovery) = open(&folder, LogConfig::default());
        let lost = (at / one) as i64 * 2;
        let expected: Vec<_> = numbers(0..20).into_iter().filter(|(it, _)| !(lost..lost + 2).contains(it)).collect();
        prop_assert_eq!(read_all(&log, 0, 1 << 20), expected);
        if lost == 18 && at % one < 8 {
            // It is whole, but nobody knows where it belongs.
            let [damaged] = recovery.damaged.as_slice() else { panic!("{recovery:?}") };
            prop_assert_eq!((damaged.offset, damaged.next_offset), (18, 18));
        } else if lost == 18 {
            // The last bytes of a batch may be zeros, as those behind it are.
            prop_assert!(recovery.torn_bytes > 0 && recovery.torn_bytes <= one as u64);
        } else {
            let [damaged] = recovery.damaged.as_slice() else { panic!("{recovery:?}") };
            prop_assert_eq!((damaged.offset, damaged.next_offset), (lost, lost + 2));
            prop_assert_eq!(fs::read(&damaged.path).expect("it is kept"), &bytes[lost as usize / 2 * one..][..one]);
            // And the next start finds nothing more.
            drop(log);
            let (log, recovery) = open(&folder, LogConfig::default());
            prop_assert!(recovery.damaged.is_empty());
            prop_assert_eq!(log.end_offset(), 20);
        }
    }
}

/// Goal: half an offset is not taken for one. What a power cut leaves of a batch is its second sector, with the checksum.
#[test]
fn an_offset_of_which_a_sector_is_lost_is_not_believed() {
    let one = batch(0, 1, 0).len();
    // The offset of the batch behind the first two ends where a sector does, then before and behind that.
    for cut in [1, 7, 8, 11] {
        for followers in [0, 1] {
            let folder = TempDir::new().expect("a folder");
            let (log, _) = open(&folder, small());
            // Two lengths in it take a byte more each.
            let first = batch(0, 1, 512 - cut - 2 * one - 2);
            assert_eq!(first.len() + one, 512 - cut);
            log.append(first, 0, 5).expect("it is appended");
            for number in 1..3 + followers {
                log.append(batch(number, 1, 0), 0, 5)
                    .expect("it is appended");
            }
            log.close().expect("it closes");
            let path = log.segments.load()[0].path().to_owned();
            drop(log);
            let file = fs::OpenOptions::new()
                .write(true)
                .open(&path)
                .expect("it is there");
            file.write_all_at(&[0; 512], 0).expect("it is written");
            let (log, recovery) = open(&folder, small());
            let left = match followers {
                0 => vec![],
                // What follows on it says that its offset is whole; where half of it is lost it does not.
                _ if cut < 8 => numbers(2..4),
                _ => numbers(3..4),
            };
            assert_eq!(
                read_all(&log, log.start_offset(), 5000),
                left,
                "{cut} {followers}"
            );
            assert_eq!(recovery.damaged.len(), 1, "{cut} {followers}: {recovery:?}");
        }
    }
}

/// Goal: what the next segment shows to be missing is told, once, whether or not bytes are left of it.
#[test]
fn the_end_of_a_segment_in_the_middle_is_missed() {
    let one = batch(0, 1, 100).len() as u64;
    let count = 2000 / one as i64;
    for (length, is_flipped) in [
        (one * 3, false),
        (one * 3 + 69, false),
        (0, false),
        (one * 4, true),
    ] {
        let folder = TempDir::new().expect("a folder");
        let (log, _) = open(&folder, small());
        for number in 0..count + 2 {
            log.append(batch(number, 1, 100), 0, 5)
                .expect("it is appended");
        }
        log.close().expect("it closes");
        let path = log.segments.load()[0].path().to_owned();
        assert_eq!(log.segments.load()[1].base_offset, count);
        drop(log);
        let file = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .expect("it is there");
        file.set_len(length).expect("it is cut");
        if is_flipped {
            file.write_all_at(&[7], length - 20).expect("it is written");
        }
        let (log, recovery) = open(&folder, small());
        let left = ((length - u64::from(is_flipped)) / one) as i64;
        let expected = [numbers(0..left), numbers(count..count + 2)].concat();
        assert_eq!(read_all(&log, 0, 1 << 20), expected);
        let [damaged] = recovery.damaged.as_slice() else {
            panic!("{recovery:?}")
        };
        assert_eq!((damaged.offset, damaged.next_offset), (left, count));
        // The last byte of a batch is a zero, as what is set aside behind it.
        let zeros = u64::from(is_flipped);
        assert_eq!(damaged.len_bytes, length - left as u64 * one - zeros);
        assert_eq!(recovery.torn_bytes, 0);
        drop(log);
        let (_, recovery) = open(&folder, small());
        assert_eq!(recovery.damaged, []);
    }
}

#[test]
fn a_repeated_batch_gets_the_offset_it_had() {
    let folder = TempDir::new().expect("a folder");
    let (log, _) = open(&folder, LogConfig::default());
    let first = log.append(numbered(0, 3, 0), 0, 5).expect("the first");
    let second = log.append(numbered(3, 2, 0), 0, 5).expect("the next");
    let again = log
        .append(numbered(0, 3, 0), 0, 5)
        .expect("the first again");
    assert!(again.is_duplicate);
    assert_eq!(again.base_offset, first.base_offset);
    assert_eq!((second.base_offset, log.end_offset()), (3, 5));
    let gap = log.append(numbered(7, 1, 0), 0, 5);
    assert!(matches!(
        gap,
        Err(Error::Sequence(BadSequence::OutOfOrder {
            found: 7,
            last: 4,
            ..
        }))
    ));
    // The same after a crash, and after an orderly end.
    for is_closed in [false, true] {
        if is_closed {
            let (log, _) = open(&folder, LogConfig::default());
            log.close().expect("it closes");
        }
        let (log, _) = open(&folder, LogConfig::default());
        let again = log.append(numbered(3, 2, 0), 0, 5).expect("known");
        assert_eq!((again.is_duplicate, again.base_offset), (true, 3));
    }
    let (log, _) = open(&folder, LogConfig::default());
    assert!(
        !log.append(numbered(0, 1, 1), 0, 5)
            .expect("a new life")
            .is_duplicate
    );
    let old = log.append(numbered(5, 1, 0), 0, 5);
    assert!(matches!(
        old,
        Err(Error::Sequence(BadSequence::Epoch { .. }))
    ));
}

#[test]
fn producers_are_known_as_far_as_the_log_goes() {
    let folder = TempDir::new().expect("a folder");
    let (log, _) = open(&folder, LogConfig::default());
    log.append(numbered(0, 3, 0), 0, 5).expect("the first");
    let first_bytes = log.lock().len_bytes;
    log.append(numbered(3, 2, 0), 0, 5).expect("the next");
    log.close().expect("it closes");
    drop(log);
    let path = folder.path().join("00000000000000000000.log");
    let file = fs::OpenOptions::new().write(true).open(path);
    let cut = file.expect("it is there").set_len(first_bytes);
    cut.expect("it is cut");
    let (log, _) = open(&folder, LogConfig::default());
    let again = log.append(numbered(0, 3, 0), 0, 5).expect("known");
    assert_eq!((again.is_duplicate, again.base_offset), (true, 0));
    let next = log.append(numbered(3, 2, 0), 0, 5).expect("the next");
    assert_eq!((next.is_duplicate, next.base_offset), (false, 3));
}

#[test]
fn old_segments_go_and_offsets_stay() {
    let folder = TempDir::new().expect("a folder");
    let mut config = small();
    config.retention_bytes = Some(3000);
    let (log, _) = open(&folder, config.clone());
    for first in 0..50 {
        log.append(batch(first, 1, 300), 0, 5)
            .expect("it is appended");
    }
    log.flush().expect("it is durable");
    assert!(log.retain(6).expect("they go") > 0);
    let start = log.start_offset();
    assert!(start > 0 && log.size().0 >= 3000 && log.size().0 < 5000);
    assert_eq!(read_all(&log, start, 1 << 20), numbers(start..50));
    assert!(matches!(
        log.fetch(0, 100),
        Err(Error::OffsetOutOfRange { .. })
    ));
    config.retention_bytes = None;
    config.retention_ms = Some(10);
    log.configure(config.clone());
    log.retain(100_000).expect("they go");
    assert_eq!((log.start_offset(), log.end_offset()), (50, 50));
    drop(log);
    let (log, _) = open(&folder, config);
    assert_eq!((log.start_offset(), log.end_offset()), (50, 50));
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    let folder = TempDir::new().expect("a folder");
    let (log, _) = open(&folder, small());
    for first in (0..60).step_by(3) {
        log.append(batch(first, 3, 300), 0, 5)
            .expect("it is appended");
    }
    log.flush().expect("it is durable");
    assert_eq!(log.delete_before(31).expect("they go"), 31);
    assert_eq!(read_all(&log, 31, 1 << 20), numbers(31..60));
    assert!(log.delete_before(61).is_err());
    drop(log);
    let (log, _) = open(&folder, small());
    assert_eq!(log.start_offset(), 31);
    assert_eq!(read_all(&log, 31, 1 << 20), numbers(31..60));
}

#[test]
fn what_is_written_is_read_at_once_if_asked_for() {
    let folder = TempDir::new().expect("a folder");
    let mut config = small();
    config.visibility = Visibility::Written;
    let (log, _) = open(&folder, config);
    log.append(batch(0, 5, 10), 0, 5).expect("it is appended");
    assert_eq!(read_all(&log, 0, 1 << 20), numbers(0..5));
    assert_eq!((log.durable_offset(), log.is_dirty()), (0, true));
}

#[test]
fn a_batch_that_is_too_large_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let mut config = small();
    config.max_message_bytes = 100;
    let (log, _) = open(&folder, config);
    let refused = log.append(batch(0, 5, 100), 0, 5);
    assert!(matches!(refused, Err(Error::TooLarge { limit: 100, .. })));
    assert_eq!(log.end_offset(), 0);
}

#[test]
fn who_failed_to_make_it_durable_takes_nothing_more() {
    let folder = TempDir::new().expect("a folder");
    let disk = Arc::new(LossyDisk::new(folder.path()));
    let on_disk = Shared {
        files: Files::on(disk.clone(), 4),
        tails: Budget::new(16000),
    };
    let (log, _) = Log::open(folder.path(), small(), &on_disk, 0).expect("it opens");
    log.append(batch(0, 1, 0), 0, 5).expect("it is appended");
    log.flush().expect("it is durable");
    log.append(batch(1, 1, 0), 0, 5).expect("it is appended");
    disk.fail(0, EIO);
    assert!(matches!(log.flush(), Err(Error::Io { .. })));
    assert!(matches!(log.flush(), Err(Error::Poisoned { .. })));
    let refused = log.append(batch(2, 1, 0), 0, 5);
    assert!(matches!(refused, Err(Error::Poisoned { .. })));
    assert_eq!(read_all(&log, 0, 1 << 20), numbers(0..1));
}

#[test]
fn a_log_whose_folder_is_about_to_go_takes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let (log, _) = open(&folder, small());
    log.append(batch(0, 5, 10), 0, 5).expect("it is appended");
    log.retire();
    let refused = [
        log.append(batch(5, 1, 10), 0, 5).map(drop),
        log.flush(),
        log.retain(i64::MAX).map(drop),
        log.delete_before(0).map(drop),
        log.close(),
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(log.until_durable(5)),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(Error::Deleted { .. })));
    }
}

#[test]
fn records_are_removed_while_others_come() {
    let folder = TempDir::new().expect("a folder");
    let mut config = small();
    config.retention_bytes = Some(2500);
    let (log, _) = open(&folder, config.clone());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for by_size in [true, false] {
            let (log, is_over) = (&log, &is_over);
            scope.spawn(move || {
                let mut start = 0;
                while !is_over.load(Ordering::Relaxed) {
                    match by_size {
                        true => drop(log.retain(6).expect("they go")),
                        false => {
                            let offset = log.readable_offset() / 2;
                            log.delete_before(offset).expect("they go");
                        }
                    }
                    assert!(log.start_offset() >= start, "it went back");
                    start = log.start_offset();
                }
            });
        }
        for first in (0..600).step_by(3) {
            log.append(batch(first, 3, 200), 0, 5)
                .expect("it is appended");
        }
        log.flush().expect("it is durable");
        is_over.store(true, Ordering::Relaxed);
    });
    let start = log.start_offset();
    assert!((1..=600).contains(&start));
    assert_eq!(read_all(&log, start, 1 << 20), numbers(start..600));
    drop(log);
    let (log, recovery) = open(&folder, config);
    assert!(recovery.damaged.is_empty());
    assert_eq!((log.start_offset(), log.end_offset()), (start, 600));
    assert_eq!(read_all(&log, start, 1 << 20), numbers(start..600));
}

#[test]
fn what_is_deleted_before_it_was_durable_is_nothing_to_make_durable() {
    let folder = TempDir::new().expect("a folder");
    let mut config = small();
    config.visibility = Visibility::Written;
    let (log, _) = open(&folder, config.clone());
    for first in 0..30 {
        log.append(batch(first, 1, 300), 0, 5)
            .expect("it is appended");
    }
    assert_eq!((log.readable_offset(), log.durable_offset()), (30, 0));
    log.delete_before(25).expect("they go");
    log.flush().expect("what is left is durable");
    assert_eq!(read_all(&log, 25, 1 << 20), numbers(25..30));
}

/// Names in a folder, and the files behind them.
fn files_in(folder: &TempDir) -> Vec<(std::ffi::OsString, u64, std::time::SystemTime)> {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(folder.path()).expect("it is there");
    let mut files: Vec<_> = entries
        .map(|it| it.expect("it is there"))
        .map(|it| (it.file_name(), it.metadata().expect("it is there")))
        .map(|(name, it)| (name, it.ino(), it.modified().expect("a time")))
        .collect();
    files.sort();
    files
}

#[test]
fn a_log_to_which_nothing_came_is_closed_without_a_write() {
    let folder = TempDir::new().expect("a folder");
    let (log, _) = open(&folder, small());
    log.append(batch(0, 5, 10), 0, 5).expect("it is appended");
    log.close().expect("it closes");
    let closed = files_in(&folder);
    log.close().expect("it closes again");
    assert_eq!(files_in(&folder), closed);
    drop(log);
    let (log, _) = open(&folder, small());
    let opened = files_in(&folder);
    log.close().expect("it closes");
    assert_eq!(files_in(&folder), opened);
}

#[test]
fn what_is_durable_is_not_made_durable_again() {
    let folder = TempDir::new().expect("a folder");
    let on_disk = || {
        let disk = Arc::new(LossyDisk::new(folder.path()));
        // Whoever syncs fails.
        disk.fail(0, EIO);
        Shared {
            files: Files::on(disk, 4),
            tails: Budget::new(16000),
        }
    };
    let (log, _) = Log::open(folder.path(), small(), &on_disk(), 0).expect("it is made");
    log.close().expect("there is nothing in it");
    drop(log);
    let (log, _) = open(&folder, small());
    for first in 0..20 {
        log.append(batch(first, 1, 300), 0, 5)
            .expect("it is appended");
    }
    log.close().expect("it closes");
    drop(log);
    assert!(Log::open(folder.path(), small(), &on_disk(), 19).is_err());
    let (log, _) = Log::open(folder.path(), small(), &on_disk(), 20).expect("all is durable");
    log.close().expect("nothing came");
    assert_eq!(read_all(&log, 0, 1 << 20), numbers(0..20));
}

#[test]
fn a_file_that_was_made_before_the_start_has_its_name_after_a_power_cut() {
    let folder = TempDir::new().expect("a folder");
    let disk = Arc::new(LossyDisk::new(folder.path()));
    let on_disk = || Shared {
        files: Files::on(disk.clone(), 4),
        tails: Budget::new(16000),
    };
    // Killed before anything came: nobody made the name durable.
    drop(Log::open(folder.path(), small(), &on_disk(), 0).expect("it is made"));
    let (log, _) = Log::open(folder.path(), small(), &on_disk(), 0).expect("it opens");
    log.append(batch(0, 5, 10), 0, 5).expect("it is appended");
    log.flush().expect("it is durable");
    let after = TempDir::new().expect("a folder");
    disk.crash(0, after.path());
    assert_eq!(
        read_all(&open(&after, small()).0, 0, 1 << 20),
        numbers(0..5)
    );
}

#[test]
fn what_a_killed_process_left_is_durable_when_it_may_be_read() {
    let folder = TempDir::new().expect("a folder");
    let disk = Arc::new(LossyDisk::new(folder.path()));
    let on_disk = || Shared {
        files: Files::on(disk.clone(), 4),
        tails: Budget::new(16000),
    };
    let (log, _) = Log::open(folder.path(), small(), &on_disk(), 0).expect("it is made");
    log.append(batch(0, 5, 10), 0, 5).expect("it is appended");
    drop(log);
    let (log, _) = Log::open(folder.path(), small(), &on_disk(), 0).expect("it opens");
    assert_eq!((log.durable_offset(), log.readable_offset()), (5, 5));
    let after = TempDir::new().expect("a folder");
    disk.crash(0, after.path());
    assert_eq!(
        read_all(&open(&after, small()).0, 0, 1 << 20),
        numbers(0..5)
    );
}

#[test]
fn what_comes_after_a_close_is_in_the_index() {
    let folder = TempDir::new().expect("a folder");
    let (log, _) = open(&folder, LogConfig::default());
    log.append(batch(0, 5, 3000), 0, 5).expect("it is appended");
    log.close().expect("it closes");
    for first in (5..50).step_by(5) {
        log.append(batch(first, 5, 3000), 0, 5)
            .expect("it is appended");
    }
    log.close().expect("it closes");
    let index = folder.path().join("00000000000000000000.index");
    // Of each batch, since each is larger than what lies between two entries.
    assert_eq!(fs::metadata(index).expect("it is there").len(), 10 * 8);
    assert_eq!(read_all(&log, 0, 1 << 20), numbers(0..50));
}

/// Goal: more segments than a process has room for mappings, each with its index: none of them is made anew, at no start.
#[test]
fn indexes_without_room_for_a_mapping_are_read_where_they_lie() {
    let folder = TempDir::new().expect("a folder");
    let (log, _) = open(&folder, small());
    // Of one batch each, and twice as many as there may be mappings.
    for first in 0..260 {
        log.append(batch(first, 1, 1500), 0, 5)
            .expect("it is appended");
    }
    log.close().expect("it closes");
    assert_eq!(log.size().1, 260);
    drop(log);
    let indexes = || {
        let entries = fs::read_dir(folder.path()).expect("a folder");
        let paths = entries.map(|it| it.expect("an entry").path());
        paths.filter(|it| {
            it.extension()
                .is_some_and(|it| it == "index" || it == "timeindex")
        })
    };
    let long_ago = std::time::UNIX_EPOCH;
    for path in indexes() {
        let file = fs::File::options().write(true).open(&path);
        let file = file.expect("it is there");
        file.set_modified(long_ago).expect("it is set");
    }
    let opened = Log::open(folder.path(), small(), &shared(), 260);
    let (log, _) = opened.expect("it opens");
    assert_eq!(read_all(&log, 0, 1), numbers(0..260));
    for offset in [0, 100, 200, 258] {
        let found = log
            .find_time(1000 + offset, UNPACKED_BYTES_MAX)
            .expect("it reads");
        assert_eq!(found, Some((offset, 1000 + offset)));
    }
    let is_new = |path: &std::path::PathBuf| {
        let metadata = fs::metadata(path).expect("it is there");
        metadata.modified().expect("a time") != long_ago
    };
    // The last one may be: it is read at every start.
    let made_anew: Vec<_> = indexes().filter(is_new).collect();
    assert!(made_anew.len() <= 4, "{made_anew:?}");
}

#[test]
fn who_reads_what_is_deleted_is_told_that_it_is() {
    let folder = TempDir::new().expect("a folder");
    let few_files = Shared {
        files: Files::new(1),
        tails: Budget::new(0),
    };
    let (log, _) = Log::open(folder.path(), small(), &few_files, 0).expect("it opens");
    for first in 0..50 {
        log.append(batch(first, 1, 300), 0, 5)
            .expect("it is appended");
    }
    log.flush().expect("it is durable");
    log.tail.clear();
    log.retire();
    fs::remove_dir_all(folder.path()).expect("it is removed");
    let found = (0..50).map(|offset| log.fetch(offset, 100));
    let failed: Vec<_> = found.filter_map(Result::err).collect();
    let is_told = |it: &Error| matches!(it, Error::Deleted { .. });
    assert!(
        !failed.is_empty() && failed.iter().all(is_told),
        "{failed:?}"
    );
}
