//! Streams of Protobuf messages as inputs: schemas, verdicts, good and bad records, broken streams.

use crate::shell::Shell;

const SCHEMA: &str = "\
syntax = \"proto3\";
package shop;
message Order {
  string id = 1;
  int64 amount = 2;
  Customer customer = 3;
}
message Customer { optional string city = 1; }
";

const CONTRACT: &str = "\
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - name: id
        logicalType: string
        required: true
        unique: true
      - name: amount
        logicalType: integer
        logicalTypeOptions: {minimum: 0}
      - name: customer
        logicalType: object
        properties:
          - name: city
            logicalType: string
            logicalTypeOptions: {maxLength: 4}
";

/// An order on the wire, its length in front.
fn order(id: &str, amount: u8, city: Option<&str>) -> Vec<u8> {
    let mut message = vec![0x0A, id.len() as u8];
    message.extend_from_slice(id.as_bytes());
    message.extend([0x10, amount]);
    if let Some(city) = city {
        message.extend([0x1A, city.len() as u8 + 2, 0x0A, city.len() as u8]);
        message.extend_from_slice(city.as_bytes());
    }
    message.insert(0, message.len() as u8);
    message
}

fn shell(stream: &[Vec<u8>]) -> Shell {
    let shell = Shell::new();
    shell.write("orders.proto", SCHEMA);
    shell.write("orders.odcs.yaml", CONTRACT);
    shell.write("orders.pb", stream.concat());
    shell
}

fn mixed() -> Vec<Vec<u8>> {
    let malformed = vec![2, 0x12, 0x09];
    vec![
        order("A1", 5, Some("Oslo")),
        order("A2", 6, Some("Bergen")),
        malformed,
        order("A1", 7, None),
        order("A4", 8, None),
    ]
}

const CHECK: &str =
    "check orders.pb --contract orders.odcs.yaml --proto orders.proto --message Order";

