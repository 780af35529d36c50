//! `Metadata`: the broker, and which topics there are.

use std::collections::HashSet;
use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Asked, Context, Refused, code, on_thread, operations};
use crate::access::Action;
use crate::broker::NODE_ID;
use crate::topics::{Settings, Topic};

pub(super) async fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: MetadataRequest = asked.read()?;
    match may_create(context, &request, asked.version) {
        true => {
            let context = context.clone();
            on_thread(move || describe_all(&context, &asked, request)).await?
        }
        false => describe_all(context, &asked, request),
    }
}

/// Whether topics may have to be made, which waits for the disk.
fn may_create(context: &Context, request: &MetadataRequest, version: i16) -> bool {
    let topics = &context.broker.topics;
    let named = request.topics.iter().flatten();
    let mut names = named.filter_map(|it| it.name.as_ref());
    creates(context, request.allow_auto_topic_creation, version)
        && context.sees(Action::Administer)
        && names.any(|it| topics.topic(it).is_none())
}

/// Before version 4 clients could not say that they do not want it.
fn creates(context: &Context, is_allowed: bool, version: i16) -> bool {
    context.broker.options.creates_topics && (is_allowed || version < 4)
}

fn describe_all(
    context: &Context,
    asked: &Asked,
    request: MetadataRequest,
) -> Result<Answer, Refused> {
    let topics = &context.broker.topics;
    // In version 0 no topics means all of them; later it means none, and null means all.
    let is_all = match &request.topics {
        None => true,
        Some(named) => asked.version == 0 && named.is_empty(),
    };
    let mut seen = HashSet::new();
    let mut described: Vec<_> = match request.topics {
        _ if is_all => {
            let mut all = topics.all();
            all.retain(|it| context.sees(Action::Describe(it.name())));
            all.iter().map(describe).collect()
        }
        None => Vec::new(),
        Some(named) => named
            .into_iter()
            // Few bytes can name a topic of many partitions often.
            .filter(|it| seen.insert((it.name.clone(), it.topic_id)))
            .map(|it| match it.name {
                Some(name) => by_name(
                    context,
                    name,
                    request.allow_auto_topic_creation,
                    asked.version,
                ),
                None => match topics.topic_of_id(it.topic_id) {
                    Some(topic) if context.sees(Action::Describe(topic.name())) => describe(&topic),
                    _ => failed(ResponseError::UnknownTopicId).with_topic_id(it.topic_id),
                },
            })
            .collect(),
    };
    for topic in described.iter_mut().filter(|it| it.error_code == 0) {
        let is_asked = request.include_topic_authorized_operations;
        let name = topic.name.as_deref().map_or("", |it| it);
        let operations = operations::of_topic(context, is_asked, name);
        topic.topic_authorized_operations = operations;
    }
    let (host, port) = &*context.advertised;
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(NODE_ID))
        .with_host(StrBytes::from_string(host.clone()))
        .with_port(i32::from(*port));
    let cluster_id = StrBytes::from_string(context.broker.cluster_id.clone());
    let response = MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(cluster_id))
        .with_controller_id(BrokerId(NODE_ID))
        .with_cluster_authorized_operations(operations::of_cluster(
            context,
            request.include_cluster_authorized_operations,
        ))
        .with_topics(described);
    asked.reply::<MetadataRequest>(&response)
}

fn by_name(
    context: &Context,
    name: TopicName,
    may_create: bool,
    version: i16,
) -> MetadataResponseTopic {
    let topics = &context.broker.topics;
    if !context.may(Action::Describe(&name)) {
        return failed(ResponseError::TopicAuthorizationFailed).with_name(Some(name));
    }
    if let Some(topic) = topics.topic(&name) {
        return describe(&topic);
    }
    let described = match creates(context, may_create, version) {
        true if !context.may(Action::Administer) => failed(ResponseError::TopicAuthorizationFailed),
        true => {
            let partitions = context.broker.options.partitions;
            match topics.create(&name, partitions, Settings::default()) {
                Ok(topic) => return describe(&topic),
                // Another connection was faster.
                Err(crate::Error::TopicExists(_)) => match topics.topic(&name) {
                    Some(topic) => return describe(&topic),
                    None => failed(ResponseError::UnknownTopicOrPartition),
                },
                Err(error) => failed(code(&error)),
            }
        }
        false => match crate::topics::check_name(&name) {
            Ok(()) => failed(ResponseError::UnknownTopicOrPartition),
            Err(_) => failed(ResponseError::InvalidTopicException),
        },
    };
    described.with_name(Some(name))
}

fn failed(error: ResponseError) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_error_code(error.code())
        .with_topic_authorized_operations(operations::NOT_TOLD)
}

fn describe(topic: &Arc<Topic>) -> MetadataResponseTopic {
    let partitions = (0..topic.partitions().len()).map(|index| {
        MetadataResponsePartition::default()
            .with_partition_index(index as i32)
            .with_leader_id(BrokerId(NODE_ID))
            .with_leader_epoch(0)
            .with_replica_nodes(vec![BrokerId(NODE_ID)])
            .with_isr_nodes(vec![BrokerId(NODE_ID)])
    });
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_string(
            topic.name().to_owned(),
        ))))
        .with_topic_id(topic.id())
        .with_partitions(partitions.collect())
        .with_topic_authorized_operations(operations::NOT_TOLD)
}
