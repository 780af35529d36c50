//! Clusters of Kafka: all that touches librdkafka.
//!
//! - [`cluster`] says where a cluster is, and reaches it;
//! - [`admin`] makes, changes and deletes topics and groups, [`offsets`] asks where partitions begin and end and what groups have committed,
//!   [`groups`] says who is in them;
//! - [`producer`] sends records and hears what became of each, [`consumer`] fetches them;
//! - [`address`] names topics like files, [`source`] reads one as a source of bytes, [`sink`] writes one;
//! - [`fault`] makes errors of librdkafka's, [`panics`] of its binding's panics.
//!
//! Users of this crate see none of librdkafka's types. librdkafka talks to brokers in threads of its own; what it would write to standard error
//! is kept, and the last of it told when something could not be done ([`heard`]). Where it would wait without end, we do not ([`patience`]).

pub mod address;
pub mod admin;
pub mod cluster;
pub mod consumer;
mod error;
mod fault;
pub mod groups;
pub mod heard;
pub mod offsets;
pub mod panics;
mod patience;
pub mod producer;
pub mod sink;
pub mod source;
pub mod topics;

pub use error::{Error, Kind};

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The topic's name.
    pub topic: String,
    /// Its number, from 0.
    pub id: i32,
}
