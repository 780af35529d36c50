//! A log that speaks Kafka's protocol.

pub mod batch;
mod disk;
pub mod error;
pub mod log;

pub use error::Error;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
