//! How far a topic was read, and how far what came of it was written.

use std::collections::{HashSet, VecDeque};

/// Records behind which an offset can be committed: a batch of results is as large, or larger.
const MARK_RECORDS: u64 = 256;

/// What was read of a topic.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// All partitions that the topic had at the start, by their numbers.
    shares: Vec<Share>,
    /// The share of the last message.
    last: usize,
    /// The partitions that are ours; `None` before the group has said so.
    pub(super) assigned: Option<HashSet<i32>>,
    /// Places where records end that nobody has written yet, in order; kept where they are asked for.
    marks: Option<VecDeque<Mark>>,
    /// Partitions that the topic gets later are read, too.
    grows: bool,
    pub(super) records: u64,
    /// Bytes of the stream that the records are, with their line feeds.
    bytes: u64,
    pub(super) empty: u64,
    pub(super) changed: u64,
    /// All that there was is read.
    pub(super) is_at_end: bool,
    /// Reading failed: what came before is not to be relied on.
    pub(super) has_failed: bool,
}

/// A partition.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) id: i32,
    /// The offset behind the last message that was read.
    pub(super) next: Option<i64>,
    /// Where reading ends, if it does.
    pub(super) end: Option<i64>,
    pub(super) is_done: bool,
}

/// So many records into the stream, this partition was read up to there.
#[derive(Clone, Copy, Debug)]
struct Mark {
    records: u64,
    /// Bytes of the stream up to there.
    bytes: u64,
    share: usize,
    offset: i64,
    /// The first record that it is behind, and its offset.
    first: (u64, i64),
    /// Records that it is behind.
    len: u64,
}

/// What is to be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Take,
    /// It was read before, or is behind the end.
    Pass,
}

impl Ledger {
    /// `grows`: reading has no end, so that it reads partitions, too, which the topic gets later.
    pub(super) fn new(mut shares: Vec<Share>, grows: bool, keeps_marks: bool) -> Ledger {
        shares.sort_by_key(|share| share.id);
        Ledger {
            shares,
            grows,
            marks: keeps_marks.then(VecDeque::new),
            ..Ledger::default()
        }
    }

    pub(super) fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// The share of a partition, which is added if the topic has grown.
    fn find(&mut self, id: i32) -> usize {
        if self
            .shares
            .get(self.last)
            .is_some_and(|share| share.id == id)
        {
            return self.last;
        }
        self.last = match self.shares.iter().position(|share| share.id == id) {
            Some(at) => at,
            None => {
                // At the back, since marks say where shares are.
                self.shares.push(Share {
                    id,
                    next: None,
                    end: (!self.grows).then_some(0),
                    is_done: !self.grows,
                });
                self.shares.len() - 1
            }
        };
        self.last
    }

    /// Whether the message at `offset` is read; the second is whether nothing more of its partition is.
    pub(super) fn judge(&mut self, id: i32, offset: i64) -> (Verdict, bool) {
        let at = self.find(id);
        let share = &mut self.shares[at];
        let end = share.end.unwrap_or(i64::MAX);
        let was_read = share.next.is_some_and(|next| offset < next);
        let is_last = offset.saturating_add(1) >= end;
        if is_last {
            share.is_done = true;
        }
        if was_read || offset >= end {
            return (Verdict::Pass, is_last);
        }
        share.next = Some(offset.saturating_add(1));
        (Verdict::Take, is_last)
    }

    /// Counts the message that was just judged, and was taken; `len_bytes` is what it is in the stream, nothing if it is no record.
    pub(super) fn count(&mut self, len_bytes: u64, is_changed: bool) {
        let is_record = len_bytes > 0;
        self.bytes += len_bytes;
        self.records += u64::from(is_record);
        self.empty += u64::from(!is_record);
        self.changed += u64::from(is_changed);
        let Some(marks) = &mut self.marks else {
            return;
        };
        let share = self.last;
        let offset = self.shares[share].next.unwrap_or(0);
        match marks.back_mut() {
            Some(mark) if mark.share == share && mark.len < MARK_RECORDS => {
                mark.records = self.records;
                mark.bytes = self.bytes;
                mark.offset = offset;
                mark.len += 1;
            }
            _ => marks.push_back(Mark {
                records: self.records,
                bytes: self.bytes,
                share,
                offset,
                first: (
                    self.records - u64::from(is_record),
                    offset.saturating_sub(1),
                ),
                len: 1,
            }),
        }
    }

    /// Nothing more is there in a partition at the moment; whether that was its end.
    pub(super) fn reach(&mut self, id: i32) -> bool {
        let at = self.find(id);
        let share = &mut self.shares[at];
        let is_new = share.end.is_some() && !share.is_done;
        share.is_done |= share.end.is_some();
        is_new
    }

