//! Where rows of all inputs go, each input's rows together.
//!
//! Inputs that are searched at the same time keep their rows back until they are done, or until they have too many: then one waits for the
//! output, and keeps it to its end. So no input's output is held as a whole.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tamis_engine::pipeline::Flow;
use tamis_engine::sink::Sink;

use tamis_engine::Result;

/// Rows of an input that are kept back while others write.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// So much is written at a time where rows are many.
const PASSED_BYTES_MIN: usize = 128 << 10;

/// The output of a search, shared by all its threads.
pub struct Output {
    writer: Mutex<Writer>,
    /// What stands between the rows of two inputs, with its line end.
    separator: Vec<u8>,
    is_live: bool,
    watcher: Option<Watcher>,
}

/// Told how many bytes of the text of an input are searched, with their rows written; it may end the search.
pub type Watcher = Box<dyn Fn(u64) -> Flow + Send + Sync>;

struct Writer {
    sink: Box<dyn Sink>,
    has_written: bool,
}

impl Output {
    /// An output into `sink`; `separator` stands between inputs. A `live` one shows rows when they are known, and does not wait for
    /// a buffer to be full.
    pub fn new(sink: Box<dyn Sink>, separator: Vec<u8>, live: bool) -> Self {
        let has_written = false;
        Self {
            writer: Mutex::new(Writer { sink, has_written }),
            separator,
            is_live: live,
            watcher: None,
        }
    }

    /// The same, with somebody who waits for rows. There is a single input then.
    #[must_use]
    pub fn watched(self, watcher: Watcher) -> Self {
        Self {
            is_live: true,
            watcher: Some(watcher),
            ..self
        }
    }

    /// The place of one input in it.
    pub(super) fn input(&self) -> InputOutput<'_> {
        InputOutput {
            target: Target::Shared(self, None),
            kept: Vec::new(),
            written: 0,
            has_overflowed: false,
        }
    }

    /// Writes what concerns all inputs.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        let writer = self.writer.lock();
        let mut writer = writer.unwrap_or_else(PoisonError::into_inner);
        writer.sink.write_all(bytes)
    }

    /// Ends the output.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(self) -> Result<()> {
        let writer = self.writer.into_inner();
        writer.unwrap_or_else(PoisonError::into_inner).sink.finish()
    }
}

/// Rows of one input on their way out.
pub(super) struct InputOutput<'o> {
    target: Target<'o>,
    kept: Vec<u8>,
    written: u64,
    has_overflowed: bool,
}

enum Target<'o> {
    /// The output of all, and the right to write to it.
    Shared(&'o Output, Option<MutexGuard<'o, Writer>>),
    /// Rows whose turn has not come.
    Later(&'o mut Vec<u8>),
}

impl<'o> InputOutput<'o> {
    /// Rows for later, if they are few.
    pub(super) fn later(rows: &'o mut Vec<u8>) -> Self {
        Self {
            target: Target::Later(rows),
            kept: Vec::new(),
            written: 0,
            has_overflowed: false,
        }
    }

    /// Whether there were too many rows to be kept for later, so that they are gone.
    pub(super) fn has_overflowed(&self) -> bool {
        self.has_overflowed
    }

    /// Bytes written so far.
    pub(super) fn written(&self) -> u64 {
        self.written + self.kept.len() as u64
    }

    /// Where rows are put; then comes [`pass_on`](Self::pass_on).
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.kept
    }

    /// Whether the buffer is worth a [`pass_on`](Self::pass_on).
    pub(super) fn is_full(&self) -> bool {
        self.kept.len() > PASSED_BYTES_MIN
    }

    /// Lets go of what was put into the buffer, if the output is ours or the buffer is full.
    pub(super) fn pass_on(&mut self) -> Result<()> {
        let is_full = self.kept.len() > KEPT_BYTES_MAX;
        match &self.target {
            Target::Shared(_, Some(_)) => self.flush(),
            Target::Shared(_, None) if is_full => {
                self.take_output();
                self.flush()
            }
            Target::Later(_) if is_full => {
                self.has_overflowed = true;
                self.kept.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Waits until no other input writes, and keeps the output until this one is done.
    pub(super) fn take_output(&mut self) {
        if let Target::Shared(output, writer) = &mut self.target {
            writer.get_or_insert_with(|| {
                let writer = output.writer.lock();
                writer.unwrap_or_else(PoisonError::into_inner)
            });
        }
    }

    /// Says that the input is searched up to `end`, and what was found has been [passed on](Self::pass_on).
    pub(super) fn reached(&self, end: u64) -> Flow {
        match &self.target {
            Target::Shared(Output { watcher, .. }, Some(_)) => {
                watcher.as_ref().map_or(Flow::Continue, |tell| tell(end))
            }
            _ => Flow::Continue,
        }
    }

    fn flush(&mut self) -> Result<()> {
        if self.kept.is_empty() {
            return Ok(());
        }
        match &mut self.target {
            Target::Later(rows) => rows.append(&mut self.kept),
            Target::Shared(output, writer) => {
                let writer = writer.as_deref_mut().expect("the output is ours");
                if self.written == 0 && writer.has_written {
                    writer.sink.write_all(&output.separator)?;
                }
                writer.has_written = true;
                writer.sink.write_all(&self.kept)?;
                if output.is_live {
                    writer.sink.flush()?;
                }
            }
        }
        self.written += self.kept.len() as u64;
        self.kept.clear();
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Result<()> {
        if !self.kept.is_empty() {
            self.take_output();
            self.flush()?;
        }
        Ok(())
    }
}
