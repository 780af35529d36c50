//! Requests that wait for the disk, or for each other: whoever asks something else meanwhile is answered.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource as Changed;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AlterConfigsRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest,
    DeleteTopicsRequest, GroupId, IncrementalAlterConfigsRequest, InitProducerIdRequest,
    OffsetCommitRequest,
};
use tamis_engine::disk;

use super::*;
use crate::disk::Disk;
use crate::log::Log;

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

/// Everything in a folder, by its path.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("it is there").path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false => {
                let bytes = std::fs::read(&path).expect("it can be read");
                found.insert(path, bytes);
            }
        }
    }
    found
}

fn delete_records(offset: i64) -> DeleteRecordsRequest {
    let partition = DeleteRecordsPartition::default().with_offset(offset);
    let topic = DeleteRecordsTopic::default()
        .with_name(TopicName(StrBytes::from_static_str("topic")))
        .with_partitions(vec![partition]);
    DeleteRecordsRequest::default().with_topics(vec![topic])
}

fn first_log(trial: &Trial) -> Arc<Log> {
    let topic = trial.context.broker.topics.topic("topic");
    let log = topic.and_then(|it| it.partition(0));
    log.expect("it is there")
}

/// Requests that outlived their connection, and come to it when another process has the folder already.
#[test]
fn no_request_writes_to_a_folder_that_is_free() {
    let trial = Trial::new();
    let broker = &trial.context.broker;
    let log = first_log(&trial);
    for _ in 0..5 {
        log.append(batch(), 0, 5).expect("it is appended");
    }
    broker.close().expect("it closes");
    let closed = contents(&broker.options.data);
    let produce = produce_request("topic", &[(0, batch())], -1);
    let refused = ResponseError::KafkaStorageError.code();
    let produced = trial.ask(&produce, 9);
    assert_eq!(
        produced.responses[0].partition_responses[0].error_code,
        refused
    );
    let deleted = trial.ask(&delete_records(2), 2);
    assert_eq!(deleted.topics[0].partitions[0].error_code, refused);
    let given = trial.ask(
        &InitProducerIdRequest::default().with_transactional_id(None),
        4,
    );
    assert_eq!(given.error_code, refused);
    let commit = OffsetCommitRequestPartition::default().with_committed_offset(3);
    let commit = OffsetCommitRequestTopic::default()
        .with_name(TopicName(StrBytes::from_static_str("topic")))
        .with_partitions(vec![commit]);
    let commit = OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_static_str("group")))
        .with_topics(vec![commit]);
    let committed = trial.ask(&commit, 5);
    assert_ne!(committed.topics[0].partitions[0].error_code, 0);
    assert!(log.retain(i64::MAX).is_err());
    assert_eq!(contents(&broker.options.data), closed);
}

/// A disk on which folders of some names take as long as somebody wants them to.
#[derive(Debug, Default)]
struct Held {
    is_held: AtomicBool,
    is_waiting: AtomicBool,
}

impl Disk for Held {
    fn sync(&self, _: &File, _: &Path) -> disk::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> disk::Result<()> {
        let is_one = folder.ends_with("topic-0") || folder.ends_with("topics");
        let began = Instant::now();
        while is_one && self.is_held.load(Ordering::SeqCst) {
            self.is_waiting.store(true, Ordering::SeqCst);
            assert!(began.elapsed() < Duration::from_secs(30), "nobody comes");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// What a request is in the middle of when the broker is closed comes to its end first.
#[test]
fn the_folder_is_not_free_while_something_changes_in_it() {
    for deletes_topic in [false, true] {
        let disk = Arc::new(Held::default());
        let trial = Trial::on(disk.clone());
        let broker = &trial.context.broker;
        let log = first_log(&trial);
        for _ in 0..5 {
            log.append(batch(), 0, 5).expect("it is appended");
        }
        log.flush().expect("it is durable");
        disk.is_held.store(true, Ordering::SeqCst);
        std::thread::scope(|scope| {
            let changing = scope.spawn(|| match deletes_topic {
                true => broker.topics.delete("topic"),
                false => log.delete_before(3).map(drop),
            });
            while !disk.is_waiting.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let closing = scope.spawn(|| broker.close());
            std::thread::sleep(Duration::from_millis(50));
            let is_early = closing.is_finished();
            disk.is_held.store(false, Ordering::SeqCst);
            changing.join().expect("it ends").expect("it is done");
            closing.join().expect("it ends").expect("it closes");
            assert!(!is_early, "the folder was free too early: {deletes_topic}");
        });
    }
}
