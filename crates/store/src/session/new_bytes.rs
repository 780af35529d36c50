//! What a commit holds that was in no pack when the commit before it was made.
//!
//! The staging says which packs were made since ([`Staging::packs_since_commit`](crate::staging::Staging::packs_since_commit)), and the
//! index where a chunk is. So what an `add` stored that failed, or that was taken back, does not count; what was staged by
//! several of them counts once, by a bit for each object of the index ([`Marks`]). A pack that `gc` has rewritten in between is one of before: it
//! is not told apart.
//!
//! Only what is staged differently is looked at, and of a long file no part of its chunk list that is in a pack of before.

use std::collections::HashMap;

use crate::Result;
use crate::entry::Content;
use crate::id::{FileId, ObjectId};
use crate::index::{PackEntry, PackKind};
use crate::marks::{Mark, Marks};
use crate::staging::{Change, Staging};
use crate::store::Store;
use crate::tree::{Reference, references_of_body};

/// What is new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NewBytes {
    pub(super) chunks: u64,
    /// Length of these chunks.
    pub(super) plain_bytes: u64,
    /// What they and the nodes of their lists take in packs: of a pack that has other things too, its share.
    pub(super) stored_bytes: u64,
}

/// Counts it, change by change.
#[derive(Debug)]
pub(super) struct Counter<'s> {
    store: &'s Store,
    marks: Marks,
    packs: HashMap<FileId, Share>,
    chunks: u64,
    plain_bytes: u64,
}

/// A pack, and the plain bytes that are needed of it.
#[derive(Debug)]
struct Share {
    pack: PackEntry,
    needed_bytes: u64,
}

impl<'s> Counter<'s> {
    pub(super) fn new(store: &'s Store, staging: &Staging) -> Result<Counter<'s>> {
        let made = staging.packs_since_commit()?;
        let index = store.objects().index();
        let known = index.known_packs().into_iter();
        let known = known.filter(|pack| made.contains(&pack.id));
        let share = |pack: PackEntry| Share {
            pack,
            needed_bytes: 0,
        };
        Ok(Counter {
            store,
            marks: Marks::new(index),
            packs: known.map(|pack| (pack.id, share(pack))).collect(),
            chunks: 0,
            plain_bytes: 0,
        })
    }

    pub(super) fn count(&mut self, change: &Change) -> Result<()> {
        let Some(Content::File {
            len_bytes, body, ..
        }) = change.now.as_ref().map(|staged| &staged.entry.content)
        else {
            return Ok(());
        };
        if self.packs.is_empty() {
            return Ok(());
        }
        let objects = self.store.objects();
        references_of_body(body, *len_bytes, objects, &mut |id, reference| {
            self.count_object(id, reference)
        })
    }

    /// Whether it is new; whether its pack is one of those that were made since, that is.
    fn count_object(&mut self, id: &ObjectId, reference: Reference) -> Result<bool> {
        let objects = self.store.objects();
        let Some(place) = objects.index().find(id)? else {
            return Ok(false);
        };
        let Some(share) = self.packs.get_mut(&place.pack) else {
            return Ok(false);
        };
        if self.marks.mark(id)? == Mark::Known {
            return Ok(false);
        }
        let len_bytes = match reference {
            Reference::Chunk { len_bytes } => {
                self.chunks += 1;
                self.plain_bytes += u64::from(len_bytes);
                u64::from(len_bytes)
            }
            Reference::Folder | Reference::List => objects.read(id, PackKind::Tree)?.len() as u64,
        };
        share.needed_bytes += len_bytes;
        Ok(true)
    }

    pub(super) fn finish(self) -> NewBytes {
        let shares = self.packs.values().map(Share::stored_bytes);
        NewBytes {
            chunks: self.chunks,
            plain_bytes: self.plain_bytes,
            stored_bytes: shares.sum(),
        }
    }
}

impl Share {
    fn stored_bytes(&self) -> u64 {
        let PackEntry {
            file_bytes,
            plain_bytes,
            ..
        } = self.pack;
        let needed_bytes = self.needed_bytes.min(plain_bytes);
        let stored_bytes = u128::from(file_bytes) * u128::from(needed_bytes);
        // Not more than the pack, since what is needed of it is not more than it has.
        (stored_bytes / u128::from(plain_bytes.max(1))) as u64
    }
}
