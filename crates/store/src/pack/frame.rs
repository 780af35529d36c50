//! A frame: some objects, joined and compressed as one, so that small files gain from each other.
//!
//! A source file of 10 KB alone becomes a fifth larger than it would be among others like it: of the Linux sources zstd's first
//! level leaves 277 MB file by file, and 223 MB of frames of 256 KiB.

use zstd::bulk;

use super::{ENTRY_BYTES, PackedObject};
use crate::codec::{Read, Reader, checksum};
use crate::id::ObjectId;

pub(crate) const MAGIC: &[u8; 4] = b"FRAM";
/// Length of a frame's header, without the table.
pub(crate) const HEADER_BYTES: usize = 36;
/// What of the header the checksum covers.
const CHECKED_BYTES: usize = 28;
/// Plain bytes at which a frame is full.
pub(crate) const TARGET_BYTES: usize = 256 << 10;
/// Beyond this, a frame has one entry only.
const JOINED_BYTES_MAX: usize = 2 << 20;
/// What a byte of zstd becomes at most: a block of 4 bytes is one byte 128 Ki times (RFC 8878, section 3.1.1.2).
const ZSTD_GROWTH_MAX: u64 = 32 << 10;
/// What a byte of lz4 becomes at most: it makes a match so much longer.
const LZ4_GROWTH_MAX: u64 = 255;
/// What saves less than a thirty-second is not worth unpacking.
const KEPT_SHARE: (usize, usize) = (31, 32);
/// What is looked at to see whether a chunk can be compressed at all.
const PROBE_BYTES: usize = 4096;

/// How frames are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not.
    None,
    /// Fast, and weak.
    Lz4,
    /// zstd of this level.
    Zstd(i32),
}

impl Default for Compression {
    fn default() -> Compression {
        Compression::Zstd(1)
    }
}

/// How a frame's payload is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// As it is.
    Stored = 0,
    /// One zstd frame.
    Zstd = 1,
    /// One lz4 block.
    Lz4 = 2,
}

impl Codec {
    pub(crate) fn from_byte(byte: u8) -> Option<Codec> {
        match byte {
            0 => Some(Codec::Stored),
            1 => Some(Codec::Zstd),
            2 => Some(Codec::Lz4),
            _ => None,
        }
    }
}

/// What a frame is, besides its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// How the payload is stored.
    pub codec: Codec,
    /// How many objects there are.
    pub entries: u32,
    /// Their lengths in all.
    pub plain_bytes: u32,
    /// Length of the payload.
    pub stored_bytes: u32,
    /// Checksum of the payload: ids vouch for what comes out of it, this for each of its bits.
    pub payload_checksum: u64,
}

impl FrameHeader {
    /// Length of the frame: header, table and payload.
    pub fn len_bytes(&self) -> u64 {
        HEADER_BYTES as u64
            + u64::from(self.entries) * ENTRY_BYTES as u64
            + u64::from(self.stored_bytes)
    }

    /// Where the payload starts.
    pub fn payload_offset(&self) -> u64 {
        self.len_bytes() - u64::from(self.stored_bytes)
    }

    /// Whether `payload` is what was written, bit for bit.
    pub fn is_payload(&self, payload: &[u8]) -> bool {
        payload.len() == self.stored_bytes as usize && checksum(payload) == self.payload_checksum
    }

    /// Refuses what no writer writes: a claim that would have memory reserved for nothing.
    pub(crate) fn is_plausible(&self) -> bool {
        let is_joined = self.entries == 1 || self.plain_bytes as usize <= JOINED_BYTES_MAX;
        let is_packed = |growth_max: u64| {
            self.stored_bytes < self.plain_bytes
                && u64::from(self.plain_bytes) <= u64::from(self.stored_bytes) * growth_max
        };
        let is_packed = match self.codec {
            Codec::Stored => self.plain_bytes == self.stored_bytes,
            Codec::Zstd => is_packed(ZSTD_GROWTH_MAX),
            Codec::Lz4 => is_packed(LZ4_GROWTH_MAX),
        };
        self.entries > 0 && is_joined && is_packed
    }
}

/// Compresses payloads; the state of one thread.
pub(crate) struct Compressor {
    compression: Compression,
    /// Frames of fewer bytes are stored.
    threshold_bytes: usize,
    zstd: Option<bulk::Compressor<'static>>,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor")
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

impl Compressor {
    /// One that compresses so, but nothing shorter than `threshold_bytes`.
    pub(crate) fn new(compression: Compression, threshold_bytes: usize) -> Compressor {
        let zstd = match compression {
            // Without a context (no memory), frames are stored: larger, and right.
            Compression::Zstd(level) => bulk::Compressor::new(level).ok(),
            _ => None,
        };
        Compressor {
            compression,
            threshold_bytes,
            zstd,
            scratch: Vec::new(),
        }
    }

