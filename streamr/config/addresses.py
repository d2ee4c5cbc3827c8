"""Where servers are reached: those of this machine, and places that URLs name."""

from __future__ import annotations

import contextlib
from urllib.parse import urlsplit

from streamr.config.settings import Settings
from streamr.errors import SettingsError
from streamr.net.keypins import PinFile


def reachable(host: str) -> str:
    """The address at which this machine reaches a server that is bound to `host`."""
    # bound to every address: loopback is one of them, and [::] takes IPv4 too, which is
    # there where IPv6 is off
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def url_of(host: str, port: int, *, secure: bool = False) -> str:
    """The URL at which this machine reaches a server that is bound to `host`."""
    address = reachable(host)
    scheme = "https" if secure else "http"
    return (
        f"{scheme}://[{address}]:{port}"
        if ":" in address
        else f"{scheme}://{address}:{port}"
    )


def proxy_url(settings: Settings) -> str:
    """Where this machine's proxy should be."""
    secure = settings.proxy_tls_cert is not None
    return url_of(settings.proxy_host, settings.proxy_port, secure=secure)


def pinned_proxy_url(settings: Settings) -> str:
    """The same with the pin of its key, where it has one that can be read."""
    url, certificate = proxy_url(settings), settings.proxy_tls_cert
    if certificate is not None:
        with contextlib.suppress(SettingsError):
            return f"{url}#{PinFile(certificate).pin}"
    return url


def place(url: str) -> str:
    """Host and port of a URL, in a form in which equal ones are equal texts: without a
    port that its scheme has by itself."""
    parts = urlsplit(url.lower())
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return parts.netloc.removesuffix(usual)
