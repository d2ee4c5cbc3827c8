"""How much of a disk pictures may take."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.store.pictures import space
from streamr.store.pictures.space import MB, DiskSpace, Room, reserve, usual_bytes
from tests.store.pictures.support import FULL


class RealDisk(SynchronousTestCase):
    """What the system says of the disk under this test."""

    def setUp(self) -> None:
        self.place = Path(self.mktemp())
        self.place.mkdir()

    def test_it_has_what_its_user_may_take_of_it(self) -> None:
        found, disk = space.room(self.place), os.statvfs(self.place)
        self.assertEqual(disk.f_blocks * disk.f_frsize, found.total)
        # others write to it meanwhile: of the order, and less than root may take
        self.assertLessEqual(found.free, found.total)
        self.assertGreater(found.free, 0)

    def test_a_folder_that_is_not_there_yet_is_on_the_disk_of_its_parents(self) -> None:
        found = space.room(self.place / "not" / "yet")
        self.assertEqual(space.room(self.place).total, found.total)

    def test_a_file_in_the_path_is_an_error(self) -> None:
        (self.place / "file").touch()
        self.assertRaises(OSError, space.room, self.place / "file" / "x")

    def test_by_default_a_tenth_of_what_is_free_and_a_gigabyte_at_most(self) -> None:
        self.assertLessEqual(usual_bytes(self.place), 1024 * MB)
        for free, usual in (
            (0, 0),
            (1000 * MB, 100 * MB),
            (10_240 * MB, 1024 * MB),
            (10_250 * MB, 1024 * MB),
        ):
            self.assertEqual(usual, space.usual_of(Room(free, 10**12)))


class Reserve(SynchronousTestCase):
    def test_it_is_a_quarter_of_a_gigabyte_or_a_twentieth_of_a_small_disk(self) -> None:
        self.assertEqual(256 * MB, reserve(10**12))
        self.assertEqual(256 * MB, reserve(20 * 256 * MB))
        self.assertEqual(50 * MB, reserve(1000 * MB))


class Asking(SynchronousTestCase):
    """The disk is asked before a download, and after so many bytes of them."""

    def setUp(self) -> None:
        self.free = 1000 * MB
        self.looks = 0
        self.clock = Clock()
        self.space = DiskSpace(self.look, self.clock)

    def look(self) -> Room:
        self.looks += 1
        return Room(self.free, 10_000 * MB)

    def test_small_writes_ask_it_once_in_a_while(self) -> None:
        self.assertTrue(self.space.takes(0))
        for _ in range(1024):
            self.assertTrue(self.space.grows(16 * 1024))
        self.assertEqual(1 + 4, self.looks)

    def test_what_is_begun_counts_as_if_it_were_there(self) -> None:
        self.assertTrue(self.space.takes(744 * MB))
        self.assertFalse(self.space.takes(744 * MB + 1))

    def test_one_that_ends_well_after_an_error_of_another_changes_nothing(self) -> None:
        self.space.failed(FULL)
        self.space.worked()
        self.assertFalse(self.space.takes(0))
        self.assertEqual("No space left on device", self.space.trouble)

    def test_while_it_is_in_trouble_more_has_to_be_free(self) -> None:
        self.space.failed(FULL)
        self.clock.advance(space.TRY_AGAIN)
        self.free = 257 * MB
        self.assertFalse(self.space.takes(0))
        self.free = 282 * MB
        self.assertTrue(self.space.takes(0))
        self.space.worked()
        self.free = 257 * MB
        self.assertTrue(self.space.takes(0))
