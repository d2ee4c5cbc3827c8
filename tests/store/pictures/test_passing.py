"""Pictures that are passed on: they are read while they come, and leave nothing."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import PictureHead
from streamr.store.pictures.passing import MOST_OF_ONE, PassingPictures

HEAD = PictureHead("/t/p/w92/a.jpg", "image/jpeg", '"v1"', 6, 1e9)


class Passing(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()) / "pictures"
        self.store = PassingPictures(self.folder, Clock())

    @property
    def left(self) -> list[Path]:
        return [each for each in self.folder.rglob("*") if each.is_file()]

    def test_it_is_read_until_its_last_reader_has_it(self) -> None:
        new = self.store.begin(HEAD)
        assert new is not None
        self.assertTrue(new.write(b"abc"))
        self.assertEqual(new.read(1, 9), b"bc")
        self.assertTrue(new.write(b"def"))
        self.assertIsNone(new.finish())
        self.assertEqual(self.left, [])
        self.assertEqual(new.read(2, 9), b"cdef")
        new.close()

    def test_nothing_of_it_is_found_afterwards(self) -> None:
        new = self.store.begin(HEAD)
        assert new is not None
        new.write(b"abcdef")
        new.finish()
        self.assertIsNone(self.store.find(HEAD.key))
        self.assertEqual((len(self.store), self.store.stats().pictures), (0, 0))
        self.assertEqual((self.store.purge(), self.store.scrub(1e9)), (0, 0))

    def test_one_that_is_cut_leaves_nothing_either(self) -> None:
        new = self.store.begin(HEAD)
        assert new is not None
        new.write(b"abc")
        self.assertEqual(len(self.left), 1)
        new.close()
        self.assertEqual(self.left, [])

    def test_one_that_is_too_large_is_not_taken(self) -> None:
        new = self.store.begin(HEAD)
        assert new is not None
        self.assertFalse(new.write(bytes(MOST_OF_ONE + 1)))
        new.close()

    def test_what_a_killed_process_has_left_is_removed(self) -> None:
        (self.folder / "tmp").mkdir(parents=True)
        (self.folder / "tmp" / "left").write_bytes(b"abc")
        self.store.load()
        self.assertEqual(self.left, [])

    def test_a_folder_that_cannot_be_made_costs_the_file_alone(self) -> None:
        self.folder.parent.mkdir(parents=True)
        self.folder.write_bytes(b"")
        self.assertIsNone(self.store.begin(HEAD))
        self.store.load()
        self.assertNotEqual(self.store.stats().trouble, "")
