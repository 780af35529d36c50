//! The digest of a whole file, as it is stored: a name for its bytes.
//!
//! BLAKE3 is a tree, so parts of a file can be hashed on all cores and put together: the file is divided into
//! *segments* whose length is a power of two, each is a subtree of its own, and merging their values pair by pair gives the
//! very digest that `b3sum` prints. SHA-256 is a chain and takes one core, whatever one has.
//!
//! Files are read by position into small buffers, so neither the digest nor its memory depends on who else has
//! the file open. A file that changes meanwhile is an error. The [`Stamp`] that comes with a digest says which
//! state of the file it belongs to.
//!
//! ```
//! use tamis_engine::digest::{Algorithm, DigestOptions, of_file};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("greeting");
//! std::fs::write(&path, "hello")?;
//! let found = of_file(&path, Algorithm::Blake3, &DigestOptions::default())?;
//! assert!(found.digest.to_string().starts_with("ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Measured on 2 cores with AVX-512, 1 GB in the page cache (`benches/digest.rs`): BLAKE3 4.4 GB/s with one thread and 8.7 with
//! two, SHA-256 1.6.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::SystemTime;

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};
use sha2::Digest as _;

use crate::control::{Cancel, Progress};
use crate::source::{PreadFile, RandomAccess};
use crate::stamp::Stamp;
use crate::{Error, Result};

/// What is read and hashed at a time: half of a second-level cache, so that the bytes are still there when they
/// are hashed.
const BUFFER_BYTES: u64 = 256 << 10;

/// The shortest segment: long enough that claiming one costs nothing.
const SEGMENT_BYTES_MIN: u64 = 1 << 20;

/// The most segments: what bounds the memory for their values (128 KiB), whatever the size of the file.
const SEGMENT_COUNT_MAX: u64 = 4096;

/// How a file is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// On all cores; what `b3sum` prints.
    Blake3,
    /// On one core, for those who must; what `sha256sum` prints.
    Sha256,
}

/// 256 bits that stand for the bytes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

/// The digest of a file, and the state of the file that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileDigest {
    /// The digest.
    pub digest: Digest,
    /// The state of the file before and after it was read.
    pub stamp: Stamp,
    /// When reading began.
    pub began: SystemTime,
}

/// How a digest is made.
#[derive(Clone, Debug)]
pub struct DigestOptions {
    /// Worker threads, for [`Algorithm::Blake3`].
    pub threads: usize,
    /// Stops it from outside.
    pub cancel: Cancel,
    /// Watches it: raw bytes.
    pub progress: Progress,
}

