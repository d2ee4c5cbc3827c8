"""STREAMR_EGRESS: the outbound proxies for TMDB, and those that the environment names.

No message here repeats what was written: with a comma or an at sign in the wrong place
any part of it may be the password.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from streamr.boundaries import DIRECT, Egress
from streamr.config import values
from streamr.net.networks import address_in
from streamr.tmdb.hosts import OFFICIAL_HOSTS

# The ports that the schemes have by themselves (RFC 9110, 4.2; RFC 1928, 3).
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
SCHEMES = ", ".join(f"{each}://" for each in _PORTS)
# What a name may look like: it stands in the log, in labels of metrics and in headers.
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_WHERE = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[^:]*))?")
# RFC 1929, 2: one byte for their lengths.
_MOST_BYTES = 255

# What the word `env` stands for until the environment is known.
FROM_ENVIRONMENT = Egress("env", "env")
# In this order, as curl has them: its own spelling first, then that for every scheme.
_PROXY_NAMES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_NO_PROXY_NAMES = ("no_proxy", "NO_PROXY")


def egresses(text: str) -> tuple[Egress, ...]:
    """The list, in its order; `env` is still `FROM_ENVIRONMENT`."""
    entries = filter(None, (each.strip() for each in text.split(",")))
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(_read(entry))
        except ValueError as error:
            raise ValueError(f"entry {number}: {error}") from None
    if text.strip() and not found:
        raise ValueError("no entry is listed; write direct to use no outbound proxy")
    return _named_apart(found) or (DIRECT,)


def settled(
    found: Iterable[Egress], environment: Mapping[str, str]
) -> tuple[Egress, ...]:
    """The list with the environment's proxy in place of `env`. Raises ValueError."""
    return _named_apart(
        from_environment(environment) if each is FROM_ENVIRONMENT else each
        for each in found
    )


def from_environment(environment: Mapping[str, str]) -> Egress:
    """What HTTPS_PROXY (else ALL_PROXY) and NO_PROXY say of TMDB, read as curl reads
    them. Raises ValueError."""
    name = names_proxy(environment)
    if not name:
        return DIRECT
    text = environment[name].strip()
    try:
        return _read(text if "://" in text else f"http://{text}")
    except ValueError as error:
        raise ValueError(f"{name} in the environment: {error}") from None


def names_proxy(environment: Mapping[str, str]) -> str:
    """Which name in the environment has a proxy for TMDB; empty when none has."""
    name = _first(_PROXY_NAMES, environment)
    exempt = environment.get(_first(_NO_PROXY_NAMES, environment), "")
    return "" if _is_exempt(exempt) else name


def shown(found: Iterable[Egress]) -> str:
    """The list as it may be shown: without users and passwords."""
    return ",".join(map(shown_one, found))


def shown_one(egress: Egress) -> str:
    """One of them as it may be shown."""
    if egress.scheme not in _PORTS:
        return egress.name
    user = "" if egress.user is None else "[redacted]@"
    host = f"[{egress.host}]" if ":" in egress.host else egress.host
    name = "" if egress.name == _usual_name(egress) else f"#{egress.name}"
    return f"{egress.scheme}://{user}{host}:{egress.port}{name}"


def _usual_name(egress: Egress) -> str:
    return f"{egress.scheme}-{egress.host}-{egress.port}"


def _named_apart(found: Iterable[Egress]) -> tuple[Egress, ...]:
    """Each once. Raises ValueError where two have one name."""
    each_once = tuple(dict.fromkeys(found))
    names = [each.name for each in each_once]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"two entries have the name {name}: give each a name of its own with "
                "#name"
            )
    return each_once


def _read(entry: str) -> Egress:
    if entry in ("direct", "env"):
        return DIRECT if entry == "direct" else FROM_ENVIRONMENT
    if re.search(r"\s", entry):
        raise ValueError(
            "it contains a space or a line break; entries are separated by commas"
        )
    scheme, found, rest = entry.partition("://")
    if not found:
        raise ValueError(
            f"it is neither direct nor env, and does not begin with {SCHEMES} (a comma "
            "in a password is written %2C)"
        )
    scheme = scheme.lower()
    if scheme not in _PORTS:
        raise ValueError(f"its scheme is not one of {SCHEMES}")
    credentials, at, rest = rest.rpartition("@")
    where, has_name, name = rest.partition("#")
    host, port = _where(where.removesuffix("/"), _PORTS[scheme])
    user, password = _credentials(credentials) if at else (None, None)
    scheme = scheme.removesuffix("h")
    _check_credentials(scheme, user, password)
    made = Egress("", scheme, host, port, user, password)
    return Egress(
        _name(name) if has_name else _usual_name(made),
        *(scheme, host, port, user, password),
    )


def _where(text: str, usual: int) -> tuple[str, int]:
    """Host and port of the proxy. Raises ValueError."""
    found = _WHERE.fullmatch(text)
    if found is None:
        raise ValueError(
            "what follows the scheme, user and password does not have the form "
            "host:port (an IPv6 address is written in brackets)"
        )
    try:
        host = values.host_name(found["host"])
    except ValueError:
        raise ValueError("its host is not a valid host name or address") from None
    bracketed = found["host"].startswith("[")
    if bracketed != (":" in host and address_in(host) is not None):
        raise ValueError("only an IPv6 address is written in brackets")
    port = usual if found["port"] is None else _port(found["port"])
    return host, port


def _port(text: str) -> int:
    """The port of the proxy. Raises ValueError that does not repeat it."""
    try:
        return values.reachable_port(text)
    except ValueError:
        raise ValueError(
            "what follows the host is not a port from 1 to 65535 (a comma or a slash "
            "in a password is percent-encoded)"
        ) from None


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "the name after # is not 1 to 64 letters, digits and the characters .-_:"
        )
    if text in ("direct", "env", "system"):
        raise ValueError(f"{text} cannot be the name of an outbound proxy")
    return text


def _credentials(text: str) -> tuple[str, str]:
    """User and password, percent-decoded. Raises ValueError."""
    user, _, password = text.partition(":")
    if re.search(r"%(?![0-9a-fA-F]{2})", text):
        raise ValueError("a percent sign in the user or password is written %25")
    try:
        return unquote(user, errors="strict"), unquote(password, errors="strict")
    except UnicodeError:
        raise ValueError("its user or password is not UTF-8") from None


def _check_credentials(scheme: str, user: str | None, password: str | None) -> None:
    """What no proxy of this kind can be told. Raises ValueError."""
    if user is None or password is None:
        return
    if not (user + password).isprintable():
        raise ValueError("its user or password contains a control character")
    if scheme != "socks5":
        if ":" in user:
            raise ValueError("its user contains a colon, which HTTP has no form for")
    elif max(len(user.encode()), len(password.encode())) > _MOST_BYTES:
        raise ValueError(f"its user or password is longer than {_MOST_BYTES} bytes")


def _first(names: Iterable[str], environment: Mapping[str, str]) -> str:
    """The first of these names that has a value; empty when none has."""
    return next((each for each in names if environment.get(each, "").strip()), "")


def _is_exempt(no_proxy: str) -> bool:
    """True when one of TMDB's hosts is to be reached without a proxy."""
    entries = [each.strip(".").lower() for each in re.split(r"[,\s]+", no_proxy)]
    return any(
        entry == "*" or f".{host}".endswith(f".{entry}")
        for entry in filter(None, entries)
        for host in OFFICIAL_HOSTS
    )
