//! Topics, and whether a broker is there.

use std::time::{Duration, Instant};

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{
    ApiVersionsRequest, BrokerId, CreateTopicsRequest, DeleteTopicsRequest, ListOffsetsRequest,
    MetadataRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use serde_json::{Value, json};

use crate::Result;
use crate::client::Client;
use crate::settings;

const CREATE_VERSION: i16 = 5;
const DELETE_VERSION: i16 = 4;
const METADATA_VERSION: i16 = 9;
const LIST_OFFSETS_VERSION: i16 = 4;

/// Asks for the end of a partition.
const LATEST: i64 = -1;

/// A topic is made on the disk before the answer comes.
const TIMEOUT_MS: i32 = 60_000;

pub(crate) fn create(
    address: &str,
    name: &str,
    partitions: i32,
    configs: &[&str],
) -> Result<Value> {
    let text = |it: &str| StrBytes::from_string(it.to_owned());
    let configs = settings::split(configs)?.into_iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
    });
    let topic = CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default()
        .with_topics(vec![topic])
        .with_timeout_ms(TIMEOUT_MS);
    let started = Instant::now();
    let mut client = Client::connect(address)?;
    let response = client.ask(&request, CREATE_VERSION)?;
    for topic in &response.topics {
        if topic.error_code != 0 {
            let code = ResponseError::try_from_code(topic.error_code);
            return Err(format!("{code:?}: {:?}", topic.error_message).into());
        }
    }
    wait_for_leaders(&mut client, name, partitions)?;
    Ok(json!({ "seconds": started.elapsed().as_secs_f64() }))
}

/// Kafka answers before all partitions can be written to, and says who leads them before they do.
fn wait_for_leaders(client: &mut Client, name: &str, partitions: i32) -> Result<()> {
    let end = |index| {
        ListOffsetsPartition::default()
            .with_partition_index(index)
            .with_timestamp(LATEST)
    };
    let topic = ListOffsetsTopic::default()
        .with_name(TopicName(StrBytes::from_string(name.to_owned())))
        .with_partitions((0..partitions).map(end).collect());
    let request = ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_topics(vec![topic]);
    let until = Instant::now() + Duration::from_millis(TIMEOUT_MS as u64);
    loop {
        let response = client.ask(&request, LIST_OFFSETS_VERSION)?;
        let found = response.topics.iter().flat_map(|it| &it.partitions);
        let leading = found.filter(|it| it.error_code == 0).count();
        if leading >= partitions as usize {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!("{leading} of {partitions} partitions can be written to").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn delete(address: &str, name: &str) -> Result<Value> {
    let name = TopicName(StrBytes::from_string(name.to_owned()));
    let request = DeleteTopicsRequest::default()
        .with_topic_names(vec![name])
        .with_timeout_ms(TIMEOUT_MS);
    let response = Client::connect(address)?.ask(&request, DELETE_VERSION)?;
    let failed = response.responses.iter().find(|it| it.error_code != 0);
    match failed {
        Some(topic) => Err(format!("{:?}", ResponseError::try_from_code(topic.error_code)).into()),
        None => Ok(json!({})),
    }
}

/// Waits for the first answer, and tells how long that took.
pub(crate) fn wait_until_ready(address: &str, seconds: f64) -> Result<Value> {
    let started = Instant::now();
    loop {
        let answered = Client::connect(address).and_then(|mut it| {
            it.ask(&ApiVersionsRequest::default(), 0)?;
            it.ask(
                &MetadataRequest::default().with_topics(Some(Vec::new())),
                METADATA_VERSION,
            )
        });
        // A broker that is not there yet, or does not know itself yet.
        let is_ready = answered.as_ref().is_ok_and(|it| !it.brokers.is_empty());
        if is_ready {
            return Ok(json!({ "seconds": started.elapsed().as_secs_f64() }));
        }
        if started.elapsed().as_secs_f64() > seconds {
            return Err(format!("nobody answers: {:?}", answered.err()).into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
