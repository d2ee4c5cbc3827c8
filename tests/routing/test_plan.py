"""Routes in an order that was fixed when the request began."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.routing.plan import FixedPlan
from tests.support import FakeRoute


class InOrder(SynchronousTestCase):
    def setUp(self) -> None:
        self.routes = [FakeRoute(name) for name in "abc"]
        self.plan = FixedPlan(self.routes, ["c"])

    def test_each_is_offered_once_in_its_order(self) -> None:
        for number, route in enumerate(self.routes):
            self.assertEqual(self.plan.left, 3 - number)
            self.assertIs(self.plan.upcoming, route)
            self.assertIs(self.plan.take(), route)
        self.assertEqual(self.plan.left, 0)
        self.assertIsNone(self.plan.upcoming)

    def test_a_fault_changes_nothing(self) -> None:
        self.plan.failed(self.plan.take(), "tls_reset")
        self.assertIs(self.plan.upcoming, self.routes[1])

    def test_why_the_next_one_stands_there_is_asked_of_who_knows(self) -> None:
        self.assertEqual(self.plan.why, "")
        plan = FixedPlan(self.routes, [], lambda route: f"it is {route.name}")
        plan.take()
        self.assertEqual(plan.why, "it is b")

    def test_it_is_in_no_haste_and_knows_its_last_resorts(self) -> None:
        self.assertEqual(self.plan.haste, 1.0)
        self.assertEqual(self.plan.last_resorts, {"c"})
