//! What users may do, over all requests: who has no grants learns nothing and changes nothing, and who has some can do that much.

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    CreateTopicsRequest, FindCoordinatorRequest, GroupId, InitProducerIdRequest, ListGroupsRequest,
    ListOffsetsRequest, OffsetCommitRequest, OffsetFetchRequest,
    create_topics_request::CreatableTopic, offset_fetch_request::OffsetFetchRequestGroup,
};

use super::*;

const EVERYTHING: &str = r#"
    [users.eve]
    read = ["*"]
    write = ["*"]
    groups = ["*"]
    admin = true
"#;

const NOTHING: &str = "[users.bob]\nadmin = true\n";

/// From now on this is granted.
fn grant(trial: &Trial, grants: &str) {
    let access = &trial.context.broker.access;
    let (path, _) = access.grants().expect("there is a file");
    std::fs::write(path, grants).expect("it is written");
    access.look();
}

fn topic_name(name: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(name))
}

fn produce(trial: &Trial, name: &'static str) -> i16 {
    let request = produce_request(name, &[(0, batch())], -1);
    trial.ask(&request, 9).responses[0].partition_responses[0].error_code
}

fn fetch(trial: &Trial, name: &'static str) -> i16 {
    let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(topic_name(name))
        .with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_topics(vec![topic]);
    trial.ask(&request, 12).responses[0].partitions[0].error_code
}

/// The same by the topic's id, which it has if there is such a topic.
fn fetch_by_id(trial: &Trial, name: &'static str) -> i16 {
    let topic = trial.context.broker.topics.topic(name);
    let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic_id(topic.expect("it is there").id())
        .with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_topics(vec![topic]);
    trial.ask(&request, 13).responses[0].partitions[0].error_code
}

fn end_of(trial: &Trial, name: &'static str) -> i16 {
    let partition = ListOffsetsPartition::default().with_timestamp(-1);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name(name))
        .with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_topics(vec![topic]);
    trial.ask(&request, 5).topics[0].partitions[0].error_code
}

fn commit(trial: &Trial, group: &'static str, name: &'static str) -> i16 {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(5);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(name))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str(group)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    trial.ask(&request, 8).topics[0].partitions[0].error_code
}

/// The error of a group, and the topics of which it has offsets.
fn committed(trial: &Trial, group: &'static str) -> (i16, Vec<String>) {
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(StrBytes::from_static_str(group)))
        .with_topics(None);
    let request = OffsetFetchRequest::default().with_groups(vec![group]);
    let response = trial.ask(&request, 8);
    let found = &response.groups[0];
    let names = found.topics.iter().map(|it| it.name.to_string());
    (found.error_code, names.collect())
}

fn create(trial: &Trial, name: &'static str) -> i16 {
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(1)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    trial.ask(&request, 5).topics[0].error_code
}

