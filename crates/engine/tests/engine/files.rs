//! Regular files: every back end gives the same bytes, and notices the same changes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tamis_engine::source::{
    FileSource, Growth, Io, MemorySource, Opened, RandomAccess, ReadOptions, Source,
};
use tamis_engine::{Error, mmap};

use crate::{read_all, sample};

const BACKENDS: [Io; 2] = [Io::Read, Io::Mmap];

fn source(path: &Path, io: Io) -> FileSource {
    mmap::install_fault_handler().unwrap();
    FileSource::new(
        path,
        ReadOptions {
            io,
            ..ReadOptions::default()
        },
    )
}

fn open(path: &Path, io: Io) -> Box<dyn RandomAccess> {
    match source(path, io).open().unwrap() {
        Opened::Random(bytes) => bytes,
        Opened::Stream(stream) => panic!("{} was opened as {}", path.display(), stream.backend()),
    }
}

#[test]
fn all_back_ends_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.csv");
    for len in [1, 3, 4095, 4096, 4097, 300_000] {
        let expected = sample(len);
        fs::write(&path, &expected).unwrap();
        for step in [997, 4096, 70_000] {
            for io in BACKENDS {
                let (bytes, backend) = read_all(&source(&path, io), step).unwrap();
                assert!(bytes == expected, "{io:?}, {len} bytes by {step}");
                assert_eq!(backend, if io == Io::Mmap { "mmap" } else { "read" });
            }
            let memory = MemorySource::new("memory", expected.clone());
            assert!(read_all(&memory, step).unwrap() == (expected.clone(), "memory"));
            assert!(read_all(&memory.as_stream(13), step).unwrap() == (expected.clone(), "stream"));
        }
    }
}

#[test]
fn ranges_are_clipped_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    fs::write(&path, b"0123456789").unwrap();
    for io in BACKENDS {
        let bytes = open(&path, io);
        for (range, expected) in [
            (8..100, "89"),
            (10..12, ""),
            (50..60, ""),
            (3..3, ""),
            (0..10, "0123456789"),
        ] {
            let mut calls = 0;
            bytes
                .with_range(range, &mut |seen| {
                    assert_eq!(seen, expected.as_bytes());
                    calls += 1;
                })
                .unwrap();
            assert_eq!(calls, 1);
        }
    }
}

#[test]
fn a_released_range_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let expected = sample(1_000_000);
    fs::write(&path, &expected).unwrap();
    let bytes = open(&path, Io::Mmap);
    bytes.release(0..u64::MAX);
    bytes
        .with_range(0..u64::MAX, &mut |seen| assert!(seen == expected))
        .unwrap();
    bytes.release(100..500_000);
    bytes
        .with_range(0..u64::MAX, &mut |seen| assert!(seen == expected))
        .unwrap();
}

/// What `with_range` over the whole file and `verify` say after `change`.
fn changed(io: Io, change: impl Fn(&Path)) -> [Option<(u64, String)>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    fs::write(&path, sample(100_000)).unwrap();
    let bytes = open(&path, io);
    change(&path);
    [
        bytes.with_range(50_000..90_000, &mut |_| {}),
        bytes.verify(),
    ]
    .map(|result| match result {
        Ok(()) => None,
        Err(Error::Changed {
            input,
            byte_offset,
            detail,
        }) => {
            assert_eq!(input, path.to_str().unwrap());
            Some((byte_offset, detail))
        }
        Err(other) => panic!("{other}"),
    })
}

#[test]
fn growth_is_noticed() {
    for io in BACKENDS {
        let grow = |path: &Path| {
            OpenOptions::new()
                .append(true)
                .open(path)
                .unwrap()
                .write_all(b"more")
                .unwrap()
        };
        let expected = Some((
            100_000,
            "its size was 100000 bytes, is now 100004".to_owned(),
        ));
        assert_eq!(changed(io, grow), [expected.clone(), expected]);
    }
}

