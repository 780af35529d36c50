//! Where lz4 frames and their blocks end, and unpacking these.
//!
//! The `lz4` tool writes one frame, however long, of independent blocks of 64 KiB to 4 MiB: there the blocks are the pieces.
//! The checksum of the frame's contents goes over all blocks in order, so it is made where pieces are
//! handed out ([`Content`]). Frames that are small, and linked ones that can be held, are pieces as a whole;
//! large frames of linked blocks are streamed.
//!
//! No decoder can begin inside a frame, so the faults of blocks are named here, as `lz4_flex` names them.

use std::io::{self, Read};

use lz4_flex::frame::{Error as FrameError, FrameDecoder};
use xxhash_rust::xxh32::{Xxh32, xxh32};

use super::super::pieces::{Outcome, PIECE_BYTES_MAX, Piece, Splitter, Step, Task, append};
use super::super::{RawInput, skip_skippable_frames, trailing_garbage, truncated};
use super::damaged;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// Magic number, flags, content size, dictionary, header checksum (LZ4 frame format 1.6).
const HEADER_BYTES_MAX: usize = 19;
/// Frames up to this length are not taken apart.
const SMALL_FRAME_BYTES: usize = 64 << 10;
/// In a block's size: it is stored as it is.
const IS_STORED: u32 = 1 << 31;

/// What a frame's header says of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Frame {
    header_bytes: usize,
    block_bytes_max: usize,
    is_independent: bool,
    has_block_checksums: bool,
    has_checksum: bool,
    plain_bytes: Option<u64>,
}

impl Frame {
    /// Reads the header that `bytes` begin with; `None` if the streamed decoder should look at it.
    fn read(bytes: &[u8]) -> Option<Frame> {
        let (descriptor, _) = bytes.strip_prefix(&MAGIC)?.split_first_chunk::<2>()?;
        let [flags, sizes] = *descriptor;
        let (is_version_1, has_reserved_bit) =
            (flags >> 6 == 1, flags & 2 != 0 || sizes & 0x8f != 0);
        let has_dictionary = flags & 1 != 0;
        if !is_version_1 || has_reserved_bit || has_dictionary || sizes >> 4 < 4 {
            return None;
        }
        let has_size = flags & 8 != 0;
        let header_bytes = if has_size { 15 } else { 7 };
        let header = bytes.get(4..header_bytes)?;
        let (&checksum, header) = header.split_last()?;
        if (xxh32(header, 0) >> 8) as u8 != checksum {
            return None;
        }
        Some(Frame {
            header_bytes,
            block_bytes_max: 1 << (8 + 2 * (sizes >> 4)),
            is_independent: flags & 0x20 != 0,
            has_block_checksums: flags & 0x10 != 0,
            has_checksum: flags & 4 != 0,
            plain_bytes: header[2..].first_chunk().copied().map(u64::from_le_bytes),
        })
    }

    /// Bytes of a block behind its size.
    fn block_bytes(&self, size: u32) -> usize {
        (size & !IS_STORED) as usize + if self.has_block_checksums { 4 } else { 0 }
    }

    /// As many plain bytes as a block of this size can give: a byte stands for 255 at most.
    fn plain_bytes_max(&self, size: u32) -> usize {
        let packed_bytes = (size & !IS_STORED) as usize;
        (255 * packed_bytes + 64).min(self.block_bytes_max)
    }

    fn trailer_bytes(&self) -> usize {
        if self.has_checksum { 4 } else { 0 }
    }

    /// The whole frame that `bytes` begin with: its length and the plain bytes that it can give.
    fn whole_in(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        let (mut end, mut plain_bytes_max) = (self.header_bytes, 1);
        loop {
            let size = u32::from_le_bytes(*bytes.get(end..)?.first_chunk()?);
            end += 4;
            if size == 0 {
                end += self.trailer_bytes();
                return (end <= bytes.len()).then_some((end, plain_bytes_max));
            }
            end += self.block_bytes(size);
            plain_bytes_max += self.plain_bytes_max(size);
        }
    }
}

/// Steps from frame to frame, or from block to block.
#[derive(Default)]
pub(in super::super) struct FrameSplitter {
    /// The frame whose blocks are pieces, while it lasts.
    inside: Option<Frame>,
}

