//! Goal: a file in a store can stand where a file could, as an input of other verbs and as what a check writes.

use std::fs;
use std::process::Command;

use super::Drops;
use crate::data::{CONTRACT, HEADER, good_csv};
use crate::shell::Ran;

fn tamis(drops: &Drops, arguments: &str) -> Ran {
    let mut command: Command = drops.0.command();
    command
        .env("XDG_CONFIG_HOME", "/nowhere")
        .env("TAMIS_AUTHOR", "tester");
    let output = command.args(arguments.split_whitespace()).output();
    Ran::from(output.expect("tamis starts"))
}

fn drops() -> Drops {
    let drops = Drops::new();
    drops.write("contract/orders.odcs.yaml", CONTRACT);
    drops.write("drops/orders.csv", good_csv(5));
    drops.commit("good");
    drops.write("drops/orders.csv", format!("{HEADER}\nbad\n"));
    drops.commit("bad");
    drops
}

#[test]
fn versions_are_inputs() {
    let drops = drops();
    let good = tamis(
        &drops,
        "check store:HEAD~1:drops/orders.csv -c contract/orders.odcs.yaml",
    );
    assert_eq!(good.code, Some(0), "{good}");
    let bad = tamis(
        &drops,
        "check store::drops/orders.csv -c contract/orders.odcs.yaml",
    );
    assert_eq!(bad.code, Some(1), "{bad}");
    assert!(bad.stdout.contains("store::drops/orders.csv"), "{bad}");
    for (verb, expected) in [
        ("count store:HEAD~1:drops/orders.csv", "5"),
        ("head store:.@HEAD~1:drops/orders.csv -n 1", "\n"),
        ("stats store:HEAD~1:drops/orders.csv", "5"),
        ("inspect store:HEAD~1:drops/orders.csv", "orders.csv"),
        ("infer store:HEAD~1:drops/orders.csv", "orders"),
        ("select store:HEAD~1:drops/orders.csv --columns id", "id"),
        ("sort store:HEAD~1:drops/orders.csv --by id", "id"),
        ("filter store:HEAD~1:drops/orders.csv --where id!=''", "id"),
        ("sample store:HEAD~1:drops/orders.csv -n 1", "id"),
        (
            "group store:HEAD~1:drops/orders.csv --by id --agg count()",
            "id",
        ),
        ("convert store:HEAD~1:drops/orders.csv -", "id"),
        ("contract show store::contract/orders.odcs.yaml", "orders"),
        ("contract lint store::contract/orders.odcs.yaml", "orders"),
        (
            "bench store:HEAD~1:drops/orders.csv --rounds 1",
            "orders.csv",
        ),
        ("logs store:HEAD~1:drops/orders.csv --log-format text", "5"),
        (
            "check store:HEAD~1:drops/orders.csv -c store::contract/orders.odcs.yaml",
            "PASSED",
        ),
        // Of a folder the data files.
        (
            "check store:HEAD~1:drops -c store::contract/orders.odcs.yaml",
            "PASSED",
        ),
        ("head store:HEAD~1:drops -n 1", "\n"),
        (
            "count store:HEAD~1:",
            "store:HEAD~1:contract/orders.odcs.yaml",
        ),
        ("logs store:HEAD~1:drops --log-format text", "5"),
    ] {
        let ran = tamis(&drops, verb);
        assert_eq!(ran.code, Some(0), "{verb}: {ran}");
        assert!(ran.stdout.contains(expected), "{verb}: {ran}");
    }
    let packed = tamis(
        &drops,
        "compress store:HEAD~1:drops/orders.csv -o packed.csv.zst",
    );
    assert_eq!(packed.code, Some(0), "{packed}");
    let counted = tamis(&drops, "count packed.csv.zst").stdout;
    assert!(counted.starts_with("  6 "), "{counted}");
}

#[test]
fn names_that_lead_nowhere_say_why() {
    let drops = drops();
    for (name, code, expected) in [
        ("store:HEAD", 2, "has no `:`"),
        ("store::drops/", 2, "named without it"),
        ("store:v9:a.csv", 2, "names no commit"),
        ("store::nothing.csv", 2, "has no `nothing.csv`"),
        ("store:/nowhere@HEAD:a.csv", 2, "is no store"),
    ] {
        let ran = tamis(&drops, &format!("count {name}"));
        assert_eq!(ran.code, Some(code), "{name}: {ran}");
        assert!(ran.stderr.contains(expected), "{name}: {ran}");
    }
    let ran = tamis(&drops, "inspect store::drops");
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stderr.contains("is a folder"), "{ran}");
    let ran = tamis(&drops, "head store::contract");
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(
        ran.stderr.contains("no data files in `store::contract`"),
        "{ran}"
    );
    let ran = tamis(
        &drops,
        "check store::drops/orders.csv -c contract/orders.odcs.yaml --follow",
    );
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(ran.stderr.contains("those in a store do not"), "{ran}");
}

