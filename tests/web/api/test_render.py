"""Answers as bytes: bodies, envelopes, and the headers that say where from."""

import gzip
import json
import re
from dataclasses import replace
from typing import Any

import http_sf
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, CacheUse, Exchange, StoredResponse
from streamr.errors import CAUSES, Attempt, Envelope, Fault, Refusal
from streamr.policy.representation import HEAVY
from streamr.web.api.render import LEAST_GZIPPED, answer_page, matches, wants
from streamr.web.page import Page, envelope, json_page, refusal_page
from tests.properties import examples
from tests.support import but
from tests.support import exchange as made

steady = examples(200)
FAILED = Attempt("direct", "api.themoviedb.org", 40, "tls_reset", "after 1568 bytes")
BY_PROXY = Attempt("proxy@127.0.0.1:5001", "127.0.0.1:5001", 80, status=200)
ANSWER = Answer(200, b'{"id":550}', cache_control="public, max-age=60")
SERVED = made(
    "streamr-main",
    "req-1",
    "GET",
    "/x",
    200,
    121,
    answer=ANSWER,
    source="proxy@127.0.0.1:5001",
    attempts=(FAILED, BY_PROXY),
)
BROKEN = made(
    "streamr-main",
    "req-1",
    "GET",
    "/x",
    502,
    40,
    fault=Fault("tls_reset"),
    attempts=(FAILED,),
)
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_METRIC = rf'{_TOKEN}(;{_TOKEN}=({_TOKEN}|"([^"\\]|\\.)*"))*'
SERVER_TIMING = re.compile(rf"{_METRIC}(, {_METRIC})*")

# Taken in at 900, good for a minute; shown at 910.
STORED = StoredResponse(
    key="/movie/550",
    path="/movie/550",
    kind="details",
    status=200,
    content_type="application/json",
    body=b"plain",
    gzipped=b"in gzip",
    brotli=b"in brotli",
    etag='W/"abc"',
    validators=None,
    stored_at=900.0,
    lifetime=60.0,
    while_revalidate=30.0,
    if_error=3600.0,
)
HIT = made(
    "streamr-main",
    "req-1",
    "GET",
    "/x",
    200,
    1,
    stored=STORED,
    age=10.9,
    cache=CacheUse(ttl=50),
)


def headers(page: Page) -> dict[str, str]:
    return dict(page.headers)


def shown(exchange: Exchange, gzip: bool = False) -> Page:
    wanted = wants("gzip" if gzip else "", "")
    return answer_page(exchange, wanted, 0.0)


def answered(**changes: Any) -> Exchange:
    return but(SERVED, answer=replace(ANSWER, **changes))


def stored(accepts: str = "", none_match: str = "", **changes: Any) -> Page:
    """The page of a stored response, perhaps a changed one."""
    exchange = but(HIT, stored=replace(STORED, **changes))
    return answer_page(exchange, wants(accepts, none_match), 910.0)


def message_of(page: Page) -> str:
    text: str = json.loads(page.body)["status_message"]
    return text


def proxy_status(page: Page) -> list[Any]:
    return http_sf.parse(headers(page)["Proxy-Status"].encode(), tltype="list")


