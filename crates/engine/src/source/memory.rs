//! Bytes that are in memory already.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::{ByteStream, Opened, RandomAccess, Source, clip};
use crate::Result;

/// Any owner of bytes: a `Vec<u8>`, a `&'static str`, an `Arc<[u8]>`, a buffer of another language.
type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Bytes in memory under a name. They are not copied, and not looked at for compression.
#[derive(Clone)]
pub struct MemorySource {
    name: String,
    bytes: Bytes,
    presentation: Presentation,
}

#[derive(Clone, Copy, Debug)]
enum Presentation {
    Random,
    Stream { read_bytes_max: usize },
}

impl MemorySource {
    /// A source over `bytes`.
    pub fn new(name: impl Into<String>, bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self {
            name: name.into(),
            bytes: Arc::new(bytes),
            presentation: Presentation::Random,
        }
    }

    /// The same bytes as a stream that gives at most `read_bytes_max` (at least 1) per read: for
    /// tests of whatever must not depend on how a stream is cut.
    #[must_use]
    pub fn as_stream(mut self, read_bytes_max: usize) -> Self {
        self.presentation = Presentation::Stream {
            read_bytes_max: read_bytes_max.max(1),
        };
        self
    }
}

impl Source for MemorySource {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> Result<Opened> {
        let (name, bytes) = (self.name.clone(), Arc::clone(&self.bytes));
        Ok(match self.presentation {
            Presentation::Random => Opened::Random(Box::new(MemoryRegion { name, bytes })),
            Presentation::Stream { read_bytes_max } => Opened::Stream(Box::new(MemoryStream {
                name,
                bytes,
                position: 0,
                read_bytes_max,
            })),
        })
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl fmt::Debug for MemorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySource")
            .field("name", &self.name)
            .field("len_bytes", &(*self.bytes).as_ref().len())
            .field("presentation", &self.presentation)
            .finish()
    }
}

struct MemoryRegion {
    name: String,
    bytes: Bytes,
}

impl MemoryRegion {
    fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }
}

impl RandomAccess for MemoryRegion {
    fn name(&self) -> &str {
        &self.name
    }

    fn len_bytes(&self) -> u64 {
        self.bytes().len() as u64
    }

    fn backend(&self) -> &'static str {
        "memory"
    }

    fn is_in_memory(&self) -> bool {
        true
    }

    fn with_range(&self, range: Range<u64>, visit: &mut dyn FnMut(&[u8])) -> Result<()> {
        let range = clip(range, self.len_bytes());
        visit(&self.bytes()[range.start as usize..range.end as usize]);
        Ok(())
    }

    fn release(&self, _range: Range<u64>) {}

    fn verify(&self) -> Result<()> {
        Ok(())
    }
}

impl fmt::Debug for MemoryRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRegion")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

struct MemoryStream {
    name: String,
    bytes: Bytes,
    position: usize,
    read_bytes_max: usize,
}

impl ByteStream for MemoryStream {
    fn name(&self) -> &str {
        &self.name
    }

    fn backend(&self) -> &'static str {
        "stream"
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let rest = &(*self.bytes).as_ref()[self.position..];
        let count = rest.len().min(buffer.len()).min(self.read_bytes_max);
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count;
        Ok(count)
    }

    fn raw_bytes(&self) -> u64 {
        self.position as u64
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        Some((*self.bytes).as_ref().len() as u64)
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStream")
            .field("name", &self.name)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
