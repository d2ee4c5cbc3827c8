"""How the time is shared out: the door plate's table, and what must hold for any."""

import re
from dataclasses import astuple

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Budget
from streamr.policy import deadline
from streamr.policy.deadline import HOP_MARGIN, LEAST_ATTEMPT, handed_on, share
from tests.properties import examples
from tests.support import QUERY, FakeRoute, call, failover_over

_ROW = re.compile(
    r"^ +(?P<remaining>[\d.]+) +(?P<routes>\d+) *(?P<hop>\(proxy\))? +"
    r"(?P<connect>[\d.]+) +(?P<first_byte>[\d.]+) +(?P<body>[\d.]+) +\w",
    re.MULTILINE,
)
steady = examples(300)
seconds = st.floats(0.001, 60)
routes = st.integers(1, 20)


HANDSHAKE = 0.3  # a slow one that works


def silent(budget: Budget, phase: str) -> float:
    """What an attempt costs that stays silent in a phase."""
    if phase == "connect":
        return min(budget.connect, budget.total)
    return min(HANDSHAKE + budget.first_byte, budget.total)


class Examples(SynchronousTestCase):
    """The table in the module's docstring."""

    def test_every_row_is_what_share_returns(self):
        rows = [match.groupdict() for match in _ROW.finditer(deadline.__doc__ or "")]
        for row in rows:
            budget = share(
                float(row["remaining"]), int(row["routes"]), hop=row["hop"] is not None
            )
            said = [float(row[name]) for name in ("connect", "first_byte", "body")]
            got = [budget.connect, budget.first_byte, budget.body]
            self.assertEqual([round(each, 2) for each in got], said, row)
        self.assertEqual(len(rows), 4)

    def test_a_handshake_gets_at_most_1_2_seconds_and_a_first_byte_3(self):
        for remaining in (8.0, 60.0):
            budget = share(remaining, 1)
            self.assertEqual((budget.connect, budget.first_byte), (1.2, 3.0))

    def test_each_phase_has_all_that_is_left_up_to_its_limit(self):
        for name, limit in (("connect", 1.2), ("first_byte", 3.0), ("idle", 2.0)):
            for left in (limit - 0.001, limit, limit + 0.001, 60.0):
                got = getattr(share(left, 1), name)
                self.assertEqual(got, min(left, limit), (name, left))

    def test_a_proxy_too_must_be_reached_and_may_not_pause(self):
        budget = share(8.0, 1, hop=True)
        self.assertEqual((budget.connect, budget.idle), (1.2, 2.0))

    def test_a_way_has_its_even_share_and_a_second_but_no_more_than_is_left(self):
        for left, count, part in (
            (8.0, 0, 8.0),
            (8.0, 1, 8.0),
            (8.0, 2, 5.0),
            (8.0, 4, 3.0),
            (8.0, 8, 2.0),
            (2.0, 2, 2.0),
            (1.5, 2, 1.5),
            (2.25, 2, 2.125),
            (0.0, 2, 0.0),
            (-1.0, 2, 0.0),
        ):
            budget = share(left, count)
            self.assertEqual((budget.body, budget.total), (part, part), (left, count))

    def test_no_phase_gets_more_than_its_even_share_and_a_second(self):
        self.assertEqual(share(2.5, 5).first_byte, 1.5)
        self.assertEqual(share(2.5, 5).body, 1.5)

    def test_a_proxy_may_use_its_whole_share_before_its_first_byte(self):
        self.assertEqual(share(8.0, 1, hop=True).first_byte, 8.0)
        self.assertEqual(share(8.0, 2, hop=True).first_byte, 5.0)

    def test_an_answer_after_two_seconds_is_in_time_on_the_direct_route(self):
        self.assertGreater(share(8.0, 2).first_byte, 2.0)


class Anything(SynchronousTestCase):
    """Properties."""

    @steady
    @given(st.floats(-60, 60), st.integers(0, 20), st.booleans())
    def test_no_time_is_negative_or_longer_than_what_remains(self, left, count, hop):
        for each in astuple(share(left, count, hop=hop)):
            self.assertGreaterEqual(each, 0)
            self.assertLessEqual(each, max(left, 0))

    @steady
    @given(seconds, routes, st.booleans())
    def test_connecting_and_waiting_together_stay_within_the_share(
        self, left, count, hop
    ):
        share_of_this_route = min(left, left / count + 1)
        self.assertEqual(share(left, count, hop=hop).total, share_of_this_route)

    @steady
    @given(seconds, seconds, routes, st.booleans())
    def test_more_time_never_means_a_smaller_budget(self, one, other, count, hop):
        less, more = sorted((one, other))
        smaller = astuple(share(less, count, hop=hop))
        larger = astuple(share(more, count, hop=hop))
        for small, large in zip(smaller, larger, strict=True):
            self.assertLessEqual(small, large)

    @steady
    @given(
        st.floats(8, 60),
        st.integers(2, 8),
        st.sampled_from(["connect", "first byte"]),
        st.sampled_from(["connect", "first byte"]),
    )
    def test_a_silent_direct_and_a_silent_first_route_leave_time_for_the_last(
        self, whole, count, direct, first
    ):
        left = whole - silent(share(whole, 2), direct)
        left = handed_on(share(left, 1, hop=True)) / 1000
        left -= silent(share(left, count), first)
        self.assertGreater(left, 0.5)
        self.assertGreater(share(left, 1).connect, LEAST_ATTEMPT)


class HandedOn(SynchronousTestCase):
    """What a proxy is told."""

    def test_a_proxy_is_asked_to_finish_earlier_than_we_wait(self):
        self.assertEqual(handed_on(share(6.8, 1, hop=True)), 6120)

    def test_it_is_a_quarter_of_a_second_earlier_and_of_long_waits_a_tenth(self):
        for left, told in (
            (0.1, 1),
            (0.25, 1),
            (0.5, 250),
            (1.0, 750),
            (2.25, 2000),
            (2.5, 2250),
            (2.75, 2475),
            (10.0, 9000),
        ):
            self.assertEqual(handed_on(share(left, 1, hop=True)), told, left)

    @steady
    @given(seconds, routes)
    def test_it_is_a_positive_number_of_milliseconds_within_our_wait(self, left, count):
        budget = share(left, count, hop=True)
        told = handed_on(budget)
        self.assertIsInstance(told, int)
        self.assertGreaterEqual(told, 1)
        self.assertLessEqual(told, max(1, (budget.first_byte - HOP_MARGIN) * 1000))


class LittleTime(SynchronousTestCase):
    """An attempt that cannot succeed any more is not begun."""

    def test_with_fifty_milliseconds_left_an_attempt_begins_and_below_none_does(self):
        for start in (0.0, 86_400.5):
            for left, begun in ((0.049, 0), (0.051, 1), (1.0, 1)):
                clock, route = Clock(), FakeRoute()
                clock.advance(start)
                failover_over([route], clock).fetch(QUERY, call(start + left))
                self.assertEqual(len(route.sent), begun, (start, left))
