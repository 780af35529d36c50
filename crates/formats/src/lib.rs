//! Bytes to records and fields.
//!
//! A parser gets one chunk of whole records from the engine and hands a [`Visitor`] what it
//! found: [`Block`]s, runs of consecutive well-formed records as an index of offsets into the chunk,
//! and [`Malformed`] records one by one. Nothing is copied and nothing is decoded before a rule
//! asks for it.

#[cfg(feature = "arrow")]
pub mod arrow;
pub mod block;
pub mod calendar;
pub mod columns;
pub mod csv;
pub mod encoding;
mod error;
pub mod file;
pub mod input;
#[cfg(feature = "parquet")]
pub mod ipc;
pub mod json_array;
pub mod jsonl;
pub mod messages;
pub mod moment;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(feature = "protobuf")]
pub mod protobuf;
pub mod sniff;
pub mod value;
pub mod vector;
pub mod write;

pub use block::{Block, ExtraKey, Fault, Kind, Malformed, Totals, Visitor};
pub use error::Error;
