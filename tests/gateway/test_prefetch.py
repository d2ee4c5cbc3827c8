"""The warm set: fetched at the start, kept fresh, and nobody waits for it."""

from dataclasses import replace

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Query
from streamr.gateway.prefetch import APART, LOOK_EVERY, Warm
from streamr.policy import cachekey
from streamr.policy.freshness import State, state
from streamr.store.memory import MemoryStore
from streamr.tmdb.lifetimes import CLASSES
from tests.contracts.store import response
from tests.support import QUERY, FakeRoute, Notes, call, gateway_over

LISTS = [
    Query(f"/{kind}/popular", (), f"/{kind}/popular", freshness=CLASSES["lists"])
    for kind in ("movie", "tv", "person")
]
PAGE = Answer(200, b'{"page":1,"results":[]}', cache_control="max-age=300")


class WarmCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.direct = FakeRoute("direct")
        self.store = MemoryStore(10**7, 10_000)
        self.notes = Notes()
        self.gateway = gateway_over(
            [self.direct], self.clock, self.notes, "main", self.store
        )
        self.warm = self.made(LISTS)

    def made(self, queries: list[Query]) -> Warm:
        assert self.gateway.cache is not None
        return Warm(queries, self.gateway.cache, self.store, self.clock, 8.0)

    def pass_by(self, seconds: float, answer: Answer | None = PAGE) -> None:
        """Time passes in small steps; TMDB answers at once, or never."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            for each in self.direct.sent:
                if answer is not None and not each.result.called:
                    each.result.callback(answer)

    def paths(self) -> list[str]:
        return [each.query.path for each in self.direct.sent]


class Start(WarmCase):
    """At the start."""

    def test_all_of_it_is_fetched_and_kept(self) -> None:
        self.warm.start()
        self.pass_by(1.0)
        self.assertEqual(self.paths(), [each.path for each in LISTS])
        for query in LISTS:
            self.assertIsNotNone(self.store.get(cachekey.key(query)))

    def test_one_after_another_so_that_callers_keep_their_share(self) -> None:
        self.warm.start()
        self.clock.advance(0)
        self.assertEqual(len(self.paths()), 1)
        self.direct.succeeds(PAGE)
        self.clock.advance(APART)
        self.assertEqual(len(self.paths()), 2)

    def test_the_next_one_waits_until_the_one_before_has_come(self) -> None:
        self.warm.start()
        self.pass_by(3.0, None)
        self.assertEqual(len(self.paths()), 1)
        self.direct.succeeds(PAGE)
        self.clock.advance(APART)
        self.assertEqual(len(self.paths()), 2)

    def test_it_waits_while_a_caller_waits(self) -> None:
        until = self.clock.seconds() + 30.0
        asking = self.gateway.answer(QUERY, call(until))
        self.warm.start()
        self.pass_by(3.0, None)
        self.assertEqual(self.paths(), [QUERY.path])
        self.direct.succeeds(Answer(200, b'{"id":550}'))
        self.successResultOf(asking)
        self.pass_by(1.0)
        self.assertEqual(len(self.paths()), 4)

    def test_behind_callers_who_never_end_it_waits_ten_seconds_in_all(self) -> None:
        for _ in range(150):
            self.clock.advance(0.1)
            query = replace(QUERY, path=f"/movie/{len(self.direct.sent)}")
            self.gateway.answer(query, call(self.clock.seconds() + 8.0))
            if len(self.direct.sent) == 1:
                self.warm.start()
        lists = {each.path for each in LISTS}
        self.assertEqual(lists, lists & set(self.paths()))

    def test_what_came_fresh_from_the_disk_is_not_fetched(self) -> None:
        self.warm.start()
        self.pass_by(1.0)
        self.warm.stop()
        self.direct.sent.clear()
        self.made(LISTS).start()
        self.pass_by(1.0)
        self.assertEqual(self.paths(), [])

    def test_each_fetch_is_told_to_the_observer(self) -> None:
        self.warm.start()
        self.pass_by(1.0)
        self.assertEqual(len(self.notes.exchanges), 3)
        self.assertTrue(
            all(each.request_id.startswith("warm-") for each in self.notes.exchanges)
        )

    def test_an_empty_set_asks_for_nothing(self) -> None:
        self.made([]).start()
        self.pass_by(LOOK_EVERY + 1)
        self.assertEqual(self.paths(), [])


class Keeping(WarmCase):
    """Afterwards."""

    def test_nobody_ever_finds_it_stale(self) -> None:
        page = replace(PAGE, cache_control="max-age=330")
        self.warm.start()
        self.pass_by(2.0, page)
        for _ in range(90):
            self.pass_by(10.0, page)
            for query in LISTS:
                stored = self.store.get(cachekey.key(query))
                self.assertIs(state(stored, self.clock.seconds()), State.FRESH)

    def test_a_large_set_is_never_stale_either(self) -> None:
        """Going once through a large set takes longer than a look."""
        page = replace(PAGE, cache_control="max-age=310")
        many = [replace(LISTS[0], path=f"/movie/{n}") for n in range(100)]
        warm = self.made(many)
        warm.start()
        self.pass_by(30.0, page)
        stale = set()
        for _ in range(120):
            self.pass_by(5.0, page)
            now = self.clock.seconds()
            stale |= {
                each.path
                for each in many
                if state(self.store.get(each.path), now) is not State.FRESH
            }
        self.assertEqual(stale, set())

    def test_it_is_not_fetched_more_often_than_its_life_demands(self) -> None:
        self.warm.start()
        self.pass_by(1200.0)
        # a life of 300 s, looked at each 60 s: at most every 240 s
        self.assertLessEqual(len(self.paths()), 3 * (1 + 1200 // 240))

    def test_a_fetch_that_fails_is_tried_at_the_next_look(self) -> None:
        self.warm.start()
        self.clock.advance(0)
        self.direct.fails("http_response_redirect")
        self.assertIsNone(self.store.get(cachekey.key(LISTS[0])))
        self.pass_by(LOOK_EVERY + 1)
        self.assertIsNotNone(self.store.get(cachekey.key(LISTS[0])))

    def test_a_silent_tmdb_piles_up_nothing(self) -> None:
        self.warm.start()
        self.pass_by(30.0, None)
        self.assertTrue(all(each.cancelled for each in self.direct.sent))
        self.assertLessEqual(len(self.clock.getDelayedCalls()), 1)


class Looking(WarmCase):
    """When it is looked at, and what is due then."""

    def setUp(self) -> None:
        super().setUp()
        self.clock.advance(50_000.0)

    def asked_with(self, left: float, count: int) -> bool:
        """Whether a response with so many seconds left is renewed at a look, in a set
        of so many."""
        self.setUp()
        many = [*LISTS, *(replace(LISTS[0], path=f"/tv/{n}") for n in range(count))]
        key, now = cachekey.key(LISTS[0]), self.clock.seconds()
        stored = response(key, now=now - 1000.0)
        self.store.put(key, replace(stored, lifetime=1000.0 + left))
        self.made(many[:count]).start()
        self.clock.advance(0)
        return bool(self.paths())

    def test_it_is_due_when_it_would_not_last_to_the_next_look(self) -> None:
        # a minute, a fifth of a second for each of the set, ten seconds for which it
        # may give way, and one second
        for count, left in ((1, 71.2), (3, 71.6), (100, 91.0)):
            self.assertTrue(self.asked_with(left - 0.01, count), count)
            self.assertFalse(self.asked_with(left + 0.01, count), count)

    def test_the_next_look_is_a_minute_after_the_last_of_the_set(self) -> None:
        self.warm.start()
        self.clock.advance(0)
        for _ in LISTS:
            self.direct.fails("http_response_redirect")
            self.clock.advance(0.2)
        self.direct.sent.clear()
        self.clock.advance(59.99)
        self.assertEqual(self.paths(), [])
        self.clock.advance(0.02)
        self.assertEqual(self.paths(), [LISTS[0].path])

    def test_they_are_a_fifth_of_a_second_apart(self) -> None:
        self.warm.start()
        self.clock.advance(0)
        for count in (1, 2):
            self.direct.succeeds(PAGE)
            self.clock.advance(0.19)
            self.assertEqual(len(self.paths()), count)
            self.clock.advance(0.01)
            self.assertEqual(len(self.paths()), count + 1)

    def test_each_look_has_a_name_of_its_own(self) -> None:
        self.warm.start()
        self.pass_by(1.0)
        names = {each.request_id for each in self.notes.exchanges}
        self.assertEqual(len(names), len(LISTS))
        for name in names:
            self.assertRegex(name, r"\Awarm-[0-9a-f]{8}\Z")

    def test_it_is_told_which_page_was_renewed(self) -> None:
        self.warm.start()
        self.pass_by(1.0)
        told = [each.target for each in self.notes.exchanges if each.renewal]
        self.assertEqual(told, [each.path for each in LISTS])
        self.assertEqual(
            [each.call.target for each in self.direct.sent],
            [each.path for each in LISTS],
        )


class Stop(WarmCase):
    """At the end no timer is left."""

    def test_before_the_first_look(self) -> None:
        self.warm.start()
        self.warm.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_after_many_looks(self) -> None:
        self.warm.start()
        self.pass_by(LOOK_EVERY * 3 + 0.1)
        self.warm.stop()
        self.pass_by(10.0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_with_a_set_that_takes_longer_than_a_look(self) -> None:
        count = int(LOOK_EVERY / APART) + 100
        many = [replace(QUERY, path=f"/movie/{n}") for n in range(count)]
        warm = self.made(many)
        warm.start()
        self.clock.advance(LOOK_EVERY)
        warm.stop()
        for each in self.direct.sent:
            if not each.result.called:
                each.result.callback(PAGE)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped_twice_or_never_started_it_is_quiet(self) -> None:
        self.warm.stop()
        self.warm.start()
        self.warm.stop()
        self.warm.stop()
        self.pass_by(LOOK_EVERY + 1)
        self.assertEqual(self.paths(), [])
