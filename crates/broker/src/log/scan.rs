//! Goes from batch to batch through a part of a log file, looking at headers alone or at whole batches.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::batch::{BadBatch, HEADER_BYTES, Header};
use crate::{Error, Result};

/// What is read at once where everything will be read.
pub(crate) const PIECE_BYTES: usize = 256 << 10;

/// Batches of a part of a file, in order.
#[derive(Debug)]
pub(crate) struct Scan {
    file: Arc<File>,
    path: PathBuf,
    /// What is still to come.
    range: Range<u64>,
    /// What was read last, and where it begins in the file.
    piece: Vec<u8>,
    piece_at: u64,
    piece_bytes: usize,
}

impl Scan {
    pub(crate) fn new(file: Arc<File>, path: &Path, range: Range<u64>, piece_bytes: usize) -> Scan {
        Scan {
            file,
            path: path.to_owned(),
            piece_at: range.start,
            range,
            piece: Vec::new(),
            piece_bytes,
        }
    }

    /// The next header and where it is. The batch is passed over, unread.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] if what comes is no batch.
    pub(crate) fn next_header(&mut self) -> Result<Option<(u64, Header)>> {
        let position = self.range.start;
        if position >= self.range.end {
            return Ok(None);
        }
        let header = Header::read(self.bytes(HEADER_BYTES)?).map_err(|bad| self.damaged(bad))?;
        let next = position + header.len_bytes() as u64;
        if next > self.range.end {
            return Err(self.damaged(BadBatch::Short {
                have: (self.range.end - position) as usize,
                expected: header.len_bytes(),
            }));
        }
        self.range.start = next;
        Ok(Some((position, header)))
    }

    /// The next batch, checked; `None` where none begins that is whole and valid.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn next_batch(&mut self) -> Result<Option<Found<'_>>> {
        let position = self.range.start;
        let left = self.range.end - position;
        let len_bytes = match Header::read(self.bytes(HEADER_BYTES)?) {
            Ok(header) if header.len_bytes() as u64 <= left => header.len_bytes(),
            _ => return Ok(None),
        };
        let Ok(header) = Header::check(self.bytes(len_bytes)?) else {
            return Ok(None);
        };
        self.range.start += len_bytes as u64;
        Ok(Some(Found {
            position,
            header,
            bytes: &self.piece[(position - self.piece_at) as usize..][..len_bytes],
        }))
    }

    /// Whether all was gone through.
    ///
    /// # Errors
    /// [`Error::Damaged`] if what comes is no batch.
    pub(crate) fn check_end(&mut self) -> Result<()> {
        if self.range.is_empty() {
            return Ok(());
        }
        let left = (self.range.end - self.range.start) as usize;
        let header = self.bytes(HEADER_BYTES)?;
        let length = Header::read(header).map_or(HEADER_BYTES, |it| it.len_bytes());
        let checked = Header::check(self.bytes(length.min(left))?);
        let bad = checked.err().unwrap_or(BadBatch::Short {
            have: left,
            expected: length,
        });
        Err(self.damaged(bad))
    }

    /// Where the next valid batch begins, at or behind `from`, and its header. It is passed over.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn resume(&mut self, from: u64, end: u64) -> Result<Option<(u64, Header)>> {
        self.range = from..end;
        while self.range.start + HEADER_BYTES as u64 <= end {
            let position = self.range.start;
            let len_bytes = Header::read(self.bytes(HEADER_BYTES)?).map_or(0, |it| it.len_bytes());
            if len_bytes > 0
                && position + len_bytes as u64 <= end
                && let Ok(header) = Header::check(self.bytes(len_bytes)?)
            {
                self.range.start += len_bytes as u64;
                return Ok(Some((position, header)));
            }
            self.range.start += 1;
        }
        Ok(None)
    }

    /// Whether what comes looks like the batch whose offsets follow on those of `header`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn is_next(&mut self, header: &Header) -> Result<bool> {
        let next = Header::read(self.bytes(HEADER_BYTES)?);
        Ok(next.is_ok_and(|it| it.base_offset == header.next_offset()))
    }

    /// The next `count` bytes, or as many as there are.
    fn bytes(&mut self, count: usize) -> Result<&[u8]> {
        let start = self.range.start;
        let count = count.min((self.range.end - start) as usize);
        let have = self.piece_at..self.piece_at + self.piece.len() as u64;
        if start < have.start || start + count as u64 > have.end {
            let left = (self.range.end - start).min(self.piece_bytes.max(count) as u64);
            self.piece.resize(left as usize, 0);
            self.piece_at = start;
            let read = self.file.read_exact_at(&mut self.piece, start);
            read.map_err(Error::io("read", &self.path))?;
        }
        let from = (start - self.piece_at) as usize;
        Ok(&self.piece[from..from + count])
    }

    fn damaged(&self, bad: BadBatch) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            byte_offset: self.range.start,
            detail: bad.to_string(),
        }
    }
}

/// A batch that was found whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'s> {
    /// Where in the file it begins.
    pub(crate) position: u64,
    /// Its header.
    pub(crate) header: Header,
    /// All of it.
    pub(crate) bytes: &'s [u8],
}
