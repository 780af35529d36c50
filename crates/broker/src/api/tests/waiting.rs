//! Requests that wait for the disk, or for each other: whoever asks something else meanwhile is answered.

use std::sync::mpsc;
use std::time::Instant;

use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource as Changed;
use kafka_protocol::messages::{
    AlterConfigsRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
    IncrementalAlterConfigsRequest,
};

use super::*;

/// One of each that changes topics.
fn slow_requests() -> Vec<(ApiKey, i16, BytesMut)> {
    fn asked<R: Request>(request: &R, version: i16) -> (ApiKey, i16, BytesMut) {
        let mut message = BytesMut::new();
        let encoded = request.encode(&mut message, version);
        encoded.expect("it fits the version");
        (
            ApiKey::try_from(R::KEY).expect("one of theirs"),
            version,
            message,
        )
    }
    let name = |name: &'static str| TopicName(StrBytes::from_static_str(name));
    let create = CreatableTopic::default()
        .with_name(name("new"))
        .with_num_partitions(1)
        .with_replication_factor(1);
    let grow = CreatePartitionsTopic::default()
        .with_name(name("topic"))
        .with_count(5)
        .with_assignments(None);
    let alter = AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(StrBytes::from_static_str("topic"));
    let change = Changed::default()
        .with_resource_type(2)
        .with_resource_name(StrBytes::from_static_str("topic"));
    let wanted = MetadataRequestTopic::default().with_name(Some(name("wanted")));
    vec![
        asked(&CreateTopicsRequest::default().with_topics(vec![create]), 5),
        asked(
            &CreatePartitionsRequest::default().with_topics(vec![grow]),
            2,
        ),
        asked(
            &AlterConfigsRequest::default().with_resources(vec![alter]),
            1,
        ),
        asked(
            &IncrementalAlterConfigsRequest::default().with_resources(vec![change]),
            1,
        ),
        asked(
            &MetadataRequest::default()
                .with_topics(Some(vec![wanted]))
                .with_allow_auto_topic_creation(true),
            9,
        ),
        asked(
            &DeleteTopicsRequest::default().with_topic_names(vec![name("topic")]),
            5,
        ),
    ]
}

/// There is one thread, and it serves others while topics are being changed.
#[test]
fn who_waits_for_the_disk_keeps_nobody_waiting() {
    let trial = Trial::new();
    for (key, version, message) in slow_requests() {
        let topics = trial.context.broker.topics.clone();
        let (held, is_held) = mpsc::channel();
        let (release, is_released) = mpsc::channel::<()>();
        let holder = std::thread::spawn(move || {
            topics.configure("topic", |_| {
                held.send(()).expect("somebody waits for it");
                // A broker that waits for us in vain never lets us go.
                let _ = is_released.recv_timeout(Duration::from_secs(5));
                Ok(())
            })
        });
        is_held.recv().expect("it is held");
        let began = Instant::now();
        let slow = answer(&trial.context, frame(key, version, &message));
        trial.runtime.block_on(async {
            tokio::pin!(slow);
            let early = tokio::time::timeout(Duration::from_millis(20), &mut slow).await;
            assert!(early.is_err(), "{key:?} waits for nothing");
            assert!(began.elapsed() < Duration::from_secs(4), "{key:?}");
            release.send(()).expect("it waits");
            slow.await.map(|_| ()).expect("it is answered");
        });
        holder.join().expect("it ends").expect("it is configured");
    }
}

/// A topic that is still being made when the last client is gone is made before the folder is free, or not at all.
#[test]
fn nothing_changes_in_a_folder_that_is_free() {
    let trial = Trial::new();
    let broker = &trial.context.broker;
    broker.close().expect("it closes");
    let refused = ResponseError::KafkaStorageError.code();
    let (key, version, message) = slow_requests().swap_remove(0);
    let answered = trial
        .ask_raw(key, version, &message)
        .expect("it is answered");
    let mut bytes = answered.expect("with something");
    let response = kafka_protocol::messages::CreateTopicsResponse::decode(&mut bytes, version);
    let response = response.expect("it can be read");
    assert_eq!(response.topics[0].error_code, refused);
    let left = broker.options.data.join("topics");
    let left = std::fs::read_dir(left).expect("it is there").count();
    assert_eq!(left, 1);
}
