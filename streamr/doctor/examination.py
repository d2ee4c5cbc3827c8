"""The examination: from names to bodies, each step with its deadline, 30 s in all.

It reads only the wire. What it finds is an `Evidence`; what that means is the judge's.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from streamr.daemon import reachable
from streamr.doctor import house
from streamr.doctor.asking import Asker, gathered
from streamr.doctor.evidence import (
    LITERAL,
    Connect,
    Evidence,
    Handshake,
    House,
    Lookup,
    Matrix,
    Place,
    ProxyReply,
    Reply,
)
from streamr.doctor.facts import Facts
from streamr.doctor.names import Find, look_up
from streamr.doctor.probes import Prober, policies
from streamr.doctor.studies import PROFILES, Runner, matrix_study, names_study
from streamr.errors import SettingsError
from streamr.reading import Stock
from streamr.upstream.lookup import RememberingResolver

# TMDB's CDN drops connections beyond some 20 from one address (facts: field.md).
MOST_AT_ONCE = 12
# TMDB has four addresses in each family; a resolver that gives more says nothing new.
MOST_PLACES = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each probe and the whole may take, in seconds."""

    dns: float = 3.0
    tcp: float = 3.0
    tls: float = 2.5
    http: float = 5.0
    arms: float = 11.0
    pause: float = 0.05
    total: float = 26.0


