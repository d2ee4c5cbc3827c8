"""Both servers' surface, in memory: raw bytes in, raw bytes out."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Call, Exchange, Query
from streamr.errors import CAUSES
from streamr.fields import names
from streamr.fields.loop import Loop
from streamr.net.networks import LOOPBACK, PRIVATE_RANGES
from streamr.observe.history import outcome_of
from streamr.store.memory import MemoryStore
from streamr.tmdb import catalogue
from streamr.web.access import Feed, Reset, Stop, Visit, Who, trusted
from streamr.web.api import target
from streamr.web.api.cors import Cors
from streamr.web.api.resource import GatewayResource
from streamr.web.api.surface import Surface
from streamr.web.callers import TrustedProxies
from streamr.web.hosts import Hosts
from streamr.web.page import Page, json_page
from streamr.web.router import CHANGE, Router, Row
from streamr.web.server.channel import HEAD_SECONDS, IDLE_SECONDS, QUIET_SECONDS
from streamr.web.server.limits import Limits as CallerLimits
from streamr.web.server.rules import MOST_BODY, MOST_PARAMETERS
from streamr.web.server.site import LOOK_EVERY, READING, GatewaySite
from tests.support import FakeRoute, Notes, gateway_over, turn

ADMIN = "an-admin-token-of-some-length"
BODY = json.dumps({"id": 550, "title": "Fight Club", "x": "y" * 2000}).encode()
ANSWER = Answer(200, BODY, gzip.compress(BODY), cache_control="public, max-age=60")


class Transport(StringTransport):
    """A transport that remembers how it was ended."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


