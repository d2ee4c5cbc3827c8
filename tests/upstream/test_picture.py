"""Routes to pictures: what is asked for, what an answer may be, and whose place it has
at the host for how long."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone

from streamr.boundaries import Answer, Budget, Dimensions, Part, Query
from streamr.errors import Attempt, Fault, RouteKind
from streamr.fields.loop import Loop
from streamr.interfaces import Route, Veto
from streamr.policy import pictures
from streamr.tmdb import images
from streamr.upstream.head import ResponseHead, read_head
from streamr.upstream.line import HostLine
from streamr.upstream.peer import ProxyRoute
from streamr.upstream.picture import COMMON, PeerPictureRoute, PictureRoute, Sample
from streamr.upstream.ratelimit import FIRST_PAUSE, Pacer
from streamr.upstream.stream import StreamedBody
from tests.follower import Follower
from tests.support import call
from tests.upstream.test_origin import BUDGET, NAME, PASSED_ON, PROXY

HOST = "https://image.tmdb.org"
PATH = "/t/p/w342/abc.jpg"
QUERY = Query(PATH, (), images.TEMPLATE)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
HTML = b"<html><title>Blocked</title>"
ETAG = '"v1"'
SAID = {"Accept": "image/*", "User-Agent": "streamr"}


class Asked:
    """One request that a route made; the test answers it."""

    def __init__(self, clock: Clock, url: str, headers: Any, more: Any) -> None:
        self.url = url
        self.headers = dict(headers)
        self.progress = more["progress"]
        self.new_connection, self.until = more["new_connection"], more["until"]
        self.reply: Deferred[tuple[ResponseHead, StreamedBody]] = Deferred(self._leave)
        self.cancelled = False
        self.aborted = 0
        self.body = StreamedBody(
            clock,
            BUDGET.idle,
            HostLine(clock, 15),
            self._abort,
            lambda first: pictures.kind_of(first) is not None,
            lambda _failure: Fault("connection_terminated"),
        )
        self.body.makeConnection(StringTransport())

    def _leave(self, _reply: object) -> None:
        self.cancelled = True

    def _abort(self) -> None:
        self.aborted += 1

    def answers(self, status: int, *fields: str, body: bytes = JPEG) -> None:
        """As `Client.open` does."""
        lines = "".join(f"{each}\r\n" for each in fields)
        head = read_head(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode())
        if status not in (200, 206):
            self.body.drop()
        self.body.dataReceived(body)
        self.reply.callback((head, self.body))

    def ends(self, why: Exception | None = None) -> None:
        """Its body is over."""
        self.body.connectionLost(Failure(why or ResponseDone()))


class OpeningClient:
    """Stands for the client of one origin."""

    def __init__(self, clock: Clock) -> None:
        self.line = HostLine(clock, 15)
        self._clock = clock
        self.asked: list[Asked] = []

    def open(
        self, url: str, headers: Any, budget: Budget, enough: Any, **more: Any
    ) -> Deferred[tuple[ResponseHead, StreamedBody]]:
        assert budget is BUDGET
        assert enough(JPEG) and enough(b"<html>" * 9) and not enough(b"\xff")
        self.asked.append(Asked(self._clock, url, headers, more))
        return self.asked[-1].reply


class PictureCase(SynchronousTestCase):
    """A route to pictures, the client that it asks, and who listens to it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1024.0)
        self.client: Any = OpeningClient(self.clock)
        self.progress = Follower()
        self.sample = Sample()
        self.pacer = Pacer(self.clock, 1000.0, 2)
        self.route = self.made()

    def made(self) -> Route:
        return PictureRoute(
            "direct:pictures",
            RouteKind.DIRECT,
            HOST,
            self.client,
            Dimensions("image.tmdb.org", "classic", "auto", "here"),
            self.pacer,
            self.sample,
        )

    def send(
        self,
        *,
        new_connection: bool = False,
        veto: Veto = lambda: None,
        **more: Any,
    ) -> Deferred[Answer]:
        return self.route.send(
            QUERY,
            call(self.clock.seconds() + 8.0, **more),
            BUDGET,
            new_connection=new_connection,
            progress=self.progress,
            veto=veto,
        )

    @property
    def asked(self) -> Asked:
        last: Asked = self.client.asked[-1]
        return last

    def answer(
        self, status: int, *fields: str, body: bytes = JPEG, **more: Any
    ) -> Answer:
        sending = self.send(**more)
        self.asked.answers(status, *fields, body=body)
        return self.successResultOf(sending)

    def fault(
        self, status: int, *fields: str, body: bytes = JPEG, **more: Any
    ) -> Fault:
        """What the route makes of a reply; whatever it is, nothing of it is left."""
        sending = self.send(**more)
        self.asked.answers(status, *fields, body=body)
        fault = self.failureResultOf(sending, Fault).value
        assert isinstance(fault, Fault)
        if status in (200, 206):
            self.assertTrue(self.asked.body.over)
        self.assertEqual(self.pacer.free, 2)
        return fault

    def part(self, begins: int = 5, etag: str = ETAG) -> Any:
        return {"part": Part(begins, etag)}


