//! What was committed is there after a restart, and nothing else.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::disk::SharedDisk;
use crate::log::{Budget, Files};
use crate::testing::cases;

/// Offsets and texts by group, topic and partition.
pub(super) type Model = BTreeMap<(String, String, i32), (i64, String)>;

pub(super) fn open(folder: &TempDir) -> Groups {
    open_with(folder, |_| true)
}

pub(super) fn open_at(folder: &Path, disk: SharedDisk) -> Groups {
    let shared = Shared {
        files: Files::on(disk, 16),
        tails: Budget::new(4096),
    };
    let options = GroupOptions::default();
    let (groups, _) = Groups::open(folder, options, &shared, |_| true).expect("it opens");
    groups
}

fn open_with(folder: &TempDir, is_topic: impl Fn(&str) -> bool) -> Groups {
    let shared = Shared {
        files: Files::new(16),
        tails: Budget::new(4096),
    };
    let options = GroupOptions::default();
    let (groups, _) = Groups::open(folder.path(), options, &shared, is_topic).expect("it opens");
    groups
}

pub(super) fn nobody() -> Identity {
    Identity {
        member_id: String::new(),
        instance_id: None,
        generation: -1,
    }
}

pub(super) fn commit(
    topic: &str,
    partition: i32,
    offset: i64,
    metadata: String,
    now: Now,
) -> Commit {
    Commit {
        topic: topic.to_owned(),
        partition,
        committed: Committed {
            offset,
            leader_epoch: 0,
            metadata,
            committed_ms: now.ms,
            expires_ms: None,
        },
    }
}

pub(super) fn put(groups: &Groups, now: Now, group: &str, commits: &[Commit]) {
    let taken = groups.commit(now, group, &nobody(), commits, |_, _| true);
    let (refused, _) = taken.expect("it is taken");
    assert!(refused.iter().all(Option::is_none));
}

pub(super) fn found(groups: &Groups) -> Model {
    let mut found = Model::new();
    groups.look_at_all(|id, group| {
        for (topic, partitions) in group.offsets().topics() {
            for (partition, it) in partitions {
                let key = (id.to_owned(), topic.to_owned(), *partition);
                found.insert(key, (it.offset, it.metadata.clone()));
            }
        }
        None::<()>
    });
    found
}

