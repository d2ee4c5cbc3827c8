"""An outbound proxy of the tests' own, CONNECT and SOCKS5, which refuses as it is told,
and the ones of others (tinyproxy, microsocks) where they are installed."""

from __future__ import annotations

import base64
import shutil
import socket
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from tests.processes import Process, wait_until
from tests.stack import closed_port

USER, PASSWORD = "anna", "canary: grüße"
# Waits for so many bytes, or for an end mark.
Reading = Generator[int | bytes, bytes, None]


class Proxy(Factory):
    """What it was asked for is in `asked`; `says`, if it is set, is what it answers in
    place of a tunnel: bytes of HTTP, or a reply of SOCKS5, or nothing (b"")."""

    noisy = False

    def __init__(self, reactor: Any, *, socks: bool, password: bool = True) -> None:
        self.reactor = reactor
        self.socks = socks
        self.password = password
        self.says: bytes | int | None = None
        self.resets = False
        self.asked: list[tuple[str, int]] = []
        # fire when it is asked, and when a connection to it has ended
        self.was_asked: Deferred[None] = Deferred()
        self.was_left: Deferred[None] = Deferred()

    def buildProtocol(self, addr: Any) -> Protocol:
        return _Client(self)


class _Client(Protocol):
    """One who connects to the proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.buffer = b""
        self.other: Any = None
        self.reading: Reading | None = self.socks() if proxy.socks else self.http()
        self.wanted = next(self.reading)

    def dataReceived(self, data: bytes) -> None:
        self.buffer += data
        while self.reading is not None and (size := self.size()) <= len(self.buffer):
            taken, self.buffer = self.buffer[:size], self.buffer[size:]
            try:
                self.wanted = self.reading.send(taken)
            except StopIteration:
                self.reading = None
        if self.other is not None:
            self.other.transport.write(self.buffer)
            self.buffer = b""

    def size(self) -> int:
        if isinstance(self.wanted, int):
            return self.wanted
        found = self.buffer.find(self.wanted)
        return len(self.buffer) + 1 if found < 0 else found + len(self.wanted)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.proxy.was_left.called:
            self.proxy.was_left.callback(None)
        if self.other is not None:
            self.other.transport.loseConnection()

    def http(self) -> Reading:
        head = (yield b"\r\n\r\n").decode("ascii")
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.proxy.password and f"Proxy-Authorization: Basic {pair}\r\n" not in head:
            self.transport.write(
                b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\n"
                b"Content-Length: 4\r\n\r\nbody"
            )
            return
        host, _, port = head.split(" ")[1].rpartition(":")
        self.connect(host.strip("[]"), int(port), b"HTTP/1.1 200 Fine\r\n\r\n")

    def socks(self) -> Reading:
        methods = yield (yield 2)[1]
        if self.proxy.password:
            if 2 not in methods:
                self.transport.write(b"\x05\xff")
                return
            self.transport.write(b"\x05\x02")
            user = yield (yield 2)[1]
            password = yield (yield 1)[0]
            good = (user.decode(), password.decode()) == (USER, PASSWORD)
            self.transport.write(b"\x01" + bytes([not good]))
            if not good:
                return
        else:
            self.transport.write(b"\x05\x00")
        kind = (yield 4)[3]
        if kind == 3:
            host = (yield (yield 1)[0]).decode("ascii")
        else:
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            host = socket.inet_ntop(family, (yield 4 if kind == 1 else 16))
        port = int.from_bytes((yield 2), "big")
        self.connect(host, port, b"\x05\x00\x00\x01\0\0\0\0\0\0")

    def connect(self, host: str, port: int, good: bytes) -> None:
        self.proxy.asked.append((host, port))
        if not self.proxy.was_asked.called:
            self.proxy.was_asked.callback(None)
        says = self.proxy.says
        if self.proxy.resets:
            self.transport.abortConnection()
        elif says is not None:
            whole = bytes([5, says, 0, 1, *[0] * 6]) if isinstance(says, int) else says
            self.transport.write(whole)
        else:
            target = TCP4ClientEndpoint(self.proxy.reactor, "127.0.0.1", port)
            target.connect(Factory.forProtocol(_Target)).addCallback(self.joined, good)

    def joined(self, other: Any, good: bytes) -> None:
        self.other, other.other = other, self
        self.transport.write(good)


class _Target(Protocol):
    """The connection from the proxy to where it was sent."""

    other: Any = None

    def dataReceived(self, data: bytes) -> None:
        self.other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.other is not None:
            self.other.transport.loseConnection()


def tinyproxy(directory: Path, *more: str) -> tuple[Process, int]:
    """Debian's tinyproxy with these lines in its configuration, and its port."""
    port = closed_port()
    file = directory / "tinyproxy.conf"
    lines = (f"Port {port}", "Listen 127.0.0.1", "LogLevel Info", *more)
    file.write_text("\n".join(lines) + "\n")
    found = Process([shutil.which("tinyproxy") or "", "-d", "-c", str(file)])
    wait_until(lambda: _answers(port))
    return found, port


def microsocks(*more: str) -> tuple[Process, int]:
    """Debian's microsocks with these arguments, and its port."""
    port = closed_port()
    found = Process(
        [shutil.which("microsocks") or "", "-i", "127.0.0.1", "-p", str(port), *more]
    )
    wait_until(lambda: _answers(port))
    return found, port


def _answers(port: int) -> bool:
    with closing(socket.socket()) as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
