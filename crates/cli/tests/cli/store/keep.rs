//! Goal: a store is measured, checked, mended, and rid of what is not needed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;

use super::Drops;

/// Changes a byte of the only pack that has this text as it is; where that pack is.
pub(super) fn hurt(drops: &Drops, text: &str) -> PathBuf {
    for pack in fs::read_dir(drops.path(".tamis/packs")).expect("it is there") {
        let path = pack.expect("an entry").path();
        let mut bytes = fs::read(&path).expect("a pack");
        let found = bytes
            .windows(text.len())
            .position(|it| it == text.as_bytes());
        let is_data = path.extension().is_some_and(|it| it == "data");
        if let (true, Some(at)) = (is_data, found) {
            bytes[at] ^= 1;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
            fs::write(&path, bytes).expect("it is ours");
            return path;
        }
    }
    panic!("no pack has {text}");
}

#[test]
fn a_store_says_how_large_it_is() {
    let drops = Drops::new();
    drops.write("a.txt", "all the same\n".repeat(1_000));
    drops.commit("first");
    drops.write("b.txt", "all the same\n".repeat(1_000));
    drops.commit("second");
    let sizes = drops.json("size");
    assert_eq!(sizes["commits"], 2);
    assert_eq!(sizes["head_bytes"], 26_000);
    assert_eq!(sizes["all_bytes"], 39_000);
    assert_eq!(sizes["chunk_bytes"], 13_000);
    assert_eq!(sizes["dedup_ratio"], 3.0);
    assert_eq!(sizes["versions"][0]["files"], 2);
    assert_eq!(sizes["versions"][1]["new_plain_bytes"], 13_000);
    let text = drops.store("size --efficiency --history").stdout;
    for expected in [
        "newest version    26.0 kB  2 files\n",
        "all versions      39.0 kB  2 versions\n",
        "each byte once    13.0 kB  1 chunk\n",
        "deduplication        3.00  ",
        "version         files",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn damage_is_found_named_and_mended() {
    let drops = Drops::new();
    drops.write("good.txt", "good");
    drops.write("hurt.txt", "hurt");
    drops.commit("first");
    let sound = drops.store("verify --read-data");
    assert_eq!(sound.code, Some(0), "{sound}");
    assert!(sound.stderr.ends_with(": no damage\n"), "{sound}");
    let sampled = drops.store("verify --read-data --sample 5%");
    assert_eq!(sampled.code, Some(0), "{sampled}");
    assert!(sampled.stderr.contains("`--seed "), "{sampled}");
    hurt(&drops, "hurt");
    assert_eq!(drops.store("verify").code, Some(0), "bytes are not read");
    let found = drops.store("verify --read-data");
    assert_eq!(found.code, Some(1), "{found}");
    assert!(found.stdout.contains(":hurt.txt\n"), "{found}");
    let found = drops.json("verify --read-data");
    assert_eq!(found["is_sound"], false);
    assert!(
        found["problems"][0]["hurt"]
            .to_string()
            .contains("hurt.txt"),
        "{found}"
    );
    let cat = drops.store("cat hurt.txt");
    assert_eq!(cat.code, Some(1), "{cat}");
    assert!(cat.stderr.contains("tamis store verify"), "{cat}");
    // The file is still in the work tree.
    let mended = drops.store("repair --read-data");
    assert_eq!(mended.code, Some(0), "{mended}");
    assert!(mended.stderr.contains("`: 1 of 1\n"), "{mended}");
    assert_eq!(drops.store("verify --read-data").code, Some(0));
    assert_eq!(drops.store("cat hurt.txt good.txt").stdout, "hurtgood");
}

#[test]
fn what_is_lost_for_good_is_named_by_repair() {
    let drops = Drops::new();
    drops.write("good.txt", "good");
    drops.write("hurt.txt", "hurt");
    drops.commit("first");
    hurt(&drops, "hurt");
    fs::remove_file(drops.path("hurt.txt")).expect("it is there");
    let ran = drops.store("repair --read-data");
    assert_eq!(ran.code, Some(1), "{ran}");
    assert!(ran.stdout.contains(":hurt.txt\n"), "{ran}");
    assert_eq!(drops.json("repair")["lost_objects"], 1);
    assert_eq!(drops.store("cat good.txt").stdout, "good");
}

#[test]
fn what_is_not_staged_any_more_is_named() {
    let drops = Drops::with_history();
    for name in ["one.csv", "two.csv", "three.csv"] {
        drops.write(name, "id\n5\n");
        assert_eq!(drops.store(&format!("add {name}")).code, Some(0));
    }
    assert_eq!(drops.store("rm a.csv").code, Some(0));
    let log = drops.path(".tamis/staging/log");
    let mut bytes = fs::read(&log).expect("it is there");
    let place = bytes.windows(7).position(|it| it == b"two.csv");
    bytes[place.expect("it is staged")] ^= 1;
    fs::write(&log, &bytes).expect("it is ours");
    let repaired = drops.store("repair");
    assert_eq!(repaired.code, Some(0), "{repaired}");
    for expected in [
        "not staged any more: `one.csv`",
        "not staged any more: `three.csv`",
        "not staged any more: `a.csv`",
        &format!("of {} bytes, was set aside; ", bytes.len()),
        "of them cannot be read",
        "has to be added again (`tamis store add`)",
    ] {
        assert!(repaired.stderr.contains(expected), "{expected}: {repaired}");
    }
    assert!(!repaired.stderr.contains("`c.csv`"), "{repaired}");
    assert_eq!(drops.store("status").code, Some(0));
    fs::write(&log, b"nothing of that kind").expect("it is ours");
    let repaired = drops.json("repair");
    assert_eq!(repaired["unstaged"], json!([]));
    assert!(
        repaired["notes"]
            .to_string()
            .contains("20 bytes, was set aside")
    );
}

#[test]
fn forgotten_versions_are_not_listed_and_their_space_is_given_back() {
    let drops = Drops::new();
    for (name, text) in [("one", "1"), ("two", "2"), ("three", "3")] {
        drops.write("data", text.repeat(100_000));
        drops.commit(name);
    }
    assert_eq!(drops.store("tag v1 HEAD~2").code, Some(0));
    insta::assert_snapshot!(drops.shown(&drops.store("forget --keep-last 1 --dry-run")), @r"
    exit code: 0
    ----- stdout -----
    keep    [id]  head, last
    keep    [id]  tag v1
    forget  [id]
    ----- stderr -----
    would forget 1 commit
    ");
    assert_eq!(
        drops.json("log")["commits"].as_array().map(Vec::len),
        Some(3)
    );
    assert_eq!(drops.store("forget").code, Some(2));
    assert_eq!(drops.store("forget v1 --keep-last 1").code, Some(2));
    assert_eq!(drops.store("forget v1").code, Some(2), "it has a tag");
    let forgotten = drops.json("forget --keep-last 1");
    assert_eq!(forgotten["forgotten"].as_array().map(Vec::len), Some(1));
    assert_eq!(forgotten["kept"][0]["reasons"], json!(["head", "last"]));
    let log = drops.store("log").stdout;
    assert!(
        !log.contains("two") && log.contains("three") && log.contains("one"),
        "{log}"
    );
    let shown = drops.store("show");
    assert!(shown.stderr.contains("is forgotten"), "{shown}");
    let rehearsed = drops.json("gc --dry-run --grace 0");
    assert_eq!(rehearsed["is_dry_run"], true);
    assert!(
        rehearsed["dead_bytes"].as_u64() >= Some(100_000),
        "{rehearsed}"
    );
    let ran = drops.store("gc --grace 0");
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.stdout.starts_with("needed "), "{ran}");
    assert_eq!(drops.json("gc --grace 0")["dead_bytes"], 0);
    assert_eq!(drops.store("verify --read-data").code, Some(0));
    assert!(drops.store("cat v1:data").stdout.starts_with("111"));
}
