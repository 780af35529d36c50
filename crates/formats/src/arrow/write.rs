//! What writers of record batches have in common.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use tamis_engine::sink::Sink;

use super::region::producer;
use crate::Error;

/// Writes record batches of one schema into a file.
pub trait BatchWriter: Send {
    /// Appends the rows of `batch`.
    ///
    /// # Errors
    /// Those of the sink, and [`Producer`](tamis_engine::Error::Producer) for values that the format cannot hold.
    fn write(&mut self, batch: &RecordBatch) -> tamis_engine::Result<()>;

    /// Writes what is left and publishes the file; returns its size in bytes.
    ///
    /// # Errors
    /// As [`write`](BatchWriter::write).
    fn finish(self: Box<Self>) -> tamis_engine::Result<u64>;
}

/// A sink as the libraries' writers want it.
pub(crate) struct SinkWrite {
    sink: Box<dyn Sink>,
    bytes: u64,
    /// Why a write failed, kept past libraries that would make a text of it.
    failed: Failure,
}

/// The first failure of a sink.
#[derive(Clone, Default)]
pub(crate) struct Failure(Arc<Mutex<Option<tamis_engine::Error>>>);

impl Failure {
    /// What stopped the writer of `output`: the sink, or else `message`.
    pub(crate) fn error(&self, output: &str, message: String) -> tamis_engine::Error {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take().unwrap_or_else(|| {
            let place = "output".to_owned();
            producer(output, Error::Damaged { place, message })
        })
    }
}

impl SinkWrite {
    pub(crate) fn new(sink: Box<dyn Sink>) -> (SinkWrite, Failure) {
        let failed = Failure::default();
        let write = SinkWrite {
            sink,
            bytes: 0,
            failed: failed.clone(),
        };
        (write, failed)
    }

    /// Publishes what was written, and says how much that is.
    pub(crate) fn finish(self) -> tamis_engine::Result<u64> {
        self.sink.finish()?;
        Ok(self.bytes)
    }
}

impl io::Write for SinkWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sink.write_all(bytes).map_err(|error| {
            let mut failed = self.failed.0.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(error);
            io::Error::other("the output cannot be written")
        })?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
