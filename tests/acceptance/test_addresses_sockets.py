"""Every form of an address that a setting accepts: something is there, and is reached.

Each row builds the whole house in this process and asks main for a list. Beyond the
setting that a row is about, nothing answers.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import trustme
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from twisted.internet.ssl import CertificateOptions
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from streamr.commands.selfcheck import until_healthy
from tests.stack import PROXY_TOKEN, Stack, closed_port

LIST = b'{"page":1,"results":[{"id":1}],"total_pages":1,"total_results":1}'
OPEN = {"STREAMR_PROXY_TOKEN": PROXY_TOKEN, "CORS_ORIGINS": "https://app.example"}


def has_v6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


def forms(*texts: str) -> list[Any]:
    """The rows of a table; those of IPv6 are left out where there is none."""
    v6 = pytest.mark.skipif(not has_v6(), reason="no IPv6 on this machine")
    return [pytest.param(each, marks=[v6] if ":" in each else []) for each in texts]


class Played(Resource):
    """TMDB, or a proxy of ours, as far as one list goes."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.hosts: list[str] = []

    def render_GET(self, request: Request) -> bytes:
        self.hosts.append(str(request.getHeader("host")))
        request.setHeader("Content-Type", "application/json;charset=utf-8")
        return LIST


class Places:
    """Starts what shall answer, and the house that shall reach it."""

    def __init__(self, reactor: Any, directory: Path) -> None:
        self.reactor = reactor
        self.directory = directory
        self.played = Played()
        self.stack: Stack | None = None
        self._ports: list[Any] = []
        self._issuer = trustme.CA()

    def listen(self, address: str, *, secure: bool = False) -> int:
        """Answer there; the port."""
        site: Any = Site(self.played)
        if secure:
            options = self._options(address)
            port = self.reactor.listenSSL(0, site, options, interface=address)
        else:
            port = self.reactor.listenTCP(0, site, interface=address)
        self._ports.append(port)
        return int(port.getHost().port)

    def _options(self, address: str) -> CertificateOptions:
        """Twisted's annotations still ask for pyOpenSSL's own classes."""
        made = self._issuer.issue_cert(address)
        pair: dict[str, Any] = {
            "privateKey": load_pem_private_key(made.private_key_pem.bytes(), None),
            "certificate": load_pem_x509_certificate(made.cert_chain_pems[0].bytes()),
        }
        return CertificateOptions(**pair)

    def start(self, **settings: str) -> Stack:
        """The house with these settings; TMDB is nowhere unless they say where."""
        nowhere = f"http://127.0.0.1:{closed_port()}"
        roots = self.directory / "roots.pem"
        self._issuer.cert_pem.write_to_path(str(roots))
        more = {
            "TMDB_BASE_URL": f"{nowhere}/3",
            "TMDB_ALTERNATE_URLS": f"{nowhere}/3",
            "TMDB_CA_FILE": str(roots),
            **settings,
        }
        self.stack = Stack(self.reactor, self.directory, more)
        return self.stack

    async def stop(self) -> None:
        if self.stack is not None:
            await self.stack.stop()
        for port in self._ports:
            await port.stopListening()


@pytest_twisted.async_yield_fixture
async def places(reactor: Any, tmp_path: Path) -> AsyncIterator[Places]:
    made = Places(reactor, tmp_path)
    yield made
    await made.stop()


async def lists(stack: Stack, direct: bool) -> None:
    """A list comes, and over the route that the row is about."""
    got = await stack.get("/api/tmdb/popular")
    assert got.status == 200, (got.body, got.headers.get("proxy-status"))
    assert ("x-proxy-source" not in got.headers) is direct
    assert "Traceback" not in stack.log.getvalue()


# What a URL says, and where that is.
ADDRESSES = {"127.0.0.1": "127.0.0.1", "127.9.9.9": "127.9.9.9", "[::1]": "::1"}
HOSTS = {**ADDRESSES, "localhost": "127.0.0.1", "[::ffff:127.0.0.1]": "127.0.0.1"}
# What a server may be bound to.
BOUND = ("127.0.0.1", "127.9.9.9", "localhost", "0.0.0.0", "::1", "[::1]", "::")
MAPPED = "::ffff:127.0.0.1"


