//! Nodes that an enemy wrote, or a bad disk: an error, and never a panic, a loop, or a wrong claim believed.

use super::*;
use crate::codec::put_varint;
use crate::entry::put_run;
use crate::path::DEPTH_MAX;

use super::node::{FolderPart, Node, decode, put_child, put_folder_part, put_list_part};
use crate::testing::cases;

/// A node as it is written.
fn encode(node: &Node) -> Vec<u8> {
    let kind = match node {
        Node::Folder(_) => node::FOLDER_LEAF,
        Node::FolderBranch(_) => node::FOLDER_BRANCH,
        Node::List(_) => node::LIST_LEAF,
        Node::ListBranch(_) => node::LIST_BRANCH,
    };
    let mut out = vec![kind, node::VERSION];
    match node {
        Node::Folder(children) => children.iter().for_each(|child| {
            let link_to = child.link_to.as_deref();
            put_child(
                &child.name,
                &child.entry,
                child.folder.as_ref(),
                link_to,
                &mut out,
            );
        }),
        Node::FolderBranch(parts) => parts
            .iter()
            .for_each(|part| put_folder_part(&part.id, &part.below, &mut out)),
        Node::List(runs) => runs.iter().for_each(|run| put_run(run, &mut out)),
        Node::ListBranch(parts) => parts.iter().for_each(|part| put_list_part(part, &mut out)),
    }
    out
}

/// A tree of all four kinds of nodes.
fn victim() -> (Nodes, NodeRef) {
    let mut nodes = Nodes::default();
    let mut list = ListWriter::new();
    let mut len_bytes = 0;
    for number in 0..400u32 {
        let id = ObjectId::of_chunk(&number.to_le_bytes());
        let run = Run {
            id,
            len_bytes: 9 + number,
            count: 1,
        };
        len_bytes += run.total_bytes();
        list.push(run, &mut nodes).expect("memory takes everything");
    }
    let body = list.finish(&mut nodes).expect("memory takes everything");
    let mut large = file_entry(0);
    large.content = Content::File {
        len_bytes,
        is_sparse: true,
        body,
    };
    let mut link = file_entry(1);
    link.content = Content::Link {
        target: b"elsewhere".to_vec(),
    };
    link.attributes = vec![(b"user.a".to_vec(), b"value".to_vec())];
    let mut model = Model::from([
        (vec![b"a".to_vec()], (large, None)),
        (vec![b"b".to_vec()], (link, None)),
        (vec![b"c".to_vec()], (file_entry(2), Some(b"a".to_vec()))),
    ]);
    for number in 0..400 {
        let names = vec![b"large".to_vec(), format!("{number:03}").into_bytes()];
        model.insert(names, (file_entry(number), None));
    }
    let (root, _) = write(&model, &mut nodes);
    (nodes, root)
}

/// Reads the tree in every way, and tells whether any found something wrong.
fn read_in_every_way(root: NodeRef, other: NodeRef, nodes: &Nodes) -> bool {
    let mut is_wrong = false;
    for found in walk(b"", root, nodes) {
        match found {
            Err(_) => is_wrong = true,
            Ok(Found { child, .. }) => {
                if let Content::File {
                    len_bytes, body, ..
                } = &child.entry.content
                {
                    is_wrong |=
                        runs(body, *len_bytes, len_bytes / 2, nodes).any(|run| run.is_err());
                }
            }
        }
    }
    is_wrong |= lookup(root, b"large/200", nodes).is_err();
    is_wrong |= diff(Some(other), Some(root), nodes).any(|difference| difference.is_err());
    is_wrong |= diff(Some(root), None, nodes).any(|difference| difference.is_err());
    is_wrong | references(root, nodes, &mut |_, _| Ok(true)).is_err()
}

fn mutate(
    bytes: &[u8],
    changes: &[(prop::sample::Index, u8)],
    cut: Option<prop::sample::Index>,
) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
    for (place, byte) in changes {
        if !bytes.is_empty() {
            *place.get_mut(&mut bytes) = *byte;
        }
    }
    bytes
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn damaged_nodes_do_not_make_readers_panic(
        which: prop::sample::Index,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let (mut nodes, root) = victim();
        let mut ids: Vec<ObjectId> = nodes.kept.keys().copied().collect();
        ids.sort();
        let id = which.get(&ids);
        let damaged = mutate(&nodes.kept[id], &changes, cut);
        let is_same = damaged == *nodes.kept[id];
        if let Ok(node) = decode(&damaged) {
            prop_assert_eq!(&encode(&node), &damaged, "each node has one form");
        }
        let is_bad = check_node(&damaged).is_err();
        nodes.kept.insert(*id, damaged.into());
        let (other, _) = write(&Model::new(), &mut nodes);
        let is_noticed = read_in_every_way(root, other, &nodes);
        prop_assert!(is_noticed || !is_bad);
        prop_assert!(!is_noticed || !is_same);
    }

    #[test]
    fn no_bytes_make_a_check_panic(kind in 0..6u8, bytes in vec(prop_oneof![0..3u8, any::<u8>()], 0..300)) {
        let node = [&[kind, 1][..], &bytes].concat();
        let _ = (check_node(&node), check_node(&bytes));
    }
}

