//! Column kernels: all fields of one column of a block, one question, one bit per row.
//!
//! A set bit makes a row *suspect*: somebody slower and exact has to judge it. Each kernel defines
//! which rows these are, to the bit, so that all instruction sets mark the same ones. Bits are only
//! ever set, so one bitmap can pass through several kernels.
//!
//! The loop is [`Spans::mark`](super::Spans): 64 rows make one word. Inside of it a field is
//! handled without branches where that is possible, because fields are short and their contents
//! unpredictable: a mispredicted branch costs as much as checking the whole field.

pub(super) mod date_time;
pub(super) mod decimal;
pub(super) mod fixed;
pub(super) mod length;
pub(super) mod set;
pub(super) mod template;
