"""Pictures over real routes' failover: one download for all, what is kept, and who is
told what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, eventAsText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import (
    STORED,
    Answer,
    CacheUse,
    Dimensions,
    Part,
    Query,
    Validators,
)
from streamr.errors import RouteKind
from streamr.gateway.pictures import GONE, MOST_CUT, UNREAD, PictureAnswer, Pictures
from streamr.gateway.telling import Teller
from streamr.policy.freshness import MOST_KEPT
from streamr.tmdb import images
from tests.pictures import ETAG, IDLE, Coming, MemoryPictures, ReadAll, jpeg
from tests.support import FakeRoute, Notes, call, failover_over

PATH = "/t/p/w342/abc.jpg"
QUERY = Query(PATH, (), images.TEMPLATE)
OTHER = Query("/t/p/w342/other.jpg", (), images.TEMPLATE)
DEADLINE = 8.0
WALL = 1_000_000.0
SIZE = 300_000
BODY = jpeg(SIZE)
MISSING = Answer(404, b"")


class PicturesCase(SynchronousTestCase):
    """Main's pictures over two routes to two hosts."""

    has_files = True

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1024.0)
        self.notes = Notes()
        self.tried: list[Any] = []
        self.direct = FakeRoute("direct:pictures", next_hop="image.test")
        self.direct.dimensions = Dimensions("image.test", "modern", "auto", "here")
        self.proxy = FakeRoute("proxy@peer:pictures", RouteKind.PEER, "peer.test")
        self.proxy.dimensions = Dimensions("peer.test", "proxy", "auto", "peer.test")
        failover = failover_over(
            [self.direct, self.proxy], self.clock, tried=self.tried.append, hedge=False
        )
        self.files = MemoryPictures()
        self.pictures = Pictures(
            failover,
            self.clock,
            lambda: WALL + self.clock.seconds() - 1024.0,
            Teller("main", self.clock, self.notes),
            DEADLINE,
            self.files if self.has_files else None,
        )

    def serve(self, query: Query = QUERY, **more: Any) -> Deferred[PictureAnswer]:
        deadline = self.clock.seconds() + more.pop("seconds", DEADLINE)
        return self.pictures.serve(query, call(deadline, target=query.path, **more))

    def begins(
        self, route: FakeRoute | None = None, length: int | None = SIZE, **more: Any
    ) -> Coming:
        """The head of it comes over a route."""
        coming = Coming(self.clock)
        (route or self.direct).succeeds(coming.answer(length, **more))
        return coming

    def comes(self, coming: Coming, begin: int = 0) -> None:
        coming.comes(BODY[begin:])
        coming.ends()

    def read(self, serving: Deferred[PictureAnswer]) -> ReadAll:
        return self.reading(self.successResultOf(serving))

    def reading(self, shown: PictureAnswer) -> ReadAll:
        assert shown.reader is not None
        return ReadAll(shown.reader)

    def keep(self) -> None:
        """Fetch and keep it."""
        serving = self.serve()
        coming = self.begins()
        reading = self.read(serving)
        self.comes(coming)
        reading.reader.close()
        self.direct.sent.clear()
        self.notes.exchanges.clear()

    def cache(self, shown: PictureAnswer) -> CacheUse | None:
        return shown.exchange.outcome.cache

    def is_whole(self, *readings: ReadAll) -> None:
        for each in readings:
            self.assertEqual((each.data == BODY, each.end), (True, "whole"))
            each.reader.close()
        self.assertTrue(self.files.all_closed)

    def no_timer_is_left(self) -> None:
        self.clock.advance(UNREAD)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class One(PicturesCase):
    """What one caller gets."""

    def test_the_head_is_there_before_the_body(self) -> None:
        serving = self.serve()
        self.clock.advance(0.25)
        coming = self.begins(age=70.0)
        shown = self.successResultOf(serving)
        assert shown.reader is not None
        head = shown.reader.head
        self.assertEqual((head.key, head.content_type), (PATH, "image/jpeg"))
        self.assertEqual((head.etag, head.length), (ETAG, SIZE))
        self.assertEqual(head.made_at, WALL + 0.25 - 70.0)
        reading = ReadAll(shown.reader)
        self.comes(coming)
        self.is_whole(reading)
        self.no_timer_is_left()

    def test_the_exchange_is_told_once(self) -> None:
        serving = self.serve(method="GET")
        self.clock.advance(0.25)
        self.begins()
        exchange = self.successResultOf(serving).exchange
        self.assertEqual(self.notes.exchanges, [exchange])
        self.assertEqual((exchange.status, exchange.ms), (200, 250))
        self.assertEqual(exchange.template, images.TEMPLATE)
        self.assertEqual(exchange.outcome.source, "direct:pictures")
        self.assertEqual(
            exchange.outcome.cache, CacheUse(forward="uri-miss", stored=True)
        )

    def test_a_strong_entity_tag_of_tmdb_is_handed_on(self) -> None:
        serving = self.serve()
        self.begins(etag='"tmdb"')
        shown = self.successResultOf(serving)
        assert shown.reader is not None
        self.assertEqual(shown.reader.head.etag, '"tmdb"')

    def test_another_has_one_of_ours_which_is_always_the_same(self) -> None:
        made = {
            name: self.tag_of(query, **told)
            for name, query, told in (
                ("a", QUERY, {"etag": None}),
                ("again", QUERY, {"etag": None}),
                ("weak", QUERY, {"etag": 'W/"v1"'}),
                ("path", OTHER, {"etag": None}),
                ("length", QUERY, {"etag": None, "length": 7}),
                ("date", QUERY, {"validators": Validators(None, "Mon")}),
            )
        }
        self.assertEqual(made["a"], made["again"])
        self.assertEqual(made["a"], made["weak"])
        self.assertEqual(len(set(made.values())), 4)
        for each in made.values():
            self.assertRegex(each, r'\A"[0-9a-f]{32}"\Z')

    def tag_of(self, query: Query, **told: Any) -> str:
        self.setUp()
        serving = self.serve(query)
        self.begins(**told)
        shown = self.successResultOf(serving)
        assert shown.reader is not None
        return shown.reader.head.etag

    def test_no_route_is_a_fault_and_nothing_to_read(self) -> None:
        serving = self.serve()
        for route in (self.direct, self.proxy):
            route.fails("http_response_redirect")
        shown = self.successResultOf(serving)
        assert shown.exchange.outcome.fault is not None
        self.assertIsNone(shown.reader)
        self.assertEqual(shown.exchange.status, 502)
        self.assertEqual(self.files.begun, [])

    def test_who_leaves_before_the_head_closes_what_is_under_way(self) -> None:
        serving = self.serve()
        serving.cancel()
        shown = self.successResultOf(serving)
        self.assertTrue(self.direct.sent[0].cancelled)
        self.assertTrue(shown.exchange.outcome.left)
        self.assertEqual(shown.exchange.status, 499)
        self.assertEqual(self.notes.exchanges, [shown.exchange])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_whom_nobody_reads_is_given_up_soon(self) -> None:
        others = [self.serve(OTHER), self.serve(OTHER)]
        for each in others:
            each.addCallback(self.takes_a_while)
        leaves = self.serve()
        another, coming = (Coming(self.clock) for _ in range(2))
        self.direct.sent[0].result.callback(another.answer(SIZE))
        self.direct.sent[1].result.callback(coming.answer(SIZE))
        # his turn to be told has not come
        leaves.cancel()
        self.assertIsNone(self.successResultOf(leaves).reader)
        self.clock.advance(UNREAD - 1 / 16)
        self.assertFalse(coming.is_left)
        self.clock.advance(1 / 16)
        self.assertTrue(coming.is_left)
        self.assertFalse(another.is_left)

    def takes_a_while(self, shown: PictureAnswer) -> PictureAnswer:
        self.clock.rightNow += 0.02
        self.reading(shown)
        return shown


