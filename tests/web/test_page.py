"""Pages: their fields, and an error in TMDB's shape, key for key."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Attempt, Envelope, Refusal
from streamr.web.page import Page, envelope, json_page, refusal_page

JSON = "application/json;charset=utf-8"


def refused(status: int, allow: str | None = None) -> Page:
    return refusal_page("srv", Refusal(status, Envelope.INPUT, "No é.", allow))


class Own(SynchronousTestCase):
    def test_a_page_of_our_own_is_json_that_nobody_keeps(self) -> None:
        self.assertEqual(
            json_page(203, {"a": "é"}),
            Page(
                203,
                '{"a": "é"}'.encode(),
                (("Content-Type", JSON), ("Cache-Control", "no-store")),
            ),
        )


class Refusals(SynchronousTestCase):
    def test_its_fields_say_that_nothing_left_and_nothing_is_kept(self) -> None:
        page = refused(400)
        self.assertEqual(page.status, 400)
        self.assertEqual(
            page.headers,
            (
                ("Content-Type", JSON),
                ("Cache-Control", "no-store"),
                ("Proxy-Status", "srv;error=http_request_error"),
                ("Cache-Status", "srv;fwd=bypass"),
            ),
        )
        self.assertEqual(page.body, envelope(400, Envelope.INPUT, "No é."))

    def test_a_405_names_what_is_allowed_and_no_other_does(self) -> None:
        self.assertEqual(
            refused(405, "GET, HEAD").headers[4:], (("Allow", "GET, HEAD"),)
        )
        self.assertEqual(refused(405).headers[4:], ())

    def test_the_cause_follows_from_the_status(self) -> None:
        for status, cause in (
            (400, "http_request_error"),
            (401, "http_request_denied"),
            (402, "http_request_error"),
            (403, "http_request_denied"),
            (404, "http_request_error"),
            (431, "http_request_error"),
            (499, "http_request_error"),
            (500, "proxy_internal_error"),
            (503, "proxy_internal_error"),
            (507, "proxy_internal_error"),
            (508, "proxy_loop_detected"),
            (509, "proxy_internal_error"),
        ):
            found = dict(refused(status).headers)["Proxy-Status"]
            self.assertEqual(found, f"srv;error={cause}", status)


class Envelopes(SynchronousTestCase):
    def told(self, *attempts: Attempt) -> Any:
        return json.loads(envelope(502, Envelope.BACKEND, "Broken: é.", attempts))

    def test_an_error_has_tmdbs_keys_and_those_of_the_system_before(self) -> None:
        self.assertEqual(
            self.told(),
            {
                "success": False,
                "status_code": 43,
                "status_message": "Broken: é.",
                "error": "Broken: é.",
                "status": 502,
                "details": {"attempts": []},
            },
        )

    def test_text_is_written_as_it_is(self) -> None:
        self.assertIn("é".encode(), envelope(400, Envelope.INPUT, "é"))

    def test_each_attempt_is_told_by_route_cause_and_time(self) -> None:
        found = self.told(
            Attempt("direct", "t", 12, "tls_reset", "cut"),
            Attempt("direct", "t", 0, None),
            Attempt("x@t", "t", 5, "dns_error", peer="proxy@p"),
        )
        self.assertEqual(
            found["details"]["attempts"],
            [
                {"route": "direct", "cause": "tls_reset", "ms": 12, "detail": "cut"},
                {"route": "direct", "cause": "ok", "ms": 0},
                {"route": "proxy@p/x@t", "cause": "dns_error", "ms": 5},
            ],
        )
