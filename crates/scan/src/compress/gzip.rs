//! gzip as BGZF: a member for each block, which says in an extra field how long it is (SAM/BAM specification, section 4.1).
//!
//! Every gzip tool reads it as what it is, members one after the other. `bgzip`, its relatives, and this crate hop from
//! member to member and unpack them in parallel. An empty member at the end says that nothing was cut off.

use std::io;

use libdeflater::{CompressionLvl, Compressor};

use super::PackOptions;
use super::pack;

/// A member must not be longer than 64 KiB, also where nothing can be packed; that is what `bgzip` puts into one.
pub(super) const BLOCK_BYTES_MAX: usize = 0xff00;

/// About as many plain bytes are handed out together.
const PIECE_BYTES_TARGET: usize = 512 << 10;

/// Up to the size of the member: deflate, an extra field, no time, unknown system, six bytes of `BC`, which has two.
const HEADER: [u8; 16] = [
    0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0,
];
const HEADER_BYTES: usize = 18;
const TRAILER_BYTES: usize = 8;

/// The empty member at the end.
const END: [u8; 28] = [
    0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0, 0x1b, 0, 3, 0, 0, 0, 0, 0, 0, 0,
    0, 0,
];

/// Members of one level.
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
    type Worker = Compressor;
    type Joint = Joint;

    fn piece_bytes(&self) -> usize {
        (PIECE_BYTES_TARGET / self.block_bytes).max(1) * self.block_bytes
    }

    fn worker(&self) -> Compressor {
        Compressor::new(CompressionLvl::new(self.level).unwrap_or_default())
    }

    fn pack(&self, worker: &mut Compressor, plain: &[u8], packed: &mut Vec<u8>) -> io::Result<()> {
        for block in plain.chunks(self.block_bytes) {
            let start = packed.len();
            packed.extend_from_slice(&HEADER);
            let room = worker.deflate_compress_bound(block.len());
            packed.resize(start + HEADER_BYTES + room, 0);
            let len = worker
                .deflate_compress(block, &mut packed[start + HEADER_BYTES..])
                .map_err(|error| io::Error::other(error.to_string()))?;
            packed.truncate(start + HEADER_BYTES + len);
            packed.extend_from_slice(&libdeflater::crc32(block).to_le_bytes());
            packed.extend_from_slice(&(block.len() as u32).to_le_bytes());
            let last = HEADER_BYTES + len + TRAILER_BYTES - 1;
            let last = u16::try_from(last).map_err(io::Error::other)?;
            packed[start + HEADER.len()..start + HEADER_BYTES].copy_from_slice(&last.to_le_bytes());
        }
        Ok(())
    }

    fn begin(&self, _plain_bytes: Option<u64>) -> (Joint, Vec<u8>) {
        (Joint, Vec::new())
    }
}

/// Members know nothing of each other.
pub(super) struct Joint;

impl pack::Joint for Joint {
    fn add(&mut self, _plain: &[u8], _packed: &[u8]) {}

    fn end(self) -> Vec<u8> {
        END.to_vec()
    }
}
