//! Goal: a power cut may take what was not made durable, each block and each name by itself, and nothing else.

use libc::EIO;

use super::*;

/// Enough of them for every state of a few blocks and names.
const SEEDS: std::ops::Range<u64> = 0..300;

/// A seed with which all is lost that can be lost.
const TAKES_ALL: u64 = 0;

type Left = BTreeMap<String, Vec<u8>>;

/// The files that may be left, by name.
fn left(disk: &LossyDisk, seed: u64) -> Left {
    let target = tempfile::tempdir().expect("a folder");
    disk.crash(seed, target.path());
    let entries = fs::read_dir(target.path()).expect("it is there");
    let files = entries.map(|it| {
        let path = it.expect("it can be read").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        (name.into_owned(), fs::read(&path).expect("it is there"))
    });
    files.collect()
}

/// All states that may be left.
fn all_left(disk: &LossyDisk) -> BTreeSet<Left> {
    SEEDS.map(|seed| left(disk, seed)).collect()
}

/// What is left when all is lost that can be lost.
fn durable(disk: &LossyDisk) -> Left {
    left(disk, TAKES_ALL)
}

fn file_of(name: &str, bytes: &[u8]) -> Left {
    Left::from([(name.to_owned(), bytes.to_owned())])
}

/// A disk with a file of one durable block of `a`.
fn disk_with_a_block(root: &Path) -> (LossyDisk, File, PathBuf) {
    let (disk, path) = (LossyDisk::new(root), root.join("file"));
    let file = disk.create(&path).expect("it is made");
    disk.write(&file, &path, &[b'a'; 512])
        .expect("it is written");
    disk.sync(&file, &path).expect("it is durable");
    disk.sync_folder(root).expect("it is durable");
    (disk, file, path)
}

#[test]
fn a_block_that_was_not_synced_may_be_lost_and_no_other() {
    let root = tempfile::tempdir().expect("a folder");
    let (disk, file, path) = disk_with_a_block(root.path());
    disk.write(&file, &path, &[b'b'; 1024])
        .expect("it is written");
    let found = all_left(&disk);
    let blocks = |bytes: [u8; 3]| file_of("file", &bytes.map(|it| [it; 512]).concat());
    for expected in [
        file_of("file", &[b'a'; 512]),
        blocks([b'a', 0, 0]),
        blocks([b'a', b'b', 0]),
        blocks([b'a', 0, b'b']),
        blocks([b'a', b'b', b'b']),
    ] {
        assert!(found.contains(&expected), "never left: {expected:?}");
    }
    for left in &found {
        assert_eq!(left["file"][..512], [b'a'; 512]);
        assert!(left["file"].len() <= 1536);
    }
    disk.sync(&file, &path).expect("it is durable");
    let expected = BTreeSet::from([blocks([b'a', b'b', b'b'])]);
    assert_eq!(all_left(&disk), expected);
}

#[test]
fn what_is_written_over_durable_bytes_may_be_lost() {
    let root = tempfile::tempdir().expect("a folder");
    let (disk, _, path) = disk_with_a_block(root.path());
    // Past the disk: it notices.
    fs::write(&path, [b'b'; 512]).expect("it is written");
    let expected = [b'a', b'b'].map(|it| file_of("file", &[it; 512]));
    assert_eq!(all_left(&disk), BTreeSet::from(expected));
}

#[test]
fn a_name_that_was_not_synced_may_be_lost_and_no_other() {
    let root = tempfile::tempdir().expect("a folder");
    fs::write(root.path().join("before"), b"").expect("it is written");
    let disk = LossyDisk::new(root.path());
    disk.create(&root.path().join("one")).expect("it is made");
    // Past the disk: it notices.
    File::create(root.path().join("two")).expect("it is made");
    let names = |it: &[&str]| {
        let names = it.iter().chain(&["before"]);
        names
            .map(|it| ((*it).to_owned(), Vec::new()))
            .collect::<Left>()
    };
    let expected = [&[][..], &["one"], &["two"], &["one", "two"]].map(names);
    assert_eq!(all_left(&disk), BTreeSet::from(expected));
    disk.sync_folder(root.path()).expect("it is durable");
    let expected = BTreeSet::from([names(&["one", "two"])]);
    assert_eq!(all_left(&disk), expected);
    disk.remove(&root.path().join("one")).expect("it goes");
    let expected = [&["two"][..], &["one", "two"]].map(names);
    assert_eq!(all_left(&disk), BTreeSet::from(expected));
}

#[test]
fn a_rename_is_done_whole_or_not_at_all() {
    let root = tempfile::tempdir().expect("a folder");
    let (disk, _, path) = disk_with_a_block(root.path());
    let draft = root.path().join("draft");
    let file = disk.create(&draft).expect("it is made");
    disk.write(&file, &draft, b"new").expect("it is written");
    disk.sync(&file, &draft).expect("it is durable");
    disk.rename(&draft, &path).expect("it is renamed");
    let old = file_of("file", &[b'a'; 512]);
    let mut with_draft = old.clone();
    with_draft.insert("draft".to_owned(), b"new".to_vec());
    let new = file_of("file", b"new");
    let expected = BTreeSet::from([old, with_draft, new.clone()]);
    assert_eq!(all_left(&disk), expected);
    disk.sync_folder(root.path()).expect("it is durable");
    assert_eq!(all_left(&disk), BTreeSet::from([new]));
}