#[derive(Clone, Debug)]
enum Step {
    Commit(u8, u8, i32, i64),
    DropOffset(u8, u8, i32),
    DeleteGroup(u8),
    DeleteTopic(u8),
    Compact,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        10 => (0..3_u8, 0..3_u8, 0..3, any::<i64>()).prop_map(|(g, t, p, o)| Step::Commit(g, t, p, o)),
        3 => (0..3_u8, 0..3_u8, 0..3).prop_map(|(g, t, p)| Step::DropOffset(g, t, p)),
        1 => (0..3_u8).prop_map(Step::DeleteGroup),
        1 => (0..3_u8).prop_map(Step::DeleteTopic),
        1 => Just(Step::Compact),
        2 => Just(Step::Reopen),
    ];
    vec(step, 0..60)
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn what_was_committed_is_found_again(steps in steps()) {
        let folder = TempDir::new().expect("a folder");
        let mut groups = open(&folder);
        let mut model = Model::new();
        let group = |it: u8| format!("group-{it}");
        let topic = |it: u8| format!("topic-{it}");
        for step in steps {
            let now = Now::read();
            match step {
                Step::Commit(g, t, p, offset) => {
                    let text = format!("text {offset}");
                    put(&groups, now, &group(g), &[commit(&topic(t), p, offset, text.clone(), now)]);
                    model.insert((group(g), topic(t), p), (offset, text));
                }
                Step::DropOffset(g, t, p) => {
                    let dropped = groups.delete_offsets(now, &group(g), &[(topic(t), p)]);
                    let is_there = model.keys().any(|it| it.0 == group(g));
                    prop_assert_eq!(dropped.is_ok(), is_there);
                    model.remove(&(group(g), topic(t), p));
                }
                Step::DeleteGroup(g) => {
                    let is_there = model.keys().any(|it| it.0 == group(g));
                    prop_assert_eq!(groups.delete(now, &group(g)).is_ok(), is_there);
                    model.retain(|key, _| key.0 != group(g));
                }
                Step::DeleteTopic(t) => {
                    groups.topic_deleted(&topic(t)).expect("it is written");
                    // Groups of which nothing is left go with the next look.
                    groups.expire(now);
                    model.retain(|key, _| key.1 != topic(t));
                }
                Step::Compact => groups.compact(now).expect("it is written"),
                Step::Reopen => {
                    drop(groups);
                    groups = open(&folder);
                    groups.expire(now);
                }
            }
            prop_assert_eq!(&found(&groups), &model);
        }
        groups.close().expect("it closes");
        drop(groups);
        prop_assert_eq!(found(&open(&folder)), model);
    }

    #[test]
    fn any_record_is_read_without_a_panic(key in vec(any::<u8>(), 0..60), value in vec(any::<u8>(), 0..60)) {
        let _ = Change::read(&key, Some(&value));
        let mut offset = vec![1];
        offset.extend_from_slice(&key);
        let _ = Change::read(&offset, None);
        for version in 1..4 {
            let _ = Change::read(&[0; 5], Some(&[&[version], &value[..]].concat()));
        }
    }

    #[test]
    fn records_are_read_as_they_were_written(
        group in ".{0,20}", topic in ".{0,20}", partition in any::<i32>(), generation in any::<i32>(),
        metadata in ".{0,40}", offset in any::<i64>(), expires in proptest::option::of(0..i64::MAX),
    ) {
        let committed = Committed { offset, leader_epoch: -1, metadata: metadata.clone(), committed_ms: 77, expires_ms: expires };
        let member = KeptMember {
            id: topic.clone(),
            instance_id: Some(group.clone()).filter(|it| !it.is_empty()),
            client_id: metadata.clone(),
            client_host: "/::1".to_owned(),
            session_timeout: Duration::from_millis(1),
            rebalance_timeout: Duration::from_millis(u64::from(u32::MAX)),
            protocols: vec![(group.clone(), Bytes::from_static(b"\0\xff")), (topic.clone(), Bytes::new())],
            assignment: Bytes::copy_from_slice(topic.as_bytes()),
        };
        let state = GroupState {
            generation,
            protocol_type: Some("consumer".to_owned()),
            empty_since_ms: expires,
            protocol: Some("range".to_owned()),
            leader: None,
            members: vec![member.clone(), member],
        };
        let changes = [
            Change::Group(group.clone(), Some(state)),
            Change::Group(group.clone(), None),
            Change::Offset { group: group.clone(), topic: topic.clone(), partition, committed: Some(committed) },
            Change::Offset { group, topic, partition, committed: None },
        ];
        for change in changes {
            prop_assert_eq!(Change::read(&change.key(), change.value().as_deref()), Some(change));
        }
    }
}

#[test]
fn a_generation_counts_on_after_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let groups = open(&folder);
    let now = Now::read();
    let mut joined = groups.join(now, "group", new_join());
    let later = Now {
        at: now.at + MOMENT,
        ms: now.ms,
    };
    groups.advance(later);
    assert_eq!(ready_join(&mut joined).generation, 1);
    drop(groups);
    let groups = open(&folder);
    let state = groups.look("group", |it| (it.is_empty(), it.protocol_type().to_owned()));
    assert_eq!(state, Some((true, "consumer".to_owned())));
    let mut joined = groups.join(now, "group", new_join());
    groups.advance(later);
    assert_eq!(ready_join(&mut joined).generation, 2);
}

#[test]
fn a_log_that_is_written_anew_becomes_short() {
    let folder = TempDir::new().expect("a folder");
    let groups = open(&folder);
    let now = Now::read();
    for offset in 0..1000 {
        let commits = [commit("topic", 3, offset, "x".repeat(4000), now)];
        put(&groups, now, "group", &commits);
    }
    groups.log().flush().expect("it is durable");
    let before = groups.log().size().0;
    groups.compact(now).expect("it is written");
    let (after, start) = (groups.log().size().0, groups.log().start_offset());
    assert!(
        before > 3 << 20 && after < 2 << 20,
        "{before} bytes, then {after}"
    );
    assert!(start >= 1000);
    drop(groups);
    let groups = open(&folder);
    assert_eq!(groups.log().start_offset(), start);
    assert_eq!(found(&groups).values().next().map(|it| it.0), Some(999));
}