class Answers(SynchronousTestCase):
    """What TMDB said."""

    def test_the_body_and_status_pass_unchanged(self):
        body = b'{ "b":1,"a" : 1.50, "x":"\\u00e9" }'
        page = shown(answered(status=404, body=body))
        self.assertEqual((page.status, page.body), (404, body))
        self.assertNotIn("Content-Encoding", headers(page))

    def test_content_type_and_lifetime_are_tmdbs(self):
        page = shown(answered(content_type="application/json"))
        self.assertEqual(headers(page)["Content-Type"], "application/json")
        self.assertEqual(headers(page)["Cache-Control"], "public, max-age=60")

    def test_no_error_of_tmdb_may_be_stored_whatever_its_header_says(self):
        for status in (400, 401, 404, 422, 429):
            page = shown(answered(status=status, cache_control="public, max-age=300"))
            self.assertEqual(headers(page)["Cache-Control"], "no-store", status)

    def test_an_answer_without_a_lifetime_may_not_be_stored(self):
        page = shown(answered(cache_control=None))
        self.assertEqual(headers(page)["Cache-Control"], "no-store")

    def test_retry_after_is_handed_on(self):
        page = shown(answered(status=429, retry_after="7"))
        self.assertEqual(headers(page)["Retry-After"], "7")
        self.assertNotIn("Retry-After", headers(shown(SERVED)))

    def test_no_header_stands_twice(self):
        for exchange in (SERVED, BROKEN, answered(retry_after="1")):
            names = [name.lower() for name, _ in shown(exchange, True).headers]
            self.assertEqual(len(names), len(set(names)))

    def test_the_age_of_a_good_answer_is_handed_on_in_whole_seconds(self):
        for status, age, told in (
            (200, 0.0, None),
            (200, 1.0, "1"),
            (200, 7.9, "7"),
            (404, 7.9, None),
        ):
            found = headers(shown(answered(status=status, age=age))).get("Age")
            self.assertEqual(found, told, (status, age))

    def test_a_direct_answer_has_these_headers_and_no_others(self):
        plain = ["Content-Type", "Vary", "Cache-Control"]
        ours = ["Proxy-Status", "Server-Timing"]
        direct = but(SERVED, source="direct")
        self.assertEqual(list(headers(shown(direct))), plain + ours)
        cached = but(direct, cache=CacheUse("uri-miss", stored=True))
        self.assertEqual(
            list(headers(shown(cached))),
            [*plain, "Proxy-Status", "Cache-Status", "Server-Timing"],
        )

    def test_a_fault_has_these_headers_and_no_others(self):
        self.assertEqual(
            list(headers(shown(BROKEN))),
            ["Content-Type", "Cache-Control", "Proxy-Status", "Server-Timing"],
        )
        content = "application/json;charset=utf-8"
        self.assertEqual(headers(shown(BROKEN))["Content-Type"], content)


