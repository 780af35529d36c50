//! What an index promises: it finds what it was given, whatever becomes of segments, and damage is noticed.

mod damage;
mod publish;
mod segment;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::Error;
use crate::id::ObjectId;

/// A store with nothing in it.
fn store() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("index")).expect("a folder");
    fs::create_dir(folder.path().join("tmp")).expect("a folder");
    folder
}

/// A pack with these ids; packs of different numbers are different.
fn pack(number: u32, ids: &[ObjectId]) -> PackEntry {
    PackEntry {
        id: FileId::of(&number.to_le_bytes()),
        kind: match number % 2 {
            0 => PackKind::Data,
            _ => PackKind::Tree,
        },
        entries: ids.len() as u32,
        file_bytes: u64::from(number) + 1000,
        plain_bytes: u64::from(number) + 2000,
    }
}

/// An id like those of chunks.
fn id(number: u32) -> ObjectId {
    ObjectId::of_chunk(&number.to_le_bytes())
}

/// Ids of a small pool, so that they meet again: some like hashes, some that share a prefix or differ in their last
/// byte, and the ends of the order.
fn any_id() -> impl Strategy<Value = ObjectId> {
    let shared = |first: u8, len: usize| {
        (0..300_u32).prop_map(move |number| {
            let mut id = id(number);
            id.0[..len].fill(first);
            id
        })
    };
    prop_oneof![
        4 => (0..300_u32).prop_map(id),
        1 => shared(0x5a, 3),
        1 => shared(0x5a, 8),
        1 => shared(0xff, 8),
        1 => (0..=255_u8).prop_map(|last| {
            let mut id = id(0);
            id.0[31] = last;
            id
        }),
        1 => prop_oneof![Just(ObjectId([0; 32])), Just(ObjectId([0xff; 32]))],
    ]
}

/// Ids of packs.
fn any_packs() -> impl Strategy<Value = Vec<Vec<ObjectId>>> {
    prop::collection::vec(prop::collection::vec(any_id(), 0..200), 0..6)
}

/// Writes a segment of packs with these ids.
fn write(packs: &[Vec<ObjectId>], store: &Path) -> PathBuf {
    let mut builder = Builder::new();
    for (number, ids) in packs.iter().enumerate() {
        builder.add_pack(pack(number as u32, ids), ids.iter().copied());
    }
    let id = builder
        .write(&RealDisk::shared(), store)
        .expect("there is room");
    store.join("index").join(id.to_string())
}

/// Where each id is: in the first of the packs that have it.
fn model(packs: &[Vec<ObjectId>]) -> BTreeMap<ObjectId, Place> {
    let mut places = BTreeMap::new();
    for (number, ids) in packs.iter().enumerate() {
        for (entry, id) in ids.iter().enumerate() {
            let place = Place::new(&pack(number as u32, ids), entry as u32);
            places.entry(*id).or_insert(place);
        }
    }
    places
}
