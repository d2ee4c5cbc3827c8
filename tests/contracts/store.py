"""What every store keeps to: one body of tests, run over each of them."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from streamr.boundaries import Answer, Query, StoredResponse, Validators
from streamr.interfaces import Store, Tier
from streamr.policy import representation
from streamr.policy.freshness import state, terms
from streamr.tmdb.lifetimes import CLASSES

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as Case
else:
    Case = object

NOW = 1_000_000.0


def response(key: str = "/movie/550", body: Any = None, **more: Any) -> StoredResponse:
    """A stored response as a real answer makes it; `more` are fields of Answer."""
    path = key.partition("?")[0]
    now = more.pop("now", NOW)
    text = json.dumps(body or {"id": 550, "key": key}).encode()
    found = Answer(
        **{
            "status": 200,
            "body": text,
            "gzipped": representation.gzipped(text),
            "cache_control": "max-age=3600",
            "validators": Validators('W/"x"', None),
            **more,
        }
    )
    kept = terms(found, CLASSES["details"])
    assert kept is not None
    query = Query(path, (), "/movie/{movie_id}")
    return representation.ready(key, query, found, kept, now)


def sized(key: str, size: int) -> StoredResponse:
    """A response whose bodies take `size` bytes together, whatever they hold."""
    return replace(response(key), body=b"a" * size, gzipped=b"", brotli=None)


class StoreContract(Case):
    """A store passes when the class that mixes this in says how to make and reload it.

    `again()` gives the store from which later callers are served: the same one, or
    another that was filled after a restart.
    """

    def make(self) -> Store:
        raise NotImplementedError

    def again(self) -> Store:
        raise NotImplementedError

    def purge(self, path: str) -> None:
        raise NotImplementedError

    def setUp(self) -> None:
        self.store = self.make()

    def test_what_was_not_put_is_not_there(self) -> None:
        self.store.put("/movie/1", response("/movie/1"))
        self.assertIsNone(self.again().get("/movie/2"))
        self.assertIsNone(self.again().get(""))

    def test_what_was_put_comes_back_the_same(self) -> None:
        for number, more in enumerate(
            (
                {},
                {"validators": None},
                {"validators": Validators(None, "Sun, 22 Nov 2026 10:00:00 GMT")},
                {"content_type": 'application/json; charset="utf-8"; x=é'},
                {"status": 404},
                {"age": 100.0},
                {"cache_control": None},
                {"body": {"t": "日本 \N{PILE OF POO} \x00"}},
                {"body": {"t": "a" * 300_000}},
            )
        ):
            key = f"/movie/{number}?language=de&query=%C3%A9"
            put = response(key, **more)
            self.store.put(key, put)
            self.assertEqual(_rounded(self.again().get(key)), _rounded(put), more)

    def test_the_last_one_put_under_a_key_counts(self) -> None:
        for version in range(3):
            self.store.put("/movie/550", response(body={"id": 550, "v": version}))
        found = self.again().get("/movie/550")
        assert found is not None
        self.assertEqual(json.loads(found.body)["v"], 2)

    def test_each_key_has_its_own(self) -> None:
        keys = ["/movie/1", "/movie/1?page=2", "/movie/11", "/Movie/1", "/movie/1 "]
        for key in keys:
            self.store.put(key, response(key))
        store = self.again()
        for key in keys:
            found = store.get(key)
            assert found is not None, key
            self.assertEqual(json.loads(found.body)["key"], key)

    def test_every_coding_of_what_comes_back_says_the_same(self) -> None:
        self.store.put("/movie/550", response())
        found = self.again().get("/movie/550")
        assert found is not None
        assert found.gzipped is not None
        self.assertEqual(representation.gunzipped(found.gzipped), found.body)
        self.assertEqual(found.etag, representation.etag(found.body))

    def test_what_came_back_is_as_fresh_as_it_was(self) -> None:
        put = response(age=50.0)
        self.store.put("/movie/550", put)
        found = self.again().get("/movie/550")
        for later in (0.0, 3549.0, 3551.0, 200_000.0, 10_000_000.0):
            self.assertIs(state(found, NOW + later), state(put, NOW + later), later)

    def test_what_was_purged_is_gone_and_the_rest_is_not(self) -> None:
        for key in ("/movie/1", "/movie/2"):
            self.store.put(key, response(key))
        self.purge("/movie/1")
        store = self.again()
        self.assertIsNone(store.get("/movie/1"))
        self.assertIsNotNone(store.get("/movie/2"))

    def test_what_was_purged_can_be_put_again(self) -> None:
        self.store.put("/movie/1", response("/movie/1"))
        self.purge("/movie/1")
        self.store.put("/movie/1", response("/movie/1"))
        self.assertIsNotNone(self.again().get("/movie/1"))


class TierContract(Case):
    """A tier passes when the class that mixes this in makes one, and one that fails.

    Fakes of a tier keep to it as well.
    """

    def tier(self) -> Tier:
        """An empty one, by whose clock it is NOW."""
        raise NotImplementedError

    def failing(self) -> Tier:
        """One that cannot be used."""
        raise NotImplementedError

    def keys(self, tier: Tier) -> list[str]:
        """What it gives back after it was closed, in its order."""
        tier.close()
        return [each.key for each in tier.load()]

    def test_what_was_written_comes_back_newest_first(self) -> None:
        tier = self.tier()
        self.assertEqual(self.keys(tier), [])
        ones = [response(f"/{ago}", now=NOW - ago) for ago in (20, 0, 10)]
        tier.write(ones, [])
        self.assertEqual(self.keys(tier), ["/0", "/10", "/20"])

    def test_what_is_dropped_is_gone_and_the_rest_is_not(self) -> None:
        tier = self.tier()
        tier.write([response("/1"), response("/2")], [])
        tier.write([response("/3")], ["/1", "/none"])
        self.assertEqual(set(self.keys(tier)), {"/2", "/3"})

    def test_one_dropped_and_written_in_one_batch_is_there(self) -> None:
        tier = self.tier()
        tier.write([response("/1")], [])
        tier.write([response("/1")], ["/1"])
        self.assertEqual(self.keys(tier), ["/1"])

    def test_it_can_be_told_to_keep_these_and_nothing_else(self) -> None:
        tier = self.tier()
        tier.write([response("/1"), response("/2")], [])
        tier.replace([response("/2"), response("/3")])
        self.assertEqual(set(self.keys(tier)), {"/2", "/3"})
        tier.replace([])
        self.assertEqual(self.keys(tier), [])

    def test_a_closed_one_is_opened_again_when_it_is_needed(self) -> None:
        tier = self.tier()
        tier.write([response("/1")], [])
        for key in ("/2", "/3"):
            tier.close()
            tier.close()
            tier.write([response(key)], [])
        self.assertEqual(set(self.keys(tier)), {"/1", "/2", "/3"})

    def test_it_fails_with_what_it_names_and_can_be_closed(self) -> None:
        tier = self.failing()
        for _ in range(2):
            for work in (
                tier.load,
                lambda: tier.write([response()], []),
                lambda: tier.replace([response()]),
            ):
                self.assertRaises(tier.failures, work)
            tier.close()


def _rounded(found: StoredResponse | None) -> StoredResponse | None:
    """Without the last bits of a time that was turned into the wall's and back."""
    return found and replace(found, stored_at=round(found.stored_at, 3))


def hot_share(store: Store, keys: Sequence[str]) -> float:
    """The part of these keys that is there."""
    return sum(store.get(key) is not None for key in keys) / len(keys)


def traced(work: Callable[[], Any]) -> tuple[Any, int]:
    """The result of some work, and the bytes that are still taken after it."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = work()
        gc.collect()
        return result, tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
