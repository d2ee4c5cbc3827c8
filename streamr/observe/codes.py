"""The codes of log messages: each is the anchor of a row in docs/troubleshooting.md.

A message is known by how it begins; … stands for what is filled in. A test holds this
table and the page's against each other.
"""

from __future__ import annotations

import re

CODES = {
    # warnings at the start
    "main-exposed": "the main server on … answers everyone who can reach it",
    "proxy-exposed": "the proxy server on … answers everyone who has",
    "no-origins": "CORS_ORIGINS names no web origin",
    "plain-http": "TMDB_PROXY_URL … is plain http",
    "shared-fate": "the proxy's ways equal the direct attempt",
    "no-state": "there is no folder for state",
    "second-daemon": "another streamr has …",
    "no-control": "no control socket: …",
    "no-such-setting": "… (…) is no setting",
    # while it runs
    "attempt-failed": "… attempt failed: … … after …",
    "fallback": "Attempting proxy fallback: … failed",
    "hedge": "Attempting proxy fallback: … is silent",
    "breaker": "Breaker of …: … → …",
    "disk-store": "The disk store fails",
    "routes-file": "… cannot be written",
    "request-broke": "A request broke",
    "route-broke": "The route … broke",
    "probe-broke": "A probe of … broke",
    "lookup-broke": "The lookup of … broke",
    "writing-broke": "Writing behind broke",
    "no-row": "No row of the fault table fits",
    "observer-broke": "… broke",
}
_KNOWN = {
    code: re.compile(".+?".join(map(re.escape, message.removesuffix("…").split("…"))))
    for code, message in CODES.items()
}


def code_of(message: str) -> str | None:
    """The code of a message that deserves a look; None for one without a row."""
    found = (code for code, known in _KNOWN.items() if known.match(message))
    return next(found, None)
