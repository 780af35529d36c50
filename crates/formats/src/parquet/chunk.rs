//! The bytes of a column chunk, as the `parquet` crate asks for them.
//!
//! Between the header of a page and its body there is a chance to look: a page is unpacked into as many bytes as its header
//! claims, whatever the body holds. So a claim that no codec can keep is refused here, and a header without its main part.

use std::io::{self, Read};

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::{message, refused};
use crate::arrow::region::Region;

/// Bytes of a page header, unless it has long statistics.
const HEADER_BYTES: u64 = 512;

/// A page that unpacks to less is never refused.
const PAGE_BYTES_ALWAYS: u64 = 16 << 20;

/// A file, or one column chunk of it.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    region: Region,
    /// Most bytes that a byte of a page can become; `None`: no pages are read.
    expansion_max: Option<u64>,
}

impl Chunk {
    /// The file as a whole, for its footer.
    pub(super) fn of_file(region: Region) -> Chunk {
        Chunk {
            region,
            expansion_max: None,
        }
    }

    /// A column chunk whose pages are packed with `codec`.
    pub(super) fn of_column(region: Region, codec: Compression) -> Chunk {
        Chunk {
            region,
            expansion_max: Some(match codec {
                Compression::UNCOMPRESSED => 1,
                // A match of 64 bytes takes 3 bytes in snappy; lz4 adds 255 bytes to a match with each byte.
                Compression::SNAPPY => 22,
                Compression::LZ4 | Compression::LZ4_RAW => 256,
                // What deflate can do at most. The others could do more, and data that does is one value repeated.
                _ => 1032,
            }),
        }
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.region.len_bytes()
    }
}

impl ChunkReader for Chunk {
    type T = Window;

    fn get_read(&self, start: u64) -> Result<Window> {
        Ok(Window {
            chunk: self.clone(),
            bytes: Bytes::new(),
            next: start,
            is_fresh: true,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.saturating_add(length as u64);
        self.region.read(start..end).ok_or_else(|| {
            let len = self.len();
            ParquetError::EOF(format!(
                "bytes {start} to {end} are asked for, and the file has {len}"
            ))
        })
    }
}

/// Bytes from some place on, a window at a time. Nothing is read before somebody asks: the decoder also opens one where
/// it then reads a page as a whole.
#[derive(Debug)]
pub(super) struct Window {
    chunk: Chunk,
    bytes: Bytes,
    /// First byte behind them.
    next: u64,
    /// The first of them come next; in a column chunk they are the header of a page.
    is_fresh: bool,
}

impl Window {
    fn load(&mut self) -> Result<()> {
        let len = match self.is_fresh {
            true => HEADER_BYTES,
            false => 64 * HEADER_BYTES,
        };
        let end = self.next.saturating_add(len).min(self.chunk.len());
        let len = end.saturating_sub(self.next) as usize;
        self.bytes = self.chunk.get_bytes(self.next, len)?;
        self.next = end;
        match self.chunk.expansion_max {
            Some(expansion_max) if self.is_fresh => check_claim(&self.bytes, expansion_max)?,
            _ => {}
        }
        self.is_fresh = false;
        Ok(())
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && self.next < self.chunk.len() {
            self.load()
                .map_err(|error| io::Error::other(message(error)))?;
        }
        let len = buffer.len().min(self.bytes.len());
        buffer[..len].copy_from_slice(&self.bytes.split_to(len));
        Ok(len)
    }
}

/// Holds the size that a page claims to unpack to against the size it is stored in, and its type against the rest.
///
/// A header is a struct in Thrift's compact protocol; its first three fields, all `i32`, are the type of the page and these
/// two sizes (parquet.thrift, `PageHeader`), and everybody writes them in this order.
fn check_claim(header: &[u8], expansion_max: u64) -> Result<()> {
    let mut rest = header;
    let mut sizes = [0; 3];
    for size in &mut sizes {
        // The next field, of type `i32`.
        let Some((0x15, tail)) = rest.split_first() else {
            return Err(refused("no page begins where one should".to_owned()));
        };
        let Some((value, tail)) = varint(tail) else {
            return Err(refused("a page header is cut off".to_owned()));
        };
        *size = (value >> 1) as i64 ^ -((value & 1) as i64);
        rest = tail;
    }
    let [page_type, plain, stored] = sizes;
    // A checksum may come next; then what the type says there is, in the field of its own that the decoder relies on.
    let (last, rest) = match rest.split_first() {
        Some((0x15, tail)) => match varint(tail) {
            Some((_, tail)) => (4, tail),
            None => return Err(refused("a page header is cut off".to_owned())),
        },
        _ => (3, rest),
    };
    let is_known = (0..4).contains(&page_type);
    if !is_known || rest.first().copied() != Some(((page_type + 5 - last) << 4) as u8 | 0x0c) {
        return Err(refused(
            "a page header does not say what its type needs".to_owned(),
        ));
    }
    let (Ok(plain), Ok(stored)) = (u64::try_from(plain), u64::try_from(stored)) else {
        return Err(refused("a page claims a negative size".to_owned()));
    };
    let most = stored.saturating_mul(expansion_max);
    if plain > most.max(PAGE_BYTES_ALWAYS) {
        return Err(refused(format!(
            "a page of {stored} bytes claims to unpack to {plain}: more than can be, or than is taken without doubt \
             (write the file anew with smaller pages)"
        )));
    }
    Ok(())
}

/// An unsigned LEB128 integer and what follows it; `None` if it is cut off or longer than 64 bits.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(plain: u64, stored: u64) -> Vec<u8> {
        let mut out = vec![0x15, 0];
        for size in [plain, stored] {
            out.push(0x15);
            let mut value = size << 1;
            while value >= 0x80 {
                out.push(value as u8 | 0x80);
                value >>= 7;
            }
            out.push(value as u8);
        }
        out.push(0x2c);
        out
    }

