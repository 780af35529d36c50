//! Where folders and lists are cut into nodes, and how one node comes to stand above all of them.
//!
//! A node ends where its last item says so: where the XXH3 of the item's key has seven zeros, about once in 128 items. So
//! cuts depend on what is there and not on how it came to be there, and a change moves cuts only up to the next item that
//! says so. Three things are added to that:
//!
//! - *A node is not too short*: 32 items or 16 KiB. This depends on where the node began, so that a change can move the
//!   cut behind it too; but of two nodes that began at different places most end at the same one.
//! - *A node is not too long*: 1,024 items or 256 KiB. Without the 16 KiB above, items of 8 KiB and more would always be
//!   cut here, by count, and one more of them would move all cuts behind.
//! - *The height is the seed of the hash.* A node's last name is the key of its item in the branch above; by the same hash
//!   nearly all items of a branch would say "cut", and all branches would have 32 items, cut by count again.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::entry::HEIGHT_MAX;
use crate::id::ObjectId;
use crate::{Error, Result};

use super::node::{HEADER_BYTES, VERSION};
use super::{NodeRef, NodeSink};

/// What is cut: a folder or a list.
pub(super) trait Shape {
    /// What a branch says of a node below, besides its id.
    type Below;
    const LEAF_KIND: u8;
    const BRANCH_KIND: u8;

    /// Appends the item of a branch.
    fn put_part(id: &ObjectId, below: &Self::Below, out: &mut Vec<u8>);
    /// The bytes of such an item that say whether a node ends behind it.
    fn key<'a>(id: &'a ObjectId, below: &'a Self::Below) -> &'a [u8];
    /// Adds what comes behind; `None` if 64 bits cannot count it.
    fn add(sum: &mut Option<Self::Below>, more: Self::Below) -> Option<()>;
}

/// The open node of each level, leaves first.
pub(super) struct Levels<S: Shape> {
    levels: Vec<Level<S>>,
}

struct Level<S: Shape> {
    bytes: Vec<u8>,
    items: usize,
    below: Option<S::Below>,
    /// The node that the newest item names, if this is a level of branches.
    newest: Option<ObjectId>,
}

struct Item<'i, B> {
    bytes: &'i [u8],
    ends_node: bool,
    below: B,
    names: Option<ObjectId>,
}

impl<S: Shape> Levels<S> {
    pub(super) fn new() -> Levels<S> {
        Levels {
            levels: vec![Level::new(S::LEAF_KIND)],
        }
    }

    /// Appends an item to the leaves; its length is at most that of a node.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        key: &[u8],
        below: S::Below,
        sink: &mut dyn NodeSink,
    ) -> Result<()> {
        let item = Item {
            bytes,
            ends_node: ends_node(key, 0),
            below,
            names: None,
        };
        self.push_at(0, item, sink)
    }

    /// Writes what is open. An empty folder is an empty leaf, of which nothing is below.
    pub(super) fn finish(mut self, sink: &mut dyn NodeSink) -> Result<(NodeRef, Option<S::Below>)> {
        let mut height = 0;
        // A level has one above as soon as one of its nodes is written, so the highest one never lost an item.
        while height + 1 < self.levels.len() {
            if self.levels[height].items > 0 {
                self.close(height, sink)?;
            }
            height += 1;
        }
        let top = &mut self.levels[height];
        if let (1, Some(id)) = (top.items, top.newest) {
            let node = node_ref(id, height - 1);
            return Ok((node, top.below.take()));
        }
        let id = sink.put_node(&top.bytes)?;
        Ok((node_ref(id, height), top.below.take()))
    }

    fn push_at(
        &mut self,
        height: usize,
        item: Item<'_, S::Below>,
        sink: &mut dyn NodeSink,
    ) -> Result<()> {
        if height == self.levels.len() {
            self.levels.push(Level::new(S::BRANCH_KIND));
        }
        let level = &self.levels[height];
        if level.items > 0 && level.bytes.len() + item.bytes.len() > LONG_BYTES {
            self.close(height, sink)?;
        }
        let level = &mut self.levels[height];
        let ends_node = item.ends_node;
        level.append(item)?;
        match level.items >= LONG_ITEMS || ends_node && level.is_long_enough() {
            true => self.close(height, sink),
            false => Ok(()),
        }
    }

    /// Writes the open node of a level and names it in the level above. The recursion is as deep as the tree is high.
    fn close(&mut self, height: usize, sink: &mut dyn NodeSink) -> Result<()> {
        if height >= usize::from(HEIGHT_MAX) {
            return Err(too_large());
        }
        let level = &mut self.levels[height];
        let id = sink.put_node(&level.bytes)?;
        level.bytes.truncate(HEADER_BYTES);
        level.items = 0;
        let Some(below) = level.below.take() else {
            return Ok(());
        };
        let mut bytes = Vec::new();
        S::put_part(&id, &below, &mut bytes);
        let item = Item {
            bytes: &bytes,
            ends_node: ends_node(S::key(&id, &below), height + 1),
            below,
            names: Some(id),
        };
        self.push_at(height + 1, item, sink)
    }
}

impl<S: Shape> Level<S> {
    fn new(kind: u8) -> Level<S> {
        Level {
            bytes: vec![kind, VERSION],
            items: 0,
            below: None,
            newest: None,
        }
    }

    fn append(&mut self, item: Item<'_, S::Below>) -> Result<()> {
        self.bytes.extend_from_slice(item.bytes);
        self.items += 1;
        self.newest = item.names;
        S::add(&mut self.below, item.below).ok_or_else(too_large)
    }

    fn is_long_enough(&self) -> bool {
        self.items >= SHORT_ITEMS || self.bytes.len() >= SHORT_BYTES
    }
}

fn ends_node(key: &[u8], height: usize) -> bool {
    xxh3_64_with_seed(key, height as u64) & END_MASK == 0
}

fn node_ref(id: ObjectId, height: usize) -> NodeRef {
    let height = u8::try_from(height).expect("no level is above `HEIGHT_MAX`");
    NodeRef { id, height }
}

fn too_large() -> Error {
    Error::Usage {
        reason: "a folder or a file holds more than 64 bits can count".to_owned(),
    }
}

/// About one item in 128 ends a node.
const END_MASK: u64 = 0x7f;
/// No node ends before it has so many items, or so many bytes.
const SHORT_ITEMS: usize = 32;
const SHORT_BYTES: usize = 16 << 10;
/// Every node ends when it has so many items, or would have more bytes than this; a single item may be longer.
const LONG_ITEMS: usize = 1024;
const LONG_BYTES: usize = 256 << 10;