/// The nodes of a large folder, taken apart for a wrong claim to be put in.
fn large_folder() -> (Nodes, NodeRef, Vec<FolderPart>) {
    let (nodes, root) = victim();
    let large = find(root, b"large", &nodes)
        .expect("nothing is damaged")
        .expect("it is there");
    let (folder, _) = large.folder.expect("it is a folder");
    match decode(&nodes.kept[&folder.id]) {
        Ok(Node::FolderBranch(parts)) if parts.len() > 1 => (nodes, folder, parts),
        _ => panic!("a large folder has branches"),
    }
}

fn is_bad(folder: NodeRef, nodes: &Nodes) -> bool {
    let is_bad_object = |error: &Error| matches!(error, Error::BadObject { .. });
    let read = children(folder, nodes).any(|child| child.as_ref().is_err_and(is_bad_object));
    let marked = references(folder, nodes, &mut |_, _| Ok(true));
    assert_eq!(read, marked.as_ref().is_err_and(is_bad_object));
    read
}

#[test]
fn what_a_branch_says_is_held_against_what_is_below() {
    let edits: [fn(&mut FolderPart); 5] = [
        |part| part.below.entries += 1,
        |part| part.below.totals.files += 1,
        |part| part.below.totals.bytes += 1,
        |part| part.below.last.push(b'x'),
        |_| {},
    ];
    for (number, edit) in edits.into_iter().enumerate() {
        let (mut nodes, folder, mut parts) = large_folder();
        edit(&mut parts[0]);
        let id = nodes
            .put_node(&encode(&Node::FolderBranch(parts)))
            .expect("it is well formed by itself");
        assert_eq!(is_bad(NodeRef { id, ..folder }, &nodes), number < 4);
        for height in [0, 2] {
            assert!(is_bad(NodeRef { id, height }, &nodes));
        }
    }
}

#[test]
fn leaves_that_overlap_are_refused() {
    let (mut nodes, folder, mut parts) = large_folder();
    let Ok(Node::Folder(mut children)) = decode(&nodes.kept[&parts[1].id]) else {
        panic!("below is a leaf");
    };
    children[0].name = b"000".to_vec();
    let leaf = encode(&Node::Folder(children));
    parts[1].id = nodes.put_node(&leaf).expect("it is well formed by itself");
    let branch = encode(&Node::FolderBranch(parts));
    let id = nodes
        .put_node(&branch)
        .expect("it is well formed by itself");
    assert!(is_bad(NodeRef { id, ..folder }, &nodes));
}

#[test]
fn a_folder_says_truly_what_is_in_it() {
    let (mut nodes, root) = victim();
    let Ok(Node::Folder(mut children)) = decode(&nodes.kept[&root.id]) else {
        panic!("the root is a leaf");
    };
    for child in &mut children {
        if let Some((_, totals)) = &mut child.folder {
            totals.files -= 1;
        }
    }
    let leaf = encode(&Node::Folder(children));
    let id = nodes.put_node(&leaf).expect("it is well formed by itself");
    let root = NodeRef { id, height: 0 };
    assert!(walk(b"", root, &nodes).any(|found| found.is_err()));
    assert!(lookup(root, b"large/1", &nodes).is_err());
}

#[test]
fn a_damaged_leaf_hides_only_what_is_in_it() {
    let (mut nodes, folder, parts) = large_folder();
    nodes.kept.insert(parts[0].id, Arc::from(&b"?"[..]));
    let mut walk = walk(b"large", folder, &nodes);
    let first = walk.next().expect("something is there");
    assert!(
        matches!(first, Err(Error::BadObject { byte_offset: 1, .. })),
        "{first:?}"
    );
    assert_eq!(walk.folder(), b"large");
    let rest: u64 = parts[1..].iter().map(|part| part.below.entries).sum();
    assert_eq!(walk.filter(|found| found.is_ok()).count() as u64, rest);
    assert_eq!(diff(None, Some(folder), &nodes).count(), 1);
}

