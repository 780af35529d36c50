//! What once went wrong: each test says how.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;

use tamis_store::Error;
use tamis_store::add::AddOptions;
use tamis_store::restore::{RestoreOptions, Wanted};
use tamis_store::session::{CommitRequest, Session};
use tamis_store::settings::Settings;
use tamis_store::tree::lookup;

use crate::trees::Repository;

fn request() -> CommitRequest {
    CommitRequest {
        message: "a change".to_owned(),
        author: "nobody".to_owned(),
        offset_minutes: 0,
        allows_empty: true,
    }
}

/// One of two names of a file was staged again after the file had changed; it came back with the bytes of the other.
#[test]
fn a_name_that_was_staged_later_keeps_its_bytes() {
    let tree = tempfile::tempdir().expect("a temporary folder");
    let (a, b) = (tree.path().join("a"), tree.path().join("b"));
    fs::write(&a, "old").expect("there is room");
    fs::hard_link(&a, &b).expect("the file system has links");
    let repository = Repository::new(Settings::default());
    repository.add(tree.path(), &AddOptions::default());
    let mut file = OpenOptions::new()
        .append(true)
        .open(&a)
        .expect("it is there");
    file.write_all(b", and new").expect("there is room");
    {
        let store = repository.open();
        let mut session = Session::open(&store, tree.path()).expect("nobody else has it");
        let added = session.add(&[b"b".to_vec()], &AddOptions::default());
        added.expect("there is room");
    }
    let restored = repository.restore(repository.commit(tree.path()));
    let restored = restored.expect("it is whole");
    let read = |name| fs::read_to_string(restored.path().join(name)).expect("it is there");
    assert_eq!([read("a"), read("b")], ["old", "old, and new"]);
}

/// Files that were taken over from different commits were taken for one, and committed as names of one.
#[test]
fn files_of_different_commits_stay_different() {
    let (here, there) = (
        Repository::new(Settings::default()),
        Repository::new(Settings::default()),
    );
    let tree = tempfile::tempdir().expect("a temporary folder");
    let write = |names: [&str; 2], text: &str| {
        let [first, second] = names.map(|name| tree.path().join(name));
        fs::write(&first, text).expect("there is room");
        fs::hard_link(&first, &second).expect("the file system has links");
        there.add(tree.path(), &AddOptions::default());
        there.commit(tree.path());
        let progress = Default::default();
        tamis_store::transfer::pull(&here.open(), &there.open(), &progress)
            .expect("nothing is in the way");
        // Takes it over.
        Session::open(&here.open(), tree.path())
            .map(drop)
            .expect("nobody else has it");
    };
    write(["p", "q"], "one");
    write(["x", "y"], "two");
    let id = here.commit(tree.path());
    let restored = here.restore(id).expect("it is whole");
    let read = |name| fs::read_to_string(restored.path().join(name)).expect("it is there");
    assert_eq!(["p", "q", "x", "y"].map(read), ["one", "one", "two", "two"]);
}

/// A branch that somebody else moved after the session was opened was continued as if it had not been.
#[test]
fn a_commit_does_not_revert_what_came_between() {
    let repository = Repository::new(Settings::default());
    let tree = tempfile::tempdir().expect("a temporary folder");
    fs::write(tree.path().join("a"), "a").expect("there is room");
    repository.add(tree.path(), &AddOptions::default());
    repository.commit(tree.path());
    let other = Repository::new(Settings::default());
    tamis_store::transfer::pull(&other.open(), &repository.open(), &Default::default())
        .expect("it is empty");
    fs::write(tree.path().join("b"), "b").expect("there is room");
    other.add(tree.path(), &AddOptions::default());
    let moved_to = other.commit(tree.path());

    let store = repository.open();
    let mut session = Session::open(&store, tree.path()).expect("nobody else has it");
    tamis_store::transfer::pull(&repository.open(), &other.open(), &Default::default())
        .expect("it is ahead");
    let refused = session.commit(&request());
    assert!(
        matches!(refused, Err(Error::Moved { found, .. }) if found == moved_to),
        "{refused:?}"
    );
    assert_eq!(store.refs().head().expect("it is there"), Some(moved_to));
}

