"""The index of stored pictures, from one thread or several."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from streamr.store.pictures.folder import FoundFile
from streamr.store.pictures.index import BLOCK, MOST_PICTURES, PictureIndex, taken


def name(number: int) -> bytes:
    return number.to_bytes(32)


class Index(SynchronousTestCase):
    def setUp(self) -> None:
        self.removed: list[bytes] = []
        self.index = PictureIndex(100 * BLOCK, self.removed.append)

    def test_a_file_takes_whole_blocks(self) -> None:
        for size, blocks in ((0, 0), (1, 1), (BLOCK, 1), (BLOCK + 1, 2)):
            self.assertEqual(blocks * BLOCK, taken(size))

    def test_what_has_to_leave_is_removed(self) -> None:
        for number in range(101):
            self.index.add(name(number), 1, right=True)
        self.assertEqual([name(0)], self.removed)
        self.assertEqual((100, 100 * BLOCK), (len(self.index), self.index.total))

    def test_what_is_known_already_is_not_found_again(self) -> None:
        self.index.add(name(1), 1, right=True)
        self.index.find([FoundFile(name(1), 2 * BLOCK, 0.0)])
        self.assertEqual(BLOCK, self.index.total)
        self.assertTrue(self.index.ask(name(1), 1))

    def test_nobody_knows_whether_what_was_found_is_right(
        self,
    ) -> None:
        self.index.find([FoundFile(name(1), 1, 0.0)])
        self.assertFalse(self.index.ask(name(1), 1))
        self.assertFalse(self.index.ask(name(2), 1))
        self.assertEqual(2, len(self.index))
        self.index.mark_right(name(1))
        self.assertTrue(self.index.ask(name(1), 1))

    def test_marking_what_has_left_does_not_bring_it_back(self) -> None:
        self.index.mark_right(name(1))
        self.assertEqual(0, len(self.index))

    def test_there_are_so_many_however_small(self) -> None:
        index = PictureIndex(10**15, self.removed.append)
        for number in range(MOST_PICTURES + 7):
            index.add(name(number), 1, right=True)
        self.assertEqual((MOST_PICTURES, 7), (len(index), len(self.removed)))

    def test_several_threads_keep_its_books(self) -> None:
        def churn(first: int) -> None:
            for number in range(first, first + 3000):
                self.index.add(name(number % 500), number % 9 * BLOCK, right=True)
                self.index.ask(name(number % 311), BLOCK)
                self.index.forget(name(number % 97))
                self.index.next_name()

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(churn, range(0, 400, 100)))
        self.assertLessEqual(self.index.total, 100 * BLOCK)
        names = {self.index.next_name() for _ in range(2 * len(self.index))}
        for each in names - {None}:
            assert each is not None
            self.index.forget(each)
        self.assertEqual((0, 0), (len(self.index), self.index.total))
