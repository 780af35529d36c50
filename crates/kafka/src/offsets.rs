//! Where partitions begin and end, which record was the first at a time, and what groups have committed.

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::Result;
use crate::cluster::{Cluster, Reader};
use crate::heard::Heard;
use crate::{Partition, fault};

/// Partitions that are asked for at a time: requests stay small.
const PARTITIONS_AT_A_TIME: usize = 1000;

/// A place in a partition that it knows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Its oldest record.
    Earliest,
    /// Behind its newest record.
    Latest,
    /// The first record of that time or later, in milliseconds since 1970; if there is none, behind the newest.
    Time(i64),
}

impl Reader {
    /// The offsets of a moment, in the order of `partitions`.
    pub fn offsets_at(&self, partitions: &[Partition], moment: Moment) -> Result<Vec<i64>> {
        offsets_at(&self.cluster, &self.client, partitions, moment)
    }

    /// What the group of this reader has committed, in the order of `partitions`.
    pub fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<i64>>> {
        committed(&self.cluster, &self.client, partitions)
    }

    /// Sets the offsets of this reader's group, which has no members.
    pub fn commit(&self, offsets: &[(Partition, i64)]) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            let mut element = list.add_partition(&partition.topic, partition.id);
            element
                .set_offset(Offset::Offset(*offset))
                .map_err(|error| fault::of("cannot commit the offsets", &error))?;
        }
        let commit = move |it: &BaseConsumer<_>| it.commit(&list, CommitMode::Sync);
        match self.client.within(self.cluster.timeout, commit) {
            Some(committed) => {
                committed.map_err(|error| fault::of("cannot commit the offsets", &error))
            }
            None => Err(self.cluster.unanswered("cannot commit the offsets")),
        }
    }
}

/// What the client's group has committed, in the order of `partitions`.
pub(crate) fn committed(
    cluster: &Cluster,
    client: &BaseConsumer<Heard>,
    partitions: &[Partition],
) -> Result<Vec<Option<i64>>> {
    let mut committed = Vec::with_capacity(partitions.len());
    for some in partitions.chunks(PARTITIONS_AT_A_TIME) {
        cluster.cancel.check()?;
        let answered = client
            .committed_offsets(list(some, |_| Offset::Invalid), cluster.timeout)
            .map_err(|error| fault::of("cannot ask for the offsets of the group", &error))?;
        for (element, partition) in answered.elements().iter().zip(some) {
            let what = || format!("cannot ask for the group's offset of {}", shown(partition));
            element
                .error()
                .map_err(|error| fault::of(&what(), &error))?;
            committed.push(match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            });
        }
    }
    Ok(committed)
}

/// The offsets of a moment, in the order of `partitions`.
pub(crate) fn offsets_at(
    cluster: &Cluster,
    client: &BaseConsumer<Heard>,
    partitions: &[Partition],
    moment: Moment,
) -> Result<Vec<i64>> {
    let mut offsets = ask(cluster, client, partitions, moment)?;
    // Nothing is that late: librdkafka has the number of the end there, which is no offset.
    let late: Vec<usize> = (0..offsets.len()).filter(|&at| offsets[at] < 0).collect();
    if !late.is_empty() {
        let some: Vec<_> = late.iter().map(|&at| partitions[at].clone()).collect();
        let ends = ask(cluster, client, &some, Moment::Latest)?;
        for (at, end) in late.into_iter().zip(ends) {
            offsets[at] = end.max(0);
        }
    }
    Ok(offsets)
}

fn ask(
    cluster: &Cluster,
    client: &BaseConsumer<Heard>,
    partitions: &[Partition],
    moment: Moment,
) -> Result<Vec<i64>> {
    // `ListOffsets` takes these two in place of a time; librdkafka passes on what stands there.
    let asked = match moment {
        Moment::Earliest => Offset::Beginning,
        Moment::Latest => Offset::End,
        Moment::Time(ms) => Offset::Offset(ms.max(0)),
    };
    let mut offsets = Vec::with_capacity(partitions.len());
    for some in partitions.chunks(PARTITIONS_AT_A_TIME) {
        cluster.cancel.check()?;
        let answered = client
            .offsets_for_times(list(some, |_| asked), cluster.timeout)
            .map_err(|error| fault::of("cannot ask for offsets", &error))?;
        for (element, partition) in answered.elements().iter().zip(some) {
            let what = || format!("cannot ask for the offsets of {}", shown(partition));
            element
                .error()
                .map_err(|error| fault::of(&what(), &error))?;
            offsets.push(match element.offset() {
                Offset::Offset(offset) => offset,
                _ => -1,
            });
        }
    }
    Ok(offsets)
}

/// A list as librdkafka takes it; names with a zero byte are in no cluster, and never come here.
pub(crate) fn list(
    partitions: &[Partition],
    offset: impl Fn(usize) -> Offset,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (index, partition) in partitions.iter().enumerate() {
        let mut element = list.add_partition(&partition.topic, partition.id);
        element
            .set_offset(offset(index))
            .expect("offsets that were asked for are not negative");
    }
    list
}

pub(crate) fn partitions_of(list: &TopicPartitionList) -> Vec<Partition> {
    let elements = list.elements();
    let partitions = elements.iter().map(|element| Partition {
        topic: element.topic().to_owned(),
        id: element.partition(),
    });
    partitions.collect()
}

/// For people.
pub(crate) fn shown(partition: &Partition) -> String {
    format!("partition {} of `{}`", partition.id, partition.topic)
}
