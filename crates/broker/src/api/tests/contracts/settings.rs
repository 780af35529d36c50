//! A contract is a setting of its topic, as any other.

use kafka_protocol::messages::alter_configs_request as all;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::incremental_alter_configs_request as some;
use kafka_protocol::messages::{
    AlterConfigsRequest, CreateTopicsRequest, DescribeConfigsRequest,
    IncrementalAlterConfigsRequest,
};

use super::*;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

impl Trial {
    fn create(&self, name: &str, settings: &[(&str, &str)]) -> (i16, String) {
        let configs = settings.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
        });
        let topic = CreatableTopic::default()
            .with_name(TopicName(text(name)))
            .with_num_partitions(2)
            .with_replication_factor(1)
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default().with_topics(vec![topic]);
        let answered = self.ask(&request, 7).topics.remove(0);
        let message = answered.error_message.unwrap_or_default();
        (answered.error_code, message.to_string())
    }

    fn alter(&self, settings: &[(&str, Option<&str>)], is_trial: bool) -> (i16, String) {
        let configs = settings.iter().map(|(name, value)| {
            some::AlterableConfig::default()
                .with_name(text(name))
                .with_config_operation(i8::from(value.is_none()))
                .with_value(value.map(text))
        });
        let resource = some::AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text("orders"))
            .with_configs(configs.collect());
        let request = IncrementalAlterConfigsRequest::default()
            .with_resources(vec![resource])
            .with_validate_only(is_trial);
        let answered = self.ask(&request, 1).responses.remove(0);
        let message = answered.error_message.unwrap_or_default();
        (answered.error_code, message.to_string())
    }

    /// Puts these in place of all, as clients do that know nothing else.
    fn replace(&self, settings: &[(String, String)]) -> i16 {
        let configs = settings.iter().map(|(name, value)| {
            all::AlterableConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
        });
        let resource = all::AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text("orders"))
            .with_configs(configs.collect());
        let request = AlterConfigsRequest::default().with_resources(vec![resource]);
        self.ask(&request, 1).responses.remove(0).error_code
    }

    fn described(&self, topic: &str) -> Vec<DescribeConfigsResourceResult> {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text(topic))
            .with_configuration_keys(None);
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        self.ask(&request, 4).results.remove(0).configs
    }

    fn value_of(&self, name: &str) -> String {
        let described = self.described("orders");
        let found = described.iter().find(|it| &*it.name == name);
        let value = found.and_then(|it| it.value.clone());
        value.expect("it is told").to_string()
    }
}

/// The same contract, longer by a comment of so many bytes of noise.
fn noisy(len_bytes: usize) -> String {
    let mut random = fastrand::Rng::with_seed(3);
    let noise: String = (0..len_bytes).map(|_| random.alphanumeric()).collect();
    format!("{ORDERS}# {noise}\n")
}

#[test]
fn a_contract_is_told_and_its_changes_are_counted() {
    let trial = Trial::new();
    assert_eq!(trial.create("orders", &[("tamis.contract", ORDERS)]).0, 0);
    let revision = || trial.value_of("tamis.contract.revision");
    assert_eq!(
        (trial.value_of("tamis.contract"), revision()),
        (ORDERS.to_owned(), "1".to_owned())
    );
    assert_eq!(trial.value_of("tamis.on.invalid"), "reject");
    assert_eq!(trial.value_of("tamis.payload"), "json");
    let described = trial.described("orders");
    let read_only: Vec<_> = described
        .iter()
        .filter(|it| it.read_only)
        .map(|it| &*it.name)
        .collect();
    assert_eq!(read_only, ["tamis.contract.revision"]);

    // What is there already changes nothing.
    assert_eq!(trial.alter(&[("tamis.contract", Some(ORDERS))], false).0, 0);
    assert_eq!(
        trial.alter(&[("tamis.on.invalid", Some("tag"))], false).0,
        0
    );
    assert_eq!(trial.alter(&[("tamis.payload", Some("json"))], false).0, 0);
    assert_eq!(
        trial
            .alter(&[("tamis.contract.revision", Some("1"))], false)
            .0,
        0
    );
    assert_eq!(revision(), "1");
    let other = ORDERS.replace("minimum: 1", "minimum: 2");
    assert_eq!(trial.alter(&[("tamis.contract", Some(&other))], true).0, 0);
    assert_eq!(revision(), "1");
    assert_eq!(trial.alter(&[("tamis.contract", Some(&other))], false).0, 0);
    assert_eq!(revision(), "2");
    let (code, message) = trial.alter(&[("tamis.contract.revision", Some("7"))], false);
    assert_eq!(code, ResponseError::InvalidConfig.code());
    assert!(
        message.contains("is counted by the broker: it is 2"),
        "{message}"
    );

    // All is written back, and what holds by default too.
    let described = trial.described("orders");
    let pair = |it: &DescribeConfigsResourceResult| {
        (
            it.name.to_string(),
            it.value.clone().unwrap_or_default().to_string(),
        )
    };
    let all: Vec<_> = described.iter().map(pair).collect();
    assert_eq!(trial.replace(&all), 0);
    assert_eq!(
        all,
        trial
            .described("orders")
            .iter()
            .map(pair)
            .collect::<Vec<_>>()
    );
    // Without its contract, and with it again.
    assert_eq!(trial.replace(&[]), 0);
    assert_eq!(
        (trial.value_of("tamis.contract"), revision()),
        (String::new(), "2".to_owned())
    );
    assert_eq!(trial.value_of("tamis.on.invalid"), "off");
    assert_eq!(trial.replace(&all), 0);
    assert_eq!(revision(), "3");
}