impl Default for DigestOptions {
    fn default() -> DigestOptions {
        DigestOptions {
            threads: thread::available_parallelism().map_or(1, usize::from),
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }
}

/// The digest of the regular file at `path`.
///
/// # Errors
/// [`Error::Open`] when there is no such file or it is a directory, [`Error::Unsupported`] when it is a pipe or a device,
/// [`Error::Read`], [`Error::Changed`] when somebody writes to it meanwhile, [`Error::Interrupted`] once cancelled.
pub fn of_file(path: &Path, algorithm: Algorithm, options: &DigestOptions) -> Result<FileDigest> {
    let input = path.to_string_lossy().into_owned();
    let failed = |source| Error::Open {
        input: input.clone(),
        source,
    };
    // Asked before it is opened, because opening a pipe that nobody writes to would wait.
    let kind = fs::metadata(path).map_err(failed)?.file_type();
    if kind.is_dir() {
        let text = "it is a directory; name the files in it";
        return Err(failed(io::Error::new(io::ErrorKind::IsADirectory, text)));
    }
    if !kind.is_file() {
        return Err(Error::Unsupported {
            input,
            reason: "only a regular file has a digest".into(),
        });
    }
    let began = SystemTime::now();
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let stamp = Stamp::of(&metadata);
    options.progress.add_raw_bytes_total(stamp.len_bytes);
    let digest = if stamp.len_bytes == 0 {
        // Files of `/proc` claim to be empty and are not.
        of_stream(file, algorithm, &input)?
    } else {
        let file = PreadFile::of(input.clone(), file, &metadata);
        let digest = match algorithm {
            Algorithm::Blake3 => blake3_of(&file, options)?,
            Algorithm::Sha256 => sha256_of(&file, options)?,
        };
        file.verify()?;
        digest
    };
    Ok(FileDigest {
        digest,
        stamp,
        began,
    })
}

impl Digest {
    /// The digest of bytes in memory.
    pub fn of(bytes: &[u8], algorithm: Algorithm) -> Digest {
        match algorithm {
            Algorithm::Blake3 => Digest(blake3::hash(bytes).into()),
            Algorithm::Sha256 => Digest(sha2::Sha256::digest(bytes).into()),
        }
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Algorithm, String> {
        match name {
            "blake3" => Ok(Algorithm::Blake3),
            "sha256" => Ok(Algorithm::Sha256),
            _ => Err(format!("expected `blake3` or `sha256`, found `{name}`")),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Blake3 => "blake3",
            Algorithm::Sha256 => "sha256",
        })
    }
}

/// Hashes what cannot be read by position; small files only.
fn of_stream(mut file: File, algorithm: Algorithm, input: &str) -> Result<Digest> {
    let mut bytes = Vec::new();
    let limit_bytes = 64 << 20;
    let read = (&mut file).take(limit_bytes).read_to_end(&mut bytes);
    let failed = |source| Error::Read {
        input: input.to_owned(),
        byte_offset: 0,
        source,
    };
    if read.map_err(failed)? as u64 == limit_bytes {
        return Err(failed(io::Error::other(
            "it claims to be empty and never ends",
        )));
    }
    Ok(Digest::of(&bytes, algorithm))
}

fn sha256_of(file: &PreadFile, options: &DigestOptions) -> Result<Digest> {
    let mut hasher = sha2::Sha256::new();
    for_each_buffer(file, 0..file.len_bytes(), options, |bytes| {
        hasher.update(bytes);
    })?;
    Ok(Digest(hasher.finalize().into()))
}

fn blake3_of(file: &PreadFile, options: &DigestOptions) -> Result<Digest> {
    let segment_bytes = segment_bytes(file.len_bytes());
    let segment_count = file.len_bytes().div_ceil(segment_bytes) as usize;
    if segment_count == 1 {
        let mut hasher = blake3::Hasher::new();
        for_each_buffer(file, 0..file.len_bytes(), options, |bytes| {
            hasher.update(bytes);
        })?;
        return Ok(Digest(hasher.finalize().into()));
    }
    let values = segments(file, segment_bytes, segment_count, options)?;
    let (left, right) = values.split_at(left_count(segment_count));
    let root = merge_subtrees_root(&value_of(left), &value_of(right), Mode::Hash);
    Ok(Digest(root.into()))
}

/// A power of two, as a subtree must be.
fn segment_bytes(len_bytes: u64) -> u64 {
    len_bytes
        .div_ceil(SEGMENT_COUNT_MAX)
        .next_power_of_two()
        .max(SEGMENT_BYTES_MIN)
}

/// The values of all segments, in order.
fn segments(
    file: &PreadFile,
    segment_bytes: u64,
    count: usize,
    options: &DigestOptions,
) -> Result<Vec<ChainingValue>> {
    let values = Mutex::new(vec![ChainingValue::default(); count]);
    let next = AtomicUsize::new(0);
    let has_failed = AtomicBool::new(false);
    let work = || -> Result<()> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count || has_failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let start = index as u64 * segment_bytes;
            let mut hasher = blake3::Hasher::new();
            hasher.set_input_offset(start);
            let range = start..start + segment_bytes;
            let hashed = for_each_buffer(file, range, options, |bytes| {
                hasher.update(bytes);
            });
            if hashed.is_err() {
                has_failed.store(true, Ordering::Relaxed);
                return hashed;
            }
            values.lock().expect(UNPOISONED)[index] = hasher.finalize_non_root();
        }
    };
    thread::scope(|scope| {
        let helpers = options.threads.clamp(1, count) - 1;
        // Those that the system gives: this thread does what is left.
        let helpers: Vec<_> = (0..helpers)
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mut outcome = work();
        for helper in helpers {
            let theirs = helper.join().unwrap_or_else(|_| {
                Err(Error::Panicked {
                    input: file.name().to_owned(),
                    message: "hashing a file panicked".into(),
                })
            });
            outcome = outcome.and(theirs);
        }
        outcome
    })?;
    Ok(values.into_inner().expect(UNPOISONED))
}

const UNPOISONED: &str = "nothing panics while the values are locked";

/// The value of the subtree over these segments: all on the left are full.
fn value_of(segments: &[ChainingValue]) -> ChainingValue {
    match segments {
        [one] => *one,
        many => {
            let (left, right) = many.split_at(left_count(many.len()));
            merge_subtrees_non_root(&value_of(left), &value_of(right), Mode::Hash)
        }
    }
}

/// How many of `count` segments, two or more, are in the left subtree: the largest power of two that leaves some
/// for the right one (BLAKE3 2.1).
fn left_count(count: usize) -> usize {
    count.div_ceil(2).next_power_of_two()
}

/// Reads `range`, clipped to the file, piece by piece.
fn for_each_buffer(
    file: &PreadFile,
    range: std::ops::Range<u64>,
    options: &DigestOptions,
    mut visit: impl FnMut(&[u8]),
) -> Result<()> {
    let end = range.end.min(file.len_bytes());
    for start in (range.start..end).step_by(BUFFER_BYTES as usize) {
        options.cancel.check()?;
        let piece = start..end.min(start + BUFFER_BYTES);
        let count = piece.end - piece.start;
        file.with_range(piece, &mut visit)?;
        options.progress.add_raw_bytes(count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_left_subtree_is_the_largest_power_of_two_below() {
        for (count, left) in [
            (2, 1),
            (3, 2),
            (4, 2),
            (5, 4),
            (8, 4),
            (9, 8),
            (4095, 2048),
            (4096, 2048),
        ] {
            assert_eq!(left_count(count), left, "{count}");
        }
    }

    #[test]
    fn segments_are_few_at_any_size() {
        for len_bytes in [1, 1 << 20, (4 << 30) + 1, 1 << 40, u64::MAX / 2] {
            let segment_bytes = segment_bytes(len_bytes);
            assert!(segment_bytes.is_power_of_two());
            assert!(
                len_bytes.div_ceil(segment_bytes) <= SEGMENT_COUNT_MAX,
                "{len_bytes}"
            );
        }
    }
}
