//! Bytes of a file in order: for `cat`, and for ranges.
//!
//! 1. Runs of chunks are joined in windows of about a mebibyte; a chunk that is repeated (a hole) is a window of its own.
//! 2. All threads read, unpack and check the chunks of a window, and copy what is wanted of them, so that a window holds no frame.
//! 3. The calling thread writes the windows in order. A repeated chunk is read once, and written as often as it is there.
//!
//! At most four windows a thread are in memory ([`run_items`]), whatever the length of the file.

use std::ops::Range;

use tamis_engine::pipeline::Options;

use super::stored::{bytes_of, not_so_long};
use crate::Result;
use crate::entry::Run;
use crate::id::ObjectId;
use crate::parallel::run_items;
use crate::store::Store;
use crate::tree::{Child, Runs, runs};

/// What a thread reads at a time, about.
const WINDOW_BYTES: u64 = 1 << 20;

/// Part of a chunk.
#[derive(Clone, Copy, Debug)]
struct Slice {
    id: ObjectId,
    chunk_bytes: u32,
    start: usize,
    end: usize,
}

/// What one thread does at a time.
enum Window {
    /// Some slices, one behind the other.
    Slices(Vec<Slice>),
    /// A chunk again and again, from a byte of it on.
    Repeat { slice: Slice, total_bytes: u64 },
}

/// A window as bytes.
enum Bytes {
    Once(Vec<u8>),
    Repeated {
        chunk: Vec<u8>,
        start: usize,
        total_bytes: u64,
    },
}

impl Store {
    /// Hands the bytes of a range of a file to `write`, in order; what is beyond its end is left out.
    ///
    /// # Errors
    /// [`Damaged`](crate::Error::Damaged), [`Missing`](crate::Error::Missing), [`Io`](crate::Error::Io) behind what was written before; what `write` ends in;
    /// [`Interrupted`](tamis_engine::Error::Interrupted).
    pub fn copy_range(
        &self,
        child: &Child,
        range: Range<u64>,
        write: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let (len_bytes, body) = bytes_of(child)?;
        let range = range.start.min(len_bytes)..range.end.min(len_bytes);
        let windows = Windows {
            runs: runs(body, len_bytes, range.start, self.objects()),
            position: range.start,
            end: range.end,
            ahead: None,
        };
        let options = Options {
            threads: self.settings().thread_count(),
            cancel: self.cancel().clone(),
            ..Options::default()
        };
        run_items(
            "the store",
            windows.map(Ok),
            &options,
            || (),
            |(), window| self.read_window(window?),
            |bytes| self.write_window(&bytes, write),
        )
    }

    fn read_window(&self, window: Window) -> Result<Bytes> {
        match window {
            Window::Slices(slices) => {
                let mut bytes = Vec::with_capacity(slices.iter().map(|it| it.end - it.start).sum());
                for slice in slices {
                    let chunk = self.objects().chunk(&slice.id, slice.chunk_bytes)?;
                    bytes.extend_from_slice(&chunk[slice.start..slice.end]);
                }
                Ok(Bytes::Once(bytes))
            }
            Window::Repeat { slice, total_bytes } => Ok(Bytes::Repeated {
                chunk: self.objects().chunk(&slice.id, slice.chunk_bytes)?.to_vec(),
                start: slice.start,
                total_bytes,
            }),
        }
    }

    fn write_window(
        &self,
        bytes: &Bytes,
        write: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let (chunk, mut start, mut left) = match bytes {
            Bytes::Once(bytes) => return write(bytes),
            Bytes::Repeated {
                chunk,
                start,
                total_bytes,
            } => (chunk, *start, *total_bytes),
        };
        while left > 0 {
            self.cancel().check()?;
            let count = (chunk.len() - start).min(usize::try_from(left).unwrap_or(usize::MAX));
            write(&chunk[start..start + count])?;
            left -= count as u64;
            start = 0;
        }
        Ok(())
    }
}

/// A range as windows.
struct Windows<'s> {
    runs: Runs<'s>,
    position: u64,
    end: u64,
    /// What did not belong to the window before.
    ahead: Option<Result<(u64, Run)>>,
}

impl Windows<'_> {
    fn next_run(&mut self) -> Result<(u64, Run)> {
        let next = self.ahead.take().or_else(|| self.runs.next());
        next.unwrap_or_else(|| Err(not_so_long("of the file")))
    }

    /// What is wanted of a run: its first slice, and how many bytes in all.
    fn wanted(&self, start: u64, run: &Run) -> (Slice, u64) {
        let len = u64::from(run.len_bytes);
        let inner = (self.position - start) % len;
        let run_end = start.saturating_add(run.total_bytes());
        let total_bytes = run_end.min(self.end) - self.position;
        let slice = Slice {
            id: run.id,
            chunk_bytes: run.len_bytes,
            start: inner as usize,
            end: len.min(inner + total_bytes) as usize,
        };
        (slice, total_bytes)
    }
}

impl Iterator for Windows<'_> {
    type Item = Result<Window>;

    fn next(&mut self) -> Option<Result<Window>> {
        let mut slices = Vec::new();
        let mut bytes = 0;
        while self.position < self.end && bytes < WINDOW_BYTES {
            let (start, run) = match self.next_run() {
                Ok(next) => next,
                Err(error) if slices.is_empty() => {
                    self.end = self.position;
                    return Some(Err(error));
                }
                // What is in front of it is put out first.
                error => {
                    self.ahead = Some(error);
                    break;
                }
            };
            let (slice, total_bytes) = self.wanted(start, &run);
            if total_bytes > (slice.end - slice.start) as u64 {
                if !slices.is_empty() {
                    self.ahead = Some(Ok((start, run)));
                    break;
                }
                self.position += total_bytes;
                return Some(Ok(Window::Repeat { slice, total_bytes }));
            }
            self.position += total_bytes;
            bytes += total_bytes;
            slices.push(slice);
        }
        (!slices.is_empty()).then_some(Ok(Window::Slices(slices)))
    }
}
