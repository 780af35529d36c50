//! The bytes of the log: those of the file, mapped or read, and those that are yet to be written.

use std::fs::File;
use std::io::{self, Read as _};

use tamis_engine::mmap::{Advice, Mapping};

use super::record::{Frame, PathRecord, flaw, path_of_checked};
use crate::codec::{Flaw, Read};

/// Whether a file may be mapped; tests want both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Mapped if the host handles lost pages, else read.
    Mapped,
    /// Read into memory.
    Read,
}

/// All bytes of the log.
#[derive(Debug)]
pub(super) struct Image {
    access: Access,
    base: Base,
    /// What follows; a record is wholly in the one or in the other.
    tail: Vec<u8>,
}

/// The bytes of the file.
#[derive(Debug)]
enum Base {
    Mapped { mapping: Mapping, len: usize },
    Memory(Vec<u8>),
}

impl Image {
    /// Of the first `len_bytes` of `file`, or as many as it has.
    pub(super) fn of_file(file: &File, len_bytes: u64, access: Access) -> io::Result<Image> {
        Ok(Image {
            access,
            base: Base::of_file(file, len_bytes, access)?,
            tail: Vec::new(),
        })
    }

    /// Of a log that is in no file.
    pub(super) fn of_memory(bytes: Vec<u8>) -> Image {
        Image {
            access: Access::Read,
            base: Base::Memory(bytes),
            tail: Vec::new(),
        }
    }

    /// Where the next record starts.
    pub(super) fn len_bytes(&self) -> u64 {
        (self.base.len() + self.tail.len()) as u64
    }

    /// How it sees the file.
    pub(super) fn access(&self) -> Access {
        self.access
    }

    /// What is not written yet.
    pub(super) fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Where to put the next record.
    pub(super) fn tail_mut(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// The tail was appended to `file`.
    pub(super) fn tail_was_written(&mut self, file: &File) -> io::Result<()> {
        let len_bytes = self.len_bytes();
        if let Base::Memory(bytes) = &mut self.base {
            bytes.append(&mut self.tail);
            return Ok(());
        }
        self.base = Base::of_file(file, len_bytes, self.access)?;
        self.tail.clear();
        Ok(())
    }

    /// Forgets what is behind `len_bytes`, in the file's part.
    pub(super) fn cut(&mut self, len_bytes: u64) {
        match &mut self.base {
            Base::Mapped { len, .. } => *len = (*len).min(len_bytes as usize),
            Base::Memory(bytes) => bytes.truncate(len_bytes as usize),
        }
    }

    /// Lets `visit` see the bytes. A flaw if the file was cut while they were looked at: what `visit` found is worth
    /// nothing then.
    pub(super) fn view<R>(&self, visit: impl FnOnce(View<'_>) -> Read<R>) -> Read<R> {
        let tail = &self.tail;
        match &self.base {
            Base::Memory(base) => visit(View { base, tail }),
            Base::Mapped { mapping, len } => {
                let mut visit = Some(visit);
                let mut answer = None;
                mapping.with_bytes(0..*len, &mut |base| {
                    answer = visit.take().map(|visit| visit(View { base, tail }));
                });
                match mapping.first_lost_byte() {
                    Some(byte) if byte < *len => Err(lost(byte)),
                    _ => answer.unwrap_or_else(|| Err(lost(0))),
                }
            }
        }
    }
}

fn lost(byte: usize) -> Flaw {
    flaw(byte as u64, "the file was cut while it was read")
}

impl Base {
    fn of_file(mut file: &File, len_bytes: u64, access: Access) -> io::Result<Base> {
        if access == Access::Mapped
            && len_bytes > 0
            && let Some(mapping) = Mapping::advised(file, 0..len_bytes, Advice::None)
        {
            let len = len_bytes as usize;
            return Ok(Base::Mapped { mapping, len });
        }
        let mut bytes = Vec::new();
        io::Seek::rewind(&mut file)?;
        file.take(len_bytes).read_to_end(&mut bytes)?;
        Ok(Base::Memory(bytes))
    }

    fn len(&self) -> usize {
        match self {
            Base::Mapped { len, .. } => *len,
            Base::Memory(bytes) => bytes.len(),
        }
    }
}

/// The bytes of the log, for as long as somebody looks at them.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'b> {
    pub(super) base: &'b [u8],
    pub(super) tail: &'b [u8],
}

impl<'b> View<'b> {
    /// Length of the log.
    pub(super) fn len_bytes(&self) -> u64 {
        (self.base.len() + self.tail.len()) as u64
    }

    /// The record at `offset`, if there is one with the right checksum.
    pub(super) fn frame(&self, offset: u64) -> Read<Frame<'b>> {
        Frame::read(self.from(offset), offset)
    }

    /// The record at `offset`, which should be about a path.
    pub(super) fn path_record(&self, offset: u64) -> Read<PathRecord<'b>> {
        self.frame(offset)?.path_record()
    }

    /// The path of a record that was read before. Empty if the file has changed since.
    pub(super) fn path_of_checked(&self, offset: u64) -> &'b [u8] {
        path_of_checked(self.from(offset)).unwrap_or_default()
    }

    /// What there is from `offset` on, without a border inside of a record.
    fn from(&self, offset: u64) -> &'b [u8] {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        match offset.checked_sub(self.base.len()) {
            None => &self.base[offset..],
            Some(offset) => self.tail.get(offset..).unwrap_or_default(),
        }
    }
}
