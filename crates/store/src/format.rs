//! The file `format`: what the store was made with, and what never changes in it.

use std::fs;
use std::path::Path;

use crate::chunker::Parameters;
use crate::codec::{Read, Reader};
use crate::disk::{SharedDisk, replace};
use crate::{Error, Result};

const MAGIC: &[u8; 8] = b"TAMISST\n";
const VERSION: u16 = 1;
const LEN_BYTES: usize = 96;
const HASH_BLAKE3: u8 = 1;
const CHUNKER_FASTCDC_2020: u8 = 1;
const NORMALIZATION: u8 = 1;
const KEY_NONE: u8 = 0;

/// What a store was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Where files are cut.
    pub chunks: Parameters,
    /// The store's own number.
    pub number: [u8; 16],
}

impl Format {
    pub(crate) fn write(&self, disk: &SharedDisk, store: &Path) -> Result<()> {
        let path = store.join("format");
        Ok(replace(disk, &store.join("tmp"), &path, &self.encode())?)
    }

    /// Reads the format of the store at `store`.
    ///
    /// # Errors
    /// [`Error::NoStore`], [`Error::Version`], [`Error::Damaged`].
    pub(crate) fn read(store: &Path) -> Result<Format> {
        let path = store.join("format");
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Error::NoStore {
                path: store.to_owned(),
            },
            _ => Error::io("read", &path)(error),
        })?;
        if bytes.get(..8) == Some(MAGIC)
            && let Some(&[low, high]) = bytes.get(8..10)
            && u16::from_le_bytes([low, high]) != VERSION
        {
            return Err(Error::Version {
                path,
                found: u16::from_le_bytes([low, high]),
                supported: VERSION,
            });
        }
        Format::decode(&bytes)
            .map_err(|flaw| Error::damaged(&path, flaw.byte_offset as u64, flaw.detail))
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LEN_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend([
            HASH_BLAKE3,
            CHUNKER_FASTCDC_2020,
            NORMALIZATION,
            KEY_NONE,
            0,
            0,
        ]);
        bytes.extend_from_slice(&self.chunks.min_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.chunks.avg_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.chunks.max_bytes.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend_from_slice(&self.number);
        bytes.extend([0; 16]);
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        bytes
    }

    /// Reads the bytes of such a file.
    ///
    /// # Errors
    /// What is wrong with them, and where.
    #[doc(hidden)]
    pub fn decode(bytes: &[u8]) -> Read<Format> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != *MAGIC {
            return Err(Reader::new(bytes).flaw("it does not begin as the format of a store does"));
        }
        if bytes.len() != LEN_BYTES {
            return Err(reader.flaw("it is not 96 bytes long"));
        }
        if *blake3::hash(&bytes[..64]).as_bytes() != bytes[64..] {
            return Err(reader.flaw("its checksum is wrong"));
        }
        if reader.u16()? != VERSION {
            return Err(reader.flaw("its version is unknown"));
        }
        let known = [
            HASH_BLAKE3,
            CHUNKER_FASTCDC_2020,
            NORMALIZATION,
            KEY_NONE,
            0,
            0,
        ];
        if reader.array()? != known {
            return Err(reader.flaw("its hash, chunker or key is unknown to this version"));
        }
        let chunks = Parameters {
            min_bytes: reader.u32()?,
            avg_bytes: reader.u32()?,
            max_bytes: reader.u32()?,
        };
        if chunks.validate().is_err() {
            return Err(reader.flaw("its chunk sizes do not fit together"));
        }
        reader.u32()?;
        Ok(Format {
            chunks,
            number: reader.array()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_reads_back_and_every_flipped_bit_shows() {
        let format = Format {
            chunks: Parameters::default(),
            number: [7; 16],
        };
        let bytes = format.encode();
        assert_eq!(Format::decode(&bytes), Ok(format));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Format::decode(&flipped).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(Format::decode(&bytes[..len]).is_err(), "{len} bytes");
        }
    }
}
