//! How far groups are behind: what they committed, and what could be read.
//!
//! It is looked up when somebody asks, group by group, so that the groups are never locked for long. There may be more groups and
//! partitions than anybody wants to have in a page: the first so many, by name, are told, and how many are left out.

use crate::broker::Broker;
use crate::groups::Group;

/// Committed offsets of which the page tells.
pub(crate) const SERIES_MAX: usize = 10_000;

/// How far all groups are behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) group_count: usize,
    /// By group, topic and partition.
    pub(crate) partitions: Vec<Behind>,
    /// Committed offsets that are not among them.
    pub(crate) left_out: usize,
    /// Whether the log of groups takes nothing more.
    pub(crate) is_failed: bool,
}

/// How far a group is behind in a partition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    pub(crate) group: String,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offsets: u64,
}

impl Lag {
    /// As it is now, of so many committed offsets at most.
    pub(crate) fn look(broker: &Broker, series_max: usize) -> Lag {
        let groups = &broker.groups;
        let mut names = groups.look_at_all(|name, _| Some(name.to_owned()));
        names.sort_unstable();
        let mut lag = Lag {
            group_count: names.len(),
            is_failed: groups.log().is_poisoned(),
            ..Lag::default()
        };
        for name in names {
            let room = series_max - lag.partitions.len();
            // It may be gone by now.
            let Some((committed, count)) = groups.look(&name, |it| committed(it, room)) else {
                continue;
            };
            lag.left_out += count - committed.len();
            let behind = committed
                .into_iter()
                .filter_map(|it| behind(broker, &name, it));
            lag.partitions.extend(behind);
        }
        lag
    }
}

/// What a group committed, and how many of them there are.
fn committed(group: &Group, room: usize) -> (Vec<(String, i32, i64)>, usize) {
    let count = group.offsets().topics().map(|(_, it)| it.len()).sum();
    let committed = group.offsets().topics().flat_map(|(topic, partitions)| {
        let partitions = partitions.iter();
        partitions.map(|(partition, it)| (topic.to_owned(), *partition, it.offset))
    });
    (committed.take(room).collect(), count)
}

/// `None`: there is no such partition any more.
fn behind(
    broker: &Broker,
    group: &str,
    (topic, partition, offset): (String, i32, i64),
) -> Option<Behind> {
    let log = broker.topics.topic(&topic)?.partition(partition)?;
    let offsets = log.readable_offset().saturating_sub(offset);
    Some(Behind {
        group: group.to_owned(),
        topic,
        partition,
        offsets: u64::try_from(offsets).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::batch::BatchBuilder;
    use crate::broker::Options;
    use crate::groups::{Commit, Committed, Identity, Now};
    use crate::topics::Settings;

    fn commit(broker: &Broker, group: &str, offsets: &[(&str, i32, i64)]) {
        let nobody = Identity {
            member_id: String::new(),
            instance_id: None,
            generation: -1,
        };
        let commits: Vec<_> = offsets
            .iter()
            .map(|&(topic, partition, offset)| Commit {
                topic: topic.to_owned(),
                partition,
                committed: Committed {
                    offset,
                    leader_epoch: -1,
                    metadata: String::new(),
                    committed_ms: 0,
                    expires_ms: None,
                },
            })
            .collect();
        let groups = &broker.groups;
        let taken = groups.commit(Now::read(), group, &nobody, &commits, |_, _| true);
        taken.expect("it is taken");
    }

    #[test]
    fn it_is_what_could_be_read_and_was_not_committed() {
        let folder = TempDir::new().expect("a folder");
        let (broker, _) = Broker::open(Options::new(folder.path())).expect("it opens");
        let topics = broker.topics();
        let made = topics.create("topic", 2, Settings::default());
        let log = made.expect("it is made").partition(0).expect("it is there");
        for is_durable in [true, false] {
            let mut batch = BatchBuilder::new(1);
            (0..5).for_each(|_| batch.push(1, None, None));
            log.append(batch.finish().into(), 0, 1)
                .expect("it is appended");
            if is_durable {
                log.flush().expect("it is durable");
            }
        }
        commit(
            &broker,
            "slow",
            &[("topic", 0, 2), ("topic", 1, 0), ("gone", 0, 1)],
        );
        commit(&broker, "ahead", &[("topic", 0, 99)]);
        let behind = |group: &str, partition, offsets| Behind {
            group: group.to_owned(),
            topic: "topic".to_owned(),
            partition,
            offsets,
        };
        let all = vec![
            behind("ahead", 0, 0),
            behind("slow", 0, 3),
            behind("slow", 1, 0),
        ];
        let lag = Lag::look(&broker, SERIES_MAX);
        let expected = Lag {
            group_count: 2,
            partitions: all,
            left_out: 0,
            is_failed: false,
        };
        assert_eq!(lag, expected);
        // Topics come by name, so the one that is gone takes a place.
        let few = Lag::look(&broker, 2);
        assert_eq!((few.partitions.len(), few.left_out), (1, 2));
    }
}
