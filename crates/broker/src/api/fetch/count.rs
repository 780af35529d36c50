//! How many records an answer has, told without looking into a batch that lies in a file.
//!
//! Batches in memory say it in their headers. Of a part of a file, which nobody here reads, the batch behind it begins with its offset:
//! the offsets up to there are as many as there are records, but where records were taken out.

use std::os::unix::fs::FileExt;

use bytes::Bytes;

use crate::batch::HEADER_BYTES;
use crate::log::{Fetched, FileRange, Log};

/// Where in a batch its length is, which counts from behind itself, and how many records it has.
const LENGTH_AT: usize = 8;
const COUNT_AT: usize = 57;

/// The records that were found from `offset` on.
pub(super) fn records(log: &Log, offset: i64, fetched: &Fetched) -> u64 {
    match fetched {
        Fetched::Nothing => 0,
        Fetched::Memory(pieces) => in_memory(pieces),
        Fetched::File(range) => {
            let next_offset = behind(range).filter(|it| *it > offset);
            let next_offset = next_offset.unwrap_or_else(|| log.segment_end_offset(offset));
            u64::try_from(next_offset - offset).unwrap_or(0)
        }
    }
}

fn in_memory(pieces: &[Bytes]) -> u64 {
    let mut records = 0;
    let mut header = [0; HEADER_BYTES];
    // Bytes of the header that are there, and of the rest of the batch that are still to come.
    let (mut filled, mut left) = (0, 0);
    for piece in pieces {
        let mut piece = &piece[..];
        while !piece.is_empty() {
            let skipped = left.min(piece.len());
            left -= skipped;
            piece = &piece[skipped..];
            let taken = (HEADER_BYTES - filled).min(piece.len());
            header[filled..filled + taken].copy_from_slice(&piece[..taken]);
            filled += taken;
            piece = &piece[taken..];
            if filled == HEADER_BYTES {
                records += number(&header, COUNT_AT) as u64;
                let len_bytes = LENGTH_AT + 4 + number(&header, LENGTH_AT);
                left = len_bytes.saturating_sub(HEADER_BYTES);
                filled = 0;
            }
        }
    }
    records
}

fn number(header: &[u8; HEADER_BYTES], at: usize) -> usize {
    let bytes = header[at..].first_chunk().expect("it is within");
    usize::try_from(i32::from_be_bytes(*bytes)).unwrap_or(0)
}

/// The offset of the batch behind a part of a file; `None`: there is none, or what is there is none.
fn behind(range: &FileRange) -> Option<i64> {
    let mut bytes = [0; 8];
    let end = range.position + range.len_bytes;
    range.file.read_exact_at(&mut bytes, end).ok()?;
    Some(i64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::batch::BatchBuilder;
    use crate::log::{Budget, Files, LogConfig, Shared};

    fn batch(count: usize) -> Bytes {
        let mut builder = BatchBuilder::new(crate::broker::now_ms());
        for _ in 0..count {
            builder.push(crate::broker::now_ms(), None, Some(&[b'x'; 100]));
        }
        builder.finish().into()
    }

    #[test]
    fn batches_in_memory_are_counted_however_they_are_cut() {
        let all = [batch(3), batch(1), batch(40)].concat();
        for cut in 0..all.len() {
            let pieces = [&all[..cut], &all[cut..]].map(Bytes::copy_from_slice);
            assert_eq!(in_memory(&pieces), 44, "cut at {cut}");
        }
        let bytes: Vec<_> = all
            .iter()
            .map(|it| Bytes::copy_from_slice(&[*it]))
            .collect();
        assert_eq!(in_memory(&bytes), 44);
    }

    #[test]
    fn batches_in_files_are_counted_by_their_offsets() {
        let folder = TempDir::new().expect("a folder");
        let shared = Shared {
            files: Files::new(16),
            // Nothing stays in memory.
            tails: Budget::new(0),
        };
        let config = LogConfig {
            segment_bytes: 2000,
            ..LogConfig::default()
        };
        let (log, _) = Log::open(folder.path(), config, &shared, 0).expect("it opens");
        for count in [5, 6, 7, 8, 9] {
            let appended = log.append(batch(count), 0, crate::broker::now_ms());
            appended.expect("it is appended");
        }
        log.flush().expect("it is durable");
        assert!(log.size().1 > 1, "there are several files");
        for bytes_max in [1, 700, 1500, 1 << 20] {
            let (mut offset, mut pieces) = (0, Vec::new());
            while offset < 35 {
                let fetched = log.fetch(offset, bytes_max).expect("it is there");
                let count = records(&log, offset, &fetched);
                pieces.push(count);
                offset += i64::try_from(count).expect("a few");
            }
            assert_eq!(pieces.iter().sum::<u64>(), 35, "{pieces:?}");
        }
        // Who begins in the middle of a batch is sent all of it, and counts what it asked for.
        let fetched = log.fetch(3, 1).expect("it is there");
        assert_eq!(records(&log, 3, &fetched), 2);
    }
}
