//! Topics as inputs of every verb: what comes of a topic is what comes of a file with the same records.

use serde_json::{Value, json};

use super::Cluster;
use crate::shell::Shell;

pub(super) const CONTRACT: &str = "\
apiVersion: v3.1.0
kind: DataContract
id: t
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, required: true}
      - {name: note, logicalType: string}
";

impl Cluster {
    /// The address of a topic.
    pub(super) fn topic(&self, rest: &str) -> String {
        format!("kafka://{}/{rest}", self.serving.address)
    }

    /// Runs `tamis` where `@` stands for the address of a topic without its name.
    pub(super) fn at(&self, arguments: &str) -> super::Ran {
        let address = format!("kafka://{}/", self.serving.address);
        self.run(&arguments.replace('@', &address))
    }

    /// The report of a check, whatever the verdict.
    pub(super) fn report(&self, arguments: &str) -> Value {
        let ran = self.at(&format!("check {arguments} --json"));
        assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.stderr);
        serde_json::from_slice(&ran.stdout).expect("it is JSON")
    }

    /// Sends values, one a JSON text each.
    pub(super) fn send(&self, topic: &str, values: &[Value]) {
        let lines = values
            .iter()
            .map(|value| json!({"value": value}).to_string() + "\n");
        let lines: String = lines.collect();
        let arguments = format!("produce {topic} --input-format json");
        self.fed(&arguments, lines.as_bytes()).good();
    }
}

/// What a report says of the data.
fn verdict(report: &Value) -> Value {
    json!([
        report["rows"],
        report["violations"],
        report["metrics"],
        report["passed"]
    ])
}

fn messages(report: &Value) -> Vec<&str> {
    let notes = report["notes"].as_array().expect("a list");
    notes
        .iter()
        .filter_map(|note| note["message"].as_str())
        .collect()
}

#[test]
fn a_topic_is_judged_as_a_file_is() {
    let cluster = Cluster::start();
    let generate = "gen transactions --rows 4000 --bad-rate 0.05";
    cluster.text(&format!(
        "{generate} -o tx.jsonl --contract-out c.yaml --unique"
    ));
    cluster.text("topic create tx --partitions 1");
    cluster.text("produce tx tx.jsonl");
    let file = cluster.report("tx.jsonl -c c.yaml");
    assert!(file["rows"]["invalid"].as_u64() > Some(100), "{file}");
    for options in [
        "--threads 1 --chunk-size 1000",
        "--threads 2 --chunk-size 7000",
        "--threads 3",
    ] {
        let topic = cluster.report(&format!("@tx -c c.yaml {options}"));
        assert_eq!(verdict(&topic), verdict(&file), "{options}");
    }
    assert_eq!(file["inputs"][0]["rows"], 4000);
    // Several partitions have their records in another order.
    cluster.text("topic create shared --partitions 3");
    for partition in 0..3 {
        cluster.text(&format!("produce shared -p {partition} tx.jsonl"));
    }
    let thrice = cluster.report("@shared -c c.yaml --object transactions");
    let files = cluster.report("tx.jsonl tx.jsonl tx.jsonl -c c.yaml --object transactions");
    assert_eq!(verdict(&thrice), verdict(&files));
}

#[test]
fn csv_messages_are_records_without_a_header() {
    let cluster = Cluster::start();
    let generate = "gen transactions --rows 2000 --bad-rate 0.05";
    cluster.text(&format!("{generate} -o tx.csv --contract-out c.yaml"));
    cluster.at("convert tx.csv @tx?payload=csv").good();
    let text = cluster.shell.read("tx.csv");
    let (_, body) = text.split_once('\n').expect("a header");
    cluster.shell.write("body.csv", body);
    let file = cluster.report("body.csv -c c.yaml --header false");
    assert!(file["rows"]["invalid"].as_u64() > Some(50), "{file}");
    for options in ["", "--threads 1 --chunk-size 1000"] {
        let topic = cluster.report(&format!("@tx?payload=csv -c c.yaml {options}"));
        assert_eq!(verdict(&topic), verdict(&file), "{options}");
    }
    let told = cluster.report("@tx -c c.yaml --input-format csv");
    assert_eq!(verdict(&told), verdict(&file));
    // Tabs, too.
    cluster.shell.write("o.yaml", CONTRACT);
    cluster.send(
        "tabs",
        &[json!("1\ta,b"), json!("x\ta"), json!("3\t\"a\tb\"")],
    );
    for address in ["@tabs", "@tabs?payload=csv"] {
        let tabs = cluster.report(&format!("{address} -c o.yaml --input-format tsv"));
        let rows = json!({"total": 3, "valid": 2, "invalid": 1});
        assert_eq!(tabs["rows"], rows, "{tabs}");
        assert_eq!(tabs["samples"][0]["column"], "id", "{tabs}");
    }
    // A header is one if somebody says so.
    cluster.send("headed", &[json!("note,id"), json!("a,1"), json!("b,x")]);
    let headed = cluster.report("@headed?payload=csv -c o.yaml --header true");
    assert_eq!(
        headed["rows"],
        json!({"total": 2, "valid": 1, "invalid": 1})
    );
}

