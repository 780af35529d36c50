//! A change rewrites few nodes, and a comparison reads few, however large the folder is.

use std::collections::{BTreeMap, HashSet};

use xxhash_rust::xxh3::xxh3_64;

use super::*;

const NAMES: u32 = 100_000;

fn base() -> BTreeMap<Vec<u8>, u32> {
    (0..NAMES)
        .map(|number| (format!("file-{:07}.txt", number * 7).into_bytes(), number))
        .collect()
}

fn write_folder(names: &BTreeMap<Vec<u8>, u32>, nodes: &mut Nodes) -> NodeRef {
    let mut writer = FolderWriter::new();
    for (name, number) in names {
        writer
            .push_entry(name, &file_entry(*number), None, None, nodes)
            .expect("names are sorted");
    }
    writer.finish(nodes).expect("memory takes everything").0
}

/// A name that ends a leaf, and so makes two of one.
fn splitting_name(random: &mut fastrand::Rng) -> Vec<u8> {
    loop {
        let name = format!("file-{:07}.new", random.u32(..NAMES * 7)).into_bytes();
        if xxh3_64(&name) & 0x7f == 0 {
            return name;
        }
    }
}

#[test]
fn a_change_rewrites_few_nodes_and_is_found_by_reading_few() {
    let mut nodes = Nodes::default();
    let names = base();
    let root = write_folder(&names, &mut nodes);
    assert!(root.height >= 2);
    let few = 2 * usize::from(root.height) + 2;
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..8 {
        let mut edited = names.clone();
        let existing = format!("file-{:07}.txt", random.u32(..NAMES) * 7).into_bytes();
        let changed = match round % 4 {
            0 => edited.insert(existing, 1_000_000).map(drop),
            1 => edited.remove(&existing).map(drop),
            2 => edited
                .insert(splitting_name(&mut random), 1)
                .map(drop)
                .or(Some(())),
            _ => {
                let before = if round == 3 { "a" } else { "z" };
                edited.insert(before.into(), 1).map(drop).or(Some(()))
            }
        };
        assert_eq!(changed, Some(()));
        nodes.new = 0;
        let edited_root = write_folder(&edited, &mut nodes);
        assert!(nodes.new <= few, "round {round} wrote {}", nodes.new);
        nodes.reads.store(0, Ordering::Relaxed);
        assert_eq!(diff(Some(root), Some(edited_root), &nodes).count(), 1);
        assert!(
            nodes.reads.load(Ordering::Relaxed) <= 2 * few,
            "round {round} read {}",
            nodes.reads.load(Ordering::Relaxed)
        );
    }
}

/// By the hash of the level below, all items of a branch would end it, and each branch would have 32.
#[test]
fn branches_are_cut_by_content_and_not_by_count() {
    let mut nodes = Nodes::default();
    let root = write_folder(&base(), &mut nodes);
    let node::Node::FolderBranch(parts) =
        node::decode(&nodes.kept[&root.id]).expect("it was just written")
    else {
        panic!("so many names have branches");
    };
    let lengths: HashSet<usize> = parts
        .iter()
        .map(|part| match node::decode(&nodes.kept[&part.id]) {
            Ok(node::Node::FolderBranch(parts)) => parts.len(),
            _ => panic!("so many names have two levels of branches"),
        })
        .collect();
    assert!(
        lengths.len() > 2 && lengths.iter().any(|&length| length > 64),
        "{lengths:?}"
    );
}

/// Items of 8 KiB and more reach 256 KiB before there are 32 of them.
#[test]
fn long_items_are_cut_by_content_too() {
    let mut nodes = Nodes::default();
    let mut write = |first: usize| {
        let mut writer = FolderWriter::new();
        for number in first..1200 {
            let mut entry = file_entry(number as u32);
            entry.attributes = vec![(b"user.icon".to_vec(), vec![number as u8; 12_000])];
            let name = format!("{number:05}");
            writer
                .push_entry(name.as_bytes(), &entry, None, None, &mut nodes)
                .expect("names are sorted");
        }
        nodes.new = 0;
        let written = writer.finish(&mut nodes).expect("memory takes everything");
        (written.0, nodes.kept.len())
    };
    let (_, all) = write(0);
    let (_, more) = write(1);
    assert!(
        more - all < all / 4,
        "{} new nodes beside {all}",
        more - all
    );
}

/// Ids must not change with the code: then nothing would be found that is stored already.
#[test]
fn ids_are_what_they_were() {
    let mut nodes = Nodes::default();
    let names = (0..5000).map(|number| (format!("{number:05}").into_bytes(), number));
    let folder = write_folder(&names.collect(), &mut nodes);
    let mut list = ListWriter::new();
    for number in 0..5000u32 {
        let id = ObjectId::of_chunk(&number.to_le_bytes());
        let run = Run {
            id,
            len_bytes: number + 1,
            count: 1,
        };
        list.push(run, &mut nodes).expect("memory takes everything");
    }
    let Body::List { root, height } = list.finish(&mut nodes).expect("memory takes everything")
    else {
        panic!("so many runs are a list");
    };
    assert_eq!((folder.height, height), (1, 1));
    let ids = [folder.id, root].map(|id| id.to_string());
    assert_eq!(
        ids,
        [
            "f1fd82da874fc4b37d725ce0453e360588594a5677404ed739640ad7472e67b2",
            "8434f556a950bbd27c4a35c906cbb1ddaa69c95d823a5454ae8602fd6df9c68d",
        ]
    );
}
