//! Packing records and unpacking them: gzip, snappy, lz4 and zstd, as Kafka's clients use them.
//!
//! Most batches are never unpacked; those of compacted topics are, since the key of each record decides. What is packed may claim to
//! be anything, so nothing is unpacked beyond [`UNPACKED_BYTES_MAX`], and streams hold a block of it at a time.
//!
//! | codec | is |
//! |---|---|
//! | gzip, zstd | their own formats |
//! | lz4 | its frame format, with blocks that do not depend on each other |
//! | snappy | one raw block, or blocks in the framing of `snappy-java`: `82 "SNAPPY" 00`, two i32 of versions, then each block behind its length, i32 |

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::Header;

/// Records of one batch that are unpacked at most: a hundred times what topics take by default.
pub(crate) const UNPACKED_BYTES_MAX: u64 = 128 << 20;

/// No snappy block unpacks to more than this many times its length: three bytes copy 64 at most.
const SNAPPY_RATIO_MAX: u64 = 32;

/// What gzip holds: 32 KiB to look back to, and buffers.
const GZIP_BYTES: u64 = 256 << 10;

/// What lz4 holds: its largest block, packed and unpacked.
const LZ4_BYTES: u64 = 16 << 20;

/// zstd may look back to 8 MiB in any case, of which no more is touched than comes.
const ZSTD_WINDOW_LOG_MIN: u32 = 23;

/// How zstd says that a frame asks for more to look back to (`ZSTD_error_frameParameter_windowTooLarge`).
const ZSTD_WINDOW_TOO_LARGE: usize = 16;

const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\0";
const XERIAL_HEADER_BYTES: usize = 16;

/// What `snappy-java` has as its version, and as the oldest that can read it.
const XERIAL_VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];

/// Bytes in a block that we pack: what `snappy-java` does.
const XERIAL_BLOCK_BYTES: usize = 32 << 10;

/// How records are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// The records of a batch as they are behind their codec, as a stream that ends with an error at `bytes_max`.
pub(crate) fn unpacker(codec: Codec, packed: &[u8], bytes_max: u64) -> io::Result<Unpacker<'_>> {
    let stream: Box<dyn BufRead + '_> = match codec {
        Codec::None => Box::new(packed),
        Codec::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(packed))),
        Codec::Snappy => Box::new(BufReader::new(SnappyBlocks::new(packed, bytes_max))),
        Codec::Lz4 => Box::new(FrameDecoder::new(packed)),
        Codec::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(packed)?;
            decoder.window_log_max(window_log_max(bytes_max))?;
            Box::new(BufReader::new(decoder))
        }
    };
    let left_bytes = match codec {
        // Nothing is made larger here.
        Codec::None => packed.len() as u64,
        _ => bytes_max,
    };
    Ok(Unpacker {
        stream,
        left_bytes,
        is_cut: false,
    })
}

/// Memory that unpacking to `bytes_max` takes at most, where it is read as a stream.
pub(crate) fn held_bytes_max(codec: Codec, packed_bytes: usize, bytes_max: u64) -> u64 {
    match codec {
        Codec::None => 0,
        Codec::Gzip => GZIP_BYTES,
        Codec::Lz4 => LZ4_BYTES,
        Codec::Snappy => bytes_max.min(packed_bytes as u64 * SNAPPY_RATIO_MAX),
        Codec::Zstd => bytes_max.max(1 << ZSTD_WINDOW_LOG_MIN),
    }
}

/// What zstd may look back to: as much as may come at all, and what packing as well as can be, but for its *ultra* levels, asks for.
fn window_log_max(bytes_max: u64) -> u32 {
    let log = bytes_max.next_power_of_two().trailing_zeros();
    log.clamp(ZSTD_WINDOW_LOG_MIN, UNPACKED_BYTES_MAX.ilog2())
}

/// A stream of unpacked records.
pub(crate) struct Unpacker<'b> {
    stream: Box<dyn BufRead + 'b>,
    left_bytes: u64,
    is_cut: bool,
}

impl Unpacker<'_> {
    /// Whether more would have come than may, or more memory would have been needed for it.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl BufRead for Unpacker<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.stream.fill_buf() {
            Ok(bytes) if bytes.is_empty() || self.left_bytes > 0 => {
                let count = self.left_bytes.min(bytes.len() as u64);
                Ok(&bytes[..count as usize])
            }
            Ok(_) => {
                self.is_cut = true;
                Err(io::ErrorKind::FileTooLarge.into())
            }
            Err(error) => {
                self.is_cut |= asks_for_too_much(&error);
                Err(error)
            }
        }
    }

    fn consume(&mut self, count: usize) {
        self.stream.consume(count);
        self.left_bytes = self.left_bytes.saturating_sub(count as u64);
    }
}

