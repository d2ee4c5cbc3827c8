"""The lane of stored pictures: the bytes and traces of the long way, and its checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Exchange, PictureHead
from streamr.fields import names
from streamr.fields.loop import Loop
from streamr.gateway.pictures import Pictures
from streamr.gateway.telling import Teller
from streamr.interfaces import PictureFiles
from streamr.observe.fan import GATHERING, Fan
from streamr.policy.freshness import MOST_KEPT
from streamr.store.pictures import head as heads
from streamr.store.pictures.files import PictureStore
from streamr.tmdb import catalogue
from streamr.web.api import pictures, target
from streamr.web.api.cors import Cors
from streamr.web.api.ids import RequestIds
from streamr.web.api.picturelane import REMEMBERED, PictureLane
from streamr.web.api.resource import GatewayResource
from streamr.web.api.surface import Surface
from streamr.web.hosts import Hosts
from streamr.web.page import json_page
from streamr.web.router import Router, Row
from streamr.web.server.channel import WRITE_SECONDS, Channel
from streamr.web.server.limits import Limits
from streamr.web.server.response import DateField
from streamr.web.server.site import GatewaySite
from streamr.web.server.stream import MOST_IN_A_TURN, PIECE
from tests.pictures import Coming, MemoryPictures, jpeg
from tests.properties import examples
from tests.support import FakeRoute, Notes, failover_over, gateway_over
from tests.web.api.test_fastlane import GOOD_HEADERS, OTHER_HEADERS
from tests.web.api.test_resource import Transport

steady = examples(100)
WALL = 2_000_000.0
TAGS = (("Cache-Tag", "pictures"),)
JPEG, SVG, LARGE = "/t/p/w342/abc.jpg", "/t/p/original/logo.svg", "/t/p/w500/l.jpg"
ETAG = '"v1"'
# By their paths: type, bytes, and when TMDB made them.
KEPT = {
    JPEG: ("image/jpeg", jpeg(1000), WALL - 100.25),
    SVG: ("image/svg+xml", b"<svg>%</svg>", WALL),
    LARGE: ("image/jpeg", jpeg(2 * PIECE + 7), WALL - MOST_KEPT + 8.0),
}
PATHS = (*KEPT, *(f"{pictures.PREFIX}{path}" for path in KEPT))
OTHER_PATHS = (
    *("/api/health", "/t/p/w342/none.gif", "/t/p/w342/", f"{JPEG}?x=1", f"{JPEG}#x"),
    *("//t/p/w342/abc.jpg", "/t/p/w342/%61bc.jpg", f"http://a{JPEG}", f"{JPEG}/"),
    *("/t/p/w342/../w342/abc.jpg", f"/x{JPEG}", f"{pictures.PREFIX}/x{JPEG}"),
    *("/t/p/w342/abc.JPG", "/t/p/w342/Abc.jpg", f"{JPEG}%", "/t/p/w0/abc.jpg"),
)
MORE_HEADERS = (
    *(f"If-None-Match: {ETAG}", 'If-None-Match: "x"', "If-None-Match: *"),
    *("Range: bytes=0-1", "Range: bytes=5-", "Range: bytes=9999999-"),
    *(f"If-Range: {ETAG}", "If-Modified-Since: Sat, 28 Nov 2026 00:00:00 GMT"),
    *("X-Forwarded-For: 192.0.2.7", "x-request-id: abc-2", "Accept: image/*"),
)


def request(path: str = JPEG, *headers: str, method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: a", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


class TCPTransport(Transport):
    """As TCP's does, it takes it calmly that it shall read on when it is closing."""

    def resumeProducing(self) -> None:
        if not self.disconnecting:
            super().resumeProducing()


