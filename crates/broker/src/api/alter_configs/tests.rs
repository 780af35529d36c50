//! Settings as clients change them and as they are told, in every version.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{ApiKey, DescribeConfigsRequest};

use super::*;
use crate::api::tests::{Trial, versions_of};

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Asks for changes to some settings of a topic, or of something else.
fn change(
    trial: &Trial,
    resource: (i8, &str),
    changes: &[(&str, i8, Option<&str>)],
    is_trial: bool,
) -> Vec<i16> {
    let configs = changes.iter().map(|(name, operation, value)| {
        some::AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(*operation)
            .with_value(value.map(text))
    });
    let resource = some::AlterConfigsResource::default()
        .with_resource_type(resource.0)
        .with_resource_name(text(resource.1))
        .with_configs(configs.collect());
    let request = IncrementalAlterConfigsRequest::default()
        .with_resources(vec![resource])
        .with_validate_only(is_trial);
    let versions = versions_of(ApiKey::IncrementalAlterConfigs);
    let codes = versions.map(|it| trial.ask(&request, it).responses[0].error_code);
    codes.collect()
}

fn replace(trial: &Trial, settings: &[(&str, Option<&str>)]) -> Vec<i16> {
    let configs = settings.iter().map(|(name, value)| {
        all::AlterableConfig::default()
            .with_name(text(name))
            .with_value(value.map(text))
    });
    let resource = all::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text("topic"))
        .with_configs(configs.collect());
    let request = AlterConfigsRequest::default().with_resources(vec![resource]);
    let versions = versions_of(ApiKey::AlterConfigs);
    let codes = versions.map(|it| trial.ask(&request, it).responses[0].error_code);
    codes.collect()
}

/// The value of a setting, its source, and its synonyms.
fn described(
    trial: &Trial,
    resource: (i8, &str),
    name: &str,
) -> (String, i8, Vec<(String, String, i8)>) {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(resource.0)
        .with_resource_name(text(resource.1))
        .with_configuration_keys(Some(vec![text(name)]));
    let mut found = None;
    for version in versions_of(ApiKey::DescribeConfigs) {
        let request = DescribeConfigsRequest::default()
            .with_resources(vec![resource.clone()])
            .with_include_synonyms(true)
            .with_include_documentation(version >= 3);
        let response = trial.ask(&request, version);
        let result = &response.results[0];
        assert_eq!(result.error_code, 0, "{:?}", result.error_message);
        let [config] = result.configs.as_slice() else {
            panic!("{result:?}")
        };
        let doc = config.documentation.as_ref();
        assert_eq!(doc.is_some_and(|it| !it.is_empty()), version >= 3);
        let text = |it: &Option<StrBytes>| it.as_ref().map_or(String::new(), |it| it.to_string());
        let synonyms = config.synonyms.iter();
        let synonyms = synonyms.map(|it| (it.name.to_string(), text(&it.value), it.source));
        let this = (
            text(&config.value),
            config.config_source,
            synonyms.collect(),
        );
        assert!(found.as_ref().is_none_or(|it| *it == this), "{version}");
        found = Some(this);
    }
    found.expect("it was asked for")
}

fn codes(error: Option<ResponseError>, count: usize) -> Vec<i16> {
    vec![error.map_or(0, |it| it.code()); count]
}

#[test]
fn settings_change_and_are_told() {
    let trial = Trial::new();
    let (week, built_in) = ("604800000".to_owned(), 5);
    let broker = ("log.retention.ms".to_owned(), week.clone(), built_in);
    let found = described(&trial, (TOPIC, "topic"), "retention.ms");
    assert_eq!(found, (week, built_in, vec![broker.clone()]));
    assert_eq!(
        change(
            &trial,
            (TOPIC, "topic"),
            &[("retention.ms", SET, Some("5000"))],
            true
        ),
        codes(None, 2)
    );
    assert_eq!(
        described(&trial, (TOPIC, "topic"), "retention.ms").1,
        built_in
    );
    assert_eq!(
        change(
            &trial,
            (TOPIC, "topic"),
            &[("retention.ms", SET, Some("5000"))],
            false
        ),
        codes(None, 2)
    );
    let own = ("retention.ms".to_owned(), "5000".to_owned(), 1);
    let found = described(&trial, (TOPIC, "topic"), "retention.ms");
    assert_eq!(found, ("5000".to_owned(), 1, vec![own, broker]));
    let log = trial
        .context
        .broker
        .topics
        .topic("topic")
        .and_then(|it| it.partition(2));
    assert_eq!(log.expect("it is there").config().retention_ms, Some(5000));
    // What is not named is as before, or is not, which is what sets these two requests apart.
    assert_eq!(
        change(
            &trial,
            (TOPIC, "topic"),
            &[("segment.ms", SET, Some("9"))],
            false
        ),
        codes(None, 2)
    );
    assert_eq!(
        described(&trial, (TOPIC, "topic"), "retention.ms").0,
        "5000"
    );
    assert_eq!(
        replace(&trial, &[("segment.ms", Some("8"))]),
        codes(None, 3)
    );
    assert_eq!(
        described(&trial, (TOPIC, "topic"), "retention.ms").1,
        built_in
    );
    assert_eq!(
        change(
            &trial,
            (TOPIC, "topic"),
            &[("segment.ms", DELETE, None)],
            false
        ),
        codes(None, 2)
    );
    assert_eq!(
        described(&trial, (TOPIC, "topic"), "segment.ms").1,
        built_in
    );
}