#[test]
fn good_records_become_a_version() {
    let drops = drops();
    let checked = tamis(
        &drops,
        "check store:HEAD~1:drops/orders.csv -c contract/orders.odcs.yaml --good store:main:good/orders.csv",
    );
    assert_eq!(checked.code, Some(0), "{checked}");
    assert_eq!(drops.store("cat HEAD:good/orders.csv").stdout, good_csv(5));
    let log = drops.json("log -n 1");
    assert_eq!(log["commits"][0]["author"], "tester");
    assert!(
        log["commits"][0]["message"]
            .to_string()
            .contains("good records of"),
        "{log}"
    );
    // It is in no work tree, so that adding all of one takes it out, unless it is put there first.
    assert_eq!(drops.store("get good -o .").code, Some(0));
    let added = drops.json("add -A");
    assert_eq!(added["removed"], 0, "{added}");
    fs::remove_dir_all(drops.path("good")).expect("it is there");
    let added = drops.json("add -A");
    assert_eq!(added["removed"], 2, "{added}");
    for good in ["store:v1:good.csv", "store:main:", "store:main:good"] {
        let refused = tamis(
            &drops,
            &format!(
                "check store:HEAD~1:drops/orders.csv -c contract/orders.odcs.yaml --good {good}"
            ),
        );
        assert_eq!(refused.code, Some(2), "{good}: {refused}");
    }
}

#[test]
fn files_and_folders_in_a_store_are_searched() {
    let drops = Drops::new();
    drops.write("log/a.txt", "one\nfind me\n");
    drops.write("log/deep/b.rs", "find me, too\n");
    drops.write("log/.hidden", "find me not\n");
    drops.write("log/binary", b"find me\0not\n");
    let many = "a line without it\n".repeat(400_000);
    drops.write("log/large.txt", format!("{many}find me at the end\n"));
    std::os::unix::fs::symlink("a.txt", drops.path("log/link")).expect("links can be made");
    drops.commit("first");
    drops.write("log/a.txt", "changed\n");
    drops.write("here.txt", "find me here\n");
    let found = |arguments: &str| {
        let ran = tamis(&drops, &format!("search {arguments}"));
        assert_eq!(ran.code, Some(0), "{arguments}: {ran}");
        ran.stdout
    };
    assert_eq!(found("find store:HEAD:log/a.txt"), "find me\n");
    assert_eq!(found("-c find store::log/large.txt"), "1\n");
    assert_eq!(
        found("-n find store::log/large.txt"),
        "400001:find me at the end\n"
    );
    assert_eq!(
        found("--no-heading find store:HEAD:log"),
        "store:HEAD:log/a.txt:find me\n\
         store:HEAD:log/deep/b.rs:find me, too\n\
         store:HEAD:log/large.txt:find me at the end\n"
    );
    assert_eq!(
        found("-l find store:.@HEAD: -d 2"),
        "store:.@HEAD:log/a.txt\nstore:.@HEAD:log/large.txt\n"
    );
    assert_eq!(
        found("-l find -g *.rs store::log"),
        "store::log/deep/b.rs\n"
    );
    assert_eq!(
        found("-l find --hidden -t rust store::log"),
        "store::log/deep/b.rs\n"
    );
    assert_eq!(
        found("find here.txt store::log/a.txt --sort path"),
        "here.txt:find me here\nstore::log/a.txt:find me\n"
    );
    assert_eq!(
        found("-U find.me\\nx|find.me$ store::log/a.txt"),
        "find me\n"
    );
    assert!(found("--json find store::log/a.txt").contains("store::log/a.txt"));
    assert_eq!(tamis(&drops, "search nowhere store::log").code, Some(1));
    let none = tamis(&drops, "search find store::none store::log");
    assert_eq!(none.code, Some(2), "{none}");
    assert!(none.stderr.contains("has no `none`"), "{none}");
}

#[test]
fn verbs_of_files_alone_say_what_to_do() {
    let drops = drops();
    for verb in [
        "dupes store::drops",
        "dupes drops --reference store::drops",
        "io-bench store::drops/orders.csv",
    ] {
        let ran = tamis(&drops, verb);
        assert_eq!(ran.code, Some(2), "{verb}: {ran}");
        assert!(ran.stderr.contains("`tamis store get`"), "{verb}: {ran}");
    }
}

#[test]
fn outputs_but_those_of_good_records_are_files() {
    let drops = drops();
    let input = "drops/orders.csv";
    let check = format!("check {input} -c contract/orders.odcs.yaml");
    for verb in [
        format!("{check} --bad OUT"),
        format!("{check} --report OUT"),
        format!("compress {input} -o OUT"),
        format!("decompress {input} -o OUT"),
        format!("convert {input} OUT"),
        format!("filter {input} --where id!='' -o OUT"),
        format!("select {input} --columns id -o OUT"),
        format!("head {input} -o OUT"),
        format!("sample {input} -n 1 -o OUT"),
        format!("sort {input} --by id -o OUT"),
        format!("group {input} --by id --agg count() -o OUT"),
        format!("infer {input} -o OUT"),
        format!("stats {input} --html OUT"),
        "dupes drops --cache OUT".to_owned(),
        "gen transactions --rows 5 -o OUT".to_owned(),
        "gen transactions --rows 5 -o a.csv --contract-out OUT".to_owned(),
        "gen transactions --rows 5 -o a.csv --manifest OUT".to_owned(),
        "gen access-log --rows 5 -o OUT".to_owned(),
        "io-bench OUT --make-file 1MB".to_owned(),
        "store checkout HEAD -o OUT".to_owned(),
        "store get HEAD:drops -o OUT".to_owned(),
    ] {
        let ran = tamis(&drops, &verb.replace("OUT", "store:main:out.csv"));
        assert_eq!(ran.code, Some(2), "{verb}: {ran}");
        let says = ran.stderr.contains("name a file") || ran.stderr.contains("`tamis store get`");
        assert!(says, "{verb}: {ran}");
    }
    let mut names = fs::read_dir(drops.0.folder.path()).expect("it is there");
    let is_store = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b"store:");
    assert!(names.all(|it| !is_store(&it.expect("it is there").file_name())));
}
