//! Arrow IPC: record batches as they lie in memory, in a file with a footer or as a stream.
//!
//! ```text
//! file:    ARROW1 ─ messages ... ─ footer ─ ARROW1       batches by the footer, in any order, on any thread
//! stream:  schema ─ dictionary, batch, batch, ...        messages one after the other; batches on any thread
//! ```
//!
//! A message is a piece of metadata (a flatbuffer) and a body of buffers, which become arrays as they are. Of a batch in a
//! file only the buffers of the wanted columns are read, some ten thousand rows at a time ([`cut`]). What cannot be read so
//! (compressed buffers, lists, views) is read whole: each buffer from its place in the file to the same place in a buffer
//! as long as the body, whose other bytes are left alone. From there arrays are used without a copy.
//!
//! Decoding is Apache's `arrow-ipc`, validation included. Sizes and counts are held against the file before anything
//! is allocated for them ([`message`]).

mod cut;
mod file;
mod layout;
mod message;
mod stream;
#[cfg(test)]
mod tests;
mod tidy;
mod writer;

pub use file::IpcFile;
pub use stream::IpcStream;
pub use writer::{Compression, Container, Writer};
