//! Text and files at memory speed, without asking what their records mean.
//!
//! - [`search`] finds lines that match a pattern, in files, trees and streams, on all cores of one file;
//! - [`count`] counts lines, words, characters, bytes and records;
//! - [`logs`] reads access logs and application logs and reports on them;
//! - [`dupes`] finds files that are the same, and replaces them when told to;
//! - [`inspect`] reads the headers of pictures, films, archives, programs and databases;
//! - [`compress`] packs and unpacks files in blocks, in parallel;
//! - [`io_bench`] measures the ways of reading a file against each other;
//! - [`walk`] finds all files below folders, and [`names`] writes their names so that nothing of them is lost.

pub mod compress;
pub mod count;
pub mod dupes;
pub mod error;
pub mod inspect;
pub mod io_bench;
pub mod logs;
pub mod names;
pub mod search;
pub mod walk;
mod work;

pub use error::Error;
pub use work::Work;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
