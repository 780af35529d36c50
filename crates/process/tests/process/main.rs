//! The public promises of the crate, one module per subject.

mod follow;
mod generate;
mod group;
mod infer;
mod rows;
mod sort;
mod table;
