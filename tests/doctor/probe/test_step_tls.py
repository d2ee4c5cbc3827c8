"""Which addresses of a name are compared."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.config.load import take_stock
from streamr.doctor.evidence import Connect, Handshake, Matrix, NameLookup, Place
from streamr.doctor.probe.lateness import Lateness
from streamr.doctor.probe.run import Case, Limits
from streamr.doctor.probe.step_tls import Arms
from streamr.doctor.probe.trials import Runner
from tests.doctor.scenes import DIRECT, HERE, SIX, shaken

ELSEWHERE = Place("203.0.113.66", 443)


class Probing:
    """As a Prober: handshakes are reset at these places."""

    def __init__(self, *bad: Place) -> None:
        self.bad = bad

    async def shake(self, host: str, profile: str, place: Place) -> Handshake:
        return shaken(host, place, "tls_reset" if place in self.bad else None)


class Compared(SynchronousTestCase):
    """The direct name has an IPv6 address and two of IPv4."""

    def compared(self, *checks: Handshake, bad: Place = SIX) -> Matrix:
        clock = Clock()
        stock = take_stock({}, {}, needs_key=False)
        assert stock.settings is not None
        case = Case(clock, stock.settings, Limits(), lambda *_: None, clock.seconds)
        case.begin()
        own = (SIX, ELSEWHERE, HERE)
        case.lookups = [NameLookup(DIRECT, "system", own)]
        case.connects = [Connect(each, None, 9) for each in own]
        case.checks = list(checks)
        prober = Probing(bad)
        lateness = Lateness(clock)
        runner = Runner(clock, prober, lateness, 12, 0.0)  # type: ignore[arg-type]
        running = Deferred.fromCoroutine(Arms(case, runner).compare_addresses())
        for _ in range(100):
            clock.advance(0.01)
        self.successResultOf(running)
        case.end()
        return case.addresses

    def test_one_where_handshakes_fail_with_one_where_they_succeed(self) -> None:
        found = self.compared(shaken(DIRECT, SIX, "tls_reset"), shaken(DIRECT, HERE))
        (difference,) = found.differences
        self.assertEqual([SIX], [found.arms[each].place for each in difference.worse])
        self.assertEqual([HERE], [found.arms[each].place for each in difference.better])

    def test_a_family_without_one_that_works_before_a_single_address(self) -> None:
        found = self.compared(
            shaken(DIRECT, ELSEWHERE, "tls_reset"),
            shaken(DIRECT, SIX, "tls_reset"),
            shaken(DIRECT, HERE),
        )
        self.assertEqual([SIX, HERE], [each.place for each in found.arms])

    def test_what_was_chance_shows_no_difference(self) -> None:
        checks = (shaken(DIRECT, SIX, "tls_reset"), shaken(DIRECT, HERE))
        found = self.compared(*checks, bad=ELSEWHERE)
        self.assertEqual((), found.differences)
        self.assertTrue(found.settled)

    def test_nothing_is_compared_where_nothing_failed_or_nothing_works(self) -> None:
        reset = shaken(DIRECT, SIX, "tls_reset")
        stranger = shaken(DIRECT, SIX, "tls_certificate_error")
        for checks in (
            (shaken(DIRECT, HERE),),
            (reset,),
            (stranger, shaken(DIRECT, HERE)),
        ):
            self.assertEqual((), self.compared(*checks).arms)
