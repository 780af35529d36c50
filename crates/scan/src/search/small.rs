//! Files that are searched whole, by the thread that found them.

use std::fs::File;
use std::io::{self, Read};

use tamis_engine::Error as EngineError;
use tamis_engine::pipeline::Flow;
use tamis_engine::source::{Opened, Source, is_packed};

use super::input::{Found, InputMerge, Origin};
use super::one::{HEAD_BYTES, Mark, Reading};
use super::output::InputOutput;
use super::range::Extent;
use super::tree::{Input, Job, Outcome, Place};
use super::worker::{NulCheck, Worker};
use crate::{Error, Result, Work};

/// Files up to this size are searched by the thread that found them.
pub(super) const SMALL_BYTES_MAX: usize = 4 << 20;

/// Files up to this size are left to that thread as well, in chunks: while there are others, sharing out each of them gains nothing.
const MIDDLING_BYTES_MAX: u64 = 64 << 20;

/// What became of an input before its turn.
pub(super) enum Ahead {
    Done(Found, Vec<u8>),
    Failed(Error),
    Postponed(Input),
}

/// Searches small files, one after the other.
pub(super) struct Small<'j> {
    job: &'j Job<'j>,
    worker: Worker<'j>,
    buffer: Vec<u8>,
    reading: Reading,
    /// Whether the last input that was not read whole is best left to one thread: an archive, or a file of middling size.
    suits_one_thread: bool,
    /// Of the files searched so far.
    outcome: Outcome,
}

impl<'j> Small<'j> {
    pub(super) fn new(job: &'j Job<'j>) -> Self {
        Self {
            job,
            worker: Worker::new(job.search, job.reading.kernel),
            buffer: vec![0; HEAD_BYTES],
            reading: Reading {
                threads: 1,
                ..job.reading.clone()
            },
            suits_one_thread: false,
            outcome: Outcome::default(),
        }
    }

    pub(super) fn search_or_postpone(&mut self, input: Input) {
        let job = self.job;
        self.suits_one_thread = false;
        match self.search(&input, job.output.input()) {
            Ok(Some(found)) => job.add(found, &mut self.outcome),
            // There may be many of these: each in the thread that found it.
            Ok(None) if self.suits_one_thread => {
                job.note(job.search_source(&input, &self.reading, job.output.input()));
            }
            Ok(None) => job.postpone(input),
            Err(error) => job.note(Err(error)),
        }
    }

    pub(super) fn search_ahead(&mut self, input: Input) -> Ahead {
        let mut rows = Vec::new();
        match self.search(&input, InputOutput::later(&mut rows)) {
            Ok(Some(found)) => Ahead::Done(found, rows),
            Ok(None) => Ahead::Postponed(input),
            Err(error) => Ahead::Failed(error),
        }
    }

    /// Searches a small file; `None`: it is none, or has too many rows.
    fn search(&mut self, input: &Input, output: InputOutput<'_>) -> Result<Option<Found>> {
        let Some(len) = self.read(input)? else {
            return Ok(None);
        };
        let bytes = &self.buffer[..len];
        let search = self.job.search;
        let name = self.job.name(input);
        if let Some(multiline) = &search.multiline {
            return multiline.search(search, bytes, &name, input.origin, output);
        }
        let text = &bytes[Mark::of(bytes).len_bytes()..];
        let mut merge = InputMerge::new(search, &name, input.origin, output);
        let nul = merge.nul_check();
        let mut text_end = text.len();
        if nul != NulCheck::None
            && let Some(at) = memchr::memchr(0, text)
        {
            let is_early = at < HEAD_BYTES;
            if is_early && merge.is_binary_at(at as u64) == Flow::Stop {
                return Ok(Some(merge.finish(at as u64)?));
            }
            if !is_early && nul == NulCheck::All {
                text_end = searched_before(text, at, search.terminator());
                merge.ends_as_binary(at as u64, text_end as u64);
            }
        }
        let nul = if nul == NulCheck::All {
            NulCheck::None
        } else {
            nul
        };
        let mut start = 0;
        while start < text_end {
            let end = chunk_end(
                &text[..text_end],
                start,
                self.reading.chunk_bytes,
                search.terminator(),
            );
            let part = self
                .worker
                .search(&name, &text[start..end], start as u64, nul);
            if merge.take(part, &mut self.worker)? == Flow::Stop {
                break;
            }
            start = end;
        }
        if merge.has_overflowed() {
            return Ok(None);
        }
        merge.took(Work {
            bytes: start as u64,
            backend: "read",
            ..Work::default()
        });
        Ok(Some(merge.finish(text.len() as u64)?))
    }

