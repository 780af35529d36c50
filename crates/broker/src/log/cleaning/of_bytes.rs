//! Opens, reads and cleans logs whose files hold whatever they hold: for fuzzing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::map::{records, unpacked};
use crate::Error;
use crate::batch::{HEADER_BYTES, Header, UNPACKED_BYTES_MAX, heads, seal, sift, split};
use crate::log::name::SegmentName;
use crate::log::producers::Producers;
use crate::log::{Budget, Cleanup, Fetched, Files, Log, LogConfig, Recovery, Shared, snapshot};

/// Offsets that a segment that was cleaned stands for.
const CLEANED_END: i64 = 1000;
/// Enough for some hundred keys: no input has more.
const MAP_BYTES: usize = 1 << 16;

/// The last offset of each key that has a value, and in which batches they are.
type Last = BTreeMap<Vec<u8>, (i64, bool)>;

/// Opens a log of up to two segments in `folder`, which is emptied before: the first one, which may be a cleaned one, is cut out of
/// `bytes`, and so is how far it is trusted. What is found is read, cleaned and opened again.
///
/// # Panics
/// If what was read once is not there any more, or is reported twice.
pub fn check_log(folder: &Path, bytes: &[u8]) {
    let Some(([flags, cut @ ..], bytes)) = bytes.split_first_chunk::<3>() else {
        return;
    };
    let is_trusted = flags & 1 != 0;
    let cut = usize::from(u16::from_be_bytes(*cut)).min(bytes.len());
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("a folder");
    let first = SegmentName {
        generation: u32::from(flags >> 1 & 1),
        end_offset: if flags & 2 == 0 { 0 } else { CLEANED_END },
        base_offset: 0,
    };
    for (name, bytes) in [
        (first, &bytes[..cut]),
        (SegmentName::written(CLEANED_END), &bytes[cut..]),
    ] {
        let mut bytes = bytes.to_vec();
        if flags & 4 == 0 {
            put_sums_right(&mut bytes);
        }
        fs::write(folder.join(name.file_name()), bytes).expect("it is written");
    }
    if is_trusted {
        let written = snapshot::write(folder, CLEANED_END, &Producers::default());
        written.expect("it is written");
    }
    let point = if is_trusted { CLEANED_END + 1 } else { 0 };
    let Some((log, _)) = open(folder, point) else {
        return;
    };
    let before = read(&log);
    let end = log.end_offset();
    for time in [-1, 0, 1000, i64::MAX] {
        let found = log.find_time(time, UNPACKED_BYTES_MAX);
        assert!(is_trusted || found.is_ok(), "{found:?}");
    }
    while let Ok(Some(cleaned)) = log.clean_with(2000, &|| false, MAP_BYTES) {
        if cleaned.is_whole {
            break;
        }
    }
    let after = read(&log);
    log.close().expect("it closes");
    drop(log);
    // Nobody looked at what is trusted: it may say anything.
    if is_trusted {
        return;
    }
    let before = before.expect("what was checked is damaged");
    check_last(&before, &after.expect("what was cleaned is damaged"));
    let (log, found) = open(folder, 0).expect("it was opened before");
    assert_eq!((found.torn_bytes, found.damaged.len()), (0, 0), "{found:?}");
    assert_eq!(log.end_offset(), end);
    check_last(&before, &read(&log).expect("it was read before"));
}

