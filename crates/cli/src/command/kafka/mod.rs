//! The verbs for clusters of Kafka, of whichever make: `topic`, `produce`, `consume`, `consumer-group`.
//!
//! Each says what it wants of [`crate::kafka`], and prints what comes of it.

pub(super) mod consume;
pub(super) mod consumer_group;
mod escapes;
mod outcomes;
pub(super) mod produce;
mod shown;
pub(super) mod topic;
