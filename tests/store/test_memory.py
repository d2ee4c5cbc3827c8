"""The memory store: bounded, exact in its books, and not to be flooded."""

import json
import random
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import StoredResponse
from streamr.interfaces import Store
from streamr.store.memory import OVERHEAD, MemoryStore, size_of
from tests.contracts.store import StoreContract, hot_share, response, sized, traced
from tests.properties import examples

MB = 1024 * 1024


class Contract(StoreContract, SynchronousTestCase):
    """What every store keeps to."""

    def make(self) -> Store:
        self.memory = MemoryStore(50 * MB, 10_000)
        return self.memory

    def again(self) -> Store:
        return self.memory

    def purge(self, path: str) -> None:
        self.memory.purge(lambda each: each.path == path)


class Answering(SynchronousTestCase):
    """Beyond the contract."""

    def setUp(self) -> None:
        self.memory = MemoryStore(MB, 100)

    def test_what_comes_back_is_the_very_object(self) -> None:
        put = response()
        self.memory.put(put.key, put)
        self.assertIs(self.memory.get(put.key), put)

    def test_whoever_listens_is_told_of_puts_and_not_of_fills(self) -> None:
        told: list[StoredResponse] = []
        self.memory.subscribe(put=told.append)
        first, second = response("/movie/1"), response("/movie/2")
        self.memory.put(first.key, first)
        self.memory.fill(second.key, second)
        self.assertEqual(told, [first])
        self.assertIsNotNone(self.memory.get(second.key))

    def test_whoever_listens_is_told_what_was_purged(self) -> None:
        told: list[list[str]] = []
        self.memory.subscribe(dropped=told.append)
        for number in range(3):
            self.memory.put(f"/movie/{number}", response(f"/movie/{number}"))
        count = self.memory.purge(lambda each: each.key != "/movie/1")
        self.assertEqual((count, len(self.memory)), (2, 1))
        self.assertEqual([sorted(each) for each in told], [["/movie/0", "/movie/2"]])

    def test_all_that_is_kept_can_be_looked_through(self) -> None:
        keys = {f"/movie/{number}" for number in range(5)}
        for key in keys:
            self.memory.put(key, response(key))
        self.assertEqual({each.key for each in self.memory}, keys)

    def test_one_that_is_larger_than_the_whole_store_is_not_kept(self) -> None:
        self.memory.put("/small", sized("/small", 10))
        self.memory.put("/large", sized("/large", MB))
        self.assertIsNone(self.memory.get("/large"))
        self.assertIsNotNone(self.memory.get("/small"))

    def test_one_that_grew_too_large_takes_its_old_form_along(self) -> None:
        self.memory.put("/x", sized("/x", 10))
        self.memory.put("/x", sized("/x", MB))
        self.assertIsNone(self.memory.get("/x"))
        self.assertEqual((self.memory.bytes, len(self.memory)), (0, 0))

    def test_a_purge_of_all_leaves_no_byte_in_the_books(self) -> None:
        for number in range(500):
            self.memory.put(f"/{number}", sized(f"/{number}", 5000))
            self.memory.get(f"/{number // 2}")
        self.memory.purge(lambda _: True)
        self.assertEqual((self.memory.bytes, len(self.memory)), (0, 0))
        self.memory.put("/x", sized("/x", 10))
        self.assertIsNotNone(self.memory.get("/x"))


class Returning(SynchronousTestCase):
    """A key that was dropped, and is asked for again."""

    def setUp(self) -> None:
        self.memory = MemoryStore(MB, 10)

    def put(self, key: str) -> None:
        self.memory.put(key, sized(key, 10))

    def flood(self, name: str) -> bool:
        """Whether /x is there after 20 keys that nobody asks for again."""
        for number in range(20):
            self.put(f"/{name}/{number}")
        return self.memory.peek("/x") is not None

    def test_it_is_a_newcomer_no_more_and_outlasts_a_flood(self) -> None:
        self.put("/x")
        self.assertFalse(self.flood("a"))
        self.put("/x")
        self.assertTrue(self.flood("b"))

    def test_once_it_is_back_it_is_remembered_no_longer(self) -> None:
        self.put("/x")
        self.flood("a")
        self.put("/x")
        self.memory.purge(lambda each: each.key == "/x")
        self.put("/x")
        self.assertFalse(self.flood("b"))


