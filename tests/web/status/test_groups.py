"""Which of a proxy's routes are shown, and what is said of the others."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from streamr.boundaries import Dimensions
from streamr.errors import Fault
from streamr.routing.failover import Failover
from streamr.routing.health import Health
from streamr.web.status import drawing
from streamr.web.status.groups import MOST_SHOWN, NEXT, Chosen, chosen
from streamr.web.status.sections import routes
from streamr.web.status.text import text
from tests.support import FakeRoute, Notes, gateway_over
from tests.web.status.support import PROXY, StatusCase

HOSTS = ("api.themoviedb.org", "api.tmdb.org")
EGRESSES = ("direct", "warp", "vpn")
RESOLVERS = ("system", "quad9", "10.0.0.1")


def route(
    profile: str,
    host: str = HOSTS[0],
    family: str = "auto",
    egress: str = "direct",
    resolver: str = "system",
) -> FakeRoute:
    """A route of the proxy's, named as the search names them."""
    if egress != "direct":
        family = resolver = "remote"
    name = f"{profile}@{host}+{egress}+{resolver}+{family}"
    dimensions = Dimensions(host, profile, family, egress, resolver)
    return FakeRoute(name, dimensions=dimensions)


USUAL = [route(profile, host) for profile in ("classic", "modern") for host in HOSTS]
GIVEN = [
    *(route("modern", resolver=each) for each in RESOLVERS[1:]),
    *(route("modern", egress=each) for each in EGRESSES[1:]),
]
FURTHER = [
    route(profile, host, family, resolver=resolver)
    for resolver in RESOLVERS
    for profile in ("modern", "classic", "tls12")
    for host in HOSTS
    for family in ("ipv4", "ipv6")
]
MOST = 64


class GroupsCase(StatusCase):
    """A proxy with three egresses and three resolvers."""

    def begin(self, behind: list[FakeRoute], most: int = MOST) -> None:
        health = Health(behind, self.clock, self.wall, most=most, chance=lambda: 0.5)
        failover = Failover(health, self.clock, tried=lambda _attempt: None)
        self.behind = gateway_over(failover, self.clock, Notes(), "streamr-proxy")
        self.sources = replace(self.sources, proxy_gateways={PROXY: self.behind})

    def found(self) -> Chosen:
        return chosen(self.shown()["routes"][1])

    def tried(self, each: FakeRoute, cause: str | None = None) -> None:
        fault = None if cause is None else Fault(cause)
        self.behind.failover.health.tried(each, fault, 41)
        self.history.route(each.name).tried(cause is None, self.clock.seconds())


class Groups(GroupsCase):
    def test_routes_that_leave_alike_stand_together_under_one_label(self) -> None:
        self.begin([USUAL[0], *GIVEN, *USUAL[1:]])
        found = [(each.label, len(each.routes)) for each in self.found().groups]
        self.assertEqual(
            found,
            [
                ("directly, resolver system", len(USUAL)),
                ("directly, resolver quad9", 1),
                ("directly, resolver 10.0.0.1", 1),
                ("through warp", 1),
                ("through vpn", 1),
            ],
        )

    def test_one_resolver_needs_no_name(self) -> None:
        self.begin([*USUAL, GIVEN[-1]])
        labels = [each.label for each in self.found().groups]
        self.assertEqual(labels, ["directly", "through vpn"])

    def test_where_all_leave_alike_nothing_is_said_of_it(self) -> None:
        self.begin(USUAL, len(USUAL))
        [group] = self.found().groups
        self.assertEqual(group.label, "")
        self.assertEqual([name for name, _ in group.routes], [x.name for x in USUAL])

    def test_below_a_label_a_name_says_only_what_differs(self) -> None:
        forced = route("modern", family="ipv6", resolver="quad9")
        self.begin([*USUAL, forced, GIVEN[-1]])
        names = [name for group in self.found().groups for name, _ in group.routes]
        self.assertEqual(
            names[-2:], ["modern@api.themoviedb.org+ipv6", "modern@api.themoviedb.org"]
        )

    def test_what_a_proxy_elsewhere_does_is_not_known_here(self) -> None:
        self.assertEqual(chosen(self.shown()["routes"][0]), Chosen((), ""))


