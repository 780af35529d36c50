//! What a run took, for `--perf`.

use std::ops::AddAssign;

use tamis_engine::pipeline::{Outcome, Stages};

/// What inputs took, one or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes, after decompression.
    pub bytes: u64,
    /// How they were read: a back end of the engine, or `mixed`; empty if nothing was.
    pub backend: &'static str,
    /// Where the time went.
    pub stages: Stages,
}

impl Work {
    /// That of a run of the pipeline.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        Self {
            bytes: outcome.bytes,
            backend: outcome.backend,
            stages: outcome.stages,
        }
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, more: Work) {
        self.bytes += more.bytes;
        self.stages += more.stages;
        self.backend = match (self.backend, more.backend) {
            ("", backend) | (backend, "") => backend,
            (known, new) if known == new => known,
            _ => "mixed",
        };
    }
}
