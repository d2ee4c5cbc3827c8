"""When the host of the pictures is looked at, and how."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.config.load import take_stock
from streamr.doctor.evidence import PICTURES, Handshake, NameLookup, Place
from streamr.doctor.probe.run import Case, ProbeLimits
from streamr.doctor.probe.step_dns import Names
from streamr.doctor.probe.step_pictures import PictureStep
from tests.doctor.scenes import DIRECT, HERE, PROFILES, SIX, THERE, shaken

FOUND = [(10, str(SIX.address)), (2, HERE.address), (2, THERE.address)]


class Probing:
    """As a Prober: every handshake stands."""

    def __init__(self) -> None:
        self.made: list[tuple[str, Place]] = []

    async def shake(self, host: str, profile: str, place: Place) -> Handshake:
        self.made.append((host, place))
        return shaken(host, place)


class Looked(SynchronousTestCase):
    """One lookup, one handshake of each profile in each family."""

    def made(
        self, place: Place = HERE, by: str = "system", **settings: str
    ) -> list[tuple[str, Place]]:
        clock, prober = Clock(), Probing()
        stock = take_stock({}, settings, needs_key=False)
        assert stock.settings is not None, stock.problems
        case = Case(
            clock, stock.settings, ProbeLimits(), lambda *_: None, clock.seconds
        )
        case.begin()
        case.lookups = [NameLookup(DIRECT, by, (place,))]
        names = Names(
            case, clock, lambda _name: succeed(FOUND), "system", {}, {}, {}, None
        )
        pictures = PictureStep(case, names, prober)  # type: ignore[arg-type]
        self.successResultOf(Deferred.fromCoroutine(pictures.examine()))
        case.end()
        self.looked = case.pictures
        return prober.made

    def test_each_family_is_tried_once(self) -> None:
        self.assertEqual({(PICTURES, SIX), (PICTURES, HERE)}, set(self.made()))
        self.assertEqual(2 * len(PROFILES), len(self.made()))
        self.assertEqual([PICTURES], [each.host for each in self.looked])

    def test_a_family_that_is_forced_is_the_only_one(self) -> None:
        made = self.made(STREAMR_ADDRESS_FAMILY="ipv4")
        self.assertEqual({(PICTURES, HERE)}, set(made))

    def test_a_pin_is_obeyed(self) -> None:
        self.made(TMDB_PINS=f"{PICTURES}=203.0.113.7")
        self.assertEqual(["TMDB_PINS"], [each.by for each in self.looked])

    def test_a_lookalike_has_no_pictures(self) -> None:
        for family in ("auto", "ipv6"):
            here = Place("127.0.0.1", 443)
            more = {"STREAMR_ADDRESS_FAMILY": family}
            self.assertEqual([], self.made(here, by="TMDB_PINS", **more))
        self.assertNotEqual([], self.made(here))
        for url in ("https://api.themoviedb.org:4430/3", "https://localhost/3"):
            self.assertEqual([], self.made(TMDB_BASE_URL=url))
