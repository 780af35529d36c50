//! `DescribeConfigs`: the settings of topics and of the broker, and where each comes from.
//!
//! A topic's setting is its own, or the broker's of another name, or the one that is built in: these are its *synonyms*, of which
//! the first holds. What the broker itself is set to is given when it is started, and cannot be changed by a request.

use std::collections::HashSet;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Asked, Context, Refused, Said, said, told};
use crate::Error;
use crate::access::Action;
use crate::broker::NODE_ID;
use crate::log::LogConfig;
use crate::topics::{KNOWN, Kind, Settings, check_name};

/// What can have settings (Kafka, `ConfigResource.Type`).
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;

/// Where a value comes from (Kafka, `DescribeConfigsResponse.ConfigSource`).
const OF_TOPIC: i8 = 1;
const OF_BROKER: i8 = 4;
const BUILT_IN: i8 = 5;

/// What a value is (Kafka, `DescribeConfigsResponse.ConfigType`).
const BOOLEAN: i8 = 1;
const STRING: i8 = 2;
const INT: i8 = 3;
const LONG: i8 = 5;
const DOUBLE: i8 = 6;
const LIST: i8 = 7;

/// A setting, with all the values it has; the first holds, the last is built in.
pub(super) struct Described {
    pub(super) name: String,
    pub(super) values: Vec<Synonym>,
    config_type: i8,
    doc: &'static str,
    pub(super) is_read_only: bool,
}

impl Described {
    /// The value that holds.
    pub(super) fn holds(&self) -> &Synonym {
        self.values.first().expect("one is built in")
    }
}

pub(super) struct Synonym {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) source: i8,
}

pub(super) fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: DescribeConfigsRequest = asked.read()?;
    let mut seen = HashSet::new();
    let mut results = Vec::new();
    for resource in &request.resources {
        if !seen.insert((resource.resource_type, &resource.resource_name)) {
            continue;
        }
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        results.push(match describe(context, resource) {
            Ok(described) => {
                let configs = described.into_iter().map(|it| result_of(it, &request));
                result
                    .with_error_message(None)
                    .with_configs(configs.collect())
            }
            Err((error, message)) => result
                .with_error_code(error.code())
                .with_error_message(told(message)),
        });
    }
    let response = DescribeConfigsResponse::default().with_results(results);
    asked.reply::<DescribeConfigsRequest>(&response)
}

fn describe(context: &Context, resource: &DescribeConfigsResource) -> Result<Vec<Described>, Said> {
    let mut described = match resource.resource_type {
        TOPIC => {
            if !context.may(Action::Describe(&resource.resource_name)) {
                return Err((ResponseError::TopicAuthorizationFailed, None));
            }
            of_topic(context, &resource.resource_name)?
        }
        BROKER => {
            context.administer(ResponseError::ClusterAuthorizationFailed)?;
            of_broker(context, &resource.resource_name)?
        }
        other => return Err(unknown_type(other)),
    };
    // None at all, from clients that mean all of them (KAFKA-9254 had brokers do the same).
    if let Some(names) = resource
        .configuration_keys
        .as_ref()
        .filter(|it| !it.is_empty())
    {
        let names: HashSet<&str> = names.iter().map(|it| &**it).collect();
        described.retain(|it| names.contains(it.name.as_str()));
    }
    Ok(described)
}

fn of_topic(context: &Context, name: &str) -> Result<Vec<Described>, Said> {
    check_name(name).map_err(|it| said(it.into()))?;
    let topic = context.broker.topics.topic(name);
    let topic = topic.ok_or_else(|| said(Error::UnknownTopic(name.to_owned())))?;
    Ok(of_settings(
        context.broker.topics.defaults(),
        &topic.settings(),
    ))
}

/// The settings of a topic that sets these itself.
pub(super) fn of_settings(defaults: &LogConfig, settings: &Settings) -> Vec<Described> {
    let mut described = of_log(defaults, false);
    for (known, described) in KNOWN.iter().zip(&mut described) {
        described.name = known.name.to_owned();
        if let Some(value) = settings.default_value(known) {
            described.values = values(known.name, value.to_owned(), value.to_owned());
        }
        if let Some(value) = settings.value(known.name) {
            let own = Synonym {
                name: known.name.to_owned(),
                value: value.to_owned(),
                source: OF_TOPIC,
            };
            described.values.insert(0, own);
        }
    }
    described
}

/// The broker's values of what topics may set, in the order of [`KNOWN`], by their names there.
fn of_log(defaults: &LogConfig, is_read_only: bool) -> Vec<Described> {
    let built_in = LogConfig::default();
    let described = KNOWN.iter().map(|known| Described {
        name: known.broker_name(),
        values: values(
            &known.broker_name(),
            known.value(defaults),
            known.value(&built_in),
        ),
        config_type: type_of(known.kind),
        doc: known.doc,
        is_read_only: is_read_only || known.kind == Kind::Count,
    });
    described.collect()
}

/// What holds, if it is not built in, and what is.
fn values(name: &str, value: String, built_in: String) -> Vec<Synonym> {
    let synonym = |value, source| Synonym {
        name: name.to_owned(),
        value,
        source,
    };
    let mut values = Vec::with_capacity(2);
    if value != built_in {
        values.push(synonym(value, OF_BROKER));
    }
    values.push(synonym(built_in, BUILT_IN));
    values
}

