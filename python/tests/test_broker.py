"""A broker in this process, and the fixture that starts one for a test."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from tamis import BrokerError
from tamis.broker import Broker

pytest_plugins = ["tamis.testing"]


def produce(broker: Broker, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all"})
    for value in values:
        producer.produce("orders", value)
    assert producer.flush(20) == 0, "all of it is acknowledged"


def values(broker: Broker, count: int) -> list[bytes]:
    settings = {"bootstrap.servers": broker.bootstrap, "group.id": "test", "auto.offset.reset": "earliest"}
    consumer = Consumer(settings)
    consumer.subscribe(["orders"])
    records = consumer.consume(count, timeout=20)
    consumer.close()
    return [record.value() for record in records]


def test_what_is_sent_comes_back(tamis_broker: Broker) -> None:
    produce(tamis_broker, b"a", b"b")
    assert values(tamis_broker, 2) == [b"a", b"b"]


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_its_own(tamis_broker: Broker, tmp_path: Path, turn: int) -> None:
    produce(tamis_broker, str(turn).encode())
    assert values(tamis_broker, 1) == [str(turn).encode()]
    assert tamis_broker.data.parent == tmp_path


def test_one_is_there_for_all(tamis_broker_of_session: Broker, tamis_broker: Broker) -> None:
    assert tamis_broker_of_session.bootstrap != tamis_broker.bootstrap
    with urllib.request.urlopen(f"{tamis_broker_of_session.http}/readyz") as answer:
        assert answer.read() == b"ok\n"


def test_its_data_can_be_kept(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        produce(broker, b"a")
        with pytest.raises(BrokerError, match="is in use"):
            Broker(tmp_path)
    with Broker(tmp_path) as broker:
        assert values(broker, 1) == [b"a"]
    broker.stop()


def test_nothing_is_left_of_it() -> None:
    with Broker() as broker:
        assert broker.data.is_dir()
        assert broker.bootstrap in repr(broker)
    assert not broker.data.exists()


def test_topics_are_made_as_it_was_told() -> None:
    with Broker(partitions=3) as broker:
        produce(broker, b"a")
        topics = Producer({"bootstrap.servers": broker.bootstrap}).list_topics("orders", 20).topics
        assert sorted(topics["orders"].partitions) == [0, 1, 2]


def test_one_that_nobody_stops_ends_with_the_process(tmp_path: Path) -> None:
    code = "import sys; from tamis.broker import Broker; print(Broker(sys.argv[1]).bootstrap)"
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.startswith("127.0.0.1:")
    assert ran.stderr == ""
