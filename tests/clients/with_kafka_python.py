"""kafka-python, a client written in Python alone."""

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors as refusals
from kafka.admin import NewTopic

from common import CODECS, Record, fresh_topic, records, same

PATIENCE = 20


def produce(bootstrap: str, topic: str, sent: list[Record], **settings: object) -> list[int]:
    producer = KafkaProducer(bootstrap_servers=bootstrap, **settings)
    try:
        futures = [
            producer.send(
                topic,
                key=record.key,
                value=record.value,
                headers=record.headers,
                timestamp_ms=record.timestamp,
                partition=0,
            )
            for record in sent
        ]
        return [future.get(timeout=PATIENCE).offset for future in futures]
    finally:
        producer.close(timeout=PATIENCE)


def consumer(bootstrap: str) -> KafkaConsumer:
    return KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, consumer_timeout_ms=PATIENCE * 1000)


def read(bootstrap: str, topic: str, count: int, offset: int = 0) -> list[Record]:
    reader = consumer(bootstrap)
    partition = TopicPartition(topic, 0)
    reader.assign([partition])
    reader.seek(partition, offset)
    found = []
    for message in reader:
        same(message.offset, offset + len(found), "offset")
        found.append(Record(message.key, message.value, list(message.headers), message.timestamp))
        if len(found) == count:
            break
    reader.close()
    return found


def round_trips(bootstrap: str) -> None:
    for codec in CODECS:
        for acks in [1, "all"]:
            topic = fresh_topic("kafka-python")
            sent = records(200)
            compression = None if codec == "none" else codec
            idempotent = {"enable_idempotence": acks == "all"}
            produce(bootstrap, topic, sent, acks=acks, compression_type=compression, **idempotent)
            same(read(bootstrap, topic, len(sent)), sent, f"{codec}, acks {acks}")


def offsets(bootstrap: str) -> None:
    topic = fresh_topic("kafka-python")
    sent = records(50)
    same(produce(bootstrap, topic, sent), list(range(50)), "offsets")
    reader = consumer(bootstrap)
    partition = TopicPartition(topic, 0)
    same(reader.beginning_offsets([partition])[partition], 0, "the first")
    same(reader.end_offsets([partition])[partition], 50, "the last")
    found = reader.offsets_for_times({partition: sent[20].timestamp})[partition]
    same((found.offset, found.timestamp), (20, sent[20].timestamp), "of a time")
    same(reader.partitions_for_topic(topic), {0}, "partitions")
    reader.close()


def topics(bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    topic = fresh_topic("kafka-python")
    admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    same(topic in admin.list_topics(), True, "it is listed")
    try:
        admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
        raise AssertionError("it was made twice")
    except refusals.TopicAlreadyExistsError:
        pass
    admin.delete_topics([topic])
    same(topic in admin.list_topics(), False, "it is gone")
    admin.close()


def errors(bootstrap: str) -> None:
    topic = fresh_topic("kafka-python")
    produce(bootstrap, topic, records(1))
    try:
        produce(bootstrap, topic, [Record(None, b"x" * 2_000_000)], max_request_size=5_000_000)
        raise AssertionError("a batch of 2 MB was taken")
    except refusals.MessageSizeTooLargeError:
        pass


CHECKS = [round_trips, offsets, topics, errors]
