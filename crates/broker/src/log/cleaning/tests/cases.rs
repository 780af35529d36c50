//! What a cleaning does in particular.

use super::*;

fn numbered(sequence: i32, keys: &[u8]) -> Bytes {
    let mut builder = BatchBuilder::new(1000).producer(9, 0, sequence);
    for key in keys {
        builder.push(1000, Some(&[*key]), Some(b"value"));
    }
    builder.finish().into()
}

#[test]
fn a_producer_is_known_though_none_of_its_records_is_left() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    log.append(numbered(0, &[1, 2]), 0, 5).expect("the first");
    log.append(numbered(2, &[1, 2, 3]), 0, 5).expect("the next");
    let mut model = Records::new();
    append(
        &log,
        &mut model,
        &[(1, Some(1)), (2, None), (3, Some(3))],
        0,
        5,
    );
    log.lock_and_roll();
    clean(&log, 5, 100, usize::MAX).expect("it is cleaned");
    let batches = read_batches(&log, 0);
    let headers = batches
        .iter()
        .map(|it| crate::batch::Header::check(it).expect("whole"));
    let headers: Vec<_> = headers.collect();
    let counts: Vec<_> = headers
        .iter()
        .map(|it| (it.base_offset, it.record_count))
        .collect();
    assert_eq!(counts, [(2, 0), (5, 3)]);
    assert_eq!(
        (headers[0].base_sequence, headers[0].last_sequence()),
        (2, 4)
    );
    drop(log);
    // Without the snapshots there is nothing but the log.
    for entry in fs::read_dir(folder.path()).expect("it is there") {
        let path = entry.expect("it is there").path();
        if path.extension().is_some_and(|it| it == "producers") {
            fs::remove_file(path).expect("it goes");
        }
    }
    let log = open(folder.path(), 0);
    let again = log.append(numbered(2, &[1, 2, 3]), 0, 5).expect("known");
    assert_eq!((again.is_duplicate, again.base_offset), (true, 2));
    log.append(numbered(5, &[7]), 0, 5).expect("the next");
    log.lock_and_roll();
    clean(&log, 5, 100, usize::MAX).expect("it is cleaned");
    // It wrote since, so the empty batch is of no use any more.
    let first = split(&read_batches(&log, 0)[0]).expect("whole").0;
    assert_eq!((first.base_offset, first.record_count), (5, 3));
}

#[test]
fn a_tombstone_stays_until_its_time_has_come() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    append(&log, &mut model, &[(1, Some(1)), (2, Some(2))], 3, 5);
    append(&log, &mut model, &[(1, None), (4, Some(9))], 3, 5);
    append(&log, &mut model, &[(3, Some(3))], 3, 5);
    log.lock_and_roll();
    clean(&log, 1000, 100, usize::MAX).expect("it is cleaned");
    assert_eq!(
        read(&log, 0).keys().copied().collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    let horizon = |at: usize| {
        split(&read_batches(&log, 0)[at])
            .expect("whole")
            .0
            .delete_horizon()
    };
    assert_eq!((horizon(0), horizon(1)), (None, Some(1000 + RETENTION_MS)));
    assert!(
        !log.dirt(1000 + RETENTION_MS - 1)
            .expect("it reads")
            .expect("compacted")
            .is_due
    );
    assert_eq!(
        clean(&log, 1000 + RETENTION_MS - 1, 100, usize::MAX).expect("nothing"),
        None
    );
    assert!(
        log.dirt(1000 + RETENTION_MS)
            .expect("it reads")
            .expect("compacted")
            .is_due
    );
    clean(&log, 1000 + RETENTION_MS, 100, usize::MAX).expect("it is cleaned");
    let found = read(&log, 0);
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [1, 3, 4]);
    check(&found, &model, 5);
}

