"""Topics as inputs of streams: batch after batch, and a group's offsets behind them."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import Producer
from tamis import Field, InputError, Schema, StreamingValidator
from tamis.broker import Broker

pytest_plugins = ["tamis.testing"]

VALIDATOR = StreamingValidator(Schema({"n": Field(int, max=6)}), buffer_size=3)


# In this there are no quotes.
SIZES = """\
apiVersion: v3.1.0
kind: DataContract
id: sizes
version: 1.0.0
status: active
schema:
  - name: sizes
    customProperties:
      - {property: quote, value: null}
      - {property: delimiter, value: ";"}
    properties:
      - {name: size, logicalType: string}
      - {name: n, logicalType: integer, logicalTypeOptions: {maximum: 6}}
"""


def produce(broker: Broker, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all"})
    for value in values:
        producer.produce("orders", value, partition=0)
    assert producer.flush(20) == 0, "all of it is acknowledged"


def numbers(*found: int) -> list[bytes]:
    return [f'{{"n": {number}}}'.encode() for number in found]


def rows(broker: Broker, **options: object) -> list[int]:
    stream = VALIDATOR.validate_kafka(broker.bootstrap, "orders", **options)
    return [result.total_rows for result in stream]


def test_a_topic_is_read_up_to_where_it_ends(tamis_broker: Broker) -> None:
    produce(tamis_broker, *numbers(1, 2, 7, 4, 5, 8, 3))
    with VALIDATOR.validate_kafka(tamis_broker.bootstrap, "orders") as stream:
        results = list(stream)
    assert [result.total_rows for result in results] == [3, 3, 1]
    assert [[error.row for error in result.errors] for result in results] == [[3], [6], []]
    assert stream.summary().total_rows == 7
    assert rows(tamis_broker, batch_size=5) == [5, 2]


def test_csv_has_no_header(tamis_broker: Broker) -> None:
    produce(tamis_broker, b"1", b"x", b"3")
    stream = VALIDATOR.validate_kafka(tamis_broker.bootstrap, "orders", payload="csv")
    assert [(result.total_rows, result.invalid_count) for result in stream] == [(3, 1)]


def test_csv_is_as_the_contract_says(tamis_broker: Broker, tmp_path: Path) -> None:
    contract = tmp_path / "sizes.odcs.yaml"
    contract.write_text(SIZES)
    produce(tamis_broker, b'5" pipe;1', b"5';8", b'";2')
    validator = StreamingValidator(Schema.from_file(contract))
    stream = validator.validate_kafka(tamis_broker.bootstrap, "orders", payload="csv")
    results = list(stream)
    assert [(result.total_rows, result.invalid_count) for result in results] == [(3, 1)]
    assert [(error.row, error.column) for error in results[0].errors] == [(2, "n")]


def test_a_batch_is_committed_when_the_next_is_asked_for(tamis_broker: Broker) -> None:
    produce(tamis_broker, *numbers(*[1] * 9))
    stream = VALIDATOR.validate_kafka(tamis_broker.bootstrap, "orders", group="g")
    with pytest.raises(RuntimeError, match="mine"), stream:
        next(stream)
        next(stream)
        raise RuntimeError("mine")
    # The first batch was handled, the second was not.
    stream = VALIDATOR.validate_kafka(tamis_broker.bootstrap, "orders", group="g")
    assert next(stream).total_rows == 3
    stream.close()
    # What is closed was handled.
    assert rows(tamis_broker, group="g") == [3]
    assert rows(tamis_broker, group="g") == []
    assert rows(tamis_broker) == [3, 3, 3]


def test_a_topic_is_followed(tamis_broker: Broker) -> None:
    produce(tamis_broker, *numbers(1, 2))
    stream = VALIDATOR.validate_kafka(tamis_broker.bootstrap, "orders", group="g", follow=True, max_wait=0.1)
    assert next(stream).total_rows == 2
    produce(tamis_broker, *numbers(7))
    assert next(stream).invalid_count == 1
    stream.stop()
    assert list(stream) == []
    assert stream.summary().total_rows == 3
    assert rows(tamis_broker, group="g") == []


def test_what_cannot_be_is_refused(tamis_broker: Broker) -> None:
    produce(tamis_broker, *numbers(1))
    address = tamis_broker.bootstrap
    with pytest.raises(ValueError, match="no topic `nowhere`"):
        VALIDATOR.validate_kafka(address, "nowhere")
    for wrong in (
        {"start": "middle"},
        {"payload": "xml"},
        {"timeout": -1.0},
        {"batch_size": 0},
        {"start": "end"},
    ):
        with pytest.raises(ValueError):
            VALIDATOR.validate_kafka(address, "orders", **wrong)
    with pytest.raises(ValueError, match="HOST:PORT"):
        VALIDATOR.validate_kafka("nowhere", "orders")
    with pytest.raises(ValueError, match="nonsense"):
        VALIDATOR.validate_kafka(address, "orders", properties={"nonsense": "1"})
    for name in ("group.id", "enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset"):
        with pytest.raises(ValueError, match=f"`{name}` cannot be set"):
            VALIDATOR.validate_kafka(address, "orders", group="g", properties={name: "x"})
    with pytest.raises(InputError, match="answered within"):
        VALIDATOR.validate_kafka("127.0.0.1:1", "orders", timeout=0.2)
