"""Reads the PNG files that the simulator writes, without trusting its writer."""

import zlib
from collections.abc import Iterator


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk; AssertionError for what is not whole."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        check = int.from_bytes(data[at + 8 + length : at + 12 + length], "big")
        assert check == zlib.crc32(kind + content), kind
        yield kind, content
        at += 12 + length
    assert (kind, at) == (b"IEND", len(data))


def size(data: bytes) -> tuple[int, int]:
    """Width and height."""
    found = dict(chunks(data))[b"IHDR"]
    return int.from_bytes(found[:4], "big"), int.from_bytes(found[4:8], "big")


def rows(data: bytes) -> list[bytes]:
    """The bytes of each row, three a pixel."""
    wide, high = size(data)
    flat = zlib.decompress(dict(chunks(data))[b"IDAT"])
    stride = 3 * wide + 1
    assert len(flat) == stride * high
    assert not any(flat[::stride]), "no filters are expected"
    return [flat[at + 1 : at + stride] for at in range(0, len(flat), stride)]


def near(expected: float, found: float, most: float) -> None:
    """AssertionError if two numbers are further apart than that."""
    assert abs(expected - found) <= most, (expected, found)
