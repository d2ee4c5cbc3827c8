"""Whether a whole response is an answer: each status and each kind of body."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Call, Completeness, Query, Validators
from streamr.errors import Fault
from streamr.tmdb import catalogue
from streamr.upstream.answer import judge
from streamr.upstream.classify import JSON
from streamr.upstream.resolve.pins import PinnedResolver
from tests.follower import Follower
from tests.support import QUERY, call, head
from tests.upstream.test_classify import (
    ADDRESS,
    BUDGET,
    ERROR,
    FILM,
    FIN,
    HTML,
    RESET,
)
from tests.upstream.test_client import client_over


class Heads(SynchronousTestCase):
    """What Twisted itself makes of an answer over plain HTTP, as one try sees it."""

    def ask(self, came: bytes, ended: Exception | None = None) -> Deferred[Answer]:
        """A try that is answered so, and then perhaps cut."""
        reactor: Any = MemoryReactorClock()
        pins = {"api.test.invalid": (("192.0.2.1", 80),)}
        resolver = PinnedResolver(None, pins, "auto")  # type: ignore[arg-type]
        client = client_over(reactor, resolver, None)
        url = "http://api.test.invalid/3/movie/550"
        asking = client.get(url, {}, BUDGET, new_connection=False, progress=Follower())
        connection = reactor.tcpClients[-1][2].buildProtocol(ADDRESS)
        transport = StringTransport()
        connection.makeConnection(transport)
        connection.dataReceived(came)
        if ended is None and transport.disconnecting:
            ended = FIN
        if ended is not None:
            connection.connectionLost(Failure(ended))
        return asking

    def fault(self, came: bytes, ended: Exception | None = None) -> Fault:
        fault = self.failureResultOf(self.ask(came, ended), Fault).value
        assert isinstance(fault, Fault)
        return fault

    def test_each_answer_that_is_none(self) -> None:
        good = b"HTTP/1.1 200 OK\r\n"
        chunked = good + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe"
        for came, ended, cause in (
            (b"", RESET, "connection_terminated"),
            (b"", FIN, "connection_terminated"),
            (good, RESET, "connection_terminated"),
            (good, FIN, "connection_terminated"),
            (b"NONSENSE\r\n\r\n", None, "http_protocol_error"),
            (b"HTTP/1.1 fine OK\r\n\r\n", None, "http_protocol_error"),
            (b"HTTP/one 200 OK\r\n\r\n", None, "http_protocol_error"),
            (good + b"Content-Length: x\r\n\r\n", None, "http_protocol_error"),
            (good + b"X: " + b"x" * 20_000, None, "http_protocol_error"),
            (good + b"Content-Length: 9\r\n\r\n{", FIN, "http_response_incomplete"),
            (good + b"Content-Length: 9\r\n\r\n{", RESET, "http_response_incomplete"),
            (chunked, FIN, "http_response_incomplete"),
            (chunked, RESET, "http_response_incomplete"),
        ):
            found = self.fault(came, ended).cause.name
            self.assertEqual(found, cause, (came[:60], ended))

    def test_a_body_without_a_length_that_is_cut_is_no_error_before_it_is_judged(
        self,
    ) -> None:
        for ended in (RESET, FIN):
            asking = self.ask(b"HTTP/1.1 200 OK\r\n\r\n" + FILM[:-4], ended)
            reply = self.successResultOf(asking)
            with self.assertRaises(Fault) as caught:
                judge(QUERY, call(), reply)
            cause = caught.exception.cause.name
            self.assertEqual(cause, "http_response_incomplete", ended)


class JudgeCase(SynchronousTestCase):
    def judge(
        self,
        came: Answer,
        body: bytes = FILM,
        *,
        query: Query = QUERY,
        asked: Call | None = None,
        gzipped: bytes | None = None,
        certain: bool = True,
    ) -> Answer:
        return judge(
            query,
            asked or call(),
            replace(came, body=body, gzipped=gzipped, certain=certain),
        )

    def fault(self, came: Answer, body: bytes = FILM, **more: Any) -> Fault:
        fault = self.assertRaises(Fault, self.judge, came, body, **more)
        assert isinstance(fault, Fault)
        return fault


class Answers(JudgeCase):
    """What is an answer."""

    def test_all_that_counts_of_it_is_handed_on(self) -> None:
        came = head(
            200,
            content_type="application/json",
            cache_control="public, max-age=60",
            retry_after="7",
            age=3.0,
            date="Mon, 02 Jan 2023 00:00:00 GMT",
            expires="Mon, 02 Jan 2023 00:01:00 GMT",
            vary="Origin",
            etag='W/"x"',
            last_modified="Sun, 01 Jan 2023 00:00:00 GMT",
        )
        self.assertEqual(
            self.judge(came, gzipped=b"as it came"),
            Answer(
                200,
                FILM,
                b"as it came",
                content_type="application/json",
                cache_control="public, max-age=60",
                retry_after="7",
                attempts=(),
                age=3.0,
                date="Mon, 02 Jan 2023 00:00:00 GMT",
                expires="Mon, 02 Jan 2023 00:01:00 GMT",
                vary="Origin",
                validators=Validators('W/"x"', "Sun, 01 Jan 2023 00:00:00 GMT"),
            ),
        )

    def test_a_bare_head_is_one_of_json_and_nothing_else(self) -> None:
        answer = self.judge(head(200))
        self.assertEqual(answer, Answer(200, FILM, content_type=JSON))
        self.assertIsNone(answer.validators)
        self.assertEqual(answer.age, 0.0)

    def test_one_validator_is_enough_to_ask_again(self) -> None:
        for came, validators in (
            (head(200, etag='"x"'), Validators('"x"', None)),
            (head(200, last_modified="then"), Validators(None, "then")),
        ):
            self.assertEqual(self.judge(came).validators, validators)

    def test_tmdbs_own_errors_in_json_are_answers(self) -> None:
        for status in (400, 401, 403, 404, 405, 422, 429, 499):
            answer = self.judge(head(status, retry_after="7"), ERROR)
            found = (answer.status, answer.body, answer.retry_after)
            self.assertEqual(found, (status, ERROR, "7"))

    def test_an_error_need_not_look_like_what_was_asked_for(self) -> None:
        self.assertEqual(self.judge(head(404), b"{}").status, 404)

    def test_not_modified_is_an_answer_to_who_knows_something(self) -> None:
        known = Validators('"x"', None)
        came = head(304, etag='"x"', cache_control="max-age=9")
        answer = self.judge(came, b"none of it", asked=call(known=known), gzipped=b"x")
        found = (answer.status, answer.body, answer.gzipped, answer.validators)
        self.assertEqual(found, (304, b"", None, known))
        self.assertEqual(answer.cache_control, "max-age=9")


class Refused(JudgeCase):
    """What is none, whatever its status says."""

    def test_each_status_without_json(self) -> None:
        yes, no = True, False
        for status, cause, next_route, same_route in (
            (200, "http_response_invalid", yes, yes),
            (201, "http_response_invalid", yes, yes),
            (204, "http_response_invalid", yes, yes),
            (299, "http_response_invalid", yes, yes),
            (300, "http_response_redirect", yes, no),
            (301, "http_response_redirect", yes, no),
            (302, "http_response_redirect", yes, no),
            (304, "http_response_redirect", yes, no),
            (307, "http_response_redirect", yes, no),
            (308, "http_response_redirect", yes, no),
            (399, "http_response_redirect", yes, no),
            (400, "http_response_invalid", yes, yes),
            (401, "http_response_invalid", yes, yes),
            (402, "http_response_invalid", yes, yes),
            (403, "http_request_denied", no, no),
            (404, "http_response_invalid", yes, yes),
            (428, "http_response_invalid", yes, yes),
            (429, "http_rate_limited", no, no),
            (430, "http_response_invalid", yes, yes),
            (499, "http_response_invalid", yes, yes),
            (500, "upstream_error", yes, yes),
            (501, "upstream_error", yes, yes),
            (502, "upstream_unavailable", yes, yes),
            (503, "upstream_unavailable", yes, yes),
            (504, "upstream_unavailable", yes, yes),
            (505, "upstream_error", yes, yes),
            (520, "upstream_error", yes, yes),
            (599, "upstream_error", yes, yes),
        ):
            for body in (HTML, b"", b'{"id":55', b"null"):
                found = self.fault(head(status), body).cause
                self.assertEqual(found.name, cause, (status, body))
                follows = (found.next_route, found.same_route)
                self.assertEqual(follows, (next_route, same_route), status)

    def test_json_does_not_make_these_an_answer(self) -> None:
        for status, cause in (
            (201, "http_response_invalid"),
            (203, "http_response_invalid"),
            (299, "http_response_invalid"),
            (300, "http_response_redirect"),
            (304, "http_response_redirect"),
            (399, "http_response_redirect"),
            (500, "upstream_error"),
            (503, "upstream_unavailable"),
        ):
            fault = self.fault(head(status), FILM)
            self.assertEqual(fault.cause.name, cause, status)
            self.assertEqual(fault.detail, f"status {status}")

    def test_what_is_known_makes_no_answer_of_another_redirect(self) -> None:
        known = call(known=Validators('"x"', None))
        for status in (303, 305):
            fault = self.fault(head(status), FILM, asked=known)
            self.assertEqual(fault.cause.name, "http_response_redirect", status)

    def test_retry_after_is_kept_where_it_means_something(self) -> None:
        for status, kept in (
            (429, "7"),
            (500, "7"),
            (503, "7"),
            (200, None),
            (302, None),
            (403, None),
        ):
            fault = self.fault(head(status, retry_after="7"), HTML)
            self.assertEqual(fault.retry_after, kept, status)

    def test_what_a_cdn_says_in_html_is_described_and_not_repeated(self) -> None:
        for status in (200, 403, 429):
            fault = self.fault(head(status), HTML)
            self.assertIn(f"a page of HTML, {len(HTML)} bytes", fault.detail)
            self.assertNotIn("secret", fault.detail)
            self.assertEqual(f"status {status} with" in fault.detail, status != 200)

    def test_a_200_that_cannot_be_what_was_asked(self) -> None:
        genres, jobs = (
            catalogue.load().query(path, [])
            for path in ("/genre/movie/list", "/configuration/jobs")
        )
        for query, body, detail in (
            (QUERY, b'{"id":551,"title":"x"}', "the answer for another id"),
            (QUERY, ERROR, "an error envelope with status 200"),
            (QUERY, b"[]", "an array instead of an object"),
            (QUERY, b"7", "a bare JSON value"),
            (genres, b"{}", "an answer without genres"),
            (jobs, b"{}", "an object instead of an array"),
        ):
            fault = self.fault(head(200), body, query=query)
            self.assertEqual(fault.cause.name, "http_response_invalid", body)
            self.assertEqual(fault.detail, detail)

    def test_json_that_is_cut_says_whether_its_end_was_certain(self) -> None:
        for certain, cause in (
            (True, "http_response_invalid"),
            (False, "http_response_incomplete"),
        ):
            for status in (200, 404):
                fault = self.fault(head(status), FILM[:-4], certain=certain)
                self.assertEqual(fault.cause.name, cause, status)
        whole = self.judge(head(200), FILM, certain=False)
        self.assertEqual(whole.body, FILM)

    def test_a_refusal_that_is_cut_is_a_refusal(self) -> None:
        for status, cause in (
            (403, "http_request_denied"),
            (429, "http_rate_limited"),
        ):
            fault = self.fault(head(status), ERROR[:-4], certain=False)
            self.assertEqual(fault.cause.name, cause)


class Key(SynchronousTestCase):
    """What TMDB says of our key is no answer to what was asked."""

    def fault(self, code: object, status: int = 401) -> Fault | None:
        body = json.dumps({"status_code": code, "status_message": "x"}).encode()
        try:
            judge(QUERY, call(), Answer(status, body))
        except Fault as fault:
            return fault
        return None

    def test_a_refused_and_a_suspended_one_are_faults_of_their_own(self) -> None:
        for code, cause in ((7, "key_refused"), (10, "key_suspended")):
            fault = self.fault(code)
            assert fault is not None
            self.assertEqual((fault.cause.name, fault.final), (cause, True))
            self.assertIn(str(code), fault.detail)

    def test_other_codes_and_other_statuses_are_answers(self) -> None:
        for code in (3, 14, 17, 30, 36, "7", None, True, [7]):
            self.assertIsNone(self.fault(code), code)
        self.assertIsNone(self.fault(7, status=404))

    def test_a_401_without_any_code_is_an_answer(self) -> None:
        for body in (b"[]", b"{}"):
            self.assertEqual(judge(QUERY, call(), Answer(401, body)).status, 401)


class Parts(SynchronousTestCase):
    def test_an_answer_says_how_much_it_holds(self) -> None:
        asked = replace(QUERY, appended=("credits",))
        body = b'{"id":550,"title":"x"}'
        for query, held in (
            (asked, Completeness.PARTIAL),
            (QUERY, Completeness.WHOLE),
        ):
            found = judge(query, call(), Answer(200, body)).completeness
            self.assertIs(found, held)
        missing = judge(asked, call(), Answer(404, b'{"status_code":34}'))
        self.assertIs(missing.completeness, Completeness.WHOLE)
