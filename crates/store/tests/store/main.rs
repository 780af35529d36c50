//! What the store promises to those who use it.

mod beside;
mod changing;
mod mended;
mod round_trip;
mod trees;