#[test]
fn offsets_of_topics_that_are_gone_are_dropped_at_the_start() {
    let folder = TempDir::new().expect("a folder");
    let now = Now::read();
    let commits = ["kept", "gone"].map(|it| commit(it, 0, 5, String::new(), now));
    put(&open(&folder), now, "group", &commits);
    let groups = open_with(&folder, |topic| topic == "kept");
    assert!(found(&groups).keys().map(|it| it.1.as_str()).eq(["kept"]));
    drop(groups);
    assert_eq!(found(&open(&folder)).len(), 1);
}

#[test]
fn offsets_go_when_their_group_has_been_empty_for_long() {
    let folder = TempDir::new().expect("a folder");
    let groups = open(&folder);
    let now = Now::read();
    let mut soon = commit("soon", 0, 5, String::new(), now);
    soon.committed.expires_ms = Some(now.ms + 1000);
    put(
        &groups,
        now,
        "group",
        &[soon, commit("later", 0, 5, String::new(), now)],
    );
    let after = |ms: i64| Now {
        at: now.at,
        ms: now.ms + ms,
    };
    let week_ms = 7 * 24 * 60 * 60 * 1000;
    for (ms, left) in [(999, 2), (1000, 1), (week_ms - 1, 1), (week_ms, 0)] {
        groups.expire(after(ms));
        assert_eq!(found(&groups).len(), left, "after {ms} ms");
    }
    assert!(
        groups.look("group", |_| ()).is_none(),
        "nothing of it is left"
    );
}

#[test]
fn a_commit_is_refused_where_there_is_no_partition_or_too_much_text() {
    let folder = TempDir::new().expect("a folder");
    let groups = open(&folder);
    let now = Now::read();
    let commits = [
        commit("topic", 0, 1, "x".repeat(4096), now),
        commit("topic", 1, 1, "x".repeat(4097), now),
        commit("topic", 2, 1, String::new(), now),
    ];
    let taken = groups.commit(now, "group", &nobody(), &commits, |_, it| it < 2);
    let (refused, _) = taken.expect("one is taken");
    let expected = [
        None,
        Some(ResponseError::OffsetMetadataTooLarge),
        Some(ResponseError::UnknownTopicOrPartition),
    ];
    assert_eq!(refused, expected);
    assert_eq!(found(&groups).len(), 1);
    let stranger = Identity {
        generation: 1,
        ..nobody()
    };
    let refused = groups.commit(now, "new", &stranger, &commits, |_, _| true);
    assert_eq!(refused.err(), Some(ResponseError::IllegalGeneration));
    assert!(groups.look("new", |_| ()).is_none());
}

#[test]
fn a_group_with_members_is_not_deleted() {
    let folder = TempDir::new().expect("a folder");
    let groups = open(&folder);
    let now = Now::read();
    put(
        &groups,
        now,
        "group",
        &[commit("read", 0, 5, String::new(), now)],
    );
    let mut join = new_join();
    // It reads the topic `read`.
    join.protocols[0].1 = Bytes::from_static(b"\0\0\0\0\0\x01\0\x04read\0\0\0\0");
    let _joined = groups.join(now, "group", join);
    assert_eq!(
        groups.delete(now, "group").err(),
        Some(ResponseError::NonEmptyGroup)
    );
    let partitions = [("read".to_owned(), 0), ("other".to_owned(), 0)];
    let (refused, _) = groups
        .delete_offsets(now, "group", &partitions)
        .expect("some may be");
    assert_eq!(refused, [Some(ResponseError::GroupSubscribedToTopic), None]);
    let missing = groups.delete(now, "missing").err();
    assert_eq!(missing, Some(ResponseError::GroupIdNotFound));
}
