//! Trees that change while they are added, and things that are hard to add.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat, readlinkat, symlinkat};
use tamis_store::add::{AddOptions, Unread};
use tamis_store::settings::Settings;

use crate::trees::{Repository, assert_same, children, snapshot, soak_factor};

/// Files that are being changed.
const FILES: usize = 12;

/// What is appended to a file.
const APPENDED_BYTES: usize = 4096;

/// The bytes of one version: so many times its number, a multiple of 8 of them.
fn version(number: u64, len: usize) -> Vec<u8> {
    number.to_le_bytes().repeat(len / 8)
}

/// Changes a file in one of the ways in which files change: always to something that is a version, or the beginning of one.
fn disturb(folder: &Path, rng: &mut Rng, number: u64) -> std::io::Result<()> {
    let path = folder.join(rng.usize(0..FILES).to_string());
    let len = rng.usize(0..40_000);
    match rng.u8(0..6) {
        // In place, so that a reader who does not look twice sees two versions.
        0 => fs::write(&path, version(number, len)),
        1 => {
            let file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(rng.u64(0..5000) * 8)
        }
        2 => {
            let mut file = OpenOptions::new().append(true).open(&path)?;
            file.write_all(&version(number, APPENDED_BYTES))
        }
        3 => {
            let other = folder.join("other");
            fs::write(&other, version(number, len))?;
            fs::rename(other, path)
        }
        4 => {
            fs::remove_file(&path)?;
            symlink("nowhere", path)
        }
        _ => {
            fs::remove_file(&path)?;
            fs::create_dir(&path)?;
            fs::write(path.join("inner"), version(number, len))?;
            fs::remove_dir_all(path)
        }
    }
}

/// Whether a file has bytes that it can have had at one moment: whole numbers, in pieces that were written at once. The first piece
/// may be long, those behind it were appended, and zeros come of growing. Half of one version and half of the next is none of that.
fn has_been(bytes: &[u8], largest: u64) -> bool {
    let (numbers, rest) = bytes.as_chunks::<8>();
    let numbers: Vec<_> = numbers.iter().map(|it| u64::from_le_bytes(*it)).collect();
    let pieces = numbers.chunk_by(|left, right| left == right);
    rest.is_empty()
        && pieces.enumerate().all(|(at, piece)| {
            piece[0] <= largest && (at == 0 || piece[0] == 0 || piece.len() * 8 <= APPENDED_BYTES)
        })
}

#[test]
fn a_tree_that_changes_while_it_is_added_gives_what_was_there_at_some_moment() {
    let tree = tempfile::tempdir().expect("a temporary folder");
    for file in 0..FILES {
        let path = tree.path().join(file.to_string());
        fs::write(path, version(1, 30_000)).expect("there is room");
    }
    let repository = Repository::new(Settings {
        threads: 3,
        window_threshold_bytes: 20_000,
        streaming_threshold_bytes: 30_000,
        ..Settings::default()
    });
    let is_done = AtomicBool::new(false);
    let mut commits = Vec::new();
    let last = std::thread::scope(|scope| {
        let disturber = scope.spawn(|| {
            let mut rng = Rng::with_seed(3);
            let mut number = 1;
            while !is_done.load(Ordering::Relaxed) {
                number += 1;
                // A file that is a folder or a link at the moment cannot be written to.
                if disturb(tree.path(), &mut rng, number).is_err() {
                    let path = tree.path().join(rng.usize(0..FILES).to_string());
                    let _ = fs::remove_file(path);
                }
            }
            number
        });
        let end = Instant::now() + Duration::from_secs(soak_factor().unwrap_or(1));
        while Instant::now() < end {
            let added = repository.add(tree.path(), &AddOptions::default());
            for (path, unread) in &added.failures {
                assert!(path.starts_with(tree.path()), "{}", path.display());
                let is_expected = matches!(
                    unread,
                    Unread::Changed | Unread::Gone | Unread::NoFile | Unread::Io(_)
                );
                assert!(is_expected, "{}: {unread}", path.display());
            }
            commits.push(repository.commit(tree.path()));
        }
        is_done.store(true, Ordering::Relaxed);
        disturber.join().expect("it does not panic")
    });
    for id in commits.into_iter().take(20) {
        let restored = repository.restore(id).expect("it is whole");
        for (path, item) in snapshot(restored.path()) {
            if item.mode & 0o170_000 == 0o100_000 {
                let bytes = item.content.expect("it is a file");
                assert!(has_been(&bytes, last), "{}", path.escape_ascii());
            }
        }
    }
}

#[test]
fn pipes_sockets_and_devices_are_left_out_and_block_nobody() {
    let tree = tempfile::tempdir().expect("a temporary folder");
    let make = |name: &str, kind, device| {
        mknodat(CWD, tree.path().join(name), kind, Mode::RUSR, device).is_ok()
    };
    assert!(make("pipe", FileType::Fifo, 0));
    let socket = UnixListener::bind(tree.path().join("socket")).expect("there is room");
    // Only root may; 1, 3 is /dev/null, which is there for everybody in some containers and for nobody in others.
    let device = make(
        "device",
        FileType::CharacterDevice,
        rustix::fs::makedev(1, 3),
    );
    fs::write(tree.path().join("file"), b"1").expect("there is room");
    let repository = Repository::new(Settings::default());
    let added = repository.add(tree.path(), &AddOptions::default());
    assert!(added.failures.is_empty(), "{:?}", added.failures);
    assert_eq!(added.others, 2 + u64::from(device));
    let restored = repository.restore(repository.commit(tree.path()));
    let restored = children(restored.expect("it is whole").path());
    assert_eq!(restored.len(), 1);
    drop(socket);
    let kind = fs::symlink_metadata(tree.path().join("pipe")).expect("it is there");
    assert!(kind.file_type().is_fifo());
}

