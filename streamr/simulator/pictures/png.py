"""Writes PNG files (ISO/IEC 15948)."""

import struct
import zlib
from collections.abc import Generator, Iterable

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KIND = "image/png"
RGB = 2
# What is between the parts of a file with one IDAT chunk: signature and four fields.
FRAME = len(SIGNATURE) + 25 + 12 + 12
LEVEL = 6


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk with its length and its checksum."""
    check = zlib.crc32(content, zlib.crc32(kind))
    return b"%b%b%b%b" % (
        struct.pack(">I", len(content)),
        kind,
        content,
        struct.pack(">I", check),
    )


def header(width: int, height: int) -> bytes:
    """The signature, and the chunk that says how large a picture is."""
    content = struct.pack(">IIBBBBB", width, height, 8, RGB, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", content)


def stored(rows: bytes) -> bytes:
    """Rows as they are, in the form of compressed ones."""
    return zlib.compress(rows, 0)


def write(
    width: int, height: int, pieces: Iterable[bytes], level: int = LEVEL
) -> Generator[None, None, bytes]:
    """A file, from rows that each begin with their filter's number, in pieces of any
    length; pauses after each piece."""
    packer = zlib.compressobj(level)
    packed = []
    for piece in pieces:
        packed.append(packer.compress(piece))
        yield
    packed.append(packer.flush())
    return (
        header(width, height) + chunk(b"IDAT", b"".join(packed)) + chunk(b"IEND", b"")
    )