#[test]
fn every_verb_reads_topics() {
    let cluster = Cluster::start();
    let lines =
        "{\"id\":3,\"note\":\"c\"}\n{\"id\":1,\"note\":\"a\"}\n{\"id\":2,\"note\":\"refund\"}\n";
    cluster.shell.write("t.jsonl", lines);
    cluster.text("produce t t.jsonl");
    for verb in [
        "filter INPUT --where id>1",
        "select INPUT --columns note",
        "head INPUT -n 2",
        "sample INPUT -n 2",
        "sort INPUT --by id",
        "sort INPUT --by id --unique",
        "group INPUT --by note --agg sum(id)",
        "convert INPUT - --output-format csv",
        "search refund INPUT",
        "search -c refund INPUT",
        "infer INPUT -o -",
    ] {
        let [file, topic] =
            ["t.jsonl", "@t"].map(|it| cluster.at(&verb.replace("INPUT", it)).good());
        let bare = |text: String| {
            let lines = text.lines().filter(|it| !it.contains(" rows of t"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(!file.is_empty(), "{verb}");
        assert_eq!(bare(topic), bare(file), "{verb}");
    }
    let count = cluster.at("count --records -l @t").good();
    assert_eq!(count, format!("3 3 {}\n", cluster.topic("t")));
    let stats = cluster.at("stats @t --json").good();
    let stats: Value = serde_json::from_str(&stats).expect("it is JSON");
    assert_eq!(stats["rows"]["total"], 3);
    let logs = cluster.at("logs @t --log-format json --json");
    let logs: Value = serde_json::from_slice(&logs.stdout).expect("it is JSON");
    assert_eq!(logs["inputs"][0]["lines"], 3, "{logs}");
    let nothing = cluster.at("search nowhere @t");
    assert_eq!(nothing.code, Some(1), "{}", nothing.stderr);
    cluster.at("inspect @t").refused(2, "a topic is no file");
}

#[test]
fn a_message_is_one_record_whatever_is_in_it() {
    let cluster = Cluster::start();
    cluster.shell.write("o.yaml", CONTRACT);
    cluster.send(
        "orders",
        &[
            json!("\u{feff}{\"id\":1}"),
            json!("{\n  \"id\": 1,\r\n  \"note\": \"a\"\n}\n"),
            json!("{\"id\":2,\"note\":\"a\nb\"}"),
            json!("{\"id\":3}\n{\"id\":4}"),
            Value::Null,
            json!(""),
            json!("\n"),
            json!("  "),
            json!("\0\0\0\0\u{7}{\"id\":5}"),
            json!("id,note"),
        ],
    );
    let report = cluster.report("@orders -c o.yaml");
    // Bad: the byte order mark, the line feed in a string, two objects, white space, and what is no JSON.
    let rows = json!({"total": 7, "valid": 2, "invalid": 5});
    assert_eq!(report["rows"], rows, "{report}");
    let notes = messages(&report);
    assert!(
        notes.contains(&"3 messages without a value are no records"),
        "{notes:?}"
    );
    let changed = "4 messages with line ends, or without an end, are read as one record each";
    assert!(notes.contains(&changed), "{notes:?}");
    let told = cluster.at("filter @orders --where true --skip-malformed");
    assert!(
        told.stderr.contains("3 messages without a value"),
        "{}",
        told.stderr
    );

    let csv = [
        json!("1,a"),
        json!("2,\"a\nb\""),
        json!("3,\"a"),
        json!("4,a\n5,b"),
        json!("6,b\n"),
    ];
    cluster.send("csv", &csv);
    let report = cluster.report("@csv?payload=csv -c o.yaml --object orders");
    let rows = json!({"total": 5, "valid": 3, "invalid": 2});
    assert_eq!(report["rows"], rows, "{report}");
    let changed = "2 messages with line ends, or without an end, are read as one record each";
    assert!(messages(&report).contains(&changed), "{report}");
}

#[test]
fn reading_begins_where_it_is_told_and_ends_where_the_topic_did() {
    let cluster = Cluster::start();
    cluster.text("topic create t --partitions 2");
    cluster
        .fed("produce t -p 0", b"{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n")
        .good();
    cluster.fed("produce t -p 1", b"{\"id\":4}\n").good();
    for (from, count) in [
        ("beginning", 4),
        ("-1", 2),
        ("1", 2),
        ("%2B2", 1),
        ("@0", 4),
    ] {
        let read = cluster.run(&format!(
            "count --records {}",
            cluster.topic(&format!("t?from={from}"))
        ));
        assert!(read.good().starts_with(&format!("{count} ")), "{from}");
    }
    let properties = "t?fetch.min.bytes=1&client.id=me&timeout=9";
    assert!(
        cluster
            .at(&format!("count --records @{properties}"))
            .good()
            .starts_with("4 ")
    );
    cluster.shell.write("client", "client.id=me\n");
    assert!(
        cluster
            .at("count --records @t?client-config=client")
            .good()
            .starts_with("4 ")
    );
    // A file may name the brokers, for other verbs, and nothing that is promised otherwise.
    cluster
        .shell
        .write("client", "metadata.broker.list=nowhere:1\n");
    assert!(
        cluster
            .at("count --records @t?client-config=client")
            .good()
            .starts_with("4 ")
    );
    for property in ["enable.auto.offset.store=true", "group.id=other"] {
        cluster.shell.write("client", property);
        cluster
            .at("count --records @t?group=g&client-config=client")
            .refused(2, "cannot be set");
    }
    // Of an empty topic there is nothing, and that soon.
    cluster.text("topic create none --partitions 3");
    assert!(cluster.at("count --records @none").good().starts_with("0 "));
    cluster
        .at("count @t?from=end")
        .refused(2, "nothing to read behind the end");
    cluster
        .at("count @t?from=nowhere")
        .refused(2, "`nowhere` is no place");
    cluster
        .at("count @t?group=g&from=3")
        .refused(2, "`from` is `beginning` or `end`");
    cluster
        .at("count @t?nonsense=1")
        .refused(2, "the property `nonsense` of the client");
    cluster.at("count @u").refused(2, "there is no topic `u`");
    cluster
        .at("filter @t --where true --input-format parquet")
        .refused(2, "JSON objects or CSV");
    cluster
        .at("filter @t?payload=json --where true --input-format csv")
        .refused(2, "contradict");
    cluster.shell.write("o.yaml", CONTRACT);
    let twice = cluster.at("check @t -c o.yaml --follow --good good.jsonl");
    twice.refused(2, "`--good` and `--bad` are topics");
}

#[test]
fn what_is_wrong_with_an_address_is_told_without_its_secrets() {
    let shell = Shell::new();
    shell.write("o.yaml", CONTRACT);
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let away = format!(
        "kafka://{}/t?sasl.password=secret&timeout=1",
        free.expect("a port")
    );
    for (address, code, expected) in [
        (away.as_str(), 3, "answered within 1 s"),
        (
            "kafka://nowhere/t?sasl.password=secret",
            2,
            "`kafka://` is HOST:PORT",
        ),
        ("kafka://me:secret@a:1/t", 2, "a user's name does not stand"),
        (
            "kafka://me:secret?@a:1/t",
            2,
            "a user's name does not stand",
        ),
        (
            "kafka://a:1?sasl.password=secret",
            2,
            "the topic is missing",
        ),
    ] {
        for verb in [
            "check ADDRESS -c o.yaml",
            "count ADDRESS",
            "search a ADDRESS",
            "convert ADDRESS -",
        ] {
            let ran = shell.tamis(&verb.replace("ADDRESS", address));
            // As ripgrep does, whatever it was that could not be searched.
            let code = if verb.starts_with("search") { 2 } else { code };
            assert_eq!(ran.code, Some(code), "{verb} {address}: {}", ran.stderr);
            assert!(ran.stderr.contains(expected), "{verb}: {}", ran.stderr);
            assert!(!ran.stderr.contains("secret"), "{verb}: {}", ran.stderr);
            // No options are for what stands in an address.
            for option in ["--timeout", "--bootstrap"] {
                assert!(!ran.stderr.contains(option), "{verb}: {}", ran.stderr);
            }
        }
        let reported = shell.tamis(&format!("check t.csv -c o.yaml --report {address}"));
        assert_eq!(reported.code, Some(2), "{}", reported.stderr);
        assert!(!reported.stderr.contains("secret"), "{}", reported.stderr);
        shell.write("t.jsonl", "{\"id\":1}\n");
        let ran = shell.tamis(&format!("convert t.jsonl {address}"));
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    }
}
