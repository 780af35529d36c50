//! How far each partition has been read, and how far it is to be.
//!
//! Where there are ends, topics take turns ([`Ends::take_turn`]): librdkafka's binding says of a partition in which nothing more is there its
//! number alone, which only within one topic says which partition it is. A last record alone does not do: the offsets before an end may have
//! none, because they were compacted away or are marks of transactions.

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
    /// How many are not done.
    open_count: usize,
    /// The topic whose turn it is.
    turn: Option<String>,
}

/// A partition that is read.
#[derive(Clone, Debug)]
struct Tracked {
    partition: Partition,
    /// The offset behind the last record that is wanted; `None` for all there will ever be.
    end: Option<i64>,
    /// The offset behind the last record that was written; `None` before the first.
    next: Option<i64>,
    /// What was told of it to whoever commits.
    told: Option<i64>,
    is_done: bool,
}

/// A topic's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// The partitions that are read now.
    pub(super) open: Vec<Partition>,
    /// Those of other topics, which are not to be fetched meanwhile.
    pub(super) others: Vec<Partition>,
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
    /// A partition with its end, and whether there is nothing to read of it.
    pub(super) fn add(&mut self, partition: Partition, end: Option<i64>, is_done: bool) -> usize {
        let place = self.tracked.len();
        let places = self.places.entry(partition.topic.clone()).or_default();
        places.insert(partition.id, place);
        self.open_count += usize::from(!is_done);
        self.tracked.push(Tracked {
            partition,
            end,
            next: None,
            told: None,
            is_done,
        });
        place
    }

    /// Forgets all partitions but those.
    pub(super) fn keep(&mut self, is_kept: impl Fn(&Partition) -> bool) {
        let before = std::mem::take(self);
        for tracked in before.tracked {
            if is_kept(&tracked.partition) {
                let place = self.add(tracked.partition.clone(), tracked.end, tracked.is_done);
                self.tracked[place] = tracked;
            }
        }
    }

    /// Whether all has been read that was to be.
    pub(super) fn are_reached(&self) -> bool {
        self.open_count == 0
    }

    /// The next topic's turn, if that of the one before is over, or partitions came or went; `None` while it goes on.
    pub(super) fn take_turn(&mut self) -> Option<Turn> {
        let open = || self.tracked.iter().filter(|it| !it.is_done);
        let goes_on = open().any(|it| Some(&it.partition.topic) == self.turn.as_ref());
        if goes_on {
            return None;
        }
        let topic = open().next().map(|it| it.partition.topic.clone())?;
        let open = open().filter(|it| it.partition.topic == topic);
        let open = open.map(|it| it.partition.clone()).collect();
        let others = self.tracked.iter().map(|it| &it.partition);
        let others = others.filter(|it| it.topic != topic).cloned().collect();
        self.turn = Some(topic);
        Some(Turn { open, others })
    }

    /// Takes note of a record.
    pub(super) fn judge(&mut self, topic: &str, id: i32, offset: i64) -> Verdict {
        let place = self.place(topic, id);
        self.last = place;
        let tracked = &mut self.tracked[place];
        match tracked.end {
            Some(end) if offset >= end => {
                self.close(place);
                return Verdict::Leave;
            }
            Some(end) if offset + 1 >= end => {
                tracked.next = Some(offset + 1);
                self.close(place);
                return Verdict::WriteLast;
            }
            _ => tracked.next = Some(offset + 1),
        }
        Verdict::Write
    }

    fn close(&mut self, place: usize) {
        let was_done = std::mem::replace(&mut self.tracked[place].is_done, true);
        self.open_count -= usize::from(!was_done);
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

    /// The partition of this number has nothing more at the moment, of the topic whose turn it is: it is done, since what lies before
    /// its end and did not come is no record for consumers.
    pub(super) fn reach(&mut self, id: i32) -> Option<Partition> {
        let places = self.places.get(self.turn.as_ref()?)?;
        let place = *places.get(&id)?;
        let tracked = &mut self.tracked[place];
        if tracked.is_done {
            return None;
        }
        // So the group need not come back for offsets in which there is nothing.
        tracked.next = Some(tracked.end?);
        let partition = tracked.partition.clone();
        self.close(place);
        Some(partition)
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

    fn ends(all: &[(&str, i32, Option<i64>, bool)]) -> Ends {
        let mut ends = Ends::default();
        for (topic, id, end, is_done) in all {
            ends.add(partition(topic, *id), *end, *is_done);
        }
        ends
    }

    #[test]
    fn a_partition_is_read_up_to_its_end() {
        let mut ends = ends(&[("a", 0, Some(2), false), ("b", 0, Some(5), true)]);
        assert_eq!(ends.judge("a", 0, 0), Verdict::Write);
        assert!(!ends.are_reached());
        assert_eq!(ends.judge("a", 0, 1), Verdict::WriteLast);
        assert!(ends.are_reached());
        assert_eq!(ends.judge("a", 0, 2), Verdict::Leave);
        assert_eq!(ends.take_written(), [(partition("a", 0), 2)]);
        assert_eq!(ends.take_written(), []);
    }

    #[test]
    fn topics_take_turns_so_that_an_end_without_a_record_is_known() {
        let all = [
            ("a", 0, Some(10), false),
            ("b", 0, Some(10), false),
            ("a", 1, Some(10), false),
            ("c", 0, Some(10), true),
        ];
        let mut ends = ends(&all);
        let turn = ends.take_turn().expect("it begins");
        assert_eq!(turn.open, [partition("a", 0), partition("a", 1)]);
        // Of one that is done it would be told, too, that nothing more is there.
        assert_eq!(turn.others, [partition("b", 0), partition("c", 0)]);
        assert_eq!(ends.reach(0), Some(partition("a", 0)));
        assert_eq!(ends.reach(0), None, "once");
        assert_eq!(ends.reach(7), None, "there is none");
        assert_eq!(ends.take_turn(), None, "it goes on");
        assert_eq!(ends.judge("a", 1, 9), Verdict::WriteLast);
        let turn = ends.take_turn().expect("the next one");
        assert_eq!(turn.open, [partition("b", 0)]);
        assert_eq!(ends.reach(0), Some(partition("b", 0)));
        assert!(ends.are_reached());
        assert_eq!(ends.take_turn(), None);
        // What has no record is nothing that a group has to come back for.
        assert!(ends.take_written().contains(&(partition("b", 0), 10)));
    }

    #[test]
    fn partitions_that_are_kept_are_as_they_were() {
        let mut ends = ends(&[("a", 0, Some(2), false), ("a", 1, Some(2), false)]);
        ends.judge("a", 1, 1);
        ends.keep(|it| it.id == 1);
        assert!(ends.are_reached());
        ends.add(partition("a", 0), Some(3), false);
        assert!(!ends.are_reached());
        assert_eq!(ends.judge("a", 0, 2), Verdict::WriteLast);
        assert!(ends.are_reached());
        let written = [(partition("a", 1), 2), (partition("a", 0), 3)];
        assert_eq!(ends.take_written(), written);
        ends.add(partition("a", 2), Some(3), false);
        ends.keep(|it| it.id < 2);
        assert!(ends.are_reached());
    }

    #[test]
    fn what_is_followed_has_no_end() {
        let mut ends = ends(&[("a", 0, None, false)]);
        assert_eq!(ends.judge("a", 0, 1_000_000), Verdict::Write);
        assert_eq!(ends.judge("a", 7, 0), Verdict::Write, "one that came later");
        ends.take_turn();
        assert_eq!(ends.reach(0), None);
        assert!(!ends.are_reached());
    }
}