class Asking(PictureCase):
    """What goes to the picture host: no credentials, and nothing about the caller."""

    def test_a_whole_one(self) -> None:
        self.send(new_connection=True)
        self.assertEqual(self.asked.url, f"{HOST}{PATH}")
        self.assertEqual(self.asked.headers, COMMON)
        # a coding of ours would keep it from being continued elsewhere
        self.assertEqual(COMMON, {**SAID, "Accept-Encoding": "identity"})
        self.assertTrue(self.asked.new_connection)
        self.assertEqual(self.asked.until, self.clock.seconds() + 8.0)

    def test_nothing_of_what_the_caller_or_another_hop_has_said(self) -> None:
        self.send(loop="cdn", silent=frozenset({"a.test"}), failed=("tls_reset",))
        self.assertEqual(self.asked.headers, COMMON)

    def test_a_part_of_this_very_version(self) -> None:
        self.send(**self.part(5))
        self.assertEqual(
            self.asked.headers, {**COMMON, "Range": "bytes=5-", "If-Range": ETAG}
        )

    def test_it_is_of_the_kind_that_it_was_made_as(self) -> None:
        self.assertIs(self.route.kind, RouteKind.DIRECT)

    def test_it_is_followed_on_its_way(self) -> None:
        self.send()
        self.asked.progress.first_byte()
        self.assertEqual(self.progress.steps, ["sent", "first byte"])


class Probing(PictureCase):
    """Whether a route works is seen with a picture that is there, if one is known."""

    def test_at_first_with_one_that_tmdb_does_not_have(self) -> None:
        self.send(probe=True)
        self.assertEqual(self.asked.url, f"{HOST}/t/p/w92/streamr.jpg")
        self.assertIsNotNone(
            images.picture_name(self.sample.path.removeprefix(images.PICTURES))
        )

    def test_then_with_the_last_that_was_there(self) -> None:
        for status in (200, 404):
            self.answer(status, body=JPEG)
        self.asked.body.close()
        self.send(probe=True)
        self.assertEqual(self.asked.url, f"{HOST}{PATH}")

    def test_one_that_is_not_there_is_none(self) -> None:
        self.answer(404)
        self.send(probe=True)
        self.assertEqual(self.asked.url, f"{HOST}/t/p/w92/streamr.jpg")

    def test_nobody_reads_its_body(self) -> None:
        answer = self.answer(200, probe=True)
        self.assertIsNone(answer.incoming)
        self.assertEqual(self.asked.aborted, 1)
        self.assertEqual(self.pacer.free, 2)


