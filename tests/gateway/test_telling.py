"""How a request is closed: what its exchange says, and that it is told once."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Exchange, Outcome, Query
from streamr.errors import RouteKind
from streamr.gateway.telling import Teller
from tests.support import GOOD, Notes, call, late

QUERY = Query("/movie/550", (("page", "1"),), "/movie/{movie_id}")
OUTCOME = Outcome(answer=GOOD, source="direct", kind=RouteKind.DIRECT)
CALL = call(method="HEAD", target="/3/movie/550?page=1")


class Telling(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = late()
        self.notes = Notes()
        self.teller = Teller("streamr-main", self.clock, self.notes)
        self.began = self.clock.seconds()

    def told(self, **more: Any) -> Exchange:
        values: dict[str, Any] = {
            "server": "streamr-main",
            "request_id": "req-1",
            "method": "HEAD",
            "target": "/3/movie/550?page=1",
            "status": 200,
            "ms": 0,
            "template": "/movie/{movie_id}",
            "outcome": OUTCOME,
            **more,
        }
        return Exchange(**values)

    def test_a_request_is_told_once_and_the_exchange_given_back(self) -> None:
        given = self.teller.answered(OUTCOME, QUERY, CALL, self.began)
        self.assertEqual(given, self.told())
        self.assertEqual(self.notes.exchanges, [given])

    def test_a_renewal_is_told_as_one_and_by_the_path_that_was_renewed(self) -> None:
        given = self.teller.renewed(OUTCOME, QUERY, CALL, self.began)
        self.assertEqual(given, self.told(target="/movie/550", renewal=True))
        self.assertEqual(self.notes.exchanges, [given])

    def test_the_status_is_that_of_the_outcome(self) -> None:
        for outcome, status in ((Outcome(left=True), 499), (Outcome(), 500)):
            given = self.teller.answered(outcome, QUERY, CALL, self.began)
            self.assertEqual(given.status, status)

    def test_it_took_whole_milliseconds_and_never_less_than_none(self) -> None:
        for seconds, ms in (
            (0.0, 0),
            (0.0004, 0),
            (0.0006, 1),
            (0.001, 1),
            (0.25, 250),
            (1.0, 1000),
            # a clock that went back
            (-1.0, 0),
        ):
            began = self.clock.seconds() - seconds
            given = self.teller.answered(OUTCOME, QUERY, CALL, began)
            self.assertEqual(given.ms, ms, seconds)