    #[test]
    fn claims_that_cannot_be_are_refused() {
        assert!(check_claim(&header(1 << 20, 3), 1).is_ok(), "small enough");
        assert!(check_claim(&header(1 << 30, 1 << 30), 1).is_ok());
        assert!(check_claim(&header(1 << 30, 1 << 20), 256).is_err());
        assert!(check_claim(&header(200 << 20, 1 << 20), 256).is_ok());
        for broken in [
            &b""[..],
            b"\x15",
            b"\x15\x00\x15\xff\xff",
            b"PAR1",
            b"\x15\x00\x16\x00\x15\x00",
        ] {
            assert!(check_claim(broken, 1).is_err(), "{broken:?}");
        }
        assert!(
            check_claim(b"\x15\x00\x15\x01\x15\x02\x2c", 1).is_err(),
            "a negative size"
        );
    }

    #[test]
    fn headers_have_what_their_type_needs() {
        // A data page, an index page, a dictionary and a data page of the second version; some with a checksum.
        for (page_type, rest) in [
            (0, &b"\x2c"[..]),
            (2, b"\x3c"),
            (4, b"\x4c"),
            (6, b"\x5c"),
            (0, b"\x15\x80\x01\x1c"),
            (6, b"\x15\x02\x4c"),
        ] {
            let header = [&[0x15, page_type, 0x15, 2, 0x15, 2], rest].concat();
            assert!(check_claim(&header, 1).is_ok(), "{header:?}");
            let other = [&[0x15, (page_type + 2) % 8, 0x15, 2, 0x15, 2], rest].concat();
            assert!(check_claim(&other, 1).is_err(), "{other:?}");
        }
        for rest in [&b""[..], b"\x00", b"\x15", b"\x15\x80", b"\x15\x02"] {
            let header = [&b"\x15\x00\x15\x02\x15\x02"[..], rest].concat();
            assert!(check_claim(&header, 1).is_err(), "{header:?}");
        }
    }

    #[test]
    fn varints_end() {
        assert_eq!(varint(&[0xac, 2, 9]), Some((300, &[9][..])));
        assert_eq!(varint(&[0x80]), None);
        assert_eq!(varint(&[0xff; 12]), None);
    }
}
