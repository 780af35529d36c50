//! The staging area against a map in memory, and against disks that lose or change bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use tamis_engine::mmap::install_fault_handler;
use tempfile::TempDir;

use super::record::Frame;
use super::*;
use crate::codec::checksum;
use crate::disk::lossy::LossyDisk;
use crate::entry::{Body, Content, Entry, Run};
use crate::id::ObjectId;
use crate::path::{is_below, tree_order};
use crate::testing::cases;

/// Names that stress the order: `/` is between `.` and `0` for bytes, and first for trees.
const PATHS: [&[u8]; 8] = [
    b"a",
    b"a/b",
    b"a.b",
    b"a0",
    b"a/b/c",
    b"b",
    b"\xff/x y",
    b"z",
];

type Map = BTreeMap<Vec<u8>, Staged>;

/// What the staging should be.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    now: Map,
    committed: Map,
    id: Option<CommitId>,
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, u8),
    Remove(usize),
    Restore(usize),
    Committed(u8),
    Sync,
    Reopen,
    LoseTable,
    Rewrite,
}

fn step() -> impl Strategy<Value = Step> {
    let path = 0..PATHS.len();
    prop_oneof![
        6 => (path.clone(), any::<u8>()).prop_map(|(path, seed)| Step::Put(path, seed)),
        3 => path.clone().prop_map(Step::Remove),
        2 => path.prop_map(Step::Restore),
        1 => any::<u8>().prop_map(Step::Committed),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        1 => Just(Step::LoseTable),
        1 => Just(Step::Rewrite),
    ]
}

fn run(seed: u8) -> Run {
    Run {
        id: ObjectId([seed; 32]),
        len_bytes: 100 + u32::from(seed),
        count: 1 + u32::from(seed % 3),
    }
}

/// Few seeds differ, so that paths become again what they were.
fn staged(seed: u8) -> Staged {
    let seed = seed % 6;
    let file = |body, len_bytes| Content::File {
        len_bytes,
        is_sparse: seed == 2,
        body,
    };
    let content = match seed {
        0 => file(Body::Empty, 0),
        1 | 2 => file(
            Body::Runs(vec![run(seed), run(9)]),
            run(seed).total_bytes() + run(9).total_bytes(),
        ),
        3 => Content::Folder,
        4 => Content::Link {
            target: b"../target".to_vec(),
        },
        _ => file(
            Body::List {
                root: ObjectId([seed; 32]),
                height: 1,
            },
            1 << 40,
        ),
    };
    Staged {
        entry: Entry {
            mode: 0o644 + u32::from(seed),
            modified_ns: -1_000 * i64::from(seed),
            attributes: vec![(b"user.a".to_vec(), vec![seed]); usize::from(seed % 2)],
            content,
        },
        stamp: StampInfo {
            changed_ns: i64::from(seed) << 40,
            inode: 12_345_678,
            device: 66_309,
            is_trusted: seed != 1,
            has_more_names: seed == 2,
        },
    }
}

fn put(staging: &mut Staging, path: &[u8], staged: &Staged) {
    let put = staging.put(path, &staged.entry, &staged.stamp);
    put.expect("it can be staged");
}

fn open(folder: &Path, access: Access) -> Staging {
    Staging::open_as(Some(&RealDisk::shared()), folder, access).expect("it is whole")
}

fn new_staging() -> (TempDir, Staging) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Staging::create(folder.path()).expect("there is room");
    let staging = open(folder.path(), Access::Read);
    (folder, staging)
}

/// Does a step to both.
fn follow(step: &Step, folder: &Path, access: Access, staging: &mut Staging, model: &mut Model) {
    match *step {
        Step::Put(path, seed) => {
            put(staging, PATHS[path], &staged(seed));
            model.now.insert(PATHS[path].to_vec(), staged(seed));
        }
        Step::Remove(path) => {
            let was_there = model.now.remove(PATHS[path]).is_some();
            assert_eq!(staging.remove(PATHS[path]).expect("it is whole"), was_there);
        }
        Step::Restore(path) => {
            let before = model.committed.get(PATHS[path]).cloned();
            let is_other = before != model.now.get(PATHS[path]).cloned();
            let restored = staging.restore_committed(PATHS[path]);
            assert_eq!(restored.expect("it is whole"), is_other);
            match before {
                Some(before) => model.now.insert(PATHS[path].to_vec(), before),
                None => model.now.remove(PATHS[path]),
            };
        }
        Step::Committed(seed) => {
            let id = CommitId([seed; 32]);
            staging.committed(id).expect("there is room");
            model.committed = model.now.clone();
            model.id = Some(id);
        }
        Step::Sync => staging.sync().expect("there is room"),
        Step::Reopen | Step::LoseTable => {
            staging.sync().expect("there is room");
            if matches!(step, Step::LoseTable) {
                drop(fs::remove_file(table_path(folder)));
            }
            *staging = open(folder, access);
        }
        Step::Rewrite => {
            let may = model.id.is_none() || model.now == model.committed;
            assert_eq!(staging.rewrite().expect("there is room"), may);
        }
    }
}

