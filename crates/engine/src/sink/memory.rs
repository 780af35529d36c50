//! Outputs without a place: memory, and nothing at all.

use std::sync::{Arc, OnceLock};

use super::Sink;
use crate::Result;

/// Collects bytes in memory; a [`MemoryOutput`] hands them out once the sink is finished.
#[derive(Debug)]
pub struct MemorySink {
    name: String,
    bytes: Vec<u8>,
    output: MemoryOutput,
}

/// The bytes of a [`MemorySink`], seen from outside. Clones see the same.
#[derive(Clone, Debug, Default)]
pub struct MemoryOutput(Arc<OnceLock<Vec<u8>>>);

impl MemorySink {
    /// An empty sink and the handle to what it will hold.
    pub fn new(name: impl Into<String>) -> (Self, MemoryOutput) {
        let output = MemoryOutput::default();
        (
            Self {
                name: name.into(),
                bytes: Vec::new(),
                output: output.clone(),
            },
            output,
        )
    }
}

impl MemoryOutput {
    /// What was written; `None` until the sink is finished.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        self.0.get().cloned()
    }
}

impl Sink for MemorySink {
    fn name(&self) -> &str {
        &self.name
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { bytes, output, .. } = *self;
        output.0.get_or_init(|| bytes);
        Ok(())
    }
}

/// Takes everything and keeps nothing: for timings, and for runs of which only the report counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn name(&self) -> &str {
        "nothing"
    }

    fn write_all(&mut self, _bytes: &[u8]) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
