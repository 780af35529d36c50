//! What a cluster says of its topics.

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataTopic;

use crate::{Partition, fault};

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// By their numbers.
    pub partitions: Vec<TopicPartition>,
    /// What is wrong with it.
    pub error: Option<String>,
    /// Whether the cluster does not know it, or not yet.
    pub(crate) is_unknown: bool,
}

/// A partition of a topic, and who has it.
#[derive(Clone, Debug)]
pub struct TopicPartition {
    /// Its number.
    pub id: i32,
    /// The broker that serves it; -1 while there is none.
    pub leader: i32,
    /// The brokers that have it.
    pub replicas: Vec<i32>,
    /// Those of them that are as far as its leader.
    pub in_sync: Vec<i32>,
}

impl Topic {
    pub(crate) fn of(topic: &MetadataTopic) -> Topic {
        let partitions = topic.partitions().iter();
        let mut partitions: Vec<_> = partitions
            .map(|it| TopicPartition {
                id: it.id(),
                leader: it.leader(),
                replicas: it.replicas().to_vec(),
                in_sync: it.isr().to_vec(),
            })
            .collect();
        partitions.sort_by_key(|it| it.id);
        let code = topic.error().map(RDKafkaErrorCode::from);
        Topic {
            name: topic.name().to_owned(),
            partitions,
            error: code.map(fault::said),
            is_unknown: code.is_some_and(|code| {
                matches!(
                    code,
                    RDKafkaErrorCode::UnknownTopicOrPartition
                        | RDKafkaErrorCode::UnknownTopic
                        | RDKafkaErrorCode::LeaderNotAvailable
                )
            }),
        }
    }

    /// Whether it is the cluster's own: such names begin with two underscores.
    pub fn is_internal(&self) -> bool {
        self.name.starts_with("__")
    }

    /// All of its partitions.
    pub fn all_partitions(&self) -> impl Iterator<Item = Partition> + '_ {
        self.partitions.iter().map(|partition| Partition {
            topic: self.name.clone(),
            id: partition.id,
        })
    }

    /// Replicas of each partition.
    pub fn replication_factor(&self) -> usize {
        self.partitions.first().map_or(0, |it| it.replicas.len())
    }
}