class Bounds(RuleBasedStateMachine):
    """No sequence of puts, gets and purges breaks a bound or the books."""

    MOST_BYTES, MOST_ENTRIES = 40_000, 12
    keys = st.integers(0, 40).map(lambda number: f"/movie/{number}")

    def __init__(self) -> None:
        super().__init__()
        self.memory = MemoryStore(self.MOST_BYTES, self.MOST_ENTRIES)
        self.last: dict[str, StoredResponse] = {}

    @rule(key=keys, size=st.integers(0, 45_000))
    def put(self, key: str, size: int) -> None:
        self.last[key] = sized(key, size)
        self.memory.put(key, self.last[key])

    @rule(key=keys, size=st.integers(0, 2000))
    def put_small(self, key: str, size: int) -> None:
        self.put(key, size)

    @rule(key=keys, times=st.integers(1, 5))
    def get(self, key: str, times: int) -> None:
        for _ in range(times):
            found = self.memory.get(key)
            assert found is None or found is self.last[key]

    @rule(key=keys, size=st.integers(0, 3000))
    def recode(self, key: str, size: int) -> None:
        found = self.memory.peek(key)
        more = replace(found or sized(key, 10), brotli=b"b" * size)
        self.last[key] = more if found is not None else self.last.get(key, more)
        self.memory.recode(more)

    @rule(key=keys)
    def purge(self, key: str) -> None:
        before = len(self.memory)
        count = self.memory.purge(lambda each: each.key == key)
        assert len(self.memory) == before - count
        assert self.memory.get(key) is None

    @invariant()
    def the_bounds_hold(self) -> None:
        assert self.memory.bytes <= self.MOST_BYTES
        assert len(self.memory) <= self.MOST_ENTRIES

    @invariant()
    def the_books_are_exact(self) -> None:
        kept = list(self.memory)
        assert len(kept) == len(self.memory) == len({each.key for each in kept})
        assert self.memory.bytes == sum(size_of(each) for each in kept)

    @invariant()
    def nothing_old_is_kept(self) -> None:
        assert all(each is self.last[each.key] for each in self.memory)


class Limits(SynchronousTestCase):
    """Bytes and entries, always."""

    def test_no_sequence_breaks_a_bound_or_the_books(self) -> None:
        run_state_machine_as_test(
            Bounds,
            settings=examples(60, stateful_step_count=60),
        )

    def test_the_size_of_a_response_counts_key_and_every_body(self) -> None:
        one = replace(response("/movie/550"), body=b"1", gzipped=b"22", brotli=b"333")
        base = OVERHEAD + len("/movie/550")
        self.assertEqual(size_of(one), base + 6)
        self.assertEqual(size_of(replace(one, brotli=None)), base + 3)
        self.assertEqual(size_of(replace(one, brotli=None, gzipped=None)), base + 1)

    def test_one_coding_too_many_makes_others_leave(self) -> None:
        memory = self.filled(3 * (OVERHEAD + 105), 100, 3)
        dropped: list[str] = []
        memory.subscribe(dropped=dropped.extend)
        one = memory.peek("/0002")
        assert one is not None
        memory.recode(replace(one, brotli=b"b"))
        self.assertEqual(dropped, ["/0000"])
        self.assertLessEqual(memory.bytes, memory.most_bytes)

    def test_a_coding_of_what_is_not_there_is_not_kept(self) -> None:
        memory = MemoryStore(100_000, 100)
        memory.recode(sized("/gone", 100))
        self.assertEqual((len(memory), memory.bytes), (0, 0))

    def filled(self, most_bytes: int, most_entries: int, count: int) -> MemoryStore:
        memory = MemoryStore(most_bytes, most_entries)
        for number in range(count):
            memory.put(f"/{number:04}", sized(f"/{number:04}", 100))
        return memory

    def test_each_takes_1400_bytes_beside_its_key_and_its_bodies(self) -> None:
        one = 1400 + len("/0000") + 100
        for spare, kept in ((-1, 19), (0, 20), (one - 1, 20), (one, 21)):
            memory = self.filled(20 * one + spare, 1000, 30)
            self.assertEqual(len(memory), kept, spare)
            self.assertEqual(memory.bytes, kept * one, spare)

    def test_the_entries_are_as_many_as_there_may_be_and_no_more(self) -> None:
        for most in (1, 2, 10, 11, 100):
            for count in (most - 1, most, most + 1, 3 * most):
                memory = self.filled(MB, most, count)
                self.assertEqual(len(memory), min(most, count), (most, count))

    def test_one_that_fills_the_whole_store_is_kept_and_a_byte_more_is_not(
        self,
    ) -> None:
        room = 1400 + len("/x") + 500
        for size, kept in ((499, True), (500, True), (501, False)):
            memory = MemoryStore(room, 10)
            memory.put("/x", sized("/x", size))
            self.assertEqual(memory.get("/x") is not None, kept, size)

    def test_a_store_of_no_entries_keeps_none(self) -> None:
        memory = MemoryStore(MB, 0)
        for number in range(5):
            memory.put(f"/{number}", sized(f"/{number}", 10))
            self.assertEqual(len(memory), 0)