class Judging(PictureCase):
    """What begins as a picture of the kind that it is called is one."""

    def test_each_kind_is_known_by_its_first_bytes(self) -> None:
        for declared, body, kind in (
            ("image/jpeg", JPEG, "image/jpeg"),
            ("image/jpg", JPEG, "image/jpeg"),
            ("image/png; x=1", PNG, "image/png"),
            ("application/octet-stream", PNG, "image/png"),
        ):
            self.setUp()
            answer = self.answer(200, f"Content-Type: {declared}", body=body)
            self.assertEqual(answer.content_type, kind)
            self.assertIs(answer.incoming, self.asked.body)

    def test_one_without_a_type_has_that_of_its_bytes(self) -> None:
        self.assertEqual(self.answer(200).content_type, "image/jpeg")

    def test_one_that_is_called_otherwise_is_a_fault(self) -> None:
        fault = self.fault(200, "Content-Type: image/png", body=JPEG)
        self.assertEqual(fault.cause.name, "http_response_invalid")
        self.assertEqual(fault.detail, "image/jpeg under the name image/png")

    def test_a_long_type_is_told_in_short(self) -> None:
        fault = self.fault(200, "Content-Type: " + "a" * 99)
        self.assertTrue(fault.detail.endswith(" " + "a" * 40))

    def test_html_is_a_fault_whatever_it_is_called(self) -> None:
        for declared in ("text/html", "image/jpeg"):
            self.setUp()
            fault = self.fault(200, f"Content-Type: {declared}", body=HTML)
            self.assertEqual(fault.cause.name, "http_response_invalid")
            self.assertIn("HTML", fault.detail)
            self.assertEqual(self.asked.aborted, 1)

    def test_nothing_at_all_is_a_fault(self) -> None:
        sending = self.send()
        self.asked.ends()
        self.asked.answers(200, body=b"")
        fault = self.failureResultOf(sending, Fault).value
        self.assertEqual(fault.detail, "an empty body")

    def test_a_short_one_that_has_ended_is_told_by_all_of_it(self) -> None:
        sending = self.send()
        self.asked.body.dataReceived(b"\xff\xd8\xff\xd9")
        self.asked.ends()
        self.asked.answers(200, body=b"")
        answer = self.successResultOf(sending)
        self.assertEqual(answer.content_type, "image/jpeg")

    def test_a_coding_that_was_not_asked_for_is_a_fault(self) -> None:
        fault = self.fault(200, "Content-Encoding: gzip" + "x" * 99)
        self.assertEqual(fault.cause.name, "http_response_content_coding")
        self.assertEqual(fault.detail, "unknown coding gzip" + "x" * 36)
        for coding in ("identity", "IDENTITY", ""):
            self.setUp()
            self.answer(200, f"Content-Encoding: {coding}")

    def test_one_that_is_not_there_is_an_answer(self) -> None:
        for status in (404, 410):
            self.setUp()
            answer = self.answer(status, body=HTML)
            self.assertEqual((answer.status, answer.incoming), (status, None))

    def test_each_refusal_is_a_fault_of_its_name(self) -> None:
        for status, cause in (
            (300, "http_response_redirect"),
            (301, "http_response_redirect"),
            (302, "http_response_redirect"),
            (304, "http_response_redirect"),
            (399, "http_response_redirect"),
            (204, "http_response_invalid"),
            (299, "http_response_invalid"),
            (400, "http_response_invalid"),
            (401, "http_response_invalid"),
            (403, "http_request_denied"),
            (416, "http_response_invalid"),
            (499, "http_response_invalid"),
            (500, "upstream_error"),
            (501, "upstream_error"),
            (502, "upstream_unavailable"),
            (503, "upstream_unavailable"),
            (504, "upstream_unavailable"),
            (505, "upstream_error"),
        ):
            self.setUp()
            fault = self.fault(status, "Retry-After: 7")
            self.assertEqual(fault.cause.name, cause, status)
            self.assertEqual(fault.detail, f"status {status}")
            self.assertEqual(fault.retry_after, "7" if status >= 500 else None)

    def test_the_connection_of_a_refusal_can_be_used_again(self) -> None:
        for status in (302, 403, 404, 416, 429, 503):
            self.setUp()
            sending = self.send()
            self.asked.answers(status)
            sending.addErrback(lambda failure: failure.trap(Fault))
            self.asked.ends()
            self.assertEqual(self.asked.aborted, 0, status)


