//! Every file is found once, in one order, whatever else is there and however many threads look.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;

fn paths(tree: &Tree, below: &Path) -> Vec<String> {
    let path = |id| tree.path(id);
    tree.ids()
        .map(|id| {
            path(id)
                .strip_prefix(below)
                .unwrap_or(&path(id))
                .display()
                .to_string()
        })
        .collect()
}

fn find(roots: &[&Path], options: &WalkOptions) -> Tree {
    let roots: Vec<_> = roots.iter().map(|root| root.to_path_buf()).collect();
    walk(&roots, options, |_| true).expect("the walk ends")
}

#[test]
fn files_are_found_once_and_in_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    for path in ["b/2", "b/10", "a/x/y/z", "c", "a/b"] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("there is room");
        fs::write(path, "x").expect("there is room");
    }
    symlink("..", root.join("a/x/loop")).expect("links can be made");
    symlink("nowhere", root.join("dangling")).expect("links can be made");
    let _socket = UnixListener::bind(root.join("socket")).expect("sockets can be made");
    rustix::fs::mkfifoat(CWD, root.join("pipe"), Mode::RWXU).expect("pipes can be made");
    for threads in [1, 2, 7] {
        let options = WalkOptions {
            threads,
            ..WalkOptions::default()
        };
        let tree = find(&[root], &options);
        assert_eq!(paths(&tree, root), ["c", "a/b", "a/x/y/z", "b/10", "b/2"]);
        assert_eq!((tree.others, tree.failures.len()), (4, 0));
        // What is named twice is there once, as what it was first named.
        let twice = find(&[&root.join("a/x"), root, root], &options);
        assert_eq!(paths(&twice, root)[0], "a/x/y/z");
        assert_eq!(twice.len(), 5);
        assert_eq!(twice.root(FileId(0)), 0);
    }
    let tree = find(
        &[&root.join("a/x/loop"), &root.join("c")],
        &WalkOptions::default(),
    );
    assert_eq!(paths(&tree, root), ["a/x/loop/b", "a/x/loop/x/y/z", "c"]);
}

#[test]
fn globs_are_those_of_ripgrep() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    for path in ["one.rs", "two.txt", "skip/three.rs"] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("there is room");
        fs::write(path, "x").expect("there is room");
    }
    let with = |globs: &[&str]| {
        let options = WalkOptions {
            globs: globs.iter().map(|glob| (*glob).to_owned()).collect(),
            ..WalkOptions::default()
        };
        paths(&find(&[root], &options), root)
    };
    assert_eq!(with(&["*.rs"]), ["one.rs", "skip/three.rs"]);
    assert_eq!(with(&["!skip"]), ["one.rs", "two.txt"]);
    assert_eq!(with(&["*.rs", "!skip/"]), ["one.rs"]);
    let options = WalkOptions {
        globs: vec!["[".to_owned()],
        ..WalkOptions::default()
    };
    assert!(matches!(
        walk(&[], &options, |_| true),
        Err(Error::Glob { .. })
    ));
}

#[test]
fn what_cannot_be_looked_at_is_kept() {
    let tree = find(
        &[Path::new("/nowhere/at all"), Path::new("/dev/null")],
        &WalkOptions::default(),
    );
    assert_eq!((tree.len(), tree.failures.len(), tree.others), (0, 1, 1));
    assert_eq!(tree.failures[0].1.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn the_stamp_is_that_of_the_metadata() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let tree = find(&[file.path()], &WalkOptions::default());
    let metadata = file.path().metadata().expect("it is there");
    assert_eq!(tree.file(FileId(0)).stamp, Stamp::of(&metadata));
    assert_eq!(tree.path(FileId(0)), file.path());
}

#[test]
fn a_walk_can_be_cancelled() {
    let options = WalkOptions::default();
    options.cancel.cancel();
    let walked = walk(&["/".into()], &options, |_| true);
    assert!(matches!(
        walked,
        Err(Error::Engine(tamis_engine::Error::Interrupted))
    ));
}