#[test]
fn lists_are_edited_and_others_are_not() {
    let trial = Trial::new();
    let topic = (TOPIC, "topic");
    let policy = |operation| {
        change(
            &trial,
            topic,
            &[("cleanup.policy", operation, Some("delete"))],
            false,
        )
    };
    assert_eq!(policy(APPEND), codes(None, 2));
    assert_eq!(described(&trial, topic, "cleanup.policy").0, "delete");
    // Nothing would be left, and no list is without a word.
    let bad = Some(ResponseError::InvalidConfig);
    assert_eq!(policy(SUBTRACT), codes(bad, 2));
    assert_eq!(
        change(&trial, topic, &[("segment.ms", APPEND, Some("9"))], false),
        codes(bad, 2)
    );
}

#[test]
fn a_topic_becomes_a_compacted_one() {
    let trial = Trial::new();
    let topic = (TOPIC, "topic");
    let set =
        |name, operation, value| change(&trial, topic, &[(name, operation, Some(value))], false);
    let bad = Some(ResponseError::InvalidConfig);
    assert_eq!(set("cleanup.policy", SET, "delete,compact"), codes(None, 2));
    let policy = || described(&trial, topic, "cleanup.policy").0;
    assert_eq!(policy(), "delete,compact");
    assert_eq!(set("cleanup.policy", SUBTRACT, "delete"), codes(None, 2));
    assert_eq!(policy(), "compact");
    assert_eq!(set("cleanup.policy", SET, "compress"), codes(bad, 2));
    assert_eq!(
        described(&trial, topic, "min.cleanable.dirty.ratio").0,
        "0.5"
    );
    assert_eq!(
        set("min.cleanable.dirty.ratio", SET, "0.01"),
        codes(None, 2)
    );
    for value in ["1.5", "-0.1", "NaN", "half"] {
        assert_eq!(set("min.cleanable.dirty.ratio", SET, value), codes(bad, 2));
    }
    assert_eq!(set("max.compaction.lag.ms", SET, "1000"), codes(None, 2));
    assert_eq!(set("min.compaction.lag.ms", SET, "1001"), codes(bad, 2));
    assert_eq!(set("min.compaction.lag.ms", SET, "1000"), codes(None, 2));
    // Both at once, whatever the order is.
    let both = [
        ("min.compaction.lag.ms", SET, Some("5000")),
        ("max.compaction.lag.ms", SET, Some("5000")),
    ];
    assert_eq!(change(&trial, topic, &both, false), codes(None, 2));
    assert_eq!(set("max.compaction.lag.ms", DELETE, ""), codes(None, 2));
}

#[test]
fn all_is_changed_or_nothing() {
    let trial = Trial::new();
    let topic = (TOPIC, "topic");
    let bad = Some(ResponseError::InvalidConfig);
    let invalid = Some(ResponseError::InvalidRequest);
    let good = ("retention.ms", SET, Some("5000"));
    let cases = [
        ([good, ("segment.ms", SET, Some("no"))], bad),
        ([good, ("no.such", SET, Some("1"))], bad),
        ([good, ("segment.ms", SET, None)], invalid),
        ([good, ("segment.ms", 4, Some("1"))], invalid),
        ([good, good], invalid),
    ];
    for (changes, error) in cases {
        assert_eq!(change(&trial, topic, &changes, false), codes(error, 2));
        assert_eq!(change(&trial, topic, &changes, true), codes(error, 2));
    }
    assert_eq!(
        replace(&trial, &[("retention.ms", None)]),
        codes(invalid, 3)
    );
    assert_eq!(described(&trial, topic, "retention.ms").1, 5);
    let unknown = Some(ResponseError::UnknownTopicOrPartition);
    for is_trial in [false, true] {
        assert_eq!(
            change(&trial, (TOPIC, "missing"), &[good], is_trial),
            codes(unknown, 2)
        );
        assert_eq!(
            change(&trial, (BROKER, "1"), &[good], is_trial),
            codes(bad, 2)
        );
        assert_eq!(
            change(&trial, (BROKER, "2"), &[good], is_trial),
            codes(invalid, 2)
        );
        assert_eq!(
            change(&trial, (8, "1"), &[good], is_trial),
            codes(invalid, 2)
        );
    }
}

#[test]
fn a_topic_named_twice_is_not_changed() {
    let trial = Trial::new();
    let config = some::AlterableConfig::default()
        .with_name(text("retention.ms"))
        .with_value(Some(text("5000")));
    let resource = some::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text("topic"))
        .with_configs(vec![config]);
    let request =
        IncrementalAlterConfigsRequest::default().with_resources(vec![resource.clone(), resource]);
    let response = trial.ask(&request, 1);
    let error = ResponseError::InvalidRequest.code();
    assert!(response.responses.iter().all(|it| it.error_code == error));
    assert_eq!(described(&trial, (TOPIC, "topic"), "retention.ms").1, 5);
}

#[test]
fn the_broker_tells_what_it_was_started_with() {
    let trial = Trial::new();
    assert_eq!(described(&trial, (BROKER, "1"), "num.partitions").0, "1");
    assert_eq!(described(&trial, (BROKER, "1"), "log.retention.ms").1, 5);
    let (folder, source, _) = described(&trial, (BROKER, "1"), "log.dirs");
    assert_eq!(
        (folder, source),
        (trial.context.broker.options.data.display().to_string(), 4)
    );
    for (resource, error) in [
        ((TOPIC, "missing"), 3),
        ((TOPIC, ".."), 17),
        ((BROKER, "2"), 42),
        ((32, "g"), 42),
    ] {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(resource.0)
            .with_resource_name(text(resource.1));
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        assert_eq!(trial.ask(&request, 4).results[0].error_code, error);
    }
}
