"""The routes: what they ask for, with whose credentials, and what answers say of whom.

Exact URLs and whole sets of headers: one header more may be a key in the wrong hands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Budget, Call, Dimensions, Query, Validators
from streamr.errors import Fault, RouteKind
from streamr.fields.loop import Loop
from streamr.interfaces import Route, Veto
from streamr.upstream.line import HostLine
from streamr.upstream.origin import Credentials, TMDBRoute
from streamr.upstream.peer import ProxyRoute
from streamr.upstream.ratelimit import Pacer
from tests.follower import Follower
from tests.support import QUERY, call, head

BUDGET = Budget(connect=1.2, first_byte=3.0, body=5.0, idle=2.0, total=8.0)
TMDB = "https://api.themoviedb.org/3"
PROXY = "http://127.0.0.1:5001"
NAME = "proxy@127.0.0.1:5001"
TOKEN, KEY = "a-v4-token", "a-v3-key"
KNOWN = Validators('W/"x"', "Sun, 01 Jan 2023 00:00:00 GMT")
COMMON = {"Accept": "application/json", "User-Agent": "streamr"}
MISSING = b'{"success":false,"status_code":34,"status_message":"Not found."}'
FILM = b'{"id":550,"title":"Fight Club"}'
HTML = b"<html>"
# What a proxy says of an answer that TMDB has given.
PASSED_ON = 'streamr-proxy;route="classic@api.themoviedb.org";ms=90'


@dataclass
class Asked:
    """One request that a route made; the test answers it."""

    url: str
    headers: dict[str, str]
    budget: Budget
    new_connection: bool
    progress: Any
    reply: Deferred[Answer]


class RecordingClient:
    """Stands for the client of one origin."""

    def __init__(self, clock: Clock) -> None:
        self.line = HostLine(clock, 15)
        self.asked: list[Asked] = []
        self.cancelled = 0

    def get(
        self,
        url: str,
        headers: Any,
        budget: Budget,
        *,
        new_connection: bool,
        progress: Any,
        until: float,
    ) -> Deferred[Answer]:
        self.until = until
        reply: Deferred[Answer] = Deferred(self._cancel)
        self.asked.append(
            Asked(url, dict(headers), budget, new_connection, progress, reply)
        )
        return reply

    def _cancel(self, _reply: Deferred[Answer]) -> None:
        self.cancelled += 1


class RouteCase(SynchronousTestCase):
    """A route, the client that it asks, and who listens to it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1024.0)
        self.client: Any = RecordingClient(self.clock)
        self.progress = Follower()

    def tmdb(
        self,
        token: str | None = None,
        key: str | None = None,
        *,
        base_url: str = TMDB,
        loop: Loop | None = None,
        at_once: int = 15,
    ) -> TMDBRoute:
        self.pacer = Pacer(self.clock, 35.0, at_once)
        dimensions = Dimensions("api.themoviedb.org", "classic", "auto", "here")
        return TMDBRoute(
            "direct",
            RouteKind.DIRECT,
            base_url,
            self.client,
            Credentials(token, key),
            dimensions,
            loop,
            self.pacer,
        )

    def proxy(self, token: str | None = None, *, near: bool = False) -> ProxyRoute:
        return ProxyRoute(PROXY, self.client, token, Loop("streamr-me-main"), near=near)

    def send(
        self,
        route: Route,
        query: Query = QUERY,
        asked: Call | None = None,
        *,
        new_connection: bool = False,
        budget: Budget = BUDGET,
        veto: Veto = lambda: None,
    ) -> Deferred[Answer]:
        return route.send(
            query,
            asked or call(self.clock.seconds() + 8.0),
            budget,
            new_connection=new_connection,
            progress=self.progress,
            veto=veto,
        )

    def sent(self, route: Route, query: Query = QUERY, **more: Any) -> Asked:
        """What leaves for one query."""
        sending = self.send(route, query, call(self.clock.seconds() + 8.0, **more))
        sending.addErrback(lambda _failure: None)
        asked: Asked = self.client.asked[-1]
        return asked

    def reply(
        self, came: Answer, body: bytes = FILM, gzipped: bytes | None = None
    ) -> None:
        self.client.asked[-1].reply.callback(replace(came, body=body, gzipped=gzipped))

    def answer(
        self, route: Route, came: Answer, body: bytes = FILM, **more: Any
    ) -> Answer:
        """What one try makes of a reply."""
        sending = self.send(route, asked=call(self.clock.seconds() + 8.0, **more))
        self.reply(came, body)
        answer: Answer = self.successResultOf(sending)
        return answer

    def fault(
        self, route: Route, came: Answer, body: bytes = FILM, **more: Any
    ) -> Fault:
        sending = self.send(route, asked=call(self.clock.seconds() + 8.0, **more))
        self.reply(came, body)
        fault = self.failureResultOf(sending, Fault).value
        assert isinstance(fault, Fault)
        return fault


