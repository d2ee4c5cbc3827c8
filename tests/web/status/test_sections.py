"""The parts of the page: each says in words what it draws, and nothing breaks out."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

from streamr.tmdb.catalogue import NOTICE
from streamr.web.status import charts, drawing
from streamr.web.status.document import BUTTONS, Shown, document
from streamr.web.status.sections import routes, sections
from streamr.web.status.shape import Minute
from streamr.web.status.text import text
from tests.observe.test_history import cached, direct, exchange, failed, fallback
from tests.support import FakeRoute, tell
from tests.web.status.support import CAME, PROXY, PROXY_ROUTE, StatusCase

EVIL = '"><script>alert(1)'
# A bar of a chart: how far from the top it begins, and its height.
BAR = re.compile(r"M[0-9.]+ ([0-9.]+)h[0-9.]+v([0-9.]+)")
# HTML elements without an end tag.
VOID = {"link", "meta", "br", "img"}


class Balanced(HTMLParser):
    """Whether every element ends where it should, and which ids there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.inline += [n for n, _ in attrs if n == "style" or n.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in dict(attrs)):
            self.inline.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Of SVG."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag


class Page(StatusCase):
    demo = True

    def busy(self) -> None:
        for told in (direct(), fallback(), cached(60), cached(-1), failed()):
            tell(self.history, told)
        self.breaks(self.gateway, self.direct)

    def page(self, may_act: bool = True) -> str:
        return document(self.shown(), [], may_act=may_act)

    def test_it_is_whole_html_without_anything_inline(self) -> None:
        for prepare in (lambda: None, self.busy):
            prepare()
            found = Balanced(self.page())
            self.assertEqual([], found.open)
            self.assertEqual(len(found.ids), len(set(found.ids)))
            self.assertEqual([], found.inline)

    def test_every_part_has_its_place_in_the_page(self) -> None:
        found = Balanced(self.page())
        self.assertEqual(set(), set(sections(self.shown())) - set(found.ids))

    def test_who_came_through_the_door_is_told_where_there_is_one(self) -> None:
        self.assertNotIn('id="door"', self.page())
        self.door = []
        self.assertIn("Nobody has come through it", self.page())
        self.door = [{**CAME, "address": "<b>"}]
        page = self.page()
        self.assertIn('<h2 id="h-door">The door</h2>', page)
        self.assertIn("<dt>&lt;b&gt;</dt><dd>12 calls, the last at <time", page)

    def test_the_first_paint_needs_no_script(self) -> None:
        self.busy()
        page = self.page()
        for part in sections(self.shown()).values():
            self.assertIn(part, page)

    def test_no_name_can_break_out_of_its_place(self) -> None:
        gateway = self.made("streamr-main", [FakeRoute(EVIL), self.proxy])
        self.sources = replace(self.sources, gateway=gateway)
        attempts = (self.attempt(EVIL, EVIL),)
        tell(self.history, exchange(502, template=EVIL, attempts=attempts))
        shown = self.shown()
        first = shown["routes"][0]
        first |= {"at": shown["at"], "cause": EVIL, "meaning": EVIL, "breaker": EVIL}
        evil = Shown(EVIL, EVIL, EVIL, EVIL)
        self.assertNotIn("<script>", document(shown, [evil], may_act=True))

    def test_tmdbs_notice_stands_on_it(self) -> None:
        self.assertIn(NOTICE, self.page())

    def test_the_buttons_are_for_who_may_use_them(self) -> None:
        for button in BUTTONS:
            self.assertIn(button.text, self.page())
            self.assertNotIn(button.text, self.page(may_act=False))

    def test_settings_are_shown_only_when_they_are_handed_in(self) -> None:
        one = Shown("PORT", "3001", "default", "Port of the main server.")
        self.assertIn("3001", document(self.shown(), [one], may_act=False))
        hidden = document(self.shown(), None, may_act=False)
        self.assertNotIn("settings", hidden)


class WithoutDemo(StatusCase):
    def test_there_is_nothing_to_break(self) -> None:
        page = document(self.shown(), [], may_act=True)
        self.assertNotIn("<button", page)
        self.assertNotIn("wall", page)


