//! `--follow` of topics: what comes is written while it comes, offsets are committed behind that, and an end is an end.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout};

use serde_json::{Value, json};

use super::{Cluster, ended};
use crate::faults::signal;

/// The number in each line that is a JSON object.
fn numbers_in(text: &str) -> BTreeSet<u64> {
    let numbers = text.lines().filter_map(|line| {
        let record: Value = serde_json::from_str(line).ok()?;
        record["id"].as_u64()
    });
    numbers.collect()
}

fn stdout_of(child: &mut Child) -> BufReader<ChildStdout> {
    BufReader::new(child.stdout.take().expect("it is piped"))
}

fn line_of(stdout: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it is UTF-8");
    line
}

/// Ends a run that follows, and returns what it wrote from here on.
fn stopped(mut child: Child, mut stdout: BufReader<ChildStdout>, by: &str, code: i32) -> String {
    signal(&child, by);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("it is UTF-8");
    let status = ended(&mut child);
    let mut told = String::new();
    let stderr = child.stderr.as_mut().expect("it is piped");
    stderr.read_to_string(&mut told).expect("it is UTF-8");
    assert_eq!(status.code(), Some(code), "{told}");
    rest
}

#[test]
fn rows_are_written_as_they_come() {
    let cluster = Cluster::start();
    cluster.text("topic create orders --partitions 1");
    let mut child = cluster.start_at("filter @orders?group=g --where amount>=2 --follow");
    let mut stdout = stdout_of(&mut child);
    cluster.send(
        "orders",
        &[json!("{\"amount\":1}"), json!("{\"amount\":2}")],
    );
    assert_eq!(line_of(&mut stdout), "{\"amount\":2}\n");
    cluster.wait_until("they are committed", |it| it.lag_of("g") == 0);
    // A value of another type ends nothing.
    cluster.send("orders", &[json!("{\"amount\":2.5}")]);
    assert_eq!(line_of(&mut stdout), "{\"amount\":2.5}\n");
    cluster.wait_until("it is committed", |it| it.lag_of("g") == 0);
    // Nor does a record without a row.
    cluster.send("orders", &[json!("{\"amount\":0}")]);
    cluster.wait_until("it is committed", |it| it.lag_of("g") == 0);
    assert_eq!(stopped(child, stdout, "INT", 0), "");
    assert_eq!(cluster.lag_of("g"), 0);
    // What came before is read as well, and CSV has its header once.
    let select = "select @orders --columns amount,note --output-format csv --follow";
    let mut child = cluster.start_at(select);
    let mut stdout = stdout_of(&mut child);
    let first: String = (0..5).map(|_| line_of(&mut stdout)).collect();
    assert_eq!(first, "amount,note\n1,\n2,\n2.5,\n0,\n");
    cluster.send("orders", &[json!("{\"amount\":7,\"note\":\"late\"}")]);
    assert_eq!(line_of(&mut stdout), "7,late\n");
    stopped(child, stdout, "TERM", 0);
}

#[test]
fn rows_go_on_into_topics() {
    let cluster = Cluster::start();
    cluster.text("topic create orders --partitions 4");
    cluster.send_numbers("orders", 0..40);
    let convert = "convert @orders?group=g @big --where id>=20 --follow";
    let mut child = cluster.start_at(convert);
    let stdout = stdout_of(&mut child);
    cluster.wait_until("the first are committed", |it| it.lag_of("g") == 0);
    assert_eq!(cluster.numbers("big"), (20..40).collect());
    cluster.send_numbers("orders", 40..400);
    cluster.wait_until("the others are committed", |it| it.lag_of("g") == 0);
    assert_eq!(cluster.numbers("big"), (20..400).collect());
    stopped(child, stdout, "TERM", 0);
    let all = cluster.text("consume big");
    assert_eq!(all.lines().count(), 380, "and none twice");
}

