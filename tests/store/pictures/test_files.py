"""The cache of pictures: what was whole comes back, what is not is never handed out."""

from __future__ import annotations

import errno
import math
import os
import random
import stat
from pathlib import Path

from twisted.logger import LogEvent, eventAsText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from streamr.interfaces import PictureFiles
from streamr.policy.freshness import DAY, MOST_KEPT
from streamr.policy.s3fifo import SMALL_SHARE
from streamr.store.pictures import head as heads
from streamr.store.pictures.files import PictureStore
from streamr.store.pictures.index import BLOCK
from streamr.store.pictures.space import LOOK_EVERY, MB, RESERVE, TRY_AGAIN
from tests.contracts import pictures as contract
from tests.contracts.pictures import PictureFilesContract
from tests.store.pictures.support import FULL, KEY, NOW, World, error, head, read


def open_files() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


class PictureCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(Path(self.mktemp()))
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def said(self) -> list[str]:
        """The lines of the log that are about pictures."""
        texts = [
            eventAsText(each, includeTimestamp=False, includeSystem=False)
            for each in self.events
        ]
        return [each for each in texts if "icture" in each]


class Contract(PictureFilesContract, SynchronousTestCase):
    """What whoever keeps pictures keeps to."""

    def make(self, most: int = 1 << 20) -> PictureStore:
        size = math.ceil((most + heads.SIZE) / SMALL_SHARE)
        # its pictures are of another time
        world = World(Path(self.mktemp()), size, now=contract.NOW)
        self.folder = world.folder
        return world.store

    def fill(self, _files: PictureFiles) -> None:
        self.folder.errors["write"] = FULL


class Keeping(PictureCase):
    """What was whole comes back."""

    def test_a_picture_that_was_not_put_is_not_there(self) -> None:
        self.world.put()
        self.assertIsNone(self.world.get("/t/p/w342/other.jpg"))

    def test_a_picture_comes_back_with_its_head(self) -> None:
        self.assertTrue(self.world.put(body=b"1234567890", length=10))
        found = self.world.store.find(KEY)
        assert found is not None
        self.addCleanup(found.close)
        self.assertEqual(head(length=10), found.head)
        self.assertEqual(b"1234567890", read(found))

    def test_a_length_that_nobody_announced_is_in_the_head_afterwards(self) -> None:
        self.world.put(body=b"12345")
        found = self.world.store.find(KEY)
        assert found is not None
        self.addCleanup(found.close)
        self.assertEqual(5, found.head.length)

    def test_one_of_another_length_than_was_announced_is_not_kept(self) -> None:
        for length in (0, 6, 8):
            self.assertFalse(self.world.put(body=b"picture", length=length), length)
        self.assertEqual([], self.world.files())

    def test_one_without_a_byte_is_not_kept(self) -> None:
        self.assertFalse(self.world.put(body=b""))
        self.assertFalse(self.world.put(body=b"", length=0))
        self.assertIsNone(self.world.get())

    def test_one_that_is_abandoned_or_only_closed_is_not_kept(self) -> None:
        for ends in ("abandon", "close"):
            new = self.world.store.begin(head())
            assert new is not None
            self.addCleanup(new.close)
            new.write(b"half")
            getattr(new, ends)()
            self.assertEqual([], self.world.files(), ends)
            self.assertIsNone(new.finish(), ends)
            self.assertFalse(new.write(b"more"), ends)

    def test_readers_follow_a_download_and_read_on_when_it_is_kept(self) -> None:
        new = self.world.store.begin(head())
        assert new is not None
        self.addCleanup(new.close)
        self.assertEqual(b"", new.read(0, 10))
        new.write(b"12345")
        self.assertEqual(b"45", new.read(3, 10))
        self.assertEqual(b"", new.read(5, 10))
        new.write(b"678")
        whole = new.finish()
        assert whole is not None
        self.addCleanup(whole.close)
        self.assertEqual((b"5678", 8), (new.read(4, 10), new.size))
        new.close()
        self.assertEqual(b"12345678", read(whole))

    def test_a_new_process_finds_it_before_it_has_looked_and_after(self) -> None:
        self.world.put(body=b"one")
        self.world.again()
        self.assertEqual(b"one", self.world.get())
        self.world.loaded()
        self.assertEqual(b"one", self.world.get())

    def test_a_new_process_knows_how_much_there_is(self) -> None:
        for number in range(20):
            self.world.put(f"/t/p/w92/{number}.jpg", bytes(number * 700 + 1))
        before = self.world.store.bytes
        self.world.loaded()
        self.assertEqual((20, before), (len(self.world.store), self.world.store.bytes))

    def test_the_later_of_two_downloads_of_one_picture_stays(self) -> None:
        self.world.put(body=b"one")
        self.world.put(body=b"another")
        self.assertEqual(b"another", self.world.get())
        self.assertEqual((1, BLOCK), (len(self.world.store), self.world.store.bytes))

    def test_what_another_process_has_stored_is_found_and_counted(self) -> None:
        other = World(self.world.path)
        other.put(body=b"theirs")
        self.assertEqual(b"theirs", self.world.get())
        self.assertEqual(1, len(self.world.store))

    def test_what_another_process_has_removed_is_not_missed(self) -> None:
        self.world.put()
        self.world.file().unlink()
        self.assertIsNone(self.world.get())
        self.assertEqual((0, 0), (len(self.world.store), self.world.store.bytes))

    def test_only_its_owner_may_look_at_it(self) -> None:
        new = self.world.store.begin(head("/t/p/w92/other.jpg"))
        assert new is not None
        self.addCleanup(new.close)
        self.world.put()
        for each in [self.world.path, *self.world.path.rglob("*")]:
            mode = stat.S_IMODE(each.stat().st_mode)
            self.assertEqual(0o700 if each.is_dir() else 0o600, mode, each)

    def test_without_a_limit_above_nothing_none_is_kept_or_touched(self) -> None:
        self.world.put()
        self.world.again(0)
        self.assertFalse(self.world.put("/t/p/w92/other.jpg"))
        self.assertIsNone(self.world.get())
        self.assertTrue(self.world.file().exists())


