//! The engine under every verb: bytes in, records' borders, all cores, bytes out.
//!
//! ```text
//! source ──► chunks cut on record borders ──► map (parallel) ──► merge (in order) ──► sink
//! ```
//!
//! - [`source`] opens a file, a pipe, memory or a compressed stream behind one trait;
//! - [`framing`] says where a record may end (newlines, with or without quoting);
//! - [`pipeline`] cuts a source into chunks of whole records, maps them on all cores and
//!   merges the parts in input order; [`frontier`] is for work that leads to more work, in no order;
//! - [`kernel`] holds the SIMD loops, each with its scalar specification;
//! - [`mmap`] keeps mapped files from killing the process;
//! - [`page_cache`] reads files larger than memory anywhere, in a fixed budget;
//! - [`sink`] writes bytes atomically; [`disk`] makes a folder of files that a power cut does not hurt;
//! - [`sketch`] counts distinct values and finds quantiles in little memory;
//! - [`digest`] names the bytes of a whole file, [`stamp`] tells without reading whether it changed;
//! - [`pool`] reuses buffers, [`control`] stops a run and counts how far it is;
//! - [`counters`] asks the system what the process took, [`human`] writes numbers for people and [`names`] what files are called, [`suggest`] knows what
//!   they meant to write.
//!
//! The engine knows bytes and record borders. It knows no field types, no schema, no CLI.

pub mod control;
pub mod counters;
pub mod digest;
pub mod disk;
pub mod error;
pub mod framing;
pub mod frontier;
pub mod human;
pub mod kernel;
mod lookback;
pub mod mmap;
pub mod names;
pub mod number;
pub mod page_cache;
mod pipe;
pub mod pipeline;
pub mod pool;
pub mod sink;
pub mod sketch;
pub mod source;
pub mod stamp;
pub mod suggest;

pub use error::Error;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