@dataclass
class Seen:
    """One parsed response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class SurfaceCase(SynchronousTestCase):
    token: str | None = None
    origins: tuple[str, ...] = ("*",)
    store: MemoryStore | None = None

    def setUp(self) -> None:
        self.clock = Clock()
        self.notes = Notes()
        self.route = FakeRoute()
        self.loop = Loop("streamr-me-main")
        self.acts: list[dict[str, str]] = []
        self.feed = Feed((("Content-Type", "text/event-stream"),), self.begin)
        self.fed: list[tuple[Any, Any]] = []
        self.stopped = 0
        rows = [
            Row(
                "/api/health",
                lambda _visit: json_page(200, {"status": "ok"}),
                who=Who.EVERYBODY,
            ),
            Row("/feed", lambda _visit: self.feed),
            Row("/inside", lambda _visit: json_page(200, {}), who=Who.OPERATORS),
            Row("/act", self.act, CHANGE, Who.OPERATORS),
            *self.more_rows(),
        ]
        surface = Surface(
            gateway_over([self.route], self.clock, self.notes, store=self.store),
            target.main_query(catalogue.load()),
            Router(rows),
            Cors(self.origins),
            8.0,
            self.loop.closed,
            token=self.token,
            admin_token=ADMIN,
            hosts=Hosts(frozenset({"a"})),
        )
        self.surface = self.changed(surface)
        resource = GatewayResource(self.surface, self.clock, self.notes)
        self.site = GatewaySite(
            resource, self.clock, surface.cors.headers, refused=resource.refused
        )
        self.site.startFactory()
        self.addCleanup(self.site.stopFactory)
        self.connect()

    def more_rows(self) -> list[Row]:
        """Pages beside those of these tests."""
        return []

    def changed(self, surface: Surface) -> Surface:
        """The surface that the tests go through."""
        return surface

    def begin(self, write: Any, finish: Any) -> Stop:
        self.fed.append((write, finish))

        def stop() -> None:
            self.stopped += 1

        return stop

    def act(self, visit: Visit) -> Page:
        self.acts.append(dict(visit.pairs))
        return json_page(200, {"done": True})

    def connect(self, peer: str = "192.0.2.1") -> None:
        self.channel: Any = self.site.buildProtocol(None)
        self.transport = Transport(peerAddress=IPv4Address("TCP", peer, 40000))
        self.channel.makeConnection(self.transport)

    def send(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        host: str = "a",
    ) -> None:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.channel.dataReceived("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def seen(self) -> Seen:
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            joined = headers.get(name.lower())
            headers[name.lower()] = f"{joined}, {value}" if joined else value
        return Seen(int(first.split()[1]), headers, body)

    def get(self, path: str, *, peer: str = "192.0.2.1", **more: Any) -> Seen:
        """Ask; the route, when it is asked, answers well."""
        self.connect(peer)
        before = len(self.route.sent)
        self.send(path, **more)
        if len(self.route.sent) > before:
            self.route.succeeds(ANSWER)
        return self.seen()


class Answers(SurfaceCase):
    def test_tmdbs_body_comes_unchanged(self) -> None:
        seen = self.get("/3/movie/550")
        self.assertEqual((seen.status, seen.body), (200, BODY))
        self.assertEqual(seen.headers["content-length"], str(len(BODY)))
        self.assertEqual(seen.headers["cache-control"], "public, max-age=60")

    def test_a_caller_who_accepts_gzip_gets_tmdbs_gzip(self) -> None:
        seen = self.get("/3/movie/550", headers={"Accept-Encoding": "br, gzip;q=1.0"})
        self.assertEqual(seen.headers["content-encoding"], "gzip")
        self.assertEqual(seen.body, ANSWER.gzipped)
        self.assertEqual(seen.headers["vary"], "Accept-Encoding")

    def test_gzip_is_made_where_tmdb_sent_none(self) -> None:
        self.connect()
        self.send("/3/movie/550", headers={"Accept-Encoding": "gzip"})
        self.route.succeeds(replace(ANSWER, gzipped=None))
        self.assertEqual(gzip.decompress(self.seen().body), BODY)

    def test_a_coding_of_a_stored_answer_is_made_once(self) -> None:
        self.store = MemoryStore(1_000_000, 10)
        self.setUp()
        first = self.get("/3/movie/550")
        self.assertEqual(first.body, BODY)
        (stored,) = self.store
        self.store.recode(replace(stored, gzipped=None))
        bodies = {
            self.get("/3/movie/550", headers={"Accept-Encoding": "gzip"}).body
            for _ in range(2)
        }
        (stored,) = self.store
        self.assertEqual(bodies, {stored.gzipped})

    def test_head_is_get_without_the_body(self) -> None:
        seen = self.get("/3/movie/550", method="HEAD")
        self.assertEqual((seen.status, seen.body), (200, b""))
        self.assertEqual(seen.headers["content-length"], str(len(BODY)))

    def test_nothing_tells_what_the_server_is_made_of(self) -> None:
        for path in ("/3/movie/550", "/nothing", "/api/health"):
            self.assertNotIn("server", self.get(path).headers)

    def test_one_exchange_is_noted_for_each_request(self) -> None:
        for path in ("/3/movie/550", "/nothing", "/api/health", "/3/account/1"):
            self.get(path)
        self.get("/3/movie/550", method="POST")
        noted = [each.status for each in self.notes.exchanges]
        self.assertEqual(noted, [200, 404, 200, 403, 405])

    def test_a_sane_request_id_is_kept_and_another_replaced(self) -> None:
        seen = self.get("/3/movie/550", headers={"X-Request-Id": "abc-1"})
        self.assertEqual(seen.headers["x-request-id"], "abc-1")
        self.assertEqual(self.route.sent[-1].call.request_id, "abc-1")
        for odd in ("a b", "x" * 65, 'a"b', "a\x80"):
            seen = self.get("/3/movie/550", headers={"X-Request-Id": odd})
            self.assertRegex(seen.headers["x-request-id"], "^[0-9a-f]{16}$")


class Statuses(SurfaceCase):
    """The first line of an answer."""

    def first_line(self, status: int) -> str:
        self.connect()
        self.send("/3/movie/550")
        self.route.succeeds(replace(ANSWER, status=status))
        return self.transport.value().split(b"\r\n")[0].decode()

    def test_it_has_the_words_of_its_status_and_none_where_there_are_none(self) -> None:
        self.assertEqual(self.first_line(429), "HTTP/1.1 429 Too Many Requests")
        self.assertEqual(self.first_line(499).strip(), "HTTP/1.1 499")


class Lines(SurfaceCase):
    """What TMDB says in a header stays one line of ours."""

    def test_no_value_begins_another_header(self) -> None:
        odd = "application/json\r\nSet-Cookie: a=b\nX: \x00y"
        self.connect()
        self.send("/3/movie/550")
        self.route.succeeds(replace(ANSWER, content_type=odd))
        seen = self.seen()
        self.assertEqual(seen.body, BODY)
        self.assertEqual(
            seen.headers["content-type"], "application/json  Set-Cookie: a=b X:  y"
        )
        self.assertNotIn("set-cookie", seen.headers)
        self.assertNotIn("x", seen.headers)


class Crowds(SurfaceCase):
    """Many connections in one turn of the reactor."""

    def sent(self, count: int) -> list[tuple[Any, Transport]]:
        """Requests in one turn; to read one takes all the time that a turn has."""
        made = []
        for number in range(count):
            self.connect()
            self.send(f"/3/movie/{number + 1}")
            made.append((self.channel, self.transport))
            self.clock.rightNow += READING
        return made

    def asked(self) -> list[str]:
        return [sent.query.path for sent in self.route.sent]

    def test_the_first_is_read_at_once_and_the_others_in_turns(self) -> None:
        self.sent(3)
        self.assertEqual(self.asked(), ["/movie/1"])
        turn(self.clock)
        self.assertIn("/movie/2", self.asked())
        turn(self.clock)
        self.assertEqual(self.asked(), ["/movie/1", "/movie/2", "/movie/3"])

    def test_who_leaves_before_his_turn_asks_nothing(self) -> None:
        made = self.sent(3)
        made[1][0].connectionLost(Failure(ConnectionDone()))
        turn(self.clock)
        turn(self.clock)
        self.assertEqual(self.asked(), ["/movie/1", "/movie/3"])

    def test_what_comes_in_pieces_before_its_turn_is_one_request(self) -> None:
        self.sent(1)
        self.connect()
        for piece in (b"GET /3/movie/9 HTTP/1.1\r\nHo", b"st: a\r\n", b"\r\n"):
            self.channel.dataReceived(piece)
        self.assertEqual(self.asked(), ["/movie/1"])
        turn(self.clock)
        self.assertEqual(self.asked(), ["/movie/1", "/movie/9"])


class Refusals(SurfaceCase):
    def refused(self, path: str, status: int, code: int, **more: Any) -> Seen:
        seen = self.get(path, **more)
        self.assertEqual(self.route.sent, [], path)
        self.assertEqual(seen.status, status, path)
        self.assertEqual(seen.json["status_code"], code, path)
        self.assertIs(seen.json["success"], False)
        self.assertEqual(seen.json["error"], seen.json["status_message"])
        self.assertEqual(seen.json["status"], status)
        self.assertEqual(seen.headers["cache-control"], "no-store")
        return seen

    def test_no_path_can_climb(self) -> None:
        for path in (
            "/api/tmdb/proxy/../4/list/1",
            "/3/../4/list/1",
            "/3/movie/%2e%2e/4",
            "/3/movie%2f550",
            "/3/movie\\550",
            "/3//../4/list/1",
            "/3/movie/550%00",
            "/3/movie/550%0d%0aX-A:b",
        ):
            self.refused(path, 400, 47)
        for path in (
            "/3/movie/550@evil.test.invalid",
            "/3/movie/550;x=1",
            "//evil.test.invalid/3/movie/550",
        ):
            self.refused(path, 404, 34)

    def test_an_absolute_target_is_refused(self) -> None:
        self.refused("http://evil.test.invalid/3/movie/550", 400, 47)
        self.refused("*", 400, 47)

    def test_parameters_that_cannot_be_right_are_named(self) -> None:
        for path, code, name in (
            ("/api/tmdb/popular?page=0", 22, "page"),
            ("/api/tmdb/popular?page=501", 22, "page"),
            ("/api/tmdb/popular?page=1.5", 22, "page"),
            (f"/api/tmdb/popular?region={'x' * 1001}", 47, "region"),
            ("/api/tmdb/popular?language=a%00b", 47, "language"),
            ("/api/tmdb/popular?media_type=movie/550/credits%3Fx=", 47, "media_type"),
            ("/api/tmdb/trending?time_window=year", 47, "time_window"),
            ("/3/movie/550?append_to_response=" + "a," * 21, 27, "append_to_response"),
        ):
            seen = self.refused(path, 400, code)
            self.assertIn(name, seen.json["status_message"])

    def test_what_acts_for_a_user_is_refused_with_a_sentence(self) -> None:
        for path in (
            "/3/account/1",
            "/3/authentication/token/new",
            "/3/guest_session/x/rated/movies",
            "/3/movie/550/account_states",
            "/3//account//1",
        ):
            seen = self.refused(path, 403, 38)
            self.assertIn("own key", seen.json["status_message"])

    def test_other_methods_are_405_and_say_what_is_allowed(self) -> None:
        for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"):
            target = "a:443" if method == "CONNECT" else "/3/movie/550"
            seen = self.refused(target, 405, 4, method=method)
            self.assertEqual(seen.headers["allow"], "GET, HEAD, OPTIONS")
            self.assertEqual(seen.headers["connection"], "close")
            self.assertTrue(self.transport.disconnecting)

    def test_the_options_of_the_whole_server_are_told(self) -> None:
        seen = self.get("*", method="OPTIONS", headers={"Origin": "https://a.invalid"})
        self.assertEqual(seen.status, 204)
        self.assertIn("access-control-allow-methods", seen.headers)

    def test_a_request_that_was_here_before_is_508(self) -> None:
        passed = {"CDN-Loop": "other, streamr-me-main; a=b"}
        seen = self.refused("/3/movie/550", 508, 43, headers=passed)
        self.assertIn("proxy_loop_detected", seen.headers["proxy-status"])

    def test_a_deadline_that_is_no_number_is_named(self) -> None:
        headers = {"Streamr-Deadline-Ms": "soon"}
        seen = self.refused("/3/movie/550", 400, 47, headers=headers)
        self.assertIn("Streamr-Deadline-Ms", seen.json["status_message"])

    def test_an_error_of_our_own_is_a_plain_500(self) -> None:
        self.connect()
        self.send("/3/movie/550")
        self.route.sent[-1].result.callback(object())  # type: ignore[arg-type]
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        seen = self.seen()
        self.assertEqual((seen.status, seen.json["status_code"]), (500, 11))
        self.assertNotIn("object", seen.body.decode())


class Secrets(SurfaceCase):
    def test_a_callers_credentials_never_go_upstream(self) -> None:
        self.get(
            "/3/movie/550?api_key=callers-own-key&language=de-DE",
            headers={"Authorization": "Bearer callers-token", "Cookie": "a=callers"},
        )
        sent = self.route.sent[-1]
        self.assertEqual(sent.query.parameters, (("language", "de-DE"),))
        self.assertNotIn("callers", repr(sent.query))


class WhatMainHasSeen(SurfaceCase):
    """Hints of another gateway: of them only what makes sense is taken."""

    def test_why_its_direct_route_failed_is_handed_on(self) -> None:
        for told, expected in (
            ("tls_reset", ("tls_reset",)),
            ("overtaken, tls_timeout", ("overtaken", "tls_timeout")),
            ("", ()),
            ("TLS_RESET; drop, no_such_cause, dns_error", ("dns_error",)),
            (", ".join(["dns_error"] * 9), ("dns_error",) * 4),
            (f"{'x' * 500}, dns_error", ()),
        ):
            self.get("/3/movie/550", headers={"Streamr-Failed": told})
            self.assertEqual(self.route.sent[-1].call.failed, expected, told)


class Deadlines(SurfaceCase):
    def test_a_deadline_handed_on_shortens(self) -> None:
        self.get("/3/movie/550", headers={"Streamr-Deadline-Ms": "1500"})
        self.assertEqual(self.route.sent[-1].call.deadline, 1.5)

    def test_a_deadline_handed_on_never_lengthens(self) -> None:
        self.get("/3/movie/550", headers={"Streamr-Deadline-Ms": "99999"})
        self.assertEqual(self.route.sent[-1].call.deadline, 8.0)

    def test_a_caller_who_leaves_stops_the_attempt(self) -> None:
        self.send("/3/movie/550")
        self.channel.connectionLost(_gone())
        self.assertTrue(self.route.sent[-1].cancelled)
        self.assertEqual(self.notes.exchanges[-1].status, 499)


class Tokens(SurfaceCase):
    token = "a-token-of-sixteen-or-more"

    def test_without_the_token_nothing_is_asked(self) -> None:
        for given in ("Bearer wrong", "x", self.token, f"Basic {self.token}", None):
            headers = {} if given is None else {"Authorization": given}
            seen = self.get("/3/movie/550", headers=headers)
            self.assertEqual(seen.status, 401)
            self.assertIn("http_request_denied", seen.headers["proxy-status"])
        self.assertEqual(self.route.sent, [])

    def test_with_the_token_it_answers(self) -> None:
        seen = self.get(
            "/3/movie/550", headers={"Authorization": f"Bearer {self.token}"}
        )
        self.assertEqual(seen.status, 200)

    def test_the_health_is_open(self) -> None:
        self.assertEqual(self.get("/api/health").status, 200)


HERE = {"peer": "127.0.0.1", "host": "127.0.0.1:3001"}
WITH_TOKEN = {"headers": {"Authorization": f"Bearer {ADMIN}"}}


class Guarded(SurfaceCase):
    """What is for this machine alone, or for who has the admin token."""

    def test_this_machine_and_the_token_open_it(self) -> None:
        for more in (
            HERE,
            WITH_TOKEN,
            {"peer": "::1", "host": "[::1]"},
            {"peer": "127.0.0.1", "host": "localhost:3001"},
        ):
            self.assertEqual(self.get("/inside", **more).status, 200, more)

    def test_nobody_else_gets_in(self) -> None:
        forwarded = {"X-Forwarded-For": "203.0.113.9"}
        for more in (
            {},
            {"host": "127.0.0.1"},
            {"headers": {"Authorization": "Bearer no"}},
            {"headers": {"Authorization": "Bearer "}},
            # a reverse proxy on this machine, and a name of ours that is not loopback's
            {**HERE, "headers": forwarded},
            {**HERE, "host": "a"},
        ):
            seen = self.get("/inside", **more)
            self.assertEqual(seen.status, 403, more)
            self.assertIn("STREAMR_ADMIN_TOKEN", seen.json["status_message"])

    def test_each_field_of_a_forwarder_closes_it_and_the_actions(self) -> None:
        for name, value in (
            ("Forwarded", "for=203.0.113.9"),
            ("X-Forwarded-For", "203.0.113.9"),
            ("X-Real-IP", "203.0.113.9"),
            ("Via", "1.1 edge"),
        ):
            headers = {name: value, "Content-Length": "0"}
            for method, path in (("GET", "/inside"), ("POST", "/act")):
                seen = self.get(path, method=method, **HERE, headers=headers)
                self.assertEqual(seen.status, 403, (name, path))
        self.assertEqual(self.acts, [])

    def test_another_sites_page_does_not_see_what_its_reader_may(self) -> None:
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "https://elsewhere.test"},
        ):
            seen = self.get("/inside", **HERE, headers=headers)
            self.assertEqual(seen.status, 403, headers)
        own = {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{HERE['host']}"}
        self.assertEqual(self.get("/inside", **HERE, headers=own).status, 200)

    def test_without_an_admin_token_none_opens_it(self) -> None:
        for given in ("", "Bearer ", "Bearer None"):
            self.assertFalse(trusted({"authorization": given}.get, "192.0.2.1", None))


REBOUND = {"peer": "127.0.0.1", "host": "rebound.test:3001"}


class Rates(SurfaceCase):
    """STREAMR_CALLER_RATE is set; whom it is counted for, and what it spares."""

    def changed(self, surface: Surface) -> Surface:
        proxies = TrustedProxies((ip_network("10.0.0.7"),))
        limits = CallerLimits(rate=1, proxies=proxies)
        return replace(surface, limits=limits, proxies=proxies)

    def more_rows(self) -> list[Row]:
        return [Row("/probe", lambda _visit: json_page(200, {}), probe=True)]

    def exhaust(self, path: str = "/feed", **more: Any) -> Seen:
        """Ask until a request is refused, or for a while."""
        for _ in range(30):
            seen = self.get(path, **{"method": "HEAD", **more})
            if seen.status == 429:
                break
        return seen

    def test_who_asks_too_often_is_told_when_to_come_back(self) -> None:
        self.exhaust()
        seen = self.get("/3/movie/550")
        self.assertEqual((seen.status, seen.json["status_code"]), (429, 25))
        self.assertEqual("1", seen.headers["retry-after"])
        self.assertEqual([], [e for e in seen.headers if "ratelimit" in e.lower()])
        self.assertEqual(self.route.sent, [])
        self.clock.advance(1.0)
        self.assertEqual(200, self.get("/3/movie/550").status)
        self.assertEqual(429, self.get("/3/movie/550").status)

    def test_every_request_counts_also_one_that_is_refused(self) -> None:
        for more in ({"path": "/nowhere"}, {"method": "OPTIONS"}, {"method": "PUT"}):
            self.setUp()
            self.assertEqual(429, self.exhaust(**{"path": "/feed", **more}).status)

    def test_probes_and_other_addresses_are_answered(self) -> None:
        self.exhaust()
        for path in ("/probe", "/probe?a=b"):
            self.assertEqual(200, self.get(path).status)
        self.assertEqual(200, self.get("/3/movie/550", peer="192.0.2.2").status)

    def test_private_addresses_and_this_machine_have_no_limit(self) -> None:
        for peer in ("127.0.0.1", "172.17.0.1", "10.0.0.7"):
            self.assertEqual(200, self.exhaust(peer=peer).status)

    def test_behind_a_trusted_proxy_it_is_the_callers(self) -> None:
        one, other = ({"X-Forwarded-For": f"192.0.2.{n}"} for n in (8, 9))
        self.assertEqual(429, self.exhaust(peer="10.0.0.7", headers=one).status)
        self.assertEqual(200, self.get("/3/movie/550", peer="10.0.0.7").status)
        seen = self.get("/3/movie/550", peer="10.0.0.7", headers=other)
        self.assertEqual(200, seen.status)
        # from elsewhere the header is nobody's word
        seen = self.get("/3/movie/550", peer="192.0.2.5", headers=one)
        self.assertEqual(200, seen.status)


class PeerRates(SurfaceCase):
    """The same on a proxy with a token, for those who have it."""

    token = "a-token-of-sixteen-or-more"

    def changed(self, surface: Surface) -> Surface:
        return replace(surface, limits=CallerLimits(rate=1))

    def test_a_caller_with_the_peer_token_has_no_limit(self) -> None:
        for given, status in ((f"Bearer {self.token}", 200), ("Bearer wrong", 429)):
            headers = {"Authorization": given}
            seen = [self.get("/3/movie/550", headers=headers) for _ in range(30)]
            self.assertEqual(status, seen[-1].status)


class Guesses(SurfaceCase):
    """One wrong token after another."""

    token = "a-token-of-sixteen-or-more"

    def setUp(self) -> None:
        super().setUp()
        self.wrong = {"Authorization": "Bearer a-wrong-token-of-sixteen"}

    def test_from_the_eleventh_on_they_are_slowed_down(self) -> None:
        for path, status in (("/3/movie/550", 401), ("/inside", 403)):
            for peer in ("192.0.2.1", "172.17.0.1"):
                self.setUp()
                for _ in range(10):
                    seen = self.get(path, peer=peer, headers=self.wrong)
                    self.assertEqual(status, seen.status)
                seen = self.get(path, peer=peer, headers=self.wrong)
                self.assertEqual((seen.status, seen.json["status_code"]), (429, 25))
                self.assertEqual("60", seen.headers["retry-after"])
                # to a main whose token is wrong it is the same fault as a 401
                self.assertIn("http_request_denied", seen.headers["proxy-status"])

    def more_rows(self) -> list[Row]:
        def told(_visit: Visit) -> Page:
            return json_page(200, {})

        return [
            Row("/front", told, who=Who.EVERYBODY, reveals=True),
            Row("/play", told, who=Who.PLAYERS),
        ]

    def test_wherever_the_right_one_is_answered_otherwise(self) -> None:
        """A page that says more to its holder, or another name for the server, would
        be a place to guess at."""
        for path, host, status in (
            ("/inside", "elsewhere.test.invalid", 421),
            ("/front", "192.0.2.9", 200),
            ("/play", "192.0.2.9", 403),
        ):
            self.setUp()
            for _ in range(10):
                seen = self.get(path, headers=self.wrong, host=host)
                self.assertEqual(seen.status, status, path)
            seen = self.get(path, headers=self.wrong, host=host)
            self.assertEqual(seen.status, 429, path)

    def test_another_kind_of_authorization_is_no_guess(self) -> None:
        basic = {"Authorization": "Basic dXNlcjpwYXNz"}
        for _ in range(20):
            seen = self.get("/front", headers=basic, host="192.0.2.9")
            self.assertEqual(seen.status, 200)

    def test_this_machine_needs_no_token_and_guesses_at_none(self) -> None:
        for _ in range(20):
            seen = self.get(
                "/inside", headers=self.wrong, host="localhost", peer="127.0.0.1"
            )
            self.assertEqual(seen.status, 200)

    def test_the_right_token_always_passes(self) -> None:
        for _ in range(20):
            self.get("/3/movie/550", headers=self.wrong)
            self.get("/inside", headers=self.wrong)
        right = {"Authorization": f"Bearer {self.token}"}
        self.assertEqual(200, self.get("/3/movie/550", headers=right).status)
        self.assertEqual(200, self.get("/inside", **WITH_TOKEN).status)

    def test_who_sends_no_token_has_not_guessed(self) -> None:
        for _ in range(20):
            self.assertEqual(401, self.get("/3/movie/550").status)
            self.assertEqual(403, self.get("/inside").status)

    def test_who_showed_the_right_one_is_known_by_his_socket(self) -> None:
        right = {"Authorization": f"Bearer {self.token}", "X-Forwarded-For": "8.8.8.8"}
        self.get("/3/movie/550", headers=right)
        limits = self.surface.limits
        opened = [limits.opened(number, "192.0.2.1") for number in range(101)]
        self.assertEqual([None] * 101, opened)
        # until the token is another one
        self.site.resource.renew("another-token-of-sixteen", ADMIN)
        self.assertIsNotNone(limits.opened(101, "192.0.2.1"))


class Streams(SurfaceCase):
    """Live pages of one address."""

    def begin(self, write: Any, finish: Any) -> Stop:
        write(b": hello\n\n")
        return lambda: None

    def test_one_address_has_four_and_another_its_own(self) -> None:
        kept = []
        for _ in range(4):
            self.assertEqual(200, self.get("/feed").status)
            kept.append(self.channel)
        seen = self.get("/feed")
        self.assertEqual((seen.status, seen.json["status_code"]), (429, 25))
        self.assertIn("retry-after", seen.headers)
        self.assertEqual(200, self.get("/feed", peer="192.0.2.2").status)
        kept[0].connectionLost(_gone())
        self.assertEqual(200, self.get("/feed").status)

    def test_private_addresses_have_as_many_as_there_are(self) -> None:
        for _ in range(6):
            self.assertEqual(200, self.get("/feed", peer="172.17.0.1").status)


class Forwarded(SurfaceCase):
    """STREAMR_TRUSTED_PROXIES has every private address, and loopback."""

    def changed(self, surface: Surface) -> Surface:
        networks = (*LOOPBACK, *PRIVATE_RANGES)
        return replace(surface, proxies=TrustedProxies(networks))

    def test_no_address_in_a_header_makes_a_caller_this_machine(self) -> None:
        for peer in ("127.0.0.1", "172.18.0.5"):
            for said in ("127.0.0.1", "::1", "203.0.113.9", ""):
                headers = {"X-Forwarded-For": said} if said else {"Via": "1.1 edge"}
                asked = {**HERE, "peer": peer, "headers": headers}
                self.assertEqual(self.get("/inside", **asked).status, 403, said)


class Names(SurfaceCase):
    """Under which names what is answered."""

    def test_what_changes_or_reveals_something_wants_a_name_of_ours(self) -> None:
        for method, path in (("GET", "/inside"), ("POST", "/act")):
            for asked in (REBOUND, {**REBOUND, "peer": "192.0.2.1"}):
                seen = self.get(path, method=method, **asked)
                self.assertEqual((seen.status, seen.json["status_code"]), (421, 47))
                self.assertIn("STREAMR_ALLOWED_HOSTS", seen.json["status_message"])
        self.assertEqual(self.acts, [])

    def test_a_request_with_the_admin_token_needs_no_name(self) -> None:
        for method, path in (("GET", "/inside"), ("POST", "/act")):
            seen = self.get(path, method=method, **REBOUND, **WITH_TOKEN)
            self.assertEqual(seen.status, 200, path)

    def test_data_and_health_are_answered_under_any_name(self) -> None:
        for path in ("/3/movie/550", "/api/health"):
            self.assertEqual(self.get(path, **REBOUND).status, 200, path)


class NamedHosts(SurfaceCase):
    """STREAMR_ALLOWED_HOSTS is set."""

    def changed(self, surface: Surface) -> Surface:
        return replace(surface, hosts=Hosts(frozenset({"a"}), for_data=True))

    def test_data_too_wants_a_name_of_ours(self) -> None:
        self.assertEqual(self.get("/3/movie/550", **REBOUND).status, 421)
        self.assertEqual(self.route.sent, [])
        for host in ("a", "127.0.0.1:3001", "localhost"):
            self.assertEqual(self.get("/3/movie/550", host=host).status, 200, host)

    def test_health_does_not(self) -> None:
        self.assertEqual(self.get("/api/health", **REBOUND).status, 200)


class NamedHostsWithToken(NamedHosts):
    """The same on a proxy that has a token: main names it as its network does."""

    token = "a-token-of-sixteen-or-more"

    def get(self, path: str, **more: Any) -> Seen:
        bearer = {"Authorization": f"Bearer {self.token}"}
        return super().get(path, **{"headers": bearer, **more})

    def test_data_too_wants_a_name_of_ours(self) -> None:
        self.assertEqual(self.get("/3/movie/550", host="proxy:5001").status, 200)
        seen = self.get("/3/movie/550", host="proxy:5001", headers={})
        self.assertEqual(seen.status, 401)


class Granter:
    """Answers each wish with a reset, and remembers who asked past the store."""

    def __init__(self) -> None:
        self.past: list[bool] = []

    def grant(
        self, text: str, query: Query, call: Call, *, past_store: bool
    ) -> Deferred[Exchange | Reset]:
        self.past.append(past_store)
        return succeed(Reset())


class PastTheStore(SurfaceCase):
    """Streamr-Fresh, which is for this machine."""

    def changed(self, surface: Surface) -> Surface:
        self.granter = Granter()
        return replace(surface, wishes=self.granter)

    def test_only_a_caller_of_this_machine_asks_past_the_store(self) -> None:
        for peer, wanted in (
            ("127.0.0.1", True),
            ("::1", True),
            # a socket of both families says it like this
            ("::ffff:127.0.0.1", True),
            ("172.17.0.1", False),
            ("192.0.2.1", False),
        ):
            self.assertIs(self.is_past(peer), wanted, peer)

    def test_nobody_does_whom_a_proxy_on_this_machine_forwards(self) -> None:
        for name, value in (
            ("X-Forwarded-For", "203.0.113.9"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("Via", "1.1 edge"),
        ):
            self.assertFalse(self.is_past("127.0.0.1", headers={name: value}), value)

    def test_nobody_does_under_a_name_that_was_pointed_here(self) -> None:
        self.assertFalse(self.is_past("127.0.0.1", host="rebound.test:3001"))

    def is_past(self, peer: str, **more: Any) -> bool:
        wish = {names.FRESH: "1", names.FAULT: "reset", **more.pop("headers", {})}
        self.connect(peer)
        self.send("/3/movie/550", headers=wish, **{"host": "127.0.0.1:3001", **more})
        return self.granter.past.pop()


class Actions(SurfaceCase):
    """What changes something: POST, the trusted, and no other site's page."""

    def post(self, path: str = "/act?what=1", **more: Any) -> Seen:
        headers = {"Content-Length": "0", **more.pop("headers", {})}
        return self.get(path, method="POST", headers=headers, **more)

    def test_a_post_from_here_acts_once_and_is_told(self) -> None:
        self.assertEqual(self.post(**HERE).status, 200)
        self.assertEqual(self.acts, [{"what": "1"}])
        noted = self.notes.exchanges[-1]
        self.assertEqual((noted.status, noted.template), (200, "/act"))

    def test_our_own_page_may(self) -> None:
        own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:3001"}
        self.assertEqual(self.post(**HERE, headers=own).status, 200)

    def test_another_sites_page_may_not(self) -> None:
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://elsewhere.example"},
            {"Origin": "http://127.0.0.1:8080"},
            {"Origin": "null"},
        ):
            self.assertEqual(self.post(**HERE, headers=headers).status, 403, headers)
        self.assertEqual(self.acts, [])

    def test_strangers_may_not(self) -> None:
        self.assertEqual(self.post().status, 403)
        self.assertEqual(self.acts, [])

    def test_other_methods_are_405_with_what_is_allowed(self) -> None:
        seen = self.get("/act", **HERE)
        self.assertEqual((seen.status, seen.headers["allow"]), (405, "POST, OPTIONS"))
        seen = self.post("/api/health", **HERE)
        self.assertEqual(
            (seen.status, seen.headers["allow"]), (405, "GET, HEAD, OPTIONS")
        )
        self.assertEqual(self.acts, [])


