"""A topic with a contract, as clients meet it: what it takes and what it does not is what `tamis check` says of the same records as a file.

Each client sends the same values in every codec, to a topic of each mode, and reads what became of them. Here are those of Python and kcat;
those of other languages are in `contracts_elsewhere.py`.
"""

import asyncio
import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as OfAiokafka
from aiokafka import errors as refused_by_aiokafka
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaConsumer
from kafka import TopicPartition as OfKafkaPython
from kafka import errors as refused_by_kafka_python

import with_confluent
import with_kafka_python
import with_kcat
from common import CODECS, Record, fresh_topic, same

PATIENCE = 20

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.2.0
status: active
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: amount, logicalType: number, required: true, logicalTypeOptions: {minimum: 1}}
      - {name: day, logicalType: date}
"""

VALUES = [
    '{"id": "TX1", "amount": 5}',
    '{"id": "TX2", "amount": 0.5}',
    '{"id": "größer", "amount": 1e2, "day": "2024-02-29"}',
    '{"id": "TX3", "amount": 5, "day": "2023-02-29"}',
    '{"id": null, "amount": 5}',
    '{"amount": 5}',
    '{"id": "TX4", "amount": "5"}',
    '{"id": "TX5", "amount": 5, "more": {"a": [1, null]}}',
    "no JSON",
    '{"id": "TX6", "amount": 123456789012345678901234567890}',
    '{"id": "TX7", "amount": 5',
    "[]",
]

# What was sent to a partition, or read of it: its value, and whether a header says that it is bad.
Found = list[tuple[str, bool]]


def checks(tamis: str, name: str) -> list[Callable[[str], None]]:
    """Those of a client: `name` is that of its module."""
    good = accepted(tamis)

    def contracts(bootstrap: str) -> None:
        in_all_modes(bootstrap, good, *CLIENTS[name])

    return [contracts] if name in CLIENTS else []


def in_all_modes(bootstrap: str, good: list[str], send, read) -> None:
    """`send` tells whether all was taken, and takes a topic, values and a codec after the address; `read`, a topic and how many there are."""
    for codec in CODECS:
        for mode, meet in [("reject", rejected), ("dead-letter", parted), ("tag", tagged)]:
            topic = fresh_topic("contract")
            create(bootstrap, topic, mode)
            meet(bootstrap, topic, codec, good, send, read)


def accepted(tamis: str) -> list[str]:
    """The values that are good as lines of a file."""
    with tempfile.TemporaryDirectory() as folder:
        contract, values, good = (Path(folder) / it for it in ("c.yaml", "v.jsonl", "good.jsonl"))
        contract.write_text(CONTRACT)
        values.write_text("".join(f"{it}\n" for it in VALUES))
        command = [tamis, "check", str(values), "--contract", str(contract), "--good", str(good)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        same(finished.returncode, 1, finished.stderr)
        return good.read_text().splitlines()


def create(bootstrap: str, topic: str, mode: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    config = {"tamis.contract": CONTRACT, "tamis.on.invalid": mode}
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result()


def end(bootstrap: str, topic: str) -> int:
    """Where the next record will lie: nothing is stored behind what was read."""
    reader = with_confluent.consumer(bootstrap)
    _, high = reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE)
    reader.close()
    return high


def rejected(bootstrap: str, topic: str, codec: str, good: list[str], send, read) -> None:
    expected = []
    # One by one takes long, and no codec makes a difference to that.
    if codec == CODECS[0]:
        taken = [it for it in VALUES if send(bootstrap, topic, [it], codec)]
        same(taken, good, "what was taken one by one")
        expected += good
    same(send(bootstrap, topic, VALUES, codec), False, "a batch with bad records is taken")
    same(send(bootstrap, topic, good, codec), True, "a batch of good ones is taken")
    expected += good
    same(read(bootstrap, topic, len(expected)), [(it, False) for it in expected], codec)
    same(end(bootstrap, topic), len(expected), f"{codec}: the end")


def parted(bootstrap: str, topic: str, codec: str, good: list[str], send, read) -> None:
    bad = [(it, True) for it in VALUES if it not in good]
    for _ in range(2):
        same(send(bootstrap, topic, VALUES, codec), True, "it is taken")
    same(read(bootstrap, topic, 2 * len(good)), [(it, False) for it in good + good], codec)
    same(read(bootstrap, f"{topic}.dlq", 2 * len(bad)), bad + bad, f"{codec}: dead letters")
    # Where dead letters were there are gaps.
    ends = end(bootstrap, topic), end(bootstrap, f"{topic}.dlq")
    same(ends, (2 * len(VALUES), 2 * len(bad)), f"{codec}: the ends")


def tagged(bootstrap: str, topic: str, codec: str, good: list[str], send, read) -> None:
    same(send(bootstrap, topic, VALUES, codec), True, "it is taken")
    expected = [(it, it not in good) for it in VALUES]
    same(read(bootstrap, topic, len(VALUES)), expected, f"{codec}: tagged")
    same(end(bootstrap, topic), len(VALUES), f"{codec}: the end")


def made(values: list[str]) -> list[Record]:
    return [Record(b"key", it.encode(), [("kind", b"test")], 1_700_000_000_000) for it in values]


def compression(codec: str) -> str | None:
    return None if codec == "none" else codec


def confluent_sends(bootstrap: str, topic: str, values: list[str], codec: str) -> bool:
    settings = {"compression.type": codec, "enable.idempotence": True, "linger.ms": 20}
    try:
        with_confluent.produce(bootstrap, topic, made(values), **settings)
    except KafkaException as refused:
        allowed = [KafkaError.INVALID_RECORD, KafkaError._INVALID_DIFFERENT_RECORD]
        same(refused.args[0].code() in allowed, True, str(refused))
        return False
    return True


def confluent_reads(bootstrap: str, topic: str, count: int) -> Found:
    reader = with_confluent.consumer(bootstrap)
    reader.assign([TopicPartition(topic, 0, 0)])
    messages = reader.consume(count, PATIENCE)
    reader.close()
    return [(it.value().decode(), "tamis.rule" in dict(it.headers() or [])) for it in messages]


def kafka_python_sends(bootstrap: str, topic: str, values: list[str], codec: str) -> bool:
    settings = {"compression_type": compression(codec), "acks": "all", "linger_ms": 20}
    try:
        with_kafka_python.produce(bootstrap, topic, made(values), **settings)
    except refused_by_kafka_python.InvalidRecordError:
        return False
    except refused_by_kafka_python.KafkaError as refused:
        # What it says of good records beside bad ones.
        same("part of a batch" in str(refused), True, str(refused))
        return False
    return True


def kafka_python_reads(bootstrap: str, topic: str, count: int) -> Found:
    reader = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, consumer_timeout_ms=PATIENCE * 1000)
    partition = OfKafkaPython(topic, 0)
    reader.assign([partition])
    reader.seek(partition, 0)
    found = []
    for message in reader:
        found.append((message.value.decode(), "tamis.rule" in dict(message.headers)))
        if len(found) == count:
            break
    reader.close()
    return found


def aiokafka_sends(bootstrap: str, topic: str, values: list[str], codec: str) -> bool:
    return asyncio.run(send_by_aiokafka(bootstrap, topic, values, codec))


async def send_by_aiokafka(bootstrap: str, topic: str, values: list[str], codec: str) -> bool:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        compression_type=compression(codec),
        enable_idempotence=True,
        linger_ms=20,
    )
    await producer.start()
    try:
        headers = [("kind", b"test")]
        futures = [await producer.send(topic, it.encode(), headers=headers, partition=0) for it in values]
        outcomes = await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), PATIENCE)
    finally:
        await producer.stop()
    # It has no name for error 87.
    refused = [isinstance(it, refused_by_aiokafka.UnknownError) for it in outcomes]
    same(set(refused) in ({True}, {False}), True, f"all or nothing: {outcomes}")
    return not refused[0]


def aiokafka_reads(bootstrap: str, topic: str, count: int) -> Found:
    return asyncio.run(read_by_aiokafka(bootstrap, topic, count))


async def read_by_aiokafka(bootstrap: str, topic: str, count: int) -> Found:
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    await reader.start()
    try:
        partition = OfAiokafka(topic, 0)
        reader.assign([partition])
        reader.seek(partition, 0)
        found = []
        while len(found) < count:
            message = await asyncio.wait_for(reader.getone(), PATIENCE)
            found.append((message.value.decode(), "tamis.rule" in dict(message.headers)))
        return found
    finally:
        await reader.stop()


def kcat_sends(bootstrap: str, topic: str, values: list[str], codec: str) -> bool:
    lines = "".join(f"{it}\n" for it in values)
    try:
        with_kcat.kcat(bootstrap, "-P", "-t", topic, "-p", "0", "-z", codec, stdin=lines)
    except AssertionError:
        # It ends with 1 for records that were not delivered, and is asked to be quiet.
        return False
    return True


def kcat_reads(bootstrap: str, topic: str, count: int) -> Found:
    # With headers a value stands in the middle, so as JSON.
    told = with_kcat.kcat(bootstrap, "-C", "-t", topic, "-o", "beginning", "-c", str(count), "-J")
    messages = [json.loads(it) for it in told.splitlines()]
    return [(it["payload"], "tamis.rule" in it.get("headers", [])) for it in messages]


CLIENTS = {
    "with_confluent": (confluent_sends, confluent_reads),
    "with_kafka_python": (kafka_python_sends, kafka_python_reads),
    "with_aiokafka": (aiokafka_sends, aiokafka_reads),
    "with_kcat": (kcat_sends, kcat_reads),
}
