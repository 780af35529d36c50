//! What [`diff`] finds is what a comparison of every path finds.

use super::*;
use crate::testing::cases;

type Flat = (
    Vec<u8>,
    Option<(Entry, Option<Vec<u8>>)>,
    Option<(Entry, Option<Vec<u8>>)>,
);

fn naive(old: &Model, new: &Model) -> Vec<Flat> {
    let names: std::collections::BTreeSet<&Names> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|names| old.get(*names) != new.get(*names))
        .map(|names| {
            (
                joined(names),
                old.get(names).cloned(),
                new.get(names).cloned(),
            )
        })
        .collect()
}

fn flat(difference: Difference) -> Flat {
    let kept = |child: Child| Some((child.entry, child.link_to));
    match difference.change {
        Change::Added(new) => (difference.path, None, kept(new)),
        Change::Removed(old) => (difference.path, kept(old), None),
        Change::Changed { old, new } => (difference.path, kept(old), kept(new)),
    }
}

fn assert_differences(old: &Model, new: &Model) {
    let mut nodes = Nodes::default();
    let ((old_root, _), (new_root, _)) = (write(old, &mut nodes), write(new, &mut nodes));
    let found: Result<Vec<Difference>> = diff(Some(old_root), Some(new_root), &nodes).collect();
    let found: Vec<Flat> = found
        .expect("nothing is damaged")
        .into_iter()
        .map(flat)
        .collect();
    assert_eq!(found, naive(old, new));
    assert_eq!(
        old_root == new_root,
        old == new,
        "equal trees have equal ids"
    );
}

/// Takes some paths away with all that is below, changes others, and adds some.
fn edit(
    model: &Model,
    removed: &[prop::sample::Index],
    changed: &[prop::sample::Index],
    added: Vec<Wish>,
) -> Model {
    let mut edited = model.clone();
    let paths: Vec<&Names> = model.keys().collect();
    if paths.is_empty() {
        return edited;
    }
    for place in removed {
        let names = *place.get(&paths);
        edited.retain(|other, _| !other.starts_with(names));
    }
    for place in changed {
        let names = *place.get(&paths);
        if let Some((entry, _)) = edited.get_mut(names) {
            entry.modified_ns ^= 1;
        }
    }
    grow(&mut edited, added);
    edited
}

fn places(count: usize) -> impl Strategy<Value = Vec<prop::sample::Index>> {
    vec(any::<prop::sample::Index>(), 0..count)
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn unrelated_trees_differ_in_every_path(old in model(20), new in model(20)) {
        assert_differences(&old, &new);
    }

    #[test]
    fn edits_are_found(old in model(60), removed in places(4), changed in places(4), added in wishes(4)) {
        assert_differences(&old, &edit(&old, &removed, &changed, added));
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn edits_of_large_folders_are_found(old in large_model(), removed in places(9), changed in places(9), added in wishes(4)) {
        assert_differences(&old, &edit(&old, &removed, &changed, added));
    }

    #[test]
    fn large_folders_of_other_heights_are_compared(old in large_model(), new in large_model()) {
        assert_differences(&old, &new);
    }
}

#[test]
fn a_tree_differs_from_none_by_all_that_is_in_it() {
    let folder = (vec![b"a".to_vec()], (folder_entry(0o755), None));
    let file = (vec![b"a".to_vec(), b"b".to_vec()], (file_entry(1), None));
    let model = Model::from([folder, file]);
    let mut nodes = Nodes::default();
    let (root, _) = write(&model, &mut nodes);
    let paths = |old, new| -> Vec<Vec<u8>> {
        diff(old, new, &nodes)
            .map(|difference| difference.expect("nothing is damaged").path)
            .collect()
    };
    assert_eq!(paths(None, Some(root)), [&b"a"[..], b"a/b"]);
    assert_eq!(paths(Some(root), None), [&b"a"[..], b"a/b"]);
    assert!(paths(None, None).is_empty());
    assert!(paths(Some(root), Some(root)).is_empty());
    let mut differences = diff(None, Some(root), &nodes);
    assert!(differences.next().is_some());
    differences.skip_folder();
    assert!(differences.next().is_none());
}
