"""A server's public key as a pin, in curl's form (--pinnedpubkey).

`sha256//` and the base64 of the SHA-256 of the SubjectPublicKeyInfo (RFC 5280, 4.1);
several have `;` between them. A renewed certificate with the same key keeps its pin.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path

from streamr.errors import SettingsError

KeyPins = frozenset[str]

SCHEME = "sha256//"
_FORM = re.compile(re.escape(SCHEME) + r"[A-Za-z0-9+/]{43}=", re.ASCII)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.S)
# Tags of DER (X.690, 8.1.2; RFC 5280, 4.1: the version is [0], and may be left out).
_SEQUENCE, _VERSION = 0x30, 0xA0
# serialNumber, signature, issuer, validity and subject stand in front of the key.
_IN_FRONT = 5


def read_pins(text: str) -> KeyPins:
    """The pins in a text, at least one. Raises ValueError."""
    found = text.split(";")
    for each in found:
        if not _FORM.fullmatch(each):
            raise ValueError(
                f"{each[:60]!r} is not a pin: it has to be {SCHEME} and 44 characters "
                "of base64, as streamr peer show prints it on the other machine"
            )
    return frozenset(found)


def split(url: str) -> tuple[str, KeyPins]:
    """A URL without what follows its `#`, and the pins that stand there."""
    base, mark, pins = url.partition("#")
    return base, read_pins(pins) if mark else frozenset()


def pin_of(certificate: bytes) -> str:
    """The pin of a certificate (DER). Raises ValueError when it is none."""
    digest = hashlib.sha256(_public_key_info(certificate)).digest()
    return SCHEME + base64.b64encode(digest).decode("ascii")


def first_certificate(pem: bytes) -> bytes:
    """The first certificate of a PEM file, as DER: the server's own. Raises
    ValueError."""
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("it contains no PEM certificate")
    try:
        return base64.b64decode(found[1])
    except binascii.Error:
        raise ValueError("its certificate is damaged") from None


class PinFile:
    """The pin of the certificate in a file of this machine, as it was last read."""

    def __init__(self, path: Path, name: str = "PROXY_TLS_CERT") -> None:
        """`name` is what names the file to a person. Raises SettingsError, as `renew`
        does."""
        self._path = path
        self._name = name
        self.renew()

    def renew(self) -> None:
        """Read it again. Raises SettingsError, and then keeps the old pin."""
        try:
            self.pin = pin_of(first_certificate(self._path.read_bytes()))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            told = f"{self._name} {str(self._path)!r} cannot be used: {why}"
            raise SettingsError([told]) from error


def _public_key_info(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo exactly as it stands in the certificate: to write it
    anew could change it, and with it the pin."""
    signed, _ = _content(certificate, 0, _SEQUENCE)
    at, _ = _content(certificate, signed, _SEQUENCE)
    if certificate[at : at + 1] == bytes([_VERSION]):
        at = _end(certificate, at)
    for _ in range(_IN_FRONT):
        at = _end(certificate, at)
    _content(certificate, at, _SEQUENCE)
    return certificate[at : _end(certificate, at)]


def _end(der: bytes, at: int) -> int:
    """Where the element at a place ends."""
    return _content(der, at)[1]


def _content(der: bytes, at: int, tag: int | None = None) -> tuple[int, int]:
    """Where the content of an element begins and ends. Raises ValueError."""
    head = der[at : at + 2]
    if len(head) < 2 or (tag is not None and head[0] != tag):
        raise ValueError("it is not a certificate")
    begin, length = at + 2, head[1]
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(der[at + 2 : begin], "big")
    if begin + length > len(der):
        raise ValueError("it is not a whole certificate")
    return begin, begin + length
