//! Where bytes go.
//!
//! A [`Sink`] takes bytes in order and is finished once. What is finished is there, whole; what is
//! dropped without being finished (an error, a cancelled run, a panic) leaves nothing behind where
//! that can be had: a [`FileSink`] publishes its file at the end in one step. A [`GrowingSink`] is for what has no end.
//!
//! ```
//! use tamis_engine::sink::{MemorySink, Sink};
//!
//! let (sink, output) = MemorySink::new("report");
//! let mut sink: Box<dyn Sink> = Box::new(sink);
//! sink.write_all(b"all good\n")?;
//! assert_eq!(output.bytes(), None); // not before it is finished
//! sink.finish()?;
//! assert_eq!(output.bytes().as_deref(), Some(&b"all good\n"[..]));
//! # Ok::<(), tamis_engine::Error>(())
//! ```

mod direct;
mod file;
mod growing;
mod memory;

use std::io;

pub use direct::StdoutSink;
pub use file::FileSink;
pub use growing::GrowingSink;
pub use memory::{MemoryOutput, MemorySink, NullSink};

use crate::framing::Framing;
use crate::{Error, Result};

/// Bytes held back to make writes large. Writes larger than this go straight through.
const BUFFER_BYTES: usize = 64 << 10;

/// An output.
pub trait Sink: Send {
    /// The output's name as the user gave it.
    fn name(&self) -> &str;

    /// Says where the records end that will be written, before anything is. Returns whether a line that names their columns
    /// belongs in front of them, in formats that have one.
    fn begin_records(&mut self, _framing: Framing) -> bool {
        true
    }

    /// Appends `bytes`. After an error the sink is spent; dropping it is all that is left to do.
    ///
    /// # Errors
    /// [`Error::Write`], or [`Error::ClosedPipe`] when nobody reads any more.
    fn write_all(&mut self, bytes: &[u8]) -> Result<()>;

    /// Lets go of what is held back to make writes large, where somebody may see it at once.
    ///
    /// # Errors
    /// As [`write_all`](Sink::write_all).
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Makes the output complete and, where it has a place, visible.
    ///
    /// # Errors
    /// As [`write_all`](Sink::write_all).
    fn finish(self: Box<Self>) -> Result<()>;
}

/// The engine's error for a failed write to `output`.
fn write_error(output: &str, source: io::Error) -> Error {
    let output = output.to_owned();
    match source.kind() {
        io::ErrorKind::BrokenPipe => Error::ClosedPipe { output },
        _ => Error::Write { output, source },
    }
}
