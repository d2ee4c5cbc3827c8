"""One picture on its way: to many readers over a file, or to one over a window."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Outcome, Part, PictureHead, Validators
from streamr.errors import Fault
from streamr.gateway.download import (
    HELD_BACK,
    MOST_CONTINUED,
    NEARLY,
    WINDOW,
    Download,
    StoredReader,
    strong,
)
from streamr.interfaces import PictureFile, PictureReader
from tests.contracts.pictures import PictureFilesContract
from tests.pictures import (
    ETAG,
    Coming,
    MemoryFile,
    MemoryPictures,
    ReadAll,
    Supplies,
    jpeg,
)
from tests.properties import examples

KEY = "/t/p/w342/abc.jpg"
PIECE = 16 * 1024
CUT = "connection_terminated"
INCOMPLETE = "http_response_incomplete"


class MemoryKeeps(PictureFilesContract, SynchronousTestCase):
    """The fake of these tests is a store of pictures."""

    def make(self, most: int = 1 << 20) -> MemoryPictures:
        files = MemoryPictures()
        files.most_each = most
        return files

    def fill(self, files: Any) -> None:
        files.room = 0


class DownloadCase(SynchronousTestCase):
    """A download of a picture of 300 kB into a file, unless it says otherwise."""

    size = 300_000
    has_files = True

    def setUp(self) -> None:
        self.supply = Supplies()
        self.over: list[PictureFile | None] = []
        self.body = jpeg(self.size)
        self.download = self.made()

    def made(self, **more: Any) -> Download:
        self.clock, self.files = Clock(), MemoryPictures()
        self.coming = Coming(self.clock)
        length = more.pop("length", self.size)
        answer = self.coming.answer(length, **more)
        head = PictureHead(KEY, answer.content_type, ETAG, length, 0.0)
        new = self.files.begin(head) if self.has_files else None
        return Download(
            head, Outcome(answer), answer, new, self.supply, self.over.append
        )

    def comes(self, begin: int = 0, end: int | None = None) -> None:
        """These bytes of it come, in the pieces of a connection."""
        for at in range(begin, self.size if end is None else end, PIECE):
            self.coming.comes(self.body[at : min(at + PIECE, end or self.size)])

    def arrives(self) -> None:
        """All of it comes, and ends well."""
        self.comes()
        self.coming.ends()

    def reader(self) -> ReadAll:
        return ReadAll(self.download.reader())

    def kept(self) -> bool:
        return KEY in self.files.kept

    def assert_broken(self, cause: str, *readers: ReadAll) -> None:
        """It is over and not kept, and whoever reads it knows."""
        self.assertEqual([each.end for each in readers], [cause] * len(readers))
        self.assertEqual((self.over, self.kept()), ([None], False))
        self.assertTrue(self.coming.is_left)
        self.assertFalse(self.download.joinable)
        for each in readers:
            each.reader.close()
        self.assert_nothing_left()

    def assert_nothing_left(self) -> None:
        self.assertTrue(all(each.closed for each in self.files.begun))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def continued(self, answer: Answer | None = None, fault: str = "") -> None:
        """What came of asking for the rest."""
        outcome = Outcome(answer, Fault(fault) if fault else None)
        self.supply.rests[-1].callback(outcome)

    def rest(self, **more: Any) -> None:
        """The rest begins to come, from where the last part ended."""
        begins = more.pop("begins", self.download.size)
        self.coming = Coming(self.clock)
        length = more.pop("length", self.size)
        self.continued(self.coming.answer(length, begins=begins, **more))


class Together(DownloadCase):
    """Readers follow the file at their own pace."""

    def test_its_sender_waits_for_the_first_reader(self) -> None:
        self.coming.comes(self.body[:PIECE])
        self.assertTrue(self.coming.paused)
        self.reader()
        self.assertFalse(self.coming.paused)

    def test_all_get_all_of_it_whenever_they_come(self) -> None:
        readers = [self.reader()]
        for at in range(0, self.size, PIECE):
            self.coming.comes(self.body[at : at + PIECE])
            readers.append(self.reader())
        self.coming.ends()
        for each in readers:
            self.assertEqual((each.data == self.body, each.end), (True, "whole"))

    def test_what_has_come_is_read_at_once(self) -> None:
        first = self.reader()
        self.comes(0, 5 * PIECE)
        self.assertEqual(first.data, self.body[: 5 * PIECE - HELD_BACK])
        self.assertIsNone(first.end)

    def test_it_is_kept_when_it_is_whole(self) -> None:
        self.reader()
        self.arrives()
        self.assertTrue(self.kept())
        (kept,) = self.over
        assert kept is not None
        self.assertEqual(kept.read(0, 1 << 20), self.body)

    def test_one_who_takes_nothing_stops_nobody(self) -> None:
        slow, quick = self.download.reader(), self.reader()
        self.arrives()
        self.assertFalse(self.coming.paused)
        self.assertTrue(quick.data == self.body)
        # and gets it when he takes it, though it is over
        read = ReadAll(slow)
        self.assertEqual((read.data == self.body, read.end), (True, "whole"))

    def test_a_reader_is_told_once_for_each_time_he_waits(self) -> None:
        reader, told = self.download.reader(), []
        reader.wait(lambda: told.append(1))
        self.comes(0, 3 * PIECE)
        self.assertEqual(told, [1])

    def test_one_who_has_left_is_told_nothing(self) -> None:
        stays, told = self.reader(), []
        reader = self.download.reader()
        reader.wait(lambda: told.append(1))
        reader.close()
        self.arrives()
        self.assertEqual((told, stays.end), ([], "whole"))

    def test_one_may_begin_where_he_wants(self) -> None:
        reader = self.download.reader()
        reader.seek(200_000)
        part = ReadAll(reader)
        self.arrives()
        self.assertEqual((part.data, part.end), (self.body[200_000:], "whole"))

    def test_a_reader_has_its_head(self) -> None:
        self.assertIs(self.download.reader().head, self.download.head)

    def test_it_tells_how_its_head_came(self) -> None:
        answer = self.download.outcome.answer
        assert answer is not None
        self.assertIs(answer.incoming, self.coming.body)

    def test_nobody_joins_what_is_over(self) -> None:
        self.assertTrue(self.download.joinable)
        self.reader()
        self.assertTrue(self.download.joinable)
        self.arrives()
        self.assertFalse(self.download.joinable)

    def test_the_file_is_closed_when_the_last_one_has_read_it(self) -> None:
        readers = [self.reader(), self.reader()]
        self.arrives()
        for each in readers:
            self.assertFalse(self.files.begun[0].closed)
            each.reader.close()
        self.assertTrue(self.files.begun[0].closed)
        readers[0].reader.close()
        self.assert_nothing_left()

    def test_a_file_that_cannot_be_read_is_an_error_of_ours(self) -> None:
        reader = self.download.reader()
        self.comes(0, PIECE)
        self.files.begun[0].broken = True
        self.assertEqual(ReadAll(reader).end, "proxy_internal_error")

    def test_what_had_come_and_ended_before_its_reader_is_read(self) -> None:
        self.arrives()
        reader = self.reader()
        self.assertEqual((reader.data == self.body, reader.end), (True, "whole"))
        self.assertTrue(self.kept())


class Leaving(DownloadCase):
    """A download is for those who read it, or it is nearly whole."""

    size = 4 * NEARLY

    def test_one_of_two_may_leave(self) -> None:
        stays, leaves = self.reader(), self.reader()
        self.comes(0, PIECE)
        leaves.reader.close()
        self.assertFalse(self.coming.is_left)
        self.comes(PIECE)
        self.coming.ends()
        self.assertEqual(stays.end, "whole")

    def test_with_the_last_one_it_ends(self) -> None:
        for seen in (0, PIECE, 2 * NEARLY - 1):
            self.setUp()
            reader = self.reader()
            self.comes(0, seen)
            reader.reader.close()
            self.assert_broken("deadline_exceeded")
            self.assertEqual(self.coming.aborted, 1)

    def test_one_of_which_half_is_there_is_ended_without_readers(self) -> None:
        reader = self.reader()
        self.comes(0, 2 * NEARLY)
        reader.reader.close()
        self.assertFalse(self.coming.is_left)
        self.comes(2 * NEARLY)
        self.coming.ends()
        self.assertTrue(self.kept())
        self.assert_nothing_left()

    def test_so_is_one_of_which_little_is_missing(self) -> None:
        for size, ended in ((NEARLY, False), (NEARLY + 1, False), (2 * NEARLY, False)):
            self.size = size
            self.setUp()
            reader = self.reader()
            self.comes(0, max(0, size - NEARLY))
            reader.reader.close()
            self.assertIs(self.coming.is_left, ended, size)

    def test_of_one_without_a_length_nobody_knows_how_much_is_missing(self) -> None:
        self.download = self.made(length=None)
        reader = self.reader()
        self.comes(0, self.size - 1)
        reader.reader.close()
        self.assert_broken("deadline_exceeded")

    def test_who_leaves_twice_has_left_once(self) -> None:
        stays, leaves = self.reader(), self.reader()
        leaves.reader.close()
        leaves.reader.close()
        self.assertFalse(self.coming.is_left)
        stays.reader.close()
        self.assertTrue(self.coming.is_left)

    def test_one_whom_nobody_reads_is_given_up(self) -> None:
        self.comes(0, PIECE)
        self.download.expire()
        self.assert_broken("deadline_exceeded")

    def test_one_whom_somebody_reads_is_not(self) -> None:
        reader = self.reader()
        self.download.expire()
        self.comes()
        self.coming.ends()
        self.assertEqual(reader.end, "whole")
        self.download.expire()

    def test_one_that_is_stopped_ends_for_all(self) -> None:
        readers = [self.reader(), self.reader()]
        self.comes(0, PIECE)
        self.download.stop()
        self.download.stop()
        self.assert_broken("deadline_exceeded", *readers)
        self.assertEqual(self.supply.cuts, [])


class Ends(DownloadCase):
    """What is not whole has no clean end, and is never kept."""

    def test_a_body_that_does_not_end_as_a_picture_is_cut(self) -> None:
        reader = self.reader()
        self.body = self.body[:-2] + b"xx"
        self.arrives()
        self.assert_broken(INCOMPLETE, reader)
        # nobody can mend what was handed on
        self.assertEqual((self.supply.cuts, self.supply.asked), ([WHOLE_CUT], []))

    def test_nobody_has_all_that_were_announced_before_it_is_whole(self) -> None:
        readers = [self.reader(), self.reader()]
        self.comes()
        for each in readers:
            self.assertEqual(len(each.data), self.size - HELD_BACK)
        self.coming.ends()
        for each in readers:
            self.assertEqual((each.data == self.body, each.end), (True, "whole"))

    def test_one_that_is_shorter_than_announced_is_cut(self) -> None:
        self.download = self.made(length=self.size + 1)
        reader = self.reader()
        self.arrives()
        self.assert_broken(INCOMPLETE, reader)
        self.assertEqual(self.supply.cuts, [WHOLE_CUT])

    def test_of_one_that_is_longer_nobody_has_all_that_were_announced(self) -> None:
        for more in (1, PIECE):
            self.setUp()
            self.download = self.made(length=self.size - more)
            reader = self.reader()
            self.comes()
            self.assertLess(len(reader.data), self.size - more)
            self.assert_broken(INCOMPLETE, reader)
            self.assertEqual(len(self.supply.cuts), 1)

    def test_one_without_a_length_is_whole_when_it_ends_as_one(self) -> None:
        self.download = self.made(length=None)
        reader = self.reader()
        self.arrives()
        self.assertEqual((reader.end, self.kept()), ("whole", True))

    def test_one_whose_file_is_not_kept_has_been_read_all_the_same(self) -> None:
        reader = self.reader()
        self.files.begun[0].abandon()
        self.arrives()
        self.assertEqual((reader.data == self.body, reader.end), (True, "whole"))
        self.assertEqual((self.over, self.kept()), ([None], False))

    def test_who_had_not_read_all_of_it_gets_what_had_come_and_then_the_cut(
        self,
    ) -> None:
        self.download = self.made(etag=None)
        slow = self.download.reader()
        self.comes(0, 3 * PIECE)
        self.coming.is_cut()
        read = ReadAll(slow)
        self.assertTrue(read.data == self.body[: 3 * PIECE - HELD_BACK])
        self.assert_broken(CUT, read)


WHOLE_CUT = (INCOMPLETE, DownloadCase.size)


class Continued(DownloadCase):
    """A cut in the middle is continued: the caller notices nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.got = self.reader()
        self.comes(0, 5 * PIECE)

    def test_the_rest_is_asked_for(self) -> None:
        self.coming.is_cut()
        self.assertEqual(self.supply.cuts, [(CUT, 5 * PIECE)])
        self.assertEqual(self.supply.asked, [Part(5 * PIECE, ETAG)])
        self.assertIsNone(self.got.end)
        self.rest()
        self.comes(5 * PIECE)
        self.coming.ends()
        self.assertEqual((self.got.data == self.body, self.got.end), (True, "whole"))
        self.assertTrue(self.kept())

    def test_a_stall_is_continued_too(self) -> None:
        self.clock.advance(2.0)
        self.assertEqual(self.supply.cuts, [("http_response_timeout", 5 * PIECE)])
        self.rest()
        self.comes(5 * PIECE)
        self.coming.ends()
        self.assertEqual(self.got.end, "whole")

    def test_what_comes_again_is_skipped(self) -> None:
        self.coming.is_cut()
        self.rest(begins=0)
        self.comes(0)
        self.coming.ends()
        self.assertEqual((self.got.data == self.body, self.got.end), (True, "whole"))
        self.assertTrue(self.kept())

    def test_what_comes_again_may_be_cut_again(self) -> None:
        self.coming.is_cut()
        self.rest(begins=0)
        self.comes(0, 3 * PIECE)
        self.coming.is_cut()
        self.assertEqual(self.supply.asked, [Part(5 * PIECE, ETAG)] * 2)
        self.rest()
        self.comes(5 * PIECE)
        self.coming.ends()
        self.assertEqual((self.got.data == self.body, self.got.end), (True, "whole"))

    def test_what_comes_again_and_ends_sooner_is_no_picture(self) -> None:
        self.coming.is_cut()
        self.rest(begins=0)
        self.comes(0, 3 * PIECE)
        self.coming.ends()
        self.assert_broken(INCOMPLETE, self.got)

    def test_another_version_does_not_continue_it(self) -> None:
        for etag in ('"v2"', 'W/"v1"', None):
            self.setUp()
            self.coming.is_cut()
            self.rest(etag=etag, begins=0)
            self.assertEqual(self.coming.aborted, 1)
            self.assert_broken(CUT, self.got)

    def test_a_rest_that_is_too_long_is_cut_before_it_looks_whole(self) -> None:
        self.coming.is_cut()
        self.rest()
        # in one go, as the rest of a small picture comes
        self.coming.comes(self.body[5 * PIECE :] + b"x")
        self.assertEqual(len(self.got.data), 5 * PIECE - HELD_BACK)
        self.assert_broken(INCOMPLETE, self.got)

    def test_another_length_does_not_continue_it(self) -> None:
        self.coming.is_cut()
        self.rest(length=self.size + 1)
        self.assertEqual(self.coming.aborted, 1)
        self.assert_broken(CUT, self.got)

    def test_a_rest_that_tells_no_length_continues_it(self) -> None:
        self.coming.is_cut()
        self.rest(length=None)
        self.comes(5 * PIECE)
        self.coming.ends()
        self.assertEqual(self.got.end, "whole")

    def test_one_without_a_length_is_continued_by_its_version(self) -> None:
        self.download = self.made(length=None)
        self.got = self.reader()
        self.comes(0, 5 * PIECE)
        self.coming.is_cut()
        self.rest()
        self.comes(5 * PIECE)
        self.coming.ends()
        self.assertEqual((self.got.data == self.body, self.got.end), (True, "whole"))

    def test_no_answer_is_the_end(self) -> None:
        for fault, told in (("tls_reset", "tls_reset"), ("", CUT)):
            self.setUp()
            self.coming.is_cut()
            self.continued(None if fault else Answer(404, b""), fault)
            self.assert_broken(told, self.got)

    def test_without_a_strong_validator_a_cut_is_the_end(self) -> None:
        for etag in (None, 'W/"v1"', "v1", '"a b"'):
            self.setUp()
            self.over.clear()
            self.download = self.made(etag=etag)
            self.got = self.reader()
            self.comes(0, PIECE)
            self.coming.is_cut()
            self.assertEqual(self.supply.asked, [])
            self.assertEqual(self.supply.cuts, [(CUT, PIECE)])
            self.assertEqual((self.got.end, self.over), (CUT, [None]))

    def test_it_is_continued_so_often_and_no_more(self) -> None:
        self.assertEqual(MOST_CONTINUED, 4)
        for times in range(MOST_CONTINUED):
            self.coming.is_cut()
            self.assertEqual(len(self.supply.asked), times + 1)
            self.rest()
            self.comes(self.download.size, self.download.size + PIECE)
        self.coming.is_cut()
        self.assertEqual(len(self.supply.asked), MOST_CONTINUED)
        self.assertEqual(len(self.supply.cuts), MOST_CONTINUED + 1)
        self.assert_broken(CUT, self.got)

    def test_who_leaves_meanwhile_ends_the_search(self) -> None:
        self.coming.is_cut()
        self.download.stop()
        self.assertEqual(self.supply.cancelled, 1)
        self.assert_broken("deadline_exceeded", self.got)

    def test_one_that_nobody_reads_is_continued_when_it_is_nearly_whole(self) -> None:
        self.got.reader.close()
        self.coming.is_cut()
        self.rest()
        self.comes(5 * PIECE)
        self.coming.ends()
        self.assertTrue(self.kept())
        self.assert_nothing_left()

    def test_one_may_join_while_the_rest_is_looked_for(self) -> None:
        self.coming.is_cut()
        late = self.reader()
        self.assertEqual(late.data, self.body[: 5 * PIECE - HELD_BACK])
        self.rest()
        self.comes(5 * PIECE)
        self.coming.ends()
        self.assertEqual((late.data, late.end), (self.body, "whole"))