class Reading(PictureCase):
    """One open picture, whatever happens to its file."""

    def test_one_that_leaves_is_read_to_its_end(self) -> None:
        self.world.put(body=b"1234567890")
        found = self.world.store.find(KEY)
        assert found is not None
        self.assertEqual(b"123", found.read(0, 3))
        self.assertEqual(1, self.world.store.purge())
        self.assertEqual(b"4567890", found.read(3, 100))
        self.assertEqual(b"", found.read(10, 100))
        found.close()
        found.close()

    def test_a_closed_one_is_read_no_more_and_stays_in_the_cache(self) -> None:
        self.world.put()
        found = self.world.store.find(KEY)
        assert found is not None
        found.close()
        self.assertRaises(OSError, found.read, 0, 10)
        self.assertIsNotNone(self.world.get())

    def test_one_that_becomes_shorter_has_no_end(self) -> None:
        self.world.put(body=b"1234567890")
        found = self.world.store.find(KEY)
        assert found is not None
        self.addCleanup(found.close)
        os.truncate(self.world.file(), heads.SIZE + 5)
        self.assertEqual(b"12345", found.read(0, 100))
        self.assertRaises(OSError, found.read, 5, 100)
        self.assertRaises(OSError, found.read, 0, 1)
        self.assertIsNone(self.world.get())
        self.assertEqual(1, self.world.store.stats().damaged)

    def test_any_part_of_it_can_be_read(self) -> None:
        self.world.put(body=b"1234567890")
        found = self.world.store.find(KEY)
        assert found is not None
        self.addCleanup(found.close)
        self.assertEqual(b"789", found.read(6, 3))
        self.assertEqual(b"34", found.read(2, 2))
        self.assertEqual(b"", found.read(11, 2))


