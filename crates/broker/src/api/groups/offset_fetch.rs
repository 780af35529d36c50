//! `OffsetFetch`: how far groups have read.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{GroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Asked, Context, Refused, check_group, number, reply_durable, text};
use crate::access::Action;
use crate::groups::{Committed, Group, Written};

/// From here on the error of a group is told beside its partitions.
const GROUP_ERROR: i16 = 2;

/// From here on several groups are asked for at once.
const BATCHED: i16 = 8;

/// What is asked of a group; `None`: all that it has.
type Wanted = Option<Vec<(TopicName, Vec<i32>)>>;

/// What a group has, by topic and partition; or the error of a topic.
type Found = Vec<OfTopic>;

type OfTopic = (
    TopicName,
    Vec<(i32, Option<Committed>)>,
    Option<ResponseError>,
);

pub(crate) fn fetch(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: OffsetFetchRequest = asked.read()?;
    let groups = wanted(request, asked.version);
    let found: Vec<_> = groups
        .into_iter()
        .map(|(id, wanted)| {
            let found = find(context, &id, wanted);
            (id, found)
        })
        .collect();
    let version = asked.version;
    // Nobody reads what a crash may take back.
    let written = Written(context.broker.groups.log().end_offset());
    reply_durable::<OffsetFetchRequest>(context, &asked, written, move |failed| {
        let mut groups = found.into_iter().map(|(id, (found, error))| {
            let error = error.or(failed);
            (id, found, error)
        });
        match version >= BATCHED {
            true => OffsetFetchResponse::default().with_groups(groups.map(batched).collect()),
            false => groups
                .next()
                .map_or_else(Default::default, |it| single(it, version)),
        }
    })
}

fn wanted(request: OffsetFetchRequest, version: i16) -> Vec<(GroupId, Wanted)> {
    if version < BATCHED {
        let topics = request.topics.map(|topics| {
            let topics = topics.into_iter();
            topics.map(|it| (it.name, it.partition_indexes)).collect()
        });
        return vec![(request.group_id, topics)];
    }
    let groups = request.groups.into_iter().map(|group| {
        let topics = group.topics.map(|topics| {
            let topics = topics.into_iter();
            topics.map(|it| (it.name, it.partition_indexes)).collect()
        });
        (group.group_id, topics)
    });
    groups.collect()
}

fn find(context: &Context, id: &GroupId, wanted: Wanted) -> (Found, Option<ResponseError>) {
    let error = check_group(context, id, true).err();
    let denied = Some(ResponseError::GroupAuthorizationFailed);
    let Some(wanted) = wanted else {
        if error == denied {
            return (Found::new(), error);
        }
        let found = context.broker.groups.look(id, everything);
        let mut found = found.unwrap_or_default();
        found.retain(|(name, ..)| context.sees(Action::Describe(name)));
        return (found, error);
    };
    let found = context.broker.groups.look(id, |group| some(group, &wanted));
    let found = found.unwrap_or_else(|| {
        let nothing = |it: &Vec<i32>| it.iter().map(|index| (*index, None)).collect();
        let topics = wanted.iter();
        topics
            .map(|(name, it)| (name.clone(), nothing(it), None))
            .collect()
    });
    let found = found.into_iter().map(|(name, partitions, _)| {
        match error.is_some() || context.may(Action::Describe(&name)) {
            true => (name, partitions, None),
            false => denied_topic(name, &partitions),
        }
    });
    (found.collect(), error)
}

/// Of a topic that the client may not see nothing is told.
fn denied_topic(name: TopicName, partitions: &[(i32, Option<Committed>)]) -> OfTopic {
    let nothing = partitions.iter().map(|(index, _)| (*index, None));
    let error = ResponseError::TopicAuthorizationFailed;
    (name, nothing.collect(), Some(error))
}

fn everything(group: &Group) -> Found {
    let topics = group.offsets().topics().map(|(name, partitions)| {
        let partitions = partitions.iter();
        let partitions = partitions.map(|(index, it)| (*index, Some(it.clone())));
        (TopicName(text(name)), partitions.collect(), None)
    });
    topics.collect()
}

fn some(group: &Group, wanted: &[(TopicName, Vec<i32>)]) -> Found {
    let topics = wanted.iter().map(|(name, indexes)| {
        let one = |index: &i32| (*index, group.offsets().one(name, *index).cloned());
        (name.clone(), indexes.iter().map(one).collect(), None)
    });
    topics.collect()
}

/// What is told of a partition: offset, epoch and text.
fn told(committed: Option<Committed>) -> (i64, i32, Option<StrBytes>) {
    match committed {
        Some(it) => {
            let metadata = StrBytes::from_string(it.metadata);
            (it.offset, it.leader_epoch, Some(metadata))
        }
        None => (-1, -1, Some(StrBytes::default())),
    }
}

fn batched(
    (id, found, error): (GroupId, Found, Option<ResponseError>),
) -> OffsetFetchResponseGroup {
    let topics = found.into_iter().map(|(name, partitions, denied)| {
        let partitions = partitions.into_iter().map(|(index, committed)| {
            let (offset, epoch, metadata) = told(committed);
            OffsetFetchResponsePartitions::default()
                .with_partition_index(index)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(epoch)
                .with_metadata(metadata)
                .with_error_code(number(denied))
        });
        OffsetFetchResponseTopics::default()
            .with_name(name)
            .with_partitions(partitions.collect())
    });
    OffsetFetchResponseGroup::default()
        .with_group_id(id)
        .with_error_code(number(error))
        .with_topics(match error {
            Some(_) => Vec::new(),
            None => topics.collect(),
        })
}

fn single(
    (_, found, error): (GroupId, Found, Option<ResponseError>),
    version: i16,
) -> OffsetFetchResponse {
    let topics = found.into_iter().map(|(name, partitions, denied)| {
        let partitions = partitions.into_iter().map(|(index, committed)| {
            let committed = committed.filter(|_| error.is_none());
            let (offset, epoch, metadata) = told(committed);
            OffsetFetchResponsePartition::default()
                .with_partition_index(index)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(epoch)
                .with_metadata(metadata)
                .with_error_code(number(error.or(denied)))
        });
        OffsetFetchResponseTopic::default()
            .with_name(name)
            .with_partitions(partitions.collect())
    });
    let response = OffsetFetchResponse::default().with_topics(topics.collect());
    match version >= GROUP_ERROR {
        true => response.with_error_code(number(error)),
        false => response,
    }
}
