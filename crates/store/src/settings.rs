//! What the store may use of the machine, and how.

use std::num::NonZero;

use crate::pack::frame::Compression;

/// Sizes and numbers that everything else is derived from. Every default is right for most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Threads that work; 0 for one on each core.
    pub threads: usize,
    /// Most files that are handed to a thread at once.
    pub batch_files: usize,
    /// What is read or written at a time where a stream is copied.
    pub buffer_bytes: usize,
    /// What all buffers together may take.
    pub memory_bytes: u64,
    /// Unpacked frames that are kept for whoever asks again.
    pub chunk_cache_bytes: u64,
    /// Tables of packs that are kept.
    pub file_cache_bytes: u64,
    /// Files from this size on are read in windows, smaller ones whole.
    pub window_threshold_bytes: u64,
    /// Frames that are shorter are stored as they are.
    pub compression_threshold_bytes: usize,
    /// Files from this size on are cut by all threads at once.
    pub streaming_threshold_bytes: u64,
    /// How frames are compressed.
    pub compression: Compression,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            threads: 0,
            batch_files: 500,
            buffer_bytes: 64_000,
            memory_bytes: 200_000_000,
            chunk_cache_bytes: 64_000_000,
            file_cache_bytes: 16_000_000,
            window_threshold_bytes: 10_000_000,
            compression_threshold_bytes: 4_000,
            streaming_threshold_bytes: 100_000_000,
            compression: Compression::default(),
        }
    }
}

impl Settings {
    /// Threads that work.
    pub fn thread_count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, NonZero::get),
            threads => threads,
        }
    }
}
