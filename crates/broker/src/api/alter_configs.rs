//! `AlterConfigs`, which puts settings in place of all those a topic has, and `IncrementalAlterConfigs`, which changes some of them.
//!
//! Of one topic all is changed or nothing. The broker itself is set when it is started, and by no request.

use std::collections::{HashMap, HashSet};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::alter_configs_request as all;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse as Replaced;
use kafka_protocol::messages::incremental_alter_configs_request as some;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as Changed;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::describe_configs::{BROKER, TOPIC, check_broker, unknown_type};
use super::{Answer, Asked, Context, Refused, Said, said};
use crate::log::LogConfig;
use crate::topics::{Edit, Settings, check_name};
use crate::{Error, Result};

/// What becomes of a setting (Kafka, `AlterConfigOp.OpType`).
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// A change to one setting.
enum Change<'c> {
    Set(&'c str, &'c str),
    Unset(&'c str),
    Edit(&'c str, Edit, &'c str),
}

pub(super) fn replace(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: AlterConfigsRequest = asked.read()?;
    let counts = counts(
        request
            .resources
            .iter()
            .map(|it| (it.resource_type, &it.resource_name)),
    );
    let responses = request.resources.iter().map(|it| {
        let is_repeated = counts[&(it.resource_type, &it.resource_name)] > 1;
        let replaced = settings_of(it).and_then(|changes| {
            let resource = (it.resource_type, &*it.resource_name);
            let start = |_: &Settings| Settings::default();
            alter(
                context,
                resource,
                is_repeated,
                &changes,
                start,
                request.validate_only,
            )
        });
        let response = Replaced::default()
            .with_resource_type(it.resource_type)
            .with_resource_name(it.resource_name.clone());
        match replaced {
            Ok(()) => response.with_error_message(None),
            Err((error, message)) => response
                .with_error_code(error.code())
                .with_error_message(message.map(StrBytes::from_string)),
        }
    });
    let response = AlterConfigsResponse::default().with_responses(responses.collect());
    asked.reply::<AlterConfigsRequest>(&response)
}

pub(super) fn change(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: IncrementalAlterConfigsRequest = asked.read()?;
    let counts = counts(
        request
            .resources
            .iter()
            .map(|it| (it.resource_type, &it.resource_name)),
    );
    let responses = request.resources.iter().map(|it| {
        let is_repeated = counts[&(it.resource_type, &it.resource_name)] > 1;
        let changed = changes_of(it).and_then(|changes| {
            let resource = (it.resource_type, &*it.resource_name);
            alter(
                context,
                resource,
                is_repeated,
                &changes,
                Settings::clone,
                request.validate_only,
            )
        });
        let response = Changed::default()
            .with_resource_type(it.resource_type)
            .with_resource_name(it.resource_name.clone());
        match changed {
            Ok(()) => response.with_error_message(None),
            Err((error, message)) => response
                .with_error_code(error.code())
                .with_error_message(message.map(StrBytes::from_string)),
        }
    });
    let response = IncrementalAlterConfigsResponse::default().with_responses(responses.collect());
    asked.reply::<IncrementalAlterConfigsRequest>(&response)
}

/// How often each resource is named.
fn counts<'r>(
    named: impl Iterator<Item = (i8, &'r StrBytes)>,
) -> HashMap<(i8, &'r StrBytes), usize> {
    let mut counts = HashMap::new();
    for resource in named {
        *counts.entry(resource).or_insert(0) += 1;
    }
    counts
}

fn invalid(message: String) -> Said {
    (ResponseError::InvalidRequest, Some(message))
}

fn settings_of(resource: &all::AlterConfigsResource) -> Result<Vec<Change<'_>>, Said> {
    let configs = resource.configs.iter();
    let changes = configs.map(|it| Ok(Change::Set(&it.name, value(&it.name, it.value.as_ref())?)));
    once_each(changes.collect::<Result<_, Said>>()?)
}

fn changes_of(resource: &some::AlterConfigsResource) -> Result<Vec<Change<'_>>, Said> {
    let changes = resource.configs.iter().map(|it| {
        let value = || value(&it.name, it.value.as_ref());
        Ok(match it.config_operation {
            SET => Change::Set(&it.name, value()?),
            DELETE => Change::Unset(&it.name),
            APPEND => Change::Edit(&it.name, Edit::Append, value()?),
            SUBTRACT => Change::Edit(&it.name, Edit::Subtract, value()?),
            other => {
                return Err(invalid(format!(
                    "operation {other} on `{}` is none of {SET} to {SUBTRACT}",
                    &*it.name
                )));
            }
        })
    });
    once_each(changes.collect::<Result<_, Said>>()?)
}

fn value<'v>(name: &str, value: Option<&'v StrBytes>) -> Result<&'v str, Said> {
    let value = value.ok_or_else(|| invalid(format!("`{name}` is given no value")))?;
    Ok(value)
}

/// Whoever says two things of one setting says nothing.
fn once_each(changes: Vec<Change<'_>>) -> Result<Vec<Change<'_>>, Said> {
    let mut seen = HashSet::new();
    for change in &changes {
        let (Change::Set(name, _) | Change::Unset(name) | Change::Edit(name, ..)) = change;
        if !seen.insert(*name) {
            return Err(invalid(format!("`{name}` is named more than once")));
        }
    }
    Ok(changes)
}

/// Changes what `start` makes of the settings that a resource has.
fn alter(
    context: &Context,
    (resource_type, name): (i8, &str),
    is_repeated: bool,
    changes: &[Change<'_>],
    start: impl Fn(&Settings) -> Settings,
    is_trial: bool,
) -> Result<(), Said> {
    if is_repeated {
        return Err(invalid("it is named more than once".to_owned()));
    }
    match resource_type {
        TOPIC => check_name(name).map_err(|it| said(it.into()))?,
        BROKER => {
            check_broker(name)?;
            return match changes {
                [] => Ok(()),
                _ => Err((
                    ResponseError::InvalidConfig,
                    Some("the broker is set when it is started, and by no request".to_owned()),
                )),
            };
        }
        other => return Err(unknown_type(other)),
    }
    let topics = &context.broker.topics;
    let change = |settings: &mut Settings| {
        *settings = apply(changes, start(settings), topics.defaults())?;
        Ok(())
    };
    if !is_trial {
        return topics.configure(name, change).map_err(said);
    }
    let topic = topics.topic(name);
    let topic = topic.ok_or_else(|| said(Error::UnknownTopic(name.to_owned())))?;
    change(&mut Settings::clone(&topic.settings())).map_err(said)
}

fn apply(changes: &[Change<'_>], start: Settings, defaults: &LogConfig) -> Result<Settings> {
    let mut settings = start;
    for change in changes {
        match *change {
            Change::Set(name, value) => settings.set(name, value)?,
            Change::Unset(name) => settings.unset(name)?,
            Change::Edit(name, edit, value) => {
                let config = settings.apply(defaults);
                settings.edit(name, &config, edit, value)?;
            }
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
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
            let text =
                |it: &Option<StrBytes>| it.as_ref().map_or(String::new(), |it| it.to_string());
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
        let request = IncrementalAlterConfigsRequest::default()
            .with_resources(vec![resource.clone(), resource]);
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
}
