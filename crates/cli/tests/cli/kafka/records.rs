//! `tamis produce` and `tamis consume`: what was sent comes back, bit for bit, and what cannot be sent is told with its line.

use std::io::{BufRead, BufReader, Write};

use serde_json::Value;

use super::Cluster;
use crate::faults::signal;

/// Line feeds at the end, an empty line, bytes that are no text, none at the end.
const ODD: &[u8] = b"one\n\n\xff\x00\tbinary\r\nlast";

#[test]
fn values_come_back_bit_for_bit() {
    let cluster = Cluster::start();
    let sent = cluster.fed("produce odd", ODD);
    assert!(
        sent.stderr.starts_with("4 records delivered to `odd`"),
        "{}",
        sent.stderr
    );
    let read = cluster.run("consume odd");
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    assert_eq!(read.stdout, [ODD, b"\n"].concat());
    assert_eq!(read.stderr, "4 records\n");
    cluster.text("consume odd --output out");
    let written = std::fs::read(cluster.shell.folder.path().join("out"));
    assert_eq!(written.expect("it is there"), [ODD, b"\n"].concat());
    assert_eq!(cluster.fed("produce none", b"").code, Some(0));
    assert_eq!(cluster.text("consume none"), "");
}

#[test]
fn keys_headers_and_tombstones_come_back() {
    let cluster = Cluster::start();
    let input = "a:1,b\tk1\tv1\n\tk2\t\n";
    let arguments = [
        "produce",
        "t",
        "--headers-separator",
        r"\t",
        "--key-separator",
        r"\t",
        "--null-value",
        "",
        "--header",
        "all=x",
    ];
    cluster.fed_args(&arguments, input.as_bytes()).good();
    let arguments = ["consume", "t", "--format", r"%p/%o %k/%K %v/%V %h\n"];
    let read = cluster.fed_args(&arguments, b"").good();
    assert_eq!(read, "0/0 k1/2 v1/2 all=x,a=1,b=\n0/1 k2/2 /-1 all=x\n");
    let pairs = cluster.text("consume t --format key-value --separator =");
    assert_eq!(pairs, "k1=v1\nk2=\n");

    // Through JSON, to another topic and another cluster's compression.
    let json = cluster.text("consume t --format json");
    let second: Value = serde_json::from_str(json.lines().nth(1).expect("two")).expect("JSON");
    assert_eq!(second["value"], Value::Null);
    assert_eq!(second["headers"][0]["name"], "all");
    let copied = cluster.fed("produce copy --input-format json -z lz4", json.as_bytes());
    copied.good();
    let fields = |text: &str| -> Vec<Value> {
        let lines = text.lines().map(|line| {
            let mut record: Value = serde_json::from_str(line).expect("JSON");
            record["topic"].take();
            record["timestamp"].take();
            record
        });
        lines.collect()
    };
    let copy = cluster.text("consume copy --json");
    assert_eq!(fields(&copy), fields(&json));
}

#[test]
fn a_record_that_cannot_be_sent_is_told_with_its_line() {
    let cluster = Cluster::start();
    let large = "x".repeat(2_000_000);
    let input = format!("k:1\nno key\nk:{large}\nk:{large}\nk:2\n");
    let sent = cluster.fed("produce t --key-separator : --json", input.as_bytes());
    assert_eq!(sent.code, Some(1), "{}", sent.stderr);
    let told: Vec<_> = sent.stderr.lines().collect();
    assert_eq!(
        told,
        [
            "error: standard input line 2: the line has no separator behind its key (`--key-separator`)",
            "error: standard input lines 3 to 4: message size too large",
        ]
    );
    let document: Value = serde_json::from_slice(&sent.stdout).expect("JSON");
    assert_eq!(document["records_read"], 5);
    assert_eq!(document["records_delivered"], 2);
    assert_eq!(document["records_lost"], 3);
    assert_eq!(cluster.text("consume t"), "1\n2\n");

    // The broker's own limit, of which the producer does not know; lines are counted in each input.
    cluster.text("topic create small --config max.message.bytes=1000");
    cluster.shell.write("a.txt", "1\n2\n");
    cluster
        .shell
        .write("b.txt", format!("3\n{}\n4", "y".repeat(5000)));
    let sent = cluster.run("produce small a.txt b.txt --linger 0 --batch 100B");
    assert!(sent.stderr.contains("`b.txt` line 2: "), "{}", sent.stderr);
    assert_eq!(sent.code, Some(1), "{}", sent.stderr);
    assert_eq!(cluster.text("consume small"), "1\n2\n3\n4\n");
    let too_long = cluster.fed("produce small --max-record 10B", b"short\nmuch too long\n");
    too_long.refused(
        1,
        "standard input line 2: longer than 10 B (`--max-record`)",
    );
}

