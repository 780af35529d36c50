//! Inputs of every kind give the counts of their bytes, for any threads and chunks.

use std::io::Write;
use std::path::Path;

use tamis_engine::source::{FileSource, MemorySource, ReadOptions, ReaderSource};

use super::*;

fn text() -> Vec<u8> {
    let mut text = Vec::new();
    for line in 0..400 {
        let _ = writeln!(
            text,
            "line {line}\tof gr\u{fc}n \u{754c}\u{9762} words{}",
            "x".repeat(line % 90)
        );
    }
    text.extend_from_slice(b"\xff\xe2\x82 no newline");
    text
}

fn memory(bytes: &[u8]) -> Input {
    Input {
        name: "-".into(),
        source: Box::new(MemorySource::new("memory", bytes.to_vec())),
        len_bytes: None,
    }
}

fn stream(bytes: &[u8], step: usize) -> Input {
    Input {
        name: "-".into(),
        source: Box::new(MemorySource::new("stream", bytes.to_vec()).as_stream(step)),
        len_bytes: None,
    }
}

fn file(path: &Path) -> Input {
    Input {
        name: "-".into(),
        source: Box::new(FileSource::new(path, ReadOptions::default())),
        len_bytes: path.metadata().ok().map(|it| it.len()),
    }
}

fn options(threads: usize, chunk_bytes: usize) -> CountOptions {
    CountOptions {
        threads,
        chunk_bytes,
        ..CountOptions::default()
    }
}

#[test]
fn threads_and_chunks_change_nothing() {
    let text = text();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("text");
    std::fs::write(&path, &text).expect("there is room");
    let packed = folder.path().join("text.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text).expect("memory takes it");
    std::fs::write(&packed, gzip.finish().expect("memory takes it")).expect("there is room");

    let expected = count(vec![memory(&text)], &options(1, 1 << 20)).expect("it is counted");
    let expected = *expected.inputs[0].1.as_ref().expect("memory can be read");
    assert_eq!((expected.lines, expected.bytes), (400, text.len() as u64));
    for threads in [1, 2, 5] {
        for chunk_bytes in [1, 2, 3, 7, 64, 1000, 1 << 20] {
            let inputs = vec![
                memory(&text),
                stream(&text, 13),
                file(&path),
                file(&packed),
                memory(b""),
            ];
            let counted = count(inputs, &options(threads, chunk_bytes)).expect("all are counted");
            let counts: Vec<_> = counted
                .inputs
                .iter()
                .map(|(_, it)| *it.as_ref().unwrap())
                .collect();
            let mut all = [expected; 5];
            all[4] = Counts::default();
            assert_eq!(counts, all, "{threads} threads, chunks of {chunk_bytes}");
            assert_eq!(counted.total.words, 4 * expected.words);
            assert_eq!(counted.total.longest_line, expected.longest_line);
        }
    }
}

#[test]
fn what_cannot_be_read_does_not_stop_the_others() {
    let missing = file(Path::new("/nowhere/at all"));
    let counted = count(
        vec![memory(b"a b\n"), missing, memory(b"c")],
        &options(2, 64),
    );
    let counted = counted.expect("the others are counted");
    let is_good: Vec<_> = counted.inputs.iter().map(|(_, it)| it.is_ok()).collect();
    assert_eq!(is_good, [true, false, true]);
    assert_eq!((counted.total.words, counted.total.bytes), (3, 5));
}

#[test]
fn a_stream_is_counted_twice_for_its_records() {
    let reader = ReaderSource::new("-", &b"a,b\n1,\"x\ny\"\n\n2,z"[..], ReadOptions::default());
    let input = Input {
        name: "-".into(),
        source: Box::new(reader),
        len_bytes: None,
    };
    let counted = count(
        vec![input],
        &CountOptions {
            wanted: Wanted {
                records: true,
                ..Wanted::ALL
            },
            ..options(2, 3)
        },
    );
    let counted = counted.expect("it is counted");
    assert!(counted.inputs[0].1.is_ok(), "{counted:?}");
    assert_eq!((counted.total.records, counted.total.lines), (2, 4));
}

#[test]
fn bytes_alone_are_not_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("sparse");
    let sparse = std::fs::File::create(&path).expect("a file");
    sparse
        .set_len(1 << 40)
        .expect("the file system has sparse files");
    let wanted = Wanted {
        bytes: true,
        ..Wanted::default()
    };
    let counted = count(
        vec![file(&path)],
        &CountOptions {
            wanted,
            ..options(2, 1 << 20)
        },
    );
    assert_eq!(counted.expect("it is counted").total.bytes, 1 << 40);
}

/// Pages that a neighbour's bytes bring back must go again.
#[cfg(target_os = "linux")]
#[test]
fn a_mapped_file_does_not_stay_in_memory() {
    use tamis_engine::{counters::peak_rss_bytes, mmap, source::Io};
    mmap::install_fault_handler().expect("the handler can be installed");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("text");
    let mut file = std::fs::File::create(&path).expect("a file");
    // Written so that the page cache holds it in large folios, of which a fault maps all.
    let text = b"words of a text\n".repeat(4 << 20 >> 4);
    for _ in 0..40 {
        file.write_all(&text).expect("there is room");
    }
    let before = peak_rss_bytes().expect("Linux says");
    let source = FileSource::new(
        &path,
        ReadOptions {
            io: Io::Mmap,
            ..ReadOptions::default()
        },
    );
    let input = Input {
        name: path.clone(),
        source: Box::new(source),
        len_bytes: None,
    };
    let counted = count(vec![input], &options(2, 512 << 10)).expect("it is counted");
    assert_eq!(counted.total.lines, (40 * 4) << 16);
    let taken = peak_rss_bytes().expect("Linux says") - before;
    assert!(
        taken < 50 << 20,
        "{taken} bytes for {}",
        counted.total.bytes
    );
}
