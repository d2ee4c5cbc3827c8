"""The head of a response (RFC 9112, 4 to 6), read in one pass. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from streamr.errors import Fault

# As many bytes as Node takes of a head; trailers may have as many.
MOST_HEAD = 16 * 1024
# What ends a head. A line may end without CR (RFC 9112, 2.2).
END = re.compile(rb"\r?\n\r?\n")

_STATUS = re.compile(r"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
_FIELD = re.compile(r"^([A-Za-z0-9!#$%&'*+.^_`|~-]+):([^\r\n\0]*)\r?\n", re.MULTILINE)
# A line that goes on in the next one counts as one, with a space (RFC 9112, 5.2).
_FOLD = re.compile(r"[ \t]*\r?\n[ \t]+")
_LENGTH = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """A status, and the fields by their names in small letters: each line's value."""

    status: int
    fields: dict[str, list[str]]
    version: int

    def first(self, name: str) -> str | None:
        """The first line of a field that should have one."""
        values = self.fields.get(name)
        return values[0] if values else None

    def all(self, name: str) -> str:
        """A list on one line or several (RFC 9110, 5.3), as one."""
        return ", ".join(self.fields.get(name, ()))

    @property
    def interim(self) -> bool:
        """Whether the response is yet to come (RFC 9110, 15.2)."""
        return self.status < 200

    @property
    def closes(self) -> bool:
        """Whether nothing can be asked on this connection any more (RFC 9112, 9.3).

        Where two framings are told, or one that HTTP/1.0 does not have, somebody on the
        path may see the body end elsewhere (6.1 and 6.3).
        """
        options = {each.strip() for each in self.all("connection").lower().split(",")}
        old, coded = self.version < 1, "transfer-encoding" in self.fields
        doubtful = coded and (old or "content-length" in self.fields)
        return doubtful or "close" in options or (old and "keep-alive" not in options)

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks; raises Fault for any other coding."""
        coding = self.all("transfer-encoding")
        if coding and coding.lower() != "chunked":
            raise Fault("http_protocol_error", "an unknown transfer coding")
        return bool(coding)

    @property
    def length(self) -> int | None:
        """The bytes of a body that is not chunked, None when only the connection's end
        tells. Raises Fault."""
        if "content-length" not in self.fields:
            return None
        # said twice, it may be believed when both say the same (RFC 9112, 6.3)
        said = {each.strip() for each in self.all("content-length").split(",")}
        if len(said) > 1 or not _LENGTH.fullmatch(length := said.pop()):
            raise Fault("http_protocol_error", "a length that is not a number")
        return int(length)


def read_head(raw: bytes) -> ResponseHead:
    """The head in these bytes, which end with an empty line. Raises Fault."""
    text = raw.decode("utf-8", "replace")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    status = _STATUS.match(text)
    if status is None:
        raise _unreadable()
    found = _FIELD.findall(text, status.end())
    if len(found) != text.count("\n", status.end()) - 1:
        raise _unreadable()
    fields: dict[str, list[str]] = {}
    for name, value in found:
        fields.setdefault(name.lower(), []).append(value.strip(" \t"))
    return ResponseHead(int(status[2]), fields, int(status[1]))


def _unreadable() -> Fault:
    return Fault("http_protocol_error", "the head cannot be parsed")
