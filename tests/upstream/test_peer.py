"""The route over a proxy of ours: what it gets, and of whom its answers speak."""

from __future__ import annotations

from streamr.boundaries import Budget
from streamr.errors import CAUSES, Attempt
from streamr.policy.freshness import terms
from tests.support import QUERY, head
from tests.upstream.test_origin import (
    COMMON,
    HTML,
    KNOWN,
    MISSING,
    NAME,
    PASSED_ON,
    PROXY,
    RouteCase,
)


class WhatItGets(RouteCase):
    """The headers for a proxy."""

    def test_to_a_proxy_goes_what_it_needs_and_nothing_of_ours(self) -> None:
        always = {
            **COMMON,
            "X-Request-Id": "req-1",
            "Streamr-Deadline-Ms": "2700",
            "Via": "1.1 streamr-me-main",
        }
        own, passed = "streamr-me-main", "cdn.test, streamr-me-main"
        two = frozenset({"b.test", "a.test"})
        for token, more, headers in (
            (None, {}, {"CDN-Loop": own}),
            ("", {}, {"CDN-Loop": own}),
            ("secret", {}, {"CDN-Loop": own, "Authorization": "Bearer secret"}),
            (None, {"loop": "cdn.test"}, {"CDN-Loop": passed}),
            (None, {"known": KNOWN}, {"CDN-Loop": own}),
            (
                None,
                {"silent": two},
                {"CDN-Loop": own, "Streamr-Silent": "a.test, b.test"},
            ),
        ):
            asked = self.sent(self.proxy(token), **more)
            self.assertEqual(asked.headers, always | headers, (token, more))
            self.assertEqual(asked.url, f"{PROXY}/3/movie/550")

    def test_why_the_direct_route_failed_is_for_the_proxy_on_this_machine(self) -> None:
        failed = ("overtaken", "tls_reset")
        told = self.sent(self.proxy(near=True), failed=failed).headers
        self.assertEqual(told["Streamr-Failed"], "overtaken, tls_reset")
        for near, causes in ((False, failed), (True, ())):
            told = self.sent(self.proxy(near=near), failed=causes).headers
            self.assertNotIn("Streamr-Failed", told)

    def test_a_proxy_is_given_less_time_than_is_waited_for_it(self) -> None:
        for first_byte, told in (
            (3.0, "2700"),
            (1.0, "750"),
            (0.1, "1"),
            (8.0, "7200"),
        ):
            budget = Budget(1.2, first_byte, 5.0, 2.0, 8.0)
            self.send(self.proxy(), budget=budget)
            headers = self.client.asked[-1].headers
            self.assertEqual(headers["Streamr-Deadline-Ms"], told, first_byte)