class Flood(SynchronousTestCase):
    """A flood of keys that are asked for once leaves the hot pages alone."""

    HOT = tuple(f"/hot/{number}" for number in range(200))

    def warmed(self, memory: MemoryStore) -> None:
        for key in self.HOT:
            memory.put(key, sized(key, 1000))
        for key in self.HOT:
            memory.get(key)

    def flooded(self, memory: MemoryStore, count: int) -> float:
        """The hit rate of the hot set while strangers come: one in ten is hot."""
        dice = random.Random(7)
        hits = asked = 0
        for number in range(count):
            memory.put(f"/once/{number}", sized_once(number))
            if number % 10 == 0:
                key = dice.choice(self.HOT)
                asked += 1
                if memory.get(key) is not None:
                    hits += 1
                else:
                    memory.put(key, sized(key, 1000))
        return hits / asked

    def test_200_000_one_time_keys_leave_the_hot_set_its_hits(self) -> None:
        memory = MemoryStore(1000 * (OVERHEAD + 1020), 10_000)
        self.warmed(memory)
        self.assertGreaterEqual(self.flooded(memory, 200_000), 0.95)
        self.assertLessEqual(memory.bytes, memory.most_bytes)
        self.assertGreaterEqual(hot_share(memory, self.HOT), 0.95)

    def test_the_same_when_entries_are_the_bound(self) -> None:
        memory = MemoryStore(100 * MB, 1000)
        self.warmed(memory)
        self.assertGreaterEqual(self.flooded(memory, 20_000), 0.95)
        self.assertEqual(len(memory), 1000)

    def test_a_hot_set_that_changes_is_learnt(self) -> None:
        memory = MemoryStore(100 * MB, 1000)
        for number in range(1000):
            memory.put(f"/old/{number}", sized_once(number))
            memory.get(f"/old/{number}")
        hits = 0
        dice = random.Random(7)
        for step in range(20_000):
            key = dice.choice(self.HOT)
            if memory.get(key) is None:
                memory.put(key, sized_once(step))
            else:
                hits += 1
            memory.put(f"/once/{step}", sized_once(step))
        self.assertGreaterEqual(hits / 20_000, 0.9)

    def test_a_page_that_is_renewed_often_leaves_newcomers_their_place(self) -> None:
        memory = MemoryStore(100 * (OVERHEAD + 1020), 1000)
        for _ in range(5000):
            memory.put("/hot/0", sized("/hot/0", 1000))
        for number in range(1, 200):
            memory.put(f"/hot/{number}", sized(f"/hot/{number}", 1000))
            memory.get(f"/hot/{number}")
        newcomers = [f"/new/{number}" for number in range(8)]
        for key in newcomers:
            memory.put(key, sized(key, 1000))
        self.assertEqual(hot_share(memory, newcomers), 1.0)

    def test_what_is_remembered_of_those_that_left_is_bounded(self) -> None:
        memory = MemoryStore(100 * MB, 100)
        self.warmed(memory)
        _, grown = traced(lambda: self.flooded(memory, 20_000))
        self.assertLess(grown, 300_000)