def query(path: str, *parameters: tuple[str, str]) -> Query:
    return Query(path, parameters, path)


class URLs(RouteCase):
    """What is asked for."""

    def test_each_query_has_its_url(self) -> None:
        for asked, url in (
            (query("/movie/550"), "/movie/550"),
            (query("/movie/550", ("language", "de-DE")), "/movie/550?language=de-DE"),
            (
                query("/search/movie", ("query", "a b"), ("page", "2")),
                "/search/movie?query=a%20b&page=2",
            ),
            (
                query("/search/movie", ("query", "x&api_key=1#?/+=%ü")),
                "/search/movie?query=x%26api_key%3D1%23%3F%2F%2B%3D%25%C3%BC",
            ),
            (query("/x", ("a", "2"), ("a", "1"), ("b", "")), "/x?a=2&a=1&b="),
            (query("/x", ("with_genres", "1,2|3")), "/x?with_genres=1%2C2%7C3"),
        ):
            self.assertEqual(self.sent(self.tmdb(), asked).url, TMDB + url)
            self.assertEqual(self.sent(self.proxy(), asked).url, f"{PROXY}/3{url}")

    def test_a_value_reads_on_the_other_side_as_it_was(self) -> None:
        text = "".join(chr(n) for n in range(32, 256))
        url = self.sent(self.tmdb(key=KEY), query("/x", ("query", text))).url
        pairs = parse_qsl(urlsplit(url).query, strict_parsing=True)
        self.assertEqual(pairs, [("query", text), ("api_key", KEY)])

    def test_the_base_may_have_a_port_and_a_path_of_its_own(self) -> None:
        route = self.tmdb(base_url="http://127.0.0.1:8080/tmdb/3")
        self.assertEqual(self.sent(route).url, "http://127.0.0.1:8080/tmdb/3/movie/550")


class WhoWeAre(RouteCase):
    """Which headers go along, and to whom."""

    def test_the_token_goes_before_the_key_and_each_goes_where_it_belongs(self) -> None:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        for token, key, headers, parameters in (
            (TOKEN, KEY, bearer, ""),
            (TOKEN, None, bearer, ""),
            (TOKEN, "", bearer, ""),
            (None, KEY, {}, f"?api_key={KEY}"),
            ("", KEY, {}, f"?api_key={KEY}"),
            (None, None, {}, ""),
            ("", "", {}, ""),
        ):
            asked = self.sent(self.tmdb(token, key))
            self.assertEqual(asked.headers, COMMON | headers, (token, key))
            self.assertEqual(asked.url, f"{TMDB}/movie/550{parameters}", (token, key))

    def test_the_key_is_quoted_and_comes_last(self) -> None:
        asked = self.sent(self.tmdb(key="k&=e y"), query("/x", ("page", "1")))
        self.assertEqual(asked.url, f"{TMDB}/x?page=1&api_key=k%26%3De%20y")

    def test_to_tmdb_goes_nothing_that_only_a_proxy_needs(self) -> None:
        more = {"loop": "cdn.test", "silent": frozenset({"api.themoviedb.org"})}
        asked = self.sent(self.tmdb(TOKEN, loop=None), **more)
        self.assertEqual(set(asked.headers), {*COMMON, "Authorization"})

    def test_to_a_host_from_which_it_may_come_back_go_the_marks_of_a_loop(self) -> None:
        for incoming, passed in (("", ""), ("a, b;x=1", "a, b;x=1, ")):
            route = self.tmdb(loop=Loop("streamr-me-main"))
            marks = {
                "Via": "1.1 streamr-me-main",
                "CDN-Loop": f"{passed}streamr-me-main",
            }
            asked = self.sent(route, loop=incoming)
            self.assertEqual(asked.headers, COMMON | marks)

    def test_what_is_known_makes_the_request_conditional(self) -> None:
        etag = {"If-None-Match": 'W/"x"'}
        date = {"If-Modified-Since": "Sun, 01 Jan 2023 00:00:00 GMT"}
        for known, headers in (
            (None, {}),
            (KNOWN, etag | date),
            (Validators('W/"x"', None), etag),
            (Validators('W/"x"', ""), etag),
            (Validators(None, KNOWN.last_modified), date),
            (Validators("", KNOWN.last_modified), date),
            (Validators(None, None), {}),
        ):
            asked = self.sent(self.tmdb(), known=known)
            self.assertEqual(asked.headers, COMMON | headers, known)