class Gone(PicturesCase):
    """That TMDB has no such picture is remembered for a while."""

    def missing(self, status: int = 404) -> None:
        serving = self.serve()
        self.direct.succeeds(Answer(status, b""))
        shown = self.successResultOf(serving)
        self.assertEqual((shown.exchange.status, shown.reader), (status, None))
        self.assertEqual(
            shown.exchange.outcome.cache, CacheUse(forward="uri-miss", stored=False)
        )

    def test_it_is_asked_again_after_a_minute_and_not_before(self) -> None:
        for status in (404, 410):
            self.setUp()
            self.missing(status)
            self.clock.advance(GONE - 1 / 64)
            shown = self.successResultOf(self.serve())
            self.assertEqual((shown.exchange.status, shown.reader), (404, None))
            self.assertEqual(shown.exchange.outcome.source, STORED)
            self.assertTrue(shown.exchange.outcome.from_store)
            self.assertEqual(len(self.direct.sent), 1)
            self.clock.advance(1 / 64)
            self.serve()
            self.assertEqual(len(self.direct.sent), 2)

    def test_others_are_asked_for(self) -> None:
        self.missing()
        self.serve(OTHER)
        self.assertEqual(len(self.direct.sent), 2)

    def test_no_other_answer_is_remembered(self) -> None:
        serving = self.serve()
        for route in (self.direct, self.proxy):
            route.fails("http_response_redirect")
        self.successResultOf(serving)
        self.serve()
        self.assertEqual(len(self.direct.sent), 2)


