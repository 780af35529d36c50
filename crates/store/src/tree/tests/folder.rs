//! Trees read back as they were written.

use super::*;
use crate::testing::cases;

fn totals_below(model: &Model, above: &[Vec<u8>]) -> Totals {
    let mut totals = Totals::default();
    for (_, (entry, link_to)) in model.iter().filter(|(names, _)| names.starts_with(above)) {
        if let Content::File { len_bytes, .. } = entry.content {
            totals.files += 1;
            totals.bytes += if link_to.is_none() { len_bytes } else { 0 };
        }
    }
    totals
}

fn assert_reads_back(model: &Model) {
    let mut nodes = Nodes::default();
    let (root, totals) = write(model, &mut nodes);
    assert_eq!(totals, totals_below(model, &[]));
    let mut expected = model.iter();
    for found in walk(b"", root, &nodes) {
        let found = found.expect("nothing is damaged");
        let (names, (entry, link_to)) = expected.next().expect("nothing else is there");
        assert_eq!(found.path, joined(names));
        assert_eq!(Some(&found.child.name), names.last());
        assert_eq!((&found.child.entry, &found.child.link_to), (entry, link_to));
        let below = found.child.folder.map(|(_, totals)| totals);
        let is_folder = entry.content == Content::Folder;
        assert_eq!(below, is_folder.then(|| totals_below(model, names)));
        let at_path = lookup(root, &found.path, &nodes).expect("nothing is damaged");
        assert_eq!(at_path, Some(found.child));
    }
    assert_eq!(expected.next(), None);
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn trees_read_back(model in model(60)) {
        assert_reads_back(&model);
    }

    #[test]
    fn what_is_not_there_is_not_found(model in model(20), names in vec(name(), 1..4)) {
        let mut nodes = Nodes::default();
        let (root, _) = write(&model, &mut nodes);
        let found = lookup(root, &joined(&names), &nodes).expect("nothing is damaged");
        prop_assert_eq!(found.map(|child| child.entry), model.get(&names).map(|(entry, _)| entry.clone()));
    }
}

proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn large_folders_read_back(model in large_model()) {
        assert_reads_back(&model);
    }
}

#[test]
fn an_empty_tree_is_one_node() {
    let mut nodes = Nodes::default();
    let (root, totals) = write(&Model::new(), &mut nodes);
    assert_eq!((root.height, totals, nodes.new), (0, Totals::default(), 1));
    assert_eq!(walk(b"", root, &nodes).count(), 0);
    assert_eq!(lookup(root, b"", &nodes).expect("the root is there"), None);
}