@pytest.mark.parametrize("host", forms(*HOSTS))
@pytest_twisted.ensureDeferred
async def test_tmdb_is_asked_where_its_base_url_points(
    host: str, places: Places
) -> None:
    where = f"{host}:{places.listen(HOSTS[host])}"
    await lists(places.start(TMDB_BASE_URL=f"http://{where}/3"), direct=True)
    assert places.played.hosts[-1] == where


@pytest.mark.parametrize("host", forms(*ADDRESSES))
@pytest_twisted.ensureDeferred
async def test_an_address_is_verified_over_https(host: str, places: Places) -> None:
    where = f"{host}:{places.listen(ADDRESSES[host], secure=True)}"
    await lists(places.start(TMDB_BASE_URL=f"https://{where}/3"), direct=True)
    assert places.played.hosts[-1] == where


@pytest.mark.parametrize("host", forms(*HOSTS))
@pytest_twisted.ensureDeferred
async def test_the_proxy_asks_where_tmdbs_other_urls_point(
    host: str, places: Places
) -> None:
    where = f"{host}:{places.listen(HOSTS[host])}"
    await lists(places.start(TMDB_ALTERNATE_URLS=f"http://{where}/3"), direct=False)
    assert places.played.hosts[-1] == where


@pytest.mark.parametrize("host", forms(*HOSTS))
@pytest_twisted.ensureDeferred
async def test_a_proxy_is_asked_where_its_url_points(host: str, places: Places) -> None:
    where = f"{host}:{places.listen(HOSTS[host])}"
    await lists(places.start(TMDB_PROXY_URL=f"http://{where}"), direct=False)
    assert places.played.hosts[-1] == where


@pytest.mark.parametrize("pin", forms("127.9.9.9", "::1", "[::1]"))
@pytest_twisted.ensureDeferred
async def test_a_pinned_name_is_asked_at_its_address(pin: str, places: Places) -> None:
    port = places.listen(pin.strip("[]"))
    base = {"TMDB_BASE_URL": f"http://localhost:{port}/3"}
    await lists(places.start(TMDB_PINS=f"localhost={pin}", **base), direct=True)


@pytest.mark.parametrize("pin", forms("127.9.9.9", "[::1]"))
@pytest_twisted.ensureDeferred
async def test_a_pin_may_name_a_port_of_its_own(pin: str, places: Places) -> None:
    port = places.listen(pin.strip("[]"))
    base = {"TMDB_BASE_URL": f"http://localhost:{closed_port()}/3"}
    await lists(places.start(TMDB_PINS=f"localhost={pin}:{port}", **base), direct=True)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("host", forms("127.0.0.1", "[::1]"))
@pytest_twisted.ensureDeferred
async def test_an_address_is_asked_whatever_family_names_shall_have(
    host: str, family: str, places: Places
) -> None:
    url = f"http://{host}:{places.listen(HOSTS[host])}/3"
    stack = places.start(TMDB_BASE_URL=url, STREAMR_ADDRESS_FAMILY=family)
    await lists(stack, direct=True)


@pytest.mark.parametrize("host", forms(*BOUND, MAPPED))
@pytest_twisted.ensureDeferred
async def test_main_answers_at_the_url_that_it_tells(host: str, places: Places) -> None:
    url = f"http://127.0.0.1:{places.listen('127.0.0.1')}/3"
    stack = places.start(HOST=host, TMDB_BASE_URL=url, **OPEN)
    await lists(stack, direct=True)
    await until_healthy(stack.reactor, stack.urls)


@pytest.mark.parametrize("host", forms(*BOUND, MAPPED))
@pytest_twisted.ensureDeferred
async def test_main_falls_back_to_its_own_proxy_wherever_that_is_bound(
    host: str, places: Places
) -> None:
    url = f"http://127.0.0.1:{places.listen('127.0.0.1')}/3"
    stack = places.start(PROXY_HOST=host, TMDB_ALTERNATE_URLS=url, **OPEN)
    await lists(stack, direct=False)
    await until_healthy(stack.reactor, stack.urls)