/// Adds a batch to partition 0 of a topic, whose records were all compacted away, at an offset.
fn append_empty_batch(cluster: &Cluster, topic: &str, offset: i64) {
    /// Behind the header come the records.
    const HEADER_BYTES: usize = 61;
    let mut batch = crate::serve::wire::batch(&["gone"])[..HEADER_BYTES].to_vec();
    batch[..8].copy_from_slice(&offset.to_be_bytes());
    batch[8..12].copy_from_slice(&(HEADER_BYTES as i32 - 12).to_be_bytes());
    batch[57..61].copy_from_slice(&0_i32.to_be_bytes());
    // This sets the checksum, too.
    tamis_broker::batch::set_append_time(&mut batch, 1);
    let folder = cluster.shell.folder.path().join("data");
    let segment = find(&folder, &format!("{topic}-0")).expect("its folder");
    let segment = find(&segment, ".log").expect("its segment");
    let file = std::fs::OpenOptions::new().append(true).open(segment);
    file.and_then(|mut it| it.write_all(&batch))
        .expect("it can be written");
}

/// What is in a folder, or below it, and whose name ends so.
fn find(folder: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.filter_map(Result::ok).find_map(|it| {
        match it.file_name().to_string_lossy().ends_with(name) {
            true => Some(it.path()),
            false => find(&it.path(), name),
        }
    })
}

/// Somebody types a short line, sees what becomes of it, and types on.
#[test]
fn a_line_is_sent_before_the_next_one_comes() {
    let cluster = Cluster::start();
    cluster.text("topic create t");
    let mut producer = cluster.spawn(&["produce", "t"]);
    let mut stdin = producer.stdin.take().expect("it is piped");
    stdin.write_all(b"x\n").expect("it reads");
    cluster.wait_until("it is there", |cluster| cluster.text("consume t") == "x\n");
    drop(stdin);
    assert_eq!(producer.wait().expect("it ends").code(), Some(0));
}

#[test]
fn topics_end_where_offsets_have_no_records() {
    let mut cluster = Cluster::start();
    cluster.fed("produce a", b"1\n").good();
    cluster.fed("produce b", b"2\n").good();
    cluster.serving.end();
    append_empty_batch(&cluster, "a", 1);
    append_empty_batch(&cluster, "b", 1);
    cluster.serving = crate::serve::Serving::start(&cluster.shell, crate::serve::SERVE);
    assert_eq!(
        cluster.json("topic describe a")["topics"][0]["partitions"][0]["latest"],
        2
    );
    assert_eq!(cluster.text("consume a b"), "1\n2\n");
    assert_eq!(cluster.text("consume b a --count 1"), "2\n");
    assert_eq!(cluster.text("consume a b --group g"), "1\n2\n");
    // Nothing is left, although the last offsets came as no record.
    let described = cluster.json("consumer-group describe g");
    assert_eq!(described["total_lag"], 0);
    assert_eq!(cluster.text("consume a b --group g"), "");
}

#[test]
fn topics_and_partitions_that_are_not_there_are_told() {
    let shell = crate::shell::Shell::new();
    let serve = format!("{} --no-auto-create", crate::serve::SERVE);
    let serving = crate::serve::Serving::start(&shell, &serve);
    let cluster = Cluster { shell, serving };
    cluster.fed("produce nothing", b"a\n").refused(
        2,
        "cannot produce to the topic `nothing`: unknown topic or partition",
    );
    cluster
        .run("consume nothing")
        .refused(2, "there is no topic `nothing`");
    cluster.text("topic create one");
    let produced = cluster.fed("produce one --partition 7", b"a\n");
    produced.refused(2, "the topic `one` has no partition 7");
    let consumed = cluster.run("consume one --partition 7");
    consumed.refused(2, "the topic `one` has no partition 7");
    cluster
        .run("produce one nowhere.txt")
        .refused(3, "nowhere.txt");
}

