//! The sparse indexes of a segment: at which byte offsets and times begin, about every 4 KiB.
//!
//! On the disk they are Kafka's own, big-endian:
//!
//! ```text
//! 00000000000000000000.index      each 8 bytes:  offset counted from the segment's u32, position in the log file u32
//! 00000000000000000000.timeindex  each 12 bytes: time i64, offset counted from the segment's u32
//! ```
//!
//! An entry of the first says where a batch begins, an entry of the second that nothing before this batch is later. Both grow from
//! entry to entry. While a segment is written they are in memory; they are written when it is sealed, mapped when somebody
//! looks something up, and made anew from the log if they are not there or make no sense. A process has room for some mappings
//! alone: what has none is read entry by entry, from files that are opened for it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tamis_engine::mmap::{Advice, Mapping};

use crate::batch::Header;
use crate::{Error, Result};

/// Bytes of batches between two entries (Kafka's `index.interval.bytes`).
const INTERVAL_BYTES: u64 = 4096;

const OFFSET_ENTRY_BYTES: usize = 8;
const TIME_ENTRY_BYTES: usize = 12;

/// The indexes of a segment that is being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Growing {
    /// Offsets counted from the segment's, and positions.
    offsets: Vec<(u32, u32)>,
    times: Vec<(i64, u32)>,
    bytes_since_entry: u64,
    max_timestamp: i64,
}

impl Growing {
    pub(crate) fn new() -> Growing {
        Growing {
            max_timestamp: -1,
            // So that the first batch is an entry.
            bytes_since_entry: INTERVAL_BYTES,
            ..Growing::default()
        }
    }

    /// Takes note of a batch that begins at `position`, `relative_offset` behind the first of the segment.
    pub(crate) fn push(&mut self, header: &Header, relative_offset: u32, position: u32) {
        if self.bytes_since_entry >= INTERVAL_BYTES {
            self.bytes_since_entry = 0;
            self.offsets.push((relative_offset, position));
            if self.max_timestamp > self.times.last().map_or(-1, |last| last.0) {
                self.times.push((self.max_timestamp, relative_offset));
            }
        }
        self.bytes_since_entry += header.len_bytes() as u64;
        self.max_timestamp = self.max_timestamp.max(header.latest_time());
    }

    /// The latest time of all records; -1: none has one.
    pub(crate) fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Writes both files beside the log file. They are not made durable: what is lost can be made anew.
    pub(crate) fn write(&self, log: &Path) -> Result<()> {
        let offsets = self.offsets.iter().flat_map(|&(offset, position)| {
            [offset.to_be_bytes(), position.to_be_bytes()]
                .into_iter()
                .flatten()
        });
        write(&offset_path(log), &offsets.collect::<Vec<_>>())?;
        let times = self
            .times
            .iter()
            .flat_map(|&(time, offset)| time.to_be_bytes().into_iter().chain(offset.to_be_bytes()));
        write(&time_path(log), &times.collect::<Vec<_>>())
    }
}

/// The indexes of a segment that is written no more.
#[derive(Debug)]
pub(crate) struct Sealed {
    offsets: Table<OFFSET_ENTRY_BYTES>,
    times: Table<TIME_ENTRY_BYTES>,
}

impl Sealed {
    /// Opens both, if they are there and can be those of a log file of `log_bytes`.
    pub(crate) fn open(log: &Path, log_bytes: u64) -> Option<Sealed> {
        let sealed = Sealed {
            offsets: Table::open(&offset_path(log))?,
            times: Table::open(&time_path(log))?,
        };
        let last = sealed.offsets.count.checked_sub(1);
        let last_position = last.map_or(0, |index| sealed.offset(index).1);
        let is_empty = sealed.offsets.count == 0;
        (is_empty == (log_bytes == 0) && u64::from(last_position) <= log_bytes).then_some(sealed)
    }

    /// Whether it costs no descriptors to keep it.
    pub(crate) fn is_mapped(&self) -> bool {
        self.offsets.is_mapped() && self.times.is_mapped()
    }

    fn offset(&self, index: usize) -> (u32, u32) {
        let entry = self.offsets.entry(index);
        let [a, b, c, d, e, f, g, h] = entry;
        (
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        )
    }

    fn time(&self, index: usize) -> (i64, u32) {
        let entry = self.times.entry(index);
        let [a, b, c, d, e, f, g, h, i, j, k, l] = entry;
        (
            i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            u32::from_be_bytes([i, j, k, l]),
        )
    }
}