class Kept(SynchronousTestCase):
    """What was stored, in the codings that there are."""

    def test_the_head_says_how_old_it_is_and_how_long_it_is_good(self):
        page = stored()
        self.assertEqual((page.status, page.body), (200, b"plain"))
        self.assertEqual(
            headers(page),
            {
                "Vary": "Accept-Encoding",
                "ETag": 'W/"abc"',
                "Age": "10",
                "Cache-Control": "public, max-age=60, s-maxage=60, "
                "stale-while-revalidate=30, stale-if-error=3600",
                "CDN-Cache-Control": "max-age=60, stale-while-revalidate=30, "
                "stale-if-error=3600",
                "X-Accel-Expires": "50",
                "Content-Type": "application/json",
                "Cache-Status": "streamr-main;hit;ttl=50",
                "Server-Timing": "total;dur=1",
            },
        )

    def test_brotli_goes_before_gzip_and_gzip_before_the_plain_bytes(self):
        for accepts, coding, body in (
            ("", None, b"plain"),
            ("identity", None, b"plain"),
            ("deflate, zstd", None, b"plain"),
            ("gzip", "gzip", b"in gzip"),
            ("br", "br", b"in brotli"),
            ("gzip, br;q=0.1", "br", b"in brotli"),
            ("*", "br", b"in brotli"),
            ("br;q=0, *", "gzip", b"in gzip"),
            ("gzip;q=0, br;q=0", None, b"plain"),
        ):
            page = stored(accepts)
            self.assertEqual(page.body, body, accepts)
            self.assertEqual(headers(page).get("Content-Encoding"), coding, accepts)
            self.assertEqual(headers(page)["Vary"], "Accept-Encoding", accepts)

    def test_without_its_brotli_form_it_goes_out_in_what_else_is_taken(self):
        for accepts, coding, body in (
            ("br", None, b"plain"),
            ("br, gzip", "gzip", b"in gzip"),
        ):
            page = stored(accepts, brotli=None)
            self.assertEqual(page.body, body, accepts)
            self.assertEqual(headers(page).get("Content-Encoding"), coding, accepts)

    def test_a_coding_is_asked_for_where_a_body_goes_out(self):
        asked = []

        def coded(found, taken):
            asked.append(taken)
            return replace(found, gzipped=b"made")

        exchange = but(HIT, stored=replace(STORED, gzipped=None))
        for none_match, body in (('W/"abc"', b""), ("", b"made")):
            page = answer_page(exchange, wants("gzip", none_match), 910.0, coded)
            self.assertEqual(page.body, body)
        self.assertEqual(asked, [frozenset({"gzip"})])

    def test_without_any_coding_it_goes_out_plain(self):
        page = stored("br, gzip", brotli=None, gzipped=None)
        self.assertEqual(page.body, b"plain")
        self.assertNotIn("Content-Encoding", headers(page))

    def test_who_has_it_already_is_told_so_without_a_body(self):
        page = stored("gzip", 'W/"abc"')
        self.assertEqual((page.status, page.body), (304, b""))
        self.assertEqual(
            list(headers(page)),
            [
                *("Vary", "ETag", "Age"),
                *("Cache-Control", "CDN-Cache-Control", "X-Accel-Expires"),
                *("Cache-Status", "Server-Timing"),
            ],
        )
        for other in ("", 'W/"other"'):
            self.assertEqual(stored("", other).status, 200, other)

    def test_what_is_missing_is_told_whole_and_kept_by_nobody_else(self):
        page = stored("", 'W/"abc"', status=404)
        self.assertEqual((page.status, page.body), (404, b"plain"))
        self.assertEqual(headers(page)["Cache-Control"], "no-store")
        self.assertEqual(headers(page)["ETag"], 'W/"abc"')

    def test_a_stored_response_goes_before_what_tmdb_has_said_meanwhile(self):
        late = but(HIT, answer=ANSWER, fault=Fault("tls_reset"))
        self.assertEqual(answer_page(late, wants("", ""), 910.0).body, b"plain")

    def test_which_entity_tags_match(self):
        for none_match, etag, fits in (
            ('"a"', '"a"', True),
            ('W/"a"', '"a"', True),
            ('"a"', 'W/"a"', True),
            ('W/"a"', 'W/"a"', True),
            ('"b", W/"a"', 'W/"a"', True),
            (' "a" ,"b"', 'W/"a"', True),
            ("*", 'W/"a"', True),
            ('"b", *', 'W/"a"', True),
            ('"b"', 'W/"a"', False),
            ('"a', 'W/"a"', False),
            ("a", 'W/"a"', False),
            ("", 'W/"a"', False),
            ('"A"', 'W/"a"', False),
        ):
            self.assertEqual(matches(none_match, etag), fits, (none_match, etag))


