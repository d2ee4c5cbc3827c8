"""Codings of stored responses: made for whoever asks first, kept for the others."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import StoredResponse
from streamr.gateway.codings import Codings
from streamr.policy import representation
from streamr.store.memory import MemoryStore, size_of
from tests.contracts.store import response

KEY = "/movie/550"
GZIP, BROTLI, BOTH = frozenset({"gzip"}), frozenset({"br"}), frozenset({"gzip", "br"})
LARGE = {"id": 550, "x": "a" * representation.HEAVY}


class CodingsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = MemoryStore(10_000_000, 2000)
        self.told: list[object] = []
        self.store.subscribe(self.told.append, self.told.append)
        self.threads: list[tuple[Callable[[], bytes], Deferred[bytes]]] = []
        self.codings = Codings(self.store, self.in_thread)

    def in_thread(self, work: Callable[[], bytes]) -> Deferred[bytes]:
        done: Deferred[bytes] = Deferred()
        self.threads.append((work, done))
        return done

    def thread_ends(self) -> None:
        work, done = self.threads.pop(0)
        done.callback(work())

    def kept(self, body: object = None, **more: object) -> StoredResponse:
        one = response(KEY, body, **{"gzipped": None, **more})
        self.store.put(KEY, one)
        self.told.clear()
        return one

    def stored(self) -> StoredResponse:
        found = self.store.peek(KEY)
        assert found is not None
        return found


class Light(CodingsCase):
    """What takes less than a millisecond is made at once."""

    def test_it_is_made_for_the_first_and_kept_for_the_next(self) -> None:
        one = self.kept()
        first = self.codings.coded(one, GZIP)
        assert first.gzipped is not None
        self.assertEqual(gzip.decompress(first.gzipped), one.body)
        # as to those who shared a flight, whose outcome holds it as it was
        second = self.codings.coded(one, GZIP)
        self.assertIs(second.gzipped, first.gzipped)
        self.assertIs(self.codings.coded(self.stored(), GZIP), self.stored())

    def test_brotli_is_made_beside_the_gzip_that_came(self) -> None:
        one = self.kept(gzipped=b"as it came")
        made = self.codings.coded(one, BOTH)
        self.assertEqual(made.gzipped, b"as it came")
        self.assertEqual(made.brotli is None, representation.brotli is None)
        self.assertEqual(self.stored(), made)

    def test_what_nobody_takes_is_not_made(self) -> None:
        one = self.kept()
        for taken in (frozenset[str](), frozenset({"zstd"})):
            self.assertIs(self.codings.coded(one, taken), one)
        self.assertIs(self.stored(), one)

    def test_what_came_goes_out_as_it_came(self) -> None:
        one = self.kept(gzipped=b"as it came")
        self.assertIs(self.codings.coded(one, GZIP), one)

    def test_the_store_counts_it_and_tells_of_it(self) -> None:
        one = self.kept({"x": " ".join(map(str, range(500)))})
        before = self.store.bytes
        made = self.codings.coded(one, GZIP)
        assert made.gzipped is not None
        self.assertEqual(self.store.bytes, before + len(made.gzipped))
        self.assertEqual(self.store.bytes, size_of(self.stored()))
        # what was rendered from the response as it was is no longer the newest
        self.assertEqual(self.told, [made])

    def test_one_that_has_left_the_store_is_served_and_stays_away(self) -> None:
        one = self.kept()
        self.store.purge(lambda _each: True)
        self.assertIsNotNone(self.codings.coded(one, GZIP).gzipped)
        self.assertIsNone(self.store.peek(KEY))

    def test_a_newer_answer_is_never_given_an_older_body(self) -> None:
        one = self.kept()
        newer = self.kept({"id": 550, "v": 2})
        made = self.codings.coded(one, GZIP)
        assert made.gzipped is not None
        self.assertEqual(gzip.decompress(made.gzipped), one.body)
        self.assertIs(self.stored(), newer)

    def test_one_that_was_renewed_meanwhile_keeps_its_new_terms(self) -> None:
        one = self.kept()
        self.store.put(KEY, replace(one, stored_at=2e6, lifetime=77.0))
        self.codings.coded(one, GZIP)
        found = self.stored()
        self.assertEqual((found.stored_at, found.lifetime), (2e6, 77.0))
        self.assertIsNotNone(found.gzipped)


class Heavy(CodingsCase):
    """What takes longer is made in a thread, and nobody waits for it."""

    def test_the_first_gets_what_there_is_and_the_next_the_coding(self) -> None:
        one = self.kept(LARGE)
        self.assertIs(self.codings.coded(one, GZIP), one)
        self.thread_ends()
        made = self.codings.coded(one, GZIP)
        assert made.gzipped is not None
        self.assertEqual(gzip.decompress(made.gzipped), one.body)
        self.assertEqual(self.threads, [])

    def test_it_is_made_once_however_many_ask_meanwhile(self) -> None:
        one = self.kept(LARGE)
        for _ in range(5):
            self.codings.coded(one, GZIP)
        self.assertEqual(len(self.threads), 1)

    def test_what_was_replaced_meanwhile_stays_as_it_is(self) -> None:
        one = self.kept(LARGE)
        self.codings.coded(one, GZIP)
        newer = self.kept({"id": 550})
        self.thread_ends()
        self.assertIs(self.stored(), newer)

    def test_one_that_breaks_is_logged_and_tried_again(self) -> None:
        one = self.kept(LARGE)
        self.codings.coded(one, GZIP)
        self.threads.pop()[1].errback(ZeroDivisionError("bug"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIs(self.codings.coded(one, GZIP), one)
        self.thread_ends()
        self.assertIsNotNone(self.stored().gzipped)
