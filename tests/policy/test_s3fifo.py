"""Who leaves a full cache, and who does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.s3fifo import LEAST_GHOSTS, MOST_SPARED, SMALL_SHARE, Queues
from tests.properties import examples

keys = st.integers(0, 30)


class Books(RuleBasedStateMachine):
    """A model beside it: what is there, how large it is, and who has left."""

    MOST_BYTES, MOST_ENTRIES = 1000, 12

    def __init__(self) -> None:
        super().__init__()
        self.queues: Queues[int, int] = Queues(self.MOST_BYTES, self.MOST_ENTRIES)
        self.kept: dict[int, tuple[int, int]] = {}
        self.count = 0

    def left(self, keys: list[int]) -> None:
        """Those that had to leave, and each of them once."""
        assert len(keys) == len(set(keys))
        for key in keys:
            del self.kept[key]

    @rule(key=keys, size=st.integers(0, 1100), proven=st.booleans())
    def put(self, key: int, size: int, proven: bool) -> None:
        self.count += 1
        self.kept[key] = self.count, size
        self.left(self.queues.put(key, self.count, size, proven=proven))

    @rule(key=keys, size=st.integers(0, 60))
    def put_small(self, key: int, size: int) -> None:
        self.put(key, size, False)

    @rule(key=keys, times=st.integers(1, 5))
    def ask(self, key: int, times: int) -> None:
        for _ in range(times):
            value = self.queues.ask(key)
            assert value == self.kept.get(key, (None, 0))[0]
            assert self.queues.peek(key) == value

    @rule(key=keys, more=st.integers(0, 400))
    def grow(self, key: int, more: int) -> None:
        if key in self.kept:
            value, size = self.kept[key]
            self.kept[key] = value, size + more
        self.left(self.queues.grow(key, more))

    @rule(key=keys, size=st.integers(0, 400))
    def change(self, key: int, size: int) -> None:
        self.count += 1
        if key in self.kept:
            self.kept[key] = self.count, size
        self.left(self.queues.change(key, self.count, size))

    @rule(key=keys)
    def drop(self, key: int) -> None:
        value, _ = self.kept.pop(key, (None, 0))
        assert self.queues.drop(key) == value

    @invariant()
    def nobody_is_there_or_gone_without_a_word(self) -> None:
        found = {key: value for key, (value, _) in self.kept.items()}
        assert sorted(self.queues) == sorted(found.items())
        assert len(self.queues) == len(found) <= self.MOST_ENTRIES

    @invariant()
    def the_limit_holds(self) -> None:
        total = sum(size for _, size in self.kept.values())
        assert self.queues.bytes == total <= self.MOST_BYTES


class Bounded(SynchronousTestCase):
    def test_no_sequence_breaks_a_limit_or_the_books(self) -> None:
        run_state_machine_as_test(Books, settings=examples(80, stateful_step_count=50))

    def test_one_that_is_larger_than_everything_leaves_at_once_and_alone(self) -> None:
        queues: Queues[str, str] = Queues(100, 10)
        queues.put("small", "", 10)
        self.assertEqual(["large"], queues.put("large", "", 101))
        self.assertEqual([("small", "")], list(queues))

    def test_one_of_exactly_the_limit_fits(self) -> None:
        queues: Queues[str, str] = Queues(100, 10)
        self.assertEqual([], queues.put("all", "", 100))


class Flooded(SynchronousTestCase):
    """What is asked for once displaces nothing that was asked for again."""

    @examples(60)
    @given(
        st.lists(st.integers(1, 300), min_size=1, max_size=12),
        st.lists(st.integers(1, 300), min_size=30, max_size=120),
    )
    def test_any_flood_leaves_what_was_asked_for_again(
        self, hot: list[int], flood: list[int]
    ) -> None:
        # up to nine tenths of the limit is theirs, however large the others are
        limit = max(int(sum(hot) / (1 - SMALL_SHARE)) + 1, 310)
        queues: Queues[int, None] = Queues(limit, 10_000)
        for number, size in enumerate(hot):
            queues.put(-number - 1, None, size)
            queues.ask(-number - 1)
        left = [
            key
            for number, size in enumerate(flood)
            for key in queues.put(number, None, size)
        ]
        self.assertEqual([], [key for key in left if key < 0])

    def test_what_is_proven_withstands_it_from_the_start(self) -> None:
        queues: Queues[int, None] = Queues(1000, 1000)
        queues.put(-1, None, 900, proven=True)
        left = [key for each in range(500) for key in queues.put(each, None, 50)]
        self.assertNotIn(-1, left)
        self.assertEqual(498, len(left))

    def test_newcomers_leave_in_the_order_in_which_they_came(self) -> None:
        queues: Queues[int, None] = Queues(100, 1000)
        left = [key for each in range(30) for key in queues.put(each, None, 10)]
        self.assertEqual(list(range(20)), left)

    def test_one_is_spared_as_often_as_it_was_asked_for_and_thrice_at_most(
        self,
    ) -> None:
        for asked in range(MOST_SPARED + 3):
            queues: Queues[int, None] = Queues(100, 1000)
            queues.put(-1, None, 10, proven=True)
            for _ in range(asked):
                queues.ask(-1)
            # each of them would need all the room
            rounds = range(10)
            left = [queues.put(each, None, 100, proven=True) for each in rounds]
            spared = next(each for each in rounds if -1 in left[each])
            self.assertEqual(min(asked, 3), spared)


class Shares(SynchronousTestCase):
    """The newcomers' queue is a tenth of the whole, and its bytes are exact."""

    def setUp(self) -> None:
        self.queues: Queues[int, None] = Queues(1000, 1000)
        self.queues.put(-1, None, 450, proven=True)
        self.queues.put(-2, None, 450, proven=True)

    def put(self, *sizes: int) -> list[int]:
        """Newcomers of these sizes, numbered on; who left for them."""
        first = len(self.queues)
        return [
            key
            for number, size in enumerate(sizes, first)
            for key in self.queues.put(number, None, size)
        ]

    def test_within_their_share_they_displace_the_oldest_of_the_others(self) -> None:
        self.queues.put(-3, None, 1, proven=True)
        self.assertEqual([-1], self.put(100))

    def test_beyond_their_share_they_displace_each_other(self) -> None:
        self.assertEqual([2], self.put(50, 50, 1))

    def test_one_that_is_dropped_takes_nothing_of_their_share(self) -> None:
        self.put(100)
        self.queues.drop(2)
        self.queues.drop(-2)
        self.queues.put(-2, None, 451, proven=True)
        # of the newcomers none is over its share: the oldest of the others leaves
        self.assertEqual([-1], self.queues.put(7, None, 100))

    def test_one_of_the_others_that_is_dropped_takes_nothing_of_it_either(self) -> None:
        self.put(100)
        self.queues.drop(-1)
        self.queues.put(-3, None, 450, proven=True)
        self.assertEqual([2], self.queues.put(7, None, 1))

    def test_one_that_grows_takes_more_of_it(self) -> None:
        self.put(50, 50)
        self.assertEqual([2], self.queues.grow(3, 1))

    def test_one_of_the_others_that_grows_takes_none_of_it(self) -> None:
        self.put(100)
        self.assertEqual([-1], self.queues.grow(-2, 1))

    def test_one_that_is_put_anew_keeps_its_queue_and_how_often_it_was_asked_for(
        self,
    ) -> None:
        self.queues.put(-1, None, 450)
        self.assertEqual([0], self.queues.put(0, None, 101))
        self.queues.put(5, None, 50)
        self.queues.ask(5)
        self.queues.put(5, None, 50)
        # it is promoted in place of leaving, and the oldest of the others leaves for it
        self.assertEqual([-2], self.put(51))


