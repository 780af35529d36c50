//! Clusters of Kafka: all that touches librdkafka.
//!
//! - [`cluster`] has the options that say where the cluster is, and reaches it;
//! - [`admin`] makes, changes and deletes topics and groups, [`offsets`] asks where partitions begin and end and what groups have committed,
//!   [`groups`] says who is in them;
//! - [`producer`] sends records and hears what became of each, [`consumer`] fetches them;
//! - [`fault`] makes errors of librdkafka's, [`panics`] of its binding's panics.
//!
//! The verbs see none of librdkafka's types. librdkafka talks to brokers in threads of its own; what it would write to standard error
//! is kept, and the last of it told when something could not be done ([`heard`]).

pub(crate) mod admin;
pub(crate) mod cluster;
pub(crate) mod consumer;
mod fault;
pub(crate) mod groups;
pub(crate) mod heard;
pub(crate) mod offsets;
pub(crate) mod panics;
pub(crate) mod producer;
pub(crate) mod topics;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Partition {
    pub(crate) topic: String,
    pub(crate) id: i32,
}
