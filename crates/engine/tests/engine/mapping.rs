//! A mapped file cannot kill the process.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::thread;

use tamis_engine::source::{FileSource, Io, Opened, RandomAccess, ReadOptions, Source};
use tamis_engine::{Error, mmap};

use crate::sample;

struct Mapped {
    bytes: Box<dyn RandomAccess>,
    writer: File,
    expected: Vec<u8>,
    _folder: tempfile::TempDir,
}

fn mapped(len: usize) -> Mapped {
    mmap::install_fault_handler().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let expected = sample(len);
    fs::write(&path, &expected).unwrap();
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    let source = FileSource::new(
        &path,
        ReadOptions {
            io: Io::Mmap,
            ..ReadOptions::default()
        },
    );
    let Opened::Random(bytes) = source.open().unwrap() else {
        panic!("a regular file is random access")
    };
    assert_eq!(bytes.backend(), "mmap");
    Mapped {
        bytes,
        writer,
        expected,
        _folder: folder,
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte)).sum()
}

#[test]
fn truncation_inside_the_closure_is_an_error_not_a_crash() {
    for kept in [0u64, 1, 4096, 1_000_000, 1_999_999] {
        let file = mapped(2_000_000);
        let mut seen = 0;
        let result = file.bytes.with_range(0..2_000_000, &mut |bytes| {
            assert_eq!(sum(&bytes[..1000]), sum(&file.expected[..1000]));
            file.writer.set_len(kept).unwrap();
            seen = sum(bytes);
        });
        assert!(seen <= sum(&file.expected), "lost pages read as zeros");
        match result {
            Err(Error::Changed {
                byte_offset,
                detail,
                ..
            }) => {
                assert_eq!(byte_offset, kept);
                assert_eq!(detail, format!("its size was 2000000 bytes, is now {kept}"));
            }
            other => panic!("{kept} bytes kept: {other:?}"),
        }
        assert!(matches!(file.bytes.verify(), Err(Error::Changed { .. })));
    }
}

#[test]
fn a_lost_page_is_remembered_when_the_file_grows_back() {
    let file = mapped(2_000_000);
    let result = file.bytes.with_range(0..2_000_000, &mut |bytes| {
        file.writer.set_len(10_000).unwrap();
        assert_eq!(bytes[1_500_000], 0);
        file.writer.set_len(2_000_000).unwrap();
    });
    assert!(matches!(result, Err(Error::Changed { .. })), "{result:?}");
}

#[test]
fn many_threads_may_lose_pages_at_once() {
    let file = mapped(8_000_000);
    file.writer.set_len(0).unwrap();
    thread::scope(|scope| {
        for worker in 0..4u64 {
            let bytes = &file.bytes;
            scope.spawn(move || {
                for round in 0..20 {
                    let start = (worker * 20 + round) * 100_000;
                    let result = bytes
                        .with_range(start..start + 100_000, &mut |seen| assert_eq!(sum(seen), 0));
                    assert!(matches!(result, Err(Error::Changed { byte_offset: 0, .. })));
                }
            });
        }
    });
}

#[test]
fn ranges_read_the_same_whatever_the_advice() {
    mmap::install_fault_handler().expect("the handler can be installed");
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(&bytes).expect("there is room");
    let page = rustix::param::page_size() as u64;
    for advice in [
        mmap::Advice::None,
        mmap::Advice::Sequential,
        mmap::Advice::Random,
        mmap::Advice::Populate,
    ] {
        for range in [0..300_000, page..3 * page, 16 * page..300_000] {
            let mapping =
                mmap::Mapping::advised(&file, range.clone(), advice).expect("it can be mapped");
            let len = (range.end - range.start) as usize;
            let mut is_equal = false;
            mapping.with_bytes(0..len, &mut |found| {
                is_equal = found == &bytes[range.start as usize..range.end as usize];
            });
            assert!(is_equal, "{advice:?} {range:?}");
        }
    }
    assert!(
        mmap::Mapping::advised(&file, 1..100, mmap::Advice::None).is_none(),
        "no page starts there"
    );
    let empty = page..page;
    assert!(mmap::Mapping::advised(&file, empty, mmap::Advice::None).is_none());
}
