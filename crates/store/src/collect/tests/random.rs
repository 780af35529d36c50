//! Any history, anything forgotten of it.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::cases;

/// Which of some blocks a file is made of, for each of some names.
type Shape = Vec<(u8, Vec<u8>)>;

fn versions() -> impl Strategy<Value = Vec<(Shape, bool)>> {
    let shape = vec((0..6u8, vec(0..12u8, 0..9)), 0..5);
    vec((shape, any::<bool>()), 1..7)
}

fn files_of(shape: &Shape) -> Files {
    let file = |blocks: &Vec<u8>| {
        let blocks = blocks.iter().map(|it| noise(u64::from(*it), 700));
        blocks.collect::<Vec<_>>().concat()
    };
    let files = shape.iter();
    files
        .map(|(name, blocks)| (format!("file {name}"), file(blocks)))
        .collect()
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn what_is_kept_stays_and_nothing_else(
        versions in versions(),
        staged in vec((0..6u8, vec(0..12u8, 0..9)), 0..3),
        repack_below in prop_oneof![Just(0.0), Just(0.5), Just(1.0)],
    ) {
        let place = Place::new();
        let mut kept = Vec::new();
        let mut forgotten = Vec::new();
        for (number, (shape, is_kept)) in versions.iter().enumerate() {
            let files = files_of(shape);
            let id = place.commit(&files);
            match *is_kept || number + 1 == versions.len() {
                true => kept.push((id, files)),
                false => forgotten.push(id),
            }
        }
        place.write(&files_of(&staged));
        let mut store = place.open();
        place.add(&mut Session::open(&store, place.work()).expect("nobody else adds"));
        let mut needed: BTreeSet<_> =
            kept.iter().flat_map(|(id, _)| objects_of(&store, *id)).collect();
        for files in [files_of(&staged)] {
            let chunker = crate::chunker::Chunker::new(store.format().chunks).expect("it is valid");
            for bytes in files.into_values() {
                needed.extend(chunks(&chunker, &bytes));
            }
        }
        store.forget_commits(&forgotten).expect("none is the head");
        let options = CollectOptions { repack_below, ..now() };
        let collected = store.collect(&options).expect("it can be collected");
        prop_assert_eq!(collected.missing_chunks, 0);
        prop_assert_eq!(collected.bytes_in_trash, 0);
        drop(store);
        assert_all_there(&place.store_folder(), &kept);
        let left = objects_in(&place.store_folder(), "packs");
        prop_assert!(needed.is_subset(&left));
        if repack_below == 1.0 {
            // Nodes of long lists that are staged are needed, too.
            let lists = left.difference(&needed).count();
            prop_assert!(lists <= staged.len(), "{} objects too many", lists);
        }
        let again = place.open().collect(&options).expect("it can be collected");
        prop_assert_eq!(again.packs_dropped + again.packs_rewritten, 0);
    }
}

fn chunks(chunker: &crate::chunker::Chunker, mut bytes: &[u8]) -> Vec<ObjectId> {
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        let len = match bytes.len() <= chunker.parameters().min_bytes as usize {
            true => bytes.len(),
            false => chunker.cut(bytes),
        };
        chunks.push(ObjectId::of_chunk(&bytes[..len]));
        bytes = &bytes[len..];
    }
    chunks
}
