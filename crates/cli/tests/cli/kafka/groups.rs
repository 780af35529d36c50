//! `tamis consumer-group`, and `tamis consume --group`: what was written is committed, and groups go on where they are told to.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout};

use serde_json::Value;

use super::{Cluster, ended};
use crate::faults::signal;

fn lag(cluster: &Cluster) -> Value {
    cluster.json("consumer-group describe billing")["total_lag"].clone()
}

#[test]
fn a_group_goes_on_where_it_was() {
    let cluster = Cluster::start();
    cluster.text("topic create orders --partitions 2");
    cluster.fed("produce orders -p 0", b"a\nb\n").good();
    cluster.fed("produce orders -p 1", b"c\n").good();
    let read = cluster.text("consume orders --group billing");
    let mut lines: Vec<_> = read.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a", "b", "c"]);
    assert_eq!(cluster.text("consume orders --group billing"), "");
    assert_eq!(lag(&cluster), 0);
    cluster.fed("produce orders -p 0", b"d\ne\n").good();
    assert_eq!(lag(&cluster), 2);
    // Only what was written is committed.
    assert_eq!(
        cluster.text("consume orders --group billing --count 1"),
        "d\n"
    );
    assert_eq!(lag(&cluster), 1);
    let list = cluster.json("consumer-group list");
    assert_eq!(list["groups"][0]["name"], "billing");
    assert_eq!(list["groups"][0]["state"], "Empty");
    insta::assert_snapshot!(cluster.text("consumer-group describe billing"), @r"
    billing: Empty, 0 members, lag 1

      topic   partition  committed  end  lag  member  host
      orders          0          3    4    1  -       -
      orders          1          1    1    0  -       -
    ");
    // A file that did not appear is nothing to rely on.
    let nowhere = cluster.run("consume orders --group billing --output nowhere/out");
    nowhere.refused(3, "nowhere/out");
    assert_eq!(lag(&cluster), 1);
    cluster.text("consume orders --group billing --output out");
    assert_eq!(cluster.shell.read("out"), "e\n");
    assert_eq!(lag(&cluster), 0);
}

#[test]
fn a_group_with_members_is_left_alone() {
    let cluster = Cluster::start();
    cluster.fed("produce orders", b"a\nb\n").good();
    let mut member = cluster.spawn(&["consume", "orders", "--group", "billing", "--follow"]);
    let mut lines = BufReader::new(member.stdout.take().expect("it is piped")).lines();
    for value in ["a", "b"] {
        assert_eq!(lines.next().expect("a line").expect("it is UTF-8"), value);
    }
    cluster.wait_until("it is committed", |cluster| lag(cluster) == 0);
    let described = cluster.json("consumer-group describe billing");
    assert_eq!(described["state"], "Stable");
    assert_eq!(described["members"][0]["partitions"], 1);
    let id = &described["members"][0]["id"];
    assert_eq!(&described["partitions"][0]["member"], id);
    let reset = "consumer-group reset billing --topic orders --to earliest";
    cluster
        .run(reset)
        .refused(11, "the group `billing` is Stable and has 1 member");
    let deleted = cluster.run("consumer-group delete billing");
    deleted.refused(11, "the group is not empty");
    signal(&member, "TERM");
    assert_eq!(member.wait().expect("it ends").code(), Some(0));
    cluster.wait_until("it is empty", |cluster| cluster.run(reset).code == Some(0));
    assert_eq!(lag(&cluster), 2);
    assert_eq!(cluster.text("consume orders --group billing"), "a\nb\n");
}

#[test]
fn a_group_is_reset_and_deleted() {
    let cluster = Cluster::start();
    cluster.text("topic create orders --partitions 2");
    let lines: String = (0..10).map(|number| format!("{number}\n")).collect();
    cluster.fed("produce orders -p 0", lines.as_bytes()).good();
    cluster.text("consume orders --group billing -q");
    let reset = |options: &str| -> Vec<i64> {
        let arguments = format!("consumer-group reset billing --topic orders {options}");
        let changes = cluster.json(&arguments);
        let partitions = changes["partitions"].as_array().expect("a list").iter();
        partitions.filter_map(|it| it["after"].as_i64()).collect()
    };
    assert_eq!(reset("--to earliest --dry-run"), [0, 0]);
    assert_eq!(lag(&cluster), 0, "nothing was changed");
    assert_eq!(reset("--to -3"), [7, 0]);
    assert_eq!(lag(&cluster), 3);
    assert_eq!(reset("--to +1 --partition 0"), [8]);
    assert_eq!(reset("--to 5"), [5, 0]);
    assert_eq!(reset("--to 5000"), [10, 0]);
    assert_eq!(reset("--to -1h"), [0, 0]);
    assert_eq!(reset("--to latest"), [10, 0]);
    assert_eq!(reset("--to earliest"), [0, 0]);
    assert_eq!(cluster.text("consume orders --group billing"), lines);
    let missing = cluster.run("consumer-group reset billing --topic orders --to 5 -p 9");
    missing.refused(2, "has no partition 9");
    cluster
        .run("consumer-group reset billing --topic nothing --to 5")
        .refused(2, "there is no topic `nothing`");
    cluster.text("consumer-group delete billing");
    for verb in ["describe", "delete"] {
        let ran = cluster.run(&format!("consumer-group {verb} billing"));
        ran.refused(2, "there is no group `billing`");
    }
    assert_eq!(
        cluster.json("consumer-group list")["groups"],
        serde_json::json!([])
    );
}

#[test]
fn two_topics_with_gaps_end_too() {
    let cluster = Cluster::start();
    cluster.fed("produce a", b"1\n").good();
    cluster.fed("produce b", b"2\n").good();
    cluster.text("consume a --group g");
    // `a` has nothing for the group any more, `b` has, and both partitions have the number 0.
    assert_eq!(cluster.text("consume a b --group g"), "2\n");
    assert_eq!(cluster.text("consume a b --group g"), "");
    cluster.fed("produce a", b"3\n").good();
    assert_eq!(cluster.text("consume a b --group g"), "3\n");
}

/// A member that keeps what it has where others come, and commits nothing.
fn follower(cluster: &Cluster) -> Child {
    let line = "consume orders --group billing --follow -X enable.auto.commit=false -X partition.assignment.strategy=cooperative-sticky";
    cluster.spawn(&line.split(' ').collect::<Vec<_>>())
}

/// One that ends when it has read what there is.
fn latecomer(cluster: &Cluster) -> Child {
    let line = "consume orders --group billing -X partition.assignment.strategy=cooperative-sticky";
    cluster.spawn(&line.split(' ').collect::<Vec<_>>())
}

/// A follower that has all partitions and has written its first line, and a latecomer that has said that it waits.
struct Waiting {
    first: Child,
    /// What the first one writes.
    written: BufReader<ChildStdout>,
    second: Child,
    /// What the second one says.
    told: BufReader<ChildStderr>,
}

fn waiting(cluster: &Cluster) -> Waiting {
    cluster.fed("produce orders", b"a\nb\n").good();
    let mut first = follower(cluster);
    let mut written = BufReader::new(first.stdout.take().expect("it is piped"));
    let mut line = String::new();
    written.read_line(&mut line).expect("it is UTF-8");
    assert_eq!(line, "a\n");
    let mut second = latecomer(cluster);
    let mut told = BufReader::new(second.stderr.take().expect("it is piped"));
    line.clear();
    told.read_line(&mut line).expect("it is UTF-8");
    assert_eq!(
        line,
        "waiting: other members of the group have all partitions\n"
    );
    Waiting {
        first,
        written,
        second,
        told,
    }
}

#[test]
fn a_member_without_partitions_waits_for_some() {
    let cluster = Cluster::start();
    let Waiting {
        mut first,
        written,
        mut second,
        told: _told,
    } = waiting(&cluster);
    // The first one ends at its next record, since nobody reads it any more.
    drop(written);
    cluster.fed("produce orders", b"c\n").good();
    ended(&mut first);
    ended(&mut second);
    let read = second.wait_with_output().expect("it ends");
    assert_eq!(read.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&read.stdout), "a\nb\nc\n");
}

