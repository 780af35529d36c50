//! Goal: stores take over from each other what they have not; tags stay where they are.

use super::Drops;

#[test]
fn commits_go_from_store_to_store() {
    let drops = Drops::with_history();
    assert_eq!(drops.store("init --bare backup").code, Some(0));
    drops.write(".tamisignore", "/backup/\n/copy/\n");
    assert_eq!(drops.store("tag v1 HEAD~1").code, Some(0));
    insta::assert_snapshot!(drops.shown(&drops.store("push backup")), @r"
    exit code: 0
    ----- stderr -----
    copied 2 commits, 4 chunks of 22 B, 1 tag; at [id]; [sizes]
    ");
    insta::assert_snapshot!(drops.shown(&drops.store("push backup")), @r"
    exit code: 0
    ----- stderr -----
    nothing to copy: it is up to date, at [id]
    ");
    assert_eq!(drops.store("--store backup cat v1:a.csv").stdout, "id\n1\n");
    let cloned = drops.json("clone backup copy");
    assert_eq!(cloned["commits"], 2);
    assert_eq!(drops.store("--store copy diff v1 main").code, Some(1));
    drops.write("d.csv", "id\n5\n");
    drops.commit("third");
    assert_eq!(drops.store("push backup").code, Some(0));
    let pulled = drops.json("--store copy pull backup");
    assert_eq!(pulled["commits"], 1);
    assert_eq!(drops.store("--store copy cat d.csv").stdout, "id\n5\n");
    assert_eq!(
        drops.store("--store copy checkout HEAD -o copy").code,
        Some(0)
    );
    assert_eq!(drops.0.read("copy/d.csv"), "id\n5\n");
}

#[test]
fn stores_that_have_diverged_stay_as_they_are() {
    let drops = Drops::with_history();
    drops.write(".tamisignore", "/copy/\n");
    drops.commit("third");
    assert_eq!(drops.store("clone . copy").code, Some(0));
    drops.write("here", "here");
    drops.commit("here");
    drops.write("copy/there", "there");
    assert_eq!(drops.store("--store copy add -A").code, Some(0));
    assert_eq!(drops.store("--store copy commit -m there").code, Some(0));
    let ran = drops.store("push copy");
    assert_eq!(ran.code, Some(3), "{ran}");
    assert!(
        ran.stderr
            .contains("and the other way round; nothing was copied"),
        "{ran}"
    );
    assert_eq!(drops.store("push nowhere").code, Some(2));
    assert_eq!(drops.store("clone . copy").code, Some(2), "there is one");
}

#[test]
fn names_are_given_and_taken() {
    let drops = Drops::with_history();
    insta::assert_snapshot!(drops.shown(&drops.store("tag v1 HEAD~1")), @r"
    exit code: 0
    ----- stderr -----
    [id] is `v1` now
    ");
    assert_eq!(drops.store("tag newest").code, Some(0));
    insta::assert_snapshot!(drops.shown(&drops.store("tag")), @r"
    exit code: 0
    ----- stdout -----
    newest  [id]
    v1      [id]
    ");
    assert_eq!(drops.json("tag")["tags"][1]["name"], "v1");
    assert!(
        drops
            .store("log")
            .stdout
            .contains("(HEAD -> main, tag: newest)")
    );
    assert_eq!(
        drops.store("tag v1 HEAD").code,
        Some(2),
        "it is another commit's"
    );
    assert_eq!(drops.store("tag main").code, Some(2));
    assert_eq!(drops.store("tag -d newest").code, Some(0));
    insta::assert_snapshot!(drops.store("tag -d newest"), @r"
    exit code: 2
    ----- stderr -----
    error: there is no tag `newest`
    hint: `tamis store tag` lists them
    ");
}