class Kept(PicturesCase):
    """What is stored is served without anybody being asked."""

    def setUp(self) -> None:
        super().setUp()
        self.keep()

    def test_it_is_read_from_its_file(self) -> None:
        serving = self.serve()
        self.assertEqual(self.direct.sent, [])
        self.is_whole(self.read(serving))

    def test_its_age_is_told_and_how_long_it_is_kept(self) -> None:
        self.clock.advance(100.0)
        exchange = self.successResultOf(self.serve()).exchange
        self.assertEqual(self.notes.exchanges, [exchange])
        outcome = exchange.outcome
        self.assertEqual((exchange.status, outcome.age), (200, 100.0))
        self.assertEqual((outcome.source, outcome.kind), (STORED, None))
        self.assertTrue(outcome.from_store)
        self.assertEqual(outcome.cache, CacheUse(ttl=round(MOST_KEPT) - 100))

    def test_one_that_came_from_the_future_has_no_age(self) -> None:
        head, body = self.files.kept[PATH]
        self.files.kept[PATH] = replace(head, made_at=head.made_at + 100), body
        exchange = self.successResultOf(self.serve()).exchange
        self.assertEqual(exchange.outcome.age, 0.0)

    def test_hits_and_misses_are_counted(self) -> None:
        self.assertEqual((self.pictures.hits, self.pictures.misses), (0, 1))
        self.successResultOf(self.serve())
        self.assertEqual((self.pictures.hits, self.pictures.misses), (1, 1))
        serving = self.serve(OTHER)
        self.direct.succeeds(MISSING)
        self.successResultOf(serving)
        # what is remembered is neither
        self.successResultOf(self.serve(OTHER))
        self.assertEqual((self.pictures.hits, self.pictures.misses), (1, 2))

    def test_one_that_has_left_the_store_is_asked_for_again(self) -> None:
        self.files.purge()
        serving = self.serve()
        coming = self.begins()
        reading = self.read(serving)
        self.comes(coming)
        self.is_whole(reading)