class Windowed(DownloadCase):
    """Where nothing can be kept, the sender waits for the reader."""

    has_files = False
    size = 10 * WINDOW

    def test_it_is_for_one_reader(self) -> None:
        self.assertTrue(self.download.joinable)
        self.reader()
        self.assertFalse(self.download.joinable)

    def test_one_who_reads_gets_all_of_it(self) -> None:
        reader = self.reader()
        self.arrives()
        self.assertEqual((reader.data == self.body, reader.end), (True, "whole"))
        self.assertEqual(self.over, [None])

    def test_the_sender_is_braked_and_released(self) -> None:
        reader = self.download.reader()
        come = 0
        while not self.coming.paused:
            self.coming.comes(self.body[come : come + PIECE])
            come += PIECE
        self.assertEqual(come, WINDOW + PIECE)
        while self.coming.paused:
            reader.read(PIECE)
        self.assertEqual(come - reader.offset, WINDOW // 2 - PIECE)
        rest = ReadAll(reader)
        self.comes(come)
        self.coming.ends()
        self.assertEqual(rest.end, "whole")

    def test_it_is_braked_as_often_as_it_has_to_be(self) -> None:
        reader, come = self.download.reader(), 0
        for _ in range(3):
            while not self.coming.paused and come < self.size:
                self.coming.comes(self.body[come : come + PIECE])
                come += PIECE
            self.assertEqual(come - reader.offset, WINDOW + PIECE)
            while self.coming.paused:
                reader.read(PIECE)
        reader.close()

    def test_a_part_that_lies_beyond_the_window_is_reached(self) -> None:
        reader = self.download.reader()
        reader.seek(5 * WINDOW)
        part = ReadAll(reader)
        for at in range(0, self.size, PIECE):
            self.assertFalse(self.coming.paused, at)
            self.comes(at, at + PIECE)
        self.coming.ends()
        self.assertEqual(part.end, "whole")
        self.assertTrue(part.data == self.body[5 * WINDOW :])

    def test_with_its_reader_it_ends_however_little_is_missing(self) -> None:
        reader = self.reader()
        self.comes(0, self.size - 1)
        reader.reader.close()
        self.assert_broken("deadline_exceeded")

    def test_it_is_continued_like_any_other(self) -> None:
        reader = self.reader()
        self.comes(0, 5 * PIECE)
        self.coming.is_cut()
        self.rest()
        self.comes(5 * PIECE)
        self.coming.ends()
        self.assertEqual((reader.data == self.body, reader.end), (True, "whole"))

    def test_the_rest_is_braked_too(self) -> None:
        reader = self.download.reader()
        self.comes(0, WINDOW + PIECE)
        self.coming.is_cut()
        self.rest()
        self.coming.comes(self.body[WINDOW + PIECE : WINDOW + 2 * PIECE])
        self.assertTrue(self.coming.paused)
        rest = ReadAll(reader)
        self.assertFalse(self.coming.paused)
        self.comes(WINDOW + 2 * PIECE)
        self.coming.ends()
        self.assertEqual((rest.data == self.body, rest.end), (True, "whole"))


class Spilled(DownloadCase):
    """The disk takes no more in the middle: readers go on."""

    size = 6 * WINDOW

    def setUp(self) -> None:
        super().setUp()
        self.files.room = 2 * WINDOW

    def test_all_readers_get_all_of_it(self) -> None:
        readers = [self.reader(), self.reader()]
        self.arrives()
        for each in readers:
            self.assertEqual((each.data == self.body, each.end), (True, "whole"))
        self.assertEqual((self.over, self.kept()), ([None], False))

    def test_nobody_joins_any_more(self) -> None:
        self.reader()
        self.comes(0, 2 * WINDOW)
        self.assertTrue(self.download.joinable)
        self.comes(2 * WINDOW, 2 * WINDOW + PIECE)
        self.assertFalse(self.download.joinable)

    def test_the_slowest_reader_brakes_it_and_reads_the_file_first(self) -> None:
        slow, quick = self.download.reader(), self.reader()
        self.comes(0, 3 * WINDOW)
        self.assertFalse(self.coming.paused)
        self.comes(3 * WINDOW, 3 * WINDOW + PIECE)
        self.assertTrue(self.coming.paused)
        self.assertEqual(len(quick.data), 3 * WINDOW + PIECE - HELD_BACK)
        read = b""
        while len(read) < 2 * WINDOW:
            read += slow.read(PIECE) or b""
        self.assertTrue(self.coming.paused)
        rest = ReadAll(slow)
        self.assertFalse(self.coming.paused)
        self.comes(3 * WINDOW + PIECE)
        self.coming.ends()
        self.assertEqual((read + rest.data == self.body, rest.end), (True, "whole"))
        self.assertTrue(quick.data == self.body)

    def test_a_slow_one_who_leaves_releases_the_sender(self) -> None:
        slow, quick = self.download.reader(), self.reader()
        self.comes(0, 3 * WINDOW + PIECE)
        self.assertTrue(self.coming.paused)
        slow.close()
        self.assertFalse(self.coming.paused)
        self.comes(3 * WINDOW + PIECE)
        self.coming.ends()
        self.assertTrue(quick.data == self.body)

    def test_with_the_last_one_it_ends_for_it_cannot_be_kept(self) -> None:
        reader = self.reader()
        self.comes(0, self.size - 1)
        reader.reader.close()
        self.assert_broken("deadline_exceeded")

    def test_the_window_is_bounded(self) -> None:
        reader = self.download.reader()
        come = 0
        while not self.coming.paused:
            self.coming.comes(self.body[come : come + PIECE])
            come += PIECE
        self.assertEqual(come, 3 * WINDOW + PIECE)
        reader.close()


BEGINS = st.sampled_from([0, 1, WINDOW, 3 * WINDOW])


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens to a picture and its readers in whichever order."""

    def __init__(self) -> None:
        super().__init__()
        self.case = DownloadCase()
        self.case.size = 5 * WINDOW
        self.case.setUp()
        self.readers: list[tuple[PictureReader, int]] = []
        self.reads: list[bytes] = []
        self.sent = 0
        self.waits = False

    @initialize(room=st.sampled_from([0, 2 * WINDOW, 1 << 30]), begin=BEGINS)
    def begins(self, room: int, begin: int) -> None:
        self.case.files.room = room
        self.joins(begin)

    @property
    def is_over(self) -> bool:
        return bool(self.case.over)

    @precondition(lambda self: self.case.download.joinable)
    @rule(begin=BEGINS)
    def joins(self, begin: int) -> None:
        reader = self.case.download.reader()
        reader.seek(begin)
        self.readers.append((reader, begin))
        self.reads.append(b"")

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), size=st.sampled_from([1, PIECE, 2 * WINDOW]))
    def reads_on(self, data: st.DataObject, size: int) -> None:
        at = data.draw(st.integers(0, len(self.readers) - 1))
        reader, begin = self.readers[at]
        try:
            got = reader.read(size)
        except Fault:
            assert self.is_over and not self.case.kept()
            return
        if got is None:
            assert self.reads[at] == self.case.body[begin:]
        else:
            self.reads[at] += got
            assert self.case.body.startswith(self.reads[at], begin)
            is_all = begin + len(self.reads[at]) == self.case.size
            assert self.is_over or not is_all

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def leaves(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.readers) - 1))
        self.readers.pop(at)[0].close()
        self.reads.pop(at)

    @precondition(lambda self: not (self.waits or self.is_over or self.blocked))
    @rule(size=st.sampled_from([1, PIECE, WINDOW]))
    def comes(self, size: int) -> None:
        piece = self.case.body[self.sent : self.sent + size]
        self.sent += len(piece)
        self.case.coming.comes(piece)

    @property
    def blocked(self) -> bool:
        return self.case.coming.paused

    @precondition(lambda self: not (self.waits or self.is_over))
    @rule()
    def is_cut(self) -> None:
        self.case.coming.is_cut()
        self.waits = not self.is_over

    @precondition(lambda self: self.waits and not self.is_over)
    @rule(again=st.booleans())
    def is_continued(self, again: bool) -> None:
        self.waits = False
        self.sent = 0 if again else self.case.download.size
        self.case.rest(begins=self.sent)

    @precondition(lambda self: self.sent == self.case.size and not self.waits)
    @rule()
    def ends(self) -> None:
        if not self.is_over:
            self.case.coming.ends()
            assert self.is_over and self.case.download._fault is None

    @rule()
    def fills(self) -> None:
        self.case.files.room = 0

    @invariant()
    def no_more_is_held_than_the_window(self) -> None:
        # and a piece: the first one, and one of each sender that has gone on with it
        pieces = 1 + self.case.download._continued
        assert len(self.case.download._tail) <= (1 + pieces) * WINDOW

    @invariant()
    def it_is_over_once(self) -> None:
        assert len(self.case.over) <= 1

    @invariant()
    def what_is_kept_is_whole(self) -> None:
        if self.case.kept():
            assert self.case.files.kept[KEY][1] == self.case.body

    @invariant()
    def a_sender_waits_only_for_one_who_can_read_on(self) -> None:
        if self.blocked and not (self.is_over or self.waits):
            readable = [
                reader.offset < self.case.download.size - HELD_BACK
                for reader in self.case.download._readers
            ]
            assert any(readable)

    def teardown(self) -> None:
        for reader, _ in self.readers:
            reader.close()
        self.case.download.stop()
        self.case.assert_nothing_left()


class Orders(SynchronousTestCase):
    def test_readers_get_the_picture_or_learn_that_it_was_cut(self) -> None:
        run_state_machine_as_test(
            AnyOrder,
            settings=examples(100, stateful_step_count=40, phases=[Phase.generate]),
        )


class Stored(SynchronousTestCase):
    """A reader of a picture that is stored."""

    def setUp(self) -> None:
        self.body = jpeg(1000)
        self.file = MemoryFile(PictureHead(KEY, "image/jpeg", ETAG, 1000, 0), self.body)
        self.reader = StoredReader(self.file)

    def test_it_reads_on_to_its_end(self) -> None:
        self.assertEqual(self.reader.read(400), self.body[:400])
        self.assertEqual(self.reader.read(1000), self.body[400:])
        self.assertIsNone(self.reader.read(1))

    def test_it_may_begin_anywhere(self) -> None:
        self.reader.seek(990)
        self.assertEqual(self.reader.read(1000), self.body[990:])

    def test_there_is_always_something(self) -> None:
        told: list[int] = []
        self.reader.wait(lambda: told.append(1))
        self.assertEqual(told, [1])

    def test_one_that_cannot_be_read_is_an_error_of_ours(self) -> None:
        self.file.broken = True
        fault = self.assertRaises(Fault, self.reader.read, 10)
        self.assertEqual(fault.cause.name, "proxy_internal_error")
        self.assertEqual(fault.detail, "the disk: Input/output error")

    def test_it_has_its_head_and_closes_its_file(self) -> None:
        self.assertIs(self.reader.head, self.file.head)
        self.reader.close()
        self.assertEqual(self.file.closed, 1)


class Versions(SynchronousTestCase):
    def test_only_a_strong_entity_tag_tells_that_bytes_are_equal(self) -> None:
        for etag, told in (
            ('"v1"', '"v1"'),
            ('""', '""'),
            ('"!#~"', '"!#~"'),
            ('W/"v1"', None),
            ("v1", None),
            ('"a b"', None),
            ('"a"b"', None),
            ('"v1" ', None),
            (None, None),
        ):
            known = Validators(etag, "Mon")
            self.assertEqual(strong(Answer(200, b"", validators=known)), told, etag)
        self.assertIsNone(strong(Answer(200, b"")))