class Parts(PictureCase):
    """What is missing of a picture, and nothing else."""

    def test_the_rest_of_the_same_version(self) -> None:
        answer = self.answer(
            206, "Content-Range: bytes 5-99/100", f"ETag: {ETAG}", **self.part(5)
        )
        self.assertEqual((answer.begins, answer.length), (5, 100))
        self.assertIs(answer.incoming, self.asked.body)

    def test_its_first_bytes_need_not_be_those_of_a_picture(self) -> None:
        answer = self.answer(
            206,
            "Content-Range: bytes 5-99/100",
            f"ETag: {ETAG}",
            body=HTML,
            **self.part(5),
        )
        self.assertEqual(answer.status, 206)

    def test_another_place_is_a_fault(self) -> None:
        for told in (
            "bytes 4-99/100",
            "bytes 6-99/100",
            "bytes 5-99/*",
            "bytes */100",
            "bytes=5-99/100",
            "lines 5-99/100",
            "bytes 5-99/100, bytes 5-99/100",
            "",
        ):
            self.setUp()
            fields = (f"Content-Range: {told}", f"ETag: {ETAG}")
            fault = self.fault(206, *fields, **self.part(5))
            self.assertEqual(fault.detail, "another part than was asked for", told)
            self.assertEqual(self.asked.aborted, 1)

    def test_another_version_is_a_fault(self) -> None:
        for etag in ('"v2"', 'W/"v1"', ""):
            self.setUp()
            fields = ("Content-Range: bytes 5-99/100", f"ETag: {etag}")
            fault = self.fault(206, *fields, **self.part(5))
            self.assertEqual(fault.cause.name, "http_response_invalid")
            self.assertEqual(fault.detail, "a part of another version", etag)

    def test_a_coding_is_a_fault(self) -> None:
        """Its bytes would be taken for those of the picture."""
        fields = ("Content-Range: bytes 5-99/100", f"ETag: {ETAG}")
        for coding in ("gzip", "BR", "identity, gzip"):
            self.setUp()
            told = f"Content-Encoding: {coding}"
            fault = self.fault(206, *fields, told, **self.part(5))
            self.assertEqual(fault.cause.name, "http_response_content_coding")
            self.assertEqual(self.asked.aborted, 1)
        self.setUp()
        told = "Content-Encoding: Identity"
        self.assertEqual(self.answer(206, *fields, told, **self.part(5)).begins, 5)

    def test_one_that_nobody_has_asked_for_is_a_fault(self) -> None:
        fault = self.fault(206, "Content-Range: bytes 0-99/100", f"ETag: {ETAG}")
        self.assertEqual(fault.cause.name, "http_response_invalid")

    def test_the_whole_may_come_instead(self) -> None:
        answer = self.answer(200, "Content-Length: 100", **self.part(5))
        self.assertEqual((answer.begins, answer.length), (0, 100))