/// Goal: what no system could make is refused when it is read, and the error says which entry it is.
#[test]
fn links_and_attributes_that_nobody_can_set_are_refused_by_name() {
    let with_link = |target: &[u8]| Entry {
        content: Content::Link {
            target: target.to_vec(),
        },
        ..file_entry(1)
    };
    let with_attribute = |name: &[u8]| Entry {
        attributes: vec![(name.to_vec(), b"value".to_vec())],
        ..file_entry(1)
    };
    let wrong = [
        (with_link(b""), "target"),
        (with_link(b"a\0b"), "target"),
        (with_attribute(b""), "attribute"),
        (with_attribute(b"user.\0"), "attribute"),
    ];
    for (entry, what) in wrong {
        let mut bytes = vec![node::FOLDER_LEAF, node::VERSION];
        put_child(b"good", &file_entry(1), None, None, &mut bytes);
        put_child(b"wrong\n", &entry, None, None, &mut bytes);
        put_child(b"z", &file_entry(1), None, None, &mut bytes);
        assert!(check_node(&bytes).is_err());
        let mut nodes = Nodes::default();
        let id = ObjectId::of_node(&bytes);
        nodes.kept.insert(id, bytes.into());
        let mut children = children(NodeRef { id, height: 0 }, &nodes);
        let message = match children.next() {
            Some(Err(error)) => error.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(
            message.contains(what) && message.contains("`wrong\\n`"),
            "{message}"
        );
        assert!(!message.contains("good"), "{message}");
    }
}

/// No store can hold it, since nobody finds such ids; but a source that does not check them can.
#[test]
fn a_folder_in_itself_comes_to_an_end() {
    let mut nodes = Nodes::default();
    let id = ObjectId([7; 32]);
    let root = NodeRef { id, height: 0 };
    let mut bytes = vec![node::FOLDER_LEAF, node::VERSION];
    let below = (root, Totals::default());
    put_child(b"a", &folder_entry(0), Some(&below), None, &mut bytes);
    nodes.kept.insert(id, bytes.into());
    let last = walk(b"", root, &nodes).last().expect("something is there");
    assert!(matches!(last, Err(Error::BadObject { .. })));
    let last = diff(None, Some(root), &nodes)
        .last()
        .expect("something is there");
    assert!(matches!(last, Err(Error::BadObject { .. })));
    assert!(references(root, &nodes, &mut |_, _| Ok(true)).is_err());
    let mut entered = Entered(0);
    visit_links(root, &nodes, &mut entered).expect("nothing ends it");
    assert!((DEPTH_MAX..DEPTH_MAX + 3).contains(&entered.0));
}

/// Goes into every node, and counts them.
struct Entered(usize);

impl LinkVisitor for Entered {
    fn enter(&mut self, _: Place<'_>) -> Result<Option<LinksBelow>> {
        self.0 += 1;
        Ok(None)
    }

    fn visit(&mut self, _: &[u8], _: &Child, _: &[u8]) -> Result<bool> {
        Ok(true)
    }

    fn leave(&mut self, _: Place<'_>, _: LinksBelow) {}
}

#[test]
fn claims_of_much_take_no_memory() {
    let mut start = vec![node::FOLDER_LEAF, node::VERSION, 1, b'a', 3, 0];
    start.extend_from_slice(&[0; 8]);
    put_varint(u64::MAX, &mut start);
    assert!(check_node(&start).is_err());
    assert!(check_node(&vec![0; NODE_BYTES_MAX + 1]).is_err());
    for kind in [node::FOLDER_BRANCH, node::LIST_LEAF, node::LIST_BRANCH] {
        assert!(
            check_node(&[kind, 1]).is_err(),
            "an empty one is never written"
        );
    }
    assert_eq!(check_node(&[node::FOLDER_LEAF, 1]), Ok(()));
}

#[test]
fn all_that_a_tree_refers_to_is_marked_once() {
    let (nodes, root) = victim();
    let mut seen: HashMap<ObjectId, Reference> = HashMap::new();
    references(root, &nodes, &mut |id, reference| {
        Ok(seen.insert(*id, reference).is_none())
    })
    .expect("nothing is damaged");
    let is_node = |id: &ObjectId| !matches!(seen[id], Reference::Chunk { .. });
    let marked = seen.keys().filter(|id| is_node(id)).count();
    assert_eq!(marked, nodes.kept.len());
    assert!(nodes.kept.keys().all(is_node));
    // 400 chunks of the list, and those of the 400 small files, which have the same bytes.
    assert_eq!(seen.len() - marked, 400);
}