class Drawings(StatusCase):
    def test_both_drawings_are_sound_xml_and_name_every_route(self) -> None:
        self.breaks(self.gateway, self.direct)
        tell(self.history, fallback())
        for draw in (drawing.wide, drawing.narrow):
            found = ElementTree.fromstring(draw(self.shown()))
            words = [each.text for each in found.iter("text")]
            for name in ("main", "direct", PROXY, PROXY_ROUTE):
                self.assertIn(name, words)
            self.assertIn("open, tls_reset", words)

    def test_a_way_shows_its_state_by_more_than_colour(self) -> None:
        self.breaks(self.gateway, self.direct)
        drawn = drawing.wide(self.shown())
        self.assertEqual(1, len(re.findall('class="node open"', drawn)))
        self.assertEqual(1, len(re.findall('<path class="mark"', drawn)))

    def test_a_failure_of_long_ago_is_no_way_that_fails(self) -> None:
        self.breaks(self.gateway, self.direct, 1)
        tell(self.history, fallback())
        self.assertIn(">tls_reset<", drawing.wide(self.shown()))
        self.clock.advance(61)
        self.assertNotIn(">tls_reset<", drawing.wide(self.shown()))
        self.assertIn("recovered", drawing.wide(self.shown()))

    def test_a_name_that_is_too_long_stays_in_its_box(self) -> None:
        name = "proxy@a-name-that-no-box-in-a-drawing-can-hold.example.test:5001"
        shown = self.shown()
        shown["routes"][1]["route"] = name
        for draw in (drawing.wide, drawing.narrow):
            found = ElementTree.fromstring(draw(shown))
            [text] = [
                t.text or "" for t in found.iter("text") if "proxy" in str(t.text)
            ]
            self.assertRegex(text, r"^proxy@a-name.*…$")
            self.assertLess(len(text), 45)

    def test_traffic_runs_only_where_there_is_some(self) -> None:
        self.assertNotIn('class="flow', drawing.wide(self.shown()))
        tell(self.history, direct())
        self.assertIn('class="flow', drawing.wide(self.shown()))

    def test_a_proxy_elsewhere_is_one_node(self) -> None:
        shown = self.shown()
        shown["routes"][1]["proxy_routes"] = []
        self.assertNotIn(PROXY_ROUTE, drawing.wide(shown))
        self.assertIn(PROXY, drawing.wide(shown))


class Learned(StatusCase):
    """What is known of a route beside what it last did."""

    def test_what_it_has_instead_of_the_first_is_in_the_table(self) -> None:
        shown = self.shown()
        other = shown["routes"][1]
        other["differs_in"] = ["host", "family"]
        other["dimensions"] |= {"host": "a.test", "family": "ipv6"}
        self.assertIn("differs in host (a.test), family (ipv6)", routes(shown))

    def test_its_place_in_the_order_and_why_are_in_the_table(self) -> None:
        shown = self.shown()
        shown["routes"][1] |= {"place": 3, "why": f"works {EVIL}"}
        shown["routes"][0] |= {"place": None, "why": "open"}
        told = routes(shown)
        self.assertIn("3: works &quot;&gt;&lt;script&gt;", told)
        self.assertIn("not tried now: open<", told)

    def test_how_long_it_usually_takes_here_is_in_the_table_and_the_text(self) -> None:
        shown = self.shown()
        self.assertNotIn("usually", routes(shown))
        shown["routes"][0]["usual_ms"] = 1234
        self.assertIn("usually 1.2 s here", routes(shown))
        [line] = [x for x in text(shown).splitlines() if x.startswith("direct ")]
        self.assertIn(" 1.2 s ", line)

    def test_one_that_has_worked_before_a_restart_is_drawn_as_that(self) -> None:
        shown = self.shown()
        self.assertNotIn("worked before", drawing.wide(shown))
        shown["routes"][0]["usual_ms"] = 41
        self.assertIn("worked before, 41 ms", drawing.wide(shown))


class Charts(StatusCase):
    def minutes(self) -> list[Minute]:
        return self.shown()["hour"]["minutes"]

    def test_an_empty_hour_is_drawn(self) -> None:
        for draw in (charts.answers, charts.times):
            found = ElementTree.fromstring(draw(self.minutes()))
            self.assertEqual(["axis"], [each.get("class") for each in _paths(found)])

    def test_bars_stay_inside(self) -> None:
        for told in (*[direct()] * 3, fallback(), *[failed()] * 90):
            tell(self.history, told)
        for draw in (charts.answers, charts.times):
            found = ElementTree.fromstring(draw(self.minutes()))
            bars = BAR.findall(" ".join(each.get("d", "") for each in _paths(found)))
            self.assertGreaterEqual(len(bars), 1)
            for high, height in bars:
                self.assertGreaterEqual(float(high), 0)
                self.assertLessEqual(float(high) + float(height), 100.1)

    def test_a_chart_says_in_words_what_it_draws(self) -> None:
        for told in (direct(), fallback(), failed()):
            tell(self.history, told)
        said = ElementTree.fromstring(charts.answers(self.minutes())).attrib
        self.assertEqual("img", said["role"])
        self.assertIn("1 direct, 1 proxy; 1 errors", said["aria-label"])

    def test_the_top_of_a_scale_is_a_round_number(self) -> None:
        tops = [charts.ceiling(each) for each in (0, 3, 11, 20, 49, 210, 800, 8001)]
        self.assertEqual([10, 10, 15, 20, 50, 300, 800, 10000], tops)

    def test_heartbeats_tell_attempts_and_open_breakers(self) -> None:
        tell(self.history, fallback())
        self.history.route("direct").breaker(True, self.clock.seconds())
        drawn = charts.beats(self.shown()["routes"][0])
        said = ElementTree.fromstring(drawn).attrib["aria-label"]
        self.assertIn("0 attempts good, 1 failed", said)
        self.assertIn("open for 10 s", said)


def _paths(drawing: ElementTree.Element) -> list[ElementTree.Element]:
    return list(drawing.iter("path"))
