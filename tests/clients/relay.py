"""A line between clients and a broker that breaks at the worst moment.

Requests and answers are passed on whole. Of every few answers to `Produce` one is thrown away when it is there, and the connection with
it: the records are in the log, and the client cannot know. Who numbers its records may send them again; nothing must be there twice.
"""

import contextlib
import itertools
import socket
import struct
import threading

PRODUCE = 0


class Relay:
    """Listens on a port that was free; what comes there goes to `target`, once that is said."""

    def __init__(self, every: int = 4) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.target: tuple[str, int] | None = None
        self.every = every
        self.cuts = 0
        self.numbers = itertools.count(1)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            if self.target is None:
                client.close()
                continue
            broker = socket.create_connection(self.target)
            for end in (client, broker):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            doomed: set[int] = set()
            for carry in (self.requests, self.answers):
                threading.Thread(target=carry, args=(client, broker, doomed), daemon=True).start()

    def requests(self, client: socket.socket, broker: socket.socket, doomed: set[int]) -> None:
        with broken_is_fine(client, broker):
            for frame in frames(client):
                kind, _, correlation = struct.unpack_from(">hhi", frame, 4)
                if kind == PRODUCE and next(self.numbers) % self.every == 0:
                    doomed.add(correlation)
                broker.sendall(frame)

    def answers(self, client: socket.socket, broker: socket.socket, doomed: set[int]) -> None:
        with broken_is_fine(client, broker):
            for frame in frames(broker):
                (correlation,) = struct.unpack_from(">i", frame, 4)
                if correlation in doomed:
                    self.cuts += 1
                    return
                client.sendall(frame)


def frames(end: socket.socket):
    """What comes, message by message, each with its length before it."""
    with end.makefile("rb") as stream:
        while len(size := stream.read(4)) == 4:
            (length,) = struct.unpack(">i", size)
            yield size + stream.read(length)


@contextlib.contextmanager
def broken_is_fine(*ends: socket.socket):
    """Closes both ends at the end, which the thread of the other direction notices."""
    try:
        yield
    except OSError:
        pass
    finally:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