#[test]
fn a_file_may_have_its_name_before_its_bytes() {
    let root = tempfile::tempdir().expect("a folder");
    let (disk, _, path) = disk_with_a_block(root.path());
    let draft = root.path().join("draft");
    let file = disk.create(&draft).expect("it is made");
    disk.write(&file, &draft, b"new").expect("it is written");
    disk.rename(&draft, &path).expect("it is renamed");
    disk.sync_folder(root.path()).expect("it is durable");
    let found = all_left(&disk);
    for expected in [&b""[..], b"\0\0\0", b"new"] {
        assert!(found.contains(&file_of("file", expected)), "{expected:?}");
    }
    assert!(found.iter().all(|it| it.len() == 1), "{found:?}");
}

#[test]
fn what_a_sync_failed_to_write_no_later_one_writes() {
    let root = tempfile::tempdir().expect("a folder");
    let (disk, file, path) = disk_with_a_block(root.path());
    disk.write(&file, &path, b"lost").expect("it is written");
    disk.fail(0, EIO);
    let failed = disk.sync(&file, &path);
    assert!(matches!(failed, Err(Error::Io { action: SYNC, .. })));
    disk.write(&file, &path, b"kept").expect("it is written");
    disk.sync(&file, &path).expect("it says so");
    let with = |end: &[u8]| file_of("file", &[&[b'a'; 512], end].concat());
    assert_eq!(durable(&disk), with(b"\0\0\0\0kept"));
    disk.write_again(&file, &path, 512, b"lost")
        .expect("it is written");
    disk.sync(&file, &path).expect("it is durable");
    assert_eq!(durable(&disk), with(b"lostkept"));
}

#[test]
fn whose_sync_failed_is_told_and_nobody_else() {
    let root = tempfile::tempdir().expect("a folder");
    let (disk, file, path) = disk_with_a_block(root.path());
    disk.fail(1, EIO);
    disk.sync(&file, &path).expect("it is durable");
    disk.sync_folder(root.path()).expect_err("it fails");
    disk.sync_folder(root.path()).expect("it is durable");
    assert_eq!(disk.failed_action(), Some(SYNC));
}

#[test]
fn names_that_a_sync_failed_to_write_are_forgotten_by_a_forgetful_disk() {
    for is_forgetful in [false, true] {
        let root = tempfile::tempdir().expect("a folder");
        let disk = match is_forgetful {
            true => LossyDisk::forgetful(root.path()),
            false => LossyDisk::new(root.path()),
        };
        let name = |it: &str| root.path().join(it);
        disk.create(&name("one")).expect("it is made");
        File::create(name("two")).expect("it is made");
        disk.fail(0, EIO);
        disk.sync_folder(root.path()).expect_err("it fails");
        File::create(name("three")).expect("it is made");
        disk.sync_folder(root.path()).expect("it says so");
        let left = durable(&disk);
        let expected = match is_forgetful {
            true => vec!["three"],
            false => vec!["one", "three", "two"],
        };
        assert_eq!(left.keys().collect::<Vec<_>>(), expected);
        // What is forgotten may be there all the same, and what is done to the name later is not.
        assert!(all_left(&disk).iter().any(|it| it.contains_key("two")));
        disk.rename(&name("two"), &name("one"))
            .expect("it is renamed");
        disk.sync_folder(root.path()).expect("it is durable");
        for left in all_left(&disk) {
            assert_eq!(left.keys().collect::<Vec<_>>(), ["one", "three"]);
        }
    }
}

#[test]
fn who_is_killed_makes_nothing_durable_and_forgets_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let disk = LossyDisk::forgetful(root.path());
    File::create(root.path().join("one")).expect("it is made");
    disk.die_after(0);
    disk.sync_folder(root.path()).expect_err("it is dead");
    disk.create(&root.path().join("two"))
        .expect_err("it is dead");
    assert!(!root.path().join("two").exists());
    assert_eq!(durable(&disk), Left::new());
    // Whoever starts next finds the system as it was.
    disk.heal();
    disk.sync_folder(root.path()).expect("it is durable");
    assert_eq!(durable(&disk), file_of("one", b""));
}

#[test]
fn who_makes_durable_in_a_way_of_its_own_tells_before() {
    let root = tempfile::tempdir().expect("a folder");
    let disk = LossyDisk::new(root.path());
    let path = root.path().join("file");
    fs::write(&path, b"bytes").expect("it is written");
    let file = File::open(&path).expect("it is there");
    disk.before_sync(&file, &path).expect("it may be");
    disk.before_sync_folder(root.path()).expect("it may be");
    assert_eq!(durable(&disk), file_of("file", b"bytes"));
    assert_eq!(disk.operations(), 2);
}