class World:
    """Main in memory with its pictures stored, with a lane for them or without one."""

    def __init__(
        self,
        *,
        lane: bool,
        origins: tuple[str, ...] = ("*",),
        hosts: Hosts = Hosts(),  # noqa: B008  # it is a value
        files: PictureFiles | None = None,
        rate: int = 0,
        masked: Any = str,
    ) -> None:
        self.clock = Clock()
        self.notes = Notes()
        self.route = FakeRoute("direct:pictures", next_hop="image.test")
        self.files = files or filled(MemoryPictures())
        fan = Fan([self.notes], self.clock)
        self.pictures = Pictures(
            failover_over([self.route], self.clock, hedge=False),
            self.clock,
            self.wall,
            Teller("streamr-main", self.clock, fan),
            8.0,
            self.files,
        )
        cors, ids = Cors(origins), RequestIds("00000000")
        date = DateField(self.wall)
        limits = Limits(rate=rate)

        def admits(peer: str, said: str) -> bool:
            self.asked_for.append((peer, said))
            return limits.wait(peer, self.clock.seconds()) is None

        self.asked_for: list[tuple[str, str]] = []
        self.worded: list[Exchange] = []
        self.lane = PictureLane(
            "streamr-main",
            self.pictures,
            fan.hit,
            cors,
            ids,
            date,
            worded=self.word,
            masked=masked,
            more=TAGS,
            hosts=hosts,
            admits=admits if rate else None,
        )
        surface = Surface(
            gateway_over([FakeRoute()], self.clock, self.notes),
            target.main_query(catalogue.load()),
            Router(
                [
                    Row("/api/health", lambda _visit: json_page(200, {})),
                    *pictures.rows(self.pictures, TAGS),
                ]
            ),
            cors,
            8.0,
            Loop("streamr-me-main").closed,
            ids=ids,
            hosts=hosts,
            limits=limits,
            picture_lane=self.lane,
        )
        self.taken = 0
        self.resource = GatewayResource(surface, self.clock, fan)
        self.site = GatewaySite(
            self.resource,
            self.clock,
            cors.headers,
            date=date,
            picture_lane=self if lane else None,
        )
        self.site.startFactory()
        self.connect()

    def wall(self) -> float:
        return WALL + self.clock.seconds()

    def word(self, exchange: Exchange) -> str:
        self.worded.append(exchange)
        return "a line"

    def begin(self, head: bytes, channel: Channel) -> bool:
        """The lane's, counted."""
        begun = self.lane.begin(head, channel)
        self.taken += begun
        return begun

    def connect(self, peer: str = "192.0.2.1") -> None:
        self.channel: Any = self.site.buildProtocol(None)
        self.transport = TCPTransport(peerAddress=IPv4Address("TCP", peer, 4000))
        self.channel.makeConnection(self.transport)

    def ask(self, data: bytes, peer: str = "192.0.2.1") -> bytes:
        """What a new connection answers to this."""
        self.connect(peer)
        return self.say(data)

    def say(self, data: bytes, seconds: float = 0.0) -> bytes:
        self.channel.dataReceived(data)
        self.clock.advance(seconds)
        return bytes(self.transport.value())

    def settle(self) -> None:
        """Observers are told of all."""
        for _ in range(20):
            self.clock.advance(GATHERING)

    def comes(self, path: str = JPEG) -> None:
        """TMDB has it."""
        content_type, body, _ = KEPT[path]
        coming = Coming(self.clock)
        self.route.succeeds(coming.answer(len(body), content_type=content_type))
        coming.comes(body)
        coming.ends()

    def close(self) -> None:
        self.site.stopFactory()


def filled(files: MemoryPictures) -> MemoryPictures:
    for path, (content_type, body, made_at) in KEPT.items():
        head = PictureHead(path, content_type, ETAG, len(body), made_at)
        files.kept[path] = head, body
    return files


def told(world: World) -> list[str]:
    """What its observer was told, in whatever order; two are told a moment later."""
    return sorted(repr(as_a_hit(each)) for each in world.notes.exchanges)


