//! What a data set is like, and data sets made to order.
//!
//! - [`generate`] makes test data of any size together with the contract it is held to, and says
//!   exactly how many rows of it are bad, so that a check can be held to a known answer.
//! - [`stats`] says of each column what its values are like.
//! - [`infer`] reads a data set and writes the contract that all of its records keep.
//! - [`rows`] writes rows: some of them, some columns, in another format.
//! - [`group`] adds up rows that share their keys, [`sort`] puts them in order.
//! - [`lists`] reads the lists of columns that all of these take.
//! - [`table`] reads inputs of any format as one table with typed columns, for the verbs that compute.

#[cfg_attr(feature = "parquet", path = "batches/enabled.rs")]
#[cfg_attr(not(feature = "parquet"), path = "batches/disabled.rs")]
mod batches;
pub mod error;
pub mod generate;
pub mod group;
pub mod infer;
pub mod lists;
mod open;
mod order;
pub mod rows;
pub mod sort;
mod spill;
pub mod stats;
pub mod table;
mod units;

pub use error::Error;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