class Dimension(RouteCase):
    """What a route is called, and what sets it apart."""

    def test_a_route_to_tmdb(self) -> None:
        route: Route = self.tmdb(base_url="https://api.themoviedb.org:8443/3")
        self.assertEqual(route.name, "direct")
        self.assertEqual(route.next_hop, "api.themoviedb.org:8443")
        self.assertIs(route.kind, RouteKind.DIRECT)
        self.assertEqual(route.dimensions.profile, "classic")

    def test_a_route_over_a_proxy_leaves_from_the_proxys_place(self) -> None:
        route: Route = self.proxy()
        self.assertEqual(route.name, NAME)
        self.assertEqual(route.next_hop, "127.0.0.1:5001")
        self.assertIs(route.kind, RouteKind.PEER)
        there = "127.0.0.1:5001"
        self.assertEqual(route.dimensions, Dimensions(there, "proxy", "auto", there))


class OneTry(RouteCase):
    """What both kinds do with the circumstances of a try."""

    def test_the_connection_wanted_budget_and_progress_reach_the_client(self) -> None:
        for route in (self.tmdb(), self.proxy()):
            for new in (True, False):
                self.send(route, new_connection=new)
                asked = self.client.asked[-1]
                self.assertIs(asked.new_connection, new)
                self.assertIs(asked.budget, BUDGET)
                self.assertIs(asked.progress, self.progress)

    def test_a_fault_is_handed_on(self) -> None:
        for route in (self.tmdb(), self.proxy()):
            sending = self.send(route)
            fault = Fault("tls_reset")
            self.client.asked[-1].reply.errback(fault)
            self.assertIs(self.failureResultOf(sending).value, fault)

    def test_leaving_cancels_the_request(self) -> None:
        for count, route in enumerate((self.tmdb(), self.proxy()), start=1):
            sending = self.send(route)
            sending.cancel()
            self.failureResultOf(sending, CancelledError)
            self.assertEqual(self.client.cancelled, count)

    def test_an_answer_comes_with_its_gzip_form(self) -> None:
        for route in (self.tmdb(), self.proxy()):
            sending = self.send(route)
            self.reply(head(200), FILM, b"as it came")
            answer = self.successResultOf(sending)
            self.assertEqual((answer.body, answer.gzipped), (FILM, b"as it came"))

    def test_an_answer_for_another_id_is_refused(self) -> None:
        for route in (self.tmdb(), self.proxy()):
            fault = self.fault(route, head(200), b'{"id":551,"title":"x"}')
            self.assertEqual(fault.cause.name, "http_response_invalid")

    def test_a_cut_body_is_one_when_its_end_was_not_certain(self) -> None:
        for route in (self.tmdb(), self.proxy()):
            sending = self.send(route)
            reply = Answer(200, FILM[:-4], certain=False)
            self.client.asked[-1].reply.callback(reply)
            fault = self.failureResultOf(sending, Fault).value
            self.assertEqual(fault.cause.name, "http_response_incomplete")


