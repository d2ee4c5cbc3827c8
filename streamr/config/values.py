"""Readers of single settings: text in, checked value out, ValueError with the reason.

`settings` adds the value to the message, unless it is secret.
"""

from __future__ import annotations

import contextlib
import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from streamr.net import keypins
from streamr.net.networks import (
    LOOPBACK,
    PRIVATE_RANGES,
    Address,
    Network,
    address_in,
    is_loopback,
    is_private,
)
from streamr.tmdb.hosts import OFFICIAL_HOSTS, PICTURE_HOST

T = TypeVar("T")

HOST_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9])?"
    r"(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*",
    # without ASCII an i without its dot would be an i
    re.IGNORECASE | re.ASCII,
)


def key(text: str) -> str | None:
    """A v3 key, or a v4 token pasted in its place."""
    if text.startswith("eyJ"):
        return token(text)
    if text and not re.fullmatch(r"[0-9a-fA-F]{32}", text):
        raise ValueError("it is not a TMDB key")
    return text or None


def token(text: str) -> str | None:
    """A v4 API Read Access Token: a JWT, three parts with dots between."""
    if text and not re.fullmatch(r"eyJ[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}", text):
        raise ValueError("it is not a TMDB access token")
    return text or None


def shared_token(text: str) -> str | None:
    """The secret between main and its proxies."""
    if text and not re.fullmatch(r"[!-~]{16,200}", text):
        raise ValueError("")
    return text or None


def port(text: str) -> int:
    """A TCP port; 0 lets the system choose."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError("it is not a port number")
    return int(text)


def address(text: str) -> str:
    """An address to bind."""
    if text == "localhost":
        return "127.0.0.1"
    if "://" in text:
        raise ValueError(
            "it is a URL, not an address of this machine; an outbound proxy belongs in "
            "STREAMR_EGRESS, and another streamr in TMDB_PROXY_URL"
        )
    try:
        found = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        raise ValueError("it is not an IP address") from None
    return str(unicast(found))


def unicast(found: Address) -> Address:
    """An address that one machine can have. Raises ValueError."""
    if found.is_multicast or str(found) == "255.255.255.255":
        raise ValueError(f"{found} is a multicast or broadcast address")
    if found.version == 6 and found.is_link_local:
        raise ValueError(
            f"{found} is a link-local IPv6 address, which cannot be reached without "
            "the name of an interface"
        )
    return found


def choice(*allowed: str) -> Callable[[str], str]:
    """One of a few words."""

    def read(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError("")
        return text.lower()

    return read


def seconds(least: float, most: float) -> Callable[[str], float]:
    """A number of seconds within bounds."""

    def read(text: str) -> float:
        value = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else -1
        if not least <= value <= most:
            raise ValueError("")
        return value

    return read


def number(least: int, most: int) -> Callable[[str], int]:
    """A whole number within bounds."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError("")
        return int(text)

    return read


def switch(text: str) -> bool:
    """On or off."""
    if text not in ("0", "1"):
        raise ValueError("")
    return text == "1"


def optional(read: Callable[[str], T]) -> Callable[[str], T | None]:
    """The same, or nothing."""
    return lambda text: read(text) if text else None


def listed(read: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """A list with commas; empty entries and repetitions are left out."""

    def read_all(text: str) -> tuple[T, ...]:
        entries = (entry.strip() for entry in text.split(","))
        return tuple(dict.fromkeys(read(entry) for entry in entries if entry))

    return read_all


def tmdb_url(text: str) -> str:
    """A base URL that may get the key."""
    if f"#{keypins.SCHEME}" in text:
        raise ValueError(
            "a pin is for proxies (TMDB_PROXY_URL): TMDB's certificates are always "
            "verified by their authority and name"
        )
    parts = _url(text)
    host = parts.hostname or ""
    if host not in OFFICIAL_HOSTS and not is_loopback(host):
        raise ValueError(f"the key is never sent to {host}")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("over plain http, anyone on the path could read the key")
    if not parts.path.rstrip("/").endswith("/3"):
        raise ValueError("it has to end in /3, the version of TMDB's API")
    return text.rstrip("/")


def image_url(text: str) -> str:
    """The base URL of TMDB's pictures."""
    parts = _url(text)
    host = parts.hostname or ""
    if host != PICTURE_HOST and not is_loopback(host):
        raise ValueError(f"{host} is not TMDB's picture host")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("over plain http, anyone on the path could replace pictures")
    if parts.path.rstrip("/"):
        raise ValueError("it ends with the host: /t/p is put behind it")
    return text.rstrip("/")


def image_size(text: str) -> str:
    """A size of TMDB's pictures."""
    # few want one, and a command reads all settings
    from streamr.tmdb.images import is_size

    if not is_size(text):
        raise ValueError(f"{text!r} is not a size of TMDB's pictures")
    return text


# What stands in a certificate, and what Twisted looks up (RFC 5890, LDH labels).
_LDH = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    r"(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*",
    re.I,
)