#[test]
fn packed_files_are_sent_unpacked() {
    let cluster = Cluster::start();
    let lines: String = (0..50_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    cluster.shell.write("lines.txt", &lines);
    let packed = cluster.run("compress lines.txt --codec zstd -o lines.zst");
    assert_eq!(packed.code, Some(0), "{}", packed.stderr);
    cluster.text("produce lines lines.zst -z zstd");
    assert_eq!(cluster.text("consume lines"), lines);
}

#[test]
fn a_part_of_a_topic_is_read_by_places() {
    let cluster = Cluster::start();
    cluster.text("topic create t --partitions 2");
    let numbers = |range: std::ops::Range<u32>| -> String {
        range.map(|number| format!("{number}\n")).collect()
    };
    for id in 0..2 {
        let sent = cluster.fed(&format!("produce t -p {id}"), numbers(0..100).as_bytes());
        sent.good();
    }
    let read = |options: &str| cluster.text(&format!("consume t -p 1 {options}"));
    assert_eq!(read(""), numbers(0..100));
    assert_eq!(read("--from 10 --to 13"), numbers(10..13));
    assert_eq!(read("--from -3"), numbers(97..100));
    assert_eq!(read("--from +98"), numbers(98..100));
    assert_eq!(read("--to -98"), numbers(0..2));
    assert_eq!(read("--from 50 --to 50"), "");
    assert_eq!(read("--from 5000"), "");
    assert_eq!(read("--count 4"), numbers(0..4));
    assert_eq!(read("--from -1h --to now"), numbers(0..100));
    assert_eq!(read("--from -1h --to -30m"), "");
    let recent = cluster.fed_args(&["consume", "t", "-p", "1", "--from", "1h ago"], b"");
    assert_eq!(recent.good(), numbers(0..100));
    assert_eq!(read("--from now"), "");
    let both = cluster.text("consume t t --to 10");
    assert_eq!(both.lines().count(), 20);
    // Several topics at once, of which some have nothing.
    cluster.text("topic create empty --partitions 2");
    let all = cluster.text("consume empty t");
    assert_eq!(all.lines().count(), 200);
}

#[test]
fn what_comes_later_is_followed_until_ctrl_c() {
    let cluster = Cluster::start();
    cluster.text("topic create t");
    let mut follow = cluster.spawn(&["consume", "t", "--follow"]);
    let mut lines = BufReader::new(follow.stdout.take().expect("it is piped")).lines();
    let mut next = || lines.next().expect("a line").expect("it is UTF-8");
    for value in ["a", "b"] {
        cluster.fed("produce t", value.as_bytes()).good();
        assert_eq!(next(), value);
    }
    signal(&follow, "INT");
    let ended = follow.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "2 records\n");
}

#[test]
fn ctrl_c_delivers_what_was_read() {
    let cluster = Cluster::start();
    let mut sending = cluster.spawn(&["produce", "t", "--linger", "100"]);
    let mut stdin = sending.stdin.take().expect("it is piped");
    stdin
        .write_all(b"first line\nsecond line\nhalf of")
        .expect("it reads");
    cluster.wait_until("both are there", |cluster| {
        cluster.run("consume t").stdout == b"first line\nsecond line\n"
    });
    signal(&sending, "INT");
    let ended = sending.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(130));
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.starts_with("2 records delivered to `t`"), "{told}");
    drop(stdin);
    assert_eq!(cluster.text("consume t"), "first line\nsecond line\n");
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let cluster = Cluster::start();
    let lines: String = (0..200_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    cluster.fed("produce t", lines.as_bytes()).good();
    let mut reading = cluster.spawn(&["consume", "t"]);
    let mut stdout = BufReader::new(reading.stdout.take().expect("it is piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it is UTF-8");
    drop(stdout);
    let ended = reading.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn a_cluster_that_goes_away_ends_it_with_what_is_missing() {
    let mut cluster = Cluster::start();
    let arguments = ["produce", "t", "-X", "message.timeout.ms=2000"];
    let mut sending = cluster.spawn(&arguments);
    let mut stdin = sending.stdin.take().expect("it is piped");
    stdin.write_all(b"is there\n").expect("it reads");
    cluster.wait_until("it is there", |cluster| {
        cluster.run("consume t").stdout == b"is there\n"
    });
    cluster.serving.child.kill().expect("it runs");
    cluster.serving.child.wait().expect("it ends");
    stdin
        .write_all(b"is lost\nand so is this\n")
        .expect("it reads");
    drop(stdin);
    let ended = sending.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{told}");
    assert!(
        told.contains("standard input lines 2 to 3: message timed out"),
        "{told}"
    );
    assert!(told.contains("gave up after 3 lines"), "{told}");
    assert!(told.contains("1 record delivered"), "{told}");
}
