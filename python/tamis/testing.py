"""Fixtures for pytest. A ``conftest.py`` that has this line has them all:

>>> pytest_plugins = ["tamis.testing"]

``tamis_broker`` is a broker of the test's own, in a folder of its own (:class:`tamis.broker.Broker`); it ends with the test::

    def test_orders_are_sent(tamis_broker):
        producer = confluent_kafka.Producer({"bootstrap.servers": tamis_broker.bootstrap})
        ...

``tamis_broker_of_session`` is one for all tests, which keep out of each other's way by the names of their topics.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tamis.broker import Broker

__all__ = ["tamis_broker", "tamis_broker_of_session"]


@pytest.fixture
def tamis_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of the test's own."""
    with Broker(tmp_path / "tamis-broker") as broker:
        yield broker


@pytest.fixture(scope="session")
def tamis_broker_of_session() -> Iterator[Broker]:
    """A broker for all tests."""
    with Broker() as broker:
        yield broker
