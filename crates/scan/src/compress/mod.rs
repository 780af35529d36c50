//! Packing files in blocks, on all cores, into formats that everybody reads; and unpacking them.
//!
//! ```text
//! input ──► pieces ──► pack (parallel) ──► append (in order) ──► output
//!           of one or several blocks
//! ```
//!
//! A block is packed without those before it, so any thread may have it, and so may whoever unpacks: each of the formats
//! has a way to say where blocks begin.
//!
//! - [`lz4`]: one frame of independent blocks, with the checksum of the whole content at its end;
//! - [`zstd`]: the seekable format, a frame for each block and a table of them behind;
//! - [`gzip`]: BGZF, a member for each block, which says how long it is.
//!
//! [`pack`](mod@pack) cuts, packs and joins; the formats say what stands before, between and behind. What comes out depends on the
//! input and the options, and never on the number of threads. [`unpack`](mod@unpack) is the engine's own reading of compressed inputs,
//! written out.
//!
//! ```
//! use tamis_engine::sink::{MemorySink, Sink};
//! use tamis_engine::source::{MemorySource, ReaderSource, ReadOptions};
//! use tamis_scan::compress::{Codec, PackOptions, UnpackOptions, pack, unpack};
//!
//! let text = "all work and no play ".repeat(1000);
//! let (mut sink, packed) = MemorySink::new("packed");
//! pack(&MemorySource::new("text", text.clone()), &mut sink, &PackOptions::new(Codec::Lz4))?;
//! Box::new(sink).finish()?;
//! let packed = packed.bytes().expect("it is finished");
//! assert!(packed.len() < text.len() / 50);
//!
//! let source = ReaderSource::new("packed", std::io::Cursor::new(packed), ReadOptions::default());
//! let (mut sink, plain) = MemorySink::new("plain");
//! unpack(&source, &mut sink, &UnpackOptions::default())?;
//! Box::new(sink).finish()?;
//! assert_eq!(plain.bytes().as_deref(), Some(text.as_bytes()));
//! # Ok::<(), tamis_scan::Error>(())
//! ```

mod gzip;
mod lz4;
pub mod names;
mod pack;
#[cfg(test)]
mod tests;
mod unpack;
mod zstd;

use std::ops::RangeInclusive;

use tamis_engine::control::{Cancel, Progress};

pub use pack::{Packed, pack};
pub use unpack::{UnpackOptions, Unpacked, unpack};

use crate::{Error, Result};

/// A format to pack into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// LZ4 frames: the fastest.
    Lz4,
    /// zstd, seekable: the smallest for its time.
    Zstd,
    /// gzip, as BGZF: read everywhere.
    Gzip,
}

impl Codec {
    /// All codecs.
    pub const ALL: [Codec; 3] = [Codec::Lz4, Codec::Zstd, Codec::Gzip];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
            Codec::Gzip => "gzip",
        }
    }

    /// The levels it has: more is smaller and slower.
    pub fn levels(self) -> RangeInclusive<i32> {
        match self {
            Codec::Lz4 => 1..=1,
            Codec::Zstd => -7..=22,
            Codec::Gzip => 0..=12,
        }
    }

    /// The level when nobody says otherwise; that of the codec's own tool.
    pub fn level_default(self) -> i32 {
        match self {
            Codec::Lz4 => 1,
            Codec::Zstd => 3,
            Codec::Gzip => 6,
        }
    }

    /// Plain bytes of a block when nobody says otherwise.
    pub fn block_bytes_default(self) -> usize {
        match self {
            Codec::Lz4 => lz4::BLOCK_BYTES_DEFAULT,
            Codec::Zstd => zstd::BLOCK_BYTES_DEFAULT,
            Codec::Gzip => gzip::BLOCK_BYTES_MAX,
        }
    }

    /// Whether blocks may have so many plain bytes; and which they may have, in words.
    fn takes_block(self, block_bytes: usize) -> (bool, &'static str) {
        match self {
            Codec::Lz4 => (
                lz4::BLOCK_BYTES.contains(&block_bytes),
                "64KiB, 256KiB, 1MiB or 4MiB",
            ),
            Codec::Zstd => (
                zstd::BLOCK_BYTES.contains(&block_bytes),
                "from 4KiB to 64MiB",
            ),
            Codec::Gzip => (
                (1..=gzip::BLOCK_BYTES_MAX).contains(&block_bytes),
                "at most 65280 bytes",
            ),
        }
    }
}

/// How something is packed.
#[derive(Clone, Debug)]
pub struct PackOptions {
    /// Into what.
    pub codec: Codec,
    /// How hard it is tried, one of [`Codec::levels`].
    pub level: i32,
    /// Plain bytes of a block: more is smaller, and less parallel.
    pub block_bytes: usize,
    /// Threads that pack.
    pub threads: usize,
    /// Ends the run.
    pub cancel: Cancel,
    /// Told about bytes as they are packed.
    pub progress: Progress,
}

impl PackOptions {
    /// What is usual for `codec`, on one thread.
    pub fn new(codec: Codec) -> PackOptions {
        PackOptions {
            codec,
            level: codec.level_default(),
            block_bytes: codec.block_bytes_default(),
            threads: 1,
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }

    /// Refuses what the codec does not have.
    ///
    /// # Errors
    /// [`Error::Level`], [`Error::BlockSize`].
    pub fn validate(&self) -> Result<()> {
        let levels = self.codec.levels();
        if !levels.contains(&self.level) {
            return Err(Error::Level {
                codec: self.codec.name(),
                level: self.level,
                levels,
            });
        }
        let (is_taken, allowed) = self.codec.takes_block(self.block_bytes);
        if !is_taken {
            return Err(Error::BlockSize {
                codec: self.codec.name(),
                block_bytes: self.block_bytes,
                allowed,
            });
        }
        Ok(())
    }
}