class Examination:
    """One run of the doctor."""

    def __init__(
        self,
        reactor: Any,
        stock: Stock,
        find: Find,
        by: str,
        *,
        second: Mapping[str, Find],
        limits: Limits,
        wall: Callable[[], float] = time.time,
        tell: Callable[[str, str], None] = lambda _step, _text: None,
    ) -> None:
        """`find` looks names up and `by` is its name; `second` are other resolvers.

        Raises SettingsError when a setting cannot be used.
        """
        found = stock.settings
        if found is None:
            raise SettingsError(list(stock.problems))
        profiles = policies(found.tmdb_ca_file)
        self._reactor = reactor
        self._settings = found
        self._stock = stock
        self._find, self._by, self._second = find, by, second
        self._limits = limits
        self._tell = tell
        self._prober = Prober(reactor, profiles, limits.tcp, limits.tls)
        self._runner = Runner(reactor, self._prober, MOST_AT_ONCE, limits.pause)
        names = RememberingResolver(find, reactor)
        self._asker = Asker(
            reactor, found, profiles, names, wall, limits.http, limits.tls
        )
        self._urls: dict[str, SplitResult] = {}
        for url in (found.tmdb_base_url, *found.tmdb_alternate_urls):
            parts = urlsplit(url)
            self._urls.setdefault(parts.hostname or "", parts)
        self._until = 0.0
        # what has been seen so far
        self._house = House()
        self._lookups: list[Lookup] = []
        self._others: list[Lookup] = []
        self._connects: list[Connect] = []
        self._checks: list[Handshake] = []
        self._matrix = self._names = Matrix()
        self._replies: list[Reply] = []
        self._proxies: list[ProxyReply] = []

    async def run(self) -> Evidence:
        """Everything, in the order of the way."""
        began = self._reactor.seconds()
        self._until = began + self._limits.total
        working = Deferred.fromCoroutine(self._work())
        await ended_or_late(working, self._limits.total, self._reactor)
        return self.evidence(self._reactor.seconds() - began)

    async def _work(self) -> None:
        inspecting = self._inspect()
        proxies = Deferred.fromCoroutine(self._ask_proxies())
        for step in (
            self._look_up,
            self._connect_all,
            self._check_places,
            self._shake_arms,
            self._cross_names,
            self._ask_others,
            self._ask_tmdb,
        ):
            await step()
        await proxies
        self._house = await inspecting

    def evidence(self, seconds: float = 0.0) -> Evidence:
        """What has been seen so far."""
        found = self._settings
        return Evidence(
            hosts=tuple(self._urls),
            has_key=bool(found.tmdb_api_key or found.tmdb_access_token),
            family=found.address_family,
            pinned=tuple(host for host in self._urls if host in found.tmdb_pins),
            house=self._house,
            lookups=tuple(self._lookups),
            second=tuple(self._others),
            connects=tuple(self._connects),
            checks=tuple(self._checks),
            matrix=self._matrix,
            names=self._names,
            replies=tuple(self._replies),
            proxies=tuple(self._proxies),
            seconds=round(seconds, 1),
            out_of_time=self._left() <= 0,
        )

    def _left(self) -> float:
        return self._until - float(self._reactor.seconds())

    def _facts(self) -> Facts:
        return Facts(self.evidence())

    def _is_tls(self, host: str) -> bool:
        return self._urls[host].scheme == "https"

    def _port(self, host: str) -> int:
        parts = self._urls[host]
        return parts.port or (443 if parts.scheme == "https" else 80)

    # -- this machine

    def _inspect(self) -> Deferred[House]:
        return deferToThreadPool(
            self._reactor,
            self._reactor.getThreadPool(),
            house.inspect,
            self._settings,
            self._stock.found,
        )

    # -- names

    async def _look_up(self) -> None:
        self._tell("names", ", ".join(self._urls))
        self._lookups = await gathered(map(self._first_lookup, self._urls))

    async def _first_lookup(self, host: str) -> Lookup:
        pinned = self._settings.tmdb_pins.get(host)
        port = self._port(host)
        if pinned is not None:
            places = tuple(Place(a, port if p is None else p) for a, p in pinned)
            return Lookup(host, "TMDB_PINS", places)
        try:
            literal = str(ipaddress.ip_address(host))
        except ValueError:
            return await self._asked(host, self._by, self._find)
        return Lookup(host, LITERAL, (Place(literal, port),))

    async def _asked(self, host: str, by: str, find: Find) -> Lookup:
        seconds = min(self._limits.dns, max(0.1, self._left()))
        return await look_up(host, self._port(host), by, find, self._reactor, seconds)

    # -- TCP, and whose addresses they are

    async def _connect_all(self) -> None:
        facts = self._facts()
        await self._connect(
            place for host in self._urls for place in facts.places(host)[:MOST_PLACES]
        )

    async def _connect(self, places: Iterable[Place]) -> None:
        known = {each.place for each in self._connects}
        fresh = [each for each in dict.fromkeys(places) if each not in known]
        self._tell("tcp", f"{len(fresh)} addresses")
        self._connects += await gathered(map(self._connect_one, fresh))

    async def _connect_one(self, place: Place) -> Connect:
        """Two tries at once: one lost packet is no dead address."""
        tries = await gathered(self._prober.connect(place) for _ in range(2))
        best: Connect = min(tries, key=lambda each: (each.cause is not None, each.ms))
        return best

    async def _check_places(self) -> None:
        """Whose is each address? Its own name first, then TMDB's other names."""
        hosts = [host for host in self._urls if self._is_tls(host)]
        facts = self._facts()
        own = [(h, p) for h in hosts for p in facts.places(h) if facts.answers(p)]
        await self._check(own)
        facts = self._facts()
        doubtful = dict.fromkeys(place for _, place in own if not facts.reached(place))
        await self._check((h, p) for p in doubtful for h in hosts if (h, p) not in own)

    async def _check(self, pairs: Iterable[tuple[str, Place]]) -> None:
        """One handshake for each profile: one of them may be what does not pass."""
        wanted = list(dict.fromkeys(pairs))
        if wanted:
            self._tell("identity", f"{len(wanted)} names at addresses")
        self._checks += await gathered(
            self._prober.shake(host, profile, place)
            for host, place in wanted
            for profile in PROFILES
        )

    # -- TLS

    def _anchor(self, host: str, facts: Facts) -> Place | None:
        """The address at which a host's arms are tried: the likeliest to be TMDB's."""
        places = [each for each in facts.places(host) if facts.answers(each)]
        return min(
            places,
            key=lambda p: (not facts.verified(host, p), not facts.reached(p)),
            default=None,
        )

    async def _shake_arms(self) -> None:
        facts = self._facts()
        anchors = {
            host: place
            for host in self._urls
            if self._is_tls(host) and (place := self._anchor(host, facts))
        }
        if anchors:
            self._matrix = await self._runner.run(
                matrix_study(anchors), self._arms_until(), self._told("arms")
            )

    async def _cross_names(self) -> None:
        """A/B of names at one address, where one name fails more than another."""
        matrix = self._matrix
        for each in matrix.differences:
            if not each.name.startswith("names"):
                continue
            worse, better = matrix.arms[each.worse[0]], matrix.arms[each.better[0]]
            good = [matrix.arms[index] for index in each.better]
            best = max(good, key=lambda arm: arm.ok / arm.tries)
            study = names_study(worse.host, better.host, best.profile, worse.place)
            self._names = await self._runner.run(
                study, self._arms_until(), self._told("names at one address")
            )
        facts = self._facts()
        compared = {arm.host for arm in self._names.arms if self._names.differences}
        await self._check(
            (host, place)
            for host in self._urls
            if self._is_tls(host) and self._is_lost(facts, host)
            if host not in compared
            for other in self._urls
            if other != host
            for place in facts.places(other)
            if facts.verified(other, place)
        )

    def _is_lost(self, facts: Facts, host: str) -> bool:
        """True when a name was verified nowhere yet."""
        return not facts.at_home(host) and facts.elsewhere(host) is None

    def _arms_until(self) -> float:
        """When a study has to stop; the handshakes under way still need their time."""
        last = self._until - self._limits.tls
        return min(last, float(self._reactor.seconds()) + self._limits.arms)

    def _told(self, step: str) -> Callable[[str], None]:
        return lambda text: self._tell(step, text)

    # -- second opinions

    async def _ask_others(self) -> None:
        """Other resolvers, for names that were verified nowhere."""
        facts = self._facts()
        asked = [
            (host, by, find)
            for host in self._urls
            if self._is_tls(host) and not facts.at_home(host)
            for by, find in self._opinions(facts, host)
        ]
        if not asked:
            return
        self._tell("second opinion", ", ".join({by for _, by, _ in asked}))
        self._others = await gathered(self._asked(*each) for each in asked)
        fresh = [
            (each.host, place)
            for each in self._others
            for place in facts.allowed(each.places)[:MOST_PLACES]
            if place not in facts.places(each.host)
        ]
        await self._connect(place for _, place in fresh)
        facts = self._facts()
        await self._check(
            (host, place) for host, place in fresh if facts.answers(place)
        )

    def _opinions(self, facts: Facts, host: str) -> Iterator[tuple[str, Find]]:
        """Whom to ask: for a pinned name also the resolver that it bypasses."""
        if host in self._settings.tmdb_pins:
            yield self._by, self._find
        if facts.elsewhere(host) is None:
            yield from self._second.items()

    # -- HTTP

    async def _ask_tmdb(self) -> None:
        self._tell("http", ", ".join(self._urls))
        facts = self._facts()
        ways = {host: self._way(host, facts) for host in self._urls}
        note = self._replies.append
        await gathered(
            self._asker.sampled(self._urls[host].geturl(), *way, note)
            for host, way in ways.items()
            if way is not None
        )

    def _way(self, host: str, facts: Facts) -> tuple[str, Place] | None:
        """Profile and place over which a host can be asked."""
        if not self._is_tls(host):
            places = [each for each in facts.places(host) if facts.answers(each)]
            return ("modern", places[0]) if places else None
        arms = [arm for arm in self._matrix.arms if arm.host == host and arm.ok]
        if arms:
            best = max(arms, key=lambda arm: arm.ok / arm.tries)
            return best.profile, best.place
        good = next((e for e in self._checks if e.host == host and not e.cause), None)
        return (good.profile, good.place) if good is not None else None

    async def _ask_proxies(self) -> None:
        """The chosen ones; without any, our own, which is no second vantage point."""
        found = self._settings
        chosen = found.tmdb_proxy_url
        own = f"http://{reachable(found.proxy_host)}:{found.proxy_port}"
        urls = chosen or ((own,) if found.only == "" and found.proxy_port else ())
        self._proxies = await gathered(
            self._asker.proxy(url, chosen=bool(chosen)) for url in urls
        )


def ended_or_late(
    working: Deferred[None], seconds: float, reactor: Any
) -> Deferred[None]:
    """Fires when the work has ended, or is cancelled because its time is up."""
    done: Deferred[None] = Deferred()

    def late() -> None:
        done.callback(None)
        working.cancel()

    def ended(result: Any) -> None:
        if not done.called:
            timer.cancel()
            done.callback(result)

    timer = reactor.callLater(seconds, late)
    working.addBoth(ended)
    return done
