//! What a walk finds, and what rules leave out.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::testing::cases;

/// Wants everything.
struct All;

impl Visitor for All {
    fn is_wanted(&self, _: &[u8], _: Kind, _: &Stamp) -> bool {
        true
    }
}

fn tree(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    folder
}

fn found(folder: &TempDir, starts: &[&str], threads: usize) -> Vec<String> {
    let root = Root::open(folder.path(), &folder.path().join(".tamis")).expect("a root");
    let starts: Vec<_> = starts.iter().map(|it| it.as_bytes().to_vec()).collect();
    let walked = walk(&root, &starts, threads, &All, &Cancel::new()).expect("a walk");
    assert!(walked.failures.is_empty(), "{:?}", walked.failures);
    let paths = walked.found.iter();
    paths
        .map(|it| String::from_utf8(it.path.to_vec()).expect("names in UTF-8"))
        .collect()
}

/// Goal: everything is found, in the order of the tree, for any number of threads; links are not followed, the store is left out.
#[test]
fn all_that_is_there_is_found_in_order() {
    let folder = tree(&[
        ("a/b", ""),
        ("a.txt", ""),
        ("a/c/d", ""),
        ("z", ""),
        (".hidden", ""),
        (".git/HEAD", ""),
        (".tamis/format", ""),
        ("a/.tamis/format", ""),
        ("a/c/.tamis", ""),
    ]);
    symlink("/", folder.path().join("link")).expect("a link");
    let expected = [
        ".git",
        ".git/HEAD",
        ".hidden",
        "a",
        "a/b",
        "a/c",
        "a/c/d",
        "a.txt",
        "link",
        "z",
    ];
    for threads in [1, 2, 7] {
        assert_eq!(found(&folder, &[""], threads), expected);
    }
    assert_eq!(
        found(&folder, &["a/c", "z", "a/c/d", "gone"], 2),
        ["a", "a/c", "a/c/d", "z"]
    );
}

/// Goal: what is called as stores are is left out, and what is named in it is refused, also if it is no store.
#[test]
fn what_is_called_as_stores_are_is_not_kept() {
    let folder = tree(&[("a/.tamis/x", ""), ("a/b", "")]);
    let root = Root::open(folder.path(), &folder.path().join(".tamis")).expect("a root");
    let starts = [&b"a/.tamis/x"[..], b"a/.tamis", b"a/b"].map(<[u8]>::to_vec);
    let walked = walk(&root, &starts, 1, &All, &Cancel::new()).expect("a walk");
    let found: Vec<_> = walked.found.iter().map(|it| &*it.path).collect();
    assert_eq!(found, [&b"a"[..], b"a/b"]);
    let refused: Vec<_> = walked.failures.iter().map(|it| it.0.clone()).collect();
    let expected = ["a/.tamis/x", "a/.tamis"].map(|it| folder.path().join(it));
    assert_eq!(refused, expected);
}

/// Goal: rules have the meaning of git's, in every folder, and for what is named below them.
#[test]
fn rules_leave_out_what_git_would() {
    let folder = tree(&[
        (
            ".tamisignore",
            "*.o\n!keep.o\n/build\ncache/\n# a comment\n\nsub/only\n",
        ),
        ("x.o", ""),
        ("keep.o", ""),
        ("build/x", ""),
        ("sub/build/x", ""),
        ("cache/x", ""),
        ("sub/cache", ""),
        ("sub/only", ""),
        ("sub/.tamisignore", "!*.o\nown\n"),
        ("sub/y.o", ""),
        ("sub/own", ""),
        ("own", ""),
    ]);
    let expected = [
        ".tamisignore",
        "keep.o",
        "own",
        "sub",
        "sub/.tamisignore",
        "sub/build",
        "sub/build/x",
        "sub/cache",
        "sub/y.o",
    ];
    assert_eq!(found(&folder, &[""], 2), expected);
    assert_eq!(found(&folder, &["sub"], 1), &expected[3..]);
}

