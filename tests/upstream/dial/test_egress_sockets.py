"""Tunnels over real sockets, with real TLS above them: every refusal of a proxy."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.protocols.policies import WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from streamr.boundaries import Egress
from streamr.errors import Fault
from streamr.simulator.hosts.certificates import GOOD, UNTRUSTED, Vault
from streamr.upstream.dial.egress import through
from streamr.upstream.dial.handshake import TLSEndpoint
from streamr.upstream.dial.tls import MODERN, CertificateRefused, ProfilePolicy
from tests.processes import PATIENCE, Process
from tests.proxies import PASSWORD, USER, Proxy, microsocks, tinyproxy
from tests.stack import closed_port

# The target's name and the proxy's; a proxy of others looks it up by itself.
NAME = "localhost"
SCHEMES = ("http", "https", "socks5")
needs_tinyproxy = pytest.mark.skipif(
    shutil.which("tinyproxy") is None, reason="no tinyproxy on this machine"
)
needs_microsocks = pytest.mark.skipif(
    shutil.which("microsocks") is None, reason="no microsocks on this machine"
)


class Greeter(Protocol):
    """The target: says hello as soon as its TLS stands."""

    def connectionMade(self) -> None:
        self.factory.reached += 1  # type: ignore[union-attr]
        self.transport.write(b"hello")  # type: ignore[union-attr]


class Stranger(Protocol):
    """Answers whatever is said in its own language, and closes."""

    def __init__(self, says: bytes) -> None:
        self.says = says

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.says)  # type: ignore[union-attr]
        self.transport.loseConnection()  # type: ignore[union-attr]


class Caller(Protocol):
    """What stands for HTTP above TLS."""

    def __init__(self) -> None:
        self.heard: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard.callback(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.heard.called:
            self.heard.errback(reason)


class Net:
    """A target with TLS, proxies in front of it, and what trusts the target."""

    def __init__(self, reactor: Any, directory: Path) -> None:
        self.reactor = reactor
        self.directory = directory
        self.vault = Vault()
        file = directory / "ca.pem"
        file.write_bytes(self.vault.authority.pem)
        self.policy = ProfilePolicy(MODERN, file, roots=False)
        self.ports: list[Any] = []
        self.servers: list[Any] = []
        self.processes: list[Process] = []
        self.callers: list[Any] = []
        self.target = self.greeter(GOOD)

    def greeter(self, kind: str) -> int:
        """A target with a certificate of a kind; its port."""
        self.greeters = Factory.forProtocol(Greeter)
        self.greeters.reached = 0  # type: ignore[attr-defined]
        return self.listen(self.greeters, kind)

    def listen(self, factory: Any, kind: str | None = None) -> int:
        factory.noisy = False
        if kind is not None:
            options = self.vault.options(NAME, kind)
            factory = TLSMemoryBIOFactory(options, False, factory, self.reactor)
            factory.noisy = False
        factory = WrappingFactory(factory)
        factory.noisy = False
        self.servers.append(factory)
        port = self.reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.ports.append(port)
        return int(port.getHost().port)

    def proxy(
        self, scheme: str, *, certificate: str = GOOD, **more: Any
    ) -> tuple[Proxy, int]:
        """A proxy of the tests' own, and its port."""
        made = Proxy(self.reactor, socks=scheme == "socks5", **more)
        return made, self.listen(made, certificate if scheme == "https" else None)

    def run(self, started: tuple[Process, int]) -> int:
        self.processes.append(started[0])
        return started[1]

    def connect(
        self,
        scheme: str,
        port: int,
        *,
        to: int | None = None,
        user: str | None = USER,
        password: str = PASSWORD,
        host: str = NAME,
    ) -> Deferred[Any]:
        """A connection to the target through a proxy; fires with its greeting."""
        egress = Egress("it", scheme, NAME, port, user, password if user else None)
        proxy: Any = TCP4ClientEndpoint(self.reactor, "127.0.0.1", port)
        if scheme == "https":
            proxy = self.secured(proxy)
        target = through(egress, proxy, host, to or self.target)
        connecting: Deferred[Any] = self.secured(target).connect(
            Factory.forProtocol(Caller)
        )
        connecting.addCallback(self.heard)
        return connecting.addTimeout(PATIENCE, self.reactor)

    def heard(self, caller: Any) -> Deferred[bytes]:
        self.callers.append(caller)
        heard: Deferred[bytes] = caller.heard
        return heard

    def secured(self, endpoint: Any) -> TLSEndpoint:
        creator = self.policy.creatorForNetloc(NAME.encode(), 443)
        return TLSEndpoint(creator, endpoint, self.reactor)

    async def stop(self) -> None:
        for caller in self.callers:
            caller.transport.abortConnection()
        for port in self.ports:
            await port.stopListening()
        for process in self.processes:
            process.stop()
        while served := [each for one in self.servers for each in one.protocols]:
            for each in served:
                each.transport.abortConnection()
            await deferLater(self.reactor, 0)


