//! What a damaged log still tells: which paths were staged, or taken out, since the last commit.
//!
//! Records are framed and have checksums, so those on both sides of the damage can be read. Where a record is bad, the next one is where
//! its length says, or else where the next whole record is found, not far behind. It is for naming what is to be added again, and not for
//! going on with: what the bad records said is not known, and a path may be in one of them alone.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use super::image::{Access, Image, View};
use super::record::{FRAME_BYTES, Record};
use super::{log_path, scan};
use crate::{Error, Result};

/// A whole record is looked for so far behind a bad one.
const SEARCH_BYTES_MAX: usize = 1 << 20;
/// One that is looked for is no longer than this: at each place it costs a checksum of what may be its length.
const FOUND_BYTES_MAX: usize = 64 << 10;

/// What a log tells, damaged or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remains {
    /// Paths of records behind the last commit, sorted. If the record that tells of that is bad, those behind the one before.
    pub(crate) paths: BTreeSet<Vec<u8>>,
    /// Length of the log.
    pub(crate) log_bytes: u64,
    /// How much of it is in no whole record.
    pub(crate) bad_bytes: u64,
}

/// Reads what there is of the log in `folder`.
///
/// # Errors
/// [`Error::Io`] if it cannot be read at all.
pub(crate) fn remains(folder: &Path) -> Result<Remains> {
    let path = log_path(folder);
    let read = || -> std::io::Result<Image> {
        let file = File::open(&path)?;
        let len_bytes = file.metadata()?.len();
        Image::of_file(&file, len_bytes, Access::Mapped)
    };
    let image = read().map_err(Error::io("read", &path))?;
    let remains = image.view(|view| Ok(of_log(view)));
    remains.map_err(|flaw| super::damaged(&path, flaw))
}

fn of_log(view: View<'_>) -> Remains {
    let mut remains = Remains {
        log_bytes: view.len_bytes(),
        ..Remains::default()
    };
    // Only checkpoints ask for it, and they are of no use here.
    let generation = scan::read_header(view.base).map_or(0, |(_, generation)| generation);
    let mut offset = scan::HEADER_BYTES;
    while offset < view.len_bytes() {
        let Ok(frame) = view.frame(offset) else {
            let next = next_whole(view, offset);
            remains.bad_bytes += next - offset;
            offset = next;
            continue;
        };
        match frame.record(generation) {
            Ok(Record::Path(record)) => {
                remains.paths.insert(record.path.to_vec());
            }
            Ok(Record::Committed(_)) => remains.paths.clear(),
            _ => {}
        }
        offset += frame.len_bytes();
    }
    remains
}

/// Where the record behind a bad one starts; the end of the log if it is not found.
fn next_whole(view: View<'_>, offset: u64) -> u64 {
    let bytes = usize::try_from(offset)
        .ok()
        .and_then(|at| view.base.get(at..));
    let bytes = bytes.unwrap_or_default();
    let claimed = claimed_len(bytes);
    let is_whole = |len: usize| view.frame(offset + len as u64).is_ok();
    if let Some(len) = claimed.filter(|len| *len < bytes.len() && is_whole(*len)) {
        return offset + len as u64;
    }
    let may_be = |at: &usize| claimed_len(&bytes[*at..]).is_some_and(|len| len <= FOUND_BYTES_MAX);
    let mut places = (1..bytes.len().min(SEARCH_BYTES_MAX)).filter(may_be);
    match places.find(|at| is_whole(*at)) {
        Some(at) => offset + at as u64,
        None => view.len_bytes(),
    }
}

/// The length that a record at the start of `bytes` says it has, if there is room for it.
fn claimed_len(bytes: &[u8]) -> Option<usize> {
    let len = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    (FRAME_BYTES..=bytes.len()).contains(&len).then_some(len)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::disk::RealDisk;
    use crate::id::CommitId;
    use crate::staging::Staging;
    use crate::testing::TestStore;

    /// A log in which `old` is committed, and then some paths are taken out and put in again.
    fn log_of(test: &TestStore, paths: &[&str]) -> Vec<u8> {
        test.commit_files(&[("old", b"1")]);
        let folder = test.folder().join("staging");
        let mut staging =
            Staging::open_for_writing_on(&RealDisk::shared(), &folder).expect("a log");
        let old = staging
            .find(b"old")
            .expect("it is whole")
            .expect("it is there");
        for path in paths {
            let put = staging.put(path.as_bytes(), &old.entry, &old.stamp);
            put.expect("there is room");
        }
        staging.sync().expect("there is room");
        fs::read(folder.join("log")).expect("it is there")
    }

    fn of_bytes(bytes: &[u8]) -> Remains {
        of_log(View {
            base: bytes,
            tail: &[],
        })
    }

    fn names(remains: &Remains) -> Vec<String> {
        let paths = remains.paths.iter();
        paths
            .map(|it| String::from_utf8_lossy(it).into_owned())
            .collect()
    }

    #[test]
    fn a_bit_that_fell_over_costs_the_names_of_one_record() {
        let test = TestStore::new();
        let paths = ["new 1", "new 2", "new 3", "new 4"];
        let sound = log_of(&test, &paths);
        assert_eq!(names(&of_bytes(&sound)), paths);
        assert_eq!(of_bytes(&sound).bad_bytes, 0);
        let start = sound.windows(5).position(|it| it == b"new 1");
        for place in start.expect("it is there") - 10..sound.len() {
            for bit in [1, 128] {
                let mut damaged = sound.clone();
                damaged[place] ^= bit;
                let remains = of_bytes(&damaged);
                let found = names(&remains);
                assert!(found.len() >= 3, "byte {place}: {found:?}");
                assert!(remains.bad_bytes > 0 && remains.bad_bytes < 200);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let test = TestStore::new();
        let sound = log_of(&test, &["new"]);
        for end in 0..sound.len() {
            of_bytes(&sound[..end]);
            of_bytes(&[&sound[..end], &CommitId([0xff; 32]).0].concat());
            of_bytes(&[&sound[..end], &[0; 100]].concat());
        }
    }
}