#[test]
fn a_tombstone_that_is_not_to_be_kept_goes_with_the_next_cleaning() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut config = config();
    config.delete_retention_ms = 0;
    log.configure(config);
    let mut model = Records::new();
    append(&log, &mut model, &[(1, None)], 0, 5);
    append(&log, &mut model, &[(2, Some(2))], 0, 5);
    log.lock_and_roll();
    for left in [2, 1] {
        assert!(log.dirt(7).expect("it reads").expect("compacted").is_due);
        clean(&log, 7, 100, usize::MAX).expect("it is cleaned");
        assert_eq!(read(&log, 0).len(), left);
    }
    assert!(!log.dirt(7).expect("it reads").expect("compacted").is_due);
}

#[test]
fn batches_of_which_all_stays_do_not_change() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for key in 0..40 {
        append(
            &log,
            &mut model,
            &[(key, Some(key)), (key + 100, Some(key))],
            key,
            5,
        );
    }
    log.lock_and_roll();
    let names = || {
        log.segments
            .load()
            .iter()
            .map(|it| it.path().to_owned())
            .collect::<Vec<_>>()
    };
    let (before, batches) = (names(), read_batches(&log, 0));
    clean(&log, 6, 1000, usize::MAX).expect("it is cleaned");
    assert_eq!(names(), before, "nothing was written");
    append(
        &log,
        &mut model,
        &[(0, Some(0)), (20, Some(0)), (21, Some(0))],
        0,
        5,
    );
    log.lock_and_roll();
    clean(&log, 7, 1000, usize::MAX).expect("it is cleaned");
    let after = read_batches(&log, 0);
    let changed = [0, 20, 21];
    for (at, batch) in batches
        .iter()
        .enumerate()
        .filter(|it| !changed.contains(&it.0))
    {
        assert_eq!(after[at], batch, "{at}");
    }
    check_clean(&log, &read(&log, 0), &model, 0);
}

#[test]
fn small_neighbours_become_one() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for number in 0..100 {
        append(
            &log,
            &mut model,
            &[(number % 3, Some(number)), (7, Some(number))],
            number,
            5,
        );
    }
    log.lock_and_roll();
    assert!(log.size().1 > 8);
    clean(&log, 6, 100, usize::MAX).expect("it is cleaned");
    append(&log, &mut model, &[(0, Some(0))], 0, 5);
    log.lock_and_roll();
    clean(&log, 6, 100, usize::MAX).expect("it is cleaned");
    // One sealed, and the active one; on the disk too.
    assert_eq!(log.size().1, 2);
    let logs = fs::read_dir(folder.path()).expect("it is there");
    let logs = logs.filter(|it| {
        it.as_ref()
            .is_ok_and(|it| it.path().extension().is_some_and(|it| it == "log"))
    });
    assert_eq!(logs.count(), 2);
    assert_eq!(read(&log, 0).len(), 4);
    let totals = log.cleaned();
    assert_eq!(totals.cleanings, 2);
    assert!(totals.bytes_before > totals.bytes_after);
    assert_eq!(log.dirty_bytes().0, 0);
}

#[test]
fn what_is_young_or_active_is_left_alone() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for number in 0..30 {
        append(
            &log,
            &mut model,
            &[(1, Some(number))],
            0,
            1000 * i64::from(number),
        );
    }
    let mut config = config();
    config.min_compaction_lag_ms = 10_000;
    log.configure(config.clone());
    log.flush().expect("it is durable");
    clean(&log, 29_000, 100, usize::MAX).expect("it is cleaned");
    let found = read(&log, 0);
    let is_young = |it: &i64| *it >= 19;
    let young = |records: &Records| records.keys().copied().filter(is_young).collect::<Vec<_>>();
    assert_eq!(young(&found), young(&model));
    assert!(found.len() < 20);
    check(&found, &model, 30);
    // Late or not decides when the ratio does not.
    config.min_compaction_lag_ms = 0;
    config.min_cleanable_dirty_ratio = "1".parse().expect("a ratio");
    log.configure(config.clone());
    let is_due = |now_ms| {
        log.dirt(now_ms)
            .expect("it reads")
            .expect("compacted")
            .is_due
    };
    assert!(!is_due(90_000));
    config.max_compaction_lag_ms = 60_000;
    log.configure(config.clone());
    assert!(is_due(90_000) && !is_due(70_000));
    assert!(log.size().1 > 1);
    let segments = log.size().1;
    log.seal_aged(80_000).expect("it looks");
    assert_eq!(log.size().1, segments);
    log.seal_aged(90_000).expect("it is sealed");
    assert_eq!(log.size().1, segments + 1);
}

