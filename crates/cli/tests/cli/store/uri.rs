//! Goal: a file in a store can stand where a file could, as an input of other verbs and as what a check writes.

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
        ("store:v9:a.csv", 2, "names no commit"),
        ("store::nothing.csv", 2, "has no `nothing.csv`"),
        ("store::drops", 2, "is a folder"),
        ("store:/nowhere@HEAD:a.csv", 2, "is no store"),
    ] {
        let ran = tamis(&drops, &format!("count {name}"));
        assert_eq!(ran.code, Some(code), "{name}: {ran}");
        assert!(ran.stderr.contains(expected), "{name}: {ran}");
    }
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
    let refused = tamis(
        &drops,
        "check store:HEAD~1:drops/orders.csv -c contract/orders.odcs.yaml --good store:v1:good.csv",
    );
    assert_eq!(refused.code, Some(2), "{refused}");
}