    /// Reads the whole input into the buffer and returns its length; `None`: it is not for us.
    fn read(&mut self, input: &Input) -> Result<Option<usize>> {
        if self.reading.extent != Extent::All {
            return Ok(None);
        }
        let len = match &input.place {
            Place::Stdin => None,
            Place::File if input.origin == Origin::Named && !input.path.is_file() => None,
            Place::File => self.read_file(input)?,
            Place::Given(source) => self.read_given(source.as_ref())?,
        };
        let is_text = |len: &usize| Mark::of(&self.buffer[..*len]) != Mark::Utf16;
        Ok(len.filter(is_text))
    }

    /// Copies a small input that is open at any byte.
    fn read_given(&mut self, source: &dyn Source) -> Result<Option<usize>> {
        if !source.is_repeatable() {
            // Whoever reads it as a stream opens it, and nobody can before.
            return Ok(None);
        }
        let Opened::Random(region) = source.open()? else {
            return Ok(None);
        };
        let len_bytes = region.len_bytes();
        if len_bytes > SMALL_BYTES_MAX as u64 {
            return Ok(None);
        }
        let buffer = &mut self.buffer;
        let mut len = 0;
        region.with_range(0..len_bytes, &mut |bytes| {
            len = bytes.len();
            buffer.resize(buffer.len().max(len), 0);
            buffer[..len].copy_from_slice(bytes);
        })?;
        let head = &self.buffer[..len];
        self.reading
            .refuse_unknown_packing(source.name().as_bytes(), head)?;
        Ok(Some(len))
    }

    fn read_file(&mut self, input: &Input) -> Result<Option<usize>> {
        let failed = |source| EngineError::Open {
            input: input.path.to_string_lossy().into_owned(),
            source,
        };
        let mut file = File::open(&input.path).map_err(failed)?;
        let mut len = 0;
        loop {
            if len == self.buffer.len() {
                if len >= SMALL_BYTES_MAX {
                    let len_bytes = file.metadata().map_or(u64::MAX, |metadata| metadata.len());
                    self.suits_one_thread = len_bytes <= MIDDLING_BYTES_MAX;
                    return Ok(None);
                }
                let grown = (len * 4).min(SMALL_BYTES_MAX);
                self.buffer.resize(grown, 0);
            }
            match file.read(&mut self.buffer[len..]) {
                Ok(0) => break,
                Ok(read) => len += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(EngineError::Read {
                        input: input.path.to_string_lossy().into_owned(),
                        byte_offset: len as u64,
                        source,
                    }
                    .into());
                }
            }
        }
        if self.job.inputs.read.unpack {
            let name = input.path.to_string_lossy();
            let head = &self.buffer[..len];
            self.reading.refuse_unknown_packing(name.as_bytes(), head)?;
            if is_packed(head, &name) {
                self.suits_one_thread = true;
                return Ok(None);
            }
        }
        Ok(Some(len))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        self.job.take(std::mem::take(&mut self.outcome));
    }
}

/// How far ripgrep searches a file with a NUL byte at `nul` before it sees that: it reads blocks of 64 KiB, each from the last line
/// that the one before did not have whole, and leaves with the block that has the byte.
fn searched_before(text: &[u8], nul: usize, terminator: u8) -> usize {
    let mut start = 0;
    let mut block = HEAD_BYTES;
    while start + block <= nul {
        match memchr::memrchr(terminator, &text[start..start + block]) {
            Some(at) => {
                start += at + 1;
                block = HEAD_BYTES;
            }
            None => block *= 2,
        }
    }
    start
}

/// Where a chunk of about `chunk_bytes` ends that starts at `start`.
fn chunk_end(text: &[u8], start: usize, chunk_bytes: usize, terminator: u8) -> usize {
    let about = start.saturating_add(chunk_bytes);
    let Some(rest) = text.get(about.saturating_sub(1)..) else {
        return text.len();
    };
    memchr::memchr(terminator, rest).map_or(text.len(), |at| about + at)
}
