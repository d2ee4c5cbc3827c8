"""Reads a raw TLS ClientHello: how long it is, which name it asks for, TLS 1.3 or not.

RFC 8446 section 4.1.2, and section 5.1 for the records around it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

HANDSHAKE_RECORD = 22
CLIENT_HELLO = 1
SERVER_NAME = 0
SUPPORTED_VERSIONS = 43
TLS13 = b"\x03\x04"
# What one TCP segment holds on Ethernet: 1,500 less 40 bytes of headers.
ONE_SEGMENT = 1460
# A hello is some 200 to 2,000 bytes; more than one full record is no hello.
LONGEST_HELLO = 16_384


class NotTls(ValueError):
    """These bytes do not begin a TLS connection."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a box on the path can see of a client."""

    size: int
    server_name: str | None
    tls13: bool

    @property
    def big(self) -> bool:
        """Does it need a second TCP segment?"""
        return self.size > ONE_SEGMENT


def read_hello(data: bytes) -> Hello | None:
    """The hello at the start of a connection; None while bytes are missing."""
    message, size = b"", 0
    while True:
        needed = hello_length(message)
        if needed is not None and len(message) >= needed:
            return parse_message(message[:needed], size)
        if len(data) < size + 5:
            if data[:1] not in (b"", b"\x16"):
                raise NotTls("the first byte is not that of a handshake record")
            return None
        record = record_at(data, size)
        if record is None:
            return None
        message += record
        size += 5 + len(record)


def record_at(data: bytes, offset: int) -> bytes | None:
    """The content of the record at an offset; None while bytes are missing."""
    kind, major = data[offset], data[offset + 1]
    length = int.from_bytes(data[offset + 3 : offset + 5], "big")
    if kind != HANDSHAKE_RECORD or major != 3 or not 0 < length <= LONGEST_HELLO:
        raise NotTls("this is not a TLS handshake record")
    content = data[offset + 5 : offset + 5 + length]
    return content if len(content) == length else None


def hello_length(message: bytes) -> int | None:
    """How long the handshake message is with its head; None while unknown."""
    if message and message[0] != CLIENT_HELLO:
        raise NotTls("the first handshake message is not a ClientHello")
    if len(message) < 4:
        return None
    length = 4 + int.from_bytes(message[1:4], "big")
    if length > LONGEST_HELLO:
        raise NotTls("the ClientHello is too long")
    return length


def parse_message(message: bytes, size: int) -> Hello:
    """The facts inside a whole ClientHello message."""
    try:
        extensions = dict(read_extensions(message))
    except IndexError as error:
        raise NotTls("the ClientHello is cut") from error
    versions = extensions.get(SUPPORTED_VERSIONS, b"\0")[1:]
    offered = {versions[at : at + 2] for at in range(0, len(versions), 2)}
    return Hello(size, read_name(extensions.get(SERVER_NAME, b"")), TLS13 in offered)


def read_extensions(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The extensions of a ClientHello: type and content."""
    at = 4 + 2 + 32
    at += 1 + message[at]
    at += 2 + int.from_bytes(message[at : at + 2], "big")
    at += 1 + message[at]
    at += 2
    while at + 4 <= len(message):
        kind = int.from_bytes(message[at : at + 2], "big")
        length = int.from_bytes(message[at + 2 : at + 4], "big")
        yield kind, message[at + 4 : at + 4 + length]
        at += 4 + length


def read_name(content: bytes) -> str | None:
    """The host name of the server_name extension (RFC 6066 section 3)."""
    length = int.from_bytes(content[3:5], "big")
    name = content[5 : 5 + length]
    return name.decode("ascii", "replace") or None