class Together(PicturesCase):
    """One download for all who ask."""

    def test_who_asks_before_the_head_waits_for_the_same(self) -> None:
        serving = [self.serve() for _ in range(100)]
        self.assertEqual(len(self.direct.sent), 1)
        coming = self.begins()
        readings = [self.read(each) for each in serving]
        self.comes(coming)
        self.is_whole(*readings)
        self.assertEqual(len(self.files.begun), 1)

    def test_they_are_told_that_they_have_waited_for_another(self) -> None:
        serving = [self.serve() for _ in range(3)]
        self.begins()
        used = [self.cache(self.successResultOf(each)) for each in serving]
        first = CacheUse(forward="uri-miss", stored=True)
        joined = CacheUse(forward="uri-miss", collapsed=True)
        self.assertEqual(used, [first, joined, joined])

    def test_who_asks_later_reads_what_there_is_and_follows(self) -> None:
        first = self.serve()
        coming = self.begins()
        readings = [self.read(first)]
        coming.comes(BODY[:1000])
        second = self.successResultOf(self.serve())
        readings.append(self.reading(second))
        self.assertEqual(len(self.direct.sent), 1)
        self.assertEqual(
            self.cache(second), CacheUse(forward="uri-miss", collapsed=True)
        )
        self.comes(coming, 1000)
        self.is_whole(*readings)

    def test_each_has_a_deadline_of_his_own(self) -> None:
        for first, second in ((1.0, 8.0), (8.0, 1.0)):
            self.setUp()
            one, two = self.serve(seconds=first), self.serve(seconds=second)
            hasty, patient = (one, two) if first < second else (two, one)
            self.clock.advance(1.0)
            shown = self.successResultOf(hasty)
            fault = shown.exchange.outcome.fault
            assert fault is not None
            self.assertEqual((fault.cause.name, shown.reader), (LATE, None))
            self.assertNoResult(patient)
            coming = self.begins()
            reading = self.read(patient)
            self.comes(coming)
            self.is_whole(reading)
            self.no_timer_is_left()

    def test_whose_time_is_up_is_answered_at_once(self) -> None:
        self.serve()
        shown = self.successResultOf(self.late())
        self.assertEqual(shown.exchange.status, 504)

    def late(self) -> Deferred[PictureAnswer]:
        serving = self.serve(seconds=-0.5)
        self.clock.advance(0)
        return serving

    def test_one_who_leaves_before_the_head_leaves_the_others(self) -> None:
        leaves, stays = self.serve(), self.serve()
        leaves.cancel()
        self.assertTrue(self.successResultOf(leaves).exchange.outcome.left)
        self.assertFalse(self.direct.sent[0].cancelled)
        coming = self.begins()
        reading = self.read(stays)
        self.comes(coming)
        self.is_whole(reading)

    def test_the_last_one_who_leaves_before_the_head_ends_it(self) -> None:
        both = self.serve(), self.serve()
        for each in both:
            each.cancel()
            self.successResultOf(each)
        self.assertTrue(self.direct.sent[0].cancelled)
        self.serve()
        self.assertEqual(len(self.direct.sent), 2)

    def test_who_is_told_after_it_has_ended_reads_the_file(self) -> None:
        first, second = self.serve(), self.serve()
        coming = Coming(self.clock)
        self.comes(coming)
        self.direct.succeeds(coming.answer(SIZE))
        self.is_whole(self.read(first), self.read(second))
        self.assertEqual(len(self.direct.sent), 1)

    def test_who_is_told_after_it_was_broken_gets_one_of_his_own(self) -> None:
        first, second = self.serve(), self.serve()
        coming = Coming(self.clock)
        coming.comes(BODY[:-1])
        coming.ends()
        self.direct.succeeds(coming.answer(SIZE))
        self.assertEqual(self.read(first).end, "http_response_incomplete")
        again = self.begins(self.proxy)
        reading = self.read(second)
        self.comes(again)
        self.assertEqual(reading.end, "whole")

    def test_two_pictures_are_two_downloads(self) -> None:
        self.serve()
        self.serve(OTHER)
        self.assertEqual(len(self.direct.sent), 2)

    def test_pictures_that_are_not_kept_are_each_callers_own(self) -> None:
        self.has_files = False
        self.setUp()
        serving = [self.serve(), self.serve()]
        self.assertEqual(len(self.direct.sent), 2)
        for sent, each in zip(self.direct.sent, serving, strict=True):
            coming = Coming(self.clock)
            sent.result.callback(coming.answer(SIZE))
            shown = self.successResultOf(each)
            self.assertEqual(self.cache(shown), CacheUse(forward="uri-miss"))
            reading = self.reading(shown)
            self.comes(coming)
            self.is_whole(reading)

    def test_what_is_passed_on_is_not_called_stored(self) -> None:
        self.files.most_bytes = 0
        serving = self.serve()
        [sent] = self.direct.sent
        sent.result.callback(Coming(self.clock).answer(SIZE))
        shown = self.successResultOf(serving)
        self.assertEqual(self.cache(shown), CacheUse(forward="uri-miss"))

    def test_one_too_large_to_be_kept_is_each_callers_own(self) -> None:
        self.files.most_each = SIZE - 1
        first, second = self.serve(), self.serve()
        coming = self.begins()
        reading = self.read(first)
        # the second learns that, and begins
        self.assertNoResult(second)
        own = self.begins()
        also = self.read(second)
        self.comes(coming)
        self.comes(own)
        self.is_whole(reading, also)

    def test_a_disk_that_fills_leaves_it_to_its_readers(self) -> None:
        self.files.room = 1000
        first = self.serve()
        coming = self.begins()
        reading = self.read(first)
        coming.comes(BODY[:2000])
        second = self.serve()
        self.assertEqual(len(self.direct.sent), 2)
        own = self.begins()
        also = self.read(second)
        # where one could not be kept another is not tried
        self.assertEqual(len(self.files.begun), 1)
        self.comes(coming, 2000)
        self.comes(own)
        self.is_whole(reading, also)
        self.assertEqual(len(self.files), 0)