#[test]
fn a_run_that_is_killed_goes_on_behind_what_it_wrote() {
    let cluster = Cluster::start();
    cluster.text("topic create orders --partitions 4");
    cluster.send_numbers("orders", 0..2000);
    let address = "@orders?group=g&session.timeout.ms=6000&heartbeat.interval.ms=500";
    let filter = format!("filter {address} --where true -o rows.jsonl --follow");
    let mut child = cluster.start_at(&filter);
    cluster.wait_until("the first are committed", |it| it.lag_of("g") == 0);
    let text = cluster.shell.read("rows.jsonl");
    assert_eq!(numbers_in(&text), (0..2000).collect());
    cluster.send_numbers("orders", 2000..40_000);
    signal(&child, "KILL");
    ended(&mut child);
    cluster.send_numbers("orders", 40_000..40_100);
    let mut child = cluster.start_at(&filter);
    let stdout = stdout_of(&mut child);
    cluster.wait_until("all is committed", |it| it.lag_of("g") == 0);
    stopped(child, stdout, "TERM", 0);
    let text = cluster.shell.read("rows.jsonl");
    assert_eq!(numbers_in(&text), (0..40_100).collect());
    cluster.text("topic create few --partitions 4");
    // A file has one header, however often it is gone on with.
    for numbers in [0..10, 10..20] {
        cluster.send_numbers("few", numbers);
        let convert = "convert @few?group=c rows.csv --columns id --follow";
        let mut child = cluster.start_at(convert);
        let stdout = stdout_of(&mut child);
        cluster.wait_until("they are committed", |it| it.lag_of("c") == 0);
        stopped(child, stdout, "INT", 0);
    }
    let csv = cluster.shell.read("rows.csv");
    let mut rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows.remove(0), "id");
    let rows: BTreeSet<u64> = rows
        .iter()
        .map(|it| it.parse().expect("a number"))
        .collect();
    assert_eq!(rows, (0..20).collect());
    cluster.shell.write("rows.csv", "id\n1\n2");
    cluster
        .at("convert @few?group=c rows.csv --columns id --follow")
        .refused(3, "its last line has no end");
}

#[test]
fn members_that_follow_share_a_topic() {
    let cluster = Cluster::start();
    cluster.text("topic create orders --partitions 4");
    cluster.send_numbers("orders", 0..400);
    let address = "@orders?group=g&session.timeout.ms=6000&heartbeat.interval.ms=500";
    let mut first = cluster.start_at(&format!("convert {address} @first --follow"));
    cluster.wait_until("the first is at work", |it| it.lag_of("g") == 0);
    let mut second = cluster.start_at(&format!("convert {address} @second --follow"));
    let stdout = stdout_of(&mut second);
    cluster.wait_until("both are members", |it| {
        let group = it.json("consumer-group describe g");
        let members = group["members"].as_array().map_or(0, Vec::len);
        members == 2 && group["state"] == "Stable"
    });
    cluster.send_numbers("orders", 400..4000);
    signal(&first, "KILL");
    ended(&mut first);
    cluster.send_numbers("orders", 4000..4400);
    cluster.wait_until("the other has read all", |it| it.lag_of("g") == 0);
    stopped(second, stdout, "INT", 0);
    let all = &cluster.numbers("first") | &cluster.numbers("second");
    assert_eq!(all, (0..4400).collect());
}

#[test]
fn what_nobody_takes_is_not_committed() {
    let cluster = Cluster::start();
    cluster.text("topic create orders --partitions 4");
    // More than the largest pipe takes.
    cluster.send_numbers("orders", 0..400_000);
    let address = "@orders?group=g&session.timeout.ms=6000&heartbeat.interval.ms=500&timeout=60";
    let filter = format!("filter {address} --where true --follow");
    let mut child = cluster.start_at(&filter);
    let mut stdout = stdout_of(&mut child);
    let mut text = line_of(&mut stdout);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_ne!(cluster.lag_of("g"), 0, "it is blocked");
    signal(&child, "KILL");
    ended(&mut child);
    // The last line may be half of one.
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).expect("it can be read");
    text.push_str(&String::from_utf8(rest).expect("it is UTF-8"));
    let again = cluster.at(&filter.replace("--follow", "")).good();
    let all = &numbers_in(&text) | &numbers_in(&again);
    assert_eq!(all.len(), 400_000);
}

#[test]
fn a_search_goes_on() {
    let cluster = Cluster::start();
    cluster.send("orders", &[json!("{\"a\":\"refund 1\"}"), json!("{}")]);
    let mut child = cluster.start_at("search refund @orders?group=g --follow");
    let mut stdout = stdout_of(&mut child);
    assert_eq!(line_of(&mut stdout), "{\"a\":\"refund 1\"}\n");
    cluster.wait_until("they are committed", |it| it.lag_of("g") == 0);
    cluster.send("orders", &[json!("{}"), json!("{\"a\":\"refund 2\"}")]);
    assert_eq!(line_of(&mut stdout), "{\"a\":\"refund 2\"}\n");
    cluster.wait_until("they are committed", |it| it.lag_of("g") == 0);
    assert_eq!(stopped(child, stdout, "INT", 0), "");
    // Nothing was found, which is said as without `--follow`.
    let mut child = cluster.start_at("search -L refund @orders?group=g");
    let stdout = stdout_of(&mut child);
    cluster.send("orders", &[json!("{}")]);
    cluster.wait_until("it is committed", |it| it.lag_of("g") == 0);
    stopped(child, stdout, "TERM", 1);
}