def as_a_hit(exchange: Exchange) -> Exchange:
    """Of a hit nobody is told how old the picture was: all hits are told together."""
    outcome = replace(exchange.outcome, age=0.0, cache=None)
    return replace(exchange, outcome=outcome) if outcome.from_store else exchange


class LaneCase(SynchronousTestCase):
    def world(self, *, lane: bool = True, **more: Any) -> World:
        made = World(lane=lane, **more)
        self.addCleanup(made.close)
        return made

    def compare(self, pieces: Sequence[tuple[bytes, float]], **more: Any) -> World:
        """The same to a server with a lane and to one without; the first."""
        fast, slow = self.world(**more), self.world(lane=False, **more)
        for world in (fast, slow):
            for piece, seconds in pieces:
                world.say(piece, seconds)
            world.settle()
        self.assertEqual(fast.transport.value(), slow.transport.value())
        self.assertEqual(fast.transport.disconnecting, slow.transport.disconnecting)
        self.assertEqual(fast.transport.aborted, slow.transport.aborted)
        self.assertEqual(told(fast), told(slow))
        self.assertEqual(
            (fast.pictures.hits, fast.pictures.misses),
            (slow.pictures.hits, slow.pictures.misses),
        )
        return fast


@st.composite
def streams(draw: Any) -> list[tuple[bytes, float]]:
    """Pieces of a stream of requests, each with the seconds after it."""
    data = b""
    for _ in range(draw(st.integers(1, 8))):
        odd = draw(st.integers(0, 4)) == 0
        path = draw(st.sampled_from(OTHER_PATHS if odd else PATHS))
        methods = ["POST", "OPTIONS", "HEAD", "get"] if odd else ["GET"]
        known = (*GOOD_HEADERS, *MORE_HEADERS)
        chosen = draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
        if len({each.partition(":")[0].lower() for each in chosen}) < len(chosen):
            chosen = chosen[:1]
        data += request(path, *chosen, method=draw(st.sampled_from(methods)))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    waits = st.sampled_from([0.0, 0.0, 0.3, 0.75, 1.0, 4.0, 9.0])
    return [(piece, draw(waits)) for piece in pieces]