/// The names that are listed, and the error of each that is asked for.
fn listed(trial: &Trial, asked: &[&'static str]) -> (Vec<String>, Vec<i16>) {
    let all = MetadataRequest::default().with_topics(None);
    let all = trial.ask(&all, 9).topics.into_iter();
    let names = all.filter_map(|it| it.name).map(|it| it.to_string());
    let asked = asked
        .iter()
        .map(|it| MetadataRequestTopic::default().with_name(Some(topic_name(it))));
    let asked = MetadataRequest::default()
        .with_topics(Some(asked.collect()))
        .with_allow_auto_topic_creation(true);
    let errors = trial.ask(&asked, 9).topics.into_iter();
    (names.collect(), errors.map(|it| it.error_code).collect())
}

/// Everything that a request could change.
fn state(trial: &Trial) -> String {
    let broker = &trial.context.broker;
    let topics = broker.topics.all().into_iter().map(|topic| {
        let partitions = topic.partitions();
        let offsets = partitions.iter();
        let offsets: Vec<_> = offsets
            .map(|it| (it.start_offset(), it.end_offset()))
            .collect();
        format!("{} {:?} {offsets:?}", topic.name(), topic.settings())
    });
    let topics: Vec<_> = topics.collect();
    let groups = broker.groups.look_at_all(|id, group| {
        let offsets = group.offsets().one("topic", 0);
        Some(format!("{id} {} {offsets:?}", group.members().len()))
    });
    format!("{topics:?} {groups:?}")
}

/// What comes back, without what differs between any two brokers.
fn outcome(trial: &Trial, key: ApiKey, version: i16, message: &[u8]) -> String {
    let cluster = &trial.context.broker.cluster_id;
    match trial.ask_raw(key, version, message) {
        Ok(bytes) => {
            let bytes = bytes.unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace(cluster, "CLUSTER")
        }
        Err(refused) => refused.to_string(),
    }
}

proptest! {
    #![proptest_config(cases(6))]
    /// A broker that has something and one that has nothing look alike to who may do nothing.
    #[test]
    fn who_has_no_grants_learns_nothing_and_changes_nothing(seed in any::<u64>()) {
        let [full, empty] = [(); 2].map(|()| Trial::granting(EVERYTHING, "eve"));
        assert_eq!(produce(&full, "topic"), 0);
        for group in ["topic", "other", "1"] {
            assert_eq!(commit(&full, group, "topic"), 0);
        }
        let deleted = empty.context.broker.topics.delete("topic");
        deleted.expect("it is deleted");
        let before = [state(&full), state(&empty)];
        assert_ne!(before[0], before[1]);
        grant(&full, NOTHING);
        grant(&empty, NOTHING);
        for (key, version) in all_served() {
            let shape = shape::of(key).expect("it has one");
            let message = Generator::message(shape, version, seed, WORDS, true);
            let told = [&full, &empty].map(|it| outcome(it, key, version, &message));
            prop_assert_eq!(&told[0], &told[1], "{:?} {}", key, version);
        }
        prop_assert_eq!([state(&full), state(&empty)], before);
    }
}

#[test]
fn every_request_says_what_it_needs() {
    for served in SERVED {
        assert!(guard::of(served.key).is_some(), "{:?}", served.key);
    }
}

const TOPIC_DENIED: i16 = 29;
const GROUP_DENIED: i16 = 30;
const CLUSTER_DENIED: i16 = 31;
const UNKNOWN_ID: i16 = 100;

#[test]
fn who_has_some_can_do_that_much() {
    let trial = Trial::granting(EVERYTHING, "eve");
    for name in ["orders", "logs.a", "hidden"] {
        assert_eq!(create(&trial, name), 0);
        assert_eq!(produce(&trial, name), 0);
        assert_eq!(commit(&trial, "billing-1", name), 0);
    }
    grant(
        &trial,
        "[users.eve]\nread = ['orders', 'logs.*']\nwrite = ['orders', 'new']\ngroups = ['billing*']\n",
    );
    let errors = |of: fn(&Trial, &'static str) -> i16| {
        ["orders", "logs.a", "hidden", "missing"].map(|it| of(&trial, it))
    };
    let denied = TOPIC_DENIED;
    assert_eq!(errors(produce), [0, denied, denied, denied]);
    assert_eq!(errors(fetch), [0, 0, denied, denied]);
    assert_eq!(errors(end_of), [0, 0, denied, denied]);
    assert_eq!(errors(create), [denied; 4]);
    assert_eq!(fetch_by_id(&trial, "orders"), 0);
    assert_eq!(fetch_by_id(&trial, "hidden"), UNKNOWN_ID);
    assert_eq!(
        errors(|it, name| commit(it, "billing-1", name)),
        [0, 0, denied, denied]
    );
    assert_eq!(
        errors(|it, name| commit(it, "other", name)),
        [GROUP_DENIED; 4]
    );
    let (names, errors) = listed(&trial, &["orders", "hidden", "missing", "new"]);
    assert_eq!(names, ["logs.a", "orders"]);
    // To make a topic because somebody asks for it is for those who may make topics.
    assert_eq!(errors, [0, denied, denied, denied]);
    let (error, names) = committed(&trial, "billing-1");
    assert_eq!(
        (error, names),
        (0, vec!["logs.a".to_owned(), "orders".to_owned()])
    );
    assert_eq!(committed(&trial, "other"), (GROUP_DENIED, vec![]));
    let groups = trial.ask(&ListGroupsRequest::default(), 4).groups;
    assert_eq!(groups.len(), 1);
    let coordinator = |group: &'static str| {
        let keys = vec![StrBytes::from_static_str(group)];
        let request = FindCoordinatorRequest::default().with_coordinator_keys(keys);
        trial.ask(&request, 4).coordinators[0].error_code
    };
    assert_eq!(
        [coordinator("billing-9"), coordinator("x")],
        [0, GROUP_DENIED]
    );
    let producer_id = || {
        trial.ask(
            &InitProducerIdRequest::default().with_transactional_id(None),
            4,
        )
    };
    assert_eq!(producer_id().error_code, 0);
    grant(&trial, "[users.eve]\nread = ['orders']\n");
    assert_eq!(producer_id().error_code, CLUSTER_DENIED);
    assert_eq!(
        [fetch(&trial, "orders"), fetch(&trial, "logs.a")],
        [0, denied]
    );
    grant(&trial, "[users.eve]\nread = 7\n");
    assert_eq!(fetch(&trial, "orders"), 0, "a bad file changes nothing");
    grant(&trial, "[users.eve]\nadmin = true\n");
    assert_eq!(
        [fetch(&trial, "orders"), produce(&trial, "orders")],
        [denied; 2]
    );
    assert_eq!([create(&trial, "new"), end_of(&trial, "orders")], [0, 0]);
    assert_eq!(listed(&trial, &["made"]).1, [0]);
    let denials = &trial.context.broker.access.counts;
    assert!(denials.denied(1) > 0 && denials.denied(2) > 0 && denials.denied(5) > 0);
}