#[test]
fn what_is_too_long_for_an_answer_is_not_kept_and_not_repeated() {
    let trial = Trial::new().with_orders(&[]);
    let (long, invalid) = ("x".repeat(40_000), ResponseError::InvalidConfig.code());
    let (code, message) = trial.alter(&[("tamis.contract.object", Some(&long))], false);
    assert_eq!(code, invalid);
    assert!(message.contains("40000 bytes, but 1000"), "{message}");
    // As long as it means something, and what is around it is not kept.
    let padded = format!("{:40000}", "5000");
    assert_eq!(trial.alter(&[("retention.ms", Some(&padded))], false).0, 0);
    assert_eq!(trial.value_of("retention.ms"), "5000");
    // The longest that old requests can have, which their answers would repeat with more around it.
    let long = "x".repeat(32_700);
    let named = "tamis.contract.object";
    for (name, value) in [(named, &*long), ("segment.ms", &long), (&long, "1")] {
        for version in versions_of(ApiKey::AlterConfigs) {
            let config = all::AlterableConfig::default()
                .with_name(text(name))
                .with_value(Some(text(value)));
            let resource = all::AlterConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(text("orders"))
                .with_configs(vec![config]);
            let request = AlterConfigsRequest::default().with_resources(vec![resource]);
            let answered = trial.ask(&request, version).responses.remove(0);
            assert_eq!(answered.error_code, invalid);
            assert!(answered.error_message.is_some_and(|it| it.len() < 5000));
        }
    }
    for version in versions_of(ApiKey::DescribeConfigs) {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text("orders"));
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        assert_eq!(trial.ask(&request, version).results[0].error_code, 0);
    }
}

