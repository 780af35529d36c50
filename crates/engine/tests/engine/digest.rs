//! The digest of a file is that of its bytes, whatever the size and the threads.

use std::fs;
use std::io::Write;
use std::path::Path;

use tamis_engine::Error;
use tamis_engine::control::Cancel;
use tamis_engine::digest::{Algorithm, Digest, DigestOptions, FileDigest, of_file};

use crate::sample;

fn digest(path: &Path, algorithm: Algorithm, threads: usize) -> FileDigest {
    let options = DigestOptions {
        threads,
        ..DigestOptions::default()
    };
    let found = of_file(path, algorithm, &options).unwrap();
    assert_eq!(
        options.progress.snapshot().raw_bytes,
        found.stamp.len_bytes,
        "progress of {path:?}"
    );
    found
}

#[test]
fn the_digest_is_that_of_the_bytes() {
    const MEBIBYTE: usize = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let all = sample(9 * MEBIBYTE + 5000);
    let around_segments =
        (1..=9).flat_map(|count| [-1, 0, 1].map(|by| count * MEBIBYTE as i64 + by));
    let sizes = [0, 1, 1023, 1024, 1025, 262_145, all.len() as i64];
    for len in sizes.into_iter().chain(around_segments) {
        let bytes = &all[..len as usize];
        fs::write(&path, bytes).unwrap();
        for algorithm in [Algorithm::Blake3, Algorithm::Sha256] {
            for threads in [1, 2, 7] {
                let found = digest(&path, algorithm, threads);
                let expected = Digest::of(bytes, algorithm);
                assert_eq!(
                    found.digest, expected,
                    "{algorithm}, {len} bytes, {threads} threads"
                );
                assert_eq!(found.stamp.len_bytes, len as u64);
            }
        }
    }
}

#[test]
fn known_digests() {
    let hex = |algorithm| Digest::of(b"abc", algorithm).to_string();
    assert_eq!(
        hex(Algorithm::Blake3),
        "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
    );
    assert_eq!(
        hex(Algorithm::Sha256),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options = DigestOptions::default();
    let of = |path: &Path| of_file(path, Algorithm::Blake3, &options);
    assert!(matches!(of(folder.path()), Err(Error::Open { .. })));
    assert!(matches!(
        of(Path::new("/dev/null")),
        Err(Error::Unsupported { .. })
    ));
    assert!(matches!(
        of(&folder.path().join("missing")),
        Err(Error::Open { .. })
    ));
}

#[test]
fn a_cancelled_digest_stops() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&sample(3 << 20)).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let options = DigestOptions {
        cancel,
        ..DigestOptions::default()
    };
    for algorithm in [Algorithm::Blake3, Algorithm::Sha256] {
        let outcome = of_file(file.path(), algorithm, &options);
        assert!(matches!(outcome, Err(Error::Interrupted)));
    }
}

#[test]
fn a_file_of_proc_is_read_although_it_claims_to_be_empty() {
    let version = fs::read("/proc/version").unwrap();
    let found = digest_of_proc();
    assert_eq!(found, Digest::of(&version, Algorithm::Blake3));
}

fn digest_of_proc() -> Digest {
    let path = Path::new("/proc/version");
    of_file(path, Algorithm::Blake3, &DigestOptions::default())
        .unwrap()
        .digest
}