/// Makes a batch of `bytes` and of some of its records another one.
///
/// # Panics
/// If what is left is no batch, or has other records than those that stay.
pub fn check_batch(bytes: &[u8]) {
    let Some((&pattern, bytes)) = bytes.split_first() else {
        return;
    };
    let mut batch = bytes.to_vec();
    if batch.len() >= HEADER_BYTES {
        let length = (batch.len() - 12) as i32;
        batch[8..12].copy_from_slice(&length.to_be_bytes());
        batch[16] = 2;
        seal(&mut batch);
    }
    let Ok(header) = Header::check(&batch) else {
        return;
    };
    let fronts: Vec<_> = heads(&header, &batch, UNPACKED_BYTES_MAX).collect();
    let Some(whole) = unpacked(&header, &batch) else {
        return;
    };
    let all: Vec<_> = records(&header, &whole).collect();
    assert_eq!(all.len(), header.record_count as usize);
    assert_eq!(fronts.len(), all.len());
    for (front, record) in fronts.iter().zip(&all) {
        let front = front.as_ref().expect("the whole record is");
        let deltas = (record.offset_delta, record.timestamp_delta);
        assert_eq!((front.offset_delta, front.timestamp_delta), deltas);
        assert_eq!(front.has_key, record.key.is_some());
    }
    let is_kept: Vec<_> = (0..all.len())
        .map(|it| pattern >> (it % 8) & 1 == 1)
        .collect();
    for horizon in [None, Some(77)] {
        let left = sift(&header, &batch, &whole, &is_kept, horizon).expect("it is packed");
        let sifted = Header::check(&left).expect("it is a batch");
        let again = unpacked(&sifted, &left).expect("it is unpacked");
        let kept = all.iter().zip(&is_kept).filter(|(_, is_kept)| **is_kept);
        let time = |of: &Header, delta: i64| of.base_timestamp.wrapping_add(delta);
        let mut found = records(&sifted, &again);
        for (record, _) in kept {
            let found = found.next().expect("it stays");
            assert_eq!(found.offset_delta, record.offset_delta);
            assert_eq!((found.key, found.value), (record.key, record.value));
            let (now, before) = (found.timestamp_delta, record.timestamp_delta);
            assert_eq!(time(&sifted, now), time(&header, before));
            assert!(found.headers().eq(record.headers()));
        }
        assert_eq!(found.next(), None);
        assert_eq!(sifted.next_offset(), header.next_offset());
    }
}

/// No fuzzer guesses a checksum.
fn put_sums_right(bytes: &mut [u8]) {
    let mut at = 0;
    while let Ok((header, _, _)) = split(&bytes[at..]) {
        let end = at + header.len_bytes();
        seal(&mut bytes[at..end]);
        at = end;
    }
}

/// `None`: it is refused, as damaged.
fn open(folder: &Path, recovery_point: i64) -> Option<(Log, Recovery)> {
    let shared = Shared {
        files: Files::on(std::sync::Arc::new(crate::disk::RealDisk), 16),
        tails: Budget::new(65536),
    };
    let config = LogConfig {
        segment_bytes: 1 << 16,
        cleanup: Cleanup::Compact,
        delete_retention_ms: 100,
        ..LogConfig::default()
    };
    match Log::open(folder, config, &shared, recovery_point) {
        Ok(opened) => Some(opened),
        Err(Error::Damaged { .. }) => None,
        Err(other) => panic!("{other}"),
    }
}

/// The last record of each key, as consumers find them; `None`: something cannot be read.
fn read(log: &Log) -> Option<Last> {
    let mut last = Last::new();
    let mut offset = log.start_offset();
    loop {
        let range = match log.fetch(offset, 700) {
            Ok(Fetched::File(range)) => range,
            Ok(_) => return Some(last),
            // A batch that nobody looked at may say that it ends anywhere.
            Err(Error::Damaged { .. } | Error::OffsetOutOfRange { .. }) => return None,
            Err(other) => panic!("{other}"),
        };
        let mut bytes = vec![0; range.len_bytes as usize];
        let read = range.file.read_exact_at(&mut bytes, range.position);
        read.expect("it is there");
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (header, batch, behind) = split(rest).ok()?;
            Header::check(batch).ok()?;
            rest = behind;
            if header.next_offset() <= offset {
                // Of one that is trusted nobody looked at all offsets.
                return None;
            }
            offset = header.next_offset();
            let Some(whole) = unpacked(&header, batch).filter(|_| !header.is_control()) else {
                continue;
            };
            for record in records(&header, &whole) {
                let at = header.base_offset + i64::from(record.offset_delta);
                if let Some(key) = record.key {
                    last.insert(key.to_vec(), (at, record.value.is_some()));
                }
            }
        }
    }
}

/// The last record of each key stays, unless it has no value; then nothing older comes back.
fn check_last(before: &Last, after: &Last) {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (was, is) = (before.get(key), after.get(key));
        let may_go = is.is_none() && was.is_some_and(|it| !it.1);
        assert!(was == is || may_go, "{key:?}: {was:?}, {is:?}");
    }
}