LDH = "letters, digits and hyphens only"


def can_be_looked_up(host: str) -> bool:
    """Whether a host is an address, or a name of letters, digits and hyphens."""
    return address_in(host) is not None or _LDH.fullmatch(host) is not None


def tag_format(text: str) -> str:
    """A format of tags for caches in front, or none."""
    if text:
        # few want one, and a command reads all settings
        from streamr.tmdb.tags import FORMATS

        return choice(*FORMATS)(text)
    return ""


def proxy_url(text: str) -> str:
    """The base URL of a streamr proxy, with the pins of its public key behind it."""
    _check_not_outbound(text)
    text, mark, pins = text.partition("#")
    parts = _url(text)
    host = parts.hostname or ""
    if parts.scheme == "http" and not is_private(host):
        raise ValueError(f"{host} is on the internet, so it needs https")
    if mark:
        _check_pins(pins, parts.scheme, host)
    return text.rstrip("/") + mark + pins


def _check_not_outbound(text: str) -> None:
    """Elsewhere a setting of this name means an outbound proxy. Raises ValueError."""
    outbound = "that is an outbound proxy, and belongs in STREAMR_EGRESS"
    scheme = text.partition("://")[0].lower()
    if scheme.startswith("socks4"):
        raise ValueError(
            "that is an outbound proxy, and this setting is for another streamr; "
            "STREAMR_EGRESS takes outbound proxies, but SOCKS5 and HTTP ones only"
        )
    if scheme.startswith("socks"):
        raise ValueError(f"{outbound}; this setting is for another streamr")
    if "@" in urlsplit(text).netloc:
        raise ValueError(f"a streamr has no user and password: {outbound}")


def _check_pins(pins: str, scheme: str, host: str) -> None:
    """What stands behind the # of a proxy's URL. Raises ValueError."""
    keypins.read_pins(pins)
    if scheme != "https":
        raise ValueError("a pin needs https: over plain http there is no certificate")
    if host in OFFICIAL_HOSTS:
        raise ValueError(
            f"{host} is TMDB's own host, which takes no pin: its certificate is always "
            "verified by its authority and name"
        )


def public_url(text: str) -> str | None:
    """The URL at which others reach main."""
    if not text:
        return None
    _url(text)
    return text.rstrip("/")


def host_name(text: str) -> str:
    """A name, or an address, that may stand in Host."""
    found = address_in(text)
    if found is None and not HOST_NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a host name")
    return text.lower() if found is None else str(found)


def networks(text: str) -> tuple[Network, ...]:
    """Addresses, ranges of addresses, and the word `private_ranges`."""
    found = listed(_networks)(text)
    return tuple(dict.fromkeys(network for part in found for network in part))


# IPv4 in IPv6 (RFC 4291, 2.5.5.2): the callers in it are known by their IPv4 address.
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def _networks(text: str) -> tuple[Network, ...]:
    if text == "private_ranges":
        return (*LOOPBACK, *PRIVATE_RANGES)
    try:
        given = ipaddress.ip_interface(address_in(text) or text)
    except ValueError:
        raise ValueError(f"{text!r} is not an address or a range") from None
    found = given.network
    if isinstance(given, ipaddress.IPv6Interface) and given.network.subnet_of(_MAPPED):
        length = given.network.prefixlen - _MAPPED.prefixlen
        return _networks(f"{given.ip.ipv4_mapped}/{length}")
    if given.ip != found.network_address:
        raise ValueError(f"{text!r} begins inside a range: {found} may be meant")
    if found.prefixlen == 0:
        raise ValueError(f"{text!r} is every address, so nobody's word would count")
    return (found,)


def is_plain_beyond_loopback(url: str) -> bool:
    """True for http to another machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def existing_file(text: str) -> Path | None:
    """A file that can be read now."""
    if not text:
        return None
    path = Path(text)
    # in a folder that is closed to us these say no, where Path.is_file raises
    if not os.path.isfile(path):  # noqa: PTH113
        raise ValueError("there is no such file, or its folder cannot be read")
    if not os.access(path, os.R_OK):
        raise ValueError("the file cannot be read")
    return path.absolute()


def log_file(text: str) -> Path | None:
    """A file that can be written; its folder must be there."""
    if not text:
        return None
    path = Path(text).absolute()
    if path.is_dir():
        raise ValueError("it is a folder")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError("it is not writable")
    return path


def folder(text: str) -> Path | None:
    """A folder of our own; it is made when it is needed. One that cannot be made or
    written costs what would be kept there, and not the start."""
    if not text:
        return None
    if not text.isprintable():
        raise ValueError("a path must not contain control characters")
    path = Path(text).absolute()
    if path.exists() and not path.is_dir():
        raise ValueError("it is a file, not a folder")
    return path


def tmdb_path(text: str) -> str:
    """A path of TMDB's with parameters, or the word none."""
    path = _below_version(text)
    if text != "none" and not re.fullmatch(r"/[a-z][!-~]*", path):
        raise ValueError(f"{text!r} is not a path")
    return "" if text == "none" else path