#[test]
fn figures_are_those_of_all_that_came() {
    let cluster = Cluster::start();
    cluster.text("topic create orders --partitions 1");
    let send = |numbers: std::ops::Range<u64>| {
        let values: Vec<Value> = numbers
            .map(|id| json!(json!({ "id": id }).to_string()))
            .collect();
        cluster.send("orders", &values);
    };
    send(0..10);
    // The report tells when all is read.
    let logs = "logs @orders?group=logs --log-format json --follow --interval 0.1 --json";
    let mut child = cluster.start_at(logs);
    let mut stdout = stdout_of(&mut child);
    let lines = |report: &str| {
        let report: Value = serde_json::from_str(report).expect("it is JSON");
        report["inputs"][0]["lines"].as_u64().unwrap_or(0)
    };
    while lines(&line_of(&mut stdout)) < 10 {}
    assert_eq!(
        cluster.lag_of("logs"),
        Value::Null,
        "the last report is to come"
    );
    send(10..12);
    while lines(&line_of(&mut stdout)) < 12 {}
    let rest = stopped(child, stdout, "INT", 0);
    assert_eq!(lines(rest.lines().last().expect("the last report")), 12);
    assert_eq!(cluster.lag_of("logs"), 0);
    for (verb, group) in [
        ("stats @orders?group=stats --json", "stats"),
        ("group @orders?group=group --json", "group"),
        ("count --records --json @orders?group=count", "count"),
    ] {
        let mut child = cluster.start_at(&format!("{verb} --follow"));
        let stdout = stdout_of(&mut child);
        cluster.wait_until("it is a member", |it| {
            let ran = it.run(&format!("consumer-group describe {group} --json"));
            let group: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
            group["members"][0]["partitions"] == 1
        });
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert_eq!(cluster.lag_of(group), Value::Null, "{verb}");
        let text = stopped(child, stdout, "TERM", 0);
        let figures: Value = serde_json::from_str(&text).expect("it is JSON");
        let rows = match group {
            "stats" => &figures["rows"]["total"],
            "group" => &figures[0]["count()"],
            _ => &figures["inputs"][0]["records"],
        };
        let rows = rows.as_u64().unwrap_or_else(|| panic!("{figures}"));
        // Whatever it had not read by then is still to be read.
        let lag = cluster.lag_of(group).as_u64().unwrap_or(12);
        assert_eq!(rows + lag, 12, "{verb}");
        assert!(rows > 0, "{verb}");
    }
}

#[test]
fn an_end_before_there_was_anything_is_an_end() {
    let cluster = Cluster::start();
    cluster.text("topic create none --partitions 2");
    for (verb, code) in [
        ("filter @none?group=g --where id>1 --follow", 0),
        ("convert @none none.csv --columns id --follow", 0),
        ("search a @none --follow", 1),
        ("count --records @none --follow", 0),
        ("logs @none --follow", 0),
    ] {
        let mut child = cluster.start_at(verb);
        let stdout = stdout_of(&mut child);
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert_eq!(child.try_wait().expect("it is ours"), None, "{verb}");
        stopped(child, stdout, "INT", code);
    }
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let cluster = Cluster::start();
    cluster.shell.write("t.jsonl", "{\"id\":1}\n");
    cluster.text("produce t t.jsonl");
    for verb in [
        "filter t.jsonl --where true",
        "select t.jsonl --columns id",
        "convert t.jsonl out.csv",
        "stats t.jsonl",
        "group t.jsonl",
        "count t.jsonl",
    ] {
        let ran = cluster.at(&format!("{verb} --follow"));
        ran.refused(2, "`--follow` is for topics here, and `t.jsonl` is none");
    }
    for (verb, expected) in [
        ("filter - --where true", "standard input ends by itself"),
        ("filter @t @t --where true", "takes one input"),
        ("count", "takes one input"),
        ("convert @t out.json", "this format has an end"),
        ("convert @t out.parquet", "this format has an end"),
        ("convert @t out.csv --columns id+", "expected"),
        (
            "search id @t t.jsonl",
            "takes one input where that is a topic",
        ),
        ("search -U id @t", "`--multiline` needs the whole input"),
        ("head @t", "unexpected argument '--follow'"),
        ("sort @t --by id", "unexpected argument '--follow'"),
    ] {
        let ran = cluster.at(&format!("{verb} --follow"));
        ran.refused(2, expected);
    }
    // Of files it is about links, as ever.
    assert_eq!(cluster.at("search --follow -c id t.jsonl").good(), "1\n");
}
