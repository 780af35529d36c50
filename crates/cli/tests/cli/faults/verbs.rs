//! The same faults in the verbs that write rows, groups, contracts and profiles: a typed error, and nothing left behind.

use std::process::{Child, Command};
use std::time::Duration;

use super::{feed_for_ever, signal};
use crate::data::good_csv;
use crate::shell::{Ran, Shell, skip};

/// Everything that reads records and writes to a file, in so little memory that what can be spilled is.
const WRITERS: [&str; 8] = [
    "filter IN --where amount>0 -o OUT",
    "select IN --columns id,memo -o OUT",
    "head IN -n 100000000 -o OUT",
    "sample IN --share 0.5 -o OUT",
    "convert IN OUT --output-format jsonl",
    "sort IN --by memo,amount -o OUT --memory 100KB",
    "group IN --by id,amount --agg count(),sum(amount) -o OUT --memory 100KB",
    "infer IN -o OUT",
];

/// One of them as a command on these files. Types are declared, so that nothing is read twice.
fn writer(template: &str, input: &str, output: &str) -> String {
    let command = template.replace("IN", input).replace("OUT", output);
    match command.starts_with("infer") {
        true => format!("{command} --input-format csv"),
        false => format!("{command} --input-format csv --types id:text,amount:number,memo:text"),
    }
}

/// A folder with the orders in it, and one for what is spilled.
fn shell(rows: usize) -> Shell {
    let shell = Shell::new();
    shell.write("orders.csv", good_csv(rows));
    std::fs::create_dir(shell.folder.path().join("spill")).expect("a folder");
    shell
}

fn start(shell: &Shell, arguments: &str) -> Child {
    let mut command = shell.command();
    command.args(arguments.split_whitespace());
    command.env("TMPDIR", shell.folder.path().join("spill"));
    command.stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    command.spawn().expect("tamis starts")
}

fn end(child: Child) -> Ran {
    Ran::from(child.wait_with_output().expect("tamis ends"))
}

/// Fails if there is more than the input and an empty folder.
fn assert_nothing_is_left(shell: &Shell, what: &str) {
    assert_eq!(shell.files(), ["orders.csv", "spill"], "{what}");
    let spilled = std::fs::read_dir(shell.folder.path().join("spill"));
    assert_eq!(spilled.expect("it is there").count(), 0, "{what}");
}

#[test]
fn a_device_that_is_full() {
    let shell = shell(20_000);
    for template in WRITERS {
        let ran = end(start(&shell, &writer(template, "orders.csv", "/dev/full")));
        assert_eq!(ran.code, Some(3), "{template}: {ran}");
        assert!(ran.stderr.contains("/dev/full"), "{template}: {ran}");
        assert_nothing_is_left(&shell, template);
    }
}

#[test]
fn interrupting_leaves_nothing() {
    let runs: Vec<_> = WRITERS
        .into_iter()
        .map(|template| {
            let shell = shell(1);
            let mut child = start(&shell, &writer(template, "-", "result"));
            let feeding = feed_for_ever(&mut child);
            (template, shell, child, feeding)
        })
        .collect();
    std::thread::sleep(Duration::from_millis(600));
    for (_, _, child, _) in &runs {
        signal(child, "INT");
    }
    for (template, shell, child, feeding) in runs {
        let ran = end(child);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (Some(130), ""),
            "{template}"
        );
        assert_nothing_is_left(&shell, template);
        assert!(feeding.join().expect("the feeder ends") > 0);
    }
}

#[test]
fn a_reader_that_has_seen_enough() {
    let shell = shell(100_000);
    for template in WRITERS {
        if template.starts_with("infer") {
            continue; // A contract is smaller than any pipe.
        }
        let mut child = start(&shell, &writer(template, "orders.csv", "-"));
        drop(child.stdout.take());
        let ran = end(child);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{template}");
        assert_nothing_is_left(&shell, template);
    }
}

#[test]
fn nowhere_to_spill() {
    let shell = shell(20_000);
    for template in WRITERS.iter().filter(|verb| verb.contains("--memory")) {
        let mut command = shell.command();
        command.env("TMPDIR", "/not/there");
        command.args(writer(template, "orders.csv", "result").split_whitespace());
        let ran = Ran::from(command.output().expect("tamis starts"));
        assert_eq!(ran.code, Some(3), "{template}: {ran}");
        assert!(ran.stderr.contains("/not/there"), "{template}: {ran}");
        assert_nothing_is_left(&shell, template);
    }
}

/// A disk of 128 KiB, in a mount namespace of its own, so that nothing stays mounted whatever happens.
#[test]
fn nowhere_to_spill_more() {
    let shell = shell(20_000);
    let unshared = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]);
        command.current_dir(shell.folder.path());
        command.env("TAMIS", env!("CARGO_BIN_EXE_tamis"));
        command.output()
    };
    let mount = "mount -t tmpfs -o size=128k none spill";
    if !unshared(mount).is_ok_and(|output| output.status.success()) {
        skip("no right to mount");
        return;
    }
    for template in WRITERS.iter().filter(|verb| verb.contains("--memory")) {
        let command = writer(template, "orders.csv", "result")
            .replace('(', "\\(")
            .replace(')', "\\)");
        let script = format!(
            "{mount}; TMPDIR=$PWD/spill \"$TAMIS\" {command}; code=$?; ls -A spill; exit $code"
        );
        let ran = Ran::from(unshared(&script).expect("it ran before"));
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(3), ""),
            "{template}: {ran}"
        );
        let says_what_to_do =
            ran.stderr.contains("No space left") && ran.stderr.contains("set TMPDIR");
        assert!(says_what_to_do, "{template}: {ran}");
        assert_nothing_is_left(&shell, template);
    }
}