class Waiting(PictureCase):
    """TMDB counts connections: a place is taken until the body is over."""

    def test_a_place_is_held_until_the_body_is_over(self) -> None:
        for why in (None, ConnectionLost()):
            self.setUp()
            self.answer(200)
            self.assertEqual(self.pacer.free, 1)
            self.asked.ends(why)
            self.assertEqual(self.pacer.free, 2)

    def test_a_body_that_is_closed_or_stalls_gives_its_place_back(self) -> None:
        for closed in (True, False):
            self.setUp()
            answer = self.answer(200)
            assert answer.incoming is not None
            if closed:
                answer.incoming.close()
            else:
                self.clock.advance(BUDGET.idle)
            self.assertEqual(self.pacer.free, 2)
            self.assertEqual(self.asked.aborted, 1)

    def test_the_next_one_leaves_when_a_body_is_over(self) -> None:
        self.answer(200)
        first = self.asked
        self.answer(200)
        self.send()
        self.assertEqual(len(self.client.asked), 2)
        first.ends()
        self.clock.advance(0)
        self.assertEqual(len(self.client.asked), 3)
        self.assertEqual(self.progress.steps.count("queued"), 1)

    def test_who_leaves_before_his_turn_leaves_nothing(self) -> None:
        self.answer(200)
        self.answer(200)
        sending = self.send()
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.assertEqual((self.pacer.waiting, len(self.client.asked)), (0, 2))

    def test_who_leaves_before_the_head_gives_his_place_back(self) -> None:
        sending = self.send()
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.assertTrue(self.asked.cancelled)
        self.assertEqual(self.pacer.free, 2)

    def test_who_fails_before_the_head_gives_his_place_back(self) -> None:
        sending = self.send()
        self.asked.reply.errback(Fault("tls_reset"))
        fault = self.failureResultOf(sending, Fault).value
        self.assertEqual(fault.cause.name, "tls_reset")
        self.assertEqual(self.pacer.free, 2)

    def test_whose_turn_comes_too_late_does_not_leave(self) -> None:
        sending = self.send(veto=lambda: Fault("deadline_exceeded"))
        self.failureResultOf(sending, Fault)
        self.assertEqual((self.client.asked, self.progress.steps), ([], []))
        self.assertEqual(self.pacer.free, 2)

    def test_a_probe_goes_first_and_the_background_last(self) -> None:
        self.answer(200)
        first = self.asked
        self.answer(200)
        self.send(background=True)
        self.send(**self.part(5))
        self.send(probe=True)
        for _ in range(3):
            first.ends()
            self.clock.advance(0)
            first = self.asked
            first.answers(404)
            self.clock.advance(0)
        ranges = [each.headers.get("Range") for each in self.client.asked[2:]]
        self.assertEqual(ranges, [None, "bytes=5-", None])
        urls = [each.url for each in self.client.asked[2:]]
        self.assertEqual(urls[0], f"{HOST}{self.sample.path}")

    def test_a_429_pauses_the_host_for_everybody(self) -> None:
        fault = self.fault(429, "Retry-After: 7", body=HTML)
        self.assertEqual((fault.cause.name, fault.retry_after), (LIMITED, "7"))
        self.assertEqual(self.pacer.paused, 7.0)
        self.assertEqual(fault.detail, "status 429")

    def test_one_that_names_no_time_pauses_it_for_a_moment(self) -> None:
        fault = self.fault(429, body=HTML)
        self.assertEqual((fault.retry_after, self.pacer.paused), ("1", FIRST_PAUSE))

    def test_a_pause_is_short_again_after_an_answer(self) -> None:
        for status in (429, 429, 404, 429):
            sending = self.send()
            self.asked.answers(status)
            sending.addErrback(lambda failure: failure.trap(Fault))
            paused = self.pacer.paused
            self.clock.advance(paused)
        self.assertEqual(paused, FIRST_PAUSE)


LIMITED = "http_rate_limited"