class Feeds(SurfaceCase):
    """An answer without an end."""

    def test_what_is_written_arrives_until_the_caller_leaves(self) -> None:
        self.send("/feed")
        ((write, _finish),) = self.fed
        write(b"data: 1\n\n")
        self.assertIn(b"data: 1\n\n", self.transport.value())
        self.assertNotIn("content-length", self.seen().headers)
        self.assertEqual(self.stopped, 0)
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.stopped, 1)

    def test_it_can_be_ended_from_our_side(self) -> None:
        self.send("/feed")
        self.fed[0][1]()
        self.assertEqual(self.stopped, 1)

    def test_a_head_begins_nothing(self) -> None:
        self.assertEqual(self.get("/feed", method="HEAD").status, 200)
        self.assertEqual(self.fed, [])


class AnyOrigin(SurfaceCase):
    def test_every_answer_may_be_read_and_caches_are_not_split(self) -> None:
        for path in ("/3/movie/550", "/nothing", "/api/health"):
            seen = self.get(path, headers={"Origin": "https://app.test.invalid"})
            self.assertEqual(seen.headers["access-control-allow-origin"], "*")
            self.assertNotIn("Origin", seen.headers.get("vary", ""))
            self.assertNotIn("access-control-allow-credentials", seen.headers)
            self.assertIn(
                "X-Proxy-Source", seen.headers["access-control-expose-headers"]
            )

    def test_a_preflight_is_answered(self) -> None:
        seen = self.get(
            "/3/movie/550", method="OPTIONS", headers={"Origin": "https://a.invalid"}
        )
        self.assertEqual((seen.status, seen.body), (204, b""))
        self.assertIn("GET", seen.headers["access-control-allow-methods"])
        self.assertIn("Authorization", seen.headers["access-control-allow-headers"])


