//! Pipes, readers and devices.

use std::fs::OpenOptions;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tamis_engine::Error;
use tamis_engine::control::Cancel;
use tamis_engine::source::{FileSource, Opened, ReadOptions, ReaderSource, Source, StdinSource};

use crate::{read_all, sample};

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_named_pipe_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    make_fifo(&path);
    let expected = sample(500_000);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut pipe = OpenOptions::new().write(true).open(&path).unwrap();
            for piece in expected.chunks(33_333) {
                pipe.write_all(piece).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        let source = FileSource::new(&path, ReadOptions::default());
        assert!(!source.is_repeatable());
        assert!(read_all(&source, 50_000).unwrap() == (expected.clone(), "stream"));
    });
}

#[test]
fn a_read_that_waits_for_ever_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    make_fifo(&path);
    // Without a writer, and with one that says nothing.
    for has_writer in [false, true] {
        let cancel = Cancel::new();
        let source = FileSource::new(
            &path,
            ReadOptions {
                cancel: cancel.clone(),
                ..ReadOptions::default()
            },
        );
        // Opened for reading as well, so that opening does not wait for the other side.
        let _writer = has_writer.then(|| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(&path)
                .unwrap()
        });
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(50));
                cancel.cancel();
            });
            let begin = Instant::now();
            let result = read_all(&source, 100);
            assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
            assert!(begin.elapsed() < Duration::from_secs(5));
        });
    }
}

#[test]
fn a_stream_is_opened_once() {
    let source = ReaderSource::new("socket", Cursor::new(b"a\nb\n"), ReadOptions::default());
    assert_eq!(
        read_all(&source, 3).unwrap(),
        (b"a\nb\n".to_vec(), "stream")
    );
    let error = source.open().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`socket`: a stream can be read only once; store it in a file to read it again"
    );
}

/// Set in the child process of the next test.
const CHILD: &str = "TAMIS_TEST_STDIN_CHILD";

#[test]
fn standard_input_is_read_and_unpacked_once() {
    if let Some(output) = std::env::var_os(CHILD) {
        let source = StdinSource::new(ReadOptions::default());
        let (bytes, backend) = read_all(&source, 1000).unwrap();
        assert_eq!(backend, "zstd");
        std::fs::write(output, bytes).unwrap();
        assert!(matches!(
            StdinSource::default().open(),
            Err(Error::Unsupported { .. })
        ));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("output");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "streams::standard_input_is_read_and_unpacked_once",
            "--test-threads=1",
        ])
        .env(CHILD, &output)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let expected = sample(300_000);
    let packed = zstd::encode_all(&expected[..], 1).unwrap();
    child.stdin.take().unwrap().write_all(&packed).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(std::fs::read(&output).unwrap() == expected);
}

/// Gives one byte, then is interrupted, then fails.
struct Flaky(u32);

impl Read for Flaky {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0 += 1;
        match self.0 {
            1..=6 if self.0 % 2 == 1 => {
                buffer[0] = b'x';
                Ok(1)
            }
            1..=6 => Err(io::ErrorKind::Interrupted.into()),
            _ => Err(io::Error::other("cable cut")),
        }
    }
}

#[test]
fn a_failing_reader_is_named_with_the_offset() {
    for step in [1, 10, 1 << 20] {
        let source = ReaderSource::new("flaky", Flaky(0), ReadOptions::default());
        let error = match source.open() {
            Err(error) => error,
            Ok(Opened::Stream(mut stream)) => {
                let mut buffer = vec![0; step];
                loop {
                    match stream.read(&mut buffer) {
                        Ok(count) => assert!(count > 0),
                        Err(error) => break error,
                    }
                }
            }
            Ok(Opened::Random(_)) => panic!("a reader is a stream"),
        };
        assert_eq!(
            error.to_string(),
            "cannot read `flaky` at byte 3: cable cut"
        );
    }
}

#[test]
fn a_device_is_a_stream() {
    let source = FileSource::new("/dev/null", ReadOptions::default());
    assert_eq!(read_all(&source, 10).unwrap(), (Vec::new(), "stream"));
}