LATE = "deadline_exceeded"


class Mended(PicturesCase):
    """A cut in the middle is continued over another route."""

    def cut(self, **more: Any) -> ReadAll:
        serving = self.serve(**more)
        coming = self.begins()
        reading = self.read(serving)
        coming.comes(BODY[:1000])
        coming.is_cut()
        return reading

    def test_the_rest_comes_over_the_other_host(self) -> None:
        reading = self.cut()
        (asked,) = self.proxy.sent
        self.assertEqual(asked.call.part, Part(1000, ETAG))
        self.assertEqual(asked.call.silent, frozenset({"image.test"}))
        self.assertEqual(asked.call.deadline, self.clock.seconds() + DEADLINE)
        rest = self.begins(self.proxy, begins=1000)
        self.comes(rest, 1000)
        self.is_whole(reading)
        self.assertEqual(len(self.notes.exchanges), 1)

    def test_it_is_looked_for_with_time_of_its_own(self) -> None:
        serving = self.serve()
        coming = self.begins()
        reading = self.read(serving)
        self.clock.advance(IDLE - 1 / 64)
        for _ in range(10):
            coming.comes(b"")
            self.clock.advance(IDLE - 1 / 64)
        coming.comes(BODY[:1000])
        coming.is_cut()
        rest = self.begins(self.proxy, begins=1000)
        self.comes(rest, 1000)
        self.is_whole(reading)

    def test_the_cut_is_told_of_the_route_that_brought_it(self) -> None:
        self.cut()
        told = [(each.name, each.cause) for each in self.tried]
        self.assertIn(("direct:pictures", "connection_terminated"), told)
        rest = self.begins(self.proxy, begins=1000)
        rest.is_cut()
        told = [(each.name, each.cause) for each in self.tried]
        self.assertEqual(
            told[-1], ("proxy@peer:pictures", "connection_terminated"), told
        )

    def test_after_a_reset_the_next_one_does_not_begin_at_that_host(self) -> None:
        self.pictures.failover.health.tried(self.proxy, None, 1)
        serving = self.serve()
        coming = self.begins(etag=None)
        reading = self.read(serving)
        coming.comes(BODY[:1000])
        coming.is_cut()
        self.assertEqual(reading.end, "connection_terminated")
        reading.reader.close()
        again = self.serve()
        self.assertEqual((len(self.direct.sent), len(self.proxy.sent)), (1, 1))
        self.begins(self.proxy)
        self.successResultOf(again)
        # and that was it: others of the same host are not its matter
        self.serve(OTHER)
        self.assertEqual(len(self.direct.sent), 2)

    def test_not_more_cuts_are_remembered_than_there_is_room_for(self) -> None:
        for number in range(MOST_CUT + 1):
            self.pictures.was_cut(f"/t/p/w92/{number}.jpg", "image.test")
        for number, silent in ((0, False), (1, True), (MOST_CUT, True)):
            self.serve(Query(f"/t/p/w92/{number}.jpg", (), images.TEMPLATE))
            sent = [*self.direct.sent, *self.proxy.sent]
            found = [each for each in sent if f"/{number}.jpg" in each.query.path]
            self.assertEqual("image.test" in found[-1].call.silent, silent, number)

    def test_a_picture_may_be_cut_at_several_hosts(self) -> None:
        for host in ("a.test", "b.test"):
            self.pictures.was_cut(PATH, host)
        self.serve(silent=frozenset({"c.test"}))
        (sent,) = [*self.direct.sent, *self.proxy.sent]
        self.assertEqual(sent.call.silent, {"a.test", "b.test", "c.test"})

    def test_a_cut_is_logged_with_how_far_it_came(self) -> None:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.cut()
        (told,) = [each for each in events if each.get("code") == "picture-cut"]
        text = eventAsText(told, includeTimestamp=False, includeSystem=False)
        for words in ("direct:pictures", "1000 bytes", "req-1"):
            self.assertIn(words, text)