    /// Whether all partitions that are ours are read to their ends.
    pub(super) fn is_done(&self) -> bool {
        let is_ours = |share: &&Share| {
            let assigned = self.assigned.as_ref();
            assigned.is_none_or(|assigned| assigned.contains(&share.id))
        };
        self.shares
            .iter()
            .filter(is_ours)
            .all(|share| share.is_done)
    }

    /// Where partitions that are ours were read to, and how many others were read of. Offsets before an end may have no records: whoever
    /// waits until the group is at the end would wait for ever.
    pub(super) fn reached(&self) -> (Vec<(i32, i64)>, usize) {
        let offset = |share: &Share| {
            let end = share.end.filter(|_| share.is_done);
            Some(share.next?.max(end.unwrap_or(0)))
        };
        let shares = self.shares.iter();
        let read = shares.filter_map(|share| Some((share.id, offset(share)?)));
        let is_ours = |id: &i32| self.assigned.as_ref().is_none_or(|it| it.contains(id));
        let (ours, others): (Vec<_>, Vec<_>) = read.partition(|(id, _)| is_ours(id));
        (ours, others.len())
    }

    /// Partitions that are ours and had no records up to where they ended, and that end.
    pub(super) fn unread(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        let is_ours = |id: i32| self.assigned.as_ref().is_none_or(|it| it.contains(&id));
        let is_unread = move |it: &&Share| it.is_done && it.next.is_none() && is_ours(it.id);
        let unread = self.shares.iter().filter(is_unread);
        unread.filter_map(|share| Some((share.id, share.end?)))
    }

    /// Whether the first `records` are all that was read up to the end.
    pub(super) fn are_all(&self, records: u64) -> bool {
        self.is_at_end && !self.has_failed && records >= self.records
    }

    /// Partitions that something was read of.
    pub(super) fn partitions_read(&self) -> usize {
        self.shares
            .iter()
            .filter(|share| share.next.is_some())
            .count()
    }

    /// The same when so many bytes of the stream are; what is between two marks waits for the second.
    pub(super) fn written_bytes(&mut self, bytes: u64) -> Vec<(i32, i64)> {
        let marks = self.marks.iter().flatten();
        let reached = marks.take_while(|mark| mark.bytes <= bytes).last();
        match reached.map(|mark| mark.records) {
            Some(records) => self.written(records),
            None => Vec::new(),
        }
    }

    /// Where partitions that are ours can be committed when so many records are done with; told once.
    pub(super) fn written(&mut self, records: u64) -> Vec<(i32, i64)> {
        let Some(marks) = &mut self.marks else {
            return Vec::new();
        };
        let mut reached: Vec<(i32, i64)> = Vec::new();
        while let Some(mark) = marks.pop_front_if(|mark| mark.records <= records) {
            let id = self.shares[mark.share].id;
            match reached.iter_mut().find(|(it, _)| *it == id) {
                Some((_, offset)) => *offset = mark.offset,
                None => reached.push((id, mark.offset)),
            }
        }
        if let Some(mark) = marks.front()
            && let Some(offset) = mark.within(records)
        {
            let id = self.shares[mark.share].id;
            // What stands for an earlier mark of the partition is behind this one.
            reached.retain(|(it, _)| *it != id);
            reached.push((id, offset));
        }
        let is_ours = |id: &i32| self.assigned.as_ref().is_none_or(|it| it.contains(id));
        reached.retain(|(id, _)| is_ours(id));
        reached
    }
}

