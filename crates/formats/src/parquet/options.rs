//! How a Parquet file is written.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Rows of a row group: enough that its columns compress well and their metadata weighs nothing, few enough that some are in
/// memory at a time, and that each reader's thread finds one (DuckDB writes 122,880).
pub const ROW_GROUP_ROWS: usize = 128 << 10;

/// How pages are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Snappy: what most files have; quick, and large.
    Snappy,
    /// LZ4 blocks.
    Lz4,
    /// Zstandard with a level from 1 to 22.
    Zstd(i32),
    /// Deflate with a level from 0 to 9: slow; for readers that know nothing else.
    Gzip(u32),
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Compression::None => formatter.write_str("none"),
            Compression::Snappy => formatter.write_str("snappy"),
            Compression::Lz4 => formatter.write_str("lz4"),
            Compression::Zstd(level) => write!(formatter, "zstd:{level}"),
            Compression::Gzip(level) => write!(formatter, "gzip:{level}"),
        }
    }
}

impl FromStr for Compression {
    type Err = String;

    /// `none`, `snappy`, `lz4`, `zstd`, `zstd:3`, `gzip`, `gzip:9`.
    fn from_str(text: &str) -> Result<Compression, String> {
        let (codec, level) = match text.split_once(':') {
            Some((codec, level)) => (codec, Some(level)),
            None => (text, None),
        };
        let level = |default: u32, known: RangeInclusive<u32>| match level {
            None => Ok(default),
            Some(level) => level
                .parse()
                .ok()
                .filter(|level| known.contains(level))
                .ok_or_else(|| {
                    let (first, last) = (known.start(), known.end());
                    format!("`{codec}` has levels from {first} to {last}")
                }),
        };
        match (codec, text == codec) {
            ("none", true) => Ok(Compression::None),
            ("snappy", true) => Ok(Compression::Snappy),
            ("lz4", true) => Ok(Compression::Lz4),
            ("zstd", _) => Ok(Compression::Zstd(level(1, 1..=22)? as i32)),
            ("gzip", _) => Ok(Compression::Gzip(level(6, 0..=9)?)),
            _ => Err("expected none, snappy, lz4, zstd or gzip, the last two perhaps with a level: `zstd:9`".to_owned()),
        }
    }
}

impl Default for Compression {
    /// Zstandard of level 1: as quick as snappy and up to a third smaller.
    fn default() -> Compression {
        Compression::Zstd(1)
    }
}

/// How a file is written.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// How pages are packed.
    pub compression: Compression,
    /// Rows of a row group, at least 1.
    pub row_group_rows: usize,
    /// Threads that encode; with one, whoever writes encodes.
    pub threads: usize,
}

impl Default for WriterOptions {
    fn default() -> WriterOptions {
        WriterOptions {
            compression: Compression::default(),
            row_group_rows: ROW_GROUP_ROWS,
            threads: 1,
        }
    }
}