class Equivalence(LaneCase):
    """The same bytes, and the same is told."""

    def test_any_stream_is_answered_with_the_same_bytes(self) -> None:
        streams_asked = taken = 0

        @steady
        @given(streams(), st.sampled_from([("*",), ("https://app.test.invalid",), ()]))
        def run(stream: list[tuple[bytes, float]], origins: tuple[str, ...]) -> None:
            nonlocal streams_asked, taken
            streams_asked += 1
            taken += self.compare(stream, origins=origins).taken

        run()
        self.assertGreater(taken, streams_asked / 2)

    def test_every_single_header_is_answered_with_the_same_bytes(self) -> None:
        for header in (*GOOD_HEADERS, *OTHER_HEADERS, *MORE_HEADERS):
            self.compare([(request(JPEG, header), 0.0), (request(), 0.0)])

    def test_every_path_is(self) -> None:
        for path in (*PATHS, *OTHER_PATHS):
            fast = self.compare([(request(path), 0.0), (request(), 0.0)])
            self.assertEqual(fast.taken, 2 if path in PATHS else fast.taken, path)

    def test_the_lane_takes_what_browsers_ask_again_and_again(self) -> None:
        plain = (
            *("Accept: image/avif,image/*", "Accept-Encoding: gzip, deflate, br"),
            *("Cookie: a=b", "Origin: https://a.invalid", "X-Request-Id: abc"),
        )
        fast = self.compare([(request(path, *plain), 0.0) for path in PATHS])
        self.assertEqual(fast.taken, len(PATHS))

    def test_the_lane_leaves_what_is_no_plain_request_for_all_of_it(self) -> None:
        for header in (*MORE_HEADERS[:8], *OTHER_HEADERS[:9], "Streamr-Fault: reset"):
            world = self.world()
            world.say(request(JPEG, header))
            self.assertEqual(world.taken, 0, header)
        for method in ("HEAD", "OPTIONS", "POST"):
            world = self.world()
            world.say(request(method=method))
            self.assertEqual(world.taken, 0)

    def test_each_second_has_its_own_head(self) -> None:
        fast = self.compare([(request(), 0.5)] * 7)
        value = bytes(fast.transport.value())
        self.assertEqual(fast.taken, 7)
        self.assertGreaterEqual(len(set(value.split(b"HTTP/1.1 200 OK"))), 4)
        # of which only what changes is made anew
        self.assertEqual(len(fast.worded), 1)

    def test_one_that_becomes_another_has_its_head(self) -> None:
        made = [self.world(lane=lane) for lane in (True, False)]
        for world in made:
            world.say(request())
            body = jpeg(500)
            world.files.kept[JPEG] = (
                PictureHead(JPEG, "image/jpeg", '"v2"', len(body), WALL),
                body,
            )
            world.say(request())
        self.assertEqual(*(each.transport.value() for each in made))
        self.assertIn(b'"v2"', made[0].transport.value())

    def test_a_name_that_is_none_of_ours_is_refused_when_data_wants_one(self) -> None:
        hosts = Hosts(frozenset({"a"}), for_data=True)
        for host, status in (("a", b" 200 "), ("b", b" 421 ")):
            fast = self.compare(
                [(request().replace(b"Host: a", b"Host: " + host.encode()), 0.0)],
                hosts=hosts,
            )
            self.assertIn(status, fast.transport.value()[:20])

    def test_what_a_caller_calls_his_request_is_masked_in_the_log(self) -> None:
        world = self.world(masked=lambda text: text.replace("secret", "***"))
        said = world.ask(request(JPEG, "X-Request-Id: a-secret"))
        world.settle()
        self.assertIn(b"X-Request-Id: a-secret\r\n", said)
        self.assertEqual(world.notes.exchanges[0].request_id, "a-***")


class Limited(LaneCase):
    """Who asks too often is told so, by the long way."""

    def test_each_request_counts_once(self) -> None:
        for lane in (True, False):
            world = self.world(lane=lane, rate=1)
            said = [world.ask(request())[:12] for _ in range(15)]
            self.assertEqual(said, [b"HTTP/1.1 200"] * 10 + [b"HTTP/1.1 429"] * 5)
            self.assertEqual(world.pictures.hits, 10)
            self.assertEqual(world.ask(request(), "198.51.100.1")[9:12], b"200")

    def test_it_is_told_for_whom_the_caller_asks(self) -> None:
        world = self.world(rate=5)
        world.ask(request(JPEG, "X-Forwarded-For: 192.0.2.9"), "192.0.2.3")
        self.assertEqual(world.asked_for, [("192.0.2.3", "192.0.2.9")])

    def test_nor_is_a_request_counted_here_that_goes_the_long_way(self) -> None:
        world = self.world(rate=5)
        for data in (
            request("/t/p/w342/none.jpg"),
            request(JPEG, "Range: bytes=0-1"),
            request(JPEG, f"If-None-Match: {ETAG}"),
        ):
            world.ask(data)
        self.assertEqual(world.asked_for, [])

    def test_refused_ones_leave_no_file_open(self) -> None:
        world = self.world(rate=1)
        for _ in range(15):
            world.ask(request())
        assert isinstance(world.files, MemoryPictures)
        self.assertTrue(world.files.all_closed)