class Next(GroupsCase):
    def test_what_the_next_request_tries_is_shown_though_others_came_first(
        self,
    ) -> None:
        self.begin([*USUAL, *GIVEN, *FURTHER])
        shown = self.shown()["routes"][1]
        last = shown["proxy_routes"][-1]
        self.assertNotIn(last, chosen(shown).routes)
        last["place"] = 1
        self.assertIn(last, chosen(shown).routes)
        last["place"] = NEXT + 1
        self.assertNotIn(last, chosen(shown).routes)


class Rest(GroupsCase):
    def test_routes_that_nobody_needed_are_one_line(self) -> None:
        self.begin([*USUAL, *GIVEN])
        rest = self.found().rest
        self.assertEqual(
            rest, f"{MOST - len(USUAL + GIVEN)} more routes, not tried yet"
        )

    def test_where_all_are_shown_there_is_no_such_line(self) -> None:
        self.begin(USUAL, len(USUAL))
        self.assertEqual(self.found().rest, "")

    def test_the_last_one_is_one_route(self) -> None:
        self.begin(USUAL, len(USUAL) + 1)
        self.assertEqual(self.found().rest, "1 more route, not tried yet")

    def test_what_is_left_out_is_counted_by_how_it_does(self) -> None:
        every = [*USUAL, *GIVEN, *FURTHER]
        self.begin(every)
        for each in every[:-3]:
            self.tried(each, "tls_reset")
        self.clock.advance(61)  # what failed that long ago fails no more
        for each in every[:-6]:
            self.tried(each, "tls_reset")
        left = MOST - MOST_SHOWN
        counted = f"{left} more routes: {len(every) - 6 - MOST_SHOWN} failing, "
        counted += f"{MOST - len(every) + 3} not tried yet, 3 not needed lately"
        self.assertEqual(self.found().rest, counted)


class Crowded(GroupsCase):
    def setUp(self) -> None:
        super().setUp()
        self.every = [*USUAL, *GIVEN, *FURTHER]
        self.begin(self.every)
        for each in self.every:
            self.tried(each, "tls_reset")

    def names(self) -> list[str]:
        return [each["route"] for each in self.found().routes]

    def test_only_so_many_are_shown(self) -> None:
        self.assertGreater(len(self.every), 40)
        self.assertEqual(len(self.names()), MOST_SHOWN)

    def test_what_answers_is_shown_wherever_it_stands(self) -> None:
        self.tried(self.every[-1])
        self.assertIn(self.every[-1].name, self.names())

    def test_each_way_out_is_shown_also_when_it_fails(self) -> None:
        self.breaks(self.behind, GIVEN[-1])
        for each in (USUAL[0], *GIVEN):
            self.assertIn(each.name, self.names())

    def test_what_fails_for_good_is_left_out_first(self) -> None:
        self.assertIn(USUAL[1].name, self.names())
        self.breaks(self.behind, USUAL[1])
        self.assertNotIn(USUAL[1].name, self.names())

    def test_the_page_the_drawings_and_the_text_show_the_same(self) -> None:
        shown, found = self.shown(), self.found()
        # beside routes: main, and in the wide drawing the app and TMDB
        for draw, others in ((drawing.wide, 3), (drawing.narrow, 1)):
            drawn = ElementTree.fromstring(draw(shown))
            words = [each.text for each in drawn.iter("text")]
            labels = [each.label for each in found.groups]
            self.assertLessEqual({*labels, found.rest}, set(words))
            boxes = list(drawn.iter("rect"))
            self.assertEqual(len(boxes), 2 + MOST_SHOWN + others)
        table = ElementTree.fromstring(f"<table>{routes(shown)}</table>")
        self.assertEqual(len(list(table.iter("tr"))), 1 + 2 + MOST_SHOWN + 1)
        self.assertIn(found.rest, "".join(table.itertext()))
        lines = text(shown).splitlines()
        self.assertIn(f"  {found.rest}", lines)
        for name in self.names():
            self.assertEqual(1, sum(name in line.split() for line in lines))

    def test_they_stay_inside_their_drawing(self) -> None:
        for draw in (drawing.wide, drawing.narrow):
            drawn = ElementTree.fromstring(draw(self.shown()))
            _, top, _, height = map(float, drawn.attrib["viewBox"].split())
            for each in drawn.iter("rect"):
                bottom = float(each.attrib["y"]) + float(each.attrib["height"])
                self.assertLessEqual(bottom, top + height)
            for each in drawn.iter("text"):
                self.assertLessEqual(float(each.attrib["y"]), top + height)
