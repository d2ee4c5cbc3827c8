"""Outbound proxies and resolvers that the settings list are tried, over sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from streamr.doctor.diagnosis.diagnose import judge
from streamr.doctor.evidence import Evidence
from streamr.doctor.report.bundle import bundle
from streamr.policy.redact import Redactor
from streamr.simulator.network import Network
from streamr.simulator.surroundings.dns import NameServer
from tests.doctor.drawer import BOTH, KEY
from tests.doctor.examining import examine
from tests.proxies import PASSWORD, Proxy
from tests.stack import closed_port

WALL = {"answers": ["127.0.0.6"], "boxes": {"127.0.0.6": "reset-at-accept"}}
ANNA = "anna:canary%3A%20gr%C3%BC%C3%9Fe@"


@dataclass
class Place:
    """A network behind a wall, and proxies that lead past it."""

    reactor: Any
    directory: Path
    network: Network
    ports: list[Any] = field(default_factory=list)

    def proxy(self, *, socks: bool) -> tuple[Proxy, int]:
        made = Proxy(self.reactor, socks=socks)
        self.ports.append(self.reactor.listenTCP(0, made, interface="127.0.0.1"))
        return made, int(self.ports[-1].getHost().port)

    async def examined(self, **settings: str) -> Evidence:
        found = {**self.network.environment, "TMDB_API_KEY": KEY, **settings}
        return await examine(self.reactor, found, self.network.dns, self.directory)


@pytest_twisted.async_yield_fixture
async def walled(reactor: Any, tmp_path: Path) -> AsyncIterator[Place]:
    spec = {"hosts": dict.fromkeys(BOTH, WALL)}
    network = Network(reactor, tmp_path, spec, keys=frozenset({KEY}))
    network.startService()
    made = Place(reactor, tmp_path, network)
    yield made
    for port in made.ports:
        await port.stopListening()
    await network.stopService()


@pytest_twisted.ensureDeferred
async def test_an_outbound_proxy_that_works_is_advised_and_refusals_are_told_apart(
    walled: Place,
) -> None:
    _working, good = walled.proxy(socks=True)
    refusing, denies = walled.proxy(socks=False)
    refusing.says = b"HTTP/1.1 403 No\r\n\r\n"
    listed = (
        "direct",
        f"http://127.0.0.1:{closed_port()}#gone",
        f"http://127.0.0.1:{denies}#stranger",
        f"http://{ANNA}127.0.0.1:{denies}#denies",
        f"socks5://{ANNA}127.0.0.1:{denies}#other-kind",
        f"socks5://{ANNA}127.0.0.1:{good}#good",
    )
    found = await walled.examined(STREAMR_EGRESS=",".join(listed))
    causes = {each.name: each.cause for each in found.egresses}
    assert causes == {
        "gone": "egress_unreachable",
        "stranger": "egress_authentication",
        "denies": "egress_denied",
        "other-kind": causes["other-kind"],
        "good": None,
    }
    assert (causes["other-kind"] or "").startswith("egress_")
    diagnosis = judge(found)
    assert diagnosis.advice is not None and diagnosis.advice.tried
    first = f"socks5://[redacted]@127.0.0.1:{good}#good,direct,"
    assert diagnosis.advice.setting.startswith(f"STREAMR_EGRESS={first}")
    assert not diagnosis.sound
    told = json.dumps(bundle(found, Redactor([])))
    for private in (PASSWORD, "canary", "anna", "other-kind", str(denies)):
        assert private not in told


@pytest_twisted.ensureDeferred
async def test_nothing_goes_to_tmdb_directly_where_direct_is_not_listed(
    walled: Place,
) -> None:
    _working, good = walled.proxy(socks=True)
    egress = f"socks5://{ANNA}127.0.0.1:{good}#good"
    found = await walled.examined(STREAMR_EGRESS=egress)
    assert (found.lookups, found.connects, found.checks) == ((), (), ())
    assert judge(found).sound


@pytest.fixture
def poisoned(reactor: Any, tmp_path: Path) -> Iterator[Place]:
    """A network in which the system's resolver lies, with an honest one beside it."""
    lie = {"answers": ["127.0.0.2"]}
    network = Network(
        reactor,
        tmp_path,
        {"dns": True, "hosts": dict.fromkeys(BOTH, lie)},
        keys=frozenset({KEY}),
    )
    network.startService()
    yield Place(reactor, tmp_path, network)
    pytest_twisted.blockon(network.stopService())


@pytest_twisted.ensureDeferred
async def test_a_listed_resolver_that_tells_the_truth_is_advised(
    poisoned: Place,
) -> None:
    network = poisoned.network
    truth = {name: ["127.0.0.1"] for name in BOTH}
    server = NameServer(poisoned.reactor, truth)
    try:
        found = await poisoned.examined(
            STREAMR_RESOLVERS=f"{network.dns},{server.address}"
        )
    finally:
        await server.stop()
    diagnosis = judge(found)
    assert "dns_poisoned" in diagnosis.codes
    said = "\n".join(each.sentence for each in diagnosis.verdicts)
    assert "gives TMDB's addresses" in said
    assert diagnosis.advice is not None and diagnosis.advice.tried
    assert diagnosis.advice.setting == (
        f"STREAMR_RESOLVERS=udp://{server.address},udp://{network.dns}"
    )


@pytest_twisted.ensureDeferred
async def test_a_peer_is_asked_where_the_settings_pin_it(
    reactor: Any, tmp_path: Path
) -> None:
    spec = {"proxies": ["works"]}
    network = Network(reactor, tmp_path, spec, keys=frozenset({KEY}))
    network.startService()
    place = Place(reactor, tmp_path, network)
    found = network.environment
    url = found["TMDB_PROXY_URL"].replace("127.0.0.1", "friend.internal")
    pins = f"{found['TMDB_PINS']},friend.internal=127.0.0.1"
    try:
        evidence = await place.examined(TMDB_PROXY_URL=url, TMDB_PINS=pins)
    finally:
        await network.stopService()
    chosen = [each for each in evidence.proxies if each.chosen]
    assert [(each.cause, each.status) for each in chosen] == [(None, 200)]
