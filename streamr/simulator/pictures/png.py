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


def packed(pieces: Iterable[bytes], level: int = LEVEL) -> Generator[None, None, bytes]:
    """Rows, each of which begins with its filter's number, in the form that IDAT has;
    pauses after each of the pieces, which may be of any length."""
    packer = zlib.compressobj(level)
    found = []
    for piece in pieces:
        found.append(packer.compress(piece))
        yield
    return b"".join([*found, packer.flush()])


def joined(head: bytes, content: bytes) -> bytes:
    """A file, from what stands in front of its picture, and the picture packed."""
    return head + chunk(b"IDAT", content) + chunk(b"IEND", b"")