fn of_broker(context: &Context, name: &str) -> Result<Vec<Described>, Said> {
    check_broker(name)?;
    if name.is_empty() {
        // What all brokers have been given by requests: nothing.
        return Ok(Vec::new());
    }
    let mut described = of_log(context.broker.topics.defaults(), true);
    let mut known = KNOWN.iter();
    described.retain(|_| known.next().is_some_and(|it| !it.is_of_gate()));
    described.extend(of_options(context));
    described.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(described)
}

/// What the broker was started with, beside what topics may set.
fn of_options(context: &Context) -> Vec<Described> {
    let options = &context.broker.options;
    let usual = crate::broker::Options::new("");
    let (host, port) = &*context.advertised;
    let listener = format!("PLAINTEXT://{host}:{port}");
    let folder = options.data.to_string_lossy().into_owned();
    let of = |name: &str, config_type, doc, value: String, built_in: String| Described {
        name: name.to_owned(),
        values: values(name, value, built_in),
        config_type,
        doc,
        is_read_only: true,
    };
    let number = |name: &str, doc, value: u128, built_in: u128| {
        of(name, LONG, doc, value.to_string(), built_in.to_string())
    };
    vec![
        of(
            "advertised.listeners",
            STRING,
            "where clients are told to come to",
            listener,
            String::new(),
        ),
        of(
            "auto.create.topics.enable",
            BOOLEAN,
            "whether a topic that is asked for is made",
            options.creates_topics.to_string(),
            usual.creates_topics.to_string(),
        ),
        of(
            "broker.id",
            INT,
            "the number of the node",
            NODE_ID.to_string(),
            NODE_ID.to_string(),
        ),
        number(
            "connections.max.idle.ms",
            "a connection over which nothing comes for so long is closed",
            options.idle.as_millis(),
            usual.idle.as_millis(),
        ),
        of(
            "default.replication.factor",
            INT,
            "there is one node",
            "1".to_owned(),
            "1".to_owned(),
        ),
        of("log.dirs", STRING, "the data folder", folder, String::new()),
        number(
            "log.cleaner.backoff.ms",
            "how often it is looked which partitions are to be compacted",
            options.cleaning_check.as_millis(),
            usual.cleaning_check.as_millis(),
        ),
        number(
            "log.flush.offset.checkpoint.interval.ms",
            "how often it is noted what is on stable storage",
            options.checkpoint.as_millis(),
            usual.checkpoint.as_millis(),
        ),
        number(
            "log.retention.check.interval.ms",
            "how often records that are too old are removed",
            options.retention_check.as_millis(),
            usual.retention_check.as_millis(),
        ),
        number(
            "max.connections",
            "connections at a time",
            options.connections_max as u128,
            usual.connections_max as u128,
        ),
        of(
            "node.id",
            INT,
            "the number of the node",
            NODE_ID.to_string(),
            NODE_ID.to_string(),
        ),
        number(
            "num.partitions",
            "partitions of a topic that does not say how many",
            options.partitions as u128,
            usual.partitions as u128,
        ),
        number(
            "queued.max.request.bytes",
            "bytes of requests that are being worked on",
            options.in_flight_bytes as u128,
            usual.in_flight_bytes as u128,
        ),
        number(
            "socket.request.max.bytes",
            "the largest request taken, in bytes",
            options.request_bytes_max as u128,
            usual.request_bytes_max as u128,
        ),
    ]
}

/// The broker is asked for by its number; no number stands for what all brokers have in common.
pub(super) fn check_broker(name: &str) -> Result<(), Said> {
    match name.is_empty() || name == NODE_ID.to_string() {
        true => Ok(()),
        false => Err((
            ResponseError::InvalidRequest,
            Some(format!("there is no broker `{name}`, but `{NODE_ID}`")),
        )),
    }
}

pub(super) fn unknown_type(resource_type: i8) -> Said {
    (
        ResponseError::InvalidRequest,
        Some(format!(
            "resources of type {resource_type} have no settings here, topics ({TOPIC}) and brokers ({BROKER}) have"
        )),
    )
}

fn type_of(kind: Kind) -> i8 {
    match kind {
        Kind::Number(_, max) if max <= i64::from(i32::MAX) => INT,
        Kind::Number(..) => LONG,
        Kind::Ratio => DOUBLE,
        Kind::Bool | Kind::OneOf(["true"] | ["false"]) => BOOLEAN,
        Kind::OneOf(_) | Kind::Text | Kind::Contract => STRING,
        Kind::Count => LONG,
        Kind::List(_) => LIST,
    }
}

fn result_of(
    described: Described,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResourceResult {
    let text = |it: &str| StrBytes::from_string(it.to_owned());
    let holds = described.holds();
    let doc = StrBytes::from_static_str(described.doc);
    let doc = request.include_documentation.then_some(doc);
    let mut result = DescribeConfigsResourceResult::default()
        .with_name(text(&described.name))
        .with_value(Some(text(&holds.value)))
        .with_config_source(holds.source)
        .with_config_type(described.config_type)
        .with_read_only(described.is_read_only)
        .with_documentation(doc);
    if request.include_synonyms {
        let synonyms = described.values.iter().map(|it| {
            DescribeConfigsSynonym::default()
                .with_name(text(&it.name))
                .with_value(Some(text(&it.value)))
                .with_source(it.source)
        });
        result.synonyms = synonyms.collect();
    }
    result
}