impl Read for Unpacker<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

/// Whether it was not tried since too much memory would have been needed; zstd says so with a number that comes here as its name.
fn asks_for_too_much(error: &io::Error) -> bool {
    let window = zstd::zstd_safe::get_error_name(ZSTD_WINDOW_TOO_LARGE.wrapping_neg());
    error.kind() == io::ErrorKind::FileTooLarge || error.to_string() == window
}

/// The records of a batch, unpacked.
///
/// # Errors
/// If they are not what the header says, or would be more than [`UNPACKED_BYTES_MAX`].
pub(crate) fn unpack<'b>(header: &Header, packed: &'b [u8]) -> io::Result<Cow<'b, [u8]>> {
    let codec = header.codec().ok_or(io::ErrorKind::Unsupported)?;
    if codec == Codec::None {
        return Ok(Cow::Borrowed(packed));
    }
    let mut unpacked = Vec::new();
    unpacker(codec, packed, UNPACKED_BYTES_MAX)?.read_to_end(&mut unpacked)?;
    Ok(Cow::Owned(unpacked))
}

/// Packs records the way that `like` is packed.
pub(crate) fn pack(codec: Codec, unpacked: &[u8], like: &[u8]) -> io::Result<Vec<u8>> {
    match codec {
        Codec::None => Ok(unpacked.to_vec()),
        Codec::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(unpacked)?;
            encoder.finish()
        }
        Codec::Snappy if like.starts_with(XERIAL_MAGIC) => pack_xerial(unpacked),
        Codec::Snappy => Ok(snap::raw::Encoder::new().compress_vec(unpacked)?),
        Codec::Lz4 => {
            // What the Java client writes and reads.
            let info = FrameInfo::new()
                .block_mode(BlockMode::Independent)
                .block_size(BlockSize::Max64KB);
            let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(unpacked)?;
            Ok(encoder.finish()?)
        }
        Codec::Zstd => zstd::bulk::compress(unpacked, zstd::DEFAULT_COMPRESSION_LEVEL),
    }
}

fn pack_xerial(unpacked: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = [XERIAL_MAGIC, &XERIAL_VERSIONS].concat();
    let mut encoder = snap::raw::Encoder::new();
    for block in unpacked.chunks(XERIAL_BLOCK_BYTES) {
        let block = encoder.compress_vec(block)?;
        packed.extend_from_slice(&(block.len() as i32).to_be_bytes());
        packed.extend_from_slice(&block);
    }
    Ok(packed)
}

/// Snappy in either form, block by block.
struct SnappyBlocks<'b> {
    packed: &'b [u8],
    bytes_max: u64,
    is_framed: bool,
    block: Vec<u8>,
    /// Of the block, what was read.
    read_bytes: usize,
}

impl<'b> SnappyBlocks<'b> {
    fn new(packed: &'b [u8], bytes_max: u64) -> SnappyBlocks<'b> {
        SnappyBlocks {
            packed,
            bytes_max,
            is_framed: packed.starts_with(XERIAL_MAGIC),
            block: Vec::new(),
            read_bytes: 0,
        }
    }

    fn next_block(&mut self) -> io::Result<()> {
        let packed = match self.is_framed {
            false => std::mem::take(&mut self.packed),
            true => self.next_framed().ok_or(io::ErrorKind::UnexpectedEof)?,
        };
        let len_bytes = snap::raw::decompress_len(packed)? as u64;
        if len_bytes > packed.len() as u64 * SNAPPY_RATIO_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if len_bytes > self.bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.block = snap::raw::Decoder::new().decompress_vec(packed)?;
        self.read_bytes = 0;
        Ok(())
    }

    fn next_framed(&mut self) -> Option<&'b [u8]> {
        // Streams may stand one behind the other, each with its header.
        while self.packed.starts_with(XERIAL_MAGIC) {
            self.packed = self.packed.get(XERIAL_HEADER_BYTES..)?;
        }
        if self.packed.is_empty() {
            // A snappy block of nothing.
            return Some(&[0]);
        }
        let (length, rest) = self.packed.split_first_chunk::<4>()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
        let (block, rest) = rest.split_at_checked(length)?;
        self.packed = rest;
        Some(block)
    }
}

impl Read for SnappyBlocks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read_bytes == self.block.len() {
            if self.packed.is_empty() {
                return Ok(0);
            }
            self.next_block()?;
        }
        let mut left = &self.block[self.read_bytes..];
        let count = left.read(buffer)?;
        self.read_bytes += count;
        Ok(count)
    }
}
