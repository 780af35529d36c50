//! Record batches, version 2: what clients send, what lies in the log, what clients read. They pass through as they came, unless
//! their topic is compacted.
//!
//! A batch is a header of [`HEADER_BYTES`] and its records, which may be compressed as one. All numbers are big-endian
//! (Kafka, "Record Batch", KIP-98 and KIP-101):
//!
//! ```text
//! byte  0  base offset            i64  ─┐ stamped by the log
//!       8  batch length           i32   │ of what follows this field
//!      12  partition leader epoch i32  ─┘ stamped by the log
//!      16  magic                  i8    2
//!      17  CRC-32C                u32   of everything from byte 21 on
//!      21  attributes             i16   bits 0..3 codec, 3 time of the log, 4 transactional, 5 control, 6 delete horizon
//!      23  last offset delta      i32
//!      27  base timestamp         i64   milliseconds since 1970
//!      35  maximum timestamp      i64
//!      43  producer id            i64   -1: none
//!      51  producer epoch         i16
//!      53  base sequence          i32
//!      57  record count           i32
//!      61  records
//! ```
//!
//! The checksum covers neither the base offset nor the epoch, so the log stamps both without touching a record.
//!
//! | file | holds |
//! |---|---|
//! | `header.rs` | the header: reading, checking, stamping |
//! | `records.rs` | the records of a batch that is not compressed, borrowed from it |
//! | `build.rs` | batches of our own: what the broker itself puts into a log, and tests |
//! | `codec.rs` | packing and unpacking records, within limits |
//! | `heads.rs` | the front of each record, from a stream: times, and whether there is a key |
//! | `rebuilt.rs` | batches made of the records of others |
//! | `sift.rs` | batches of which some records go |

mod build;
pub(crate) mod codec;
mod header;
mod heads;
mod rebuilt;
mod records;
mod sift;
#[cfg(test)]
mod tests;

pub use build::BatchBuilder;
pub(crate) use codec::{UNPACKED_BYTES_MAX, held_bytes_max};
pub(crate) use header::after;
#[cfg(any(test, fuzzing))]
pub(crate) use header::seal;
pub use header::{BadBatch, HEADER_BYTES, Header, STAMP_BYTES, set_append_time, split};
pub use heads::{BadKeys, TooLong};
pub(crate) use heads::{check_keys, heads};
pub(crate) use rebuilt::{Added, Rebuilt};
pub use records::{BadRecord, Record, Records};
pub(crate) use sift::sift;
