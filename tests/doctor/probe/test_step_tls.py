"""Which addresses of a name are compared."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.config.load import take_stock
from streamr.doctor.evidence import Connect, Handshake, Matrix, NameLookup, Place
from streamr.doctor.probe.lateness import Lateness
from streamr.doctor.probe.run import Case, ProbeLimits
from streamr.doctor.probe.step_tls import Arms
from streamr.doctor.probe.trials import Runner
from tests.doctor.scenes import DIRECT, HERE, OTHER, SIX, THERE, shaken

ELSEWHERE = Place("203.0.113.66", 443)


class Probing:
    """As a Prober: handshakes are reset at these places."""

    def __init__(self, *bad: Place) -> None:
        self.bad = bad
        self.filtered: tuple[str, ...] = ()

    async def shake(self, host: str, profile: str, place: Place) -> Handshake:
        bad = place in self.bad or host in self.filtered
        return shaken(host, place, "tls_reset" if bad else None)


class Compared(SynchronousTestCase):
    """The direct name has an IPv6 address and two of IPv4."""

    def compared(self, *checks: Handshake, bad: Place = SIX) -> Matrix:
        clock = Clock()
        stock = take_stock({}, {}, needs_key=False)
        assert stock.settings is not None
        case = Case(
            clock, stock.settings, ProbeLimits(), lambda *_: None, clock.seconds
        )
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


class Checking:
    """As Addresses: it notes what handshakes would find."""

    def __init__(self, case: Case, cause: str | None) -> None:
        self.case = case
        self.cause = cause

    async def check(self, pairs: Iterable[tuple[str, Place]]) -> None:
        self.case.checks += [shaken(*pair, self.cause) for pair in pairs]


class BehindALie(SynchronousTestCase):
    """The direct name's resolver leads to a stranger; the other name is at home."""

    def compared(self, cause: str | None) -> Matrix:
        clock = Clock()
        stock = take_stock({}, {}, needs_key=False)
        assert stock.settings is not None
        case = Case(
            clock, stock.settings, ProbeLimits(), lambda *_: None, clock.seconds
        )
        case.begin()
        case.lookups = [
            NameLookup(DIRECT, "system", (ELSEWHERE,)),
            NameLookup(OTHER, "system", (THERE,)),
        ]
        case.connects = [Connect(each, None, 9) for each in (ELSEWHERE, THERE)]
        case.checks = [
            shaken(DIRECT, ELSEWHERE, "tls_certificate_error"),
            shaken(OTHER, THERE),
        ]
        prober = Probing()
        prober.filtered = (DIRECT,)
        lateness = Lateness(clock)
        runner = Runner(clock, prober, lateness, 12, 0.0)  # type: ignore[arg-type]
        checking = Checking(case, cause)
        comparing = Arms(case, runner).compare_names(checking)  # type: ignore[arg-type]
        running = Deferred.fromCoroutine(comparing)
        for _ in range(100):
            clock.advance(0.01)
        self.successResultOf(running)
        case.end()
        return case.names

    def test_names_are_compared_where_the_other_one_is_at_home(self) -> None:
        found = self.compared("tls_reset")
        (difference,) = found.differences
        worse, better = (
            found.arms[difference.worse[0]],
            found.arms[difference.better[0]],
        )
        self.assertEqual(
            [(DIRECT, THERE), (OTHER, THERE)],
            [
                (worse.host, worse.place),
                (better.host, better.place),
            ],
        )

    def test_not_where_the_name_gets_through_or_meets_a_stranger(self) -> None:
        for cause in (None, "tls_certificate_error"):
            self.assertEqual((), self.compared(cause).arms)
