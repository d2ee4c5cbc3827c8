"""Request targets: a path and its parameters. Pure."""

from __future__ import annotations

from urllib.parse import parse_qsl

from streamr.errors import Envelope, Refusal
from streamr.tmdb.shortcuts import (
    Pair,
)

# TMDB's discover has some 40 filters; nobody sends more parameters than twice that.
MOST_PARAMETERS = 100


def split(uri: bytes) -> tuple[str, list[Pair]]:
    """A request target's path and parameters.

    Raises Refusal for what is no origin-form target (RFC 9112, 3.2.1).
    """
    try:
        text = uri.decode("ascii")
        path, _, query = text.partition("?")
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except ValueError as error:
        raise Refusal(
            400,
            Envelope.INPUT,
            "Invalid request target: it has to be ASCII with UTF-8 in percent-encoding "
            f"and at most {MOST_PARAMETERS} parameters.",
        ) from error
    if not path.startswith("/"):
        raise Refusal(
            400, Envelope.INPUT, "Invalid request target: it has to begin with /."
        )
    return (path[:-1] if path.endswith("/") and path != "/" else path), pairs
