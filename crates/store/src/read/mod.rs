//! The bytes of files in the store, without restoring them.
//!
//! ```text
//! StoreUri ──► StoreSource ──► StoredFile: any range, for whatever reads files (check, sample, search)
//! a child of a folder ───────► Store::copy_range: bytes in order, unpacked by all threads (cat)
//! ```
//!
//! - [`uri`] reads `store:[DIR@]REF:PATH`;
//! - [`stored`] is a file that is open at any byte;
//! - [`source`] is what the engine opens, and unpacks if it is compressed;
//! - [`copy`] puts out a range in order.
//!
//! Symbolic links are not followed: what they point to may lie outside of the store, or be another thing in each work tree.

mod copy;
mod source;
mod stored;
#[cfg(test)]
mod tests;
mod uri;

use std::sync::Arc;

use tamis_engine::names::show_bytes;

pub use source::StoreSource;
pub use stored::StoredFile;
pub use uri::StoreUri;

use crate::entry::Content;
use crate::store::Store;
use crate::tree::{Child, NodeRef, lookup};
use crate::{Error, Result};

impl Store {
    /// The file at a path of a tree; `commit` names the tree in errors.
    ///
    /// # Errors
    /// [`Error::NoPath`]; [`Error::Usage`] if a folder or a link is there; and what reading nodes can end in.
    pub fn find_file(&self, root: NodeRef, path: &[u8], commit: &str) -> Result<Child> {
        if path.is_empty() {
            return Err(Error::Usage {
                reason: format!("all of `{commit}` is a folder; name a file in it"),
            });
        }
        let found = lookup(root, path, self.objects())?;
        let child = found.ok_or_else(|| Error::NoPath {
            commit: commit.to_owned(),
            path: show_bytes(path).into_owned(),
        })?;
        match &child.entry.content {
            Content::File { .. } => Ok(child),
            Content::Folder => Err(Error::Usage {
                reason: format!("`{}` is a folder; name a file in it", show_bytes(path)),
            }),
            Content::Link { target } => Err(Error::Usage {
                reason: format!(
                    "`{}` is a symbolic link, which is not followed here; it points to `{}`",
                    show_bytes(path),
                    show_bytes(target)
                ),
            }),
        }
    }

    /// Opens the file at a path of a tree for reading at any byte; `name` is what errors call it.
    ///
    /// # Errors
    /// As [`find_file`](Store::find_file).
    pub fn open_file(
        self: &Arc<Store>,
        root: NodeRef,
        path: &[u8],
        name: &str,
    ) -> Result<StoredFile> {
        let child = self.find_file(root, path, name)?;
        Ok(StoredFile::new(self.clone(), child, name))
    }
}

/// A store's error for who speaks the engine's: `input` is the name of what was read.
pub(crate) fn to_engine(input: &str, error: Error) -> tamis_engine::Error {
    match error {
        Error::Engine(error) => error,
        error => tamis_engine::Error::Producer {
            input: input.to_owned(),
            source: Box::new(error),
        },
    }
}
