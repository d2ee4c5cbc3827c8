"""Steps of the examination: what does the line carry?

On a slow line the doctor's own handshakes fill it, and what gets lost then looks like a
filter. So one is made before all others. Where all of it came at once, which a router's
allowance for bursts may do as well, a few are made together: how much longer they take
shows the rate. The others keep to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from streamr.doctor.evidence import STARVED, Handshake, MeasuredLine, Place
from streamr.doctor.probe.http import gathered
from streamr.doctor.probe.run import Case
from streamr.doctor.probe.tcp_tls import Prober

# The largest ClientHello, so that there is something to carry in each direction.
PROFILE = "modern"
# What comes within a moment says nothing of the rate.
LEAST_MS = 20
# Several handshakes that take no longer than this make no slow line: at 128 kbit/s four
# take 400 ms longer than one, and a busy machine may hold four up for a quarter second.
LEAST_LONGER_MS = 300
# Where they take this much longer, no machine has held them up.
SURELY_MS = 1000
# The headers of some five packets in each direction, and our last flight.
HEADERS, FINISHED = 200, 100
# So many are made together.
TOGETHER = 4
# Of a line that looks slow, this is made sure of: this machine may have been busy.
ATTEMPTS = 2


class Measuring:
    """Makes handshakes on a line that is otherwise idle."""

    def __init__(self, case: Case, prober: Prober) -> None:
        self._case = case
        self._prober = prober

    async def measure(self) -> None:
        """At the place that TCP reached soonest; at another name's if it is reset."""
        case, facts = self._case, self._case.facts()
        for host in filter(case.is_tls, case.hosts):
            places = [each for each in facts.places(host) if facts.answers(each)]
            if not places:
                continue
            case.tell("line", host)
            ms = {each.place: each.ms for each in case.connects}
            nearest = min(places, key=ms.__getitem__)
            alone = await self._shake(host, nearest)
            if alone.size:
                case.line = await self._line(alone, ms[nearest])
                self._prober.pace(case.line.at_once)
                return
            if alone.cause == "tls_timeout":
                return  # another one would cost as much time

    async def _line(self, alone: Handshake, rtt_ms: int) -> MeasuredLine:
        found = MeasuredLine(rtt_ms, cost(alone), rate_of(alone))
        if found.rate is not None or alone.cause is not None:
            return found
        for _ in range(ATTEMPTS):
            again = (self._shake(alone.host, alone.place) for _ in range(TOGETHER))
            several = await gathered(again)
            found = replace(found, rate=rate_of_several(alone, several))
            if not found.is_slow or _longer(alone, several) > SURELY_MS:
                break
        return found

    async def _shake(self, host: str, place: Place) -> Handshake:
        lateness = self._case.lateness
        return await lateness.told(self._prober.shake(host, PROFILE, place))


def cost(shaken: Handshake) -> int:
    """Bytes of a handshake in the direction that has more of them."""
    return HEADERS + max(shaken.size, shaken.hello + FINISHED)


def rate_of(shaken: Handshake) -> float | None:
    """Bytes a second at which one came, where that took a while."""
    if not shaken.waited or shaken.waited_ms < LEAST_MS or is_late(shaken):
        return None
    return round(shaken.waited * 1000 / shaken.waited_ms)


def rate_of_several(alone: Handshake, together: Sequence[Handshake]) -> float | None:
    """Bytes a second, from how much longer several take than one alone."""
    if any(each.cause is not None or is_late(each) for each in together):
        return None
    longer = _longer(alone, together)
    if longer < LEAST_LONGER_MS:
        return None
    return round((len(together) - 1) * cost(alone) * 1000 / longer)


def _longer(alone: Handshake, together: Sequence[Handshake]) -> int:
    return max(each.ms for each in together) - alone.ms


def is_late(shaken: Handshake) -> bool:
    """True when this machine was too busy to tell the time of a handshake."""
    return shaken.lag >= STARVED