class Ghosts(SynchronousTestCase):
    """Who has left is remembered for a while: whoever returns is no newcomer."""

    def returned(self, others: int) -> bool:
        """Whether one that left, and came back after so many others had left, stays
        when a flood follows."""
        queues: Queues[int, None] = Queues(100, 1000)
        for each in range(-1, 10 + others):
            queues.put(each, None, 10)
        queues.put(-1, None, 10)
        return all(-1 not in queues.put(each, None, 10) for each in range(1000, 1030))

    def test_one_that_returns_soon_stays(self) -> None:
        self.assertTrue(self.returned(0))
        self.assertTrue(self.returned(LEAST_GHOSTS - 1))

    def test_one_that_returns_late_is_a_newcomer_again(self) -> None:
        self.assertFalse(self.returned(LEAST_GHOSTS))
        self.assertFalse(self.returned(10 * LEAST_GHOSTS))

    def test_as_many_are_remembered_as_the_main_queue_is_long(self) -> None:
        for others, stays in ((299, True), (300, False)):
            queues: Queues[int, None] = Queues(1_000_000, 334)
            for each in range(-300, 0):
                queues.put(each, None, 1, proven=True)
            for each in range(35 + others):
                queues.put(each, None, 1)
            queues.put(0, None, 1)
            left = [
                key for each in range(2000, 2100) for key in queues.put(each, None, 1)
            ]
            self.assertEqual(stays, 0 not in left, others)