#[test]
fn who_reads_an_old_segment_reads_on() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for number in 0..60 {
        append(&log, &mut model, &[(number % 5, Some(number))], 0, 5);
    }
    log.lock_and_roll();
    log.tail.clear();
    let Fetched::File(range) = log.fetch(0, 500).expect("it reads") else {
        panic!("it is in a file")
    };
    let old = log.segments.load_full();
    clean(&log, 6, 100, usize::MAX).expect("it is cleaned");
    let mut bytes = vec![0; range.len_bytes as usize];
    range
        .file
        .read_exact_at(&mut bytes, range.position)
        .expect("it is still there");
    assert_eq!(split(&bytes).expect("whole").0.base_offset, 0);
    // One that was not open yet is not there any more; who looks finds what took its place.
    assert!(!old[0].path().exists());
    assert_eq!(read(&log, 0).len(), 5);
}

#[test]
fn what_cannot_be_unpacked_stays_and_keeps_tombstones() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut plain = config();
    plain.cleanup = Cleanup::Delete;
    log.configure(plain);
    // Records that are not what the header says, with a checksum that is right.
    let mut broken = BatchBuilder::new(5);
    broken.push(5, Some(&[1]), Some(&[1]));
    let mut broken = broken.finish();
    let last = broken.len() - 1;
    broken.truncate(last);
    let length = (broken.len() - 12) as i32;
    broken[8..12].copy_from_slice(&length.to_be_bytes());
    crate::batch::set_append_time(&mut broken, 5);
    log.append(broken.into(), 0, 5)
        .expect("nobody looks into it");
    log.configure(config());
    let mut model = Records::new();
    append(&log, &mut model, &[(1, None), (2, Some(1))], 0, 5);
    append(&log, &mut model, &[(2, Some(2))], 0, 5);
    log.lock_and_roll();
    for now_ms in [10, 1_000, 2_000] {
        clean(&log, now_ms, 100, usize::MAX).expect("it is cleaned");
        let offsets: Vec<_> = read_batches(&log, 0)
            .iter()
            .map(|it| split(it).expect("whole").0)
            .map(|it| (it.base_offset, it.record_count))
            .collect();
        assert_eq!(offsets, [(0, 1), (1, 1), (3, 1)]);
    }
    assert!(
        !log.dirt(3_000)
            .expect("it reads")
            .expect("compacted")
            .is_due
    );
}

#[test]
fn damage_ends_a_cleaning_and_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for number in 0..60 {
        append(&log, &mut model, &[(number % 5, Some(number))], 0, 5);
    }
    log.lock_and_roll();
    assert!(log.dirt(6).expect("it reads").expect("compacted").is_due);
    let segment = log.segments.load()[1].path().to_owned();
    let mut bytes = fs::read(&segment).expect("it is there");
    bytes[100] ^= 1;
    fs::write(&segment, bytes).expect("it is written");
    let failed = clean(&log, 6, 100, usize::MAX);
    assert!(matches!(failed, Err(Error::Damaged { .. })), "{failed:?}");
    assert!(!log.dirt(6).expect("it reads").expect("compacted").is_due);
}