class Gzip(SynchronousTestCase):
    """Callers who accept gzip get gzip."""

    def test_compression_begins_at_a_thousand_bytes(self):
        for size, coding in ((999, None), (1000, "gzip"), (1001, "gzip")):
            page = shown(answered(body=b"1" * size), gzip=True)
            self.assertEqual(headers(page).get("Content-Encoding"), coding, size)
            plain = shown(answered(body=b"1" * size), gzip=False)
            self.assertEqual(plain.body, b"1" * size)
            self.assertNotIn("Content-Encoding", headers(plain))

    def test_the_bytes_that_came_gzipped_go_out_as_they_came(self):
        came = gzip.compress(ANSWER.body, 1)
        page = shown(answered(gzipped=came), gzip=True)
        self.assertEqual(page.body, came)
        self.assertEqual(headers(page)["Content-Encoding"], "gzip")

    def test_a_large_body_is_compressed_and_a_small_one_is_not(self):
        large = b'{"x":"' + b"a" * LEAST_GZIPPED + b'"}'
        page = shown(answered(body=large), gzip=True)
        self.assertEqual(gzip.decompress(page.body), large)
        self.assertLess(len(page.body), len(large))
        self.assertNotIn("Content-Encoding", headers(shown(SERVED, gzip=True)))

    def test_what_would_hold_up_the_reactor_is_not_compressed(self):
        for size, packed in ((HEAVY, True), (HEAVY + 1, False)):
            page = shown(answered(body=b"1" * size), gzip=True)
            self.assertEqual("Content-Encoding" in headers(page), packed, size)

    def test_the_same_body_is_always_compressed_to_the_same_bytes(self):
        large = answered(body=b"1" * 5000)
        self.assertEqual(shown(large, True).body[4:8], b"\0\0\0\0")

    def test_who_does_not_accept_it_gets_the_plain_bytes(self):
        page = shown(answered(gzipped=gzip.compress(ANSWER.body)), gzip=False)
        self.assertEqual(page.body, ANSWER.body)
        self.assertNotIn("Content-Encoding", headers(page))

    def test_every_answer_says_that_it_depends_on_accept_encoding(self):
        for accepts in (True, False):
            self.assertEqual(headers(shown(SERVED, accepts))["Vary"], "Accept-Encoding")

    def test_what_accept_encoding_means(self):
        for field, accepted in {
            "": False,
            "gzip": True,
            "GZIP": True,
            "x-gzip": True,
            "deflate, gzip;q=1.0, *;q=0.5": True,
            "gzip;q=0": False,
            "gzip; q=0.0": False,
            "gzip ; Q=0": False,
            "gzip;q=0.001": True,
            "br, zstd": False,
            "identity": False,
            "*": True,
            "*;q=0": False,
            "gzip;q=0, *": False,
            "gzip, *;q=0": True,
            "x-gzip, gzip;q=0": False,
            "br;q=0, gzip": True,
            "gzip;q=nonsense.": True,
            "gzip;q=1.2.3": False,
            "gzipped": False,
        }.items():
            self.assertEqual("gzip" in wants(field, "").codings, accepted, field)

    def test_what_it_means_for_brotli(self):
        for field, accepted in {
            "": False,
            "br": True,
            "BR": True,
            "gzip, br": True,
            "br;q=0.001": True,
            "br;q=0": False,
            "br;q=nonsense.": True,
            "br;q=1.2.3": False,
            "gzip": False,
            "x-gzip": False,
            "brotli": False,
            "*": True,
            "*;q=0.1": True,
            "*;q=0": False,
            "br;q=0, *": False,
            "br, *;q=0": True,
            "gzip;q=0, *": True,
        }.items():
            self.assertEqual("br" in wants(field, "").codings, accepted, field)

    def test_the_entity_tags_are_kept_as_they_came(self):
        self.assertEqual(wants("gzip", '"a", W/"b"').none_match, '"a", W/"b"')

    @steady
    @given(st.text() | st.text("gzip*xq=;,.01 ", max_size=30))
    def test_no_field_breaks_it(self, field):
        self.assertLessEqual(wants(field, "").codings, {"gzip", "br"})


