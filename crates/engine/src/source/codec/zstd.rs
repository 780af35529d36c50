//! zstd (RFC 8878), by the reference library.
//!
//! It knows frames, skippable frames and what is neither, and reports an end inside a frame. Frames that ask for
//! a window above 128 MiB (`zstd --long=28` and up) are refused: memory stays bounded.
//!
//! Frames know nothing of each other, so an archive of several (`pzstd`, seekable zstd, files put together with
//! `cat`) is unpacked in pieces. A frame need not say how long it is, but its blocks do: [`FrameSplitter`] hops over
//! them. An archive of one large frame, which `zstd` writes, is streamed.

use std::io;

use zstd::bulk::Decompressor;

use super::pieces::{Outcome, PIECE_BYTES_MAX, Piece, Splitter, Step, Task, append};
use super::{Decoder, RawInput, skip_skippable_frames};

/// One frame after the other.
pub(super) type Frames = zstd::stream::read::Decoder<'static, RawInput>;

impl Decoder for Frames {
    fn raw_bytes(&self) -> u64 {
        self.get_ref().consumed_bytes()
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        self.get_ref().len_bytes()
    }
}

/// The longest frame header (RFC 8878 §3.1.1.1), magic number included.
const HEADER_BYTES_MAX: usize = 18;
/// What a block may give, whatever the window (RFC 8878 §3.1.1.2.3).
const BLOCK_BYTES_MAX: usize = 128 << 10;
/// The library refuses to stream frames with a larger window.
const WINDOW_BYTES_MAX: u64 = 128 << 20;

/// What a frame's header says.
struct Header {
    len_bytes: usize,
    /// Plain size of the frame, if it is told.
    plain_bytes: Option<u64>,
    /// No block gives more (RFC 8878 §3.1.1.2.3). The library holds blocks to that when it streams, and not when it unpacks a whole
    /// frame at once.
    block_bytes_max: usize,
    has_checksum: bool,
}

impl Header {
    /// Reads the header that `bytes` begin with; `None` if that is none, or one of a frame that is no piece.
    fn read(bytes: &[u8]) -> Option<Header> {
        let &[0x28, 0xb5, 0x2f, 0xfd, descriptor, ref rest @ ..] = bytes else {
            return None;
        };
        let is_single_segment = descriptor & 0x20 != 0;
        let has_reserved_bit = descriptor & 0x08 != 0;
        let has_dictionary = descriptor & 0x03 != 0;
        if has_reserved_bit || has_dictionary {
            return None;
        }
        let descriptor_bytes = usize::from(!is_single_segment);
        let mut window_bytes = u64::MAX;
        if !is_single_segment {
            let (exponent, mantissa) = (rest.first()? >> 3, rest.first()? & 7);
            let base = 1u64 << (10 + exponent);
            window_bytes = base + base / 8 * u64::from(mantissa);
            if window_bytes > WINDOW_BYTES_MAX {
                return None;
            }
        }
        let size_bytes = match descriptor >> 6 {
            0 => usize::from(is_single_segment),
            flag => 1 << flag,
        };
        let mut size = [0; 8];
        size[..size_bytes]
            .copy_from_slice(rest.get(descriptor_bytes..descriptor_bytes + size_bytes)?);
        // Two bytes count from 256 on: one byte would do for less.
        let size = u64::from_le_bytes(size) + if size_bytes == 2 { 256 } else { 0 };
        if is_single_segment {
            window_bytes = size;
        }
        Some(Header {
            len_bytes: 5 + descriptor_bytes + size_bytes,
            plain_bytes: (size_bytes > 0).then_some(size),
            block_bytes_max: window_bytes.min(BLOCK_BYTES_MAX as u64) as usize,
            has_checksum: descriptor & 0x04 != 0,
        })
    }
}

/// Steps from frame to frame.
pub(super) struct FrameSplitter;

impl Splitter for FrameSplitter {
    fn step(&mut self, raw: &mut RawInput, piece: &mut Piece) -> io::Result<Step> {
        piece.task = Task::Zstd;
        skip_skippable_frames(raw)?;
        let Some(header) = Header::read(raw.peek(HEADER_BYTES_MAX)?) else {
            return Ok(Step::Rest);
        };
        if header.plain_bytes > Some(PIECE_BYTES_MAX as u64) {
            return Ok(Step::Rest);
        }
        let start = piece.packed.len();
        if !append(raw, header.len_bytes as u64, &mut piece.packed)? {
            return Ok(Step::Rest);
        }
        let mut plain_bytes_max = 0;
        loop {
            let &[b0, b1, b2, ..] = raw.peek(3)? else {
                return Ok(Step::Rest);
            };
            let block = u32::from_le_bytes([b0, b1, b2, 0]);
            let size = (block >> 3) as usize;
            let (packed_bytes, plain_bytes) = match block >> 1 & 3 {
                0 | 1 if size > header.block_bytes_max => return Ok(Step::Rest),
                0 => (size, size),
                1 => (1, size),
                2 => (size, BLOCK_BYTES_MAX),
                _ => return Ok(Step::Rest),
            };
            plain_bytes_max += plain_bytes;
            let is_whole = append(raw, 3 + packed_bytes as u64, &mut piece.packed)?;
            let is_large = piece.packed.len() - start > PIECE_BYTES_MAX
                || plain_bytes_max > PIECE_BYTES_MAX && header.plain_bytes.is_none();
            if !is_whole || is_large {
                return Ok(Step::Rest);
            }
            if block & 1 == 1 {
                break;
            }
        }
        if header.has_checksum && !append(raw, 4, &mut piece.packed)? {
            return Ok(Step::Rest);
        }
        piece.plain_bytes_max += match header.plain_bytes {
            Some(told) => plain_bytes_max.min(told as usize),
            None => plain_bytes_max,
        };
        Ok(Step::Added)
    }
}

/// Unpacks whole frames.
#[derive(Default)]
pub(super) struct Unpacker(Decompressor<'static>);

impl Unpacker {
    pub(super) fn unpack(&mut self, packed: &[u8], plain: &mut [u8]) -> (usize, Outcome) {
        match self.0.decompress_to_buffer(packed, plain) {
            Ok(plain_bytes) => (plain_bytes, Outcome::Whole),
            Err(_) => (0, Outcome::Odd),
        }
    }
}
