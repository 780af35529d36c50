//! A log that speaks Kafka's protocol.

mod api;
pub mod batch;
pub mod broker;
mod disk;
pub mod error;
mod flusher;
pub mod groups;
pub mod log;
pub mod server;
pub mod topics;
mod upkeep;

pub use error::Error;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use api::checked;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