def _below_version(text: str) -> str:
    """A path without the /3 that TMDB's documentation writes in front."""
    return text.removeprefix("/3") if text.startswith("/3/") else text


def pins(text: str) -> dict[str, tuple[tuple[str, int | None], ...]]:
    """`host=address[:port]` entries; a host may have several addresses."""
    found: dict[str, tuple[tuple[str, int | None], ...]] = {}
    for entry in filter(None, (each.strip() for each in text.split(","))):
        host, equals, where = entry.partition("=")
        host = host.strip().lower()
        if not equals or not HOST_NAME.fullmatch(host):
            raise ValueError(f"{entry!r} does not have the form host=address")
        found[host] = (*found.get(host, ()), _pin(where.strip()))
    return found


def _pin(text: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::([0-9]+))?", text)
    plain = re.fullmatch(r"([0-9.]+)(?::([0-9]+))?", text)
    match = bracketed or plain
    found, number = match.groups() if match else (text, None)
    where = str(unicast(ipaddress.ip_address(found)))
    return where, reachable_port(number) if number else None


# Where pages come from: the web, and the shells that apps and extensions live in.
_ORIGIN_SCHEMES = {
    *("http", "https", "app", "tauri", "capacitor", "ionic"),
    *("chrome-extension", "moz-extension", "safari-web-extension"),
}
_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin(text: str) -> str:
    """A web origin (RFC 6454), spelt as browsers send it: scheme, host, and a port that
    is not the scheme's own. The first label of a web host may be a star."""
    if text == "*":
        return text
    match = re.fullmatch(
        r"([a-z][a-z-]*)://(\[[0-9a-f:.]+\]|[^/?#@:\s\[\]]+)(:[0-9]+)?(/?.*)",
        text.lower(),
    )
    if not match or match[1] not in _ORIGIN_SCHEMES:
        raise ValueError(f"{text!r} is not a web origin")
    scheme, host, number, rest = match.groups()
    if rest:
        raise ValueError(
            f"{text!r} is not a web origin: nothing may follow the host and port"
        )
    web = scheme in _DEFAULT_PORTS
    host = _web_host(host) if web else _app_host(host)
    where = reachable_port(number[1:]) if number else None
    kept = "" if where in (None, _DEFAULT_PORTS.get(scheme)) else f":{where}"
    return f"{scheme}://{host}{kept}"


def _web_host(host: str) -> str:
    """The host of a page on the web, as a browser spells it. Raises ValueError."""
    with contextlib.suppress(ValueError):
        found = ipaddress.ip_address(host.strip("[]"))
        return f"[{found}]" if found.version == 6 else str(found)
    name = host.removeprefix("*.")
    # the web's URLs take a name that ends in a number for an address
    if not HOST_NAME.fullmatch(name) or re.search(r"(^|\.)[0-9]+$", name):
        raise ValueError(f"{host!r} is not a host name")
    if name != host and "." not in name and not is_private(host):
        raise ValueError(
            f"{host!r} matches too much: at least two labels must follow the star"
        )
    return host


def _app_host(host: str) -> str:
    """The host of a page that an app holds: app://. is one. Raises ValueError."""
    if not re.fullmatch(r"[a-z0-9._-]+", host):
        raise ValueError(f"{host!r} is not a valid host for an app")
    return host


def template(text: str) -> str:
    """A path template."""
    text = _below_version(text)
    # the catalogue takes a third of a command's time, and few have paths of their own
    from streamr.tmdb.catalogue import template_problem

    problem = template_problem(text)
    if problem is not None:
        raise ValueError(f"{text!r} is not a path template: {problem}")
    return text


def word(text: str) -> str:
    """A short label."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", text):
        raise ValueError("")
    return text


def closest(wanted: str, known: Iterable[str]) -> str | None:
    """The name that was probably meant, None when no known one is near."""
    return next(iter(difflib.get_close_matches(wanted, known, n=1)), None)


def _url(text: str) -> SplitResult:
    """A base URL without user, query or fragment; a path is put behind it."""
    if re.search(r"[\s\x00-\x1f]", text):
        raise ValueError("a URL must not contain white space")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r} is not an http or https URL")
    if parts.username is not None or re.search(r"[?#]", text):
        raise ValueError("a base URL must not contain a user, query or fragment")
    found = address_in(parts.hostname)
    if found is not None:
        unicast(found)
    elif not HOST_NAME.fullmatch(parts.hostname):
        raise ValueError("its host is not a valid host name")
    if ":" in parts.netloc.rpartition("]")[2]:
        reachable_port(parts.netloc.rpartition(":")[2])
    return parts


def reachable_port(text: str) -> int:
    """The port of a server that is there already. Raises ValueError."""
    number = port(text)
    if number == 0:
        raise ValueError("port 0 cannot be reached")
    return number
