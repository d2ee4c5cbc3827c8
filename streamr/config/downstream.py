"""Reads which caches in front of main are told of a purge, and how."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from urllib.parse import urlsplit

from streamr.boundaries import TAG, DownstreamCache
from streamr.config.values import LDH, can_be_looked_up, listed, reachable_port
from streamr.net.networks import is_private

METHODS = ("PURGE", "BAN", "POST", "PUT", "DELETE")
_TOKEN = r"[!-~]{8,500}"
# A field that an HTTP message is made of is not for a token.
_FIELD = re.compile(rf"([A-Za-z][A-Za-z0-9-]{{1,60}}): +({_TOKEN})")
_FRAMING = {"host", "content-length", "content-type", "connection", "transfer-encoding"}


def cache(text: str) -> DownstreamCache:
    """A method and a URL, or a URL for PURGE."""
    method, _, url = text.rpartition(" ")
    method = method.strip() or METHODS[0]
    if method not in METHODS:
        raise ValueError(f"{method[:20]!r} is not a method that purges")
    # what stands for the tag is no part of a URL
    if re.search(r"[^!-~]|[<>\\^`{|}\"]", url.replace(TAG, "")):
        raise ValueError("a URL has only printable ASCII characters")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{url!r} is not an http or https URL")
    if "@" in parts.netloc or "#" in url:
        raise ValueError(
            "a user, a password or a fragment has no place in it: a token belongs in "
            "STREAMR_PURGE_TOKEN"
        )
    if TAG in parts.netloc or not can_be_looked_up(host):
        raise ValueError(f"its host is not a valid host name: {LDH}")
    if ":" in parts.netloc.rpartition("]")[2]:
        reachable_port(parts.netloc.rpartition(":")[2])
    if parts.scheme == "http" and not is_private(host):
        raise ValueError(f"{host} is on the internet, so it needs https")
    return DownstreamCache(parts.netloc, method, url)


def caches(text: str) -> tuple[DownstreamCache, ...]:
    """The list of them. Two at one host and port are told apart by their numbers."""
    found = listed(cache)(text)
    names = [each.name for each in found]
    return tuple(
        each
        if names.count(each.name) == 1
        else replace(each, name=f"{each.name} #{names[: at + 1].count(each.name)}")
        for at, each in enumerate(found)
    )


def body(text: str) -> str:
    """What is sent with POST and PUT: JSON with the tag's place in it."""
    if not text:
        return ""
    if TAG not in text:
        raise ValueError(f"it does not say where the tag goes: {TAG}")
    try:
        json.loads(text.replace(TAG, "tag"))
    except ValueError:
        raise ValueError("it is not JSON") from None
    return text


def credential(text: str) -> tuple[str, str] | None:
    """The field that proves who purges: its name and its value."""
    if not text:
        return None
    named = _FIELD.fullmatch(text)
    if named is not None and named[1].lower() not in _FRAMING:
        return named[1], named[2]
    if not re.fullmatch(_TOKEN, text):
        raise ValueError("")
    return "Authorization", f"Bearer {text}"
