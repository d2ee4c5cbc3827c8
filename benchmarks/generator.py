"""A cheap load generator in a process of its own: `python -m benchmarks.generator`.

It reads an order as JSON from its input and prints what came as JSON. It keeps some
connections busy with plain sockets and epoll, because what it costs is time in which
the server has nothing to do. It checks the status and the length of each answer; what
stands in them, `LoadClient` has to judge beforehand.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from .load import percentile

# how long nothing at all may come (seconds), and how many answers may be bad
SILENCE = 15.0
MOST_BAD = 100
LENGTH = b"\r\ncontent-length:"
CHUNKED = b"\r\ntransfer-encoding: chunked"


@dataclass(frozen=True, slots=True)
class Order:
    """What to ask: `count` requests for the targets in turn.

    `length` is that of each body in bytes as sent, -1 if it is not known. At a `rate`
    (per second; 0 is as fast as the answers come) no more connections are used than it
    takes. `bodiless` says that a length is announced and no body comes (HEAD, 304).
    """

    port: int
    targets: Sequence[str]
    count: int
    connections: int = 32
    method: str = "GET"
    headers: Sequence[tuple[str, str]] = ()
    status: int = 200
    length: int = -1
    bodiless: bool = False
    rate: float = 0.0


@dataclass(slots=True)
class Came:
    """What came: `bad` counts answers that were not as ordered, by what was wrong;
    `head` is the last good answer's, without its end."""

    good: int = 0
    seconds: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    slowest_ms: float = 0.0
    bad: dict[str, int] = field(default_factory=dict)
    head: str = ""


@dataclass(slots=True)
class Reading:
    """One connection and what has come of the answer that it waits for."""

    connection: socket.socket
    raw: bytes = b""
    began: float = 0.0


class BadAnswer(Exception):
    """The answer is not what was ordered."""


def finished(raw: bytes, order: Order) -> bool:
    """Whether the answer is whole. Raises BadAnswer when it is not as ordered."""
    end = raw.find(b"\r\n\r\n")
    if end < 0:
        return False
    if raw[9:12] != b"%d" % order.status:
        raise BadAnswer(f"status {raw[9:12].decode(errors='replace')}")
    body = raw[end + 4 :]
    if order.bodiless:
        length, size = 0, len(body)
    else:
        length, size = sizes(raw[:end].lower(), body)
        if size >= length and order.length not in (-1, length):
            raise BadAnswer(f"a length of {length}")
    if size > length:
        raise BadAnswer("more than one answer")
    return size == length


def sizes(head: bytes, body: bytes) -> tuple[int, int]:
    """How long a body will be, and how much of it is there. Raises BadAnswer when the
    head does not say."""
    at = head.find(LENGTH)
    if at >= 0:
        return int(head[at + len(LENGTH) :].partition(b"\r\n")[0]), len(body)
    if CHUNKED not in head:
        raise BadAnswer("neither a length nor chunks")
    if not body.endswith(b"0\r\n\r\n"):
        return len(body) + 1, len(body)
    length = unchunked(body)
    return length, length


def unchunked(body: bytes) -> int:
    """How many bytes the chunks hold."""
    at = total = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].partition(b";")[0], 16)
        if not size:
            return total
        total += size
        at = end + 4 + size


def requests(order: Order) -> list[bytes]:
    """The bytes of a request for each target."""
    head = "".join(f"{name}: {value}\r\n" for name, value in order.headers)
    rest = f"HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n"
    return [f"{order.method} {target} {rest}".encode() for target in order.targets]


class Generator:
    """Carries out one order."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.requests = requests(order)
        self.poll = select.epoll()
        self.busy: dict[int, Reading] = {}
        self.idle: list[Reading] = []
        self.seconds: list[float] = []
        self.bad: Counter[str] = Counter()
        self.asked = 0
        self.head = b""

    def run(self) -> Came:
        """Ask until all is asked and answered, or too much is bad."""
        self.idle = [self.connected() for _ in range(self.order.connections)]
        self.began = time.perf_counter()
        while self.bad.total() < MOST_BAD:
            wait = self.ask()
            if not self.busy and self.asked >= self.order.count:
                break
            events = self.poll.poll(wait)
            if not events and wait == SILENCE:
                self.bad["no answer"] += len(self.busy)
                break
            for number, _ in events:
                self.take(self.busy[number])
        return self.came()

    def came(self) -> Came:
        """What came so far."""
        return Came(
            len(self.seconds),
            time.perf_counter() - self.began,
            percentile(self.seconds, 0.5) * 1000,
            percentile(self.seconds, 0.99) * 1000,
            max(self.seconds, default=0.0) * 1000,
            dict(self.bad),
            self.head.partition(b"\r\n\r\n")[0].decode("latin-1"),
        )

    def connected(self) -> Reading:
        """A new connection."""
        connection = socket.create_connection(("127.0.0.1", self.order.port), SILENCE)
        connection.setblocking(False)
        self.poll.register(connection, select.EPOLLIN)
        return Reading(connection)

    def ask(self) -> float:
        """Ask what is due over what is idle; how long to wait for answers at most."""
        order, now = self.order, time.perf_counter()
        while self.idle and self.asked < order.count:
            due = self.began + self.asked / order.rate if order.rate else now
            if due > now:
                return due - now
            self.send(self.idle.pop(), now)
        return SILENCE

    def send(self, reading: Reading, now: float) -> None:
        """Send the next request."""
        reading.raw, reading.began = b"", now
        self.busy[reading.connection.fileno()] = reading
        reading.connection.send(self.requests[self.asked % len(self.requests)])
        self.asked += 1

    def take(self, reading: Reading) -> None:
        """Take what came; a connection that is no longer good is replaced."""
        try:
            piece = reading.connection.recv(2**18)
            if not piece:
                raise BadAnswer("closed without a whole answer")
            reading.raw = reading.raw + piece if reading.raw else piece
            if not finished(reading.raw, self.order):
                return
        except (BadAnswer, OSError, ValueError) as error:
            self.bad[str(error)] += 1
            self.replace(reading)
            return
        self.seconds.append(time.perf_counter() - reading.began)
        self.head = reading.raw
        del self.busy[reading.connection.fileno()]
        self.idle.append(reading)

    def replace(self, reading: Reading) -> None:
        """Give up a connection and open another."""
        del self.busy[reading.connection.fileno()]
        reading.connection.close()
        self.idle.append(self.connected())


def main() -> None:
    """Read an order and carry it out."""
    order = Order(**json.load(sys.stdin))
    json.dump(asdict(Generator(order).run()), sys.stdout)


if __name__ == "__main__":
    main()
