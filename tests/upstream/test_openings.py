"""SYNs and ClientHellos on one line: which may go, which wait."""

from __future__ import annotations

from collections.abc import Collection

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.upstream.openings import Opening, Openings


def a_second_after_the_last(now: float, silent: Collection[float]) -> float:
    return max([now, *(each + 1.0 for each in silent)])


class InTurn(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.openings = Openings(self.clock)

    def ask(self, place: str = "") -> Opening:
        return self.openings.ask(place, a_second_after_the_last)

    def gone(self, *openings: Opening) -> list[bool]:
        return [each.turn.called for each in openings]

    def test_the_first_goes_at_once_and_the_next_by_the_rule(self) -> None:
        first, second, third = self.ask(), self.ask(), self.ask()
        self.assertEqual(self.gone(first, second, third), [True, False, False])
        self.clock.advance(1.0)
        self.assertEqual(self.gone(first, second, third), [True, True, False])
        self.clock.advance(1.0)
        self.assertEqual(self.gone(third), [True])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_another_place_has_turns_of_its_own(self) -> None:
        first, other = self.ask("a"), self.ask("b")
        self.assertEqual(self.gone(first, other), [True, True])
        self.assertEqual(self.openings.unanswered("a"), [0.0])

    def test_when_one_is_over_the_next_goes_at_once(self) -> None:
        first, second = self.ask(), self.ask()
        self.clock.advance(0.5)
        first.over()
        self.assertEqual(self.gone(second), [True])
        self.assertEqual(self.openings.unanswered(""), [0.5])

    def test_whoever_is_heard_is_silent_from_then_on(self) -> None:
        first, second = self.ask(), self.ask()
        self.clock.advance(0.75)
        first.heard()
        self.clock.advance(0.75)
        self.assertEqual(self.gone(second), [False])
        self.clock.advance(0.25)
        self.assertEqual(self.gone(second), [True])

    def test_one_that_is_given_up_never_has_its_turn(self) -> None:
        self.ask()
        second = self.ask()
        second.turn.cancel()
        self.failureResultOf(second.turn, CancelledError)
        third = self.ask()
        self.clock.advance(1.0)
        self.assertEqual(self.gone(third), [True])

    def test_it_is_over_once(self) -> None:
        first = self.ask()
        for _ in range(2):
            first.over()
        first.heard()
        self.assertEqual(self.openings.unanswered(""), [])

    def test_what_one_brings_about_as_it_goes_is_in_order(self) -> None:
        first, second = self.ask(), self.ask()
        second.turn.addCallback(lambda _turn: second.over())
        third = self.ask()
        first.over()
        self.assertEqual(self.gone(second, third), [True, True])
        self.assertEqual(self.openings.unanswered(""), [0.0])

    def test_a_rule_that_has_changed_counts_at_the_next_look(self) -> None:
        allowed: list[bool] = []
        waiting = self.openings.ask("", lambda now, _: now if allowed else now + 9.0)
        allowed.append(True)
        self.openings.look()
        self.assertEqual(self.gone(waiting), [True])
        self.assertEqual(self.clock.getDelayedCalls(), [])