class Torn(PictureCase):
    """A file that is not what was written is never served, and goes."""

    def setUp(self) -> None:
        super().setUp()
        self.world.put(body=b"1234567890")

    def gone(self) -> None:
        """It is not served, and is no longer there."""
        self.assertIsNone(self.world.get())
        self.assertFalse(self.world.file().exists())
        self.assertEqual(1, self.world.store.stats().damaged)
        self.assertEqual(0, len(self.world.store))
        self.assertIn("1 (", self.said()[-1])

    def test_one_that_is_shorter_or_longer_than_its_head_says(self) -> None:
        for size in (0, 100, heads.SIZE, heads.SIZE + 9, heads.SIZE + 11):
            self.setUp()
            os.truncate(self.world.file(), size)
            self.world.loaded()
            self.gone()

    def test_one_with_a_garbled_head(self) -> None:
        for junk in (b"\0" * heads.SIZE, b"[" * heads.SIZE, b'"' * 9, b"\xff{}"):
            self.setUp()
            self.world.change(0, junk)
            self.gone()

    def test_one_under_the_name_of_another(self) -> None:
        self.world.put("/t/p/w342/other.jpg", b"other")
        self.world.file("/t/p/w342/other.jpg").replace(self.world.file())
        self.assertIsNone(self.world.get("/t/p/w342/other.jpg"))
        self.gone()

    def test_one_with_a_wrong_bit_is_never_read_to_its_end_after_a_start(self) -> None:
        self.world.change(heads.SIZE + 4, b"X")
        self.world.loaded()
        found = self.world.store.find(KEY)
        assert found is not None
        self.addCleanup(found.close)
        self.assertEqual(b"1234X6789", found.read(0, 9))
        self.assertRaises(OSError, found.read, 9, 1)
        self.assertRaises(OSError, found.read, 9, 1)
        self.gone()

    def test_one_that_was_read_once_is_believed_by_those_who_come_later(self) -> None:
        self.world.loaded()
        self.world.get()
        # what a disk does later is the scrubber's to find
        self.world.change(heads.SIZE + 4, b"X")
        self.assertEqual(b"1234X67890", self.world.get())

    def test_a_link_is_not_followed(self) -> None:
        place = self.world.path / "elsewhere"
        self.world.file().rename(place)
        self.world.file().symlink_to(place.resolve())
        self.world.loaded()
        self.assertIsNone(self.world.get())
        self.assertTrue(place.exists())

    def test_a_pipe_under_its_name_stops_nobody(self) -> None:
        self.world.file().unlink()
        os.mkfifo(self.world.file())
        self.world.loaded()
        self.assertIsNone(self.world.get())

    def test_many_make_one_line_a_minute(self) -> None:
        keys = [f"/t/p/w92/{number}.jpg" for number in range(5)]
        for key in keys:
            self.world.put(key)
            self.world.change(0, b"\0", key)
        for key in keys[:4]:
            self.world.get(key)
        self.assertEqual(1, len(self.said()))
        self.world.clock.advance(60.0)
        self.world.get(keys[4])
        self.assertIn(" 4 (", self.said()[1])
        self.assertEqual("picture-damaged", self.events[-1]["code"])

    def test_too_many_open_files_say_nothing_of_a_picture(self) -> None:
        self.world.folder.errors["open"] = error(errno.EMFILE)
        self.assertIsNone(self.world.get())
        self.world.folder.errors.clear()
        self.assertEqual(b"1234567890", self.world.get())
        self.assertEqual(1, len(self.world.store))


class Ages(PictureCase):
    """Nothing is served beyond the outer bound."""

    def test_one_of_the_outer_bound_is_not_served_and_goes(self) -> None:
        self.world.put()
        self.world.now = NOW + MOST_KEPT - 1
        self.assertIsNotNone(self.world.get())
        self.world.now = NOW + MOST_KEPT
        self.assertIsNone(self.world.get())
        self.assertEqual([], self.world.files())
        self.assertEqual(1, self.world.store.stats().expired)
        self.assertEqual(0, self.world.store.stats().damaged)

    def test_a_start_drops_what_is_too_old_without_a_look_into_it(self) -> None:
        self.world.put()
        self.world.put("/t/p/w342/young.jpg", made_at=NOW + 60)
        self.world.now = NOW + MOST_KEPT
        self.world.folder.errors["open"] = error(errno.EMFILE)
        self.world.loaded()
        self.assertEqual([self.world.file("/t/p/w342/young.jpg")], self.world.files())

    def test_the_head_counts_where_a_copy_has_made_the_file_younger(self) -> None:
        self.world.put()
        os.utime(self.world.file(), (NOW + 100 * DAY, NOW + 100 * DAY))
        self.world.now = NOW + MOST_KEPT
        self.world.loaded()
        self.assertIsNone(self.world.get())

    def test_one_that_came_too_old_is_not_even_begun(self) -> None:
        self.assertFalse(self.world.put(made_at=NOW - MOST_KEPT))
        self.assertFalse(self.world.put(made_at=-1e15))

    def test_one_of_a_clock_that_was_far_ahead_is_not_immortal(self) -> None:
        self.world.now = NOW + 1000 * DAY
        self.world.put(made_at=self.world.now)
        self.world.now = NOW
        self.assertIsNone(self.world.get())

    def test_a_clock_that_is_set_back_a_little_costs_nothing(self) -> None:
        self.world.put()
        self.world.now = NOW - 60
        self.assertIsNotNone(self.world.get())


