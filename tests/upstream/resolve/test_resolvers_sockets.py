"""Every kind of resolver over real sockets, against servers of the tests' own."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import trustme
from twisted.internet.defer import CancelledError, Deferred
from twisted.names import dns

from streamr.boundaries import Resolver
from streamr.config.resolvers import resolver
from streamr.interfaces import Reactor
from streamr.upstream.dial.tls import MODERN, ProfilePolicy
from streamr.upstream.resolve.cache import Find
from streamr.upstream.resolve.failures import (
    LookupFailed,
    NoSuchName,
    Refused,
    ServerFailed,
    Silent,
    Unreachable,
    Unverified,
)
from streamr.upstream.resolve.resolvers import find_of
from streamr.upstream.resolve.system import Lookups
from tests.upstream.resolve.servers import (
    HOST,
    NAME,
    V4,
    V6,
    Servers,
    held,
    let_go,
    until,
)

KINDS: dict[str, Callable[[Servers], str]] = {
    "udp": lambda s: f"udp://127.0.0.1:{s.udp()}",
    "tcp": lambda s: f"tcp://127.0.0.1:{s.tcp()}",
    "tls": lambda s: f"tls://127.0.0.1:{s.tls()}#{HOST}",
    "tls by its address": lambda s: f"tls://127.0.0.1:{s.tls()}",
    "HTTP/2": lambda s: f"https://{HOST}:{s.http2()}/dns-query#127.0.0.1",
    "HTTP/1.1": lambda s: f"https://{HOST}:{s.http1()}/dns-query#127.0.0.1",
    "HTTP without ALPN": lambda s: f"https://127.0.0.1:{s.http1(alpn=False)}/dns-query",
}
SECURE = [each for each in KINDS if each not in ("udp", "tcp")]
STREAMS = [each for each in KINDS if each != "udp"]
# More than any answer on loopback takes; only a test that fails waits for so long.
SECONDS = 20.0


class Asking:
    """One find, as the application makes it, and the servers behind it."""

    def __init__(self, reactor: Reactor, folder: Path) -> None:
        self.reactor = reactor
        self.servers = Servers(reactor, folder)
        self.known: dict[str, list[tuple[int, str]]] = {}

    def find(
        self, text: str | Resolver, seconds: float = SECONDS, *, trusted: bool = True
    ) -> Find:
        ca_file = self.servers.ca_file if trusted else None
        return find_of(
            resolver(text) if isinstance(text, str) else text,
            self.reactor,
            Lookups(self.reactor, self.known.__getitem__),
            lambda alpn: ProfilePolicy(MODERN, ca_file, alpn),
            seconds,
        )

    async def gone(self) -> None:
        """Wait until no connection is left; the reactor fixture sees to the rest."""
        await until(self.reactor, lambda: not self.servers.connections)


@pytest.fixture
def asking(reactor: Reactor, tmp_path: Path) -> Iterator[Asking]:
    before = held(reactor)
    made = Asking(reactor, tmp_path)
    yield made
    for ending in (made.servers.stop(), let_go(reactor, before)):
        pytest_twisted.blockon(Deferred.fromCoroutine(ending))


def on(kinds: Any) -> Any:
    return pytest.mark.parametrize("kind", list(kinds))


@on(KINDS)
@pytest_twisted.ensureDeferred
async def test_both_families_are_found(asking: Asking, kind: str) -> None:
    find = asking.find(KINDS[kind](asking.servers))
    assert await find(NAME) == [V4, V6]
    assert len(asking.servers.table.asked) == 2


@on(KINDS)
@pytest_twisted.ensureDeferred
async def test_each_error_is_told_apart(asking: Asking, kind: str) -> None:
    find = asking.find(KINDS[kind](asking.servers))
    for code, expected in (
        (dns.ENAME, NoSuchName),
        (dns.EREFUSED, Refused),
        (dns.ESERVER, ServerFailed),
        (dns.EFORMAT, ServerFailed),
    ):
        asking.servers.table.code = code
        with pytest.raises(expected):
            await find(NAME)
    asking.servers.table.code = dns.OK
    assert await find(NAME) == [V4, V6]


@on(KINDS)
@pytest_twisted.ensureDeferred
async def test_silence_ends_at_the_deadline(asking: Asking, kind: str) -> None:
    asking.servers.table.silent = True
    with pytest.raises(Silent):
        await asking.find(KINDS[kind](asking.servers), 0.3)(NAME)
    await asking.gone()


@on(STREAMS)
@pytest_twisted.ensureDeferred
async def test_an_answer_to_another_question_is_refused(
    asking: Asking, kind: str
) -> None:
    def change(message: dns.Message) -> None:
        message.queries = [dns.Query("other.invalid", message.queries[0].type)]

    asking.servers.table.change = change
    with pytest.raises(ServerFailed, match="another question"):
        await asking.find(KINDS[kind](asking.servers))(NAME)


@on(KINDS)
@pytest_twisted.ensureDeferred
async def test_an_answer_with_another_number_is_none(asking: Asking, kind: str) -> None:
    def change(message: dns.Message) -> None:
        message.id ^= 1

    asking.servers.table.change = change
    with pytest.raises((Silent, ServerFailed)):
        await asking.find(KINDS[kind](asking.servers), 0.3)(NAME)


@on(KINDS)
@pytest_twisted.ensureDeferred
async def test_a_server_that_is_not_there_is_told_as_such(
    asking: Asking, kind: str
) -> None:
    text = KINDS[kind](asking.servers)
    with socket.socket() as held, socket.socket(type=socket.SOCK_DGRAM) as other:
        held.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port = (other if kind == "udp" else held).getsockname()[1]
        other.close()
        find = asking.find(_at(resolver(text), port))
        with pytest.raises(Unreachable):
            await find(NAME)


def _at(found: Resolver, port: int) -> Resolver:
    return Resolver("x", found.scheme, found.address, port, found.host, found.path)


@on(SECURE)
@pytest_twisted.ensureDeferred
async def test_an_unknown_authority_is_refused(asking: Asking, kind: str) -> None:
    find = asking.find(KINDS[kind](asking.servers), trusted=False)
    with pytest.raises(Unverified):
        await find(NAME)
    assert asking.servers.table.asked == []


@on(("tls", "HTTP/2", "HTTP/1.1"))
@pytest_twisted.ensureDeferred
async def test_a_certificate_of_another_name_is_refused(
    asking: Asking, kind: str
) -> None:
    text = KINDS[kind](asking.servers).replace(HOST, "other.test.invalid")
    with pytest.raises(Unverified, match=HOST):
        await asking.find(text)(NAME)
    assert asking.servers.table.asked == []


@on(SECURE)
@pytest_twisted.ensureDeferred
async def test_one_connection_is_kept(asking: Asking, kind: str) -> None:
    find = asking.find(KINDS[kind](asking.servers))
    for _ in range(3):
        assert await find(NAME) == [V4, V6]
    assert asking.servers.taken == 1


@on(SECURE)
@pytest_twisted.ensureDeferred
async def test_a_connection_that_was_closed_is_opened_again(
    asking: Asking, kind: str
) -> None:
    find = asking.find(KINDS[kind](asking.servers))
    assert await find(NAME) == [V4, V6]
    # once the client has seen it, and once it has not
    asking.servers.drop()
    await asking.gone()
    assert await find(NAME) == [V4, V6]
    asking.servers.drop()
    assert await find(NAME) == [V4, V6]
    assert asking.servers.taken == 3


@on(STREAMS)
@pytest_twisted.ensureDeferred
async def test_who_leaves_closes_the_connection(asking: Asking, kind: str) -> None:
    asking.servers.table.silent = True
    finding = asking.find(KINDS[kind](asking.servers))(NAME)
    await until(asking.reactor, lambda: asking.servers.table.asked)
    finding.cancel()
    with pytest.raises(CancelledError):
        await finding
    await asking.gone()


@pytest_twisted.ensureDeferred
async def test_what_does_not_fit_a_datagram_is_asked_for_over_tcp(
    asking: Asking,
) -> None:
    asking.servers.table.long_over_udp = True
    port = asking.servers.udp()
    asking.servers.tcp(port)
    assert await asking.find(f"127.0.0.1:{port}")(NAME) == [V4, V6]
    assert sorted(asking.servers.table.asked) == ["tcp", "tcp", "udp", "udp"]
    await asking.gone()


@pytest_twisted.ensureDeferred
async def test_a_server_that_closes_after_each_answer_is_asked_again(
    asking: Asking,
) -> None:
    port = asking.servers.http1(close=True)
    find = asking.find(f"https://{HOST}:{port}/dns-query#127.0.0.1")
    for _ in range(2):
        assert await find(NAME) == [V4, V6]
    assert asking.servers.taken == 4


@pytest_twisted.ensureDeferred
async def test_a_name_without_an_address_is_found_by_the_system(asking: Asking) -> None:
    asking.known[HOST] = [(socket.AF_INET, "127.0.0.1")]
    find = asking.find(f"https://{HOST}:{asking.servers.http2()}/dns-query")
    assert await find(NAME) == [V4, V6]
    unknown = asking.find("https://unknown.invalid/dns-query")
    asking.known["unknown.invalid"] = []
    with pytest.raises(Unreachable, match="the resolver's own name"):
        await unknown(NAME)


@pytest.mark.parametrize(
    ("status", "kind", "expected", "words"),
    [
        ("403", "application/dns-message", Refused, "403"),
        ("302", "application/dns-message", ServerFailed, "302"),
        ("503", "application/dns-message", ServerFailed, "503"),
        ("200", "text/html", ServerFailed, "application/dns-message"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_only_a_dns_message_with_status_200_is_an_answer(
    asking: Asking, status: str, kind: str, expected: type[LookupFailed], words: str
) -> None:
    port = asking.servers.http2(status, kind)
    with pytest.raises(expected, match=words):
        await asking.find(f"https://{HOST}:{port}/dns-query#127.0.0.1")(NAME)


@pytest_twisted.ensureDeferred
async def test_the_system_s_resolver_is_one_of_them(asking: Asking) -> None:
    asking.known[NAME] = [V4]
    assert await asking.find("system")(NAME) == [V4]


@pytest_twisted.ensureDeferred
async def test_of_a_resolver_s_addresses_the_next_is_tried_when_one_fails(
    asking: Asking,
) -> None:
    # nobody listens at the first; at the second the certificate is another's
    port = asking.servers.http2()
    asking.servers.impostor(port)
    asking.known[HOST] = [
        (socket.AF_INET, each) for each in ("127.0.0.9", "127.0.0.2", "127.0.0.1")
    ]
    assert await asking.find(f"https://{HOST}:{port}/dns-query")(NAME) == [V4, V6]


@pytest_twisted.ensureDeferred
async def test_roots_that_were_read_again_count_from_the_next_connection(
    asking: Asking, tmp_path: Path
) -> None:
    ca_file = tmp_path / "roots.pem"
    trustme.CA().cert_pem.write_to_path(str(ca_file))
    policy = ProfilePolicy(MODERN, ca_file, ())
    find = find_of(
        resolver(KINDS["tls"](asking.servers)),
        asking.reactor,
        Lookups(asking.reactor, asking.known.__getitem__),
        lambda alpn: policy,
        SECONDS,
    )
    with pytest.raises(Unverified):
        await find(NAME)
    ca_file.write_bytes(asking.servers.ca_file.read_bytes())
    policy.renew()
    assert await find(NAME) == [V4, V6]
