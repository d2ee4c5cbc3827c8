"""Request targets: a path and its parameters. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from streamr.errors import Envelope, Refusal
from streamr.tmdb.parameters import Pair

_SLASHES = re.compile(r"/{2,}")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9_~-]")


def split(uri: bytes) -> tuple[str, list[Pair]]:
    """A request target's path and parameters.

    Raises Refusal for what is no origin-form target (RFC 9112, 3.2.1). How long one
    may be, and of how many parameters, streamr/web/server/rules.py says.
    """
    try:
        text = uri.decode("ascii")
        path, _, query = text.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise Refusal(
            400,
            Envelope.INPUT,
            "Invalid request target: it has to be ASCII with UTF-8 in "
            "percent-encoding.",
        ) from error
    if not path.startswith("/"):
        raise Refusal(
            400, Envelope.INPUT, "Invalid request target: it has to begin with /."
        )
    return normal(path), pairs


def normal(path: str) -> str:
    """A path in the form that it is compared in (RFC 3986, 6.2.2): one slash where
    there are several (ten public apps write `/3//movie/550`, and TMDB answers), none at
    the end, and no percent-encoding of what needs none."""
    path = _ENCODED.sub(_decoded, _SLASHES.sub("/", path))
    return path[:-1] if path.endswith("/") and path != "/" else path


def _decoded(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    # dots stay as they came: nothing may begin to climb here
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()