class Bounds(PictureCase):
    """Never more than `most_bytes`, and a flood leaves what is asked for again."""

    def on_disk(self) -> int:
        return sum(
            -(-each.stat().st_size // BLOCK) * BLOCK for each in self.world.files()
        )

    def test_no_order_of_pictures_breaks_the_limit_or_the_books(self) -> None:
        self.world.again(MB)
        chance = random.Random(7)
        for _ in range(400):
            key = f"/t/p/w92/{chance.randrange(60)}.jpg"
            if self.world.get(key) is None:
                self.world.put(key, bytes(chance.randrange(1, 100_000)))
            self.assertLessEqual(self.world.store.bytes, MB)
            self.assertEqual(self.on_disk(), self.world.store.bytes)
        self.assertGreater(self.world.store.stats().evicted, 0)

    def test_what_was_asked_for_again_outlasts_a_flood(self) -> None:
        self.world.again(MB)
        self.world.put()
        self.world.get()
        for number in range(300):
            self.world.put(f"/t/p/w92/{number}.jpg", bytes(30_000))
        self.assertIsNotNone(self.world.get())

    def test_what_outlasted_a_process_outlasts_a_flood(self) -> None:
        self.world.put()
        self.world.loaded(MB)
        for number in range(300):
            self.world.put(f"/t/p/w92/{number}.jpg", bytes(30_000))
        self.assertIsNotNone(self.world.get())

    def test_a_smaller_limit_holds_after_the_next_start(self) -> None:
        for number in range(100):
            self.world.put(f"/t/p/w92/{number}.jpg", bytes(30_000))
        self.world.loaded(MB)
        self.assertLessEqual(self.on_disk(), MB)
        self.assertGreater(self.on_disk(), MB - 9 * BLOCK)

    def test_one_picture_takes_a_tenth_at_most(self) -> None:
        most = MB - heads.SIZE
        self.assertIsNone(self.world.store.begin(head(length=most + 1)))
        new = self.world.store.begin(head(length=most))
        assert new is not None
        new.close()

    def test_one_of_unknown_length_is_given_up_beyond_it(self) -> None:
        new = self.world.store.begin(head())
        assert new is not None
        self.addCleanup(new.close)
        self.assertTrue(new.write(bytes(MB - heads.SIZE)))
        self.assertFalse(new.write(b"x"))
        self.assertEqual([], self.world.files())
        self.assertEqual([], self.said())


class Purging(PictureCase):
    def test_all_go_also_those_that_nobody_has_found_yet(self) -> None:
        for number in range(5):
            self.world.put(f"/t/p/w92/{number}.jpg")
        self.assertEqual(5, self.world.again().purge())
        self.assertEqual([], self.world.files())

    def test_the_unwanted_go_and_the_others_stay(self) -> None:
        for number in range(6):
            self.world.put(f"/t/p/w92/{number}.jpg")
        self.assertEqual(1, self.world.store.purge(lambda key: "/3." in key))
        self.assertIsNone(self.world.get("/t/p/w92/3.jpg"))
        self.assertIsNotNone(self.world.get("/t/p/w92/4.jpg"))
        self.assertEqual(
            (5, 5 * BLOCK), (len(self.world.store), self.world.store.bytes)
        )

    def test_what_stays_on_the_disk_is_not_counted(self) -> None:
        self.world.put()
        self.world.folder.errors["drop"] = error(errno.EROFS)
        self.assertEqual(0, self.world.store.purge())
        self.assertIn("Read-only", self.world.store.stats().trouble)


class Scrubbing(PictureCase):
    def scrub(self) -> int:
        return self.world.store.scrub(self.world.now)

    def test_there_may_be_nothing_to_look_at(self) -> None:
        self.assertEqual(0, self.scrub())

    def test_each_is_looked_at_once_a_round(self) -> None:
        sizes = [10, 200, 3000]
        for size in sizes:
            self.world.put(f"/t/p/w92/{size}.jpg", bytes(size))
        expected = sorted(size + heads.SIZE for size in sizes)
        for _round in range(2):
            self.assertEqual(expected, sorted(self.scrub() for _ in sizes))

    def test_one_with_a_wrong_bit_goes_and_the_others_stay(self) -> None:
        for number in range(4):
            self.world.put(f"/t/p/w92/{number}.jpg", b"1234567890")
        self.world.change(heads.SIZE + 9, b"1", "/t/p/w92/2.jpg")
        for _ in range(4):
            self.scrub()
        self.assertFalse(self.world.file("/t/p/w92/2.jpg").exists())
        self.assertEqual(
            (3, 1), (len(self.world.store), self.world.store.stats().damaged)
        )

    def test_one_that_is_right_need_not_be_compared_by_its_readers(self) -> None:
        self.world.put(body=b"1234567890")
        self.world.loaded()
        self.scrub()
        self.world.change(heads.SIZE, b"X")
        self.assertEqual(b"X234567890", self.world.get())

    def test_one_that_has_become_too_old_goes(self) -> None:
        self.world.put()
        self.world.now += MOST_KEPT
        self.assertGreater(self.scrub(), 0)
        self.assertEqual([], self.world.files())
        self.assertEqual(0, self.scrub())

    def test_one_that_another_process_has_removed_is_forgotten(self) -> None:
        self.world.put()
        self.world.file().unlink()
        self.scrub()
        self.assertEqual((0, 0), (len(self.world.store), self.scrub()))

    def test_it_leaves_no_file_open(self) -> None:
        self.world.put()
        before = open_files()
        for _ in range(20):
            self.scrub()
        self.assertEqual(before, open_files())


class Failing(PictureCase):
    """A disk that takes nothing costs nothing but the cache."""

    def test_whatever_fails_leaves_no_file_and_one_line(self) -> None:
        for where in ("room", "create", "write", "write head", "keep"):
            for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
                self.setUp()
                self.world.folder.errors[where] = error(number)
                for each in range(3):
                    self.assertFalse(self.world.put(f"/t/p/w92/{each}.jpg"), where)
                self.assertEqual([], self.world.files(), where)
                self.assertIsNone(self.world.get("/t/p/w92/0.jpg"), where)
                self.assertEqual(1, len(self.said()), where)
                self.assertIn(os.strerror(number), self.said()[0])
                self.assertNotIn("/somewhere", self.said()[0])
                self.assertEqual("pictures-not-stored", self.events[-1]["code"])

    def test_what_was_written_before_stays_readable_and_nothing_of_the_rest(
        self,
    ) -> None:
        new = self.world.store.begin(head())
        assert new is not None
        self.addCleanup(new.close)
        self.assertTrue(new.write(b"12345"))
        self.world.folder.errors["write"] = FULL
        self.assertFalse(new.write(b"67890"))
        self.world.folder.errors.clear()
        self.assertFalse(new.write(b"67890"))
        self.assertEqual((5, b"45"), (new.size, new.read(3, 100)))
        self.assertIsNone(new.finish())
        self.assertEqual((5, b"12345"), (new.size, new.read(0, 100)))

    def test_a_minute_later_the_disk_is_tried_again(self) -> None:
        self.world.folder.errors["keep"] = FULL
        self.world.put()
        self.world.folder.errors.clear()
        self.world.clock.advance(TRY_AGAIN - 1)
        self.assertFalse(self.world.put())
        self.assertEqual("No space left on device", self.world.store.stats().trouble)
        self.world.clock.advance(1)
        self.assertTrue(self.world.put())
        self.assertEqual("", self.world.store.stats().trouble)
        self.assertEqual(["Pictures are stored on disk again"], self.said()[1:])

    def test_what_is_there_is_served_meanwhile(self) -> None:
        self.world.put(body=b"there")
        for where in ("room", "create", "write", "write head", "keep"):
            self.world.folder.errors[where] = FULL
        self.assertFalse(self.world.put("/t/p/w92/other.jpg"))
        self.assertEqual(b"there", self.world.get())

    def test_a_folder_that_is_removed_is_made_again(self) -> None:
        self.world.put()
        for each in sorted(self.world.path.rglob("*"), reverse=True):
            each.rmdir() if each.is_dir() else each.unlink()
        self.world.path.rmdir()
        self.assertIsNone(self.world.get())
        self.assertTrue(self.world.put())
        self.assertIsNotNone(self.world.get())
        self.assertEqual([], self.said())

    def test_a_file_where_the_folder_should_be_is_left_alone(self) -> None:
        place = Path(self.mktemp())
        place.write_bytes(b"mine")
        self.world = World(place)
        self.world.loaded()
        self.assertFalse(self.world.put())
        self.assertIsNone(self.world.get())
        self.assertEqual(0, self.world.store.purge())
        self.assertEqual(b"mine", place.read_bytes())
        self.assertEqual(1, len(self.said()))

    def test_one_that_cannot_leave_the_disk_is_told_of(self) -> None:
        self.world.put()
        self.world.folder.errors["drop"] = error(errno.EROFS)
        self.world.now += MOST_KEPT
        self.assertIsNone(self.world.get())
        self.assertIn("Read-only file system", self.said()[0])

    def test_no_failure_leaves_a_file_open(self) -> None:
        before = open_files()
        for where in ("room", "create", "write", "write head", "keep"):
            self.world.folder.errors = {where: FULL}
            self.world.put()
            self.world.clock.advance(TRY_AGAIN)
        self.world.folder.errors.clear()
        self.world.put()
        self.world.store.purge(lambda _key: False)
        self.world.change(0, b"\0")
        self.world.get()
        self.assertEqual(before, open_files())


class Reserve(PictureCase):
    """A part of the disk stays free for others."""

    def test_nothing_is_begun_that_would_reach_into_it(self) -> None:
        self.world.folder.free = RESERVE + 1000
        self.assertIsNone(self.world.store.begin(head(length=1001)))
        self.assertEqual(1, len(self.said()))
        self.assertIn("256 MB", self.said()[0])

    def test_nothing_is_written_that_would_reach_into_it(self) -> None:
        self.world.again(100 * MB)
        new = self.world.store.begin(head())
        assert new is not None
        self.addCleanup(new.close)
        self.world.folder.free = RESERVE - 1
        # the disk is asked after so many bytes, and not with each write
        self.assertTrue(new.write(bytes(LOOK_EVERY - 1)))
        self.assertFalse(new.write(b"x"))
        self.assertIsNone(new.finish())

    def test_it_goes_on_when_a_tenth_more_than_the_reserve_is_free(self) -> None:
        self.world.folder.free = RESERVE - 1
        self.assertFalse(self.world.put())
        self.world.folder.free = int(RESERVE * 1.1) - 1
        self.assertFalse(self.world.put())
        self.world.folder.free = int(RESERVE * 1.1) + 1
        self.assertTrue(self.world.put())
        self.assertEqual(2, len(self.said()))


class Sharing(PictureCase):
    """Two processes in one folder."""

    def test_each_evicts_what_the_other_has_stored(self) -> None:
        worlds = [self.world, World(self.world.path)]
        for world in worlds:
            world.again(MB)
        chance = random.Random(3)
        for number in range(600):
            world = chance.choice(worlds)
            key = f"/t/p/w92/{chance.randrange(80)}.jpg"
            body = key.encode() * chance.randrange(1, 3000)
            found = world.get(key)
            if found is None:
                world.put(key, body)
            else:
                self.assertEqual(b"", found.replace(key.encode(), b""), number)
        self.assertEqual([], self.said())

    def test_a_start_removes_what_a_dead_process_was_downloading_and_no_other(
        self,
    ) -> None:
        new = self.world.store.begin(head())
        assert new is not None
        self.addCleanup(new.close)
        new.write(b"alive")
        (left,) = self.world.files()
        dead = left.with_name("dead")
        dead.write_bytes(b"half")
        World(self.world.path).loaded()
        self.assertEqual([left], self.world.files())
        whole = new.finish()
        assert whole is not None
        whole.close()
        self.assertEqual(b"alive", self.world.get())

    def test_foreign_files_are_left_alone(self) -> None:
        self.world.put()
        strangers = [
            self.world.path / "notes.txt",
            self.world.path / "tmp" / "folder" / "x",
            self.world.path / "ab" / "readme",
            self.world.path / "ab" / ("g" * 62),
            self.world.path / "abc" / ("0" * 62),
            self.world.path / "ab" / ("0" * 62) / "x",
        ]
        for each in strangers:
            each.parent.mkdir(parents=True, exist_ok=True)
            each.write_bytes(b"mine")
        self.world.loaded()
        self.assertEqual(1, len(self.world.store))
        self.world.store.purge()
        self.assertEqual(sorted(strangers), self.world.files())

    def test_a_folder_is_enough_to_make_one(self) -> None:
        place = Path(self.mktemp())
        store = PictureStore(place, MB, self.world.clock, lambda: NOW)
        store.load()
        self.assertFalse(place.exists())
        new = store.begin(head())
        if new is not None:
            new.close()