/// Goal: a file of rules that makes no sense is an error that names its line.
#[test]
fn rules_without_sense_are_refused() {
    let folder = tree(&[(".tamisignore", "fine\n[z-a]\n")]);
    let root = Root::open(folder.path(), &folder.path().join(".tamis")).expect("a root");
    let error = walk(&root, &[Vec::new()], 2, &All, &Cancel::new()).expect_err("no pattern");
    let message = error.to_string();
    assert!(message.contains(".tamisignore`, line 2: "), "{message}");
}

/// Puts a link to somewhere else in the place of a folder as soon as the one in it was looked at.
struct Swapping<'a> {
    folder: &'a Path,
    to: &'a Path,
}

impl Visitor for Swapping<'_> {
    fn is_wanted(&self, path: &[u8], _: Kind, _: &Stamp) -> bool {
        if path == b"a/deeper" {
            let folder = self.folder.join("a");
            fs::rename(&folder, self.folder.join("was a")).expect("it is ours");
            symlink(self.to, folder).expect("there is room");
        }
        true
    }
}

/// Goal: a link that takes the place of a folder in the middle of a walk is reported, and not followed.
#[test]
fn what_is_behind_a_new_link_is_not_read() {
    let folder = tree(&[("a/deeper/inside", "")]);
    let outside = tree(&[("deeper/outside", "")]);
    let root = Root::open(folder.path(), &folder.path().join(".tamis")).expect("a root");
    let visitor = Swapping {
        folder: folder.path(),
        to: outside.path(),
    };
    let walked = walk(&root, &[b"a".to_vec()], 1, &visitor, &Cancel::new()).expect("a walk");
    let paths: Vec<_> = walked.found.iter().map(|it| &it.path[..]).collect();
    assert_eq!(paths, [&b"a"[..], b"a/deeper"]);
    let (failed, why) = &walked.failures[0];
    assert_eq!(failed, &folder.path().join("a/deeper"));
    assert!(why.to_string().contains("behind a link"), "{why}");
}

/// Goal: `docs/store.md` says what a list of items takes.
#[test]
fn an_item_is_as_short_as_promised() {
    assert_eq!(size_of::<Item>(), 72);
}

/// Goal: no bytes of a file of rules make the reader panic, and whatever they say, the last rule that matches counts.
fn check_rules(text: &[u8], path: &str, is_folder: bool) {
    let with_last = |last: &[u8]| Rules::parse(&[text, b"\n", last].concat());
    let Ok(rules) = with_last(b"") else {
        return;
    };
    let path = path.as_bytes();
    let is_ignored = |rules: &Rules| rules.is_ignored(path, is_folder);
    let commented = with_last(b"# *").expect("a comment is no rule");
    assert_eq!(is_ignored(&commented), is_ignored(&rules));
    assert!(is_ignored(&with_last(b"*").expect("a rule")));
    assert!(!is_ignored(&with_last(b"!*").expect("a rule")));
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_bytes_are_rules_or_refused(
        text in vec(prop_oneof![any::<u8>(), proptest::sample::select(b"ab/*?[]{},!#\\-^. \t\r\n".to_vec())], 0..60),
        path in "[a-c]{1,3}(/[a-c.]{1,3}[a-c]){0,3}",
        is_folder: bool,
    ) {
        check_rules(&text, &path, is_folder);
    }

    #[test]
    fn lines_that_look_like_rules_are_rules_or_refused(
        text in "(!?/?[a-c*?]{1,3}(/(\\*\\*|[a-c*]{1,3}|\\[[!^]?[a-c]-?[a-c]\\])){0,3}/?\n){0,6}",
        path in "[a-c]{1,3}(/[a-c]{1,3}){0,3}",
        is_folder: bool,
    ) {
        check_rules(text.as_bytes(), &path, is_folder);
    }
}