#[test]
fn a_log_may_grow_and_not_shrink() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for io in BACKENDS {
        fs::write(&path, sample(100_000)).unwrap();
        let options = ReadOptions {
            io,
            growth: Growth::Allowed,
            ..ReadOptions::default()
        };
        let Opened::Random(bytes) = FileSource::new(&path, options).open().unwrap() else {
            unreachable!("a file that is not empty");
        };
        let file = OpenOptions::new().append(true).open(&path).unwrap();
        (&file).write_all(b"more").unwrap();
        assert_eq!(bytes.len_bytes(), 100_000);
        let mut seen = 0;
        bytes
            .with_range(0..u64::MAX, &mut |range| seen = range.len())
            .unwrap();
        assert_eq!(seen, 100_000);
        bytes.verify().unwrap();
        file.set_len(60_000).unwrap();
        assert!(matches!(bytes.verify(), Err(Error::Changed { .. })));
    }
}

#[test]
fn truncation_is_noticed() {
    for io in BACKENDS {
        let shrink = |path: &Path| {
            OpenOptions::new()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(60_000)
                .unwrap()
        };
        let expected = Some((60_000, "its size was 100000 bytes, is now 60000".to_owned()));
        assert_eq!(changed(io, shrink), [expected.clone(), expected]);
    }
}

#[test]
fn overwriting_is_noticed() {
    for io in BACKENDS {
        let overwrite = |path: &Path| {
            // A tick of the file system's clock, which may be as coarse as ten milliseconds.
            std::thread::sleep(std::time::Duration::from_millis(20));
            OpenOptions::new()
                .write(true)
                .open(path)
                .unwrap()
                .write_all(b"other")
                .unwrap();
        };
        let [in_range, at_end] = changed(io, overwrite).map(|change| change.expect("a change"));
        assert_eq!((in_range.0, at_end.0), (50_000, 0));
        assert!(
            at_end
                .1
                .starts_with("it was written to (modification time moved by "),
            "{}",
            at_end.1
        );
    }
}

#[test]
fn a_file_renamed_over_is_read_on_as_it_was() {
    for io in BACKENDS {
        let replace = |path: &Path| {
            let new = path.with_extension("new");
            fs::write(&new, b"short").unwrap();
            fs::rename(new, path).unwrap();
        };
        assert_eq!(changed(io, replace), [None, None]);
    }
}

#[test]
fn a_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = source(folder.path(), Io::Auto).open().unwrap_err();
    let expected = format!(
        "cannot open `{}`: it is a directory; name the files in it",
        folder.path().display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_missing_file_is_named() {
    let error = source(Path::new("no/such/file.csv"), Io::Auto)
        .open()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot open `no/such/file.csv`: No such file or directory (os error 2)"
    );
}

#[test]
fn an_unreadable_file_is_an_open_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, b"x").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    let error = source(&path, Io::Auto).open().unwrap_err();
    assert!(
        matches!(error, Error::Open { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    );
}

#[test]
fn an_empty_file_is_an_empty_stream() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.csv");
    fs::write(&path, b"").unwrap();
    for io in [Io::Auto, Io::Read, Io::Mmap] {
        assert_eq!(
            read_all(&source(&path, io), 100).unwrap(),
            (Vec::new(), "stream")
        );
    }
}

#[test]
fn files_of_proc_and_sys_are_read_whatever_size_they_claim() {
    for path in [
        "/proc/self/status",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ] {
        let Ok(expected) = fs::read(path) else {
            eprintln!("skipped: no {path} here");
            continue;
        };
        let (bytes, backend) = read_all(&source(Path::new(path), Io::Mmap), 4096).unwrap();
        assert_eq!((bytes.is_empty(), backend), (expected.is_empty(), "stream"));
    }
}

#[test]
fn auto_maps_large_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let backend = |len| {
        let path = folder.path().join("data");
        fs::write(&path, sample(len)).unwrap();
        open(&path, Io::Auto).backend()
    };
    assert_eq!(backend(10_000), "read");
    // Elsewhere, and on a file system that is not known to be local, `read` would be right.
    if cfg!(target_os = "linux") {
        assert_eq!(backend(1 << 20), "mmap");
    }
}