/// The bytes that `docs/store-format.md` draws.
#[test]
fn a_leaf_is_as_the_document_says() {
    let mut nodes = Nodes::default();
    let (folder, _) = write(&Model::new(), &mut nodes);
    let mut file = file_entry(299);
    file.attributes = vec![(b"u".to_vec(), b"v".to_vec())];
    let mut link = file_entry(1);
    link.content = Content::Link {
        target: b"to".to_vec(),
    };
    let mut writer = FolderWriter::new();
    let children = [
        (&b"a"[..], file, None, Some(b"0".to_vec())),
        (
            b"b",
            folder_entry(0o755),
            Some((folder, Totals::default())),
            None,
        ),
        (b"c", link, None, None),
    ];
    for (name, entry, folder, link_to) in children {
        let name = name.to_vec();
        let child = Child {
            name,
            entry,
            folder,
            link_to,
        };
        writer.push(&child, &mut nodes).expect("names are sorted");
    }
    let (root, _) = writer.finish(&mut nodes).expect("memory takes everything");
    let chunk = ObjectId::of_chunk(&299u32.to_le_bytes()).0;
    let expected = [
        &[1, 1][..],
        &[
            1, b'a', 1, 0xa4, 3, 0x2b, 1, 0, 0, 0, 0, 0, 0, 1, 1, b'u', 1, b'v',
        ],
        &[2, 100, 1],
        &chunk,
        &[100, 1, 1, b'0'],
        &[1, b'b', 2, 0xed, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &folder.id.0,
        &[0, 0, 0],
        &[
            1, b'c', 3, 0xa4, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, b't', b'o',
        ],
    ];
    assert_eq!(*nodes.kept[&root.id], *expected.concat());
}

#[test]
fn folders_that_no_path_stands_for_are_there() {
    let mut nodes = Nodes::default();
    let mut writer = TreeWriter::new();
    writer
        .push(b"a/b/file", &file_entry(1), None, &mut nodes)
        .expect("a parent may be missing");
    let (root, _) = writer.finish(&mut nodes).expect("memory takes everything");
    for path in [&b"a"[..], b"a/b"] {
        let folder = lookup(root, path, &nodes).expect("nothing is damaged");
        assert_eq!(folder.expect("it is there").entry, folder_entry(0o755));
    }
}

#[test]
fn a_skipped_folder_is_not_gone_into() {
    let names = |path: &str| {
        path.split('/')
            .map(|name| name.as_bytes().to_vec())
            .collect()
    };
    let model = Model::from([
        (names("a"), (folder_entry(0o755), None)),
        (names("a/file"), (file_entry(1), None)),
        (names("b"), (file_entry(2), None)),
    ]);
    let mut nodes = Nodes::default();
    let (root, _) = write(&model, &mut nodes);
    let mut walk = walk(b"from/here", root, &nodes);
    let mut paths = Vec::new();
    while let Some(found) = walk.next() {
        paths.push(found.expect("nothing is damaged").path);
        walk.skip_folder();
    }
    assert_eq!(paths, [&b"from/here/a"[..], b"from/here/b"]);
}

#[test]
fn a_folder_that_was_written_before_is_put_in_as_it_is() {
    let below = Model::from([(vec![b"file".to_vec()], (file_entry(1), None))]);
    let mut nodes = Nodes::default();
    let written = write(&below, &mut nodes);
    let mut writer = TreeWriter::new();
    writer
        .push_written(b"a/b", &folder_entry(0o700), written, &mut nodes)
        .expect("it is in order");
    let (root, totals) = writer.finish(&mut nodes).expect("memory takes everything");
    assert_eq!(totals, written.1);
    let found = lookup(root, b"a/b/file", &nodes).expect("nothing is damaged");
    assert_eq!(found.expect("it is there").entry, file_entry(1));
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let file = file_entry(1);
    let mut too_long = file.clone();
    too_long.attributes = vec![(b"user.a".to_vec(), vec![0; NODE_BYTES_MAX])];
    let mut unsorted = file.clone();
    unsorted.attributes = vec![(b"b".to_vec(), Vec::new()), (b"a".to_vec(), Vec::new())];
    let mut longer = file.clone();
    if let Content::File { len_bytes, .. } = &mut longer.content {
        *len_bytes += 1;
    }
    let mut mode = file.clone();
    mode.mode = 0o10000;
    let link = |target: &[u8]| Entry {
        content: Content::Link {
            target: target.to_vec(),
        },
        ..file.clone()
    };
    let attribute = |name: &[u8]| Entry {
        attributes: vec![(name.to_vec(), b"value".to_vec())],
        ..file.clone()
    };
    let name_too_long = vec![b'a'; NAME_BYTES_MAX + 1];
    type Push<'p> = (&'p [u8], &'p Entry, Option<&'p [u8]>);
    let wrong: [Push<'_>; 18] = [
        (b"", &file, None),
        (b"/b", &file, None),
        (b"b/", &file, None),
        (b"b//c", &file, None),
        (b"b/../c", &file, None),
        (b".", &file, None),
        (b"b\0", &file, None),
        (&name_too_long, &file, None),
        (b"b", &too_long, None),
        (b"b", &unsorted, None),
        (b"b", &longer, None),
        (b"b", &mode, None),
        (b"b", &file, Some(b"../a")),
        (b"b", &folder_entry(0), Some(b"a")),
        (b"b", &link(b""), None),
        (b"b", &link(b"a\0b"), None),
        (b"b", &attribute(b""), None),
        (b"b", &attribute(b"user.\0"), None),
    ];
    for (path, entry, link_to) in wrong {
        let mut nodes = Nodes::default();
        let pushed = TreeWriter::new().push(path, entry, link_to, &mut nodes);
        let path = String::from_utf8_lossy(path);
        assert!(
            matches!(pushed, Err(Error::Usage { .. })),
            "{path} {entry:?}"
        );
    }
}

#[test]
fn paths_that_are_not_in_order_are_refused() {
    let wrong: [&[&[u8]]; 6] = [
        &[b"b", b"a"],
        &[b"a", b"a"],
        &[b"a", b"a/b"],
        &[b"a/b", b"a"],
        &[b"a.b", b"a/b"],
        &[b"a/b", b"c", b"a/c"],
    ];
    for paths in wrong {
        let mut nodes = Nodes::default();
        let mut writer = TreeWriter::new();
        let pushed = paths
            .iter()
            .try_for_each(|path| writer.push(path, &file_entry(1), None, &mut nodes));
        assert!(matches!(pushed, Err(Error::Usage { .. })), "{paths:?}");
    }
}
