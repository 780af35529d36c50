"""A broker in this process, for tests: Kafka's clients connect to it as they do to Kafka.

>>> from tamis.broker import Broker
>>> with Broker(partitions=3) as broker:
...     host, port = broker.bootstrap.split(":")
...     print(host)
127.0.0.1

It starts in a few milliseconds, on a port that is free, and nothing is left of it. What it serves docs/broker.md says. pytest has it as
a fixture: ``tamis.testing``.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self, final

from tamis._tamis import RunningBroker

__all__ = ["Broker"]


@final
class Broker:
    """A broker that runs until it is stopped, at the latest with the process.

    Args:
        data: the folder of its data, which stays when it ends; without it a temporary one, which does not.
        partitions: how many partitions a topic has that does not say so.
        auto_create: whether a topic that is asked for is made.

    Raises:
        BrokerError: It cannot start: another one serves the folder, say.

    A broker on a folder finds what an earlier one left there:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Broker(folder) as first:
    ...         pass
    ...     with Broker(folder) as second:
    ...         print(second.data == first.data)
    True
    """

    def __init__(
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        partitions: int = 1,
        auto_create: bool = True,
    ) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if data is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="tamis-")
            data = self._temporary.name
        self.data = Path(data)
        try:
            self._running = RunningBroker(
                self.data,
                listen="127.0.0.1:0",
                http="127.0.0.1:0",
                partitions=partitions,
                auto_create=auto_create,
            )
        except BaseException:
            self._clean_up()
            raise

    @property
    def bootstrap(self) -> str:
        """What clients take for ``bootstrap.servers``: host and port."""
        return self._running.bootstrap

    @property
    def http(self) -> str:
        """The address of its live page, health and metrics, such as ``http://127.0.0.1:40123``."""
        return f"http://{self._running.http}"

    def stop(self) -> None:
        """Ends it in order: everything is durable then. A second call does nothing.

        Raises:
            BrokerError: Something could not be made durable.
        """
        try:
            self._running.stop()
        finally:
            self._clean_up()

    def _clean_up(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Broker at {self.bootstrap}, data in {str(self.data)!r}>"