#[test]
fn what_was_set_is_there_after_a_restart() {
    let trial = Trial::new().with_orders(&[("tamis.on.invalid", "dead-letter")]);
    let other = ORDERS.replace("minimum: 1", "minimum: 2");
    trial.set(&[("tamis.contract", &other)]);
    let after = killed(&trial);
    assert_eq!(after.value_of("tamis.contract"), other);
    assert_eq!(after.value_of("tamis.contract.revision"), "2");
    assert_eq!(after.value_of("tamis.on.invalid"), "dead-letter");
    after.send(plain(&[r#"{"id": "a", "amount": 1.5}"#]));
    let letters = after.read("orders.dlq", 1);
    assert_eq!(header(&letters[0], "tamis.contract.revision"), Some("2"));
}

#[test]
fn a_long_contract_is_packed() {
    let trial = Trial::new();
    let long = format!("{ORDERS}{}", "# comment\n".repeat(20_000));
    let set = trial
        .context
        .broker
        .topics
        .create("orders", 1, Settings::default());
    set.expect("it is made");
    // Strings of this version have no limit of their own.
    assert_eq!(trial.alter(&[("tamis.contract", Some(&long))], false).0, 0);
    let held = trial.value_of("tamis.contract");
    assert!(held.starts_with("zstd:") && held.len() < 1000, "{held}");
    for same in [&held, &long] {
        assert_eq!(trial.alter(&[("tamis.contract", Some(same))], false).0, 0);
    }
    assert_eq!(trial.value_of("tamis.contract.revision"), "1");
    assert_eq!(
        trial.send_to("orders", &[(0, plain(&[BAD]))], 1)[0].error_code,
        87
    );
    for (bad, expected) in [
        (noisy(60_000), "when it is packed"),
        (noisy(2 << 20), "a setting takes 1048576"),
        (
            "zstd:no base64".to_owned(),
            "not a contract that was packed",
        ),
    ] {
        let (code, message) = trial.alter(&[("tamis.contract", Some(&bad))], false);
        assert_eq!(code, ResponseError::InvalidConfig.code());
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn what_one_record_cannot_be_held_against_is_refused() {
    let trial = Trial::new();
    let unique = ORDERS.replace(
        "required: true\n      - name: amount",
        "unique: true\n      - name: amount",
    );
    let counted =
        format!("{ORDERS}    quality:\n      - metric: rowCount\n        mustBeGreaterThan: 3\n");
    let misspelt = ORDERS.replace("minimum", "minimun");
    let two =
        format!("{ORDERS}  - name: other\n    properties: [{{name: a, logicalType: string}}]\n");
    let contract = "tamis.contract";
    for (settings, expected) in [
        (vec![(contract, "no contract")], "this is no contract"),
        (vec![(contract, misspelt.as_str())], "minimun"),
        (vec![(contract, unique.as_str())], "`unique`"),
        (vec![(contract, counted.as_str())], "rowCount"),
        (
            vec![(contract, ORDERS), ("tamis.contract.object", "nobody")],
            "no object `nobody`",
        ),
        (vec![(contract, two.as_str())], "several objects"),
        (
            vec![(contract, ORDERS), ("tamis.payload", "xml")],
            "`json` or `csv`",
        ),
        (
            vec![("tamis.on.invalid", "drop")],
            "`reject` or `dead-letter`",
        ),
    ] {
        let (code, message) = trial.create("payments", &settings);
        assert_eq!(code, ResponseError::InvalidConfig.code(), "{expected}");
        assert!(message.contains(expected), "{message}");
        assert!(trial.context.broker.topics.topic("payments").is_none());
    }
    let (code, message) = trial.create("payments", &[(contract, &unique)]);
    assert!(
        message.contains("take them out of the contract"),
        "{code} {message}"
    );
    // One of several is the one that is named, or named like the topic.
    let named = [(contract, two.as_str()), ("tamis.contract.object", "other")];
    assert_eq!(trial.create("payments", &named).0, 0);
    assert_eq!(trial.create("orders", &[(contract, &two)]).0, 0);
}

#[test]
fn dead_letters_need_a_topic_that_can_be() {
    let trial = Trial::new();
    let settings = [
        ("tamis.contract", ORDERS),
        ("tamis.on.invalid", "dead-letter"),
    ];
    let (code, message) = trial.create(&"x".repeat(247), &settings);
    assert_eq!(code, ResponseError::InvalidConfig.code());
    assert!(message.contains("dead letters"), "{message}");
    let compacted = [("cleanup.policy", "compact")];
    assert_eq!(trial.create("orders.dlq", &compacted).0, 0);
    let (code, message) = trial.create("orders", &settings);
    assert_eq!(code, ResponseError::InvalidConfig.code());
    assert!(message.contains("is compacted"), "{message}");
    assert_eq!(trial.create("payments", &settings).0, 0);
    let topics = &trial.context.broker.topics;
    let letters = topics.topic("payments.dlq").expect("it was made");
    assert_eq!(letters.partitions().len(), 2);
    topics.grow("payments", 5).expect("it grows");
    assert_eq!(letters.partitions().len(), 5);
}

#[test]
fn without_a_contract_nothing_passes() {
    let trial = Trial::new();
    assert_eq!(trial.create("orders", &[("tamis.on.invalid", "tag")]).0, 0);
    let refused = trial.send(plain(&[GOOD]));
    assert_eq!(refused.error_code, ResponseError::InvalidRecord.code());
    let message = refused.error_message.expect("why");
    assert!(
        message.contains("there is none (set `tamis.contract`"),
        "{message}"
    );
    assert_eq!(trial.alter(&[("tamis.contract", Some(ORDERS))], false).0, 0);
    assert_eq!(trial.send(plain(&[GOOD])).error_code, 0);

    // A contract that a later version of the broker wrote, say.
    let path = trial._folder.path().join("topics/orders.json");
    let mut file: serde_json::Value = crate::json_file::read(&path)
        .expect("it is read")
        .expect("it is there");
    file["settings"]["tamis.contract"] = "apiVersion: v9".into();
    crate::json_file::write(&RealDisk, &path, &file).expect("it is written");
    let after = killed(&trial);
    let refused = after.send(plain(&[GOOD]));
    assert_eq!(refused.error_code, ResponseError::InvalidRecord.code());
    let message = refused.error_message.expect("why");
    assert!(
        message.contains("refuses all records: this is no contract"),
        "{message}"
    );
    assert_eq!(after.read("orders", 1).len(), 1);
    // Other settings can be changed all the same, and the contract mended.
    assert_eq!(after.alter(&[("retention.ms", Some("5000"))], false).0, 0);
    assert_eq!(after.alter(&[("tamis.contract", Some(ORDERS))], false).0, 0);
    assert_eq!(after.send(plain(&[GOOD])).error_code, 0);
}
