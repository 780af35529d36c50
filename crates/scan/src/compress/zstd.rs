//! Seekable zstd: a frame for each block, and behind them a table of their sizes in a skippable frame.
//!
//! ```text
//! frame ... frame, 5e 2a 4d 18, bytes of the table: u32,
//!     for each frame: packed: u32, plain: u32, checksum: u32
//!     number of frames: u32, flags: 80, b1 ea 92 8f
//! ```
//!
//! All numbers are little-endian (contrib/seekable_format of facebook/zstd, version 0.1.0). A checksum is the lower half of
//! XXH64 of the plain bytes, which is also what ends a frame; so the table repeats it.

use std::io;
use std::ops::RangeInclusive;

use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

use super::PackOptions;
use super::pack;

/// The sizes of blocks: a table for smaller ones would be larger than what they save, larger ones take too much memory.
pub(super) const BLOCK_BYTES: RangeInclusive<usize> = 4 << 10..=64 << 20;

pub(super) const BLOCK_BYTES_DEFAULT: usize = 2 << 20;

const SKIPPABLE: [u8; 4] = [0x5e, 0x2a, 0x4d, 0x18];
const SEEKABLE: [u8; 4] = [0xb1, 0xea, 0x92, 0x8f];
/// The table has checksums.
const HAS_CHECKSUMS: u8 = 0x80;
const ENTRY_BYTES: usize = 12;
const FOOTER_BYTES: usize = 9;

/// Frames of one level.
pub(super) struct Format {
    level: i32,
    block_bytes: usize,
}

impl Format {
    pub(super) fn new(options: &PackOptions) -> Format {
        Format {
            level: options.level,
            block_bytes: options.block_bytes,
        }
    }
}

impl pack::Format for Format {
    type Worker = io::Result<Compressor<'static>>;
    type Joint = Joint;

    fn piece_bytes(&self) -> usize {
        self.block_bytes
    }

    fn worker(&self) -> Self::Worker {
        compressor(self.level)
    }

    fn pack(
        &self,
        worker: &mut Self::Worker,
        plain: &[u8],
        packed: &mut Vec<u8>,
    ) -> io::Result<()> {
        if worker.is_err() {
            *worker = compressor(self.level);
        }
        match worker {
            Ok(compressor) => {
                packed.reserve(zstd::zstd_safe::compress_bound(plain.len()));
                compressor.compress_to_buffer(plain, packed)?;
                Ok(())
            }
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }

    fn begin(&self, _plain_bytes: Option<u64>) -> (Joint, Vec<u8>) {
        (Joint::default(), Vec::new())
    }
}

fn compressor(level: i32) -> io::Result<Compressor<'static>> {
    let mut compressor = Compressor::new(level)?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    Ok(compressor)
}

/// The table, entry by entry.
#[derive(Default)]
pub(super) struct Joint {
    entries: Vec<u8>,
}

impl pack::Joint for Joint {
    fn add(&mut self, plain: &[u8], packed: &[u8]) {
        let checksum = packed.last_chunk::<4>().copied().unwrap_or_default();
        self.entries
            .extend_from_slice(&(packed.len() as u32).to_le_bytes());
        self.entries
            .extend_from_slice(&(plain.len() as u32).to_le_bytes());
        self.entries.extend_from_slice(&checksum);
    }

    fn end(mut self) -> Vec<u8> {
        let mut end = Vec::new();
        if self.entries.is_empty() {
            // A table alone would be an archive of nothing; this is one of an empty content.
            end.extend_from_slice(&EMPTY_FRAME);
            self.add(&[], &EMPTY_FRAME);
        }
        let table_bytes = (self.entries.len() + FOOTER_BYTES) as u32;
        let frames = (self.entries.len() / ENTRY_BYTES) as u32;
        end.extend_from_slice(&SKIPPABLE);
        end.extend_from_slice(&table_bytes.to_le_bytes());
        end.extend_from_slice(&self.entries);
        end.extend_from_slice(&frames.to_le_bytes());
        end.push(HAS_CHECKSUMS);
        end.extend_from_slice(&SEEKABLE);
        end
    }
}

/// A single segment of 0 bytes, with its checksum, in one empty block.
const EMPTY_FRAME: [u8; 13] = [
    0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x00, 0x01, 0x00, 0x00, 0x99, 0xe9, 0xd8, 0x51,
];
