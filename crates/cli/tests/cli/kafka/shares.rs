//! Topics read as members of a group: offsets are committed when results are written, and not before.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::Cluster;
use super::sources::CONTRACT;
use crate::faults::signal;

impl Cluster {
    pub(super) fn lag_of(&self, group: &str) -> Value {
        let ran = self.run(&format!("consumer-group describe {group} --json"));
        // Before anybody was in it there is no such group, and before anything is committed it is about no partition.
        let document: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        let is_committed = |it: &Value| !it["committed"].is_null();
        let partitions = document["partitions"].as_array();
        match partitions.is_some_and(|all| !all.is_empty() && all.iter().all(is_committed)) {
            true => document["total_lag"].clone(),
            false => Value::Null,
        }
    }

    pub(super) fn start_at(&self, arguments: &str) -> Child {
        let address = format!("kafka://{}/", self.serving.address);
        let arguments = arguments.replace('@', &address);
        self.spawn(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Sends records with these numbers, each to its partition of four.
    pub(super) fn send_numbers(&self, topic: &str, numbers: std::ops::Range<u64>) {
        for partition in 0..4 {
            let mine = numbers.clone().filter(|it| it % 4 == partition);
            let lines: String = mine.map(|id| format!("{{\"id\":{id}}}\n")).collect();
            let arguments = format!("produce {topic} -p {partition}");
            self.fed(&arguments, lines.as_bytes()).good();
        }
    }

    /// The numbers in a topic.
    pub(super) fn numbers(&self, topic: &str) -> BTreeSet<u64> {
        let text = self.text(&format!("consume {topic}"));
        let number = |line: &str| {
            let record: Value = serde_json::from_str(line).expect("it is JSON");
            record["id"].as_u64().expect("a number")
        };
        text.lines().map(number).collect()
    }
}

#[test]
fn offsets_are_committed_when_results_are_written() {
    let cluster = Cluster::start();
    cluster.shell.write("o.yaml", CONTRACT);
    cluster.text("topic create orders --partitions 4");
    cluster.send_numbers("orders", 0..40);
    // An output that cannot be, one that fails, and a reader that has seen enough.
    let check = "check @orders?group=g -c o.yaml";
    cluster
        .at(&format!("{check} --good nowhere/good.jsonl"))
        .refused(3, "nowhere");
    cluster
        .at("filter @orders?group=g --where true -o /dev/full")
        .refused(3, "/dev/full");
    let head = cluster.at("head @orders?group=g -n 100").good();
    assert_eq!(head.lines().count(), 40);
    let first = cluster.at("head @orders?group=g -n 1");
    assert!(
        first
            .stderr
            .contains("no offsets of the group `g` are committed"),
        "{}",
        first.stderr
    );
    cluster.at("search -m 1 id @orders?group=g").good();
    let failing = cluster.at(&format!("{check} --fail-fast"));
    assert_eq!(failing.code, Some(0), "{}", failing.stderr);
    let report = cluster.report("@orders?group=g -c o.yaml");
    assert_eq!(report["rows"]["total"], 40);
    let notes = report["notes"].as_array().expect("a list");
    let note = notes
        .iter()
        .find(|note| note["kind"] == "offsets")
        .expect("it is there");
    assert_eq!(
        note["message"],
        "offsets of group g are committed when the results are written: every record's verdict is written at least once; this process read 4 of 4 partitions"
    );
    assert_eq!(cluster.lag_of("g"), 0);
    assert_eq!(
        cluster.report("@orders?group=g -c o.yaml")["rows"]["total"],
        0
    );
    // What comes later is the next run's.
    cluster.send_numbers("orders", 40..44);
    assert_eq!(cluster.lag_of("g"), 4);
    let ran = cluster.at("filter @orders?group=g --where true");
    assert!(
        ran.stderr.contains("this process read 4 of 4 partitions"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.good().lines().count(), 4);
    assert_eq!(cluster.lag_of("g"), 0);
    // A group that begins at the end has nothing to do, and knows where it is then.
    assert!(
        cluster
            .at("count --records @orders?group=late&from=end")
            .good()
            .starts_with("0 ")
    );
    cluster.send_numbers("orders", 44..48);
    let late = cluster.at("count --records @orders?group=late&from=end");
    assert!(late.good().starts_with("4 "));
}

#[test]
fn a_group_is_at_the_end_of_what_ends_without_a_record() {
    let cluster = Cluster::start();
    cluster.shell.write("o.yaml", CONTRACT);
    cluster.text("topic create orders --partitions 1 --contract o.yaml --on-invalid dead-letter");
    // The last record of the batch becomes a dead letter, and its offset has none.
    cluster.send("orders", &[json!("{\"id\":1}"), json!("{\"id\":\"x\"}")]);
    let check = "@orders?group=g -c o.yaml";
    assert_eq!(cluster.report(check)["rows"]["total"], 1);
    let group = cluster.json("consumer-group describe g");
    assert_eq!(group["partitions"][0]["end"], 2, "{group}");
    assert_eq!(cluster.lag_of("g"), 0);
    // Nothing but that.
    cluster.send("orders", &[json!("{\"id\":\"y\"}")]);
    assert_eq!(cluster.report(check)["rows"]["total"], 0);
    assert_eq!(cluster.lag_of("g"), 0);
}

#[test]
fn a_closed_pipe_and_an_interruption_commit_nothing() {
    let cluster = Cluster::start();
    cluster.shell.write("o.yaml", CONTRACT);
    cluster.text("topic create orders --partitions 4");
    cluster.send_numbers("orders", 0..400_000);
    let mut child = cluster.start_at("filter @orders?group=g --where true");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    stdout.read_line(&mut line).expect("it is UTF-8");
    // What it was writing is still taken, and nothing of it is committed.
    signal(&child, "INT");
    std::io::copy(&mut stdout, &mut std::io::sink()).expect("it can be read");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let mut child = cluster.start_at("filter @orders?group=g --where true");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    stdout.read_line(&mut line).expect("it is UTF-8");
    drop(stdout);
    child.wait().expect("it ends");
    let good = cluster.report("@orders?group=g -c o.yaml");
    assert_eq!(good["rows"]["total"], 400_000, "all is still to be read");
    assert_eq!(cluster.lag_of("g"), 0);
}

#[test]
fn a_topic_is_followed_and_committed_on_the_way() {
    let cluster = Cluster::start();
    cluster.shell.write("o.yaml", CONTRACT);
    cluster.text("topic create orders --partitions 4");
    cluster.send_numbers("orders", 0..40);
    let mut child =
        cluster.start_at("check @orders?group=g -c o.yaml --follow --json --good @good --bad @bad");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    cluster.wait_until("the first are committed", |it| it.lag_of("g") == 0);
    assert_eq!(cluster.numbers("good").len(), 40);
    cluster.send("orders", &[json!("{\"id\":\"x\"}"), json!("{\"id\":40}")]);
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it is UTF-8");
    assert!(line.starts_with("{\"violation\":"), "{line}");
    cluster.wait_until("the others are committed", |it| it.lag_of("g") == 0);
    let bad = cluster.text("consume bad");
    assert!(bad.contains("\"record\":{\"id\":\"x\"}"), "{bad}");
    signal(&child, "INT");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("it is UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    let last: Value = serde_json::from_str(rest.lines().last().expect("a report")).expect("JSON");
    assert_eq!(
        last["report"]["rows"],
        json!({"total": 42, "valid": 41, "invalid": 1})
    );
    assert_eq!(cluster.numbers("good").len(), 41);
    assert_eq!(cluster.lag_of("g"), 0);
    // Without a group nothing is committed, and all is read.
    let child = cluster.start_at("check @orders -c o.yaml --follow");
    let mut stdout = BufReader::new(
        child
            .stdout
            .as_ref()
            .map(|it| {
                use std::os::fd::AsFd;
                std::fs::File::from(it.as_fd().try_clone_to_owned().expect("a descriptor"))
            })
            .expect("it is piped"),
    );
    line.clear();
    stdout.read_line(&mut line).expect("it is UTF-8");
    assert!(line.contains("must be an integer"), "{line}");
    signal(&child, "INT");
    let mut child = child;
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn of_two_members_of_which_one_is_killed_nothing_is_left_out() {
    let cluster = Cluster::start();
    cluster.shell.write("o.yaml", CONTRACT);
    cluster.text("topic create orders --partitions 4");
    cluster.send_numbers("orders", 0..2000);
    let share = "check @orders?group=g&session.timeout.ms=6000&heartbeat.interval.ms=500 -c o.yaml --follow --quiet";
    let mut first = cluster.start_at(&format!("{share} --good @first"));
    cluster.wait_until("the first is at work", |it| it.lag_of("g") == 0);
    let mut second = cluster.start_at(&format!("{share} --good @second"));
    cluster.wait_until("both are members", |it| {
        let group = it.json("consumer-group describe g");
        group["members"]
            .as_array()
            .is_some_and(|members| members.len() == 2)
            && group["state"] == "Stable"
    });
    cluster.send_numbers("orders", 2000..4000);
    signal(&first, "KILL");
    first.wait().expect("it ends");
    cluster.send_numbers("orders", 4000..6000);
    cluster.wait_until("the other has read all", |it| it.lag_of("g") == 0);
    signal(&second, "INT");
    assert_eq!(second.wait().expect("it ends").code(), Some(0));
    let all = &cluster.numbers("first") | &cluster.numbers("second");
    assert_eq!(
        all,
        (0..6000).collect(),
        "every verdict is written at least once"
    );
}

#[test]
fn what_goes_to_others_before_the_results_are_written_is_not_committed() {
    let cluster = Cluster::start();
    cluster.text("topic create orders --partitions 4");
    // All is read before anything is written, and that is more than the largest pipe takes.
    cluster.send_numbers("orders", 0..160_000);
    let mut first = cluster.start_at("sort @orders?group=g --by id");
    let mut stdout = BufReader::new(first.stdout.take().expect("it is piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it is UTF-8");
    let follower = "consume orders --group g --follow -X enable.auto.commit=false";
    let mut second = cluster.spawn(&follower.split(' ').collect::<Vec<_>>());
    // Blocked, it could not take part in what the group does next.
    let mut seen = second.stdout.take().expect("it is piped");
    let has_read = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&has_read);
    let reader = std::thread::spawn(move || {
        let mut first = [0];
        seen.read_exact(&mut first).expect("it had partitions");
        noted.store(true, Ordering::Release);
        std::io::copy(&mut seen, &mut std::io::sink())
    });
    cluster.wait_until("both have partitions", |it| {
        let ran = it.run("consumer-group describe g --json");
        let group: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        let members = group["members"].as_array().cloned().unwrap_or_default();
        members.len() == 2 && members.iter().all(|it| it["partitions"] == 2)
    });
    std::io::copy(&mut stdout, &mut std::io::sink()).expect("it can be read");
    let ended = first.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{told}");
    let expected = "2 partitions went to other members of the group `g`, which read them again";
    assert!(told.contains(expected), "{told}");
    let group = cluster.json("consumer-group describe g");
    let partitions = group["partitions"].as_array().expect("a list").iter();
    let committed = partitions.filter_map(|it| it["committed"].as_u64());
    assert_eq!(committed.sum::<u64>(), 80_000, "{group}");
    cluster.wait_until("the other has read something", |_| {
        has_read.load(Ordering::Acquire)
    });
    signal(&second, "KILL");
    second.wait().expect("it ends");
    reader.join().expect("no panic").expect("it can be read");
}

#[test]
fn bounded_members_share_a_topic() {
    let cluster = Cluster::start();
    cluster.shell.write("o.yaml", CONTRACT);
    cluster.text("topic create orders --partitions 4");
    cluster.send_numbers("orders", 0..4000);
    let children: Vec<Child> = (0..3)
        .map(|at| cluster.start_at(&format!("check @orders?group=g -c o.yaml --good @out{at}")))
        .collect();
    for mut child in children {
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    }
    assert_eq!(cluster.lag_of("g"), 0);
    let topics = cluster.json("topic list");
    let topics = topics["topics"].as_array().expect("a list").iter();
    let names = topics
        .filter_map(|it| it["name"].as_str())
        .filter(|it| it.starts_with("out"));
    let all: BTreeSet<u64> = names.flat_map(|name| cluster.numbers(name)).collect();
    assert_eq!(all, (0..4000).collect());
}