class Paced(RouteCase):
    """The route to TMDB waits for its turn, and tells the pacer of a 429."""

    def test_who_leaves_at_once_is_heard_once(self) -> None:
        self.send(self.tmdb())
        self.assertEqual(self.progress.steps, ["sent"])

    def test_waiting_is_no_silence_until_it_leaves(self) -> None:
        route = self.tmdb(at_once=1)
        first = self.send(route)
        self.progress.steps.clear()
        self.send(route)
        self.assertEqual(self.progress.steps, ["queued"])
        self.assertEqual(len(self.client.asked), 1)
        self.reply(head(200))
        self.successResultOf(first)
        self.clock.advance(0)
        self.assertEqual(self.progress.steps, ["queued", "sent"])
        self.assertEqual(len(self.client.asked), 2)

    def test_who_need_not_leave_any_more_fails_with_what_he_is_told(self) -> None:
        route, refused = self.tmdb(at_once=1), Fault("deadline_exceeded")
        for waits in (False, True):
            first = self.send(route) if waits else None
            count = len(self.client.asked)
            self.progress.steps.clear()
            sending = self.send(route, veto=lambda: refused)
            if first is not None:
                self.assertNoResult(sending)
                self.reply(head(200))
                self.successResultOf(first)
                self.clock.advance(0)
            self.assertIs(self.failureResultOf(sending, Fault).value, refused, waits)
            self.assertEqual(len(self.client.asked), count, waits)
            self.assertNotIn("sent", self.progress.steps)
        # his place is free again
        self.assertEqual(self.answer(route, head(200)).status, 200)

    def test_each_429_pauses_for_as_long_as_it_says_and_the_caller_is_told(
        self,
    ) -> None:
        now = "Mon, 02 Jan 2023 00:00:00 GMT"
        for came, told in (
            (head(429, retry_after="7"), "7"),
            (head(429, retry_after="1"), "1"),
            (head(429, retry_after="0"), "1"),
            (head(429, retry_after="3600"), "3600"),
            (head(429, retry_after="3601"), "3600"),
            (head(429), "1"),
            (head(429, retry_after="soon"), "1"),
            (head(429, retry_after="Mon, 02 Jan 2023 00:00:09 GMT", date=now), "9"),
            (head(429, retry_after="Sun, 01 Jan 2023 00:00:00 GMT", date=now), "1"),
        ):
            answer = self.answer(self.tmdb(), came, MISSING)
            self.assertEqual((answer.status, answer.retry_after), (429, told), came)
            fault = self.fault(self.tmdb(), came, HTML)
            self.assertEqual(fault.cause.name, "http_rate_limited", came)
            self.assertEqual(fault.retry_after, told, came)

    def test_within_the_pause_nothing_leaves_and_after_it_all_is_well(self) -> None:
        route = self.tmdb()
        self.answer(route, head(429, retry_after="7"), MISSING)
        self.clock.advance(6.0)
        sending = self.send(route)
        fault = self.failureResultOf(sending, Fault).value
        self.assertEqual(
            (fault.cause.name, fault.retry_after), ("http_rate_limited", "1")
        )
        self.assertEqual(len(self.client.asked), 1)
        self.clock.advance(1.0)
        self.assertEqual(self.answer(route, head(200)).status, 200)

    def test_a_nameless_pause_doubles_until_tmdb_answers_otherwise(self) -> None:
        for otherwise in (200, 404, 500):
            route = self.tmdb()
            told = []
            for _ in range(3):
                answer = self.answer(route, head(429), MISSING)
                told.append(answer.retry_after)
                self.clock.advance(60.0)
            self.assertEqual(told, ["1", "2", "4"])
            sending = self.send(route)
            self.reply(head(otherwise))
            sending.addErrback(lambda _failure: None)
            again = self.answer(route, head(429), MISSING)
            self.assertEqual(again.retry_after, "1", otherwise)

    def test_no_other_status_pauses_or_changes_its_retry_after(self) -> None:
        route = self.tmdb()
        for status in (200, 404, 428, 430):
            answer = self.answer(route, head(status, retry_after="7"))
            self.assertEqual((answer.status, answer.retry_after), (status, "7"))
            self.assertEqual(self.pacer.paused, 0)
        self.assertEqual(self.fault(route, head(503, retry_after="7")).retry_after, "7")
        self.assertEqual(self.pacer.paused, 0)

    def test_not_modified_is_an_answer_to_a_conditional_request(self) -> None:
        self.assertEqual(self.answer(self.tmdb(), head(304), known=KNOWN).status, 304)
        fault = self.fault(self.tmdb(), head(304))
        self.assertEqual(fault.cause.name, "http_response_redirect")
