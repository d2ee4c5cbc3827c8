"""What curl shows."""

from __future__ import annotations

from streamr.web.status.text import MOST_FAULTS, text
from tests.observe.test_history import direct, failed, fallback
from tests.support import tell
from tests.web.status.support import CAME, PROXY, PROXY_ROUTE, StatusCase


class Text(StatusCase):
    def lines(self) -> list[str]:
        return text(self.shown()).splitlines()

    def test_the_verdict_stands_above_all(self) -> None:
        tell(self.history, direct())
        self.assertTrue(self.lines()[0].startswith("streamr "))
        self.assertEqual("Callers get answers.", self.lines()[1])

    def test_each_way_has_a_line_with_its_breaker(self) -> None:
        self.breaks(self.gateway, self.direct)
        tell(self.history, fallback())
        found = {line.split()[0]: line for line in self.lines() if line.strip()}
        self.assertRegex(found["direct"], r"open +tls_reset +– +1  +\S")
        self.assertRegex(found[PROXY], r"closed +– +– +1  +\S")
        self.assertRegex(found[PROXY_ROUTE], r"^  \S+ +closed")

    def test_each_route_has_its_place_in_the_order_and_why(self) -> None:
        self.breaks(self.gateway, self.direct)
        found = {line.split()[0]: line for line in self.lines() if line.strip()}
        self.assertIn("not tried now: open (the connection was reset", found["direct"])
        self.assertTrue(found[PROXY].endswith("1: in the order of preference"))

    def test_it_stays_short(self) -> None:
        for number in range(40):
            tell(self.history, failed() if number % 2 else fallback())
        told = [line for line in self.lines() if "tls_reset" in line]
        self.assertEqual(MOST_FAULTS, len(told))
        self.assertLess(max(map(len, self.lines())), 120)

    def test_faults_alike_are_one_line_with_a_count(self) -> None:
        for _ in range(3):
            tell(self.history, fallback())
        [told] = [line for line in self.lines() if "answered after" in line]
        self.assertIn("direct tls_reset ×3", told)

    def test_who_came_through_the_door_is_told_where_there_is_one(self) -> None:
        self.assertNotIn("door", text(self.shown()))
        self.door = []
        self.assertIn("\ndoor: nobody has come through it\n", text(self.shown()))
        self.door = [CAME, {**CAME, "address": "10.0.0.2", "calls": 1}]
        self.assertIn(
            "\ndoor: 127.0.0.1 12 calls, 10.0.0.2 1 calls\n", text(self.shown())
        )

    def test_without_a_cache_it_says_so(self) -> None:
        self.store_size = None
        self.assertIn("cache: none", self.lines())
