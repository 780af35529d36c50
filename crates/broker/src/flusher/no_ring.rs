//! No ring: that needs the feature `io-uring`.

use super::Shared;
use crate::metrics::Histogram;
use crate::{Error, Result};

/// Nobody has one.
pub(super) enum Ring {}

/// Refuses.
pub(super) fn open() -> Result<Ring> {
    Err(Error::WithoutRing)
}

/// Nobody gets here.
pub(super) fn run(ring: Ring, _: &Shared, _: &Histogram) {
    match ring {}
}
