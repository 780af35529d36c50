//! The store: every version of every file, once.
//!
//! Files are cut into chunks where their content says so, chunks are named by their hash and kept once, in packs; folders
//! and commits are nodes that name what is in them, so a commit's id vouches for every byte below it.
//!
//! ```text
//! files ──► chunks ──► frames ──► packs ◄── index (id → pack, entry)
//!             ▲                     ▲
//!          staging ──► nodes ───────┘ ◄── commits ◄── refs
//! ```
//!
//! `docs/store-format.md` draws every byte on the disk. Modules that the documentation hides are for the benches and the fuzzers:
//! [`Store`](store::Store), [`Session`](session::Session) and what they take and give is what one needs.

pub mod add;
mod beneath;
pub mod caches;
pub mod chunker;
#[doc(hidden)]
pub mod codec;
pub mod collect;
pub mod commit;
pub mod entry;
pub mod error;
pub mod forget;
pub mod format;
pub mod history;
pub mod id;
#[doc(hidden)]
pub mod index;
mod ingest;
mod lock;
mod marks;
pub mod objects;
#[doc(hidden)]
pub mod pack;
mod parallel;
pub mod path;
pub mod perf;
pub mod progress;
pub mod read;
pub mod refs;
pub mod repair;
pub mod restore;
pub mod session;
pub mod settings;
pub mod size;
pub mod staging;
pub mod status;
pub mod store;
#[cfg(test)]
mod testing;
pub mod transfer;
pub mod tree;
pub mod verify;
pub mod walk;
pub mod write_file;

pub use error::Error;
#[doc(hidden)]
pub use tamis_engine::disk;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
