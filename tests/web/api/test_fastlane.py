"""The fast lane: the bytes and traces of the long way, and bounded memory."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Exchange, StoredResponse
from streamr.fields import names
from streamr.fields.loop import Loop
from streamr.observe.fan import GATHERING, Fan
from streamr.policy import cachekey, representation
from streamr.store.memory import MemoryStore, size_of
from streamr.tmdb import catalogue
from streamr.tmdb.tags import TagField
from streamr.tmdb.target import split
from streamr.web.api import target
from streamr.web.api.configuration import PictureAddress
from streamr.web.api.cors import Cors
from streamr.web.api.fastlane import (
    MOST_FORMS,
    MOST_LINE,
    MOST_SPELLINGS,
    FastLane,
)
from streamr.web.api.ids import RequestIds
from streamr.web.api.plain import REMEMBERED
from streamr.web.api.resource import GatewayResource
from streamr.web.api.surface import Surface
from streamr.web.callers import TrustedProxies
from streamr.web.hosts import Hosts
from streamr.web.page import json_page
from streamr.web.router import Router, Row
from streamr.web.server.channel import PIECE
from streamr.web.server.response import DateField
from streamr.web.server.site import GatewaySite
from tests.contracts.store import response, sized
from tests.properties import examples
from tests.support import FakeRoute, Notes, gateway_over
from tests.web.api.test_resource import ANSWER, Transport

steady = examples(150)
BEGAN = 1_000_000.0
OURS = f"{os.sep}streamr{os.sep}"
CATALOGUE = catalogue.load()
FIND = target.main_query(CATALOGUE)
# Stored, and still fresh for a while (seconds).
STORED = {
    "/3/movie/popular": 3600.0,
    "/api/tmdb/popular": 3600.0,
    "/3/movie/550?language=de": 3600.0,
    "/3/movie/550?language=de&_=1": 3600.0,
    "/3/tv/1396?x=%c3%a9%25": 900.0,
    "/3/movie/680": 5.0,
    "/3/configuration": 3600.0,
}
IMAGES = {
    "base_url": "http://image.tmdb.org/t/p/",
    "secure_base_url": "https://image.tmdb.org/t/p/",
}
PEER = "192.0.2.1"
TAGS = TagField("Cache-Tag", ",")
PLAIN = b"GET /3/movie/popular HTTP/1.1\r\nHost: a\r\n\r\n"


class AnsweringRoute(FakeRoute):
    """A route whose every try is answered at once."""

    def send(self, *args: Any, **more: Any) -> Deferred[Answer]:
        asked = super().send(*args, **more)
        self.succeeds(ANSWER)
        return asked


def key_of(path: str) -> str:
    return cachekey.key(FIND(*split(path.encode())))


class World:
    """Main in memory, its store filled, with a fast lane or without one."""

    def __init__(
        self,
        *,
        lane: bool,
        origins: tuple[str, ...] = ("*",),
        hosts: Hosts = Hosts(),  # noqa: B008  # it is a value
        public_url: str | None = None,
    ) -> None:
        self.clock = Clock()
        self.clock.advance(BEGAN)
        self.notes = Notes()
        self.store = MemoryStore(10_000_000, 1000)
        for path, lifetime in STORED.items():
            body = {"id": 550, "path": path.partition("?")[0], "more": "é" * 800}
            if path == "/3/configuration":
                body = {"images": IMAGES, "change_keys": ["adult"]}
            made = response(key_of(path), body, now=BEGAN - 0.25)
            if "1396" not in path and representation.brotli is not None:
                made = replace(made, brotli=representation.brotlied(made.body))
            self.put(replace(made, lifetime=lifetime))
        cors, ids = Cors(origins), RequestIds("00000000")
        date = DateField(lambda: 1_800_000_000.5 + self.clock.seconds())
        fan = Fan([self.notes], self.clock)
        # who asks is a reverse proxy whose word is believed
        proxies = TrustedProxies((ip_network(PEER),))
        images = PictureAddress(public_url, hosts, proxies)
        self.lane = FastLane(
            "streamr-main",
            self.store,
            self.clock,
            fan.hit,
            cors,
            ids,
            date,
            tagged=TAGS.of,
            images=images,
            hosts=hosts,
        )
        surface = Surface(
            gateway_over([AnsweringRoute()], self.clock, self.notes, store=self.store),
            FIND,
            Router([Row("/api/health", lambda _visit: json_page(200, {}))]),
            cors,
            8.0,
            Loop("streamr-me-main").closed,
            ids=ids,
            lane=self.lane if lane else None,
            hosts=hosts,
            images=images,
            tagged=TAGS.of,
        )
        self.taken = 0
        self.site = GatewaySite(
            GatewayResource(surface, self.clock, self.notes),
            self.clock,
            cors.headers,
            date=date,
            lane=self if lane else None,
        )
        self.site.startFactory()
        self.connect()

    def put(self, made: StoredResponse) -> None:
        self.store.put(made.key, made)

    def answer(self, head: bytes, peer: str) -> bytes | None:
        """The lane's, counted."""
        answer = self.lane.answer(head, peer)
        self.taken += answer is not None
        return answer

    def connect(self) -> None:
        self.channel: Any = self.site.buildProtocol(None)
        self.transport = Transport(peerAddress=IPv4Address("TCP", PEER, 4000))
        self.channel.makeConnection(self.transport)

    def ask(self, data: bytes, seconds: float = 0.0) -> bytes:
        """What a new connection answers to this."""
        self.connect()
        return self.say(data, seconds)

    def say(self, data: bytes, seconds: float = 0.0) -> bytes:
        self.channel.dataReceived(data)
        self.clock.advance(seconds)
        return bytes(self.transport.value())

    def warm(self) -> None:
        """Each stored page is asked for once."""
        for path in STORED:
            self.ask(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

    def close(self) -> None:
        self.site.stopFactory()


@dataclass(frozen=True)
class Request:
    """One request as bytes; a plain one is for the lane while its page is fresh."""

    data: bytes
    plain: bool


ETAG = response(key_of("/3/movie/680")).etag
GOOD_HEADERS = (
    *("Accept-Encoding: gzip, deflate, br", "accept-encoding: gzip;q=0.5, br;q=0"),
    *("Accept-Encoding: identity", "Accept-Encoding: *", "Accept-Encoding:"),
    *("Origin: https://app.test.invalid", "Origin: null", "Cookie: a=b"),
    *("If-None-Match: *", 'If-None-Match: W/"x"', f"If-None-Match: {ETAG}"),
    *("X-Request-Id: abc-1", "x-request-id: with a blank", "CF-Ray: 0af-FRA"),
    *("traceparent: 00-1-2-01", "X-Forwarded-For: 192.0.2.9", "Accept: */*"),
    *("Cache-Control: max-stale", "Connection: keep-alive", "User-Agent: é"),
    *("Content-Length: 0", "Streamr-Silent: api.themoviedb.org", "Pragma: x"),
    *(
        "X-Forwarded-Proto: https",
        "X-Forwarded-Prefix: /tmdb/",
        "X-Forwarded-Prefix: ?",
    ),
)
OUR_NAMES = ("a", "a", "127.0.0.1:3001", "LOCALHOST", "[2001:db8::7]:80")
BROTLI = ("Accept-Encoding: gzip, deflate, br", "Accept-Encoding: *")
OTHER_HEADERS = (
    *("Range: bytes=0-1", "Authorization: Bearer x", "CDN-Loop: other"),
    *("Cache-Control: no-cache", "Pragma: no-cache", "Cache-Control: max-age=0"),
    *("Streamr-Fresh: 1", "Streamr-Deadline-Ms: 5", "Streamr-Deadline-Ms: x"),
    *("Connection: close", "Connection: x, Close", "Expect: 100-continue"),
    *("Upgrade: h2c", "Host: b", "X : a", " folded", "X-Y: \x01", "no colon"),
    *("Content-Length: 2", "Transfer-Encoding: chunked", "Content-Length: 9999999"),
    *("X-Request-Id: a\r\nX-Request-Id: b", "Streamr-Fault: reset", "Expect: x"),
)
OTHER_PATHS = (
    *("/api/health", "/nowhere", "/3/movie/7", "/3/movie/550/nonsense"),
    *("/3/movie/popular?page=0", "http://a/3/movie/popular", "*", "/3/movie/popular#x"),
)


@st.composite
def requests(draw: Any) -> Request:
    """Most are plain; the others are odd in one way or another."""
    odd = draw(st.integers(0, 5)) == 0
    path = draw(st.sampled_from(list(STORED)))
    method, version = draw(st.sampled_from(["GET", "GET", "GET", "HEAD"])), "1.1"
    chosen = draw(st.lists(st.sampled_from(GOOD_HEADERS), max_size=5, unique=True))
    names_seen = [each.partition(":")[0].lower() for each in chosen]
    if len(set(names_seen)) < len(names_seen):
        chosen = chosen[:1]
    if odd:
        kind = draw(st.integers(0, 3))
        if kind == 0:
            path = draw(st.sampled_from(OTHER_PATHS))
        elif kind == 1:
            method = draw(st.sampled_from(["POST", "OPTIONS", "get", "DELETE"]))
        elif kind == 2:
            version = draw(st.sampled_from(["1.0", "2.0", "1.1 "]))
        else:
            chosen.append(draw(st.sampled_from(OTHER_HEADERS)))
    host = draw(st.sampled_from(OUR_NAMES))
    lines = [f"{method} {path} HTTP/{version}", f"Host: {host}", *chosen, "", ""]
    return Request("\r\n".join(lines).encode("latin-1"), plain=not odd)


@st.composite
def streams(draw: Any) -> tuple[list[tuple[bytes, float]], int]:
    """Pieces of a stream of requests, each with the seconds after it; and how many of
    the requests are plain."""
    asked = draw(st.lists(requests(), min_size=1, max_size=12))
    data = b"".join(each.data for each in asked)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    waits = st.sampled_from([0.0, 0.0, 0.3, 0.7, 1.0, 1.75, 0.0, 0.1, 4.0, 900.0])
    return [(piece, draw(waits)) for piece in pieces], sum(e.plain for e in asked)


class Equivalence(SynchronousTestCase):
    def both(self, origins: tuple[str, ...]) -> tuple[World, World]:
        made = World(lane=True, origins=origins), World(lane=False, origins=origins)
        for each in made:
            self.addCleanup(each.close)
            each.warm()
        self.assertEqual(len(made[0].lane), len(STORED))
        return made

    def compare(
        self, pieces: list[tuple[bytes, float]], origins: tuple[str, ...]
    ) -> World:
        fast, slow = self.both(origins)
        fast.taken = 0
        for world in (fast, slow):
            world.connect()
            for piece, seconds in pieces:
                world.say(piece, seconds)
            for _ in range(20):
                world.clock.advance(GATHERING)
        self.assertEqual(fast.transport.value(), slow.transport.value())
        self.assertEqual(fast.transport.disconnecting, slow.transport.disconnecting)
        self.assertEqual(told(fast), told(slow))
        return fast

    def test_any_stream_is_answered_with_the_same_bytes(self) -> None:
        plain = taken = 0

        @steady
        @given(streams(), st.sampled_from([("*",), ("https://app.test.invalid",), ()]))
        def run(
            stream: tuple[list[tuple[bytes, float]], int], origins: tuple[str, ...]
        ) -> None:
            nonlocal plain, taken
            pieces, count = stream
            plain += count
            taken += self.compare(pieces, origins).taken

        run()
        share = taken / plain
        sys.stdout.write(f"the lane took {share:.0%} of {plain} plain requests ... ")
        self.assertGreater(share, 0.5)

    def test_a_name_that_is_none_of_ours_is_refused_when_data_wants_one(self) -> None:
        for hosts in (Hosts(), Hosts(frozenset({"a"}), for_data=True)):
            made = [World(lane=lane, hosts=hosts) for lane in (True, False)]
            for each in made:
                self.addCleanup(each.close)
                each.warm()
            for host, ours in ((b"a", True), (b"127.0.0.1", True), (b"b", False)):
                said = [each.ask(PLAIN.replace(b"a\r", host + b"\r")) for each in made]
                self.assertEqual(*said)
                served = ours or not hosts.for_data
                self.assertIn(b" 200 " if served else b" 421 ", said[0][:20])

    def test_every_single_header_is_answered_with_the_same_bytes(self) -> None:
        for header in (*GOOD_HEADERS, *OTHER_HEADERS):
            for path, host in (
                ("/3/movie/popular", "a"),
                ("/3/tv/1396?x=%c3%a9%25", "a"),
                ("/3/configuration", "127.0.0.1:3001"),
            ):
                head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{header}\r\n\r\n"
                fast = self.compare(
                    [(head.encode("latin-1"), 0.0), (PLAIN, 0.0)], ("*",)
                )
                # the long way makes a coding that nobody has asked for yet
                made = "1396" in path and header in BROTLI and representation.brotli
                if header in GOOD_HEADERS:
                    self.assertEqual(fast.taken, 1 if made else 2, header)

    def test_a_coding_that_was_asked_for_once_takes_the_lane_from_then_on(self) -> None:
        plain = b"GET /3/tv/1396?x=%c3%a9%25 HTTP/1.1\r\nHost: a\r\n\r\n"
        packed = plain[:-2] + b"Accept-Encoding: br\r\n\r\n"
        # first it is made, then the page is learned anew
        heads = [plain, *[packed] * 5, plain]
        made = representation.brotli is not None
        fast = self.compare([(head, 0.0) for head in heads], ("*",))
        self.assertEqual(fast.taken, len(heads) - (2 if made else 0))

    def test_a_configuration_is_that_of_the_address_that_was_asked(self) -> None:
        ours = "http://127.0.0.1:3001/t/p/"
        told = {
            "127.0.0.1:3001": ours,
            "other.test": IMAGES["base_url"],
            "localhost\r\nX-Forwarded-Proto: https": "https://localhost/t/p/",
            "localhost\r\nX-Forwarded-Prefix: /x": "http://localhost/x/t/p/",
        }
        for public in (None, "https://app.test/tmdb"):
            heads = [
                f"{method} /3/configuration HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"
                for host in (*told, *told)
                for method in ("GET", "HEAD")
                for more in (
                    "",
                    "Accept-Encoding: gzip, br\r\n",
                    "If-None-Match: *\r\n",
                )
            ]
            worlds = [World(lane=lane, public_url=public) for lane in (True, False)]
            for each in worlds:
                self.addCleanup(each.close)
                each.warm()
            worlds[0].taken = 0
            for head in heads:
                self.assertEqual(*[each.ask(head.encode()) for each in worlds], head)
            self.assertEqual(worlds[0].taken, len(heads))
            for host, base in told.items():
                head = f"GET /3/configuration HTTP/1.1\r\nHost: {host}\r\n\r\n"
                body = worlds[0].ask(head.encode()).partition(b"\r\n\r\n")[2]
                expected = base if public is None else f"{public}/t/p/"
                self.assertEqual(json.loads(body)["images"]["base_url"], expected)

    def test_of_many_addresses_a_few_are_kept(self) -> None:
        fast, slow = self.both(("*",))
        for number in range(2 * MOST_FORMS):
            host = f"198.51.100.{number}"
            head = f"GET /3/configuration HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
            self.assertEqual(fast.ask(head), slow.ask(head))
        [page] = [each for each in fast.lane._pages.values() if each.images is not None]
        self.assertEqual(len(page.forms), MOST_FORMS)

    def test_every_plain_header_takes_the_lane_and_no_other_does(self) -> None:
        for header in (*GOOD_HEADERS, *OTHER_HEADERS):
            fast, _ = self.both(("*",))
            fast.taken = 0
            head = PLAIN.replace(b"\r\n\r\n", f"\r\n{header}\r\n\r\n".encode("latin-1"))
            fast.ask(head)
            expected = header in GOOD_HEADERS or header.startswith(
                ("X-Request-Id", "Upgrade", "Expect: 100")
            )
            self.assertEqual(bool(fast.taken), expected, header)

    def test_second_after_second_it_is_the_same(self) -> None:
        """Age, ttl and max-age change at different moments of a second."""
        steps = [(PLAIN, seconds) for seconds in (0.1, 0.15, 0.25, 0.5, 0.75, 1.0) * 9]
        self.assertGreater(self.compare(steps, ("*",)).taken, 50)

    def test_to_the_last_moment_of_its_lifetime(self) -> None:
        head = b"GET /3/movie/680 HTTP/1.1\r\nHost: a\r\n\r\n"
        steps = [(head, 4.5), (head, 0.2), (head, 0.04), (head, 0.01), (head, 0.01)]
        self.assertEqual(self.compare(steps, ("*",)).taken, 4)


def told(world: World) -> list[Exchange]:
    """What telemetry was told, in the order of the request ids."""
    known = [
        replace(each, outcome=replace(each.outcome, stored=None, age=0.0, cache=None))
        for each in world.notes.exchanges
        if not each.renewal
    ]
    return sorted(known, key=lambda each: (each.request_id, each.target, each.method))


class LaneCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(lane=True)
        self.addCleanup(self.world.close)
        self.lane, self.store = self.world.lane, self.world.store

    def learn(self, path: str) -> StoredResponse:
        """What the long way teaches after an answer."""
        stored = self.store.peek(key_of(path))
        assert stored is not None
        self.lane.learn(path.encode(), FIND(*split(path.encode())), stored)
        return stored

    def takes(self, head: bytes = PLAIN) -> bool:
        return self.lane.answer(head) is not None


class Leaving(LaneCase):
    """A page leaves in the same moment as its response."""

    def test_when_it_is_replaced(self) -> None:
        stored = self.learn("/3/movie/popular")
        self.assertTrue(self.takes())
        self.store.put(stored.key, replace(stored, body=b"{}"))
        self.assertFalse(self.takes())
        self.assertEqual(len(self.lane), 0)

    def test_when_it_is_purged(self) -> None:
        self.learn("/3/movie/popular")
        self.store.purge(lambda _each: True)
        self.assertFalse(self.takes())
        self.assertEqual(len(self.lane), 0)

    def test_when_it_is_filled_from_another_place(self) -> None:
        stored = self.learn("/3/movie/popular")
        self.store.fill(stored.key, replace(stored, body=b"{}"))
        self.assertFalse(self.takes())

    def test_when_it_is_stale(self) -> None:
        stored = self.learn("/3/movie/popular")
        self.world.clock.advance(stored.lifetime - 0.5)
        self.assertTrue(self.takes())
        self.world.clock.advance(0.5)
        self.assertFalse(self.takes())

    def test_when_secrets_are_read_again(self) -> None:
        """The line of the log that is ready was masked with the old ones."""
        self.world.warm()
        self.assertTrue(self.takes())
        self.world.site.resource.renew(None, None)
        self.assertEqual(len(self.lane), 0)
        self.world.ask(PLAIN)
        self.assertTrue(self.takes())

    def test_while_the_server_stops(self) -> None:
        self.world.warm()
        self.world.site.leave()
        told = self.world.say(PLAIN)
        self.assertIn(b"\r\nConnection: close\r\n", told)


class Bounds(LaneCase):
    def test_one_response_has_so_many_spellings(self) -> None:
        for number in range(3 * MOST_SPELLINGS + 2):
            self.learn(f"/3/movie/550?language=de&_={number}")
        self.assertLessEqual(len(self.lane), MOST_SPELLINGS)
        self.assertGreater(len(self.lane), 0)

    def test_spellings_that_come_and_go_leave_no_charge_behind(self) -> None:
        before = self.store.bytes
        for number in range(40 * MOST_SPELLINGS):
            path = f"/3/movie/550?language=de&_={number}"
            self.learn(path)
            self.takes(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        self.assertLess(self.store.bytes, before + MOST_SPELLINGS * 5000)
        self.lane.clear()
        self.assertEqual(self.store.bytes, before)

    def test_a_large_page_is_written_piece_by_piece(self) -> None:
        stored = self.learn("/3/movie/popular")
        large = replace(stored, body=b"x" * (PIECE + 1))
        self.store.put(large.key, large)
        self.learn("/3/movie/popular")
        self.assertFalse(self.takes())
        self.assertTrue(self.takes(PLAIN.replace(b"GET", b"HEAD")))

    def test_a_long_target_goes_the_long_way(self) -> None:
        path = "/3/movie/550?language=de&_=" + "x" * MOST_LINE
        self.learn(path)
        self.assertEqual(len(self.lane), 0)

    def test_what_a_page_takes_counts_in_the_store(self) -> None:
        before = self.store.bytes
        self.learn("/3/movie/popular")
        learnt = self.store.bytes
        self.assertGreater(learnt, before + 700)
        self.assertTrue(self.takes())
        self.assertGreater(self.store.bytes, learnt + 1500)
        rendered = self.store.bytes
        self.assertTrue(self.takes())
        self.assertEqual(self.store.bytes, rendered)
        self.store.purge(lambda _each: True)
        self.assertEqual(self.store.bytes, 0)

    def test_a_page_that_makes_the_store_overflow_is_not_kept(self) -> None:
        left = self.store.most_bytes - self.store.bytes
        self.store.put("/rest", sized("/rest", left - 100 - size_of(sized("/rest", 0))))
        for path in STORED:
            if self.store.peek(key_of(path)) is not None:
                self.learn(path)
        self.assertLessEqual(self.store.bytes, self.store.most_bytes)
        for path in STORED:
            if self.takes(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()):
                self.assertIsNotNone(self.store.peek(key_of(path)))

    def test_strangers_header_blocks_are_forgotten(self) -> None:
        self.learn("/3/movie/popular")
        for number in range(REMEMBERED + 10):
            self.takes(PLAIN.replace(b"Host: a", b"Host: a\r\nX-A: %d" % number))
        self.assertLessEqual(len(self.lane._blocks), REMEMBERED)
        self.assertTrue(self.takes(PLAIN.replace(b": a", b": a\r\nX: " + b"x" * 9000)))

    def test_a_known_block_is_read_once_whatever_the_ids_are(self) -> None:
        self.learn("/3/movie/popular")
        for number in range(50):
            head = b"Host: a\r\nX-Request-Id: %d\r\nCF-Ray: r%d" % (number, number)
            self.assertTrue(self.takes(PLAIN.replace(b"Host: a", head)))
        self.assertEqual(len(self.lane._blocks), 1)

    def test_no_number_of_blanks_takes_long(self) -> None:
        # with three ways to share them out this would not end within an hour
        self.learn("/3/movie/popular")
        odd = b"X-Real-IP:" + b" " * 16_000 + b"\0\r\n"
        self.assertFalse(self.takes(PLAIN.replace(b"Host", odd + b"Host")))

    def test_as_many_fields_as_a_head_may_have(self) -> None:
        self.learn("/3/movie/popular")
        ids = b"".join(b"CF-Ray: %d\r\n" % number for number in range(98))
        ids += b"Connection: keep-alive\r\n"
        self.assertTrue(self.takes(PLAIN.replace(b"Host: a\r\n", b"Host: a\r\n" + ids)))
        ids += b"CF-Ray: x\r\n"
        self.assertFalse(
            self.takes(PLAIN.replace(b"Host: a\r\n", b"Host: a\r\n" + ids))
        )


class Pipelined(LaneCase):
    """Many plain requests on one connection."""

    def test_all_are_answered_though_reading_was_paused(self) -> None:
        self.world.warm()
        self.world.connect()
        heads = PLAIN.replace(b"GET", b"HEAD") * 400
        self.world.channel.dataReceived(heads)
        self.world.channel.dataReceived(heads)
        self.assertEqual(self.world.transport.producerState, "paused")
        for _ in range(30):
            self.world.clock.advance(0)
        self.assertEqual(self.world.transport.value().count(b" 200 OK"), 800)
        self.assertEqual(self.world.transport.producerState, "producing")

    def test_empty_lines_behind_a_hit_take_no_time_from_it(self) -> None:
        self.world.warm()
        self.world.connect()
        for _ in range(10):
            self.world.say(PLAIN + b"\r\n", 10.0)
        self.assertFalse(self.world.transport.disconnecting)


class Masked(LaneCase):
    def test_a_secret_as_request_id_stays_out_of_telemetry(self) -> None:
        self.learn("/3/movie/popular")
        self.lane._masked = lambda text: text.replace("secret", "[redacted]")
        self.lane.answer(PLAIN.replace(b": a", b": a\r\nX-Request-Id: my-secret"))
        self.world.clock.advance(GATHERING)
        self.assertEqual(self.world.notes.exchanges[-1].request_id, "my-[redacted]")


class Rates(LaneCase):
    """Who asks too often is told so by the long way."""

    def admits(self, peer: str, forwarded_for: str) -> bool:
        self.asked.append((peer, forwarded_for))
        return len(self.asked) < 3

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[tuple[str, str]] = []
        self.lane._admits = self.admits
        self.learn("/3/movie/popular")

    def test_one_too_many_goes_the_long_way(self) -> None:
        self.assertEqual([self.takes() for _ in range(4)], [True, True, False, False])
        self.assertEqual(self.world.notes.exchanges, [])

    def test_a_caller_is_known_by_his_peer_and_what_that_says_of_him(self) -> None:
        said = b"Host: a\r\nX-Forwarded-For:  192.0.2.7 \r\nx-forwarded-for: 10.0.0.1"
        self.lane.answer(PLAIN.replace(b"Host: a", said), "127.0.0.1")
        self.assertEqual(self.asked, [("127.0.0.1", "192.0.2.7, 10.0.0.1")])

    def test_what_goes_the_long_way_anyhow_is_counted_there(self) -> None:
        self.takes(PLAIN.replace(b"Host: a", b"Host: a\r\nRange: bytes=0-1"))
        self.takes(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.asked, [])


class Cost(LaneCase):
    """What a hit does, so that the lane cannot rot unnoticed."""

    # Functions of ours that are entered between the bytes and the answer; 98 before
    # there was a lane.
    MOST_CALLS = 20

    def test_python_calls_of_a_hit(self) -> None:
        self.world.warm()
        self.world.connect()
        self.world.say(PLAIN, 0.0)
        calls: list[str] = []

        def count(frame: Any, event: str, _argument: Any) -> None:
            if (
                event == "call"
                and f"{os.sep}streamr{os.sep}" in frame.f_code.co_filename
            ):
                calls.append(frame.f_code.co_qualname)

        before = self.world.taken
        sys.setprofile(count)
        try:
            self.world.channel.dataReceived(PLAIN)
        finally:
            sys.setprofile(None)
        self.assertEqual(self.world.taken, before + 1)
        sys.stdout.write(f"{len(calls)} Python calls ... ")
        self.assertLessEqual(len(calls), self.MOST_CALLS, calls)


class Names(SynchronousTestCase):
    def test_no_field_that_changes_an_answer_is_plain(self) -> None:
        """Whatever the long way reads stands in the lane's list, or is read there."""
        read = {names.FRESH, names.FAULT, names.DEADLINE, names.CDN_LOOP}
        for header in OTHER_HEADERS:
            read.discard(header.partition(":")[0])
        self.assertEqual(read, set())