class NamedOrigins(SurfaceCase):
    origins = ("https://app.test.invalid",)

    def test_a_named_origin_may_read(self) -> None:
        seen = self.get("/nothing", headers={"Origin": "https://app.test.invalid"})
        allowed = seen.headers["access-control-allow-origin"]
        self.assertEqual(allowed, "https://app.test.invalid")
        self.assertIn("Origin", seen.headers["vary"])

    def test_another_origin_gets_no_header_and_no_500(self) -> None:
        for method in ("GET", "OPTIONS"):
            seen = self.get(
                "/3/movie/550",
                method=method,
                headers={"Origin": "https://evil.invalid"},
            )
            self.assertIn(seen.status, (200, 204))
            self.assertNotIn("access-control-allow-origin", seen.headers)
            self.assertNotIn("access-control-allow-methods", seen.headers)
            self.assertIn("Origin", seen.headers["vary"])


class EveryError(SurfaceCase):
    """Whatever we refuse or fail at is JSON in TMDB's shape, and a page may read it."""

    origins = ("https://app.test.invalid",)

    def is_told(self, seen: Seen, status: int) -> None:
        self.assertEqual(seen.status, status)
        self.assertTrue(seen.headers["content-type"].startswith("application/json"))
        self.assertEqual(seen.json["success"], False)
        self.assertIsInstance(seen.json["status_code"], int)
        self.assertTrue(seen.json["status_message"])
        allowed = seen.headers["access-control-allow-origin"]
        self.assertEqual(allowed, "https://app.test.invalid")
        self.assertEqual(seen.headers["cache-control"], "no-store")

    def test_refusals_are(self) -> None:
        origin = {"Origin": "https://app.test.invalid"}
        looped = {**origin, "CDN-Loop": "streamr-me-main"}
        for path, status, more in (
            ("/nothing", 404, {}),
            ("/3/movie/550/nonsense", 404, {}),
            ("/3/movie/popular?page=0", 400, {}),
            ("/3/movie/550?x=%ff", 400, {}),
            ("http://evil.invalid/", 400, {}),
            ("/3/account/1", 403, {}),
            ("/inside", 403, {}),
            ("/3/movie/550", 405, {"method": "POST"}),
            ("/act", 405, {"method": "GET"}),
            ("/3/movie/550", 508, {"headers": looped}),
        ):
            seen = self.get(path, **{"headers": origin, **more})
            self.is_told(seen, status)

    def test_faults_are(self) -> None:
        for cause in CAUSES:
            self.setUp()
            self.send("/3/movie/550", headers={"Origin": "https://app.test.invalid"})
            self.route.fails(cause, final=True)
            self.is_told(self.seen(), CAUSES[cause].status)


