//! The ways of reading a file, measured against each other on the machine and the disk at hand.
//!
//! Such measurements lie easily. A series in one process and on one descriptor once showed some ways two and three times slower
//! than they are, and could be repeated. So:
//!
//! 1. [`plan`] lists the [`Job`]s: a way of reading, a pattern, threads, a kernel, and whether the file is in memory;
//! 2. every job runs in a process of its own, on a descriptor of its own, once in each round, in an order shuffled by a
//!    seed that is told ([`run`]);
//! 3. before a cold run the file's pages are dropped, before a warm run they are read in, and either is verified ([`cache`]);
//! 4. all runs that count lines must count the same;
//! 5. [`report`] shows medians and how far the runs are apart, and keeps every run for programs.
//!
//! [`mod@file`] has the ways of reading files, [`uring`] the one by rings of requests, [`small`] what is done with ten thousand small
//! files.

mod cache;
mod file;
pub mod plan;
pub mod report;
pub mod run;
mod small;
#[cfg(test)]
mod tests;
mod uring;

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tamis_engine::sketch::permute;

/// What a mapping is told, and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapKind {
    /// All of the file, without advice.
    Plain,
    /// `MADV_SEQUENTIAL`.
    Sequential,
    /// `MADV_RANDOM`.
    Random,
    /// `MAP_POPULATE`.
    Populate,
    /// A few megabytes at a time.
    Windows,
}

/// How bytes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// `read` into a buffer of this size.
    Read {
        /// Bytes.
        buffer_bytes: u64,
    },
    /// `pread` into buffers of this size, from any number of threads.
    Pread {
        /// Bytes.
        buffer_bytes: u64,
    },
    /// `mmap`.
    Mmap(MapKind),
    /// `pread` past the page cache.
    Direct {
        /// Bytes.
        buffer_bytes: u64,
    },
    /// io_uring with so many reads at a time.
    Uring {
        /// Reads.
        depth: u32,
        /// Whether they go past the page cache.
        is_direct: bool,
    },
    /// As Tamis reads, with `--io auto`.
    Auto,
}

/// Where is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// From front to back.
    Sequential,
    /// So many blocks of 4 KiB, anywhere.
    Random {
        /// Blocks.
        reads: u64,
    },
    /// So many files in a folder, each from front to back.
    SmallFiles {
        /// Files.
        count: u64,
    },
}

/// Whether the bytes are in memory beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Temperature {
    /// All of them.
    Warm,
    /// None of them.
    Cold,
}

/// What is done with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Counting newlines.
    Lines,
    /// Searching for a text that is not there.
    Search,
}

/// One measurement.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Job {
    /// How bytes are read.
    pub way: Way,
    /// Where.
    pub pattern: Pattern,
    /// Whether they are in memory.
    pub temperature: Temperature,
    /// What is done with them.
    pub work: Work,
    /// By how many threads.
    pub threads: usize,
    /// How often, one after the other, without closing anything.
    pub passes: u32,
    /// The file, or the folder of small files.
    pub path: PathBuf,
    /// How much of the file is read.
    pub len_bytes: u64,
    /// What random places follow from.
    pub seed: u64,
}

/// What a run took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Seconds of each pass.
    pub seconds: Vec<f64>,
    /// Bytes of a pass.
    pub bytes: u64,
    /// Newlines, or matches.
    pub count: u64,
    /// Faults of the first pass that needed no reading; `None` where the system does not say.
    pub minor_faults: Option<u64>,
    /// Faults of the first pass that did.
    pub major_faults: Option<u64>,
    /// The most memory that the process held.
    pub peak_rss_bytes: Option<u64>,
    /// The share of the bytes that were in memory before the first pass.
    pub resident: f64,
    /// The back end that `--io auto` took.
    pub backend: Option<String>,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// It was measured.
    Figures(Figures),
    /// It cannot be done here, for this reason.
    Skipped(String),
}

impl Way {
    /// Whether several threads can share the work.
    pub fn is_parallel(self) -> bool {
        !matches!(self, Way::Read { .. } | Way::Uring { .. })
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Way::Read { buffer_bytes } => write!(f, "read {}", size(buffer_bytes)),
            Way::Pread { buffer_bytes } => write!(f, "pread {}", size(buffer_bytes)),
            Way::Mmap(MapKind::Plain) => f.write_str("mmap"),
            Way::Mmap(MapKind::Sequential) => f.write_str("mmap, sequential"),
            Way::Mmap(MapKind::Random) => f.write_str("mmap, random"),
            Way::Mmap(MapKind::Populate) => f.write_str("mmap, populate"),
            Way::Mmap(MapKind::Windows) => {
                write!(f, "mmap, windows of {}", size(file::WINDOW_BYTES))
            }
            Way::Direct { buffer_bytes } => write!(f, "O_DIRECT {}", size(buffer_bytes)),
            Way::Uring { depth, is_direct } => {
                let direct = if is_direct { ", O_DIRECT" } else { "" };
                write!(f, "io_uring, depth {depth}{direct}")
            }
            Way::Auto => f.write_str("tamis --io auto"),
        }
    }
}

/// `64 KiB`, for sizes that are powers of two.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// Numbers that look random and follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let mixed = permute(self.0);
        // The step that `permute` begins with: so the numbers are those of SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        ((u128::from(mixed) * u128::from(bound)) >> 64) as u64
    }
}