class Queues(SynchronousTestCase):
    """Who stays and who leaves, in the words of S3-FIFO."""

    def setUp(self) -> None:
        self.memory = MemoryStore(100 * MB, 20)
        self.told: list[str] = []
        self.memory.subscribe(dropped=self.told.extend)

    def put(self, *keys: str) -> None:
        for key in keys:
            self.memory.put(key, replace(_ONCE, key=key))

    def promote(self, *keys: str) -> None:
        """They are asked for again, and so reach the main queue when they must."""
        for key in keys:
            self.put(key)
            self.memory.get(key)

    def lasts(self, times: int) -> int:
        """How many newcomers who are asked for again push out a page of the main
        queue that was asked for so often while it was there."""
        self.setUp()
        self.promote("/page")
        self.put("/stranger")
        # the page is the first to reach the main queue, and the stranger makes room
        self.promote(*(f"/other/{number}" for number in range(19)))
        for _ in range(times):
            self.memory.get("/page")
        for count in range(200):
            if self.memory.peek("/page") is None:
                return count
            self.promote(f"/more/{count}")
        return 200

    def test_in_the_main_queue_it_is_spared_once_for_each_time_up_to_three(
        self,
    ) -> None:
        # eighteen newcomers go by between two looks at the same page
        found = [self.lasts(times) for times in (0, 1, 2, 3, 4, 1000)]
        self.assertEqual(found, [1, 19, 37, 55, 55, 55])

    def newcomers(self, most_bytes: int, most_entries: int) -> int:
        """How many are left of those nobody has asked for, beside pages that fill the
        rest of the store."""
        self.memory = MemoryStore(most_bytes, most_entries)
        self.promote(*(f"/hot/{number:02}" for number in range(60)))
        for number in range(60):
            self.memory.get(f"/hot/{number:02}")
        self.put(*(f"/new/{number:02}" for number in range(60)))
        return sum(each.key.startswith("/new/") for each in self.memory)

    def test_a_tenth_of_the_places_is_the_newcomers(self) -> None:
        for most, share in ((19, 1), (20, 2), (21, 2), (29, 2), (30, 3)):
            self.assertEqual(self.newcomers(100 * MB, most), share, most)

    def test_a_tenth_of_the_bytes_is_the_newcomers(self) -> None:
        one = size_of(replace(_ONCE, key="/new/00"))
        # a hot page takes as much: the length of the key is the same
        for most, share in ((19 * one, 1), (20 * one - 10, 1), (20 * one, 2)):
            self.assertEqual(self.newcomers(most, 10_000), share, most)

    def is_known(self, strangers: int, pages: int) -> bool:
        """Whether a page that left is known when it comes back after so many
        strangers: then it passes by the queue of the newcomers."""
        self.memory = MemoryStore(100 * MB, pages + pages // 9)
        self.promote(*(f"/hot/{number}" for number in range(pages)))
        self.put(*(f"/first/{number}" for number in range(2 * pages)))
        self.put("/page", *(f"/next/{number}" for number in range(pages // 9)))
        self.assertIsNone(self.memory.peek("/page"))
        self.put(*(f"/once/{number}" for number in range(strangers)))
        self.put("/page", *(f"/flood/{number}" for number in range(pages // 4)))
        return self.memory.peek("/page") is not None

    def test_who_left_is_known_when_he_comes_back(self) -> None:
        for pages, known in ((18, 100), (180, 180)):
            for strangers in (0, 1, known - 1, known):
                remembered = strangers < known
                found = self.is_known(strangers, pages)
                self.assertEqual(found, remembered, (pages, strangers))

    def test_one_that_is_renewed_in_the_main_queue_stays_there(self) -> None:
        self.promote("/page")
        self.put(*(f"/stranger/{number}" for number in range(20)))
        self.put("/page")
        self.put(*(f"/once/{number}" for number in range(100)))
        self.assertIsNotNone(self.memory.peek("/page"))

    def test_one_that_is_renewed_has_been_asked_for_as_often(self) -> None:
        self.promote("/page")
        self.put("/page")
        self.put(*(f"/once/{number}" for number in range(100)))
        self.assertIsNotNone(self.memory.peek("/page"))

    def test_the_books_are_right_after_every_kind_of_put(self) -> None:
        one = size_of(replace(_ONCE, key="/p"))
        self.memory.put("/large", sized("/large", 100 * MB))
        self.assertEqual((self.memory.bytes, len(self.memory)), (0, 0))
        for _ in range(3):
            self.put("/p")
            self.assertEqual((self.memory.bytes, len(self.memory)), (one, 1))
        self.memory.get("/p")
        self.put(*(f"/stranger/{number}" for number in range(20)))
        before = self.memory.bytes
        for _ in range(3):
            self.put("/p")  # now in the main queue
            self.assertEqual((self.memory.bytes, len(self.memory)), (before, 20))

    def test_renewed_and_purged_pages_take_nothing_of_the_newcomers_share(
        self,
    ) -> None:
        one = size_of(replace(_ONCE, key="/new/00"))
        large = sized("/too/large", 20 * one)
        for renewed, purged in ((50, 0), (0, 50), (50, 50)):
            self.memory = MemoryStore(20 * one, 10_000)
            self.promote(*(f"/hot/{number:02}" for number in range(60)))
            for number in range(60):
                self.memory.get(f"/hot/{number:02}")
            for _ in range(renewed):
                for each in list(self.memory):
                    self.put(each.key)
            for _ in range(2 * one):
                self.memory.put("/too/large", large)
            for number in range(purged):
                self.put(f"/new/{number:02}")
                self.memory.purge(lambda each: each.key.startswith("/new/"))
            self.put(*(f"/new/{number:02}" for number in range(60)))
            kept = [each.key for each in self.memory]
            count = sum(key.startswith("/new/") for key in kept)
            self.assertEqual(count, 2, (renewed, purged))

    def test_what_is_filled_from_the_disk_keeps_to_the_bounds(self) -> None:
        put: list[StoredResponse] = []
        self.memory.subscribe(put=put.append)
        for number in range(22):
            self.memory.fill(f"/{number}", replace(_ONCE, key=f"/{number}"))
        self.assertEqual((len(self.memory), self.told, put), (20, ["/0", "/1"], []))

    def test_what_leaves_the_main_queue_is_told_as_well(self) -> None:
        self.promote(*(f"/{number}" for number in range(20)))
        self.put("/20", "/21", "/22")
        self.promote("/23", "/24", "/25")
        self.put("/26", "/27")
        kept = {each.key for each in self.memory}
        every = {f"/{number}" for number in range(28)}
        self.assertEqual(sorted(self.told), sorted(every - kept))

    def test_a_newcomer_that_nobody_asks_for_leaves_and_listeners_are_told(
        self,
    ) -> None:
        self.put(*(f"/{number}" for number in range(22)))
        self.assertEqual(self.told, ["/0", "/1"])

    def test_looking_is_not_asking(self) -> None:
        self.put(*(f"/{number}" for number in range(20)))
        self.assertIsNotNone(self.memory.peek("/0"))
        self.assertIsNone(self.memory.peek("/none"))
        self.put("/20")
        self.assertIsNone(self.memory.peek("/0"))


_ONCE = sized("/once", 1000)


def sized_once(number: int) -> StoredResponse:
    """Like `sized`, and cheap: the flood shares one response."""
    return _ONCE


class RealMemory(SynchronousTestCase):
    """What the books say is what it takes: the cap and ten per cent."""

    def filled(self, size: int, count: int, most_bytes: int) -> MemoryStore:
        memory = MemoryStore(most_bytes, 10**6)
        dice = random.Random(7)
        for number in range(count):
            key = f"/movie/{number}?language=de-DE&append_to_response=credits"
            text = dice.randbytes(size // 2).hex()
            one = response(
                key,
                {"id": number, "x": text},
                content_type="".join(["application/json;", "charset=utf-8"]),
                cache_control="".join(["max-age=", str(3600 + number)]),
            )
            memory.put(one.key, one)
        return memory

    def assert_honest(self, size: int, count: int, most_bytes: int = 10**9) -> None:
        memory, taken = traced(lambda: self.filled(size, count, most_bytes))
        self.assertLess(taken, memory.bytes * 1.1, f"{len(memory)} of {size} bytes")

    def test_many_small_responses(self) -> None:
        self.assert_honest(40, 3000)

    def test_list_pages(self) -> None:
        self.assert_honest(13_000, 300)

    def test_a_store_that_overflows_many_times(self) -> None:
        memory, taken = traced(lambda: self.filled(400, 6000, 2 * MB))
        self.assertGreater(memory.bytes, 1.8 * MB)
        self.assertLess(taken, 2 * MB * 1.1)

    def test_the_overhead_is_as_measured_and_not_invented(self) -> None:
        memory, taken = traced(lambda: self.filled(0, 3000, 10**9))
        bodies = memory.bytes - OVERHEAD * len(memory)
        overhead = (taken - bodies) / len(memory)
        self.assertLess(overhead, OVERHEAD * 1.1)
        self.assertGreater(overhead, OVERHEAD * 0.5)

    def test_long_search_texts_count_as_well(self) -> None:
        def filled() -> MemoryStore:
            memory = MemoryStore(10**9, 10**6)
            for number in range(500):
                key = f"/search/movie?query={number:0900}"
                one = response(key, json.loads('{"page": 1}'))
                memory.put(one.key, one)
            return memory

        memory, taken = traced(filled)
        self.assertLess(taken, memory.bytes * 1.1)