/// Where to look things up.
pub(crate) trait Lookup {
    fn offset_count(&self) -> usize;
    fn offset_entry(&self, index: usize) -> (u32, u32);
    fn time_count(&self) -> usize;
    fn time_entry(&self, index: usize) -> (i64, u32);

    /// The position of a batch at or before `relative_offset`: from there on it is to be looked for.
    fn position_of(&self, relative_offset: u32) -> u32 {
        let after = partition_point(self.offset_count(), |index| {
            self.offset_entry(index).0 <= relative_offset
        });
        after.checked_sub(1).map_or(0, |at| self.offset_entry(at).1)
    }

    /// The position of the last batch known to begin at or before `position`.
    fn boundary_before(&self, position: u32) -> u32 {
        let after = partition_point(self.offset_count(), |index| {
            self.offset_entry(index).1 <= position
        });
        after.checked_sub(1).map_or(0, |at| self.offset_entry(at).1)
    }

    /// The latest time of all records before the last entry of offsets; -1: none has one.
    fn last_time(&self) -> i64 {
        let last = self.time_count().checked_sub(1);
        last.map_or(-1, |at| self.time_entry(at).0)
    }

    /// An offset, counted from the segment's, before which all records are older than `timestamp`.
    fn offset_before_time(&self, timestamp: i64) -> u32 {
        let after = partition_point(self.time_count(), |index| {
            self.time_entry(index).0 < timestamp
        });
        after.checked_sub(1).map_or(0, |at| self.time_entry(at).1)
    }
}

impl Lookup for Growing {
    fn offset_count(&self) -> usize {
        self.offsets.len()
    }

    fn offset_entry(&self, index: usize) -> (u32, u32) {
        self.offsets[index]
    }

    fn time_count(&self) -> usize {
        self.times.len()
    }

    fn time_entry(&self, index: usize) -> (i64, u32) {
        self.times[index]
    }
}

impl Lookup for Sealed {
    fn offset_count(&self) -> usize {
        self.offsets.count
    }

    fn offset_entry(&self, index: usize) -> (u32, u32) {
        self.offset(index)
    }

    fn time_count(&self) -> usize {
        self.times.count
    }

    fn time_entry(&self, index: usize) -> (i64, u32) {
        self.time(index)
    }
}

/// A file of entries of `N` bytes.
#[derive(Debug)]
struct Table<const N: usize> {
    bytes: Bytes,
    count: usize,
}

/// Where entries are read from.
#[derive(Debug)]
enum Bytes {
    /// There are none.
    Empty,
    Mapped(Mapping),
    /// There was no room for another mapping.
    File(File),
}

impl<const N: usize> Table<N> {
    fn open(path: &Path) -> Option<Table<N>> {
        let file = File::open(path).ok()?;
        let len_bytes = file.metadata().ok()?.len();
        if !len_bytes.is_multiple_of(N as u64) {
            return None;
        }
        let bytes = match len_bytes {
            0 => Bytes::Empty,
            _ => Mapping::advised(&file, 0..len_bytes, Advice::Random)
                .map_or(Bytes::File(file), Bytes::Mapped),
        };
        Some(Table {
            bytes,
            count: usize::try_from(len_bytes).ok()? / N,
        })
    }

    fn is_mapped(&self) -> bool {
        !matches!(self.bytes, Bytes::File(_))
    }

    /// Zeros if it cannot be read, as a mapping has them: what is looked for is looked for from the start then.
    fn entry(&self, index: usize) -> [u8; N] {
        let mut entry = [0; N];
        match &self.bytes {
            Bytes::Empty => {}
            Bytes::Mapped(mapping) => {
                mapping.with_bytes(index * N..(index + 1) * N, &mut |bytes| {
                    entry.copy_from_slice(bytes);
                });
            }
            Bytes::File(file) => {
                if file.read_exact_at(&mut entry, (index * N) as u64).is_err() {
                    entry = [0; N];
                }
            }
        }
        entry
    }
}

/// The first of `count` indexes for which `is_before` does not hold.
fn partition_point(count: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        match is_before(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(Error::io("write", path))
}

/// The file of offsets beside a log file.
pub(crate) fn offset_path(log: &Path) -> PathBuf {
    log.with_extension("index")
}

/// The file of times beside a log file.
pub(crate) fn time_path(log: &Path) -> PathBuf {
    log.with_extension("timeindex")
}