class Limits(SurfaceCase):
    def test_what_never_became_a_request_is_noted_too(self) -> None:
        for data, status in (
            (b"GET / HTTP/2.0\r\n\r\n", 505),
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET /" + b"x" * 20000, 414),
        ):
            self.connect()
            self.channel.dataReceived(data)
            noted = self.notes.exchanges[-1]
            self.assertEqual((noted.status, noted.target), (status, "-"))
            headers = self.seen().headers
            self.assertEqual(headers["x-request-id"], noted.request_id)
            self.assertEqual(headers["x-content-type-options"], "nosniff")
            self.assertEqual(outcome_of(noted), "refused")

    def test_a_head_that_drips_is_ended(self) -> None:
        self.channel.dataReceived(b"GET /3/movie/550 HTTP/1.1\r\n")
        for _ in range(20):
            self.clock.advance(HEAD_SECONDS / 20 + 0.01)
            self.channel.dataReceived(b"X-A: b\r\n")
        self.assertEqual(self.seen().status, 408)
        self.assertTrue(self.transport.disconnecting)

    def test_a_body_that_drips_is_ended(self) -> None:
        self.channel.dataReceived(
            b"GET /3/movie/550 HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n"
        )
        for _ in range(20):
            self.clock.advance(HEAD_SECONDS / 20 + 0.01)
            self.channel.dataReceived(b"x")
        self.assertEqual(self.seen().status, 408)

    def test_a_large_body_is_refused_before_it_is_kept(self) -> None:
        self.send(
            "/3/movie/550", method="POST", headers={"Content-Length": "300000000"}
        )
        for _ in range(3):
            self.channel.dataReceived(b"x" * (MOST_BODY // 2 + 1))
        self.assertEqual(self.seen().status, 413)
        self.assertTrue(self.transport.disconnecting)

    def test_a_small_body_is_ignored(self) -> None:
        self.channel.dataReceived(
            b"GET /3/movie/550 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
        )
        self.route.succeeds(ANSWER)
        self.assertEqual(self.seen().status, 200)

    def test_long_lines_are_told(self) -> None:
        self.channel.dataReceived(b"GET /" + b"x" * 20000)
        self.assertEqual((self.seen().status, self.seen().json["status"]), (414, 414))
        self.connect()
        self.channel.dataReceived(b"GET / HTTP/1.1\r\nX-A: " + b"x" * 20000)
        self.assertEqual(self.seen().status, 431)

    def test_too_many_parameters_are_refused(self) -> None:
        path = "/3/movie/550?" + "&".join(f"a{n}=1" for n in range(MOST_PARAMETERS + 1))
        self.assertEqual(self.get(path).status, 400)

    def test_an_answered_request_leaves_only_the_idle_timer(self) -> None:
        self.get("/3/movie/550")
        self.assertFalse(self.transport.disconnecting)
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertFalse(self.transport.disconnecting)
        self.clock.advance(1 + LOOK_EVERY)
        self.assertTrue(self.transport.disconnecting)


class Pipelined(SurfaceCase):
    """Several requests on one connection, sent without waiting."""

    def test_they_are_read_in_their_order_though_some_wait_for_their_turn(self) -> None:
        self.send("/3/movie/550")
        self.send("/api/health")  # read, and kept until the first one is answered
        self.site.turns.later(lambda: None)  # there is a line: who comes waits
        self.send("/nowhere")
        self.route.succeeds(ANSWER)
        self.clock.advance(0)
        heads = re.findall(rb"HTTP/1.1 (\d+)", self.transport.value())
        self.assertEqual(heads, [b"200", b"200", b"404"])


class Draining(SurfaceCase):
    def test_requests_in_flight_are_answered_and_their_connection_closed(self) -> None:
        self.send("/3/movie/550")
        drained = self.site.drain(9.0)
        self.assertNoResult(drained)
        self.route.succeeds(ANSWER)
        self.assertEqual(self.seen().body, BODY)
        self.assertEqual(self.seen().headers["connection"], "close")
        self.assertTrue(self.transport.disconnecting)
        self.channel.connectionLost(_gone())
        self.successResultOf(drained)

    def test_what_came_and_was_not_read_yet_is_answered_too(self) -> None:
        self.site.turns.later(lambda: None)  # there is a line: who comes waits
        self.send("/3/movie/550")
        drained = self.site.drain(9.0)
        self.assertFalse(self.transport.disconnecting)
        self.clock.advance(0)
        self.route.succeeds(ANSWER)
        self.assertEqual(self.seen().body, BODY)
        self.assertTrue(self.transport.disconnecting)
        self.channel.connectionLost(_gone())
        self.successResultOf(drained)

    def test_what_came_and_is_no_request_holds_nobody_up(self) -> None:
        self.site.turns.later(lambda: None)
        self.channel.dataReceived(b"\r\n")
        self.site.drain(9.0)
        self.clock.advance(QUIET_SECONDS + LOOK_EVERY)
        self.assertTrue(self.transport.disconnecting)

    def test_connections_that_are_quiet_for_a_second_are_closed(self) -> None:
        drained = self.site.drain(9.0)
        self.assertFalse(self.transport.disconnecting)
        self.clock.advance(QUIET_SECONDS + LOOK_EVERY)
        self.assertTrue(self.transport.disconnecting)
        self.channel.connectionLost(_gone())
        self.successResultOf(drained)

    def test_what_a_kept_connection_asks_meanwhile_is_answered_and_is_the_last(
        self,
    ) -> None:
        self.site.drain(9.0)
        self.clock.advance(QUIET_SECONDS / 2)
        seen = self.get("/api/health")
        self.assertEqual((seen.status, seen.headers["connection"]), (200, "close"))
        self.assertTrue(self.transport.disconnecting)

    def test_an_answer_that_is_still_being_taken_is_not_cut(self) -> None:
        self.get("/api/health")
        self.channel.pauseProducing()  # so the transport says above 64 kB
        self.site.drain(9.0)
        self.clock.advance(QUIET_SECONDS + 3 * LOOK_EVERY)
        self.assertFalse(self.transport.aborted)
        self.channel.resumeProducing()
        self.clock.advance(QUIET_SECONDS + LOOK_EVERY)
        self.assertTrue(self.transport.disconnecting)

    def test_half_a_request_is_refused_within_two_seconds(self) -> None:
        for before in (True, False):
            self.setUp()
            if not before:
                self.site.drain(9.0)
            self.channel.dataReceived(b"GET / HT")
            if before:
                self.clock.advance(5.0)
                self.site.drain(9.0)
            self.clock.advance(QUIET_SECONDS + LOOK_EVERY)
            self.assertEqual(self.seen().status, 408)

    def test_what_does_not_end_is_cut(self) -> None:
        self.send("/3/movie/550")
        drained = self.site.drain(9.0)
        self.clock.advance(9.0)
        self.successResultOf(drained)
        self.assertTrue(self.transport.aborted)


def _gone() -> Any:
    from twisted.internet.error import ConnectionLost
    from twisted.python.failure import Failure

    return Failure(ConnectionLost())


class Dropped(SurfaceCase):
    """Parameters of the caller's that stay here."""

    def test_they_are_named_and_the_others_go_on(self) -> None:
        self.send("/3/movie/550?_=1&api_key=0123&x=1&callback=a(b)")
        self.assertEqual(self.route.sent[-1].query.parameters, (("x", "1"),))
        self.route.succeeds()
        self.assertEqual(self.seen().headers["streamr-dropped"], "_, api_key, callback")

    def test_without_any_there_is_no_such_header(self) -> None:
        self.send("/3/movie/550?language=de")
        self.route.succeeds()
        self.assertNotIn("streamr-dropped", self.seen().headers)

    def test_a_strangers_name_can_say_nothing_else(self) -> None:
        names = ["a%3b%2C,X-A:b", "%22%2C", "x" * 99 + "%C3%A9", *map(str, range(30))]
        self.send("/3/movie/550?" + "&".join(f"{name}=1" for name in names))
        self.route.succeeds()
        seen = self.seen()
        self.assertNotIn("x-a", seen.headers)
        told = seen.headers["streamr-dropped"].split(", ")
        self.assertEqual(told[:3], ["a%3B%2C%2CX-A%3Ab", "%22%2C", "x" * 40])
        self.assertEqual(len(told), 20)


class NewCopies(SurfaceCase):
    """Who wants no copy that was made a while ago."""

    def test_each_way_to_say_so_is_read(self) -> None:
        for headers, wanted in (
            ({"Cache-Control": "no-cache"}, True),
            ({"Cache-Control": "No-Cache, no-store"}, True),
            ({"Cache-Control": "max-age=0"}, True),
            ({"Pragma": "no-cache"}, True),
            ({"Cache-Control": "max-age=60", "Pragma": "no-cache"}, False),
            ({"Cache-Control": "no-cached"}, False),
            ({}, False),
        ):
            self.setUp()
            self.send("/3/movie/550", headers=headers)
            self.assertEqual(self.route.sent[-1].call.renew, wanted, headers)


class BehindCloudflare(SurfaceCase):
    """It puts pages of its own in place of the bodies of 502 and 504."""

    def status(self, cause: str, **headers: str) -> tuple[str, Any]:
        self.setUp()
        self.send("/3/movie/550", headers=headers)
        self.route.fails(cause, final=True)
        seen = self.seen()
        return seen.status, seen.json["status_code"]

    def test_those_two_are_503_with_the_same_body(self) -> None:
        ray = {"CF-Ray": "8a1b2c3d4e5f6789-FRA"}
        for cause, code in (("tls_reset", 43), ("http_response_timeout", 24)):
            self.assertEqual(self.status(cause, **ray), (503, code), cause)

    def test_all_others_are_as_they_are(self) -> None:
        ray = {"CF-Ray": "8a1b2c3d4e5f6789-FRA"}
        for cause in CAUSES:
            plain = self.status(cause)
            if plain[0] not in (502, 504):
                self.assertEqual(self.status(cause, **ray), plain, cause)


class OwnKey(SurfaceCase):
    def test_the_answer_says_whose_key_it_is_in_tmdbs_words(self) -> None:
        for cause, code, words in (
            ("key_refused", 7, "Invalid API key: You must be granted a valid key."),
            ("key_suspended", 10, "Suspended API key"),
        ):
            self.setUp()
            self.send("/3/movie/550")
            self.route.fails(cause, final=True)
            seen = self.seen()
            self.assertEqual((seen.status, seen.json["status_code"]), (401, code))
            for word in (words, "key of streamr", "TMDB_API_KEY"):
                self.assertIn(word, seen.json["status_message"])


class OwnLimits(SurfaceCase):
    def test_what_is_too_much_for_us_is_told_as_tmdb_does(self) -> None:
        self.send("/3/movie/550")
        self.route.fails("connection_limit_reached", final=True, retry_after="1")
        seen = self.seen()
        self.assertEqual((seen.status, seen.json["status_code"]), (429, 25))
        self.assertEqual(seen.headers["retry-after"], "1")

    def test_a_path_that_failed_says_when_it_is_asked_for_again(self) -> None:
        for _ in range(3):
            self.send("/3/movie/550")
            if not self.route.sent[-1].result.called:
                self.route.fails("upstream_error", final=True)
            seen = self.seen()
            self.assertEqual((seen.status, seen.headers["retry-after"]), (502, "1"))
            self.connect()
        self.assertEqual(len(self.route.sent), 2)
        self.assertIn(
            "the next attempt is possible in 1 s", seen.json["status_message"]
        )
