//! `tamis topic`: topics made, seen, changed and deleted.

use super::Cluster;

#[test]
fn a_topic_is_made_seen_changed_and_deleted() {
    let cluster = Cluster::start();
    assert_eq!(cluster.run("topic list").stdout, b"");
    let made = cluster.run("topic create orders --partitions 3 --config retention.ms=60000");
    assert_eq!(made.stderr, "topic `orders`: created\n");
    made.good();

    let list = cluster.json("topic list");
    assert_eq!(list["topics"][0]["name"], "orders");
    assert_eq!(list["topics"][0]["partitions"], 3);
    insta::assert_snapshot!(cluster.text("topic list"), @r"
      topic   partitions  replicas
      orders           3         1
    ");
    cluster
        .fed("produce orders --partition 1", b"a\nb\n")
        .good();
    insta::assert_snapshot!(cluster.text("topic describe orders"), @r"
    orders: 3 partitions, 1 replica, 2 records

      partition  leader  replicas  in sync  earliest  latest  records
              0       1  1         1               0       0        0
              1       1  1         1               0       2        2
              2       1  1         1               0       0        0

      setting       value
      retention.ms  60000
    ");

    // What is not named stays.
    let alter = "topic alter orders --set segment.bytes=1000000 --partitions 4";
    cluster.text(alter);
    let described = cluster.json("topic describe orders");
    let topic = &described["topics"][0];
    assert_eq!(topic["partitions"].as_array().map(Vec::len), Some(4));
    assert_eq!(topic["partitions"][1]["latest"], 2);
    let settings: Vec<_> = topic["settings"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    let names: Vec<_> = settings.iter().map(|it| it["name"].as_str()).collect();
    assert_eq!(names, [Some("retention.ms"), Some("segment.bytes")]);
    cluster.text("topic alter orders --unset retention.ms");
    let described = cluster.json("topic describe orders");
    let settings = &described["topics"][0]["settings"];
    assert_eq!(settings.as_array().map(Vec::len), Some(1), "{settings}");
    let all = cluster.json("topic describe orders --settings all");
    let all = all["topics"][0]["settings"].as_array().map_or(0, Vec::len);
    assert!(all > 5, "{all}");

    cluster.text("topic delete orders");
    assert_eq!(cluster.run("topic list").stdout, b"");
}

#[test]
fn what_a_cluster_refuses_is_told() {
    let cluster = Cluster::start();
    cluster.text("topic create orders");
    let again = cluster.run("topic create orders new");
    assert!(
        again.stderr.contains("topic `new`: created"),
        "{}",
        again.stderr
    );
    again.refused(2, "the topic `orders` exists");
    cluster.text("topic create orders orders --if-not-exists");
    let refused = [
        ("topic create a/b", "invalid topic"),
        (
            "topic create c --config no.such=1",
            "the topic `c` with `no.such=1`: configuration is invalid",
        ),
        (
            "topic create c --replication-factor 3",
            "there are not so many brokers",
        ),
        (
            "topic alter orders --set no.such=1",
            "the topic `orders` with `no.such=1`: configuration is invalid",
        ),
        (
            "topic alter ordesr --partitions 2",
            "did you mean `orders`?",
        ),
        ("topic describe nothing", "there is no topic `nothing`"),
        ("topic delete nothing", "there is no topic `nothing`"),
    ];
    for (arguments, expected) in refused {
        cluster.run(arguments).refused(2, expected);
    }
    cluster.text("topic alter orders --partitions 2");
    let fewer = cluster.run("topic alter orders --partitions 1 --set retention.ms=1234567");
    fewer.refused(2, "cannot have fewer");
    let told = cluster.text("topic describe orders");
    assert!(!told.contains("1234567"), "nothing is changed: {told}");
    cluster.text("topic delete nothing --if-exists");
    let deleted = cluster.run("topic delete nothing orders --json");
    let document: serde_json::Value = serde_json::from_slice(&deleted.stdout).expect("JSON");
    let outcomes = document["topics"].as_array().expect("a list");
    let outcomes: Vec<_> = outcomes.iter().map(|it| it["outcome"].as_str()).collect();
    assert_eq!(outcomes, [Some("failed"), Some("deleted")]);
    deleted.refused(2, "there is no topic `nothing`");
}
