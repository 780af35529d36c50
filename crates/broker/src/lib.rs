//! A log that speaks Kafka's protocol, in one process and one folder.
//!
//! [`Broker::builder`] starts one. A request comes in through `server`, is read by `api`, which knows no socket, and goes to the
//! [`log`] of a partition, of which [`topics`] has all; the flusher makes logs durable for all who wait at once. `metrics` counts, `http`
//! shows it. `access` knows who may come in, and who may do what.

pub mod access;
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
mod gate;
pub mod groups;
mod http;
mod json_file;
mod limits;
pub mod log;
mod metrics;
mod pace;
mod quotas;
pub mod running;
mod server;
#[cfg(test)]
mod testing;
mod tls;
pub mod topics;
mod unpacking;
mod upkeep;
mod watched;

pub use broker::Broker;
pub use builder::Builder;
pub use error::Error;
pub use flusher::Flushing;
pub use gate::BadContract;
pub use limits::{connections_within, raise_descriptor_limit};
pub use metrics::Allocations;
pub use quotas::QuotaOptions;
pub use running::{Running, Serving, Started};
pub use tls::{CertificateFault, TlsFiles};

#[cfg(fuzzing)]
#[doc(hidden)]
pub use api::checked;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