class Envelopes(SynchronousTestCase):
    """Errors in TMDB's shape, with the old keys beside it."""

    def test_a_fault_has_every_key(self):
        page = shown(BROKEN)
        value = json.loads(page.body)
        self.assertEqual(
            list(value),
            ["success", "status_code", "status_message", "error", "status", "details"],
        )
        self.assertEqual(
            (page.status, value["status"], value["status_code"], value["success"]),
            (502, 502, 43, False),
        )
        self.assertEqual(value["error"], value["status_message"])
        self.assertEqual(
            value["details"]["attempts"],
            [
                {
                    "route": "direct",
                    "cause": "tls_reset",
                    "ms": 40,
                    "detail": "after 1568 bytes",
                }
            ],
        )

    def test_the_sentence_names_the_cause_and_what_was_tried(self):
        message = json.loads(shown(BROKEN).body)["error"]
        for word in ("tls_reset", CAUSES["tls_reset"].meaning, "1 attempt"):
            self.assertIn(word, message)

    def test_the_sentence_counts_the_attempts(self):
        for count, words in (
            (0, "(tls_reset)."),
            (1, "(tls_reset). 1 attempt failed."),
            (2, "(tls_reset). 2 attempts failed."),
            (9, "(tls_reset). 9 attempts failed."),
        ):
            page = shown(but(BROKEN, attempts=(FAILED,) * count))
            self.assertTrue(message_of(page).endswith(words), message_of(page))

    def test_only_a_misconfiguration_is_told_in_its_own_words(self):
        page = shown(BROKEN)
        self.assertNotIn(FAILED.detail, message_of(page))

    def test_an_attempt_is_told_with_its_detail_if_it_has_one(self):
        page = shown(but(BROKEN, attempts=(replace(FAILED, detail=""), BY_PROXY)))
        self.assertEqual(
            json.loads(page.body)["details"]["attempts"],
            [
                {"route": "direct", "cause": "tls_reset", "ms": 40},
                {"route": "proxy@127.0.0.1:5001", "cause": "ok", "ms": 80},
            ],
        )

    def test_a_fault_that_names_no_time_has_no_retry_after(self):
        self.assertNotIn("Retry-After", headers(shown(BROKEN)))

    def test_a_refusal_has_these_headers_and_no_others(self):
        page = refusal_page("s", Refusal(404, Envelope.NOT_FOUND, "No."))
        self.assertEqual(
            headers(page),
            {
                "Content-Type": "application/json;charset=utf-8",
                "Cache-Control": "no-store",
                "Proxy-Status": "s;error=http_request_error",
                "Cache-Status": "s;fwd=bypass",
            },
        )

    def test_a_proxy_that_does_not_accept_us_is_named_as_our_misconfiguration(self):
        tried = Attempt(
            "proxy@p", "p", 1, "proxy_configuration_error", "p does not accept X"
        )
        fault = Fault("proxy_configuration_error")
        page = shown(but(BROKEN, attempts=(FAILED, tried), fault=fault))
        self.assertIn("proxy@p: p does not accept X.", json.loads(page.body)["error"])

    def test_every_cause_has_its_own_status_and_code(self):
        for name, cause in CAUSES.items():
            page = shown(but(BROKEN, fault=Fault(name), attempts=()))
            value = json.loads(page.body)
            self.assertEqual(
                (page.status, value["status_code"]), (cause.status, int(cause.code))
            )
            self.assertEqual(headers(page)["Cache-Control"], "no-store")

    def test_a_faults_retry_after_is_handed_on(self):
        fault = Fault("http_rate_limited", retry_after="9")
        self.assertEqual(headers(shown(but(BROKEN, fault=fault)))["Retry-After"], "9")

    def test_an_exchange_with_neither_answer_nor_fault_is_an_error_of_our_own(self):
        self.assertEqual(shown(but(BROKEN, fault=None)).status, 500)

    def test_a_refusal_is_the_same_envelope(self):
        for status, code in ((400, 22), (401, 3), (403, 38), (404, 34), (508, 43)):
            page = refusal_page("s", Refusal(status, Envelope(code), "No."))
            self.assertEqual(page.status, status)
            self.assertEqual(
                json.loads(page.body),
                {
                    "success": False,
                    "status_code": code,
                    "status_message": "No.",
                    "error": "No.",
                    "status": status,
                    "details": {"attempts": []},
                },
            )
            self.assertEqual(headers(page)["Cache-Control"], "no-store")
            self.assertTrue(
                headers(page)["Content-Type"].startswith("application/json")
            )

    def test_a_405_says_what_is_allowed_and_others_do_not(self):
        page = refusal_page(
            "s", Refusal(405, Envelope.FORMAT, "No.", allow="GET, HEAD")
        )
        self.assertEqual(headers(page)["Allow"], "GET, HEAD")
        other = refusal_page("s", Refusal(404, Envelope.NOT_FOUND, "No."))
        self.assertNotIn("Allow", headers(other))

    def test_a_page_of_our_own_is_json_that_nobody_stores(self):
        page = json_page(503, {"status": "é"})
        self.assertEqual((page.status, page.body), (503, '{"status": "é"}'.encode()))
        self.assertEqual(
            headers(page),
            {
                "Content-Type": "application/json;charset=utf-8",
                "Cache-Control": "no-store",
            },
        )

    @steady
    @given(st.text(), st.text())
    def test_any_message_is_json(self, message, route):
        tried = Attempt(route, "", 1, "tls_reset", message)
        text = message.encode("utf-8", "replace").decode()
        value = json.loads(envelope(502, Envelope.BACKEND, text, [tried]))
        self.assertEqual(value["error"], text)
        self.assertEqual(value["details"]["attempts"][0]["route"], route)


