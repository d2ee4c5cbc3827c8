"""A small HTTP/1.1 client that notices everything a good caller would notice.

It says whether an answer was complete, because that is what is measured: a body that
ends early, chunks without an end or a broken gzip stream are not answers.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import zlib
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

LONGEST_BODY = 20_000_000
# Every server here keeps idle connections longer than this.
REUSE_SECONDS = 1.0
TIMEOUT = 12.0


class Worth(Enum):
    """What an answer was worth, from good to worst."""

    GOOD = "good"
    ERROR = "error"
    BROKEN = "broken"
    WRONG = "wrong"


@dataclass(slots=True)
class CallerReply:
    """What a caller got; `problem` says why it is no complete answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    problem: str = ""

    def judge(self, expected: Any) -> Worth:
        """Good is the complete body TMDB has for the path, error an honest error.

        A redirect is wrong: TMDB sends none, and a caller would follow it.
        """
        if self.problem:
            return Worth.BROKEN
        if self.status >= 400:
            return Worth.ERROR
        try:
            same = self.status == 200 and json.loads(self.body) == expected
        except ValueError:
            same = False
        return Worth.GOOD if same else Worth.WRONG


class Incomplete(Exception):
    """The answer ended before it was whole, or cannot be read."""


Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class LoadClient:
    """Asks one port. Connections are kept as long as that is certainly safe."""

    def __init__(
        self,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        name: str = "127.0.0.1",
        headers: dict[str, str] | None = None,
        reuse: bool = True,
    ) -> None:
        """Ask 127.0.0.1, over TLS under a name if asked to."""
        self.port = port
        self.tls = tls
        self.name = name
        more = {"Host": name, "Accept-Encoding": "gzip", **(headers or {})}
        self.head = "".join(f"{key}: {value}\r\n" for key, value in more.items())
        self.reuse = reuse
        self.idle: list[tuple[float, Pair]] = []

    async def get(self, path: str, timeout: float = TIMEOUT) -> CallerReply:
        """One request; never raises for what the other side does."""
        began = time.perf_counter()
        reply = CallerReply()
        pair: Pair | None = None
        try:
            async with asyncio.timeout(timeout):
                pair = await self.connection()
                await self.exchange(pair, path, reply)
        except TimeoutError:
            reply.problem = "timeout"
        except (OSError, asyncio.IncompleteReadError, Incomplete) as error:
            reply.problem = f"{type(error).__name__}: {error}"
        except (ValueError, asyncio.LimitOverrunError) as error:
            reply.problem = f"unreadable: {error}"
        reply.seconds = time.perf_counter() - began
        if pair is not None:
            self.put_back(pair, reply)
        return reply

    async def connection(self) -> Pair:
        """An idle connection that is young, or a new one."""
        while self.idle:
            since, pair = self.idle.pop()
            if time.monotonic() - since < REUSE_SECONDS and not pair[0].at_eof():
                return pair
            pair[1].close()
        name = self.name if self.tls else None
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.tls, server_hostname=name, limit=2**17
        )

    def put_back(self, pair: Pair, reply: CallerReply) -> None:
        """Keep the connection when the answer allows it."""
        closing = reply.headers.get("connection", "").lower() == "close"
        if self.reuse and not reply.problem and not closing:
            self.idle.append((time.monotonic(), pair))
        else:
            pair[1].transport.abort()

    def close(self) -> None:
        """Close what is idle."""
        for _, pair in self.idle:
            pair[1].close()
        self.idle.clear()

    async def exchange(self, pair: Pair, path: str, reply: CallerReply) -> None:
        """Send the request and read the answer into the reply."""
        reader, writer = pair
        writer.write(self.request(path))
        await read(reader, reply)

    def request(self, path: str) -> bytes:
        """The bytes of a request."""
        return f"GET {path} HTTP/1.1\r\n{self.head}\r\n".encode()


async def read(reader: asyncio.StreamReader, reply: CallerReply) -> None:
    """Read an answer into the reply."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    reply.status = int(first.split(" ", 2)[1])
    for line in lines:
        key, _, value = line.partition(":")
        reply.headers[key.strip().lower()] = value.strip()
    raw = await read_body(reader, reply.headers)
    reply.body = decoded(raw, reply.headers.get("content-encoding", ""))


async def read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """The body by its framing. One that lasts until the end cannot be trusted."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await read_chunks(reader)
    if "content-length" in headers:
        length = int(headers["content-length"])
        if length > LONGEST_BODY:
            raise Incomplete(f"{length} bytes are too many")
        return await reader.readexactly(length)
    headers["connection"] = "close"
    return await reader.read(LONGEST_BODY)


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    """A chunked body, whole or not at all."""
    parts: list[bytes] = []
    while True:
        size = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        if size > LONGEST_BODY:
            raise Incomplete(f"a chunk of {size} bytes")
        part = await reader.readexactly(size + 2)
        if size == 0:
            return b"".join(parts)
        parts.append(part[:-2])


def decoded(raw: bytes, coding: str) -> bytes:
    """The body as a caller reads it; a gzip stream has to be whole, and no bomb."""
    if coding.lower() != "gzip":
        return raw
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        plain = unpacker.decompress(raw, LONGEST_BODY)
    except zlib.error as error:
        raise Incomplete(f"gzip: {error}") from error
    if not unpacker.eof:
        raise Incomplete("gzip: the stream ends early, or is a bomb")
    return plain


def trusting(ca_file: str) -> ssl.SSLContext:
    """A TLS context that trusts the simulator's authority."""
    return ssl.create_default_context(cafile=ca_file)
