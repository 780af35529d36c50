//! A file in the store as an input of the engine.

use std::sync::Arc;

use tamis_engine::source::{Opened, ReadOptions, Source, open_region};

use super::{StoredFile, to_engine};
use crate::Result;
use crate::store::Store;
use crate::tree::Child;

/// A file of a commit, unpacked if it is compressed.
///
/// It is looked up when this is made: that a revision or a path is not there is said at once, and each
/// [`open`](Source::open) gives the same bytes, wherever the branch is by then.
#[derive(Debug)]
pub struct StoreSource {
    store: Arc<Store>,
    child: Child,
    name: String,
    options: ReadOptions,
}

impl StoreSource {
    /// The file at `path` of the commit that `revision` names; `name` is what reports and errors call it.
    ///
    /// # Errors
    /// As [`Store::resolve`] and [`Store::find_file`].
    pub fn new(
        store: Arc<Store>,
        revision: &str,
        path: &[u8],
        name: impl Into<String>,
        options: ReadOptions,
    ) -> Result<StoreSource> {
        let (_, commit) = store.resolve(revision)?;
        let child = store.find_file(commit.root, path, revision)?;
        Ok(StoreSource::of_child(store, child, name, options))
    }

    /// A file that was found already, in whatever way.
    pub fn of_child(
        store: Arc<Store>,
        child: Child,
        name: impl Into<String>,
        options: ReadOptions,
    ) -> StoreSource {
        StoreSource {
            store,
            child,
            name: name.into(),
            options,
        }
    }
}

impl Source for StoreSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn open(&self) -> tamis_engine::Result<Opened> {
        // Whoever looks for chunks that `gc` has moved since finds them by the index of now.
        let index = self.store.objects().index();
        index
            .refresh()
            .map_err(|error| to_engine(&self.name, error))?;
        let file = StoredFile::new(self.store.clone(), self.child.clone(), &self.name);
        open_region(Box::new(file), &self.options)
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}
