"""The benchmark's load generator, asking a server that answers as a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from benchmarks.generator import MOST_BAD, Generator, Order

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A port where each connection gets these answers in turn, an empty one closes it;
    and the request lines that came."""
    lines: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with closing(connection), connection.makefile("rb") as heads:
            for number, line in enumerate(iter(heads.readline, b"")):
                lines.append(line)
                while heads.readline() not in (b"\r\n", b""):
                    pass
                answer = answers[number % len(answers)]
                if not answer:
                    return
                connection.sendall(answer)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        yield listener.getsockname()[1], lines
        listener.shutdown(socket.SHUT_RDWR)
    acceptor.join()


def test_every_target_is_asked_in_turn_and_every_answer_counted() -> None:
    with answering(GOOD) as (port, lines):
        order = Order(port, ["/1", "/2"], count=50, connections=4, length=2)
        came = Generator(order).run()
    assert (came.good, came.bad) == (50, {})
    assert came.head == "HTTP/1.1 200 OK\r\nContent-Length: 2"
    assert sorted(lines) == sorted(
        [b"GET /1 HTTP/1.1\r\n", b"GET /2 HTTP/1.1\r\n"] * 25
    )


def test_bad_answers_are_counted_by_what_is_wrong_and_the_rest_is_still_asked() -> None:
    with answering(GOOD, GOOD.replace(b"200", b"503"), b"") as (port, _):
        came = Generator(Order(port, ["/"], count=6, connections=1)).run()
    # a connection with a bad answer is replaced
    assert came.good == 3
    assert came.bad == {"status 503": 3}


def test_a_connection_that_ends_under_a_request_is_bad() -> None:
    with answering(GOOD, b"") as (port, _):
        came = Generator(Order(port, ["/"], count=4, connections=1)).run()
    assert (came.good, came.bad) == (2, {"closed without a whole answer": 2})


def test_a_server_that_answers_nothing_good_is_soon_given_up() -> None:
    with answering(GOOD.replace(b"200", b"503")) as (port, _):
        came = Generator(Order(port, ["/"], count=10_000, connections=1)).run()
    assert (came.good, came.bad) == (0, {"status 503": MOST_BAD})


def test_at_a_rate_requests_wait_until_they_are_due() -> None:
    with answering(GOOD) as (port, _):
        order = Order(port, ["/"], count=5, connections=5, rate=20)
        came = Generator(order).run()
    assert came.good == 5
    assert came.seconds >= 0.2
