//! What the store may use of the machine, and how.

use std::num::NonZero;
use std::sync::OnceLock;

#[doc(inline)]
pub use crate::pack::frame::Compression;

/// The system reads files to tell, which would cost as much for each file as reading the file.
static CORES: OnceLock<usize> = OnceLock::new();

/// Sizes and numbers that everything else is derived from. Every default is right for most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Threads that work; 0 for one on each core.
    pub threads: usize,
    /// Most files that are handed to a thread at once.
    pub batch_files: usize,
    /// What is read at a time of a file that is added.
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
            0 => {
                *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get))
            }
            threads => threads,
        }
    }

    /// Length of the windows in which a large file is read, by all threads at once: what half of the memory has room for, but
    /// 8 MiB at most. (Of 4, 8 and 16 MiB the seams cost 1.5, 0.8 and 0.4 % of the bytes twice.)
    pub fn window_bytes(&self) -> u32 {
        let share = self.memory_bytes / 2 / self.thread_count() as u64;
        share.clamp(1 << 20, 8 << 20) as u32
    }

    /// Files up to this length are read whole.
    pub(crate) fn whole_bytes_max(&self) -> u64 {
        self.window_threshold_bytes
            .min(u64::from(self.window_bytes()) * 2)
    }

    /// What unpacked frames may take: a third of the memory at most.
    pub(crate) fn hot_bytes(&self) -> u64 {
        self.chunk_cache_bytes
            .min(self.memory_bytes / 3)
            .max(1 << 20)
    }

    /// What tables of packs may take: a tenth of the memory at most.
    pub(crate) fn table_bytes(&self) -> u64 {
        self.file_cache_bytes
            .min(self.memory_bytes / 10)
            .max(1 << 20)
    }

    /// What pages of packs may take, where chunks have up to so many bytes: half of what unpacked frames may, and room for two
    /// frames of each thread, as far as a quarter of the memory goes.
    pub(crate) fn page_bytes(&self, chunk_bytes_max: u32) -> u64 {
        let frame_bytes = u64::from(chunk_bytes_max).max(512 << 10);
        let wanted = 2 * self.thread_count() as u64 * frame_bytes;
        (self.hot_bytes() / 2).max(wanted.min(self.memory_bytes / 4))
    }

    /// So many of these pages each thread may hold at a time, so that none has to wait until others let go of theirs.
    pub(crate) fn pinned_bytes_max(&self, chunk_bytes_max: u32) -> u64 {
        self.page_bytes(chunk_bytes_max) / self.thread_count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_the_memory() {
        let ample = Settings {
            threads: 2,
            ..Settings::default()
        };
        assert_eq!(ample.window_bytes(), 8 << 20);
        assert_eq!(ample.hot_bytes(), 64_000_000);
        let scarce = Settings {
            memory_bytes: 30_000_000,
            threads: 16,
            ..ample
        };
        assert_eq!(scarce.window_bytes(), 1 << 20);
        assert_eq!(scarce.whole_bytes_max(), 2 << 20);
        assert_eq!(scarce.hot_bytes(), 10_000_000);
        assert_eq!(scarce.table_bytes(), 3_000_000);
        assert_eq!(scarce.page_bytes(256 << 10), 7_500_000);
        assert_eq!(scarce.pinned_bytes_max(256 << 10), 468_750);
        let plenty = Settings {
            memory_bytes: 1_000_000_000,
            ..scarce
        };
        assert_eq!(plenty.page_bytes(256 << 10), 32_000_000);
        assert_eq!(plenty.page_bytes(16 << 20), 250_000_000);
    }

    #[test]
    fn pages_take_a_quarter_of_the_memory_and_are_never_none() {
        for threads in [1, 2, 64, 4096] {
            for memory_bytes in [1_000_000, 200_000_000, 16_000_000_000_000] {
                for chunk_cache_bytes in [0, 64_000_000] {
                    let settings = Settings {
                        threads,
                        memory_bytes,
                        chunk_cache_bytes,
                        ..Settings::default()
                    };
                    let page_bytes = settings.page_bytes(16 << 20);
                    assert!(page_bytes >= 512 << 10, "{settings:?}: {page_bytes}");
                    let most = (memory_bytes / 4).max(512 << 10);
                    assert!(page_bytes <= most, "{settings:?}: {page_bytes}");
                }
            }
        }
    }
}