#[test]
fn what_a_killed_process_left_half_done_goes() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for number in 0..60 {
        append(&log, &mut model, &[(number % 5, Some(number))], 0, 5);
    }
    log.lock_and_roll();
    let old = log.segments.load()[1].path().to_owned();
    let bytes = fs::read(&old).expect("it is there");
    clean(&log, 6, 100, usize::MAX).expect("it is cleaned");
    let found = read(&log, 0);
    log.close().expect("it closes");
    drop(log);
    // One whose place was taken, and one that never got its name, each with an index.
    fs::write(&old, &bytes).expect("it is written");
    fs::write(offset_path(&old), b"12345678").expect("it is written");
    let draft = SegmentName {
        base_offset: 0,
        generation: 99,
        end_offset: 40,
    };
    let draft = folder.path().join(draft.file_name());
    fs::write(crate::disk::draft_path(&draft), &bytes).expect("it is written");
    fs::write(offset_path(&draft), b"12345678").expect("it is written");
    for point in [0, 60] {
        let log = open(folder.path(), point);
        assert_eq!(read(&log, 0), found);
        for gone in [&old, &offset_path(&old), &draft, &offset_path(&draft)] {
            assert!(!gone.exists(), "{}", gone.display());
        }
        assert!(!crate::disk::draft_path(&draft).exists());
    }
}

#[test]
fn what_is_part_of_a_transaction_stays_whole() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    append(&log, &mut model, &[(1, Some(1))], 0, 5);
    let mut batch = numbered(0, &[1, 1]).to_vec();
    batch[22] |= 1 << 4;
    crate::batch::set_append_time(&mut batch, 5);
    log.append(batch.into(), 0, 5).expect("it is appended");
    append(&log, &mut model, &[(2, Some(2))], 0, 5);
    append(&log, &mut model, &[(2, Some(3))], 0, 5);
    log.lock_and_roll();
    clean(&log, 6, 100, usize::MAX).expect("it is cleaned");
    let headers = read_batches(&log, 0);
    let headers = headers.iter().map(|it| split(it).expect("whole").0);
    let counts: Vec<_> = headers
        .map(|it| (it.base_offset, it.record_count))
        .collect();
    assert_eq!(counts, [(0, 1), (1, 2), (4, 1)]);
}

#[test]
fn a_batch_without_keys_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut builder = BatchBuilder::new(5);
    builder.push(5, Some(b"key"), None);
    builder.push(5, None, Some(b"value"));
    let refused = log.append(builder.finish().into(), 0, 5);
    assert!(matches!(refused, Err(Error::BadKeys(_))), "{refused:?}");
    assert_eq!(log.end_offset(), 0);
}

#[test]
fn a_log_is_cleaned_while_others_come_and_go() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (log, is_over) = (&log, &is_over);
        let until_over = move |work: &dyn Fn()| {
            while !is_over.load(Ordering::Relaxed) {
                work();
            }
        };
        scope.spawn(move || {
            until_over(&|| {
                clean(log, 6, 100, usize::MAX).expect("it is cleaned");
            });
        });
        scope.spawn(move || {
            until_over(&|| {
                let half = log.readable_offset() / 2;
                log.delete_before(half).expect("they go");
            });
        });
        scope.spawn(move || {
            until_over(&|| {
                // The start may have moved since it was asked for.
                match log.fetch(log.start_offset(), 5000) {
                    Ok(_) | Err(Error::OffsetOutOfRange { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            });
        });
        for number in 0..400_u32 {
            let key = (number % 7) as u8;
            append(
                log,
                &mut model,
                &[(key, Some(key)), (9, Some(number as u8))],
                key,
                5,
            );
            if number % 5 == 0 {
                log.flush().expect("it is durable");
            }
        }
        log.flush().expect("it is durable");
        is_over.store(true, Ordering::Relaxed);
    });
    // Once more, should the others not have had their turn.
    log.delete_before(100).expect("they go");
    log.lock_and_roll();
    clean(&log, 6, 100, usize::MAX).expect("it is cleaned");
    let start = log.start_offset();
    assert!(start >= 100 && log.cleaned().cleanings > 0);
    let found = read(&log, start);
    let (left, end) = (model.split_off(&start), log.end_offset());
    check(&found, &left, end);
    drop(log);
    let log = open(folder.path(), 0);
    assert_eq!((log.start_offset(), log.end_offset()), (start, end));
    assert_eq!(read(&log, start), found);
}