/// All that can be asked.
fn answers(staging: &Staging) -> Result<Model> {
    let now: Map = staging.sorted()?.collect::<Result<_>>()?;
    let mut committed = now.clone();
    for change in staging.changes() {
        let Change { path, before, now } = change?;
        assert_eq!(committed.remove(&path), now);
        if let Some(before) = before {
            committed.insert(path, before);
        }
    }
    let id = staging.committed_id()?;
    assert_eq!(staging.len(), now.len());
    Ok(Model { now, committed, id })
}

fn check(staging: &Staging, model: &Model) {
    assert_eq!(&answers(staging).expect("it is whole"), model);
    let in_order: Vec<_> = staging
        .sorted()
        .expect("it is whole")
        .map(|item| item.expect("it is whole").0)
        .collect();
    assert!(in_order.is_sorted_by(|left, right| tree_order(left, right).is_lt()));
    for path in PATHS {
        let expected = model.now.get(path);
        assert_eq!(staging.find(path).expect("it is whole").as_ref(), expected);
        let known = staging.known(path).expect("it is whole");
        assert_eq!(known.is_some(), expected.is_some());
        if let (Some(known), Some(staged)) = (known, expected) {
            assert_eq!(known.vouches_for(&known.stamp), staged.stamp.is_trusted);
            assert_eq!(known.stamp.modified_ns, staged.entry.modified_ns);
            let stamp = StampInfo::of(&known.stamp, known.is_trusted, known.has_more_names);
            assert_eq!(stamp, staged.stamp);
        }
        let below = staging.below(path).expect("it is whole");
        let below: Vec<_> = below.map(|item| item.expect("it is whole").0).collect();
        assert!(below.iter().all(|below| is_below(below, path)));
        let count = model.now.keys().filter(|below| is_below(below, path));
        assert_eq!(below.len(), count.count());
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn it_is_a_map_that_remembers_the_last_commit(steps in vec(step(), 0..50), is_mapped: bool) {
        install_fault_handler().expect("the handler can be installed");
        let access = if is_mapped { Access::Mapped } else { Access::Read };
        let (folder, _) = new_staging();
        let mut staging = open(folder.path(), access);
        let mut model = Model::default();
        for step in &steps {
            follow(step, folder.path(), access, &mut staging, &mut model);
            check(&staging, &model);
        }
        staging.sync().expect("there is room");
        check(&Staging::open(folder.path()).expect("it is whole"), &model);
        let log = fs::read(log_path(folder.path())).expect("it is there");
        let summary = check_log(&log).expect("it is whole");
        prop_assert_eq!((summary.paths, summary.valid_bytes), (model.now.len(), log.len() as u64));
    }

    #[test]
    fn no_bytes_make_it_panic(records in vec((0..6u8, vec(any::<u8>(), 0..80), any::<bool>()), 0..6)) {
        let mut log = scan::header(7);
        for (kind, fields, has_path) in records {
            let mut covered = vec![kind];
            if has_path {
                covered.extend(b"\x03a/b\x00");
            }
            covered.extend(fields);
            log.extend((covered.len() as u32 + 8).to_le_bytes());
            log.extend((checksum(&covered) as u32).to_le_bytes());
            log.extend(covered);
        }
        let checked = check_log(&log);
        let opened = Staging::open(folder_of(&log).path());
        if let (Ok(summary), Ok(staging)) = (&checked, &opened) {
            let answers = answers(staging).expect("it was checked");
            prop_assert_eq!(answers.now.len(), summary.paths);
        }
        // What opening does not look at is an entry's chunks.
        prop_assert!(checked.is_err() || opened.is_ok());
    }
}

/// A log of several batches, and what was staged when it had which length.
fn history() -> (TempDir, Vec<(u64, Model)>) {
    let (folder, mut staging) = new_staging();
    let mut model = Model::default();
    let mut history = vec![(staging.image.len_bytes(), model.clone())];
    let steps = [
        Step::Put(1, 1),
        Step::Put(0, 3),
        Step::Sync,
        Step::Put(2, 4),
        Step::Committed(1),
        Step::Sync,
        Step::Remove(2),
        Step::Put(1, 2),
        Step::Put(3, 5),
        Step::Restore(2),
        Step::Sync,
        Step::Put(4, 0),
        Step::Remove(1),
    ];
    for step in &steps {
        follow(step, folder.path(), Access::Read, &mut staging, &mut model);
        history.push((staging.image.len_bytes(), model.clone()));
    }
    staging.sync().expect("there is room");
    (folder, history)
}

/// A folder with this log and no table.
fn folder_of(log: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(log_path(folder.path()), log).expect("there is room");
    folder
}

/// Where the last checkpoint starts.
fn last_checkpoint(log: &[u8]) -> usize {
    let start = scan::HEADER_BYTES as usize;
    let is_one = |&at: &usize| {
        Frame::read(&log[at..], at as u64).is_ok_and(|frame| {
            let (_, generation) = scan::read_header(log).expect("it is whole");
            matches!(frame.record(generation), Ok(Record::Checkpoint))
        })
    };
    (start..log.len()).rev().find(is_one).expect("there is one")
}

#[test]
fn a_log_that_was_cut_is_one_of_before() {
    let (folder, history) = history();
    let log = fs::read(log_path(folder.path())).expect("it is there");
    let table = fs::read(table_path(folder.path())).expect("it is there");
    let known = table_file::read(&table_path(folder.path()));
    let known = known.ok().flatten().expect("it is whole");
    let table_covers = known.covered_bytes as usize;
    for cut in 0..=log.len() {
        let folder = folder_of(&log[..cut]);
        if cut % 2 == 0 {
            fs::write(table_path(folder.path()), &table).expect("there is room");
        }
        let opened = Staging::open(folder.path());
        let told = findings(folder.path()).expect("it can be read");
        assert_eq!(opened.is_err(), told.log.is_some(), "{cut}: {told:?}");
        if cut % 2 == 0 && cut < table_covers {
            // What is gone was promised, and a writer does not go on as if it had not been.
            assert!(matches!(opened, Err(Error::Damaged { .. })), "{cut}");
            let written = Staging::open_for_writing_on(&RealDisk::shared(), folder.path());
            assert!(matches!(written, Err(Error::Damaged { .. })), "{cut}");
            continue;
        }
        assert_eq!(opened.is_ok(), check_log(&log[..cut]).is_ok());
        if let Ok(staging) = &opened {
            let is_torn = staging.found_bytes > staging.image.len_bytes();
            assert_eq!(told.tail.is_some(), is_torn, "{cut}");
        }
        if cut < scan::HEADER_BYTES as usize {
            assert!(matches!(opened, Err(Error::Damaged { .. })));
            continue;
        }
        let mut before = history.iter().rev();
        let (_, expected) = before
            .find(|(end, _)| *end <= cut as u64)
            .expect("the first is empty");
        check(&opened.expect("a torn tail is not seen"), expected);
        // What is written after the cut is found again.
        let mut staging = open(folder.path(), Access::Read);
        put(&mut staging, b"z", &staged(5));
        staging.sync().expect("there is room");
        let mut expected = expected.clone();
        expected.now.insert(b"z".to_vec(), staged(5));
        check(&open(folder.path(), Access::Read), &expected);
    }
}

#[test]
fn a_bit_that_flips_is_noticed_or_in_the_last_checkpoint() {
    let (folder, history) = history();
    let log = fs::read(log_path(folder.path())).expect("it is there");
    let last_batch = last_checkpoint(&log);
    assert_eq!(last_batch + record::CHECKPOINT_BYTES, log.len());
    for at in 0..log.len() {
        let mut log = log.clone();
        log[at] ^= 1 << (at % 8);
        match Staging::open(folder_of(&log).path()) {
            Ok(staging) => {
                assert!(at >= last_batch, "the flip at {at} was not noticed");
                let answers = answers(&staging).expect("what is left is whole");
                let known = history
                    .iter()
                    .any(|(end, model)| *end <= at as u64 && *model == answers);
                assert!(known, "the flip at {at} made something up");
            }
            Err(Error::Damaged {
                path, byte_offset, ..
            }) => {
                assert!(path.ends_with("log") && byte_offset <= at as u64);
            }
            Err(Error::Version { .. }) => assert!((8..10).contains(&at)),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_bit_that_flips_in_what_the_table_covers_is_an_error_where_it_is_read() {
    let (folder, history) = history();
    let (_, model) = history.last().expect("there is one");
    let log = fs::read(log_path(folder.path())).expect("it is there");
    let mut staging = open(folder.path(), Access::Read);
    staging.write_table().expect("there is room");
    let mut errors = 0;
    for at in scan::HEADER_BYTES as usize..log.len() {
        let mut log = log.clone();
        log[at] ^= 1 << (at % 8);
        fs::write(log_path(folder.path()), &log).expect("there is room");
        let told = findings(folder.path()).expect("it can be read");
        assert!(told.log.is_some() && told.table.is_none(), "{at}: {told:?}");
        let staging = Staging::open(folder.path()).expect("nothing of it is read");
        for path in PATHS {
            match staging.find(path) {
                Ok(staged) => assert_eq!(staged.as_ref(), model.now.get(path)),
                Err(Error::Damaged { .. }) => errors += 1,
                Err(error) => panic!("{error}"),
            }
        }
        let _ = answers(&staging).map(|answers| assert_eq!(&answers, model));
    }
    assert!(errors > 100);
}

#[test]
fn what_a_power_cut_leaves_is_a_torn_tail() {
    let (folder, history) = history();
    let (_, model) = history.last().expect("there is one");
    let log = fs::read(log_path(folder.path())).expect("it is there");
    let mut batch = Vec::new();
    record::put_path_record(log.len() as u64, None, b"y", None, &mut batch).expect("it is short");
    let zeros = vec![0; 5_000];
    let garbage: Vec<u8> = (0..5_000).map(|_| fastrand::u8(..)).collect();
    // Zeros where the first page of a batch should be, and its second page behind them.
    let hole = [&zeros[..], &batch].concat();
    for tail in [zeros, garbage, hole] {
        let folder = folder_of(&[&log[..], &tail].concat());
        check(
            &Staging::open(folder.path()).expect("it is a torn tail"),
            model,
        );
        check(&open(folder.path(), Access::Read), model);
        let cut = fs::read(log_path(folder.path())).expect("it is there");
        assert!(cut == log, "the torn tail was not cut off");
    }
}

#[test]
fn a_table_is_never_trusted() {
    let (folder, history) = history();
    let (_, model) = history.last().expect("there is one");
    let path = table_path(folder.path());
    let mut staging = open(folder.path(), Access::Read);
    staging.write_table().expect("there is room");
    let table = fs::read(&path).expect("it is there");
    check(&Staging::open(folder.path()).expect("it is whole"), model);
    for at in 0..table.len() {
        let mut table = table.clone();
        table[at] ^= 1 << (at % 8);
        fs::write(&path, &table).expect("there is room");
        let staging = Staging::open(folder.path()).expect("it is whole");
        assert_eq!(&answers(&staging).expect("it is whole"), model);
        let told = findings(folder.path()).expect("it can be read");
        assert!(told.table.is_some() && told.log.is_none(), "{at}: {told:?}");
        fs::write(&path, &table[..at]).expect("there is room");
        let staging = Staging::open(folder.path()).expect("it is whole");
        assert_eq!(&answers(&staging).expect("it is whole"), model);
    }
    // Nor is one of another log.
    fs::write(&path, &table).expect("there is room");
    let (other, mut staging) = new_staging();
    (0..40).for_each(|seed| put(&mut staging, b"other", &staged(seed)));
    staging.sync().expect("there is room");
    fs::copy(log_path(other.path()), log_path(folder.path())).expect("there is room");
    let staging = open(folder.path(), Access::Read);
    assert_eq!(staging.len(), 1);
    assert!(!path.exists(), "it might fit a log that has grown");
}

#[test]
fn a_failed_write_is_final() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = LossyDisk::new(folder.path());
    Staging::create_on(&disk.shared(), folder.path()).expect("there is room");
    let staging = Staging::open_for_writing_on(&disk.shared(), folder.path());
    let mut staging = staging.expect("it is whole");
    put(&mut staging, b"a", &staged(1));
    staging.sync().expect("there is room");
    put(&mut staging, b"b", &staged(2));
    disk.fail(0, nix::libc::ENOSPC);
    assert!(matches!(staging.sync(), Err(Error::Io { .. })));
    let stamp = staged(3).stamp;
    let is_poisoned = |result: Result<()>| matches!(result, Err(Error::Poisoned { .. }));
    assert!(is_poisoned(staging.sync()));
    assert!(is_poisoned(staging.put(b"c", &staged(3).entry, &stamp)));
    assert!(is_poisoned(staging.committed(CommitId([0; 32]))));
    assert!(is_poisoned(staging.remove(b"a").map(|_| ())));
    assert!(is_poisoned(staging.remove(b"none").map(|_| ())));
    assert!(is_poisoned(staging.restore_committed(b"a").map(|_| ())));
    assert!(is_poisoned(staging.compact().map(|_| ())));
    assert_eq!(Staging::open(folder.path()).expect("it is whole").len(), 1);
}

/// Goal: what a failed sync left in memory alone is not taken for durable by whoever opens the log next.
#[test]
fn a_sync_that_failed_is_not_believed_later() {
    let last = staged(3);
    for operation in 0..6 {
        for seed in 0..24 {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let disk = LossyDisk::new(folder.path());
            let open = || Staging::open_for_writing_on(&disk.shared(), folder.path());
            Staging::create_on(&disk.shared(), folder.path()).expect("there is room");
            let mut staging = open().expect("it is whole");
            put(&mut staging, b"a", &staged(1));
            staging.sync().expect("there is room");
            // What is written behind the batch, that it is on the disk, is not on the disk itself.
            let mut staging = open().expect("it is whole");
            disk.fail(operation, nix::libc::EIO);
            let failed = staging.put(b"b", &last.entry, &last.stamp);
            let _ = failed.and_then(|()| staging.sync());
            disk.heal();
            let mut staging = open().expect("it is whole");
            put(&mut staging, b"c", &last);
            staging.sync().expect("there is room");
            let after = tempfile::tempdir().expect("a temporary folder");
            disk.crash(seed, after.path());
            let staging = Staging::open(after.path()).expect("it is whole");
            let is_there = |path: &[u8]| staging.known(path).expect("it is whole").is_some();
            assert!(is_there(b"a") && is_there(b"c"), "{operation} {seed}");
        }
    }
}

/// Goal: the table knows nothing of the log that a power cut may take back, however often it is synced: here at lengths of which
/// some are such that the seal alone makes a table due.
#[test]
fn a_table_knows_no_more_than_is_on_the_disk() {
    for len in (0..200).step_by(5) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = LossyDisk::new(folder.path());
        Staging::create_on(&disk.shared(), folder.path()).expect("there is room");
        let staging = Staging::open_for_writing_on(&disk.shared(), folder.path());
        let mut staging = staging.expect("it is whole");
        for number in 0..3 {
            let path = format!("{number}{}", "x".repeat(len));
            put(&mut staging, path.as_bytes(), &staged(1));
            staging.sync().expect("there is room");
            staging.sync().expect("nothing is to be done");
            for seed in [0, 2, 3, 4, 5] {
                let after = tempfile::tempdir().expect("a temporary folder");
                disk.crash(seed, after.path());
                let left = Staging::open(after.path()).expect("it is whole");
                assert_eq!(left.len(), number + 1, "{len} {seed}");
            }
        }
    }
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let (folder, mut staging) = new_staging();
    let is_refused = |result: Result<()>| matches!(result, Err(Error::Usage { .. }));
    let good = staged(1);
    assert!(is_refused(staging.put(b"a/../b", &good.entry, &good.stamp)));
    let mut entry = good.entry.clone();
    entry.mode = 0o10_000;
    assert!(is_refused(staging.put(b"a", &entry, &good.stamp)));
    let mut entry = good.entry.clone();
    entry.content = Content::File {
        len_bytes: 5,
        is_sparse: false,
        body: Body::Empty,
    };
    // A file of five bytes without chunks would read back as one with a list.
    assert!(is_refused(staging.put(b"a", &entry, &good.stamp)));
    assert!(staging.is_empty());
    let mut reader = Staging::open(folder.path()).expect("it is whole");
    assert!(is_refused(reader.put(b"a", &good.entry, &good.stamp)));
    assert!(matches!(
        Staging::create(folder.path()),
        Err(Error::Exists { .. })
    ));
}

#[test]
fn a_log_that_says_little_is_made_smaller() {
    let (folder, mut staging) = new_staging();
    for round in 0..60 {
        for file in 0..100 {
            let mut staged = staged(1);
            staged.stamp.changed_ns = round;
            put(&mut staging, format!("folder/{file}").as_bytes(), &staged);
        }
    }
    assert!(
        staging.compact().expect("there is room"),
        "nothing is committed yet"
    );
    put(&mut staging, b"folder/7", &staged(2));
    staging.committed(CommitId([1; 32])).expect("there is room");
    assert!(!staging.compact().expect("there is room"), "it is small");
    assert_eq!(staging.changes().count(), 0);
    staging.sync().expect("there is room");
    let log = fs::metadata(log_path(folder.path())).expect("it is there");
    assert!(log.len() < 100 * 250, "{}", log.len());
    let again = Staging::open(folder.path()).expect("it is whole");
    assert_eq!(
        again.find(b"folder/7").expect("it is whole"),
        Some(staged(2))
    );
    assert_eq!(
        again.committed_id().expect("it is whole"),
        Some(CommitId([1; 32]))
    );
    assert_eq!(again.len(), 100);
}

/// A file as they are in a tree of sources: one chunk, a name of some forty bytes.
fn small_file(number: u64) -> (Vec<u8>, Staged) {
    let path = format!(
        "drivers/net/ethernet/vendor{:02}/file{number:06}.c",
        number % 50
    );
    let mut staged = staged(0);
    let now_ns = 1_790_000_000_000_000_000 + number as i64;
    staged.entry.modified_ns = now_ns;
    staged.stamp.changed_ns = now_ns;
    staged.stamp.inode = 20_000_000 + number;
    let run = Run {
        id: ObjectId::of_chunk(&number.to_le_bytes()),
        len_bytes: 10_000,
        count: 1,
    };
    staged.entry.content = Content::File {
        len_bytes: 10_000,
        is_sparse: false,
        body: Body::Runs(vec![run]),
    };
    (path.into_bytes(), staged)
}

#[test]
fn a_small_file_takes_little() {
    let (folder, mut staging) = new_staging();
    // One more than fits, so that the table has just been made twice as large.
    let count = (1 << 14) / 4 * 3 + 1;
    for number in 0..count {
        let (path, staged) = small_file(number);
        put(&mut staging, &path, &staged);
    }
    staging.sync().expect("there is room");
    let len = |path: &Path| fs::metadata(path).expect("it is there").len();
    let bytes = len(&log_path(folder.path())) + len(&table_path(folder.path()));
    assert!(
        bytes <= 150 * count,
        "{} bytes a file",
        bytes as f64 / count as f64
    );
    let sorted = staging.sorted().expect("it is whole");
    let paths: Vec<_> = sorted.map(|item| item.expect("it is whole").0).collect();
    assert_eq!(paths.len() as u64, count);
    assert!(paths.is_sorted_by(|left, right| tree_order(left, right).is_lt()));
}

#[test]
fn a_large_batch_is_written_in_parts() {
    install_fault_handler().expect("the handler can be installed");
    let (folder, _) = new_staging();
    for access in [Access::Mapped, Access::Read] {
        let mut staging = open(folder.path(), access);
        let before = staging.image.len_bytes();
        let mut file = staged(4);
        file.entry.content = Content::Link {
            target: vec![b'x'; 300_000],
        };
        for number in 0..40 {
            file.stamp.inode += 1;
            put(
                &mut staging,
                format!("{access:?}/{number}").as_bytes(),
                &file,
            );
        }
        let log = fs::metadata(log_path(folder.path())).expect("it is there");
        assert!(
            log.len() > before + 5_000_000,
            "memory would grow with the batch"
        );
        let first = format!("{access:?}/0");
        assert!(
            staging
                .find(first.as_bytes())
                .expect("it is whole")
                .is_some()
        );
        assert!(staging.rewrite().expect("there is room"));
        assert!(
            staging
                .find(first.as_bytes())
                .expect("it is whole")
                .is_some()
        );
    }
}
