//! What the store promises to those who use it.

mod changing;
mod round_trip;
mod trees;
