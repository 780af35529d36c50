//! A large file: cut in windows, by one thread after the other or by all at once.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::file::{OpenedFile, Reads, Unread};
use crate::Result;
use crate::chunker::{Chunker, Segments};
use crate::entry::Run;
use crate::ingest::packer::{Packer, Work};
use crate::perf::Stage;

/// A file whose windows are being worked on.
#[derive(Debug)]
pub(super) struct LargeFile<'c> {
    /// Its number in the list of what was found.
    pub(super) number: usize,
    pub(super) opened: OpenedFile,
    /// When reading began.
    pub(super) began: SystemTime,
    segments: Segments<'c>,
    /// Why it cannot be stored, once that is known.
    unread: Mutex<Option<Unread>>,
}

impl<'c> LargeFile<'c> {
    pub(super) fn new(
        number: usize,
        opened: OpenedFile,
        chunker: &'c Chunker,
        window_bytes: u32,
    ) -> LargeFile<'c> {
        LargeFile {
            number,
            began: SystemTime::now(),
            segments: Segments::new(chunker, opened.stamp.len_bytes, window_bytes),
            opened,
            unread: Mutex::default(),
        }
    }

    /// How many windows there are.
    pub(super) fn window_count(&self) -> u64 {
        self.segments.count()
    }

    /// Why it cannot be stored.
    pub(super) fn take_unread(&self) -> Option<Unread> {
        self.unread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Gives the file up, and wakes who waits for one of its windows.
    pub(super) fn give_up(&self, unread: Option<Unread>) {
        if let Some(unread) = unread {
            let mut first = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(unread);
        }
        self.segments.abandon();
    }

    /// Stores the chunks that begin in one window, and says which they are; none, if the file was given up.
    pub(super) fn store(
        &self,
        window: u64,
        packer: &Packer,
        reads: &Reads,
        at: &mut Work<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Vec<Run>> {
        // After an error or a panic the others must not wait for us.
        let guard = self.segments.guard();
        let runs = self.try_store(window, packer, reads, at, buffer)?;
        guard.disarm();
        Ok(runs)
    }

    fn try_store(
        &self,
        window: u64,
        packer: &Packer,
        reads: &Reads,
        at: &mut Work<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Vec<Run>> {
        let range = self.segments.range(window);
        if self.opened.is_sparse() && self.opened.is_hole(range.start, range.end) {
            return self.store_hole(window, packer, at, buffer);
        }
        buffer.resize((range.end - range.start) as usize, 0);
        let read = packer.clock.time(Stage::Read, || {
            self.opened.read_at(range.start, buffer, reads)
        });
        if let Err(unread) = read {
            self.give_up(Some(unread));
            return Ok(Vec::new());
        }
        let cut = packer
            .clock
            .time(Stage::Chunk, || self.segments.cut(window, buffer));
        let Ok(chunks) = cut else {
            return Ok(Vec::new());
        };
        let mut runs = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let start = (chunk.byte_offset - range.start) as usize;
            let bytes = &buffer[start..start + chunk.chunk_bytes as usize];
            runs.push(Run {
                id: packer.put(bytes, at)?,
                len_bytes: chunk.chunk_bytes,
                count: 1,
            });
        }
        Ok(runs)
    }

    /// The same for a window without data, which need not be read.
    fn store_hole(
        &self,
        window: u64,
        packer: &Packer,
        at: &mut Work<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Vec<Run>> {
        let Ok(chunks) = self.segments.cut_hole(window) else {
            return Ok(Vec::new());
        };
        let mut runs = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            buffer.clear();
            buffer.resize(chunk.chunk_bytes as usize, 0);
            let id = packer.put(buffer, at)?;
            // A window holds fewer chunks than a number of 32 bits can count.
            runs.push(Run {
                id,
                len_bytes: chunk.chunk_bytes,
                count: chunk.count as u32,
            });
        }
        Ok(runs)
    }
}
