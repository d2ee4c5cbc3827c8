"""Steps of the examination: which addresses answer to TCP, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from streamr.doctor.evidence import Connect, Place
from streamr.doctor.probe.http import gathered
from streamr.doctor.probe.run import MOST_PLACES, Case
from streamr.doctor.probe.tcp_tls import Prober
from streamr.upstream.dial.tls import PROFILES


class Addresses:
    """Connections to places, and single handshakes that tell who is there."""

    def __init__(self, case: Case, prober: Prober) -> None:
        self._case = case
        self._prober = prober

    async def connect_own(self) -> None:
        """TCP to each address that a name's own lookup gave."""
        facts = self._case.facts()
        await self.connect(
            place
            for host in self._case.hosts
            for place in facts.places(host)[:MOST_PLACES]
        )

    async def connect(self, places: Iterable[Place]) -> None:
        """TCP to the places that were not tried before."""
        case = self._case
        known = {each.place for each in case.connects}
        fresh = [each for each in dict.fromkeys(places) if each not in known]
        case.tell("tcp", f"{len(fresh)} addresses")
        case.connects += await gathered(map(self._connect_one, fresh))

    async def _connect_one(self, place: Place) -> Connect:
        """Two tries at once: one lost packet is no dead address."""
        lateness = self._case.lateness
        tries = await gathered(
            lateness.fair(lambda: self._prober.connect(place)) for _ in range(2)
        )
        best: Connect = min(tries, key=lambda each: (each.cause is not None, each.ms))
        return best

    async def check_own(self) -> None:
        """Whose is each address? Its own name first, then TMDB's other names."""
        case = self._case
        hosts = [host for host in case.hosts if case.is_tls(host)]
        facts = case.facts()
        own = [(h, p) for h in hosts for p in facts.places(h) if facts.answers(p)]
        if case.slow:
            own = _one_each(own)
        await self.check(own)
        facts = case.facts()
        doubtful = dict.fromkeys(place for _, place in own if not facts.reached(place))
        await self.check((h, p) for p in doubtful for h in hosts if (h, p) not in own)

    async def check(self, pairs: Iterable[tuple[str, Place]]) -> None:
        """One handshake for each profile: one of them may be what does not pass. On a
        slow line, one with the smallest ClientHello."""
        wanted = list(dict.fromkeys(pairs))
        if wanted:
            self._case.tell("identity", f"{len(wanted)} names at addresses")
        lateness = self._case.lateness
        self._case.checks += await gathered(
            lateness.fair(partial(self._prober.shake, host, profile, place))
            for host, place in wanted
            for profile in (("classic",) if self._case.slow else PROFILES)
        )


def _one_each(pairs: list[tuple[str, Place]]) -> list[tuple[str, Place]]:
    """The first of each name and family."""
    firsts = {(host, place.family): (host, place) for host, place in reversed(pairs)}
    return [each for each in pairs if each in firsts.values()]
