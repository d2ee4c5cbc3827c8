"""Steps of the examination: what resolvers say of TMDB's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from twisted.internet.interfaces import IReactorTime

from streamr.doctor.diagnosis.facts import Facts
from streamr.doctor.evidence import LITERAL, NOBODY, NameLookup, Place
from streamr.doctor.probe.dns import look_up
from streamr.doctor.probe.http import gathered
from streamr.doctor.probe.run import MOST_PLACES, Case
from streamr.doctor.probe.step_tcp import Addresses
from streamr.net.networks import address_in
from streamr.upstream.resolve.cache import Find

# Nobody answers, so that is waited for; who answers in their place is near.
NOBODY_SECONDS = 1.0


class Names:
    """The resolver in use, whose name is `by`; the others that the settings list
    (`given`), which are always asked; and more for a second opinion."""

    def __init__(
        self,
        case: Case,
        clock: IReactorTime,
        find: Find,
        by: str,
        given: Mapping[str, Find],
        second: Mapping[str, Find],
        second_over_tcp: Mapping[str, Find],
        nobody: Find | None,
    ) -> None:
        self._case = case
        self._clock = clock
        self._find, self._by, self._second = find, by, second
        self._given = given
        self._over_tcp = second_over_tcp
        self._nobody = nobody

    async def look_up(self) -> None:
        """Each name once, as streamr finds it: by its pin, or by the resolver."""
        case = self._case
        case.tell("names", ", ".join(case.hosts))
        found = await gathered(map(self.by_each, case.hosts))
        case.lookups = [first for first, *_others in found]
        case.second = [each for _first, *others in found for each in others]

    async def by_each(self, host: str) -> list[NameLookup]:
        """A name as streamr finds it, and then by the other resolvers that are listed;
        an address in its place is asked of nobody."""
        given = self._given.items() if address_in(host) is None else ()
        return await gathered(
            [self._first(host), *(self._asked(host, by, find) for by, find in given)]
        )

    async def _first(self, host: str) -> NameLookup:
        pinned = self._case.settings.tmdb_pins.get(host)
        port = self._case.port(host)
        if pinned is not None:
            places = tuple(Place(a, port if p is None else p) for a, p in pinned)
            return NameLookup(host, "TMDB_PINS", places)
        literal = address_in(host)
        if literal is None:
            return await self._asked(host, self._by, self._find)
        return NameLookup(host, LITERAL, (Place(str(literal), port),))

    async def _asked(self, host: str, by: str, find: Find) -> NameLookup:
        case = self._case
        limit = NOBODY_SECONDS if by == NOBODY else case.limits.dns
        seconds = min(limit, max(0.1, case.left))
        return await case.lateness.fair(
            lambda: look_up(host, case.port(host), by, find, self._clock, seconds)
        )

    async def ask_others(self, addresses: Addresses) -> None:
        """Other resolvers, for names that were verified nowhere, and whose the
        addresses are that they name."""
        case, facts = self._case, self._case.facts()
        asked = [
            (host, by, find)
            for host in case.hosts
            if case.is_tls(host) and self._is_suspect(facts, host)
            for by, find in self._opinions(facts, host)
        ]
        if not asked:
            return
        case.tell("second opinion", ", ".join({by for _, by, _ in asked}))
        case.second += await gathered(self._asked(*each) for each in asked)
        case.second += await gathered(map(self._asked_over_tcp, self._silent(facts)))
        await self._knock(addresses)
        await self.examine_others(addresses)

    async def _knock(self, addresses: Addresses) -> None:
        """Where no resolver has answered: does anything beyond this machine?"""
        asked = [each for each in self._case.second if each.tcp]
        if asked and not any(each.places for each in self._case.second):
            known = (each for each in asked if address_in(each.by) is not None)
            await addresses.connect(Place(each.by, 443) for each in known)

    async def examine_others(self, addresses: Addresses) -> None:
        """Whose the addresses are that other resolvers have named."""
        case, facts = self._case, self._case.facts()
        known = {(each.host, each.place) for each in case.checks}
        fresh = [
            (each.host, place)
            for each in case.second
            if each.by != NOBODY
            for place in facts.allowed(each.places)[:MOST_PLACES]
            if place not in facts.places(each.host)
            if case.is_tls(each.host) and (each.host, place) not in known
        ]
        await addresses.connect(place for _, place in fresh)
        facts = case.facts()
        await addresses.check(pair for pair in fresh if facts.answers(pair[1]))

    def _silent(self, facts: Facts) -> Iterator[tuple[str, str]]:
        """Names for which nobody has answered over UDP, with whom to ask over TCP."""
        found = [*self._case.second, *facts.evidence.lookups]
        asked = [each for each in self._case.second if each.by != NOBODY]
        for host in dict.fromkeys(each.host for each in asked):
            causes = {e.cause for e in found if e.host == host and e.by != NOBODY}
            if causes == {"dns_timeout"}:
                yield from ((host, by) for by in self._over_tcp)

    async def _asked_over_tcp(self, asked: tuple[str, str]) -> NameLookup:
        host, by = asked
        return replace(await self._asked(host, by, self._over_tcp[by]), tcp=True)

    def _opinions(self, facts: Facts, host: str) -> Iterator[tuple[str, Find]]:
        """Whom to ask: for a pinned name also the resolver that it bypasses."""
        if host in self._case.settings.tmdb_pins:
            yield self._by, self._find
        if facts.elsewhere(host) is None:
            yield from self._second.items()
            if self._nobody is not None:
                yield NOBODY, self._nobody

    def _is_suspect(self, facts: Facts, host: str) -> bool:
        """True when a name was verified at none of its addresses, or somebody else
        answers at one of them."""
        return not facts.at_home(host) or any(
            map(facts.is_stranger, facts.places(host))
        )