class Provenance(SynchronousTestCase):
    """Answers say where they came from."""

    def test_a_proxys_answer_names_the_proxy(self):
        self.assertEqual(headers(shown(SERVED))["X-Proxy-Source"], "127.0.0.1:5001")

    def test_a_direct_answer_and_a_fault_name_none(self):
        direct = but(SERVED, source="direct", attempts=(replace(BY_PROXY),))
        for exchange in (direct, BROKEN):
            self.assertNotIn("X-Proxy-Source", headers(shown(exchange)))

    def test_proxy_status_has_a_member_for_each_attempt(self):
        members = proxy_status(shown(SERVED))
        self.assertEqual([str(name) for name, _ in members], ["streamr-main"] * 2)
        self.assertEqual(str(members[0][1]["error"]), "tls_reset")

    def test_the_last_member_of_an_answer_has_no_error(self):
        self.assertNotIn("error", proxy_status(shown(SERVED))[-1][1])

    def test_the_last_member_of_a_fault_carries_the_faults_error(self):
        members = proxy_status(shown(BROKEN))
        self.assertEqual(len(members), 1)
        self.assertEqual(str(members[-1][1]["error"]), "tls_reset")
        late = but(BROKEN, fault=Fault("deadline_exceeded"))
        members = proxy_status(shown(late))
        self.assertEqual(
            [str(each[1]["error"]) for each in members],
            ["tls_reset", "deadline_exceeded"],
        )

    def test_a_fault_without_an_attempt_is_reported_too(self):
        lone = but(BROKEN, fault=Fault("deadline_exceeded"), attempts=())
        (member,) = proxy_status(shown(lone))
        self.assertEqual(str(member[1]["error"]), "deadline_exceeded")

    def test_an_answer_without_an_attempt_has_no_empty_field(self):
        """RFC 9651, 3.1: an empty list is no field at all."""
        stored = but(SERVED, source=None, attempts=())
        self.assertNotEqual(headers(shown(stored)).get("Proxy-Status"), "")

    def test_a_refusal_carries_the_registrys_word(self):
        for status, word in {
            400: "http_request_error",
            401: "http_request_denied",
            403: "http_request_denied",
            404: "http_request_error",
            405: "http_request_error",
            508: "proxy_loop_detected",
        }.items():
            page = refusal_page("streamr-main", Refusal(status, Envelope.INPUT, "No."))
            ((name, parameters),) = proxy_status(page)
            self.assertEqual(
                (str(name), str(parameters["error"])), ("streamr-main", word)
            )

    def test_an_error_of_our_own_is_not_blamed_on_the_request(self):
        for status, word in (
            (499, "http_request_error"),
            (500, "proxy_internal_error"),
            (503, "proxy_internal_error"),
            (507, "proxy_internal_error"),
            (508, "proxy_loop_detected"),
            (509, "proxy_internal_error"),
        ):
            page = refusal_page("s", Refusal(status, Envelope.INTERNAL, "No."))
            self.assertEqual(str(proxy_status(page)[0][1]["error"]), word, status)

    def test_cache_status_says_how_the_cache_was_used(self):
        asked = but(SERVED, cache=CacheUse("uri-miss", stored=True))
        failed = but(BROKEN, cache=CacheUse("stale", collapsed=True))
        for exchange, field in (
            (SERVED, None),
            (BROKEN, None),
            (asked, "streamr-main;fwd=uri-miss;fwd-status=200;stored"),
            (failed, "streamr-main;fwd=stale;collapsed"),
        ):
            self.assertEqual(headers(shown(exchange)).get("Cache-Status"), field)

    def test_what_was_stored_has_no_attempt_and_names_no_proxy(self):
        page = stored()
        self.assertNotIn("Proxy-Status", headers(page))
        self.assertNotIn("X-Proxy-Source", headers(page))

    def test_only_a_proxy_is_named_as_the_source(self):
        for source, named in (
            ("proxy@127.0.0.1:5001", True),
            ("direct", False),
            ("cache", False),
            ("classic@api.themoviedb.org", False),
            (None, False),
        ):
            page = shown(but(SERVED, source=source))
            self.assertEqual("X-Proxy-Source" in headers(page), named, source)

    def test_the_proxy_that_is_named_is_the_last_attempts(self):
        first = Attempt("proxy@a.test", "a.test", 1, "tls_reset")
        last = Attempt("proxy@b.test/direct", "b.test", 2, status=200)
        page = shown(but(SERVED, attempts=(first, last)))
        self.assertEqual(headers(page)["X-Proxy-Source"], "b.test")

    def test_the_gateways_own_member_says_how_long_the_whole_has_taken(self):
        late = but(BROKEN, fault=Fault("deadline_exceeded"), ms=8000)
        last = proxy_status(shown(late))[-1][1]
        self.assertEqual((last["ms"], last["route"]), (8000, ""))
        self.assertNotIn("next-hop", last)

    def test_server_timing_has_each_attempt_and_the_whole(self):
        self.assertEqual(
            headers(shown(SERVED))["Server-Timing"],
            'attempt1;dur=40;desc="direct tls_reset", '
            'attempt2;dur=80;desc="proxy@127.0.0.1:5001 ok", total;dur=121',
        )

    def test_server_timing_is_what_the_specification_allows(self):
        for exchange in (SERVED, BROKEN, but(BROKEN, attempts=())):
            timing = headers(shown(exchange))["Server-Timing"]
            self.assertIsNotNone(SERVER_TIMING.fullmatch(timing), timing)

    def test_a_route_that_a_proxy_reports_cannot_break_out_of_its_quotes(self):
        odd = Attempt('proxy@p/x", total;dur=9;desc="', "p", 1, "tls_reset")
        page = shown(but(BROKEN, attempts=(odd,)))
        timing = headers(page)["Server-Timing"]
        self.assertIsNotNone(SERVER_TIMING.fullmatch(timing), timing)
        self.assertEqual(timing.count("dur=9"), timing.count('dur=9;desc=\\"'))

    def test_what_is_not_printable_ascii_is_not_written(self):
        odd = Attempt("\x1f \x21~\x7f\xe9\r\n\\", "p", 1, "tls_reset")
        timing = headers(shown(but(BROKEN, attempts=(odd,))))["Server-Timing"]
        quoted = 'desc="? !~????\\\\ tls_reset"'
        self.assertEqual(timing, f"attempt1;dur=1;{quoted}, total;dur=40")
