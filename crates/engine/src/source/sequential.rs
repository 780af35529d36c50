//! A region of known length, read from front to back.

use super::{ByteStream, RandomAccess};
use crate::Result;

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
