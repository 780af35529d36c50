//! The settings of `[performance]`, each with its type and its default.

use std::str::FromStr;

use crate::args::{self, ByteSize};

/// What a verb may use of the machine, and how. Fields are named as the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Performance {
    /// Threads that work; 0 for one on each core.
    pub(crate) max_worker_threads: usize,
    /// Most files that are handed to a thread at once.
    pub(crate) batch_size: usize,
    /// What is read at a time of a file that is added.
    pub(crate) buffer_size: ByteSize,
    /// What all buffers together may take.
    pub(crate) max_memory_usage: ByteSize,
    /// Unpacked chunks that are kept for whoever asks again.
    pub(crate) chunk_cache_size: ByteSize,
    /// What is kept of the files of a store besides their chunks.
    pub(crate) file_cache_size: ByteSize,
    /// Files from this size on are read in windows, smaller ones whole.
    pub(crate) memory_map_threshold: ByteSize,
    /// What is shorter is stored as it is.
    pub(crate) compression_threshold: ByteSize,
    /// Files from this size on are cut by all threads at once.
    pub(crate) streaming_threshold: ByteSize,
    /// How chunks are compressed.
    pub(crate) compression: Compression,
}

impl Default for Performance {
    fn default() -> Self {
        Self {
            max_worker_threads: 0,
            batch_size: 500,
            buffer_size: ByteSize(64_000),
            max_memory_usage: args::MEMORY_DEFAULT,
            chunk_cache_size: ByteSize(64_000_000),
            file_cache_size: ByteSize(16_000_000),
            memory_map_threshold: ByteSize(10_000_000),
            compression_threshold: ByteSize(4_000),
            streaming_threshold: ByteSize(100_000_000),
            compression: Compression::default(),
        }
    }
}

/// How chunks are compressed, written as `none`, `lz4`, `zstd` or `zstd:LEVEL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not.
    None,
    /// Fast, and weak.
    Lz4,
    /// zstd of this level.
    Zstd(i32),
}

impl Compression {
    /// What can be written, without levels: what a misspelt word may have meant.
    pub(super) const WORDS: [&str; 3] = ["none", "lz4", "zstd"];

    const LEVEL_DEFAULT: i32 = 1;
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd(Self::LEVEL_DEFAULT)
    }
}

impl FromStr for Compression {
    type Err = NoCompression;

    fn from_str(text: &str) -> std::result::Result<Self, NoCompression> {
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            None if text == "lz4" => Ok(Self::Lz4),
            None if text == "zstd" => Ok(Self::Zstd(Self::LEVEL_DEFAULT)),
            Some(("zstd", level)) => match level.parse() {
                Ok(level @ -7..=19) => Ok(Self::Zstd(level)),
                _ => Err(NoCompression),
            },
            _ => Err(NoCompression),
        }
    }
}

/// The text names no compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoCompression;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressions_have_names() {
        let parse = |text: &str| text.parse::<Compression>();
        assert_eq!(parse("none"), Ok(Compression::None));
        assert_eq!(parse("lz4"), Ok(Compression::Lz4));
        assert_eq!(parse("zstd"), Ok(Compression::default()));
        assert_eq!(parse("zstd:1"), Ok(Compression::default()));
        assert_eq!(parse("zstd:-7"), Ok(Compression::Zstd(-7)));
        assert_eq!(parse("zstd:19"), Ok(Compression::Zstd(19)));
        let wrong = [
            "", "ZSTD", "zstd:", "zstd:20", "zstd:-8", "zstd:1.5", "lz4:1", "none:", "gzip",
        ];
        for wrong in wrong {
            assert_eq!(parse(wrong), Err(NoCompression), "{wrong}");
        }
    }
}
