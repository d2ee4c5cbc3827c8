"""Writing behind: soon, in batches, in a thread, and never at a caller's cost."""

import gc
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import StoredResponse
from streamr.store.memory import MemoryStore
from streamr.store.writebehind import (
    COMPLAIN_EVERY,
    MOST_WAITING,
    TRY_AGAIN,
    WRITE_EVERY,
    WriteBehind,
)
from tests.contracts.store import TierContract, hot_share, response, sized, traced

MB = 1024 * 1024


class FakeDisk:
    """A disk store that can be full. `TierContract` holds it to the real one."""

    failures = (sqlite3.Error, OSError)

    def __init__(self, *_arguments: Any) -> None:
        self.kept: dict[str, StoredResponse] = {}
        self.batches: list[tuple[list[str], list[str]]] = []
        self.error: Exception | None = None
        self.closed = 0

    def load(self) -> list[StoredResponse]:
        self._fail()
        return sorted(self.kept.values(), key=lambda each: -each.stored_at)

    def write(
        self, responses: Iterable[StoredResponse], dropped: Iterable[str]
    ) -> None:
        taken, gone = list(responses), list(dropped)
        self.batches.append(([each.key for each in taken], gone))
        self._fail()
        for key in gone:
            self.kept.pop(key, None)
        self.kept.update({each.key: each for each in taken})

    def replace(self, responses: Iterable[StoredResponse]) -> None:
        self._fail()
        self.kept.clear()
        self.write(responses, ())

    def close(self) -> None:
        self.closed += 1

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class Thread:
    """The thread of the disk: what is handed in runs when the test lets it."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = []
        self.busy = False

    def __call__(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        if not self.busy:
            return execute(function, *args)
        done: Deferred[Any] = Deferred()
        self.waiting.append((lambda: function(*args), done))
        return done

    def catch_up(self) -> None:
        """Run all that waits, also what that brings."""
        self.busy = False
        while self.waiting:
            work, done = self.waiting.pop(0)
            execute(work).chainDeferred(done)


class Contract(TierContract, SynchronousTestCase):
    """The fake disk is a tier like the real one."""

    def tier(self) -> FakeDisk:
        return FakeDisk()

    def failing(self) -> FakeDisk:
        disk = FakeDisk()
        disk.error = sqlite3.OperationalError("database or disk is full")
        return disk


class Looked(MemoryStore):
    """A memory store that remembers which keys were looked at."""

    def __init__(self, most_bytes: int, most_entries: int) -> None:
        super().__init__(most_bytes, most_entries)
        self.looked: list[str] = []

    def peek(self, key: str) -> StoredResponse | None:
        self.looked.append(key)
        return super().peek(key)


class BehindCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(5000.0)
        self.thread = Thread()
        self.disk = FakeDisk()
        self.memory = MemoryStore(50 * MB, 100_000)
        self.behind = self.made(self.memory)
        self.warnings: list[str] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)

    def note(self, event: dict[str, Any]) -> None:
        if event.get("log_level") is LogLevel.warn:
            self.warnings.append(str(event.get("log_format")))

    def made(self, memory: MemoryStore) -> WriteBehind:
        behind = WriteBehind(memory, self.disk, self.clock, self.thread)  # type: ignore[arg-type]
        behind.fill()
        return behind

    def put(self, *keys: str) -> None:
        for key in keys:
            self.memory.put(key, response(key, now=self.clock.seconds()))

    def later(self, seconds: float = WRITE_EVERY) -> None:
        self.clock.advance(seconds)


class Batches(BehindCase):
    """What the memory takes in goes to disk soon."""

    def test_nothing_is_written_at_once_and_all_of_it_soon(self) -> None:
        self.put("/1", "/2")
        self.assertEqual(self.disk.batches, [])
        self.later()
        self.assertEqual(self.disk.batches, [(["/1", "/2"], [])])

    def test_it_is_soon_also_when_puts_never_end(self) -> None:
        for number in range(10):
            self.put(f"/{number}")
            self.later(0.1)
        self.assertGreaterEqual(len(self.disk.batches), 3)

    def test_many_puts_of_a_moment_are_one_transaction(self) -> None:
        self.put(*(f"/{number}" for number in range(500)))
        self.later()
        self.assertEqual(len(self.disk.batches), 1)
        self.assertEqual(len(self.disk.kept), 500)

    def test_only_the_last_form_of_a_key_is_written(self) -> None:
        self.put("/1", "/1", "/1")
        self.later()
        self.assertEqual(self.disk.batches, [(["/1"], [])])

    def test_a_purge_reaches_the_disk(self) -> None:
        self.put("/1", "/2")
        self.later()
        self.memory.purge(lambda each: each.key == "/1")
        self.later()
        self.assertEqual(self.disk.kept.keys(), {"/2"})

    def test_a_put_after_a_purge_is_there_and_a_purge_after_a_put_is_not(self) -> None:
        self.put("/1", "/2")
        self.later()
        self.memory.purge(lambda _: True)
        self.put("/1", "/3")
        self.memory.purge(lambda each: each.key == "/3")
        self.later()
        self.assertEqual(self.disk.kept.keys(), {"/1"})

    def test_what_is_read_at_the_start_is_not_written_again(self) -> None:
        self.put("/1")
        self.later()
        fresh = MemoryStore(MB, 100)
        self.disk.batches.clear()
        self.made(fresh)
        self.later()
        self.assertIsNotNone(fresh.get("/1"))
        self.assertEqual(self.disk.batches, [])

    def test_while_the_thread_writes_the_next_batch_gathers(self) -> None:
        self.thread.busy = True
        self.put("/1")
        self.later()
        self.put("/2", "/3")
        self.later(10.0)
        self.assertEqual(len(self.thread.waiting), 1)
        self.thread.catch_up()
        self.later()
        self.assertEqual(self.disk.kept.keys(), {"/1", "/2", "/3"})

    def test_an_idle_store_leaves_no_timer(self) -> None:
        self.put("/1")
        self.later()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_when_memory_is_smaller_than_the_disk_the_newest_are_read(self) -> None:
        for number in range(100):
            self.put(f"/{number}")
            self.later(1.0)
        small = MemoryStore(50 * MB, 10)
        self.made(small)
        newest = [f"/{number}" for number in range(90, 100)]
        self.assertEqual(hot_share(small, newest), 1.0)


class Pace(BehindCase):
    """How long a change waits for the disk; from both sides."""

    def foreign(self) -> bool:
        """Whether a record is still there that the memory does not know."""
        return "/foreign" in self.disk.kept

    def test_a_change_waits_a_quarter_of_a_second(self) -> None:
        self.put("/1")
        self.later(0.249)
        self.assertEqual(self.disk.batches, [])
        self.later(0.001)
        self.assertEqual(len(self.disk.batches), 1)

    def test_what_came_while_the_thread_wrote_waits_as_long_after_it(self) -> None:
        self.thread.busy = True
        self.put("/1")
        self.later(0.25)
        self.put("/2")
        self.later(100.0)
        self.thread.catch_up()
        self.later(0.249)
        self.assertEqual(len(self.disk.batches), 1)
        self.later(0.001)
        self.assertEqual(self.disk.batches[1:], [(["/2"], [])])

    def test_a_disk_that_failed_is_left_alone_for_five_seconds_each_time(self) -> None:
        self.disk.error = sqlite3.OperationalError("database or disk is full")
        self.put("/1")
        self.later(0.25)
        for tries in (1, 2, 3):
            self.put(f"/more/{tries}")
            self.later(4.999)
            self.assertEqual(len(self.disk.batches), tries)
            self.later(0.001)
            self.assertEqual(len(self.disk.batches), tries + 1)

    def test_it_is_said_again_after_a_minute_and_not_before(self) -> None:
        self.disk.error = sqlite3.OperationalError("database or disk is full")
        self.put("/1")
        self.later(0.25)
        for minute in (1, 2, 3):
            for _ in range(11):
                self.later(5.0)
            self.assertEqual(len(self.warnings), minute)
            self.later(5.0)
            self.assertEqual(len(self.warnings), minute + 1)

    def test_fifty_thousand_changes_are_noted_and_with_one_more_all_is_written(
        self,
    ) -> None:
        one = sized("/x", 1)
        for count, noted in ((50_000, True), (50_001, False)):
            self.setUp()
            memory = MemoryStore(MB, 50)
            self.made(memory)
            self.disk.kept["/foreign"] = one
            for number in range(count):
                memory.put(f"/{number}", replace(one, key=f"/{number}"))
            self.later()
            self.assertEqual(self.foreign(), noted, count)
            self.assertLessEqual({each.key for each in memory}, self.disk.kept.keys())


class Flushing(BehindCase):
    """At the end all is written, and nothing goes on."""

    def test_what_waits_is_written_and_the_file_closed(self) -> None:
        self.put("/1")
        self.successResultOf(self.behind.flush())
        self.assertEqual(self.disk.kept.keys(), {"/1"})
        self.assertEqual(self.disk.closed, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_came_while_the_thread_wrote_is_written_too(self) -> None:
        self.thread.busy = True
        self.put("/1")
        self.later()
        self.put("/2")
        done = self.behind.flush()
        self.assertNoResult(done)
        self.thread.catch_up()
        self.successResultOf(done)
        self.assertEqual(self.disk.kept.keys(), {"/1", "/2"})
        self.assertEqual(self.disk.closed, 1)

    def test_a_write_that_fails_at_the_end_is_made_once_more(self) -> None:
        self.thread.busy = True
        self.put("/1")
        self.later()
        done = self.behind.flush()
        work, written = self.thread.waiting.pop(0)
        self.disk.error = sqlite3.OperationalError("database is locked")
        execute(work).chainDeferred(written)
        self.disk.error = None
        self.thread.catch_up()
        self.successResultOf(done)
        self.assertEqual(self.disk.kept.keys(), {"/1"})

    def test_after_a_flush_during_a_write_no_timer_is_left(self) -> None:
        """It would open the file again, in a thread that has been stopped."""
        self.thread.busy = True
        self.put("/1")
        self.later()
        self.put("/2")
        done = self.behind.flush()
        self.thread.catch_up()
        self.successResultOf(done)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_disk_that_fails_does_not_hold_up_the_end(self) -> None:
        self.disk.error = sqlite3.OperationalError("database or disk is full")
        self.put("/1")
        self.successResultOf(self.behind.flush())
        self.assertEqual(self.disk.closed, 1)


class Failing(BehindCase):
    """Disk full, read-only, gone: one line a minute, and the service goes on."""

    ERRORS = (
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.OperationalError("attempt to write a readonly database"),
        sqlite3.DatabaseError("database disk image is malformed"),
        OSError(28, "No space left on device"),
        PermissionError(13, "Permission denied"),
    )

    def test_a_start_without_a_disk_is_a_start(self) -> None:
        for error in self.ERRORS:
            self.setUp()
            self.disk.error = error
            memory = MemoryStore(MB, 100)
            self.made(memory)
            self.assertEqual(len(self.warnings), 1)
            memory.put("/1", response("/1"))
            self.assertIsNotNone(memory.get("/1"))

    def test_answers_go_on_from_memory(self) -> None:
        for error in self.ERRORS:
            self.setUp()
            self.disk.error = error
            self.put("/1")
            self.later()
            self.put("/2")
            self.later(TRY_AGAIN)
            self.assertEqual(hot_share(self.memory, ["/1", "/2"]), 1.0)
            self.assertEqual(len(self.disk.batches), 2, error)
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_there_is_one_line_a_minute(self) -> None:
        self.disk.error = self.ERRORS[0]
        for number in range(int(COMPLAIN_EVERY * 3)):
            self.put(f"/{number}")
            self.later(1.0)
        self.assertEqual(len(self.warnings), 3)
        self.assertIn("disk", self.warnings[0])

    def test_when_the_disk_is_well_again_it_is_written_again(self) -> None:
        self.disk.error = self.ERRORS[0]
        self.put("/1")
        self.later()
        self.disk.error = None
        self.put("/2")
        self.later(TRY_AGAIN)
        self.assertEqual(self.disk.kept.keys(), {"/1", "/2"})

    def test_what_the_disk_did_not_take_is_held_back_for_it(self) -> None:
        """`MOST_WAITING`: while the disk takes nothing, this much is held back."""
        self.disk.error = self.ERRORS[0]
        self.put("/1")
        self.later()
        self.disk.error = None
        self.put("/2")
        self.later()
        self.successResultOf(self.behind.flush())
        self.assertEqual(self.disk.kept.keys(), {"/1", "/2"})

    def test_a_purge_that_the_disk_did_not_take_is_not_forgotten(self) -> None:
        """Else what was purged would be back after the next start."""
        self.put("/1")
        self.later()
        self.disk.error = self.ERRORS[0]
        self.memory.purge(lambda _: True)
        self.later()
        self.disk.error = None
        self.put("/2")
        self.later()
        self.successResultOf(self.behind.flush())
        self.assertNotIn("/1", self.disk.kept)

    def test_after_more_changes_than_are_noted_the_disk_is_right_as_well(self) -> None:
        memory = MemoryStore(MB, 50)
        self.made(memory)
        memory.put("/first", response("/first"))
        self.later()
        self.thread.busy = True
        memory.put("/second", response("/second"))
        self.later()
        one = sized("/x", 1)
        for number in range(MOST_WAITING + 500):
            key = f"/{number}"
            memory.put(key, replace(one, key=key))
        # nor does it help that the write before it fails
        self.disk.error = self.ERRORS[0]
        self.thread.catch_up()
        self.disk.error = None
        self.later(TRY_AGAIN)
        self.assertEqual(self.disk.kept.keys(), {each.key for each in memory})

    def test_a_full_write_that_failed_is_made_full_again(self) -> None:
        """Else what was purged would be back after the next start."""
        memory = MemoryStore(100 * MB, 100_000)
        self.made(memory)
        one = sized("/x", 1)
        for number in range(MOST_WAITING + 1):
            memory.fill(f"/{number}", replace(one, key=f"/{number}"))
        self.disk.kept["/0"] = one
        self.disk.error = self.ERRORS[0]
        memory.purge(lambda _: True)
        for _ in range(2):
            self.later(TRY_AGAIN)
            self.assertIn("/0", self.disk.kept)
        self.disk.error = None
        self.later(TRY_AGAIN)
        self.assertEqual(self.disk.kept, {})

    def test_changes_beyond_what_is_noted_wait_as_one(self) -> None:
        memory = Looked(MB, 50)
        self.made(memory)
        self.thread.busy = True
        memory.put("/first", response("/first"))
        self.later()
        one = sized("/x", 1)
        for number in range(MOST_WAITING + 1):
            memory.put(f"/{number}", replace(one, key=f"/{number}"))
        self.thread.catch_up()
        self.disk.batches.clear()
        self.later(TRY_AGAIN)
        (keys, dropped), *others = self.disk.batches
        self.assertEqual((dropped, others), ([], []))
        self.assertEqual(set(keys), {each.key for each in memory})
        # else they would be held, and looked up in one turn of the reactor
        self.assertLess(len(memory.looked), 5)

    def test_an_error_of_our_own_is_told_with_the_code_of_its_row(self) -> None:
        told: list[Any] = []
        globalLogPublisher.addObserver(told.append)
        self.addCleanup(globalLogPublisher.removeObserver, told.append)
        self.disk.error = TypeError("bug")
        self.put("/1")
        self.later()
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        codes = [each.get("code") for each in told if "log_failure" in each]
        self.assertEqual(codes, ["writing-broke"])
        self.disk.error = None
        self.successResultOf(self.behind.flush())
        self.assertEqual(self.disk.kept.keys(), {"/1"})

    def test_an_error_of_our_own_does_not_hang_the_end(self) -> None:
        self.addCleanup(self.flushLoggedErrors, TypeError)
        self.addCleanup(gc.collect)
        self.disk.error = TypeError("bug")
        self.put("/1")
        self.later()
        done = self.behind.flush()
        done.addErrback(lambda _failure: None)
        self.successResultOf(done)

    def test_what_is_held_back_does_not_outgrow_the_memory_it_came_from(self) -> None:
        """A disk that hangs: cap and ten per cent, and as much again that waits."""
        memory = MemoryStore(MB, 1000)
        self.made(memory)
        self.thread.busy = True
        memory.put("/first", sized("/first", 1))
        self.later()

        def flood() -> None:
            for number in range(1000):
                memory.put(f"/{number}", sized(f"/{number}", 10_000))

        _, taken = traced(flood)
        self.assertLess(taken, 2 * MB * 1.1)

    def test_a_purge_is_not_pushed_out_by_what_is_held_back(self) -> None:
        memory = MemoryStore(MOST_WAITING * 4000, MOST_WAITING)
        behind = WriteBehind(memory, self.disk, self.clock, self.thread)
        one = response("/x")
        for number in range(MOST_WAITING):
            self.disk.kept[f"/{number}"] = replace(one, key=f"/{number}")
        behind.fill()
        self.assertEqual(len(memory), MOST_WAITING)
        memory.purge(lambda _response: True)
        memory.put("/new/1", response("/new/1"))
        memory.put("/new/2", response("/new/2"))
        self.later()
        self.assertEqual(self.disk.kept.keys(), {"/new/1", "/new/2"})