impl Splitter for FrameSplitter {
    fn step(&mut self, raw: &mut RawInput, piece: &mut Piece) -> io::Result<Step> {
        if let Some(frame) = self.inside {
            return self.step_over_block(frame, raw, piece);
        }
        skip_skippable_frames(raw)?;
        let head = raw.peek(SMALL_FRAME_BYTES)?;
        let Some(frame) = Frame::read(&head[..head.len().min(HEADER_BYTES_MAX)]) else {
            return Ok(Step::Rest);
        };
        if let Some((packed_bytes, plain_bytes_max)) = frame.whole_in(head) {
            append(raw, packed_bytes as u64, &mut piece.packed)?;
            piece.plain_bytes_max += plain_bytes_max;
            piece.task = Task::Lz4(Lz4Task::Frames);
            return Ok(Step::Added);
        }
        if !piece.packed.is_empty() {
            return Ok(Step::Cut);
        }
        append(raw, frame.header_bytes as u64, &mut piece.packed)?;
        if frame.is_independent {
            piece.begins = Some(Content::new(frame));
            piece.task = Task::Lz4(Lz4Task::FirstBlocks(frame));
            self.inside = Some(frame);
            return Ok(Step::Added);
        }
        step_over_frame(frame, raw, piece)
    }
}

impl FrameSplitter {
    fn step_over_block(
        &mut self,
        frame: Frame,
        raw: &mut RawInput,
        piece: &mut Piece,
    ) -> io::Result<Step> {
        if piece.packed.is_empty() {
            piece.task = Task::Lz4(Lz4Task::Blocks(frame));
        }
        let Some(size) = raw.peek(4)?.first_chunk().copied().map(u32::from_le_bytes) else {
            return Ok(Step::Broken(truncated()));
        };
        if size == 0 {
            self.inside = None;
            let trailer_bytes = 4 + frame.trailer_bytes();
            if !append(raw, trailer_bytes as u64, &mut piece.packed)? {
                return Ok(Step::Broken(truncated()));
            }
            let checksum = piece.packed.last_chunk().copied().map(u32::from_le_bytes);
            piece.ends = Some(checksum.filter(|_| frame.has_checksum));
            return Ok(Step::Cut);
        }
        if (size & !IS_STORED) as usize > frame.block_bytes_max {
            return Ok(Step::Broken(damaged(FrameError::BlockTooBig)));
        }
        if !append(raw, 4 + frame.block_bytes(size) as u64, &mut piece.packed)? {
            return Ok(Step::Broken(truncated()));
        }
        piece.plain_bytes_max += frame.plain_bytes_max(size);
        Ok(Step::Added)
    }
}

/// Takes a whole frame of linked blocks, if it is not too large.
fn step_over_frame(frame: Frame, raw: &mut RawInput, piece: &mut Piece) -> io::Result<Step> {
    piece.task = Task::Lz4(Lz4Task::Frames);
    piece.plain_bytes_max = 1;
    loop {
        let Some(size) = raw.peek(4)?.first_chunk().copied().map(u32::from_le_bytes) else {
            return Ok(Step::Rest);
        };
        if (size & !IS_STORED) as usize > frame.block_bytes_max {
            // Nothing is read because a length asks for it: the streamed decoder says what is wrong.
            return Ok(Step::Rest);
        }
        let more_bytes = match size {
            0 => frame.trailer_bytes(),
            size => frame.block_bytes(size),
        };
        let is_whole = append(raw, 4 + more_bytes as u64, &mut piece.packed)?;
        piece.plain_bytes_max += frame.plain_bytes_max(size);
        if !is_whole || piece.packed.len().max(piece.plain_bytes_max) > PIECE_BYTES_MAX {
            return Ok(Step::Rest);
        }
        if size == 0 {
            return Ok(Step::Added);
        }
    }
}

/// What a piece of lz4 consists of.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Lz4Task {
    /// Frames, from the first header to the last trailer.
    Frames,
    /// Independent blocks of a frame: sizes, contents, checksums. Perhaps the frame's trailer behind them.
    Blocks(Frame),
    /// The same behind the header of the frame.
    FirstBlocks(Frame),
}