/// A restore over a file removed it first, and had nothing to put in its place when the store was damaged.
#[test]
fn what_is_in_the_way_stays_until_there_is_something_better() {
    let repository = Repository::new(Settings::default());
    let tree = tempfile::tempdir().expect("a temporary folder");
    fs::write(tree.path().join("a"), "stored").expect("there is room");
    repository.add(tree.path(), &AddOptions::default());
    repository.commit(tree.path());
    let store = repository.open();
    let (_, commit) = store.resolve("HEAD").expect("it is there");
    let child = lookup(commit.root, b"a", store.objects()).expect("it is whole");
    let wanted = || {
        vec![Wanted {
            path: b"a".to_vec(),
            child: child.clone().expect("it is there"),
        }]
    };
    let target = tempfile::tempdir().expect("a temporary folder");
    let path = target.path().join("a");
    fs::write(&path, "mine").expect("there is room");
    let force = RestoreOptions {
        force: true,
        ..RestoreOptions::default()
    };
    let kept = store.restore(wanted(), target.path(), &RestoreOptions::default());
    assert_eq!(kept.expect("the target is there").failures.len(), 1);
    let packs = store.folder().join("packs");
    let aside = store.folder().join("aside");
    fs::rename(&packs, &aside).expect("it is ours");
    fs::create_dir(&packs).expect("it is ours");
    let failed = store.restore(wanted(), target.path(), &force);
    assert_eq!(failed.expect("the target is there").failures.len(), 1);
    assert_eq!(
        fs::read_to_string(&path).expect("it is still there"),
        "mine"
    );
    fs::remove_dir(&packs).expect("it is ours");
    fs::rename(&aside, &packs).expect("it is ours");
    let restored = store.restore(wanted(), target.path(), &force);
    assert_eq!(restored.expect("the target is there").files, 1);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "stored");
    assert_eq!(fs::read_dir(target.path()).expect("it is there").count(), 1);
}

/// Goal: a link in the target leads nowhere: not with `force` either.
#[test]
fn a_link_in_the_target_leads_nowhere() {
    let repository = Repository::new(Settings::default());
    let tree = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(tree.path().join("a/b")).expect("there is room");
    fs::write(tree.path().join("a/b/file"), "stored").expect("there is room");
    repository.add(tree.path(), &AddOptions::default());
    let id = repository.commit(tree.path());
    let store = repository.open();
    let root = store.refs().commit(id).expect("it is there").root;
    for (link, force) in [("a", false), ("a", true), ("a/b", true), ("a/b/file", true)] {
        let outside = tempfile::tempdir().expect("a temporary folder");
        fs::write(outside.path().join("file"), "not ours").expect("there is room");
        let target = tempfile::tempdir().expect("a temporary folder");
        let link = target.path().join(link);
        fs::create_dir_all(link.parent().expect("it is below")).expect("there is room");
        let is_file = link.ends_with("file");
        let to = if is_file {
            outside.path().join("file")
        } else {
            outside.path().to_owned()
        };
        symlink(to, &link).expect("there is room");
        let options = RestoreOptions {
            force,
            ..RestoreOptions::default()
        };
        let restored = store.restore_tree(root, target.path(), &options);
        let restored = restored.expect("the target is there");
        assert_eq!(restored.failures.is_empty(), force, "{}", link.display());
        assert_eq!(link.is_symlink(), !force, "it is replaced, if anything");
        let names: Vec<_> = fs::read_dir(outside.path()).expect("it is there").collect();
        assert_eq!(names.len(), 1);
        let text = fs::read_to_string(outside.path().join("file"));
        assert_eq!(text.expect("it is there"), "not ours");
    }
}

/// A tree that holds a folder like that of the store was restored into it.
#[test]
fn nothing_is_put_into_the_store_itself() {
    let repository = Repository::new(Settings::default());
    let tree = tempfile::tempdir().expect("a temporary folder");
    let store = repository.open();
    let name = store.folder().file_name().expect("it has a name");
    fs::create_dir_all(tree.path().join(name).join("refs")).expect("there is room");
    fs::write(tree.path().join(name).join("format"), "none").expect("there is room");
    repository.add(tree.path(), &AddOptions::default());
    let id = repository.commit(tree.path());
    let root = store.refs().commit(id).expect("it is there").root;
    let force = RestoreOptions {
        force: true,
        ..RestoreOptions::default()
    };
    let above = store.folder().parent().expect("it is in a folder");
    let restored = store
        .restore_tree(root, above, &force)
        .expect("the target is there");
    assert_eq!((restored.files, restored.failures.len()), (0, 1));
    let refused = store.restore_tree(root, store.folder(), &force);
    assert!(matches!(refused, Err(Error::Usage { .. })), "{refused:?}");
    repository.open().resolve("HEAD").expect("it is as it was");
}
