//! Protobuf: a stream of messages of one type, each with its length in front.
//!
//! ```text
//! .proto, descriptor set ─ schema ─► types, columns ─ plan ─► which field fills which cell
//!                                                               │
//! bytes ─ cut (one thread at a time) ─► runs of messages ─ walker ─► cells ─ rows ─► Blocks
//! ```
//!
//! The schema comes at run time, so there is no generated code; and messages as values ([`prost_reflect::DynamicMessage`])
//! would be an allocation for every field. Instead the descriptor is compiled into tables that a walker over the wire format
//! follows ([`types`], [`plan`], [`walker`]). It judges every byte of a message and keeps the values that were asked for;
//! when there are enough of them, they become columns ([`rows`]).
//!
//! A scalar is a column, and those of a message in a message are columns called `customer.city`. Lists, maps and types that
//! contain themselves are columns of JSON text ([`json`]), written only where they are asked for.
//!
//! A message that is none is a malformed record, like a line that is no JSON; a length that is none ends the run, since nobody
//! knows where the next message starts.

mod cut;
mod error;
mod fault;
mod file;
mod framing;
mod json;
mod leaf;
mod open;
mod plan;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod text;
mod types;
mod walker;
mod wire;

pub use error::Error;
pub use file::ProtobufFile;
pub(crate) use open::{open, validate};
pub use schema::Schema;