impl Lz4Task {
    /// Unpacks `packed`; how many plain bytes there are then.
    pub(in super::super) fn unpack(self, packed: &[u8], plain: &mut [u8]) -> (usize, Outcome) {
        match self {
            Lz4Task::Frames => match unpack_frames(packed, plain) {
                Some(end) => (end, Outcome::Whole),
                None => (0, Outcome::Odd),
            },
            Lz4Task::Blocks(frame) => {
                let mut end = 0;
                let outcome = match unpack_blocks(frame, packed, plain, &mut end) {
                    Ok(()) => Outcome::Whole,
                    Err(error) => Outcome::Damaged(error),
                };
                (end, outcome)
            }
            Lz4Task::FirstBlocks(frame) => {
                Lz4Task::Blocks(frame).unpack(&packed[frame.header_bytes..], plain)
            }
        }
    }
}

fn unpack_frames(packed: &[u8], plain: &mut [u8]) -> Option<usize> {
    let mut decoder = FrameDecoder::new(packed);
    let mut end = 0;
    loop {
        match decoder.read(&mut plain[end..]).ok()? {
            0 if decoder.get_ref().is_empty() => return Some(end),
            // The end of a frame, unless it is none; there is always room behind it.
            0 if decoder.get_ref().starts_with(&MAGIC) && end < plain.len() => {}
            0 => return None,
            count => end += count,
        }
    }
}

fn unpack_blocks(
    frame: Frame,
    mut packed: &[u8],
    plain: &mut [u8],
    end: &mut usize,
) -> io::Result<()> {
    while let Some((size, rest)) = packed.split_first_chunk() {
        let size = u32::from_le_bytes(*size);
        if size == 0 {
            break;
        }
        let (block, rest) = rest.split_at(frame.block_bytes(size));
        let (contents, checksum) = block.split_at((size & !IS_STORED) as usize);
        if let Some(checksum) = checksum.first_chunk()
            && xxh32(contents, 0) != u32::from_le_bytes(*checksum)
        {
            return Err(damaged(FrameError::BlockChecksumError));
        }
        let room = &mut plain[*end..][..frame.plain_bytes_max(size)];
        let plain_bytes = if size & IS_STORED != 0 {
            room[..contents.len()].copy_from_slice(contents);
            contents.len()
        } else {
            lz4_flex::block::decompress_into(contents, room)
                .map_err(|fault| damaged(FrameError::DecompressionError(fault)))?
        };
        if plain_bytes == 0 {
            // `lz4_flex` takes a block of nothing for the end of the frame; then this one goes on behind it.
            return Err(trailing_garbage());
        }
        *end += plain_bytes;
        packed = rest;
    }
    Ok(())
}

/// The contents of a frame as they are handed out, block by block.
pub(in super::super) struct Content {
    hasher: Option<Xxh32>,
    plain_bytes: u64,
    expected_bytes: Option<u64>,
}

impl Content {
    fn new(frame: Frame) -> Content {
        Content {
            hasher: frame.has_checksum.then(|| Xxh32::new(0)),
            plain_bytes: 0,
            expected_bytes: frame.plain_bytes,
        }
    }

    /// Takes the next plain bytes into account.
    pub(in super::super) fn add(&mut self, plain: &[u8]) {
        self.plain_bytes += plain.len() as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(plain);
        }
    }

    /// At the end of the frame: is this what the frame says it contains?
    pub(in super::super) fn check(self, checksum: Option<u32>) -> io::Result<()> {
        if let Some(expected) = self.expected_bytes
            && expected != self.plain_bytes
        {
            let actual = self.plain_bytes;
            return Err(damaged(FrameError::ContentLengthError { expected, actual }));
        }
        match (self.hasher, checksum) {
            (Some(hasher), Some(checksum)) if hasher.digest() != checksum => {
                Err(damaged(FrameError::ContentChecksumError))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a length that lies costs no memory, in frames of linked blocks either.
    #[test]
    fn a_block_beyond_its_limit_is_not_read() {
        let descriptor = [0x40, 0x40];
        let mut packed = MAGIC.to_vec();
        packed.extend_from_slice(&descriptor);
        packed.push((xxh32(&descriptor, 0) >> 8) as u8);
        packed.extend_from_slice(&0x7fff_ffff_u32.to_le_bytes());
        packed.resize(1 << 20, 0);
        let mut raw = RawInput::new("m".to_owned(), Box::new(io::Cursor::new(packed)), None);
        let mut piece = Piece::default();
        let step = FrameSplitter::default().step(&mut raw, &mut piece).unwrap();
        assert!(matches!(step, Step::Rest));
        assert_eq!(piece.packed.len(), 7);
    }
}