    /// Whether compressing `chunk` may be worth it, judged by its first bytes: 0.3 us beside the 80 us that it takes to
    /// find out for 64 KiB.
    pub(crate) fn is_promising(&mut self, chunk: &[u8]) -> bool {
        if self.compression == Compression::None {
            return false;
        }
        if chunk.len() < PROBE_BYTES {
            return true;
        }
        let probe = &chunk[..PROBE_BYTES];
        self.scratch
            .resize(lz4_flex::block::get_maximum_output_size(PROBE_BYTES), 0);
        let packed = lz4_flex::block::compress_into(probe, &mut self.scratch);
        // lz4 finds no use in text whose letters repeat and whose words do not; entropy coding does. So the bar is low, and
        // the letters have a say.
        packed.is_ok_and(|len| len < PROBE_BYTES * 99 / 100) || !is_spread_evenly(probe)
    }

    /// Appends `plain` to `out` as a payload, and says how.
    fn pack(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Codec {
        let start = out.len();
        let worth = plain.len() / KEPT_SHARE.1 * KEPT_SHARE.0;
        if plain.len() >= self.threshold_bytes {
            let packed = match (self.compression, &mut self.zstd) {
                (Compression::Zstd(_), Some(zstd)) => {
                    out.resize(start + worth, 0);
                    let packed = zstd.compress_to_buffer(plain, &mut out[start..]);
                    packed.ok().map(|len| (Codec::Zstd, len))
                }
                (Compression::Lz4, _) => {
                    let room = lz4_flex::block::get_maximum_output_size(plain.len());
                    out.resize(start + room, 0);
                    let packed = lz4_flex::block::compress_into(plain, &mut out[start..]);
                    packed.ok().map(|len| (Codec::Lz4, len))
                }
                _ => None,
            };
            if let Some((codec, len)) = packed
                && len <= worth
            {
                out.truncate(start + len);
                return codec;
            }
        }
        out.truncate(start);
        out.extend_from_slice(plain);
        Codec::Stored
    }
}

/// Whether all bytes occur about equally often, as in what is encrypted or compressed already.
fn is_spread_evenly(bytes: &[u8]) -> bool {
    let mut counts = [0u32; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    // The sum of squares is n + n²/256 in the mean for random bytes (n²/256 alone if each is there equally often), and its
    // deviation a percent of that for 4096 of them; text has ten times as much.
    let squares: u64 = counts.iter().map(|&it| u64::from(it) * u64::from(it)).sum();
    let n = bytes.len() as u64;
    squares < (n + n * n / 256) * 5 / 4
}

/// Objects on their way into a frame.
#[derive(Debug, Default)]
pub(crate) struct OpenFrame {
    objects: Vec<PackedObject>,
    plain: Vec<u8>,
}

impl OpenFrame {
    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Whether so many bytes more make it longer than a frame should be.
    pub(crate) fn is_full_for(&self, more_bytes: usize) -> bool {
        !self.is_empty() && self.plain.len() + more_bytes > TARGET_BYTES
    }

    /// Adds an object.
    pub(crate) fn push(&mut self, id: ObjectId, plain: &[u8]) {
        let len_bytes = u32::try_from(plain.len()).expect("objects are shorter than 4 GiB");
        self.objects.push(PackedObject { id, len_bytes });
        self.plain.extend_from_slice(plain);
    }

    /// Appends the frame to `out`, and empties this one; its objects go to `objects`, in their order.
    pub(crate) fn seal(
        &mut self,
        compressor: Option<&mut Compressor>,
        out: &mut Vec<u8>,
        objects: &mut Vec<PackedObject>,
    ) -> FrameHeader {
        let start = out.len();
        out.extend_from_slice(&[0; HEADER_BYTES]);
        for object in &self.objects {
            out.extend_from_slice(&object.id.0);
            out.extend_from_slice(&object.len_bytes.to_le_bytes());
        }
        let payload = out.len();
        let codec = match compressor {
            Some(compressor) => compressor.pack(&self.plain, out),
            None => {
                out.extend_from_slice(&self.plain);
                Codec::Stored
            }
        };
        let header = FrameHeader {
            codec,
            entries: self.objects.len() as u32,
            plain_bytes: self.plain.len() as u32,
            stored_bytes: (out.len() - payload) as u32,
            payload_checksum: checksum(&out[payload..]),
        };
        write_header(&header, &mut out[start..payload]);
        objects.append(&mut self.objects);
        self.plain.clear();
        header
    }
}

/// Writes the header in front of the table, which is there already.
fn write_header(header: &FrameHeader, head: &mut [u8]) {
    head[..4].copy_from_slice(MAGIC);
    head[4] = header.codec as u8;
    head[8..12].copy_from_slice(&header.entries.to_le_bytes());
    head[12..16].copy_from_slice(&header.plain_bytes.to_le_bytes());
    head[16..20].copy_from_slice(&header.stored_bytes.to_le_bytes());
    head[20..28].copy_from_slice(&header.payload_checksum.to_le_bytes());
    let sum = head_checksum(head);
    head[CHECKED_BYTES..HEADER_BYTES].copy_from_slice(&sum.to_le_bytes());
}

/// The checksum of a header and the table behind it, which leaves itself out.
fn head_checksum(head: &[u8]) -> u64 {
    checksum(&head[..CHECKED_BYTES]) ^ checksum(&head[HEADER_BYTES..]).rotate_left(1)
}

/// Reads the header and the table of a frame whose bytes start here; more may follow.
///
/// # Errors
/// What is wrong, and where.
pub fn read_head(bytes: &[u8]) -> Read<(FrameHeader, Vec<PackedObject>)> {
    let mut reader = Reader::new(bytes);
    if reader.array()? != *MAGIC {
        return Err(Reader::new(bytes).flaw("no frame starts here"));
    }
    let codec = reader.u8()?;
    let rest = reader.array::<3>()?;
    let header = FrameHeader {
        codec: Codec::from_byte(codec).ok_or(reader.flaw("the codec of a frame is unknown"))?,
        entries: reader.u32()?,
        plain_bytes: reader.u32()?,
        stored_bytes: reader.u32()?,
        payload_checksum: reader.u64()?,
    };
    let sum = reader.u64()?;
    let table_bytes = header.entries as usize * ENTRY_BYTES;
    let table = reader.take(table_bytes)?;
    if sum != head_checksum(&bytes[..HEADER_BYTES + table_bytes]) || rest != [0; 3] {
        return Err(reader.flaw("the checksum of a frame's table is wrong"));
    }
    let objects = read_objects(table)?;
    let plain_bytes: u64 = objects.iter().map(|it| u64::from(it.len_bytes)).sum();
    if plain_bytes != u64::from(header.plain_bytes) || !header.is_plausible() {
        return Err(reader.flaw("the lengths of a frame do not fit together"));
    }
    Ok((header, objects))
}

/// Reads a table of ids and lengths.
pub(crate) fn read_objects(table: &[u8]) -> Read<Vec<PackedObject>> {
    let mut reader = Reader::new(table);
    let mut objects = Vec::with_capacity(table.len() / ENTRY_BYTES);
    while !reader.is_empty() {
        objects.push(PackedObject {
            id: ObjectId(reader.array()?),
            len_bytes: reader.u32()?,
        });
    }
    Ok(objects)
}

/// Unpacks payloads; the state of one thread.
#[derive(Default)]
pub(crate) struct Decompressor {
    zstd: Option<bulk::Decompressor<'static>>,
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

impl Decompressor {
    /// Unpacks the payload of a frame into `plain`, which is then as long as the header says.
    ///
    /// # Errors
    /// What is wrong, in words; the ids of the objects are for the caller to check.
    pub(crate) fn unpack(
        &mut self,
        header: &FrameHeader,
        payload: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        let plain_bytes = header.plain_bytes as usize;
        if header.codec == Codec::Stored {
            plain.clear();
            plain.extend_from_slice(payload);
            return match plain.len() == plain_bytes {
                true => Ok(()),
                false => Err("the payload of a frame is not as long as it says"),
            };
        }
        plain.resize(plain_bytes, 0);
        let len = match header.codec {
            Codec::Zstd => self.zstd(payload, plain)?,
            _ => lz4_flex::block::decompress_into(payload, plain)
                .map_err(|_| "the payload of a frame is no lz4")?,
        };
        match len == plain_bytes {
            true => Ok(()),
            false => Err("the payload of a frame unpacks to another length than it says"),
        }
    }

    fn zstd(&mut self, payload: &[u8], plain: &mut [u8]) -> Result<usize, &'static str> {
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(
                bulk::Decompressor::new().map_err(|_| "there is no memory to unpack a frame")?,
            ),
        };
        zstd.decompress_to_buffer(payload, plain)
            .map_err(|_| "the payload of a frame is no zstd")
    }
}