#[test]
fn what_may_not_be_read_is_named_and_stays_as_it_was() {
    if rustix::process::geteuid().is_root() {
        // No lack of this machine: the tests of the binary do the same as somebody else. Macros would keep the notice of a test that passes back.
        let notice =
            "skipped what_may_not_be_read_is_named_and_stays_as_it_was: root may read everything";
        let _ = writeln!(std::io::stderr(), "{notice}");
        return;
    }
    let tree = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| tree.path().join(name);
    fs::create_dir(path("folder")).expect("there is room");
    for name in ["file", "folder/inner", "open"] {
        fs::write(path(name), b"1").expect("there is room");
    }
    let repository = Repository::new(Settings::default());
    repository.add(tree.path(), &AddOptions::default());
    let before = snapshot(tree.path());
    for name in ["file", "folder"] {
        let none = fs::Permissions::from_mode(0o000);
        fs::set_permissions(path(name), none).expect("it is ours");
    }
    let added = repository.add(tree.path(), &AddOptions::default());
    let mut failed: Vec<PathBuf> = added.failures.into_iter().map(|it| it.0).collect();
    failed.sort();
    failed.dedup();
    assert_eq!(failed, [path("file"), path("folder")]);
    assert_eq!(added.removed, 0);
    for name in ["file", "folder"] {
        let all = fs::Permissions::from_mode(0o700);
        fs::set_permissions(path(name), all).expect("it is ours");
    }
    let restored = repository.restore(repository.commit(tree.path()));
    let restored = snapshot(restored.expect("it is whole").path());
    for name in [b"file".as_slice(), b"folder/inner"] {
        assert_eq!(restored[name].content, before[name].content);
    }
}

#[test]
fn a_tree_can_be_two_thousand_folders_deep() {
    let tree = tempfile::tempdir().expect("a temporary folder");
    let deepest = tree.path().join("d/".repeat(1900));
    fs::create_dir_all(&deepest).expect("there is room");
    fs::write(deepest.join("f"), b"deep").expect("there is room");
    let repository = Repository::new(Settings::default());
    let added = repository.add(tree.path(), &AddOptions::default());
    assert!(added.failures.is_empty(), "{:?}", added.failures);
    assert_eq!(added.staged, 1901);
    let restored = repository.restore(repository.commit(tree.path()));
    let restored = restored.expect("it is whole");
    assert_same(&snapshot(restored.path()), &snapshot(tree.path()));
}

/// A folder of that name in one that is open; made before, if that is asked for.
fn descend(folder: &OwnedFd, name: &str, is_made: bool) -> OwnedFd {
    if is_made {
        mkdirat(folder, name, Mode::RWXU).expect("there is room");
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    openat(folder, name, flags, Mode::empty()).expect("it is there")
}

/// The deepest of 30 folders in each other, whose names together are longer than the system takes a path to be.
fn deepest(top: &Path, is_made: bool) -> OwnedFd {
    let top = OwnedFd::from(File::open(top).expect("it is there"));
    (0..30).fold(top, |folder, _| descend(&folder, &"n".repeat(200), is_made))
}

#[test]
fn paths_can_be_longer_than_the_system_takes_at_once() {
    let tree = tempfile::tempdir().expect("a temporary folder");
    let folder = deepest(tree.path(), true);
    let flags = OFlags::WRONLY | OFlags::CREATE;
    let file = openat(&folder, "file", flags, Mode::RUSR | Mode::WUSR).expect("there is room");
    File::from(file).write_all(b"deep").expect("there is room");
    symlinkat("target", &folder, "link").expect("there is room");
    // What has just been written is read again.
    std::thread::sleep(Duration::from_millis(2100));
    let repository = Repository::new(Settings::default());
    let added = repository.add(tree.path(), &AddOptions::default());
    assert!(added.failures.is_empty(), "{:?}", added.failures);
    assert_eq!(added.staged, 30 + 2);
    let again = repository.add(tree.path(), &AddOptions::default());
    assert!(again.failures.is_empty(), "{:?}", again.failures);
    assert_eq!((again.staged, again.unchanged, again.removed), (0, 32, 0));

    let restored = repository.restore(repository.commit(tree.path()));
    let restored = restored.expect("it is whole");
    let folder = deepest(restored.path(), false);
    let target = readlinkat(&folder, "link", Vec::new()).expect("it is there");
    assert_eq!(target.as_bytes(), b"target");
    let file = openat(&folder, "file", OFlags::RDONLY, Mode::empty()).expect("it is there");
    let text = std::io::read_to_string(File::from(file)).expect("it is whole");
    assert_eq!(text, "deep");
}

#[test]
fn a_folder_can_have_very_many_files() {
    let count = match soak_factor() {
        Some(_) => 1_000_000,
        None => 100_000,
    };
    let tree = crate::trees::store_folder();
    for number in 0..count {
        File::create(tree.path().join(number.to_string())).expect("there is room");
    }
    let repository = Repository::new(Settings::default());
    let added = repository.add(tree.path(), &AddOptions::default());
    assert!(added.failures.is_empty());
    assert_eq!(added.staged, count);
    let id = repository.commit(tree.path());
    fs::remove_file(tree.path().join("777")).expect("it is ours");
    let added = repository.add(tree.path(), &AddOptions::default());
    assert_eq!(added.removed, 1);
    let next = repository.commit(tree.path());
    let files = |id| {
        repository
            .open()
            .refs()
            .commit(id)
            .expect("it is whole")
            .totals
            .files
    };
    assert_eq!((files(id), files(next)), (count, count - 1));
}
