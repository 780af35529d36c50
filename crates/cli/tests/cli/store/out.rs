//! Goal: files come out of a store as they went in, and nothing is replaced unasked.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, UNIX_EPOCH};

use super::Drops;

#[test]
fn what_comes_out_is_what_went_in() {
    let drops = Drops::new();
    drops.write("a/one", "1");
    drops.write("a/run", "#!");
    fs::set_permissions(drops.path("a/run"), fs::Permissions::from_mode(0o711)).expect("ours");
    fs::hard_link(drops.path("a/one"), drops.path("a/two")).expect("links can be made");
    symlink("nowhere", drops.path("a/link")).expect("links can be made");
    fs::create_dir(drops.path("a/empty")).expect("there is room");
    let folder = fs::File::open(drops.path("a/empty")).expect("it is there");
    let time = UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    folder.set_modified(time).expect("it is ours");
    drops.commit("first");
    insta::assert_snapshot!(drops.shown(&drops.store("checkout HEAD -o out/whole")), @r"
    exit code: 0
    ----- stderr -----
    wrote 2 files of 3 B, 2 folders, 2 links into `out/whole`
    ");
    let metadata = |path: &str| drops.path(path).symlink_metadata().expect("it is there");
    assert_eq!(metadata("out/whole/a/run").mode() & 0o7777, 0o711);
    assert_eq!(
        metadata("out/whole/a/one").ino(),
        metadata("out/whole/a/two").ino()
    );
    assert_eq!(metadata("out/whole/a/empty").modified().ok(), Some(time));
    assert!(metadata("out/whole/a/link").is_symlink());
    assert_eq!(drops.0.read("out/whole/a/one"), "1");
}

#[test]
fn nothing_is_replaced_unasked() {
    let drops = Drops::with_history();
    let ran = drops.store("get HEAD~1:a.csv");
    assert_eq!(ran.code, Some(3), "{ran}");
    insta::assert_snapshot!(ran, @r"
    exit code: 3
    ----- stderr -----
    error: `./a.csv` is there already, and stays as it is
    hint: `--force` replaces what is there already
    wrote 0 files of 0 B into `.`
    ");
    assert_eq!(drops.0.read("a.csv"), "id\n1\n3\n");
    let ran = drops.store("get HEAD~1:a.csv --force --json");
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(drops.0.read("a.csv"), "id\n1\n");
    assert_eq!(drops.store("checkout HEAD -o .").code, Some(3));
    assert_eq!(drops.store("checkout HEAD -o . -f").code, Some(0));
    assert_eq!(drops.0.read("a.csv"), "id\n1\n3\n");
}

#[test]
fn nothing_is_put_into_the_store() {
    let drops = Drops::with_history();
    fs::create_dir(drops.path("folder")).expect("there is room");
    symlink(".tamis", drops.path("link")).expect("links can be made");
    symlink("../.tamis/packs", drops.path("folder/packs")).expect("links can be made");
    let before = fs::read_dir(drops.path(".tamis"))
        .expect("it is there")
        .count();
    for target in [
        ".tamis",
        ".tamis/out",
        ".tamis/packs",
        ".tamis/new/newer",
        "link/out",
        "folder/packs/out",
        "folder/../.tamis/out",
        "new/../.tamis/out",
        "new/newer/../../link/out",
        "folder/packs/../out",
    ] {
        for verb in ["checkout HEAD", "get a.csv", "get a.csv --range 0..1"] {
            let ran = drops.store(&format!("{verb} -o {target}"));
            assert_eq!(ran.code, Some(2), "{verb} {target}: {ran}");
            assert!(ran.stderr.contains("nothing is put into it"), "{ran}");
        }
    }
    let after = fs::read_dir(drops.path(".tamis"))
        .expect("it is there")
        .count();
    assert_eq!((after, drops.path("new").exists()), (before, false));
    for target in [".tamisnot", "folder/..", "folder/packs/../../out"] {
        let ran = drops.store(&format!("checkout HEAD -f -o {target}"));
        assert_eq!(ran.code, Some(0), "{target}: {ran}");
    }
}

#[test]
fn several_things_come_from_several_commits() {
    let drops = Drops::with_history();
    let got = drops.store("get HEAD~1:a.csv deep c.csv -o out");
    assert_eq!(got.code, Some(0), "{got}");
    assert_eq!(drops.0.read("out/a.csv"), "id\n1\n");
    assert_eq!(drops.0.read("out/deep/b.csv"), "id\n2\n");
    assert_eq!(drops.0.read("out/c.csv"), "id\n4\n");
    insta::assert_snapshot!(drops.store("get HEAD:a.csv HEAD~1:a.csv -o out2"), @r"
    exit code: 2
    ----- stderr -----
    error: `a.csv` and `a.csv` would be put under one name
    hint: get them one by one, into different folders
    ");
    assert!(!drops.path("out2").exists());
    let all = drops.json("get HEAD~1: -o all");
    assert_eq!(all["files"], 2);
}
