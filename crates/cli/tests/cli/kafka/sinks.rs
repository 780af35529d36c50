//! Topics as outputs: each record is a message, and all are there when the run has ended.

use serde_json::json;

use super::Cluster;
use super::sources::CONTRACT;

impl Cluster {
    /// The values in a topic, sorted.
    fn sorted(&self, topic: &str) -> Vec<String> {
        let text = self.text(&format!("consume {topic} --format %v\\x1e"));
        let mut values: Vec<String> = text.split_terminator('\u{1e}').map(str::to_owned).collect();
        values.sort_unstable();
        values
    }
}

#[test]
fn rows_become_messages() {
    let cluster = Cluster::start();
    cluster.shell.write("t.csv", "id,note\n2,b\n1,\"a\nc\"\n");
    let json = ["{\"id\":1,\"note\":\"a\\nc\"}", "{\"id\":2,\"note\":\"b\"}"];
    for (verb, topic) in [
        ("filter t.csv --where id>0 -o @filter", "filter"),
        ("select t.csv --columns id,note -o @select", "select"),
        ("head t.csv -o @head", "head"),
        ("sample t.csv -o @sample", "sample"),
        ("sort t.csv --by id -o @sort", "sort"),
        ("convert t.csv @convert", "convert"),
        ("convert t.csv @named.csv", "named.csv"),
    ] {
        cluster.at(verb).good();
        assert_eq!(cluster.sorted(topic), json, "{verb}");
    }
    // A record of CSV is a message with its line ends, and the header is none.
    for (verb, topic) in [
        ("convert t.csv @csv?payload=csv", "csv"),
        (
            "filter t.csv --where id>0 -o @csv2 --output-format csv",
            "csv2",
        ),
    ] {
        cluster.at(verb).good();
        assert_eq!(cluster.sorted(topic), ["1,\"a\nc\"", "2,b"], "{verb}");
    }
    cluster
        .at("group t.csv --by id --agg count() -o @group")
        .good();
    assert_eq!(
        cluster.sorted("group"),
        ["{\"id\":1,\"count()\":1}", "{\"id\":2,\"count()\":1}"]
    );
    cluster
        .at("group t.csv --by id --agg count() -o @group2?payload=csv")
        .good();
    assert_eq!(cluster.sorted("group2"), ["1,1", "2,1"]);
    cluster.at("gen transactions --rows 100 -o @made").good();
    assert_eq!(cluster.sorted("made").len(), 100);
    cluster.at("gen access-log --rows 50 -o @lines").good();
    assert_eq!(cluster.sorted("lines").len(), 50);
    // From a topic to a topic.
    cluster.at("filter @convert --where id==2 -o @two").good();
    assert_eq!(cluster.sorted("two"), [json[1]]);
}

#[test]
fn good_and_bad_records_go_to_topics() {
    let cluster = Cluster::start();
    cluster.shell.write("o.yaml", CONTRACT);
    cluster.shell.write("o.csv", "id,note\n1,a\nx,b\n");
    cluster.send(
        "orders",
        &[
            json!("{\"id\":1}"),
            json!("{\"id\":\"x\"}"),
            json!("nonsense"),
        ],
    );
    let report = cluster.report("@orders -c o.yaml --good @good --bad @bad");
    assert_eq!(report["outputs"][0]["name"], cluster.topic("good"));
    assert_eq!(report["outputs"][0]["rows"], 1);
    assert_eq!(cluster.sorted("good"), ["{\"id\":1}"]);
    let bad = [
        "{\"_tamis_row\":2,\"_tamis_reason\":\"id: type\",\"record\":{\"id\":\"x\"}}",
        "{\"_tamis_row\":3,\"_tamis_reason\":\"json\",\"record\":\"nonsense\"}",
    ];
    assert_eq!(cluster.sorted("bad"), bad);
    cluster.report("o.csv -c o.yaml --good @good2 --bad @bad2");
    assert_eq!(cluster.sorted("good2"), ["1,a"]);
    assert_eq!(cluster.sorted("bad2"), ["2,id: type,x,b"]);
}

#[test]
fn outputs_that_cannot_be_are_refused_before_anything_is_read() {
    let cluster = Cluster::start();
    cluster.shell.write("o.yaml", CONTRACT);
    cluster.shell.write("t.csv", "id,note\n1,a\n");
    cluster.shell.write("client", "transactional.id=mine\n");
    cluster.send("t", &[json!("{\"id\":1}")]);
    for (arguments, expected) in [
        (
            "convert t.csv @u --output-format parquet",
            "each record is a message",
        ),
        (
            "convert t.csv @u --output-format json",
            "each record is a message",
        ),
        (
            "convert t.csv @u?payload=csv --output-format jsonl",
            "each record is a message",
        ),
        (
            "group t.csv --by id --agg count() -o @u --format table",
            "each group is a message",
        ),
        (
            "group t.csv --by id --agg count() -o @u --json",
            "each group is a message",
        ),
        (
            "gen transactions --rows 1 -o @u --format csv",
            "below a header",
        ),
        ("convert t.csv @u?group=g", "`group` is for inputs"),
        ("convert t.csv @u?acks=1", "the property `acks` is `all`"),
        (
            "convert t.csv @u?enable.idempotence=false",
            "`enable.idempotence` is `true`",
        ),
        (
            "convert t.csv @u?client-config=client",
            "the property `transactional.id` cannot be set",
        ),
        ("filter @t --where true -o @t", "would replace"),
        ("filter @t?group=g --where true -o @t", "would replace"),
        ("check @t -c o.yaml --good @t", "would replace"),
        (
            "check t.csv -c o.yaml --good @u --bad @u",
            "cannot take more than one",
        ),
        (
            "check t.csv -c o.yaml --good @u?payload=json",
            "as they came",
        ),
        ("check t.csv -c o.yaml --report @u", "a topic takes records"),
        ("infer t.csv -o @u", "a topic takes records"),
        ("stats t.csv --html @u", "a topic takes records"),
        ("consume t -o @u", "a topic takes records"),
    ] {
        let ran = cluster.at(arguments);
        assert_eq!(ran.code, Some(2), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    }
    // Nothing of all that made the topic.
    let topics = cluster.json("topic list");
    let names = topics["topics"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["t"]);
}

#[test]
fn records_that_a_topic_does_not_take_fail_the_run() {
    let cluster = Cluster::start();
    cluster.text("topic create small --partitions 1 --config max.message.bytes=1000");
    let long = "x".repeat(5000);
    cluster.shell.write(
        "t.jsonl",
        format!("{{\"id\":1}}\n{{\"id\":2,\"note\":\"{long}\"}}\n"),
    );
    let ran = cluster.at("convert t.jsonl @small");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("records were not taken"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("message size too large"),
        "{}",
        ran.stderr
    );
}
