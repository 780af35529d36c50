//! `tamis topic --contract`: what breaks the contract of a topic does not get into it.

use super::Cluster;

const ORDERS: &str = "\
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.2.0
status: active
schema:
  - name: orders
    properties:
      - name: id
        logicalType: string
        required: true
      - name: amount
        logicalType: number
        logicalTypeOptions: {minimum: 1}
";

/// Of the object before it.
const LATIN1: &str = "    customProperties: [{property: encoding, value: latin1}]\n";

const GOOD: &[u8] = b"{\"id\": \"TX1\", \"amount\": 5}\n";
const BAD: &[u8] = b"{\"id\": \"TX2\", \"amount\": 0.5}\n";

impl Cluster {
    /// A cluster beside a file with a contract.
    fn with_contract() -> Cluster {
        let cluster = Cluster::start();
        cluster.shell.write("orders.odcs.yaml", ORDERS.as_bytes());
        cluster
    }
}

#[test]
fn a_contract_is_given_told_changed_and_taken_off() {
    let cluster = Cluster::with_contract();
    cluster.text("topic create orders --contract orders.odcs.yaml");
    cluster.fed("produce orders", GOOD).good();
    cluster.fed("produce orders", BAD).refused(1, "");
    let describe = "topic describe orders";
    let told = cluster.text(describe);
    assert!(
        told.ends_with("\ncontract orders 1.2.0, revision 1, json, reject\n"),
        "{told}"
    );
    assert!(!told.contains("logicalType"), "{told}");

    cluster.text("topic alter orders --on-invalid dead-letter --set retention.ms=60000000");
    cluster
        .fed("produce orders", &[GOOD, BAD, GOOD].concat())
        .good();
    let letters = cluster.text("consume orders.dlq --format json");
    assert!(
        letters.contains("tamis.reason") && letters.contains("amount: minimum"),
        "{letters}"
    );
    let document = cluster.json(describe);
    let topic = &document["topics"][0];
    assert_eq!(topic["contract"]["on_invalid"], "dead-letter");
    assert_eq!(topic["contract"]["version"], "1.2.0");
    assert_eq!(topic["contract"]["revision"], 1);
    assert_eq!(topic["contract"]["dry_run"], false);

    let other = ORDERS
        .replace("minimum: 1", "minimum: 0")
        .replace("1.2.0", "1.3.0");
    cluster.shell.write("orders.odcs.yaml", other.as_bytes());
    cluster.text("topic alter orders --contract orders.odcs.yaml --dry-run --on-invalid tag");
    let told = cluster.text(describe);
    assert!(
        told.contains("contract orders 1.3.0, revision 2, json, tag (dry run)\n"),
        "{told}"
    );
    assert!(told.contains("retention.ms  60000000"), "{told}");
    cluster.text("topic alter orders --dry-run=false");
    assert!(cluster.text(describe).contains("json, tag\n"));

    cluster.text("topic alter orders --no-contract");
    cluster.fed("produce orders", b"anything\n").good();
    let told = cluster.text(describe);
    assert!(!told.contains("contract orders"), "{told}");
}

#[test]
fn what_a_broker_cannot_hold_records_against_is_told_before_it_is_asked() {
    let cluster = Cluster::with_contract();
    let misspelt = ORDERS.replace("minimum", "minimun");
    cluster
        .shell
        .write("misspelt.odcs.yaml", misspelt.as_bytes());
    let unique = ORDERS.replace("required: true", "unique: true");
    cluster.shell.write("unique.odcs.yaml", unique.as_bytes());
    let latin1 = format!("{ORDERS}{LATIN1}");
    cluster.shell.write("latin1.odcs.yaml", latin1.as_bytes());
    for (arguments, expected) in [
        (
            "topic create orders --contract none.yaml",
            "cannot read `none.yaml`",
        ),
        (
            "topic create orders --contract misspelt.odcs.yaml",
            "minimun",
        ),
        (
            "topic create orders --contract unique.odcs.yaml",
            "a broker sees one record at a time",
        ),
        (
            "topic create orders --contract latin1.odcs.yaml --payload csv",
            "take the encoding out of the contract",
        ),
        (
            "topic create orders --contract orders.odcs.yaml --object none",
            "no object `none`",
        ),
        (
            "topic create orders --contract orders.odcs.yaml --payload xml",
            "invalid value 'xml'",
        ),
        (
            "topic create orders --on-invalid tag",
            "`--on-invalid` is about a contract, and there is none",
        ),
        (
            "topic create orders --dry-run",
            "`--dry-run` is about a contract",
        ),
        (
            "topic alter orders --no-contract --on-invalid tag",
            "cannot be used with",
        ),
    ] {
        let ran = cluster.run(arguments);
        assert!(matches!(ran.code, Some(2 | 3)), "{arguments}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    }
    assert_eq!(cluster.text("topic list"), "");
    cluster.text("topic create orders");
    cluster
        .run("topic alter orders --payload csv")
        .refused(2, "the topic `orders` has none");
}
