"""The last faults: what an exchange tells of them, and how alike ones are one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer
from streamr.errors import Attempt, Fault
from streamr.observe.troubles import (
    MOST_TROUBLES,
    Trouble,
    Troubles,
    is_refused,
    trouble,
)
from tests.support import exchange

RESET = Attempt("direct", "api.test.invalid", 12, "tls_reset")
GOOD = Attempt("proxy@p", "p", 40)
BEHIND = Attempt("classic@t", "t", 9, "tls_timeout", peer="proxy@p")
FAULT = Fault("deadline_exceeded")
STORED: Any = object()
STORY = Trouble(5.0, (("direct", "tls_reset"),), "error", None, 502, 40, "/t", "id")


def told(at: float = 1.0, **more: Any) -> Trouble | None:
    return trouble(exchange(**more), at)


def refused(status: int, **more: Any) -> dict[str, Any]:
    answer = Answer(status, b"{}")
    return {"status": status, "answer": answer, "source": "direct", **more}


class Telling(SynchronousTestCase):
    def test_what_went_well_is_no_trouble(self) -> None:
        for more in (
            {"attempts": (GOOD,), "answer": Answer(200, b"{}"), "source": "proxy@p"},
            {"stored": STORED, "source": "cache"},
            # what a proxy tried stands in the proxy's own exchange
            {"attempts": (BEHIND, GOOD), "answer": Answer(200, b"{}")},
            refused(404),
            {"left": True, "fault": FAULT, "status": 499},
            {},
        ):
            self.assertIsNone(told(**more), str(more))

    def test_it_holds_what_is_known_of_the_request(self) -> None:
        found = told(
            7.5,
            attempts=(RESET, GOOD),
            answer=Answer(200, b"{}"),
            source="proxy@p",
            ms=52,
            template="/movie/popular",
            request_id="req-9",
        )
        self.assertEqual(
            found,
            Trouble(
                at=7.5,
                failed=(("direct", "tls_reset"),),
                done="answered",
                by="proxy@p",
                status=200,
                ms=52,
                template="/movie/popular",
                request_id="req-9",
            ),
        )
        bare = told(attempts=(RESET,), template=None)
        assert bare is not None
        self.assertEqual(bare.template, "")
        self.assertEqual(bare.count, 1)

    def test_each_way_and_cause_is_named_once_and_in_their_order(self) -> None:
        other = replace(RESET, cause="tls_timeout")
        ways = (RESET, other, BEHIND, RESET, replace(RESET, route="proxy@p"))
        found = told(attempts=ways, fault=FAULT)
        assert found is not None
        self.assertEqual(
            found.failed,
            (
                ("direct", "tls_reset"),
                ("direct", "tls_timeout"),
                ("proxy@p", "tls_reset"),
            ),
        )

    def test_a_fault_before_any_way_is_a_trouble_of_none(self) -> None:
        for attempts in ((), (BEHIND,), (GOOD,)):
            found = told(fault=FAULT, attempts=attempts)
            assert found is not None
            self.assertEqual(found.failed, (("", "deadline_exceeded"),), attempts)

    def test_what_followed_is_named(self) -> None:
        answered = {"answer": Answer(200, b"{}"), "source": "proxy@p"}
        stored = {"stored": STORED, "source": "cache"}
        for more, done in (
            (answered, "answered"),
            (stored, "stored"),
            ({**stored, "source": "direct", "answer": Answer(304, b"")}, "answered"),
            ({"fault": FAULT, "renewal": True}, "kept"),
            ({"fault": FAULT}, "error"),
            ({"fault": FAULT, "left": True}, "left"),
            ({**stored, "left": True}, "left"),
            (refused(429), "error"),
            (refused(429, renewal=True), "kept"),
            (refused(404), "answered"),
        ):
            found = told(attempts=(RESET,), **more)
            assert found is not None
            self.assertEqual(found.done, done, str(more))


class Refused(SynchronousTestCase):
    def test_key_country_and_rate_are_troubles_for_every_caller(self) -> None:
        for status, telling in (
            (401, True),
            (403, True),
            (429, True),
            (200, False),
            (400, False),
            (402, False),
            (404, False),
            (428, False),
            (430, False),
            (500, False),
        ):
            self.assertIs(is_refused(exchange(**refused(status))), telling, status)
            found = told(**refused(status))
            self.assertEqual(
                found and found.failed,
                (("direct", f"status_{status}"),) if telling else None,
                status,
            )
        self.assertFalse(is_refused(exchange(status=401)))

    def test_one_without_a_source_names_no_way(self) -> None:
        found = told(**refused(401, source=None))
        assert found is not None
        self.assertEqual(found.failed, (("", "status_401"),))

    def test_the_ways_that_failed_before_are_named_too(self) -> None:
        found = told(attempts=(RESET,), **refused(401, source="proxy@p"))
        assert found is not None
        self.assertEqual(
            found.failed, (("direct", "tls_reset"), ("proxy@p", "status_401"))
        )


class Kept(SynchronousTestCase):
    def setUp(self) -> None:
        self.troubles = Troubles()

    def test_those_alike_in_a_row_are_one_with_the_last_ones_data(self) -> None:
        for at in (1.0, 2.0, 3.0):
            more = {"ms": int(at), "template": f"/{at}", "request_id": f"id-{at}"}
            self.troubles.add(replace(STORY, at=at, **more))
        [one] = self.troubles.last()
        last = replace(
            STORY, at=3.0, ms=3, template="/3.0", request_id="id-3.0", count=3
        )
        self.assertEqual(one, last)

    def test_another_story_is_one_of_its_own(self) -> None:
        for change in (
            {"failed": (("proxy@p", "tls_reset"),)},
            {"done": "stored"},
            {"by": "direct"},
            {"status": 504},
        ):
            other = replace(STORY, **change)
            self.assertFalse(STORY.alike(other), str(change))
            self.setUp()
            for each in (STORY, other, STORY):
                self.troubles.add(each)
            self.assertEqual(self.troubles.last(), (STORY, other, STORY))

    def test_the_newest_is_first_and_fifty_are_kept(self) -> None:
        self.assertEqual(self.troubles.last(), ())
        for status in range(60):
            self.troubles.add(replace(STORY, status=status))
            kept = [each.status for each in self.troubles.last()]
            first = max(0, status - 49)
            self.assertEqual(kept, list(range(status, first - 1, -1)))
        self.assertEqual(MOST_TROUBLES, 50)