class OverAProxy(RouteCase):
    """What a proxy of ours answers, and of whom that speaks."""

    def test_a_404_of_tmdb_may_be_kept_though_the_proxy_says_no_store(self) -> None:
        came = head(404, cache_control="no-store", proxy_status=PASSED_ON)
        found = terms(self.answer(self.proxy(), came, MISSING), QUERY.freshness)
        assert found is not None
        self.assertEqual((found.kind, found.lifetime), ("missing", 60))

    def test_a_404_of_a_stranger_may_not(self) -> None:
        came = head(404, cache_control="no-store")
        answer = self.answer(self.proxy(), came, MISSING)
        self.assertIsNone(terms(answer, QUERY.freshness))

    def test_a_no_store_of_tmdb_is_obeyed_over_a_proxy_too(self) -> None:
        for status in (200, 401, 403, 422):
            came = head(status, cache_control="no-store", proxy_status=PASSED_ON)
            answer = self.answer(self.proxy(), came)
            self.assertEqual(answer.cache_control, "no-store", status)
            self.assertIsNone(terms(answer, QUERY.freshness), status)

    def test_its_tries_are_told_as_tries_of_this_route(self) -> None:
        tried = 'p;error=tls_reset;next-hop="a.test";route="a";ms=40;details="x"'
        good = 'p;next-hop="b.test";received-status=200;route="b";ms=90'
        answer = self.answer(self.proxy(), head(200, proxy_status=f"{tried}, {good}"))
        self.assertEqual(
            answer.attempts,
            (
                Attempt("a", "a.test", 40, "tls_reset", "x", peer=NAME),
                Attempt("b", "b.test", 90, status=200, peer=NAME),
            ),
        )

    def test_what_says_nothing_has_no_tries(self) -> None:
        for field in ("", "not;;a list"):
            answer = self.answer(self.proxy(), head(200, proxy_status=field))
            self.assertEqual(answer.attempts, ())

    def test_each_error_of_its_own_is_final_and_keeps_its_name(self) -> None:
        for name in CAUSES:
            field = f'p;error=tls_reset;route="a";ms=4, p;error={name};route="b";ms=5'
            came = head(502, proxy_status=field, retry_after="7")
            fault = self.fault(self.proxy(near=True), came, MISSING)
            self.assertEqual((fault.cause.name, fault.final), (name, True))
            self.assertEqual(fault.retry_after, "7", name)
            self.assertEqual(fault.detail, "reported by 127.0.0.1:5001")
            routes = [(each.name, each.cause) for each in fault.attempts]
            self.assertEqual(routes, [(f"{NAME}/a", "tls_reset"), (f"{NAME}/b", name)])

    def test_a_key_that_tmdb_does_not_take_is_the_matter_of_a_proxy_elsewhere(
        self,
    ) -> None:
        body = b'{"success":false,"status_code":7,"status_message":"Invalid API key"}'
        told = 'p;error=tls_reset;route="a";ms=4, p;error=key_refused;route="b";ms=5'
        for field in (told, PASSED_ON):  # that is how an older version hands it on
            came = head(401, proxy_status=field)
            fault = self.fault(self.proxy(), came, body)
            self.assertEqual(fault.cause.name, "proxy_configuration_error")
            for words in ("does not accept the key", "127.0.0.1:5001"):
                self.assertIn(words, fault.detail)
            self.assertTrue(fault.final and fault.counts)
            near = self.fault(self.proxy(near=True), came, body)
            self.assertEqual(near.cause.name, "key_refused")

    def test_one_near_differs_in_neither_egress_nor_family(self) -> None:
        near, far = self.proxy(near=True), self.proxy()
        self.assertEqual((near.dimensions.egress, far.dimensions.egress)[0], "direct")
        self.assertEqual(far.dimensions.egress, "127.0.0.1:5001")

    def test_an_error_that_we_do_not_know_is_one_of_its_own(self) -> None:
        for name in ("http_request_error", "of_a_later_version"):
            came = head(400, proxy_status=f"p;error={name}")
            fault = self.fault(self.proxy(), came, MISSING)
            self.assertEqual(fault.cause.name, "proxy_internal_error", name)
            self.assertTrue(fault.final)

    def test_what_it_says_of_itself_alone_is_no_try(self) -> None:
        field = 'p;error=tls_reset;route="a";ms=4, p;error=deadline_exceeded;ms=9'
        fault = self.fault(self.proxy(), head(504, proxy_status=field), MISSING)
        self.assertEqual(fault.cause.name, "deadline_exceeded")
        self.assertEqual([each.name for each in fault.attempts], [f"{NAME}/a"])

    def test_an_error_counts_whatever_the_status_beside_it(self) -> None:
        came = head(200, proxy_status='p;error=tls_reset;route="a"')
        self.assertEqual(self.fault(self.proxy(), came).cause.name, "tls_reset")

    def test_a_proxy_that_refuses_us_is_our_misconfiguration(self) -> None:
        field = "streamr-proxy;error=http_request_denied"
        for status in (401, 403):
            fault = self.fault(self.proxy(), head(status, proxy_status=field), MISSING)
            self.assertEqual(fault.cause.name, "proxy_configuration_error")
            self.assertIn("does not accept STREAMR_PROXY_TOKEN", fault.detail)
            self.assertIn("127.0.0.1:5001", fault.detail)
            self.assertTrue(fault.final)

    def test_tmdb_that_refuses_the_proxy_is_not(self) -> None:
        field = 'streamr-proxy;error=http_request_denied;route="a"'
        fault = self.fault(self.proxy(), head(403, proxy_status=field), MISSING)
        self.assertEqual(fault.cause.name, "http_request_denied")
        self.assertTrue(fault.final)

    def test_a_stranger_who_refuses_us_is_not_taken_for_tmdb(self) -> None:
        for status in (401, 403):
            for body in (MISSING, HTML):
                fault = self.fault(self.proxy(), head(status), body)
                self.assertEqual(fault.cause.name, "proxy_configuration_error")
                self.assertEqual(
                    fault.detail, f"127.0.0.1:5001 itself answers with status {status}"
                )
                self.assertTrue(fault.final)

    def test_a_stranger_who_answers_without_json_is_named(self) -> None:
        for status in (400, 404, 405, 407):
            fault = self.fault(self.proxy(), head(status), HTML)
            self.assertEqual(fault.cause.name, "proxy_configuration_error")
            for words in (f"status {status}", "not a streamr", "STREAMR_EGRESS"):
                self.assertIn(words, fault.detail)
            self.assertTrue(fault.final)

    def test_what_a_proxy_reports_is_not_a_strangers_answer(self) -> None:
        fault = self.fault(self.proxy(), head(404, proxy_status=PASSED_ON), HTML)
        self.assertEqual(fault.cause.name, "http_response_invalid")

    def test_tmdbs_own_refusal_through_a_proxy_is_its_answer(self) -> None:
        for status in (401, 403):
            came = head(status, proxy_status=PASSED_ON)
            self.assertEqual(self.answer(self.proxy(), came, MISSING).status, status)

    def test_other_answers_of_a_stranger_are_judged_like_tmdbs(self) -> None:
        for status in (400, 402, 404, 422, 429):
            answer = self.answer(self.proxy(), head(status), MISSING)
            self.assertEqual(answer.status, status)
        for status, cause in (
            (200, "http_response_invalid"),
            (302, "http_response_redirect"),
            (500, "upstream_error"),
            (503, "upstream_unavailable"),
        ):
            fault = self.fault(self.proxy(), head(status), HTML)
            self.assertEqual((fault.cause.name, fault.final), (cause, False), status)

    def test_it_was_not_asked_whether_it_is_still_good_so_304_is_no_answer(
        self,
    ) -> None:
        for field in ("", PASSED_ON):
            came = head(304, proxy_status=field)
            fault = self.fault(self.proxy(), came, b"", known=KNOWN)
            self.assertEqual(fault.cause.name, "http_response_redirect")
