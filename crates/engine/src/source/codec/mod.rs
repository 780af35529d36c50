//! Compressed streams: told by their first bytes, unpacked on the way, never trusted.
//!
//! | codec | first bytes | what may follow |
//! |---|---|---|
//! | gzip | `1f 8b` | more members; zero padding (RFC 1952; `gzip -t` takes both) |
//! | zstd | `28 b5 2f fd` | more frames, skippable frames (RFC 8878 §3.1) |
//! | lz4 | `04 22 4d 18` | more frames, skippable frames (LZ4 frame format 1.6) |
//!
//! Anything else after a complete frame is an error, and so is an end inside one: an archive cut
//! at *any* byte never passes for a shorter one. One hole is left by "told by the first bytes": a file cut
//! within them. There the extension decides, so that an empty `orders.csv.gz` is a broken
//! download and not a table without rows.
//!
//! Archives that consist of many small ones are unpacked by several threads ([`pieces`]); everything else by the thread
//! that reads.
//!
//! Each codec has its file; this one picks it and guards the plain bytes: counts them, turns
//! what the decoders say into [`Error::Corrupt`], and stops bombs ([`Error::Expansion`]).

mod bgzf;
mod crew;
mod gzip;
mod lz4;
mod pieces;
mod zstd;

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use self::pieces::{Pieces, Splitter};
use super::raw::{PlainStream, RawInput, unwrap};
use super::{ByteStream, ReadOptions};
use crate::{Error, Result};

/// Plain bytes that no ratio is asked of: a small archive of repeated text may exceed any ratio and harms nobody.
const EXPANSION_SLACK_BYTES: u64 = 16 << 20;

/// Bytes needed to tell a codec.
pub(super) const MAGIC_BYTES: usize = 4;

/// A compressed format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Zstd,
    Lz4,
}

/// Whether an input called `name` that starts with `head` would be unpacked ([`ReadOptions::unpack`]).
pub fn is_packed(head: &[u8], name: &str) -> bool {
    Codec::detect(head, name).is_some()
}

impl Codec {
    /// The codec of an input that starts with `head` ([`MAGIC_BYTES`] of it, or all there is).
    pub(super) fn detect(head: &[u8], name: &str) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            // Both zstd and lz4 know these frames; `pzstd` writes them first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ if head.len() < MAGIC_BYTES => Self::of_extension(name),
            _ => None,
        }
    }

    /// Whether an input that starts with `head`, which is less than [`MAGIC_BYTES`], may turn out to be compressed.
    fn is_undecided(head: &[u8]) -> bool {
        matches!(
            head,
            [] | [0x1f | 0x28 | 0x04 | 0x50..=0x5f]
                | [0x28, 0xb5]
                | [0x28, 0xb5, 0x2f]
                | [0x04, 0x22]
                | [0x04, 0x22, 0x4d]
                | [0x50..=0x5f, 0x2a]
                | [0x50..=0x5f, 0x2a, 0x4d]
        )
    }

    fn of_extension(name: &str) -> Option<Self> {
        match Path::new(name).extension()?.to_str()? {
            "gz" | "gzip" => Some(Self::Gzip),
            "zst" | "zstd" => Some(Self::Zstd),
            "lz4" => Some(Self::Lz4),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }
}

/// What a codec's file implements: plain bytes out of the raw input it owns. Reading 0 bytes means
/// that the input ended where a frame ended.
trait Decoder: Read + Send {
    /// Raw bytes behind the plain ones that were read.
    fn raw_bytes(&self) -> u64;

    /// Size of the raw input, when known.
    fn raw_len_bytes(&self) -> Option<u64>;

    /// So many threads may unpack.
    fn use_threads(&mut self, _threads: usize) {}
}

/// Makes a stream of plain bytes out of `raw`, whether it is compressed or not.
pub(super) fn open(mut raw: RawInput, options: &ReadOptions) -> Result<Box<dyn ByteStream>> {
    if !options.unpack {
        return Ok(Box::new(PlainStream::new(raw, options.live)));
    }
    let name = raw.name().to_owned();
    let failed = |source| Error::Read {
        input: name.clone(),
        byte_offset: 0,
        source,
    };
    let head = peek_magic(&mut raw, &name).map_err(|error| unwrap(error, failed))?;
    let Some(codec) = Codec::detect(head, &name) else {
        return Ok(Box::new(PlainStream::new(raw, options.live)));
    };
    let (codec, decoder) = decoder_of(codec, raw, options.live).map_err(|error| {
        unwrap(error, |source| Error::Corrupt {
            input: name.clone(),
            codec: codec.name(),
            byte_offset: 0,
            source,
        })
    })?;
    let max_expansion = options.max_expansion;
    Ok(Box::new(DecodedStream {
        name,
        decoder,
        codec,
        plain_bytes: 0,
        max_expansion,
    }))
}