class Writing(LaneCase):
    """One connection: back-pressure, turns, and how it ends."""

    def setUp(self) -> None:
        self.world_ = self.world()
        self.writes: list[int] = []
        self.room = 1 << 30
        self.tap()

    def tap(self) -> None:
        """A transport that lets its producer wait behind so many bytes."""
        world, write = self.world_, self.world_.transport.write

        def full(data: bytes) -> None:
            write(data)
            self.writes.append(len(data))
            self.room -= len(data)
            if self.room <= 0:
                world.channel.pauseProducing()

        world.transport.write = full  # type: ignore[method-assign]

    @property
    def body(self) -> bytes:
        return bytes(self.world_.transport.value()).partition(b"\r\n\r\n")[2]

    @property
    def all_closed(self) -> bool:
        assert isinstance(self.world_.files, MemoryPictures)
        return self.world_.files.all_closed

    def test_a_large_one_goes_in_pieces(self) -> None:
        self.world_.say(request(LARGE))
        self.assertEqual(self.writes[1:], [PIECE, PIECE, 7])
        self.assertEqual(self.body, KEPT[LARGE][1])
        self.assertTrue(self.all_closed)

    def test_a_head_and_a_piece_are_no_more_than_twisted_takes_at_once(self) -> None:
        self.world_.say(request(LARGE))
        self.assertLessEqual(sum(self.writes[:2]), 64 * 1024)

    def test_for_who_takes_nothing_no_more_is_read(self) -> None:
        self.room = 1
        self.world_.say(request(LARGE))
        self.assertEqual(len(self.body), 0)
        self.room = 1
        self.world_.channel.resumeProducing()
        self.assertEqual(len(self.body), PIECE)
        self.assertFalse(self.all_closed)
        self.assertEqual(self.writes[1:], [PIECE])
        self.room = 1 << 30
        self.world_.channel.resumeProducing()
        self.assertEqual(self.body, KEPT[LARGE][1])
        self.assertTrue(self.all_closed)

    def test_nor_is_he_read_on(self) -> None:
        self.room = 1
        self.world_.say(request(LARGE))
        self.assertEqual(self.world_.transport.producerState, "paused")
        self.room = 1 << 30
        self.world_.channel.resumeProducing()
        self.assertEqual(self.world_.transport.producerState, "producing")

    def test_who_takes_nothing_for_too_long_is_given_up(self) -> None:
        self.room = 1
        self.world_.say(request(LARGE))
        self.world_.clock.pump([1.0] * round(WRITE_SECONDS - 1))
        self.assertFalse(self.world_.transport.aborted)
        self.world_.clock.pump([1.0] * 3)
        self.assertTrue(self.world_.transport.aborted)
        self.world_.channel.connectionLost(Failure(ConnectionLost()))
        self.assertTrue(self.all_closed)

    def test_who_takes_slowly_is_not(self) -> None:
        self.room = 1
        self.world_.say(request(LARGE))
        for _ in range(3):
            self.world_.clock.pump([1.0] * round(WRITE_SECONDS - 1))
            self.room = 1
            self.world_.channel.resumeProducing()
        self.assertFalse(self.world_.transport.aborted)
        self.assertEqual(self.body, KEPT[LARGE][1])

    def test_who_leaves_closes_the_file(self) -> None:
        for ended in (ConnectionDone(), ConnectionLost()):
            self.setUp()
            self.room = 1
            self.world_.say(request(LARGE))
            self.assertFalse(self.all_closed)
            self.world_.channel.connectionLost(Failure(ended))
            self.assertTrue(self.all_closed)

    def test_who_says_no_more_ends_one_that_is_under_way(self) -> None:
        self.room = 1
        self.world_.say(request(LARGE))
        self.assertFalse(self.world_.transport.disconnecting)
        self.world_.channel.readConnectionLost()
        self.assertTrue(self.world_.transport.disconnecting)

    def test_who_has_said_no_more_with_his_request_gets_one_that_is_at_hand(
        self,
    ) -> None:
        self.world_.say(request())
        self.world_.channel.readConnectionLost()
        self.assertEqual(self.body, KEPT[JPEG][1])
        self.assertTrue(self.world_.transport.disconnecting)

    def test_the_next_request_waits_for_it(self) -> None:
        self.room = 1
        self.world_.say(request(LARGE) + request("/api/health") + request())
        self.assertEqual(self.world_.transport.value().count(b"HTTP/1.1 200"), 1)
        self.room = 1 << 30
        self.world_.channel.resumeProducing()
        self.world_.clock.advance(0)
        value = bytes(self.world_.transport.value())
        self.assertEqual(value.count(b"HTTP/1.1 200"), 3)
        self.assertIn(KEPT[LARGE][1] + b"HTTP/1.1 200", value)
        self.assertTrue(value.endswith(KEPT[JPEG][1]))
        self.assertEqual(self.world_.taken, 2)

    def test_a_fast_reader_lets_others_have_their_turn(self) -> None:
        body = jpeg(PIECE * (MOST_IN_A_TURN + 1))
        assert isinstance(self.world_.files, MemoryPictures)
        head = PictureHead(JPEG, "image/jpeg", ETAG, len(body), WALL)
        self.world_.files.kept[JPEG] = head, body
        self.world_.channel.dataReceived(request() + request("/api/health"))
        self.assertEqual(len(self.body), PIECE * MOST_IN_A_TURN)
        self.world_.clock.advance(0)
        self.assertIn(body + b"HTTP/1.1 200 OK\r\n", self.body)

    def test_a_server_that_stops_finishes_it_as_the_last(self) -> None:
        self.room = 1
        self.world_.say(request(LARGE))
        drained = self.world_.site.drain(9.0)
        self.room = 1 << 30
        self.world_.channel.resumeProducing()
        self.assertEqual(self.body, KEPT[LARGE][1])
        self.assertTrue(self.world_.transport.disconnecting)
        self.world_.channel.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(drained)

    def test_and_takes_no_more_this_way(self) -> None:
        self.world_.site.leave()
        said = self.world_.say(request())
        self.assertEqual(self.world_.taken, 0)
        self.assertIn(b"Connection: close\r\n", said)

    def test_an_idle_connection_is_closed_after_it_as_after_any(self) -> None:
        self.world_.say(request())
        self.world_.clock.pump([1.0] * 80)
        self.assertTrue(self.world_.transport.disconnecting)


