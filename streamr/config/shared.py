"""STREAMR_SHARED: the Valkey or Redis that several streamr share.

No message here repeats what was written: any part of it may be the password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from streamr.boundaries import SharedEngine
from streamr.config.values import LDH, can_be_looked_up, reachable_port
from streamr.net.networks import is_private

# Each with whether it is over TLS.
SCHEMES = {"redis": False, "rediss": True, "valkey": False, "valkeys": True}
UNIX = "unix"
PORT = 6379
# What hosting platforms call it.
ENVIRONMENT = "REDIS_URL"
# What the word `env` stands for until the environment is known.
FROM_ENVIRONMENT = SharedEngine("env")
_MOST_DATABASE = 10_000


def engine(text: str) -> SharedEngine | None:
    """Where the engine is; None for none."""
    if not text:
        return None
    if text == "env":
        return FROM_ENVIRONMENT
    if re.search(r"[^!-~]", text):
        raise ValueError("a URL has only printable ASCII characters, and no spaces")
    try:
        parts = urlsplit(text)
    except ValueError:
        # its words would repeat what is in brackets
        raise ValueError("its host is not a valid host name") from None
    if parts.scheme != UNIX and parts.scheme not in SCHEMES:
        raise ValueError("its scheme is not one of those")
    if parts.query or parts.fragment:
        raise ValueError("it ends with the database: there are no parameters")
    user, password = _credentials(parts)
    if parts.scheme == UNIX:
        if parts.hostname or not parts.path.startswith("/"):
            raise ValueError("unix:// is followed by the path of a socket")
        return SharedEngine(
            UNIX, path=unquote(parts.path), user=user, password=password
        )
    host = parts.hostname or ""
    if not can_be_looked_up(host):
        raise ValueError(f"its host is not a valid host name: {LDH}")
    secure = SCHEMES[parts.scheme]
    if not secure and not is_private(host):
        raise ValueError(
            "its host is on the internet, so it needs rediss:// or valkeys://"
        )
    return SharedEngine(
        "tls" if secure else "tcp",
        host,
        _port(parts),
        database=_database(parts.path),
        user=user,
        password=password,
    )


def settled(
    found: SharedEngine | None, environment: Mapping[str, str]
) -> SharedEngine | None:
    """With what the environment names in place of `env`. Raises ValueError."""
    if found is not FROM_ENVIRONMENT:
        return found
    text = environment.get(ENVIRONMENT, "").strip()
    if not text or text == "env":
        raise ValueError(f"it is env, but the environment has no {ENVIRONMENT}")
    try:
        return engine(text)
    except ValueError as error:
        raise ValueError(f"{ENVIRONMENT} in the environment: {error}") from None


def shown(found: SharedEngine | None) -> str:
    """It, as it may be shown: without user and password."""
    return "" if found is None else found.name


def _credentials(parts: SplitResult) -> tuple[str | None, str | None]:
    """The user and the password, of which the first may be left out."""
    if "@" not in parts.netloc:
        return None, None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not password:
        raise ValueError("there is a user without a password")
    return user or None, password


def _port(parts: SplitResult) -> int:
    written = parts.netloc.rpartition("@")[2].rpartition("]")[2]
    if ":" not in written:
        return PORT
    return reachable_port(written.rpartition(":")[2])


def _database(path: str) -> int:
    number = path.removeprefix("/")
    if not re.fullmatch(r"[0-9]{0,5}", number) or int(number or 0) > _MOST_DATABASE:
        raise ValueError("its path is not the number of a database")
    return int(number or 0)
