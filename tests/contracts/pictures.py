"""What every store of pictures keeps to: one body of tests, run over each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamr.boundaries import PictureHead
from streamr.interfaces import PictureFiles
from tests.pictures import jpeg

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as Case
else:
    Case = object

KEY = "/t/p/w342/abc.jpg"
BODY = jpeg(1000)
NOW = 1_000_000.0


def head(key: str = KEY, length: int | None = len(BODY)) -> PictureHead:
    return PictureHead(key, "image/jpeg", '"v1"', length, NOW)


class PictureFilesContract(Case):
    """A store passes when the class that mixes this in says how to make one in which a
    picture may have `most` bytes, and how its disk fills."""

    def make(self, most: int = 1 << 20) -> PictureFiles:
        """An empty one."""
        raise NotImplementedError

    def fill(self, files: PictureFiles) -> None:
        """The disk takes nothing more."""
        raise NotImplementedError

    def keep(self, files: PictureFiles, key: str = KEY, body: bytes = BODY) -> None:
        new = files.begin(head(key, len(body)))
        assert new is not None
        self.assertTrue(new.write(body))
        kept = new.finish()
        assert kept is not None
        kept.close()
        new.close()

    def test_what_was_never_there_is_not_found(self) -> None:
        files = self.make()
        self.assertIsNone(files.find(KEY))
        self.assertEqual((len(files), files.stats().pictures), (0, 0))

    def test_a_whole_one_is_found_with_its_head_and_its_bytes(self) -> None:
        files = self.make()
        self.keep(files)
        found = files.find(KEY)
        assert found is not None
        self.assertEqual(found.head, head())
        self.assertEqual(found.read(0, 1 << 20), BODY)
        self.assertEqual(found.read(10, 5), BODY[10:15])
        self.assertEqual(found.read(len(BODY), 5), b"")
        found.close()
        found.close()
        self.assertEqual((len(files), files.stats().pictures), (1, 1))

    def test_what_is_there_is_known(self) -> None:
        files = self.make()
        self.assertFalse(files.knows(KEY))
        self.keep(files)
        self.assertTrue(files.knows(KEY))
        self.assertFalse(files.knows("/t/p/w342/other.jpg"))
        files.purge()
        self.assertFalse(files.knows(KEY))

    def test_one_without_an_announced_length_has_that_of_its_bytes(self) -> None:
        files = self.make()
        new = files.begin(head(length=None))
        assert new is not None
        new.write(BODY)
        kept = new.finish()
        assert kept is not None
        self.assertEqual(kept.head, head())
        self.assertEqual(kept.read(0, 1 << 20), BODY)
        kept.close()
        new.close()

    def test_readers_follow_it_while_it_comes(self) -> None:
        new = self.make().begin(head())
        assert new is not None
        self.assertEqual((new.size, new.read(0, 10)), (0, b""))
        new.write(BODY[:100])
        self.assertEqual((new.size, new.read(90, 50)), (100, BODY[90:100]))
        self.assertEqual(new.read(100, 50), b"")
        new.write(BODY[100:])
        self.assertEqual(new.read(0, 1 << 20), BODY)
        new.close()

    def test_it_is_found_by_nobody_before_it_is_whole(self) -> None:
        files = self.make()
        new = files.begin(head())
        assert new is not None
        new.write(BODY)
        self.assertIsNone(files.find(KEY))
        new.close()

    def test_one_that_is_abandoned_or_closed_is_never_kept(self) -> None:
        for closed in (True, False):
            files = self.make()
            new = files.begin(head())
            assert new is not None
            new.write(BODY)
            if closed:
                new.close()
            else:
                new.abandon()
                self.assertFalse(new.write(b"x"))
                # those who follow it still get what there was
                self.assertEqual(new.read(0, 1 << 20), BODY)
            self.assertIsNone(new.finish())
            self.assertIsNone(files.find(KEY))
            new.close()

    def test_one_of_another_length_than_announced_is_not_kept(self) -> None:
        for body in (BODY[:-1], BODY + b"x", b""):
            files = self.make()
            new = files.begin(head())
            assert new is not None
            new.write(body)
            self.assertIsNone(new.finish())
            self.assertIsNone(files.find(KEY))
            new.close()

    def test_one_that_is_announced_as_too_large_is_not_begun(self) -> None:
        files = self.make(most=len(BODY) - 1)
        self.assertIsNone(files.begin(head()))

    def test_one_that_grows_too_large_is_refused_from_then_on(self) -> None:
        self.is_refused_after_hundred(self.make(most=150), full=False)

    def test_one_for_which_the_disk_is_full_is_refused_from_then_on(self) -> None:
        self.is_refused_after_hundred(self.make(), full=True)

    def is_refused_after_hundred(self, files: PictureFiles, *, full: bool) -> None:
        new = files.begin(head(length=None))
        assert new is not None
        self.assertTrue(new.write(BODY[:100]))
        if full:
            self.fill(files)
        self.assertFalse(new.write(BODY[100:200]))
        # nothing of it is there, and what was there stays
        self.assertEqual((new.size, new.read(0, 1000)), (100, BODY[:100]))
        self.assertFalse(new.write(b"x"))
        self.assertEqual(new.size, 100)
        self.assertIsNone(new.finish())
        self.assertIsNone(files.find(KEY))
        new.close()

    def test_reading_goes_on_when_it_has_left_the_store(self) -> None:
        files = self.make()
        self.keep(files)
        found = files.find(KEY)
        assert found is not None
        self.assertEqual(files.purge(), 1)
        self.assertEqual(found.read(0, 1 << 20), BODY)
        found.close()
        self.assertIsNone(files.find(KEY))

    def test_what_is_unwanted_can_be_dropped_by_its_key(self) -> None:
        files = self.make()
        for name in ("a", "b", "c"):
            self.keep(files, f"/t/p/w342/{name}.jpg")
        self.assertEqual(files.purge(lambda key: key.endswith("b.jpg")), 1)
        self.assertIsNone(files.find("/t/p/w342/b.jpg"))
        self.assertEqual(len(files), 2)

    def test_a_second_download_of_one_replaces_the_first(self) -> None:
        files = self.make()
        self.keep(files)
        other = jpeg(2000)
        self.keep(files, body=other)
        found = files.find(KEY)
        assert found is not None
        self.assertEqual(found.read(0, 1 << 20), other)
        found.close()
        self.assertEqual(len(files), 1)
