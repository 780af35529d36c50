//! How far each partition has been read, and how far it is to be.

use std::collections::HashMap;

use crate::kafka::Partition;

/// The partitions that are read.
#[derive(Debug, Default)]
pub(super) struct Ends {
    tracked: Vec<Tracked>,
    /// Where each is in the list.
    places: HashMap<String, HashMap<i32, usize>>,
    /// Where the last record's is: records of one partition come together.
    last: usize,
}

/// A partition that is read.
#[derive(Clone, Debug)]
pub(super) struct Tracked {
    pub(super) partition: Partition,
    /// The offset behind the last record that is wanted; `None` for all there will ever be.
    end: Option<i64>,
    /// The offset behind the last record that was written; `None` before the first.
    next: Option<i64>,
    /// What was told of it to whoever commits.
    told: Option<i64>,
    is_done: bool,
}

/// What is to be done with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Write,
    /// It is the last one of its partition.
    WriteLast,
    /// It lies behind the end.
    Leave,
}

impl Ends {
    /// Partitions with their ends, and whether there is nothing to read of them.
    pub(super) fn new(
        partitions: impl IntoIterator<Item = (Partition, Option<i64>, bool)>,
    ) -> Ends {
        let mut ends = Ends::default();
        for (partition, end, is_done) in partitions {
            ends.add(partition, end, is_done);
        }
        ends
    }

    fn add(&mut self, partition: Partition, end: Option<i64>, is_done: bool) -> usize {
        let place = self.tracked.len();
        let places = self.places.entry(partition.topic.clone()).or_default();
        places.insert(partition.id, place);
        self.tracked.push(Tracked {
            partition,
            end,
            next: None,
            told: None,
            is_done,
        });
        place
    }

    /// Whether all has been read that was to be.
    pub(super) fn are_reached(&self) -> bool {
        self.tracked.iter().all(|it| it.is_done)
    }

    /// Takes note of a record.
    pub(super) fn judge(&mut self, topic: &str, id: i32, offset: i64) -> Verdict {
        let place = self.place(topic, id);
        self.last = place;
        let tracked = &mut self.tracked[place];
        match tracked.end {
            Some(end) if offset >= end => {
                tracked.is_done = true;
                return Verdict::Leave;
            }
            Some(end) if offset + 1 >= end => {
                tracked.next = Some(offset + 1);
                tracked.is_done = true;
                return Verdict::WriteLast;
            }
            _ => tracked.next = Some(offset + 1),
        }
        Verdict::Write
    }

    fn place(&mut self, topic: &str, id: i32) -> usize {
        let is_last = |it: &&Tracked| it.partition.id == id && it.partition.topic == topic;
        if self.tracked.get(self.last).filter(is_last).is_some() {
            return self.last;
        }
        let known = self.places.get(topic).and_then(|of| of.get(&id));
        match known {
            Some(place) => *place,
            // Given to this member since it was last asked.
            None => {
                let topic = topic.to_owned();
                self.add(Partition { topic, id }, None, false)
            }
        }
    }

    /// Partitions that have come so far, in the order that `positions` knows, are done: what lies before their ends was no record for
    /// consumers, such as the marks of transactions.
    pub(super) fn reach(&mut self, positions: &HashMap<Partition, i64>) {
        for tracked in self.tracked.iter_mut().filter(|it| !it.is_done) {
            let position = positions.get(&tracked.partition);
            let is_there = |end| position.is_some_and(|position| *position >= end);
            tracked.is_done = tracked.end.is_some_and(is_there);
        }
    }

    /// A partition of this number has nothing more at the moment: the only one that is open, if there is only one.
    pub(super) fn reach_only(&mut self, id: i32) {
        let all = self.tracked.iter().filter(|it| it.partition.id == id);
        if all.count() != 1 {
            return;
        }
        for tracked in &mut self.tracked {
            if tracked.partition.id == id && tracked.end.is_some() {
                tracked.is_done = true;
            }
        }
    }

    /// How far partitions were written that came further since this was last asked.
    pub(super) fn take_written(&mut self) -> Vec<(Partition, i64)> {
        let mut written = Vec::new();
        for tracked in &mut self.tracked {
            if tracked.next != tracked.told {
                tracked.told = tracked.next;
                written.extend(tracked.next.map(|next| (tracked.partition.clone(), next)));
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(topic: &str, id: i32) -> Partition {
        Partition {
            topic: topic.to_owned(),
            id,
        }
    }

    #[test]
    fn a_partition_is_read_up_to_its_end() {
        let mut ends = Ends::new([
            (partition("a", 0), Some(2), false),
            (partition("b", 0), Some(5), true),
        ]);
        assert_eq!(ends.judge("a", 0, 0), Verdict::Write);
        assert!(!ends.are_reached());
        assert_eq!(ends.judge("a", 0, 1), Verdict::WriteLast);
        assert!(ends.are_reached());
        assert_eq!(ends.judge("a", 0, 2), Verdict::Leave);
        assert_eq!(ends.take_written(), [(partition("a", 0), 2)]);
        assert_eq!(ends.take_written(), []);
    }

    #[test]
    fn an_end_without_a_record_is_reached_by_position() {
        let mut ends = Ends::new([
            (partition("a", 0), Some(10), false),
            (partition("b", 0), Some(10), false),
        ]);
        ends.reach_only(0);
        assert!(!ends.are_reached(), "which of both is not said");
        ends.reach(&HashMap::from([(partition("a", 0), 10)]));
        assert!(!ends.are_reached());
        ends.reach(&HashMap::from([(partition("b", 0), 11)]));
        assert!(ends.are_reached());
        let mut only = Ends::new([(partition("a", 0), Some(10), false)]);
        only.reach_only(0);
        assert!(only.are_reached());
    }

    #[test]
    fn what_is_followed_has_no_end() {
        let mut ends = Ends::new([(partition("a", 0), None, false)]);
        assert_eq!(ends.judge("a", 0, 1_000_000), Verdict::Write);
        assert_eq!(ends.judge("a", 7, 0), Verdict::Write, "one that came later");
        ends.reach_only(0);
        assert!(!ends.are_reached());
    }
}
