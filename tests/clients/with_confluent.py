"""confluent-kafka, which is librdkafka of today: producer, consumer, administration."""

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from common import CODECS, Record, fresh_topic, records, same

PATIENCE = 20


def produce(bootstrap: str, topic: str, sent: list[Record], **settings: object) -> list[int]:
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "consistent", **settings})
    offsets, errors = [], []

    def delivered(error, message):
        if error is not None:
            errors.append(error)
        else:
            offsets.append(message.offset())

    for record in sent:
        producer.produce(
            topic,
            key=record.key,
            value=record.value,
            headers=record.headers,
            timestamp=record.timestamp,
            partition=0,
            on_delivery=delivered,
        )
        producer.poll(0)
    producer.flush(PATIENCE)
    if errors:
        raise KafkaException(errors[0])
    return offsets


def consumer(bootstrap: str) -> Consumer:
    return Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False})


def read(bootstrap: str, topic: str, count: int, offset: int = 0) -> list[Record]:
    reader = consumer(bootstrap)
    reader.assign([TopicPartition(topic, 0, offset)])
    found = []
    while len(found) < count:
        messages = reader.consume(count - len(found), PATIENCE)
        if not messages:
            break
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            same(message.offset(), offset + len(found), "offset")
            headers = message.headers() or []
            found.append(Record(message.key(), message.value(), headers, message.timestamp()[1]))
    reader.close()
    return found


def round_trips(bootstrap: str) -> None:
    for codec in CODECS:
        for acks in ["0", "1", "all"]:
            topic = fresh_topic("confluent")
            sent = records(300)
            produce(bootstrap, topic, sent, **{"compression.type": codec, "acks": acks})
            same(read(bootstrap, topic, len(sent)), sent, f"{codec}, acks {acks}")


def idempotence(bootstrap: str) -> None:
    topic = fresh_topic("confluent")
    sent = records(2000)
    settings = {"enable.idempotence": True, "batch.num.messages": 7, "compression.type": "lz4"}
    same(produce(bootstrap, topic, sent, **settings), list(range(len(sent))), "offsets")
    same(read(bootstrap, topic, len(sent)), sent, "records")


def offsets(bootstrap: str) -> None:
    topic = fresh_topic("confluent")
    sent = records(100)
    produce(bootstrap, topic, sent, **{"batch.num.messages": 10})
    reader = consumer(bootstrap)
    same(reader.get_watermark_offsets(TopicPartition(topic, 0), PATIENCE), (0, 100), "first and last")
    for number in [0, 1, 55, 99]:
        asked = [TopicPartition(topic, 0, sent[number].timestamp)]
        same(reader.offsets_for_times(asked, PATIENCE)[0].offset, number, "offset of a time")
    asked = [TopicPartition(topic, 0, sent[99].timestamp + 1)]
    same(reader.offsets_for_times(asked, PATIENCE)[0].offset, -1, "offset behind all")
    reader.close()
    same(read(bootstrap, topic, 10, 42), sent[42:52], "from the middle")


def topics(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = fresh_topic("confluent")

    def create(*named: NewTopic) -> dict:
        return admin.create_topics(list(named), operation_timeout=PATIENCE)

    create(NewTopic(topic, 3, 1, config={"retention.ms": "1000000"}))[topic].result()
    listed = admin.list_topics(timeout=PATIENCE)
    same(len(listed.topics[topic].partitions), 3, "partitions")
    same(len(listed.brokers), 1, "brokers")
    expected = {
        NewTopic(topic, 1, 1): KafkaError.TOPIC_ALREADY_EXISTS,
        NewTopic("no/name", 1, 1): KafkaError.TOPIC_EXCEPTION,
        NewTopic("x" * 250, 1, 1): KafkaError.TOPIC_EXCEPTION,
        NewTopic(fresh_topic("bad"), 0, 1): KafkaError.INVALID_PARTITIONS,
        NewTopic(fresh_topic("bad"), 1, 3): KafkaError.INVALID_REPLICATION_FACTOR,
        NewTopic(fresh_topic("bad"), 1, 1, config={"no.such": "1"}): KafkaError.INVALID_CONFIG,
    }
    for asked, code in expected.items():
        try:
            create(asked)[asked.topic].result()
            raise AssertionError(f"{asked} was made")
        except KafkaException as refused:
            same(refused.args[0].code(), code, str(asked))
    admin.delete_topics([topic], operation_timeout=PATIENCE)[topic].result()
    same(topic in admin.list_topics(timeout=PATIENCE).topics, False, "it is still there")
    try:
        admin.delete_topics([topic])[topic].result()
        raise AssertionError("it was deleted twice")
    except KafkaException as refused:
        same(refused.args[0].code(), KafkaError.UNKNOWN_TOPIC_OR_PART, "deleting again")


def groups(bootstrap: str) -> None:
    topic, group = fresh_topic("confluent"), fresh_topic("group")
    sent = records(20)
    produce(bootstrap, topic, sent)
    settings = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    for start in [0, 10]:
        # The second goes on where the first one left off.
        reader = Consumer({"bootstrap.servers": bootstrap, **settings})
        reader.subscribe([topic])
        messages = reader.consume(10, PATIENCE)
        same([it.offset() for it in messages], list(range(start, start + 10)), "offsets")
        reader.commit(asynchronous=False)
        reader.close()


def errors(bootstrap: str) -> None:
    topic = fresh_topic("confluent")
    produce(bootstrap, topic, records(1))
    large = Record(None, b"x" * 2_000_000)
    try:
        produce(bootstrap, topic, [large], **{"message.max.bytes": 5_000_000})
        raise AssertionError("a batch of 2 MB was taken")
    except KafkaException as refused:
        same(refused.args[0].code(), KafkaError.MSG_SIZE_TOO_LARGE, "a batch of 2 MB")
    settings = {"group.id": "unused", "allow.auto.create.topics": False}
    reader = Consumer({"bootstrap.servers": bootstrap, **settings})
    unknown = fresh_topic("nowhere")
    described = reader.list_topics(unknown, PATIENCE).topics[unknown]
    same(described.error.code(), KafkaError.UNKNOWN_TOPIC_OR_PART, "an unknown topic")
    reader.close()
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "auto.offset.reset": "error"})
    reader.assign([TopicPartition(topic, 0, 77)])
    message = reader.poll(PATIENCE)
    same(message and message.error().code(), KafkaError._AUTO_OFFSET_RESET, "an offset that is not there")
    reader.close()


CHECKS = [round_trips, idempotence, offsets, topics, groups, errors]
