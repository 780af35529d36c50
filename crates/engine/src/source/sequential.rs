//! A region of known length, read from front to back.

use std::io::{self, Read};

use super::codec::{self, Codec, MAGIC_BYTES};
use super::raw::RawInput;
use super::{ByteStream, Opened, RandomAccess, ReadOptions};
use crate::Result;
use crate::control::Cancel;

/// A region as a source of plain bytes: itself, or a stream that unpacks it if it is compressed, as its first bytes tell
/// and `options` want it. For sources of other crates, which so read what is compressed as [`FileSource`](super::FileSource) does.
///
/// # Errors
/// As [`RandomAccess::with_range`] and [`ByteStream::read`]: it is looked at.
pub fn open_region(region: Box<dyn RandomAccess>, options: &ReadOptions) -> Result<Opened> {
    if !options.unpack {
        return Ok(Opened::Random(region));
    }
    let mut is_packed = false;
    region.with_range(0..MAGIC_BYTES as u64, &mut |head| {
        is_packed = Codec::detect(head, region.name()).is_some();
    })?;
    if !is_packed {
        return Ok(Opened::Random(region));
    }
    let (name, len_bytes) = (region.name().to_owned(), region.len_bytes());
    let reader = RegionReader {
        stream: RandomStream::new(region),
        cancel: options.cancel.clone(),
    };
    let raw = RawInput::new(name, Box::new(reader), Some(len_bytes));
    Ok(Opened::Stream(codec::open(raw, options)?))
}

/// A region under a decoder: errors of the engine travel inside the `io::Error` (see [`RawInput`]).
struct RegionReader {
    stream: RandomStream,
    cancel: Cancel,
}

impl Read for RegionReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(io::Error::other)?;
        self.stream.read(buffer).map_err(io::Error::other)
    }
}

/// Random access as a stream, for consumers that take streams only (transcoding).
#[derive(Debug)]
pub struct RandomStream {
    region: Box<dyn RandomAccess>,
    position: u64,
}

impl RandomStream {
    /// A stream over all of `region`.
    pub fn new(region: Box<dyn RandomAccess>) -> RandomStream {
        RandomStream {
            region,
            position: 0,
        }
    }
}

impl ByteStream for RandomStream {
    fn name(&self) -> &str {
        self.region.name()
    }

    fn backend(&self) -> &'static str {
        self.region.backend()
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let end = self
            .region
            .len_bytes()
            .min(self.position + buffer.len() as u64);
        let range = self.position..end;
        if range.is_empty() {
            // Bytes handed out cannot be taken back: the last chance to say that they changed.
            self.region.verify()?;
            return Ok(0);
        }
        let mut len = 0;
        self.region.with_range(range.clone(), &mut |bytes| {
            buffer[..bytes.len()].copy_from_slice(bytes);
            len = bytes.len();
        })?;
        self.region.release(range);
        self.position = end;
        Ok(len)
    }

    fn raw_bytes(&self) -> u64 {
        self.position
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        Some(self.region.len_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{MemorySource, Opened, Source};

    fn region(name: &str, bytes: Vec<u8>) -> Box<dyn RandomAccess> {
        match MemorySource::new(name, bytes).open() {
            Ok(Opened::Random(region)) => region,
            _ => unreachable!("memory is random access"),
        }
    }

    #[test]
    fn a_region_is_unpacked_if_it_is_packed_and_that_is_wanted() {
        let text = b"a,b\nc,d\n".repeat(50_000);
        let packed = zstd::encode_all(&text[..], 1).unwrap();
        let options = ReadOptions::default();
        let Opened::Stream(mut stream) =
            open_region(region("m", packed.clone()), &options).unwrap()
        else {
            panic!("it is packed");
        };
        let (mut read, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => break,
                len => read.extend_from_slice(&buffer[..len]),
            }
        }
        assert!(read == text && stream.raw_bytes() == packed.len() as u64);
        let as_it_is = ReadOptions {
            unpack: false,
            ..ReadOptions::default()
        };
        let open = |bytes: &[u8], options| open_region(region("m", bytes.to_vec()), options);
        assert!(matches!(open(&packed, &as_it_is), Ok(Opened::Random(_))));
        assert!(matches!(open(&text, &options), Ok(Opened::Random(_))));
        assert!(open_region(region("cut.gz", Vec::new()), &options).is_err());
    }

    #[test]
    fn a_region_reads_as_a_stream_of_any_step() {
        for step in 1..8 {
            let Opened::Random(region) = MemorySource::new("m", "a,b\nc").open().unwrap() else {
                unreachable!("memory is random access");
            };
            let mut stream = RandomStream::new(region);
            let (mut read, mut buffer) = (Vec::new(), vec![0; step]);
            loop {
                let len = stream.read(&mut buffer).unwrap();
                if len == 0 {
                    break;
                }
                read.extend_from_slice(&buffer[..len]);
            }
            assert_eq!(read, b"a,b\nc");
            assert_eq!(stream.raw_bytes(), 5);
        }
    }
}