class Looking(PicturesCase):
    """What those see who fetch pictures ahead."""

    def test_it_is_busy_while_something_comes(self) -> None:
        for most_each in (SIZE, SIZE - 1):
            self.setUp()
            self.files.most_each = most_each
            self.assertFalse(self.pictures.busy)
            serving = self.serve()
            coming = self.begins()
            reading = self.read(serving)
            self.assertTrue(self.pictures.busy)
            self.comes(coming)
            self.is_whole(reading)
            self.assertFalse(self.pictures.busy)

    def test_it_has_what_is_stored_or_known_to_be_missing(self) -> None:
        self.assertFalse(self.pictures.has(QUERY))
        self.keep()
        self.assertIs(self.pictures.has(QUERY), True)
        self.assertTrue(self.files.all_closed)
        self.assertIs(self.pictures.has(OTHER), False)
        serving = self.serve(OTHER)
        self.direct.succeeds(MISSING)
        self.successResultOf(serving)
        self.assertIs(self.pictures.has(OTHER), True)
        self.clock.advance(GONE)
        self.assertFalse(self.pictures.has(OTHER))


class Stopping(PicturesCase):
    def test_all_downloads_end_and_their_readers_know(self) -> None:
        self.files.most_each = SIZE
        readings = []
        for query, length in ((QUERY, SIZE), (OTHER, SIZE + 1)):
            serving = self.serve(query)
            self.begins(length=length)
            readings.append(self.read(serving))
        self.pictures.stop()
        self.assertEqual([each.end for each in readings], [LATE, LATE])
        for each in readings:
            each.reader.close()
        self.assertTrue(self.files.all_closed)
        self.assertEqual(self.files.kept, {})

    def test_what_has_ended_is_stopped_no_more(self) -> None:
        self.keep()
        self.pictures.stop()
        self.is_whole(self.read(self.serve()))
