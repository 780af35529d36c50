//! A log that speaks Kafka's protocol, in one process and one folder.
//!
//! [`Broker::builder`] starts one. A request comes in through `server`, is read by `api`, which knows no socket, and goes to the
//! [`log`] of a partition, of which [`topics`] has all; the flusher makes logs durable for all who wait at once. `metrics` counts, `http`
//! shows it.

mod affinity;
mod api;
mod background;
pub mod batch;
pub mod broker;
pub mod builder;
mod cleaner;
mod disk;
pub mod error;
mod flusher;
pub mod groups;
mod http;
mod json_file;
mod limits;
pub mod log;
mod metrics;
pub mod running;
mod server;
#[cfg(test)]
mod testing;
pub mod topics;
mod unpacking;
mod upkeep;

pub use broker::Broker;
pub use builder::Builder;
pub use error::Error;
pub use flusher::Flushing;
pub use limits::raise_descriptor_limit;
pub use metrics::Allocations;
pub use running::{Running, Serving, Started};

#[cfg(fuzzing)]
#[doc(hidden)]
pub use api::checked;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
