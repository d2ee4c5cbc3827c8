"""The resolvers that STREAMR_RESOLVERS, and options of the doctor, may name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from streamr.boundaries import Resolver
from streamr.config.values import HOST_NAME, reachable_port, unicast
from streamr.net.networks import address_in

SYSTEM = Resolver("system", "system")
ALLOWED = (
    "system, udp://address[:port], tcp://address[:port], tls://address[:port]#name, "
    "https://host/dns-query#address; a bare address is udp"
)
_PORTS = {"udp": 53, "tcp": 53, "tls": 853, "https": 443}


def resolvers(text: str) -> tuple[Resolver, ...]:
    """A list with commas. Raises ValueError."""
    entries = (entry.strip() for entry in text.split(","))
    found = dict.fromkeys(resolver(entry) for entry in entries if entry)
    if not found:
        raise ValueError("it names no resolver")
    return tuple(_named(found))


def resolver(text: str) -> Resolver:
    """One resolver. Raises ValueError with the entry and what is wrong with it."""
    if text == SYSTEM.name:
        return SYSTEM
    scheme, has_scheme, rest = text.partition("://")
    if not has_scheme:
        scheme, rest = "udp", text
    read = _READERS.get(scheme.lower())
    if read is None:
        raise ValueError(f"{text!r} begins with {scheme}://, which is not known")
    try:
        return read(scheme.lower(), rest)
    except ValueError as problem:
        if repr(text) in str(problem):
            raise
        raise ValueError(f"{text!r}: {problem}") from problem


def written(resolver: Resolver) -> str:
    """A resolver as the setting names it."""
    if resolver.scheme == SYSTEM.scheme:
        return SYSTEM.name
    if resolver.scheme == "https":
        told = resolver.address in ("", resolver.host)
        given = "" if told else f"#{resolver.address}"
        return f"https://{resolver.authority}{resolver.path}{given}"
    where = f"[{resolver.address}]" if ":" in resolver.address else resolver.address
    port = "" if resolver.port == _PORTS[resolver.scheme] else f":{resolver.port}"
    name = f"#{resolver.host}" if resolver.host else ""
    return f"{resolver.scheme}://{where}{port}{name}"


def _plain(scheme: str, rest: str) -> Resolver:
    if "#" in rest:
        raise ValueError(f"{scheme} has no certificate, so nothing may follow #")
    address, port = _place(rest, _PORTS[scheme])
    return _made(scheme, address, address, port)


def _tls(scheme: str, rest: str) -> Resolver:
    where, hash_, name = rest.partition("#")
    if hash_ and not HOST_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a host name")
    address, port = _place(where, _PORTS[scheme])
    return _made(scheme, address, address, port, host=name.lower())


def _https(scheme: str, rest: str) -> Resolver:
    url, hash_, given = rest.partition("#")
    # the form in which resolvers publish it (RFC 8484, 3); a POST needs no parameter
    try:
        parts = urlsplit(f"https://{url.removesuffix('{?dns}')}")
    except ValueError:
        raise ValueError("an IPv6 address is written in brackets") from None
    host = parts.hostname or ""
    literal = address_in(host)
    if literal is None and not HOST_NAME.fullmatch(host):
        raise ValueError(f"{host!r} is not a host name")
    if parts.username is not None or parts.query:
        raise ValueError("a user or a query is not allowed")
    if not re.fullmatch(r"/[!-~]+", parts.path):
        raise ValueError("a path has to follow the host; most resolvers use /dns-query")
    port = parts.netloc.rpartition("]")[2].rpartition(":")
    number = reachable_port(port[2]) if port[1] else _PORTS[scheme]
    if hash_ or literal is not None:
        given = _address(given if hash_ else host)
    host = host if literal is None else str(literal)
    return _made(scheme, host, given, number, host=host, path=parts.path)


_READERS: dict[str, Callable[[str, str], Resolver]] = {
    "udp": _plain,
    "tcp": _plain,
    "tls": _tls,
    "https": _https,
}


def _place(text: str, port: int) -> tuple[str, int]:
    """`address[:port]`."""
    match = re.fullmatch(r"(\[[^]]*\]|[^][:]*)(?::([^:]*))?", text)
    # an IPv6 address without brackets has no port
    address, number = match.groups() if match else (text, None)
    return _address(address), port if number is None else reachable_port(number)


def _address(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    found = None if re.search(r"[][]", bare) else address_in(bare)
    if found is None:
        raise ValueError(f"{text!r} is not an IP address, such as 9.9.9.9")
    if found.version == 6 and found.scope_id is not None:
        raise ValueError(f"{text!r} names an interface, which is not possible here")
    if found.is_unspecified:
        raise ValueError(f"{found} is not the address of one machine")
    return str(unicast(found))


def _made(scheme: str, called: str, address: str, port: int, **more: str) -> Resolver:
    behind = "" if port == _PORTS[scheme] else f"-{port}"
    return Resolver(f"{scheme}-{called}{behind}", scheme, address, port, **more)


def _named(found: Iterable[Resolver]) -> Iterable[Resolver]:
    """Each with a name of its own: two of one host are told apart by a number."""
    names: set[str] = set()
    for each in found:
        name, number = each.name, 1
        while name in names:
            number += 1
            name = f"{each.name}-{number}"
        names.add(name)
        yield replace(each, name=name)
