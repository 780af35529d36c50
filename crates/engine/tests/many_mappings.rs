//! More mapped files than the fault handler can protect are read instead.
//!
//! A process of its own: what is used up here is there once for a process, and other tests want their files mapped.

use std::fs;

use tamis_engine::mmap;
use tamis_engine::source::{FileSource, Io, Opened, ReadOptions, Source};

#[test]
fn more_files_than_can_be_protected_are_read_instead() {
    mmap::install_fault_handler().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    fs::write(&path, b"abc").unwrap();
    let source = FileSource::new(
        &path,
        ReadOptions {
            io: Io::Mmap,
            ..ReadOptions::default()
        },
    );
    let opened: Vec<_> = (0..200).map(|_| source.open().unwrap()).collect();
    let mut backends = Vec::new();
    for one in opened {
        let Opened::Random(bytes) = one else {
            panic!("a regular file is random access")
        };
        backends.push(bytes.backend());
        bytes
            .with_range(0..3, &mut |seen| assert_eq!(seen, b"abc"))
            .unwrap();
    }
    let mapped = backends.partition_point(|&backend| backend == "mmap");
    assert!((1..200).contains(&mapped), "{mapped} files were mapped");
    assert!(backends[mapped..].iter().all(|&backend| backend == "read"));
}