impl Mark {
    /// The offset behind the first `records` of the stream, which are some of those that the mark is behind; `None` if they are none, or
    /// if there are other messages between its records, so that nobody knows.
    fn within(&self, records: u64) -> Option<i64> {
        let (before, offset) = self.first;
        let is_dense = self.offset.checked_sub(offset) == i64::try_from(self.records - before).ok();
        let some = i64::try_from(records.checked_sub(before)?).ok()?;
        (is_dense && some > 0).then(|| offset.saturating_add(some))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(ends: &[Option<i64>], keeps_marks: bool) -> Ledger {
        let share = |(id, &end): (usize, &Option<i64>)| Share {
            id: id as i32,
            next: None,
            end,
            is_done: end == Some(0),
        };
        Ledger::new(
            ends.iter().enumerate().map(share).collect(),
            keeps_marks,
            keeps_marks,
        )
    }

    #[test]
    fn a_partition_is_read_to_its_end_and_once() {
        let mut ledger = ledger(&[Some(3), Some(0)], false);
        assert_eq!(ledger.judge(0, 0), (Verdict::Take, false));
        assert_eq!(ledger.judge(0, 1), (Verdict::Take, false));
        // Given back by the group, it comes again from where that is.
        assert_eq!(ledger.judge(0, 0), (Verdict::Pass, false));
        assert!(!ledger.is_done());
        assert_eq!(ledger.judge(0, 2), (Verdict::Take, true));
        assert_eq!(ledger.judge(0, 3), (Verdict::Pass, true));
        assert!(ledger.is_done());
        assert_eq!(ledger.reached(), (vec![(0, 3)], 0));
    }

    #[test]
    fn a_partition_that_was_not_there_at_the_start_is_behind_the_end() {
        let mut ledger = ledger(&[Some(0)], false);
        assert_eq!(ledger.judge(7, 0), (Verdict::Pass, true));
        assert!(ledger.is_done());
        let mut ledger = ledger_that_grows();
        assert_eq!(ledger.judge(7, 0), (Verdict::Take, false));
    }

    fn ledger_that_grows() -> Ledger {
        ledger(&[], true)
    }

    #[test]
    fn an_end_without_a_record_is_reached_too() {
        let mut ledger = ledger(&[Some(3), None], false);
        assert!(ledger.reach(0));
        assert!(!ledger.reach(0));
        assert!(!ledger.reach(1), "it goes on");
        ledger.assigned = Some([0].into());
        assert!(ledger.is_done());
    }

    #[test]
    fn what_is_read_to_its_end_is_reached_up_to_there() {
        let mut ledger = ledger(&[Some(3), Some(3), Some(3), Some(3)], false);
        ledger.judge(0, 0);
        ledger.judge(1, 0);
        // What the last offsets had is no record.
        assert!(ledger.reach(0));
        assert!(ledger.reach(2));
        assert_eq!(ledger.reached(), (vec![(0, 3), (1, 1)], 0));
        assert_eq!(ledger.unread().collect::<Vec<_>>(), [(2, 3)]);
        ledger.is_at_end = true;
        ledger.records = 2;
        assert!(!ledger.are_all(1));
        assert!(ledger.are_all(2));
        ledger.has_failed = true;
        assert!(!ledger.are_all(2));
    }

    #[test]
    fn only_what_is_written_can_be_committed() {
        let mut ledger = ledger(&[None, None], true);
        let take = |ledger: &mut Ledger, id, offset, is_record| {
            assert_eq!(ledger.judge(id, offset).0, Verdict::Take);
            ledger.count(10 * u64::from(is_record), false);
        };
        take(&mut ledger, 0, 10, true);
        take(&mut ledger, 0, 11, true);
        take(&mut ledger, 1, 5, true);
        take(&mut ledger, 1, 6, false);
        take(&mut ledger, 0, 12, true);
        assert_eq!(ledger.written(0), []);
        assert_eq!(ledger.written(1), [(0, 11)]);
        assert_eq!(ledger.written(2), [(0, 12)]);
        ledger.assigned = Some([0].into());
        assert_eq!(ledger.written(3), [], "another member has the other");
        assert_eq!(ledger.written(4), [(0, 13)]);
        assert_eq!(ledger.written(9), []);
    }

    #[test]
    fn bytes_that_are_written_stand_for_the_records_in_them() {
        let mut ledger = ledger(&[None, None], true);
        for (id, offset) in [(0, 0), (0, 1), (1, 0), (0, 2)] {
            ledger.judge(id, offset);
            ledger.count(10, false);
        }
        assert_eq!(ledger.written_bytes(19), [], "no mark is behind so few");
        assert_eq!(ledger.written_bytes(29), [(0, 2)]);
        assert_eq!(ledger.written_bytes(30), [(1, 1)]);
        assert_eq!(ledger.written_bytes(40), [(0, 3)]);
        assert_eq!(ledger.written_bytes(40), []);
    }

    #[test]
    fn long_runs_of_a_partition_have_marks_in_between() {
        let mut ledger = ledger(&[None], true);
        for offset in 0..1000 {
            ledger.judge(0, offset);
            ledger.count(10, false);
        }
        assert_eq!(ledger.written(600), [(0, 600)]);
        assert_eq!(ledger.written(601), [(0, 601)]);
        // Where not every offset is a record, marks alone are known.
        let mut ledger = ledger_that_grows();
        for offset in 0..1000 {
            ledger.judge(0, offset * 2);
            ledger.count(10, false);
        }
        assert_eq!(ledger.written(600), [(0, 1023)]);
    }
}