@pytest_twisted.async_yield_fixture
async def net(reactor: Any, tmp_path: Path) -> AsyncIterator[Net]:
    made = Net(reactor, tmp_path)
    yield made
    await made.stop()


async def refused(connecting: Deferred[Any]) -> str:
    with pytest.raises(Fault) as caught:
        await connecting
    return str(caught.value)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("password", [True, False])
@pytest_twisted.ensureDeferred
async def test_the_target_is_reached_and_verified_through_each_kind(
    net: Net, scheme: str, password: bool
) -> None:
    proxy, port = net.proxy(scheme, password=password)
    assert await net.connect(scheme, port) == b"hello"
    assert proxy.asked == [(NAME, net.target)]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest_twisted.ensureDeferred
async def test_a_target_with_a_wrong_certificate_gets_nothing(
    net: Net, scheme: str
) -> None:
    bad = net.greeter(UNTRUSTED)
    _proxy, port = net.proxy(scheme)
    with pytest.raises(CertificateRefused):
        await net.connect(scheme, port, to=bad)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest_twisted.ensureDeferred
async def test_a_wrong_password_is_told(net: Net, scheme: str) -> None:
    proxy, port = net.proxy(scheme)
    told = await refused(net.connect(scheme, port, password="other"))
    assert told.startswith("egress_authentication: ")
    assert "wrong user or password" in told
    told = await refused(net.connect(scheme, port, user=None))
    assert told.startswith("egress_authentication: ")
    assert "it requires a user and password" in told
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        *((401, "authentication"), (403, "denied"), (404, "protocol_error")),
        *((500, "failed"), (502, "failed"), (503, "failed"), (504, "failed")),
    ],
)
@pytest_twisted.ensureDeferred
async def test_each_status_of_connect_is_told_apart(
    net: Net, status: int, cause: str
) -> None:
    proxy, port = net.proxy("http")
    proxy.says = b"HTTP/1.1 %d Word\r\nContent-Length: 3\r\n\r\nabc" % status
    told = await refused(net.connect("http", port))
    assert told.startswith(f"egress_{cause}: status {status}")


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        *((1, "failed"), (2, "denied"), (3, "failed"), (4, "failed"), (5, "failed")),
        *((6, "failed"), (7, "protocol_error"), (8, "protocol_error")),
        (9, "protocol_error"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_each_reply_of_socks_is_told_apart(
    net: Net, reply: int, cause: str
) -> None:
    proxy, port = net.proxy("socks5")
    proxy.says = reply
    told = await refused(net.connect("socks5", port))
    assert told.startswith(f"egress_{cause}: SOCKS reply {reply}: ")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest_twisted.ensureDeferred
async def test_a_proxy_that_is_not_there_is_told(net: Net, scheme: str) -> None:
    told = await refused(net.connect(scheme, closed_port()))
    assert told == "egress_unreachable: connection_refused"


@pytest_twisted.ensureDeferred
async def test_a_proxy_with_a_wrong_certificate_gets_no_password(net: Net) -> None:
    proxy, port = net.proxy("https", certificate=UNTRUSTED)
    told = await refused(net.connect("https", port))
    assert told.startswith("egress_unreachable: tls_certificate_error")
    assert proxy.asked == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest_twisted.ensureDeferred
async def test_a_proxy_that_cuts_is_told(net: Net, scheme: str) -> None:
    proxy, port = net.proxy(scheme)
    proxy.resets = True
    told = await refused(net.connect(scheme, port))
    assert told.startswith("egress_closed: reset, ")


@pytest.mark.parametrize(
    ("scheme", "says"),
    [
        ("http", b"\x05\xff"),
        ("http", b"SSH-2.0-OpenSSH\r\n"),
        ("http", b"\x15\x03\x01\x00\x02\x02\x46"),
        ("socks5", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("socks5", b"\x00\x5b"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_is_no_proxy_of_this_kind_is_told(
    net: Net, scheme: str, says: bytes
) -> None:
    port = net.listen(Factory.forProtocol(lambda: Stranger(says)))
    told = await refused(net.connect(scheme, port))
    assert told.startswith("egress_protocol_error: the answer is not ")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest_twisted.ensureDeferred
async def test_cancelling_leaves_a_silent_proxy_at_once(net: Net, scheme: str) -> None:
    proxy, port = net.proxy(scheme)
    proxy.says = b""
    connecting = net.connect(scheme, port)
    await proxy.was_asked
    connecting.cancel()
    with pytest.raises(CancelledError):
        await connecting
    await proxy.was_left


@needs_tinyproxy
@pytest_twisted.ensureDeferred
async def test_tinyproxy_is_gone_through_and_its_refusals_are_told(net: Net) -> None:
    rules = net.directory / "filter"
    rules.write_text("^denied\\.invalid$\n")
    port = net.run(
        tinyproxy(net.directory, "BasicAuth anna secret", f'Filter "{rules}"')
    )
    ask: Callable[..., Deferred[Any]] = net.connect
    assert await ask("http", port, password="secret") == b"hello"
    for more, told in (
        ({"password": "wrong"}, "egress_authentication: status 401: wrong user or"),
        ({"user": None}, "egress_authentication: status 407: it requires a user"),
        ({"password": "secret", "host": "denied.invalid"}, "egress_denied: status 403"),
        ({"password": "secret", "to": closed_port()}, "egress_failed: status 500"),
    ):
        assert (await refused(ask("http", port, **more))).startswith(told)


@needs_tinyproxy
@pytest_twisted.ensureDeferred
async def test_tinyproxys_rules_for_ports_and_callers_are_told(net: Net) -> None:
    port = net.run(tinyproxy(net.directory, "ConnectPort 443"))
    told = await refused(net.connect("http", port, user=None))
    assert told == "egress_denied: status 403"
    port = net.run(tinyproxy(net.directory, "Allow 192.0.2.1"))
    told = await refused(net.connect("http", port, user=None))
    assert told == "egress_denied: status 403"


@needs_microsocks
@pytest_twisted.ensureDeferred
async def test_microsocks_is_gone_through_and_its_refusals_are_told(net: Net) -> None:
    port = net.run(microsocks("-u", USER, "-P", PASSWORD))
    assert await net.connect("socks5", port) == b"hello"
    for more, told in (
        ({"password": "wrong"}, "egress_authentication: SOCKS status 2"),
        ({"user": None}, "egress_authentication: SOCKS method 255: it requires"),
        ({"to": closed_port()}, "egress_failed: SOCKS reply 5: connection refused"),
    ):
        assert (await refused(net.connect("socks5", port, **more))).startswith(told)