#[test]
fn who_could_not_give_a_segment_its_name_says_nothing_of_what_came_meanwhile() {
    let folder = TempDir::new().expect("a folder");
    let disk = Arc::new(LossyDisk::forgetful(folder.path()));
    let log = open_on(folder.path(), Files::on(disk.clone(), 4), 0);
    let mut model = Records::new();
    for number in 0..40 {
        append(&log, &mut model, &[(number % 3, Some(number))], 0, 5);
    }
    log.lock_and_roll();
    let seen = AtomicUsize::new(0);
    // Somebody appends while it is cleaned, and that begins a segment, whose name is not durable.
    let meanwhile = || {
        if seen.fetch_add(1, Ordering::Relaxed) == 0 {
            let mut more = Records::new();
            for number in 0..40 {
                append(&log, &mut more, &[(7, Some(number))], 0, 5);
            }
            // The new file, its two indexes, and then the folder.
            disk.fail(3, EIO);
        }
        false
    };
    let cleaned = log.clean_with(6, &meanwhile, 1 << 20);
    assert!(matches!(cleaned, Err(Error::Io { .. })), "{cleaned:?}");
    let _ = log.flush();
    let durable = log.durable_offset();
    let after = TempDir::new().expect("a folder");
    disk.crash(0, after.path());
    let left = open(after.path(), 0);
    assert!(left.end_offset() >= durable, "{durable} was durable");
    check(&read(&left, 0), &model, 40);
    assert!(log.is_poisoned());
}

#[test]
fn who_could_not_note_a_new_start_says_nothing_of_what_came_before() {
    let folder = TempDir::new().expect("a folder");
    let disk = Arc::new(LossyDisk::forgetful(folder.path()));
    let log = open_on(folder.path(), Files::on(disk.clone(), 4), 0);
    let mut model = Records::new();
    append(&log, &mut model, &[(1, Some(1))], 0, 5);
    log.flush().expect("it is durable");
    for number in 0..40 {
        append(&log, &mut model, &[(7, Some(number))], 0, 5);
    }
    // The file, and then the folder, which has new segments in it too.
    disk.fail(1, EIO);
    assert!(log.delete_before(1).is_err());
    let _ = log.flush();
    let durable = log.durable_offset();
    let after = TempDir::new().expect("a folder");
    disk.crash(0, after.path());
    let left = open(after.path(), 0).end_offset();
    assert!(left >= durable, "{durable} was durable");
}

#[test]
fn what_is_not_to_be_compacted_any_more_stays_though_a_cleaning_was_under_way() {
    let folder = TempDir::new().expect("a folder");
    let log = open(folder.path(), 0);
    let mut model = Records::new();
    for number in 0..40 {
        append(&log, &mut model, &[(number % 3, Some(number))], 0, 5);
    }
    log.lock_and_roll();
    let not_compacted = LogConfig {
        cleanup: Cleanup::Delete,
        ..config()
    };
    for batches in [0, 30, 45, 60] {
        log.configure(config());
        let seen = AtomicUsize::new(0);
        let meanwhile = || {
            if seen.fetch_add(1, Ordering::Relaxed) == batches {
                log.configure(not_compacted.clone());
            }
            false
        };
        let before = read(&log, 0);
        let cleaned = log.clean_with(6, &meanwhile, 1 << 20);
        assert_eq!(cleaned.expect("it ends"), None, "{batches}");
        if batches < 40 {
            assert_eq!(read(&log, 0), before, "{batches}");
        }
        check(&read(&log, 0), &model, 40);
    }
    log.configure(config());
    let cleaned = log.clean_with(6, &|| false, 1 << 20);
    assert!(cleaned.expect("it is cleaned").is_some());
    check_clean(&log, &read(&log, 0), &model, 0);
}