#[test]
fn messages_are_held_to_a_contract() {
    let shell = shell(&mixed());
    insta::assert_snapshot!(shell.tamis(CHECK), @r#"
    exit code: 1
    ----- stdout -----
    FAILED  orders.pb: 3 of 5 rows are bad (60.00 %)
            3 errors
            8 rules of `orders` 1.0.0 checked

      column         rule       errors
      (record)       message         1  ████████████████████
      customer.city  maxLength       1  ████████████████████
      id             unique          1  ████████████████████

      first errors
      orders.pb  row 2  customer.city  Bergen  must have at most 4 characters
      orders.pb  row 3  (record)       "AhIJ"  field 2 of `shop.Order` is `amount`, a `int64`, and the message has a length and bytes there (is the schema the right o…
      orders.pb  row 4  id             A1      must not occur twice

    [figures]
    "#);
}

#[test]
fn good_messages_stay_as_they_were_and_bad_ones_are_shown() {
    let messages = mixed();
    let shell = shell(&messages);
    for threads in [1, 2] {
        let options =
            format!("{CHECK} --good good.pb --bad bad.jsonl --threads {threads} --chunk-size 8B");
        assert_eq!(shell.tamis(&options).code, Some(1));
        let good = std::fs::read(shell.folder.path().join("good.pb")).expect("good messages");
        assert_eq!(good, [messages[0].as_slice(), &messages[4]].concat());
        insta::allow_duplicates! {
            insta::assert_snapshot!(shell.read("bad.jsonl"), @r#"
            {"_tamis_row":2,"_tamis_reason":"customer.city: maxLength","record":{"id":"A2","amount":6,"customer":{"city":"Bergen"}}}
            {"_tamis_row":3,"_tamis_reason":"message","record":"AhIJ"}
            {"_tamis_row":4,"_tamis_reason":"id: unique","record":{"id":"A1","amount":7}}
            "#);
        }
    }
}

#[test]
fn a_stream_that_is_none_ends_the_run() {
    let mut stream = mixed();
    stream.push(vec![200, 1, 0x0A]);
    let shell = shell(&stream);
    insta::assert_snapshot!(shell.tamis(&format!("{CHECK} --bad bad.jsonl")), @r#"
    exit code: 3
    ----- stderr -----
    error: `orders.pb`: byte 49: the message here should have 202 bytes, and the input ends after 3
    "#);
    assert_eq!(
        shell.files(),
        ["orders.odcs.yaml", "orders.pb", "orders.proto"]
    );
}

#[test]
fn schemas_that_do_not_fit_say_what_there_is() {
    let shell = shell(&mixed());
    shell.write("broken.proto", "message Order {\n  strin id = 1;\n}");
    let check = "check orders.pb --contract orders.odcs.yaml";
    let cases = [
        check.to_owned(),
        format!("{check} --proto orders.proto"),
        format!("{check} --proto orders.proto --message Ordr"),
        format!("{check} --message Order"),
        format!("{check} --proto broken.proto"),
        format!("{check} --proto missing.proto"),
        format!("{check} --descriptor-set orders.pb"),
    ];
    let answers: Vec<_> = cases
        .iter()
        .map(|case| shell.tamis(case).to_string())
        .collect();
    insta::assert_snapshot!(answers.join("\n"), @r#"
    exit code: 2
    ----- stderr -----
    error: `orders.pb`: the input is Protobuf, which does not say what its messages are: give their schema, with `--proto FILE` or `--descriptor-set FILE`

    exit code: 2
    ----- stderr -----
    error: `orders.proto` has 2 messages: say which one the input consists of with `--message NAME`: `shop.Order`, `shop.Customer`

    exit code: 2
    ----- stderr -----
    error: `orders.proto` has no message `Ordr`: it has `shop.Order`, `shop.Customer`

    exit code: 2
    ----- stderr -----
    error: nothing says what the message `Order` is
    hint: give its schema, with `--proto FILE` or `--descriptor-set FILE`

    exit code: 2
    ----- stderr -----
    error: broken.proto:2:3: fields must have a label with proto2 syntax (expected one of 'optional', 'repeated' or 'required')

    exit code: 2
    ----- stderr -----
    error: cannot read `missing.proto`: No such file or directory (os error 2)

    exit code: 2
    ----- stderr -----
    error: `orders.pb` is no descriptor set: failed to decode file descriptor set (`protoc --include_imports --descriptor_set_out FILE` writes one)
    "#);
}

#[test]
fn standard_input_is_a_stream_if_a_schema_is_given() {
    let shell = shell(&[]);
    let command = CHECK.replace("orders.pb", "-");
    let stream = [order("A1", 5, None), order("A2", 6, None)].concat();
    let ran = shell.tamis_fed(&format!("{command} --json"), &stream);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.stdout.contains("\"total\": 2"), "{ran}");
}

/// Goal: where a message stands is a matter of its bytes, however many messages a thread takes at once.
#[test]
fn samples_and_faults_know_where_messages_are() {
    let stream: Vec<_> = (0..2000)
        .map(|number| order(&format!("TX{number}"), 1, None))
        .collect();
    let fault_at = stream.concat().len();
    let shell = shell(&stream);
    let sample = |more: &str| {
        shell.tamis(&format!(
            "sample orders.pb --proto orders.proto --message Order -n 20 --output-format csv {more}"
        ))
    };
    let expected = sample("");
    assert_eq!(
        (expected.code, expected.stdout.lines().count()),
        (Some(0), 21),
        "{expected}"
    );
    for more in ["--chunk-size 64", "--chunk-size 1KiB --threads 3"] {
        assert_eq!(sample(more).stdout, expected.stdout, "{more}");
    }
    let broken = [stream.concat(), vec![0x02, 0x12, 0x09]].concat();
    shell.write("orders.pb", broken);
    for verb in ["filter --where amount>0", "group --agg count()"] {
        let ran = shell.tamis(&format!(
            "{verb} orders.pb --proto orders.proto --message Order --chunk-size 1KiB"
        ));
        let place = format!("`orders.pb`, row 2001: the record at byte {fault_at}: ");
        assert_eq!(ran.code, Some(1), "{verb}: {ran}");
        assert!(ran.stderr.contains(&place), "{verb}: {ran}");
    }
}
