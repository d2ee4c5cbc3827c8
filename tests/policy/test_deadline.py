"""How the time is shared out: the door plate's table, and what must hold for any."""

import re
from dataclasses import astuple

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Budget
from streamr.policy import deadline
from streamr.policy.deadline import HOP_MARGIN, LEAST_ATTEMPT, handed_on, share

_ROW = re.compile(
    r"^ +(?P<remaining>[\d.]+) +(?P<ways>\d+) *(?P<hop>\(proxy\))? +"
    r"(?P<connect>[\d.]+) +(?P<first_byte>[\d.]+) +(?P<body>[\d.]+) +\w",
    re.MULTILINE,
)
steady = settings(deadline=None, database=None, derandomize=True, max_examples=300)
seconds = st.floats(0.001, 60)
ways = st.integers(1, 20)


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
                float(row["remaining"]), int(row["ways"]), hop=row["hop"] is not None
            )
            said = [float(row[name]) for name in ("connect", "first_byte", "body")]
            got = [budget.connect, budget.first_byte, budget.body]
            self.assertEqual([round(each, 2) for each in got], said, row)
        self.assertEqual(len(rows), 4)

    def test_a_handshake_gets_at_most_1_2_seconds_and_a_first_byte_3(self):
        for remaining in (8.0, 60.0):
            budget = share(remaining, 1)
            self.assertEqual((budget.connect, budget.first_byte), (1.2, 3.0))

    def test_no_phase_gets_more_than_its_even_share_and_a_second(self):
        self.assertEqual(share(2.5, 5).first_byte, 1.5)
        self.assertEqual(share(2.5, 5).body, 1.5)

    def test_a_proxy_may_use_its_whole_share_before_its_first_byte(self):
        self.assertEqual(share(8.0, 1, hop=True).first_byte, 8.0)
        self.assertEqual(share(8.0, 2, hop=True).first_byte, 5.0)

    def test_an_answer_after_two_seconds_is_in_time_on_the_direct_way(self):
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
    @given(seconds, ways, st.booleans())
    def test_connecting_and_waiting_together_stay_within_the_share(
        self, left, count, hop
    ):
        share_of_this_way = min(left, left / count + 1)
        self.assertEqual(share(left, count, hop=hop).total, share_of_this_way)

    @steady
    @given(seconds, seconds, ways, st.booleans())
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
    def test_a_silent_direct_way_and_a_silent_first_rung_leave_time_for_the_last(
        self, whole, rungs, direct, first
    ):
        left = whole - silent(share(whole, 2), direct)
        left = handed_on(share(left, 1, hop=True)) / 1000
        left -= silent(share(left, rungs), first)
        self.assertGreater(left, 0.5)
        self.assertGreater(share(left, 1).connect, LEAST_ATTEMPT)


class HandedOn(SynchronousTestCase):
    """What a proxy is told."""

    def test_a_proxy_is_asked_to_finish_earlier_than_we_wait(self):
        self.assertEqual(handed_on(share(6.8, 1, hop=True)), 6120)

    @steady
    @given(seconds, ways)
    def test_it_is_a_positive_number_of_milliseconds_within_our_wait(self, left, count):
        budget = share(left, count, hop=True)
        told = handed_on(budget)
        self.assertIsInstance(told, int)
        self.assertGreaterEqual(told, 1)
        self.assertLessEqual(told, max(1, (budget.first_byte - HOP_MARGIN) * 1000))