class OnDisk(LaneCase):
    """Files that are not what was written, and those that leave."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.clock = Clock()
        self.files = PictureStore(self.folder, 1 << 30, self.clock, lambda: WALL)
        self.keep()
        # as after a start: no body is known to be right
        self.files = PictureStore(self.folder, 1 << 30, self.clock, lambda: WALL)
        self.files.load()
        self.made = self.world(files=self.files)

    def keep(self) -> None:
        content_type, body, _ = KEPT[LARGE]
        head = PictureHead(LARGE, content_type, ETAG, len(body), WALL)
        new = self.files.begin(head)
        assert new is not None
        new.write(body)
        kept = new.finish()
        assert kept is not None
        kept.close()
        new.close()

    @property
    def file(self) -> Path:
        [found] = self.folder.glob("??/*")
        return found

    def change(self, at: int) -> None:
        """One bit of the file is another."""
        data = bytearray(self.file.read_bytes())
        data[at] ^= 1
        self.file.write_bytes(data)

    def ask(self) -> bytes:
        self.made.connect()
        return self.made.say(request(LARGE))

    def is_whole(self) -> None:
        taken = self.made.taken
        self.assertTrue(self.ask().endswith(KEPT[LARGE][1]))
        self.assertEqual(self.made.taken, taken + 1)

    def is_fetched_anew(self) -> None:
        """The long way, and from TMDB."""
        before, taken = len(self.made.route.sent), self.made.taken
        self.ask()
        self.assertEqual(self.made.taken, taken)
        self.assertEqual(len(self.made.route.sent), before + 1)
        self.made.comes(LARGE)
        value = bytes(self.made.transport.value())
        self.assertTrue(value.endswith(KEPT[LARGE][1]))
        self.assertFalse(self.made.transport.aborted)

    def test_a_good_one_is_served(self) -> None:
        self.is_whole()
        self.is_whole()

    def test_one_with_a_wrong_bit_is_cut_before_its_last_piece(self) -> None:
        self.change(heads.SIZE + PIECE + 5)
        said = self.ask()
        self.assertEqual(self.made.taken, 1)
        body = said.partition(b"\r\n\r\n")[2]
        self.assertEqual(len(body), 2 * PIECE)
        self.assertTrue(self.made.transport.aborted)
        self.made.channel.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(list(self.folder.glob("??/*")), [])
        self.is_fetched_anew()

    def test_one_with_a_wrong_head_is_none(self) -> None:
        self.is_whole()
        self.change(20)
        self.is_fetched_anew()

    def test_one_that_was_torn_is_none(self) -> None:
        self.is_whole()
        with self.file.open("r+b") as file:
            file.truncate(self.file.stat().st_size - 1)
        self.is_fetched_anew()

    def test_one_that_another_process_has_removed_is_none(self) -> None:
        self.is_whole()
        self.file.unlink()
        self.is_fetched_anew()

    def test_one_that_is_purged_is_none(self) -> None:
        self.is_whole()
        self.assertEqual(self.files.purge(), 1)
        self.is_fetched_anew()

    def test_one_that_is_purged_while_it_is_read_is_read_to_its_end(self) -> None:
        write = self.made.transport.write

        def full(data: bytes) -> None:
            write(data)
            self.made.channel.pauseProducing()

        self.made.transport.write = full  # type: ignore[method-assign]
        self.made.say(request(LARGE))
        self.files.purge()
        for _ in range(4):
            self.made.channel.resumeProducing()
        self.assertTrue(self.made.transport.value().endswith(KEPT[LARGE][1]))
        self.assertFalse(self.made.transport.aborted)

    def test_one_that_is_torn_while_it_is_read_is_cut(self) -> None:
        write = self.made.transport.write

        def full(data: bytes) -> None:
            write(data)
            self.made.channel.pauseProducing()

        self.made.transport.write = full  # type: ignore[method-assign]
        self.made.say(request(LARGE))
        with self.file.open("r+b") as file:
            file.truncate(heads.SIZE + 10)
        for _ in range(4):
            self.made.channel.resumeProducing()
        self.assertTrue(self.made.transport.aborted)
        self.assertLess(len(self.made.transport.value()), len(KEPT[LARGE][1]))

    def test_asking_here_is_asking_for_what_stays(self) -> None:
        asked: list[str] = []
        find = self.files.find
        self.files.find = lambda key: asked.append(key) or find(key)  # type: ignore
        self.is_whole()
        self.assertEqual(asked, [LARGE])


class Bounded(LaneCase):
    """What it remembers."""

    def test_heads_of_many_pictures_are_forgotten(self) -> None:
        world = self.world()
        assert isinstance(world.files, MemoryPictures)
        for number in range(REMEMBERED + 10):
            path = f"/t/p/w92/a{number}.jpg"
            head = PictureHead(path, "image/jpeg", ETAG, 3, WALL)
            world.files.kept[path] = head, b"abc"
            world.say(request(path))
        self.assertEqual(world.taken, REMEMBERED + 10)
        self.assertLessEqual(len(world.lane), REMEMBERED)

    def test_other_secrets_make_all_lines_of_the_log_anew(self) -> None:
        world = self.world()
        world.say(request())
        self.assertEqual(len(world.lane), 1)
        world.resource.renew(None, "another-admin-token")
        self.assertEqual(len(world.lane), 0)
        world.say(request())
        self.assertEqual(len(world.worded), 2)

    def test_its_exchanges_are_those_of_a_hit(self) -> None:
        world = self.world()
        world.say(request(f"{pictures.PREFIX}{JPEG}"))
        [exchange] = world.worded
        self.assertTrue(exchange.outcome.from_store)
        self.assertEqual(exchange.target, f"{pictures.PREFIX}{JPEG}")
        self.assertEqual(exchange.method, "GET")
        self.assertNotIn(names.REQUEST_ID, exchange.request_id)
