//! Outputs appear whole or not at all.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use tamis_engine::Error;
use tamis_engine::sink::{FileSink, NullSink, Sink, StdoutSink};

use crate::sample;

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_finished_file_is_there_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good.csv");
    let expected = sample(1_000_000);
    let mut sink = FileSink::create(&path).unwrap();
    assert_eq!(sink.name(), path.to_str().unwrap());
    for piece in expected.chunks(70_001) {
        sink.write_all(&piece[..1]).unwrap();
        sink.write_all(&piece[1..]).unwrap();
        assert!(
            entries(folder.path())
                .iter()
                .all(|name| name.ends_with(".tmp")),
            "nothing before the end"
        );
    }
    sink.finish().unwrap();
    assert_eq!(entries(folder.path()), ["good.csv"]);
    assert!(fs::read(&path).unwrap() == expected);
}

/// Goal: what stands in for a private file is private from the start.
#[test]
fn a_file_like_another_has_its_mode_and_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (model, path) = (
        folder.path().join("secret"),
        folder.path().join("secret.gz"),
    );
    fs::write(&model, b"plain").unwrap();
    fs::set_permissions(&model, fs::Permissions::from_mode(0o4600)).unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(86_400);
    fs::File::options()
        .write(true)
        .open(&model)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    fs::write(&path, b"old and open to all").unwrap();
    let mut sink = FileSink::create_like(&path, &fs::metadata(&model).unwrap()).unwrap();
    sink.write_all(b"packed").unwrap();
    sink.finish().unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);
    assert_eq!(metadata.modified().unwrap(), long_ago);
}

#[test]
fn an_existing_file_is_replaced_at_the_end_and_keeps_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good.csv");
    fs::write(&path, b"old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let mut sink = FileSink::create(&path).unwrap();
    sink.write_all(b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    sink.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(entries(folder.path()), ["good.csv"]);
}

#[test]
fn a_dropped_sink_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good.csv");
    let mut sink = FileSink::create(&path).unwrap();
    sink.write_all(&sample(200_000)).unwrap();
    drop(sink);
    assert!(entries(folder.path()).is_empty());

    fs::write(&path, b"old").unwrap();
    let mut sink = FileSink::create(&path).unwrap();
    sink.write_all(b"new").unwrap();
    drop(sink);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(entries(folder.path()), ["good.csv"]);
}

#[test]
fn a_link_is_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    fs::write(&target, b"old").unwrap();
    symlink(&target, &link).unwrap();
    let mut sink = FileSink::create(&link).unwrap();
    sink.write_all(b"new").unwrap();
    sink.finish().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&target).unwrap(), b"new");
}

#[test]
fn an_impossible_place_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        folder.path().join("no/such/folder.csv"),
        folder.path().to_owned(),
    ] {
        let Err(Error::Write { output, .. }) = FileSink::create(&path).map(|_| ()) else {
            panic!("{} cannot be written", path.display())
        };
        assert_eq!(output, path.to_str().unwrap());
    }
}

#[test]
fn a_full_device_is_a_write_error() {
    let mut sink = FileSink::create("/dev/full").unwrap();
    let result = sink
        .write_all(&sample(100_000))
        .and_then(|()| sink.finish());
    assert_eq!(
        result.unwrap_err().to_string(),
        "cannot write `/dev/full`: No space left on device (os error 28)"
    );
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tamis-test"])
        .arg(folder.path())
        .output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        eprintln!("skipped: mounting a small tmpfs needs root");
        return;
    }
    let path = folder.path().join("bad.csv");
    let result = (|| {
        fs::write(&path, b"old").unwrap();
        let mut sink = FileSink::create(&path)?;
        for piece in sample(4 << 20).chunks(100_000) {
            sink.write_all(piece)?;
        }
        sink.finish()
    })();
    let left = (entries(folder.path()), fs::read(&path).unwrap());
    // Lazily: a process that another test starts has the open files of all for a moment.
    assert!(
        Command::new("umount")
            .arg("--lazy")
            .arg(folder.path())
            .status()
            .unwrap()
            .success()
    );
    let Err(Error::Write { output, source }) = result else {
        panic!("{result:?}")
    };
    assert_eq!(output, path.to_str().unwrap());
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(left, (vec!["bad.csv".to_owned()], b"old".to_vec()));
}

#[test]
fn devices_and_pipes_are_written_to_directly() {
    let mut sink = FileSink::create("/dev/null").unwrap();
    sink.write_all(b"gone").unwrap();
    sink.finish().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let expected = sample(300_000);
    thread::scope(|scope| {
        let reader = scope.spawn(|| fs::read(&path).unwrap());
        let mut sink = FileSink::create(&path).unwrap();
        sink.write_all(&expected).unwrap();
        sink.finish().unwrap();
        assert!(reader.join().unwrap() == expected);
    });
    assert_eq!(entries(folder.path()), ["pipe"]);
}

#[test]
fn a_reader_that_leaves_is_a_closed_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    thread::scope(|scope| {
        scope.spawn(|| {
            fs::File::open(&path)
                .unwrap()
                .read_exact(&mut [0; 10])
                .unwrap()
        });
        let mut sink = FileSink::create(&path).unwrap();
        let piece = sample(100_000);
        let error = loop {
            if let Err(error) = sink.write_all(&piece) {
                break error;
            }
        };
        assert!(matches!(error, Error::ClosedPipe { output } if output == path.to_str().unwrap()));
    });
}

/// Set in the child process of the next test.
const KILLED_CHILD: &str = "TAMIS_TEST_KILLED_CHILD";

#[test]
fn a_killed_process_leaves_nothing_behind() {
    if let Some(folder) = std::env::var_os(KILLED_CHILD) {
        let mut sink = FileSink::create(Path::new(&folder).join("good.csv")).unwrap();
        sink.write_all(&sample(1_000_000)).unwrap();
        Command::new("kill")
            .args(["-KILL", &std::process::id().to_string()])
            .status()
            .unwrap();
        unreachable!("killed");
    }
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sinks::a_killed_process_leaves_nothing_behind",
            "--test-threads=1",
        ])
        .env(KILLED_CHILD, folder.path())
        .output()
        .unwrap();
    assert_eq!(child.status.signal(), Some(9), "{child:?}");
    assert!(entries(folder.path()).is_empty());
}

/// Set in the child process of the next test.
const CHILD: &str = "TAMIS_TEST_STDOUT_CHILD";

#[test]
fn standard_output_takes_everything() {
    if std::env::var_os(CHILD).is_some() {
        let mut sink: Box<dyn Sink> = Box::new(StdoutSink::new().unwrap());
        assert_eq!(sink.name(), "-");
        sink.write_all(b"<one>").unwrap();
        sink.write_all(b"<two>").unwrap();
        sink.finish().unwrap();
        let mut sink = FileSink::create("/dev/stdout").unwrap();
        sink.write_all(b"<three>").unwrap();
        sink.finish().unwrap();
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sinks::standard_output_takes_everything",
            "--test-threads=1",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(child.stdout).unwrap();
    assert!(text.contains("<one><two><three>"), "{text}");
}

#[test]
fn nothing_is_an_output_too() {
    let mut sink: Box<dyn Sink> = Box::new(NullSink);
    sink.write_all(b"gone").unwrap();
    sink.finish().unwrap();
}