#[test]
fn a_member_without_partitions_ends_when_others_have_read_them() {
    let cluster = Cluster::start();
    let Waiting {
        mut first,
        written: _written,
        mut second,
        told: _told,
    } = waiting(&cluster);
    // It commits what it has read, and leaves.
    signal(&first, "TERM");
    assert_eq!(ended(&mut first).code(), Some(0));
    assert_eq!(ended(&mut second).code(), Some(0));
    let read = second.wait_with_output().expect("it ended");
    assert_eq!(read.stdout, b"");
}

#[test]
fn a_member_ends_though_the_broker_answers_no_more() {
    let cluster = Cluster::start();
    cluster.fed("produce orders", b"a\nb\n").good();
    let line =
        "consume orders --group billing --follow --timeout 1 -X auto.commit.interval.ms=600000";
    let mut member = cluster.spawn(&line.split(' ').collect::<Vec<_>>());
    let mut lines = BufReader::new(member.stdout.take().expect("it is piped")).lines();
    for value in ["a", "b"] {
        assert_eq!(lines.next().expect("a line").expect("it is UTF-8"), value);
    }
    signal(&cluster.serving.child, "STOP");
    signal(&member, "TERM");
    assert_eq!(ended(&mut member).code(), Some(3));
    signal(&cluster.serving.child, "CONT");
    let told = member.wait_with_output().expect("it ended").stderr;
    let told = String::from_utf8(told).expect("it is UTF-8");
    let expected = "error: cannot commit the offsets: the group may read records again: no answer within 1 s\n";
    assert!(told.starts_with(expected), "{told}");
}

#[test]
fn members_share_the_partitions_and_leave_nothing_out() {
    let cluster = Cluster::start();
    cluster.text("topic create orders --partitions 4");
    let member = || cluster.spawn(&["consume", "orders", "--group", "billing", "--follow"]);
    let members = [member(), member()];
    cluster.wait_until("both have partitions", |cluster| {
        let ran = cluster.run("consumer-group describe billing --json");
        let described: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
        let members = described["members"].as_array().cloned().unwrap_or_default();
        members.len() == 2 && members.iter().all(|it| it["partitions"] == 2)
    });
    let lines: String = (0..5000).map(|at| format!("{at}:value {at}\n")).collect();
    cluster
        .fed("produce orders --key-separator :", lines.as_bytes())
        .good();
    // What is committed was written before.
    cluster.wait_until("all is committed", |cluster| {
        let described = cluster.json("consumer-group describe billing");
        let partitions = described["partitions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let committed = partitions.iter().filter_map(|it| it["committed"].as_u64());
        committed.sum::<u64>() == 5000
    });
    let mut read = Vec::new();
    for member in members {
        signal(&member, "INT");
        let ended = member.wait_with_output().expect("it ends");
        assert_eq!(ended.status.code(), Some(0));
        let text = String::from_utf8(ended.stdout).expect("it is UTF-8");
        assert!(!text.is_empty(), "it had partitions");
        read.extend(text.lines().map(str::to_owned));
    }
    read.sort_unstable();
    read.dedup();
    assert_eq!(read.len(), 5000);
}