/// As much of the beginning as tells the codec, and no more: what somebody has just typed, or a program has written, does not wait for what
/// comes next.
fn peek_magic<'r>(raw: &'r mut RawInput, name: &str) -> io::Result<&'r [u8]> {
    let is_named = Codec::of_extension(name).is_some();
    let mut count = 1;
    while count < MAGIC_BYTES && (is_named || Codec::is_undecided(raw.peek(count)?)) {
        count += 1;
    }
    raw.peek(count)
}

/// The decoder for what `raw` holds; `codec` is what its first bytes say.
fn decoder_of(
    mut codec: Codec,
    mut raw: RawInput,
    is_live: bool,
) -> io::Result<(Codec, Box<dyn Decoder>)> {
    if raw.peek(1)?.is_empty() {
        return Err(truncated());
    }
    if codec == Codec::Zstd {
        // Skippable frames belong to two formats; what follows them tells which this is.
        skip_skippable_frames(&mut raw)?;
        codec = Codec::detect(raw.peek(MAGIC_BYTES)?, "").unwrap_or(codec);
    }
    if is_live {
        // What comes slowly is passed on as it comes, and not in whole pieces.
        return Ok((codec, streamed(codec, raw, false)?));
    }
    let splitter: Box<dyn Splitter> = match codec {
        Codec::Gzip => Box::new(bgzf::BgzfSplitter),
        Codec::Zstd => Box::new(zstd::FrameSplitter),
        Codec::Lz4 => Box::new(lz4::FrameSplitter::default()),
    };
    Ok((codec, Box::new(Pieces::new(codec, raw, splitter))))
}

/// The decoder that reads `raw` from front to back; `is_past_first`: behind a whole member or frame.
fn streamed(codec: Codec, raw: RawInput, is_past_first: bool) -> io::Result<Box<dyn Decoder>> {
    Ok(match codec {
        Codec::Gzip => Box::new(gzip::Gzip::new(raw, is_past_first)),
        Codec::Zstd => Box::new(zstd::Frames::with_buffer(raw)?),
        Codec::Lz4 => Box::new(lz4::Lz4::new(raw, is_past_first)),
    })
}

/// The plain bytes of a compressed input.
struct DecodedStream {
    name: String,
    decoder: Box<dyn Decoder>,
    codec: Codec,
    plain_bytes: u64,
    max_expansion: u64,
}

impl DecodedStream {
    fn check_expansion(&self) -> Result<()> {
        let allowed = self
            .raw_bytes()
            .saturating_mul(self.max_expansion)
            .saturating_add(EXPANSION_SLACK_BYTES);
        if self.plain_bytes <= allowed {
            return Ok(());
        }
        Err(Error::Expansion {
            input: self.name().to_owned(),
            limit: self.max_expansion,
            byte_offset: self.plain_bytes,
        })
    }
}

impl ByteStream for DecodedStream {
    fn name(&self) -> &str {
        &self.name
    }

    fn backend(&self) -> &'static str {
        self.codec.name()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.decoder.read(buffer).map_err(|error| {
            let (input, codec, byte_offset) =
                (self.name().to_owned(), self.codec.name(), self.plain_bytes);
            unwrap(error, |source| Error::Corrupt {
                input,
                codec,
                byte_offset,
                source,
            })
        })?;
        self.plain_bytes += count as u64;
        self.check_expansion()?;
        Ok(count)
    }

    fn use_threads(&mut self, threads: usize) {
        self.decoder.use_threads(threads);
    }

    fn raw_bytes(&self) -> u64 {
        self.decoder.raw_bytes()
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        self.decoder.raw_len_bytes()
    }
}

impl fmt::Debug for DecodedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodedStream")
            .field("name", &self.name)
            .field("codec", &self.codec)
            .field("raw_bytes", &self.decoder.raw_bytes())
            .field("plain_bytes", &self.plain_bytes)
            .finish()
    }
}

/// The input ends inside a frame.
fn truncated() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "it ends in the middle, as if cut off",
    )
}

/// A complete frame is followed by something that starts none.
fn trailing_garbage() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the compressed data is followed by something else",
    )
}

/// Steps over the skippable frames that zstd and lz4 share: a magic number, a length, as many bytes.
fn skip_skippable_frames(raw: &mut RawInput) -> io::Result<()> {
    while let &[0x50..=0x5f, 0x2a, 0x4d, 0x18, ref rest @ ..] = raw.peek(8)? {
        let &[b0, b1, b2, b3, ..] = rest else {
            return Err(truncated());
        };
        let content_bytes = u32::from_le_bytes([b0, b1, b2, b3]);
        raw.skip(8 + u64::from(content_bytes))?;
    }
    Ok(())
}
