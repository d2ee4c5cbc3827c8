"""Steps of the examination: can pictures be fetched from here?

Their host can be filtered alone. Who shows pictures asks it directly, or streamr for
them.
"""

from __future__ import annotations

from functools import partial

from streamr.doctor.evidence import PICTURES, Place
from streamr.doctor.probe.http import gathered
from streamr.doctor.probe.run import Case
from streamr.doctor.probe.step_dns import Names
from streamr.doctor.probe.tcp_tls import Prober
from streamr.tmdb.hosts import OFFICIAL_HOSTS
from streamr.upstream.dial.tls import PROFILES


class PictureStep:
    """The host that pictures come from: its addresses, and whose they are."""

    def __init__(self, case: Case, names: Names, prober: Prober) -> None:
        self._case = case
        self._names = names
        self._prober = prober

    async def examine(self) -> None:
        """Look it up as TMDB's other hosts, and make a verified handshake of each
        profile at an address of each family that each resolver gives."""
        case = self._case
        if not self._is_tmdb():
            return
        case.pictures = await self._names.by_each(PICTURES)
        facts = case.facts()
        firsts = dict.fromkeys(
            place
            for found in case.pictures
            for place in _one_each(facts.allowed(found.places))
        )
        case.picture_checks = await gathered(
            case.lateness.fair(partial(self._prober.shake, PICTURES, profile, place))
            for place in firsts
            for profile in (("classic",) if case.slow else PROFILES)
        )

    def _is_tmdb(self) -> bool:
        """False for a lookalike without pictures. That a resolver gives this machine's
        address makes none."""
        case = self._case
        direct = case.hosts[0]
        found = case.facts().lookup(direct)
        pinned = found.places if found and found.by == "TMDB_PINS" else ()
        here = any(each.is_loopback for each in pinned)
        at_home = (case.is_tls(direct), case.port(direct)) == (True, 443)
        has_pictures = not here or PICTURES in case.settings.tmdb_pins
        return direct in OFFICIAL_HOSTS and at_home and has_pictures


def _one_each(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """The first of each family."""
    return tuple({place.family: place for place in reversed(places)}.values())
