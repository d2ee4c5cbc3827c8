"""The system's resolver: in threads, of which a silent one holds nobody up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.upstream.resolve.cache import FRESH_SECONDS, RememberingResolver
from streamr.upstream.resolve.failures import NoSuchName, ServerFailed
from streamr.upstream.resolve.system import MOST_AT_ONCE, Lookups, system_lookup
from tests.upstream.resolve.test_cache import NAME, V4, Receiver

# For a thread that has nothing to wait for; only a test that hangs comes here.
PATIENCE = 10.0


class Reactor:
    """The part of the reactor that threads may call; the test runs what was left."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._calls: list[Callable[[], None]] = []

    def callFromThread(self, what: Callable[..., object], *args: Any) -> None:
        with self._arrived:
            self._calls.append(lambda: what(*args))
            self._arrived.notify_all()

    def run(self, count: int) -> None:
        """Wait until so many calls are there, and make them, in this thread."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self._calls) >= count, PATIENCE)
            calls, self._calls = self._calls, []
        for each in calls:
            each()


class InThreads(SynchronousTestCase):
    """Real threads, some of which wait for a resolver that is silent."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.released = threading.Event()
        self.begun = threading.Semaphore(0)
        self.threads: list[threading.Thread] = []
        self.lookups = Lookups(self.reactor, self.look)
        self.addCleanup(self.end)

    def end(self) -> None:
        self.released.set()
        for each in self.threads:
            each.join(PATIENCE)
            self.assertFalse(each.is_alive())

    def look(self, name: str) -> list[tuple[int, str]]:
        self.threads.append(threading.current_thread())
        self.begun.release()
        if name.startswith("silent"):
            assert self.released.wait(PATIENCE)
        if name.startswith("bad"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        if name.startswith("odd"):
            raise UnicodeError("label too long")
        return [V4]

    def silent(self, count: int) -> list[Deferred[Any]]:
        """So many lookups that do not come back, and have begun."""
        asked = [self.lookups.find(f"silent{n}.test.invalid") for n in range(count)]
        for _ in range(min(count, MOST_AT_ONCE)):
            self.assertTrue(self.begun.acquire(timeout=PATIENCE))
        return asked

    def test_a_lookup_runs_in_another_thread_and_ends_in_this_one(self) -> None:
        ended_in = []
        finding = self.lookups.find(NAME)
        finding.addCallback(lambda _: ended_in.append(threading.current_thread()))
        self.reactor.run(1)
        self.assertEqual(ended_in, [threading.current_thread()])
        self.assertNotIn(threading.current_thread(), self.threads)

    def test_addresses_and_errors_come_back(self) -> None:
        found = self.lookups.find(NAME)
        bad, odd = self.lookups.find("bad.invalid"), self.lookups.find("odd.invalid")
        self.reactor.run(3)
        self.assertEqual(self.successResultOf(found), [V4])
        self.failureResultOf(bad, NoSuchName)
        self.failureResultOf(odd, NoSuchName)

    def test_a_thread_that_cannot_begin_takes_no_place(self) -> None:
        size = threading.stack_size(1 << 47)  # no machine has as much
        try:
            for _ in range(MOST_AT_ONCE):
                self.failureResultOf(self.lookups.find(NAME), ServerFailed)
        finally:
            threading.stack_size(size)
        found = self.lookups.find(NAME)
        self.reactor.run(1)
        self.assertEqual(self.successResultOf(found), [V4])

    def test_who_leaves_does_not_free_the_thread(self) -> None:
        for each in self.silent(MOST_AT_ONCE):
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.failureResultOf(self.lookups.find(NAME), ServerFailed)
        self.released.set()
        self.reactor.run(MOST_AT_ONCE)
        found = self.lookups.find(NAME)
        self.reactor.run(1)
        self.assertEqual(self.successResultOf(found), [V4])

    def test_silent_lookups_leave_the_others_their_threads(self) -> None:
        silent = self.silent(MOST_AT_ONCE - 1)
        for _ in range(3):
            quick = self.lookups.find(NAME)
            self.reactor.run(1)
            self.assertEqual(self.successResultOf(quick), [V4])
        for each in silent:
            self.assertNoResult(each)
        self.released.set()
        self.reactor.run(MOST_AT_ONCE - 1)
        for each in silent:
            self.assertEqual(self.successResultOf(each), [V4])

    def test_twelve_silent_lookups_take_eight_threads_and_block_nobody(self) -> None:
        # this very call returns: nobody waits for a thread
        asked = self.silent(12)
        self.assertEqual(len(self.threads), 8)
        for each in asked[:8]:
            self.assertNoResult(each)
        for each in asked[8:]:
            self.failureResultOf(each, ServerFailed)

    def test_none_of_their_threads_holds_up_the_end_of_the_process(self) -> None:
        self.silent(3)
        self.assertEqual([each.daemon for each in self.threads], [True] * 3)

    def test_when_they_end_there_is_room_again(self) -> None:
        silent = self.silent(MOST_AT_ONCE)
        self.failureResultOf(self.lookups.find(NAME), ServerFailed)
        self.released.set()
        self.reactor.run(MOST_AT_ONCE)
        for each in silent:
            self.successResultOf(each)
        again = [self.lookups.find(NAME) for _ in range(MOST_AT_ONCE)]
        self.reactor.run(MOST_AT_ONCE)
        for each in again:
            self.assertEqual(self.successResultOf(each), [V4])

    def test_there_is_never_more_room_than_before(self) -> None:
        for _ in range(2):
            self.released.clear()
            silent = self.silent(8)
            self.failureResultOf(self.lookups.find(NAME), ServerFailed)
            self.released.set()
            self.reactor.run(8)
            for each in silent:
                self.successResultOf(each)

    def test_with_all_threads_silent_what_was_known_is_still_told(self) -> None:
        clock = Clock()
        resolver = RememberingResolver(self.lookups.find, clock)
        first = Receiver()
        resolver.resolveHostName(first, NAME, 443)
        self.reactor.run(1)
        clock.advance(FRESH_SECONDS + 1)
        self.begun = threading.Semaphore(0)
        silent = self.silent(MOST_AT_ONCE)
        second = Receiver()
        resolver.resolveHostName(second, NAME, 443)
        self.assertEqual((first.found, second.found), (["192.0.2.1"], ["192.0.2.1"]))
        self.assertEqual(len(silent), MOST_AT_ONCE)


class TheSystem(SynchronousTestCase):
    def test_this_machine_is_found_each_address_once(self) -> None:
        found = system_lookup("localhost")
        self.assertIn((socket.AF_INET, "127.0.0.1"), found)
        self.assertEqual(len(found), len(set(found)))

    def test_both_families_are_found(self) -> None:
        for name, family in (
            ("192.0.2.1", socket.AF_INET),
            ("2001:db8::1", socket.AF_INET6),
        ):
            self.assertEqual(system_lookup(name), [(family, name)])

    def test_a_name_that_cannot_be_is_an_error_that_is_expected(self) -> None:
        for name in ("no..such", "x" * 300, "a." + "y" * 64):
            self.assertRaises((OSError, UnicodeError), system_lookup, name)