class OverAPeer(PictureCase):
    """A proxy of ours brings pictures, too."""

    token: str | None = "secret"
    near = False

    def made(self) -> Route:
        return PeerPictureRoute(
            PROXY,
            self.client,
            self.token,
            Loop("streamr-me-main"),
            self.sample,
            near=self.near,
        )

    def test_its_name_and_place_tell_it_from_that_of_the_answers(self) -> None:
        answers = ProxyRoute(PROXY, self.client, None, Loop("streamr-me-main"))
        self.assertEqual(self.route.name, f"{NAME}:pictures")
        self.assertEqual(self.route.dimensions, answers.dimensions)

    def test_one_near_differs_in_neither_egress_nor_key(self) -> None:
        far = self.route.dimensions.egress
        self.near = True
        near = self.made().dimensions.egress
        self.assertEqual((far, near), ("127.0.0.1:5001", "direct"))

    def test_it_is_asked_as_for_answers(self) -> None:
        self.send(silent=frozenset({"a.test"}), **self.part(5))
        self.assertEqual(self.asked.url, f"{PROXY}{PATH}")
        self.assertEqual(
            self.asked.headers,
            {
                **COMMON,
                "X-Request-Id": "req-1",
                "Streamr-Deadline-Ms": "2700",
                "Via": "1.1 streamr-me-main",
                "CDN-Loop": "streamr-me-main",
                "Streamr-Silent": "a.test",
                "Authorization": "Bearer secret",
                "Range": "bytes=5-",
                "If-Range": ETAG,
            },
        )

    def test_its_picture_is_an_answer_with_its_tries(self) -> None:
        answer = self.answer(200, f"Proxy-Status: {PASSED_ON}")
        (tried,) = answer.attempts
        self.assertEqual(tried.peer, self.route.name)
        self.assertIs(answer.incoming, self.asked.body)
        self.assertFalse(self.asked.body.over)

    def test_so_is_one_that_it_has_stored(self) -> None:
        answer = self.answer(200, "Age: 70")
        self.assertEqual((answer.age, answer.attempts), (70, ()))

    def test_tmdbs_404_over_it_is_an_answer(self) -> None:
        answer = self.answer(404, f"Proxy-Status: {PASSED_ON}", body=HTML)
        self.assertEqual((answer.status, answer.incoming), (404, None))

    def test_a_404_of_its_own_is_a_strangers(self) -> None:
        for status in (400, 404, 405, 410, 416, 429):
            fault = self.fault(status, body=HTML)
            self.assertEqual(fault.cause.name, "proxy_configuration_error", status)
            self.assertIn(f"answers with status {status}", fault.detail)
            self.assertTrue(fault.final)

    def test_who_refuses_us_is_our_misconfiguration(self) -> None:
        for status in (401, 403):
            for told in ((), ("Proxy-Status: streamr;error=http_request_denied",)):
                fault = self.fault(status, *told, body=HTML)
                self.assertEqual(fault.cause.name, "proxy_configuration_error")
                self.assertTrue(fault.final)

    def test_its_own_error_keeps_its_name_and_its_tries(self) -> None:
        field = 'p;error=tls_reset;route="a";ms=4, p;error=deadline_exceeded'
        fault = self.fault(504, f"Proxy-Status: {field}", "Retry-After: 7", body=b"{}")
        self.assertEqual((fault.cause.name, fault.final), ("deadline_exceeded", True))
        self.assertEqual(fault.retry_after, "7")
        tried = Attempt("a", "", 4, "tls_reset", peer=self.route.name)
        self.assertEqual(fault.attempts, (tried,))

    def test_an_error_beside_a_picture_closes_it(self) -> None:
        fault = self.fault(200, "Proxy-Status: p;error=tls_reset")
        self.assertEqual(fault.cause.name, "tls_reset")
        self.assertEqual(self.asked.aborted, 1)

    def test_a_loop_is_told_as_one(self) -> None:
        field = "p;error=proxy_loop_detected"
        fault = self.fault(508, f"Proxy-Status: {field}", body=b"{}")
        self.assertEqual(fault.cause.name, "proxy_loop_detected")

    def test_html_of_it_is_a_fault_like_that_of_the_host(self) -> None:
        fault = self.fault(200, body=HTML)
        self.assertEqual(fault.cause.name, "http_response_invalid")
        self.assertEqual(self.asked.aborted, 1)

    def test_a_connection_that_it_does_not_speak_over_is_told_as_ever(self) -> None:
        sending = self.send()
        self.asked.reply.errback(Fault("tls_certificate_error"))
        self.failureResultOf(sending, Fault)

    def test_what_is_no_http_is_no_streamr(self) -> None:
        sending = self.send()
        self.asked.reply.errback(Fault("http_protocol_error"))
        fault = self.failureResultOf(sending, Fault).value
        self.assertEqual(fault.cause.name, "proxy_configuration_error")

    def test_a_status_of_a_server_is_no_strangers(self) -> None:
        fault = self.fault(500)
        self.assertEqual(fault.cause.name, "upstream_error")

    def test_a_probe_asks_for_a_picture_that_is_there(self) -> None:
        self.sample.was_there("/t/p/w92/there.jpg")
        self.send(probe=True)
        self.assertEqual(self.asked.url, f"{PROXY}/t/p/w92/there.jpg")

    def test_a_probe_reads_no_body(self) -> None:
        answer = self.answer(200, f"Proxy-Status: {PASSED_ON}", probe=True)
        self.assertIsNone(answer.incoming)
        self.assertEqual(self.asked.aborted, 1)

    def test_a_part_comes_over_it(self) -> None:
        answer = self.answer(
            206, "Content-Range: bytes 5-99/100", f"ETag: {ETAG}", **self.part(5)
        )
        self.assertEqual((answer.begins, answer.length), (5, 100))

    def test_who_leaves_closes_it(self) -> None:
        sending = self.send()
        sending.cancel()
        self.failureResultOf(sending, CancelledError)
        self.assertTrue(self.asked.cancelled)
