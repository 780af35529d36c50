//! What a benchmark is meant to reach, beside what it did.

/// A goal and what was measured.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) title: String,
    pub(super) wanted: Wanted,
    /// `None` if this run did not measure it, or a peer that it needs is not there.
    pub(super) measured: Option<f64>,
}

/// On which side of a figure the measured one must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    pub(super) fn is_reached(&self) -> Option<bool> {
        let measured = self.measured?;
        Some(match self.wanted {
            Wanted::AtLeast(least) => measured >= least,
            Wanted::AtMost(most) => measured <= most,
        })
    }
}
