"""What outlives a restart: which file keeps the answers of which TMDB, and what is
known of routes, networks and addresses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.state import KeptState, file_name
from streamr.config import load
from streamr.errors import Fault
from streamr.observe.history import History
from streamr.policy.breaker import TRIP_IN_ROW
from streamr.policy.search import Proven
from streamr.routing.statefile import FILE_NAME, WRITE_AFTER
from streamr.upstream.resolve.book import KEPT_SECONDS, AddressBook
from tests.properties import examples
from tests.support import FakeRoute, Notes, gateway_over

KEY = {"TMDB_API_KEY": "0" * 32}


class FileName(SynchronousTestCase):
    def name(self, **more: str) -> str:
        return file_name(load.load({}, {**KEY, **more}))

    def test_tmdb_itself_has_one_file(self) -> None:
        self.assertEqual(self.name(), "cache.sqlite")
        other = self.name(TMDB_BASE_URL="https://api.tmdb.org/3")
        self.assertEqual(other, "cache.sqlite")

    def test_no_stand_in_shares_it_or_another_ones(self) -> None:
        names = [
            self.name(),
            self.name(TMDB_BASE_URL="http://127.0.0.1:8000/3"),
            self.name(TMDB_BASE_URL="http://127.0.0.1:8001/3"),
            self.name(TMDB_PINS="api.themoviedb.org=127.0.0.1:1"),
            self.name(TMDB_PINS="api.themoviedb.org=127.0.0.1:2"),
        ]
        self.assertEqual(len(set(names)), len(names))

    def test_the_same_stand_in_finds_its_file_again(self) -> None:
        pins = "api.themoviedb.org=127.0.0.1:1"
        self.assertEqual(self.name(TMDB_PINS=pins), self.name(TMDB_PINS=pins))


NAME, ROUTE = "api.themoviedb.org", "modern@api.tmdb.org+via:p1"
ONE, SIX = "198.51.100.1", "2001:db8::1"
NOW = 1_800_000_000.0
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


class Run:
    """One life of a daemon: what it keeps, with a clock that begins anywhere."""

    def __init__(self, directory: Path | None, now: float = NOW) -> None:
        self.clock = Clock()
        reactor: Any = self.clock
        self.clock.advance(500.0)
        self.now = now
        self.route = FakeRoute("direct")
        gateway = gateway_over([self.route], self.clock, Notes())
        self.health = gateway.failover.health
        self.state = KeptState(directory, reactor, lambda: self.now)
        self.book = AddressBook(self.clock)
        history = History("streamr-main", self.clock.seconds, lambda: self.now)
        self.file = self.state.remember(
            {"main": gateway.failover.health}, self.book, history
        )
        self.memory = self.state.memory

    def passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.now += seconds

    def ends(self) -> None:
        assert self.file is not None
        self.file.write()

    @property
    def order(self) -> list[str]:
        """The addresses that it goes to without asking anybody."""
        return self.book.order(NAME, [], "auto")


class Restarts(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)
        self.path = self.directory / FILE_NAME

    def run_once(self, age: float = 0.0) -> None:
        run = Run(self.directory)
        run.memory.noted(ROUTE, 40.0)
        run.book.verified(NAME, ONE)
        run.book.verified(NAME, SIX)
        for _ in range(TRIP_IN_ROW):
            run.health.tried(run.route, Fault("tls_timeout"), 1)
        run.passes(age)
        run.ends()

    def known(self) -> Any:
        return json.loads(self.path.read_text(encoding="utf-8"))

    def test_routes_networks_and_addresses_outlive_it(self) -> None:
        self.run_once()
        again = Run(self.directory)
        self.assertEqual(again.memory.proven(ROUTE), Proven(40.0))
        self.assertCountEqual(again.order, [ONE, SIX])
        self.assertFalse(again.health.is_closed(again.route))
        self.assertEqual(again.health.silent_hosts(), {"api.test.invalid"})

    def test_an_address_grows_old_while_the_machine_is_off(self) -> None:
        self.run_once(age=100.0)
        for off, expected in ((KEPT_SECONDS - 200.0, 2), (KEPT_SECONDS, 0)):
            again = Run(self.directory, NOW + 100.0 + off)
            self.assertEqual(len(again.order), expected, off)

    def test_with_a_clock_that_was_set_back_nothing_is_lost_or_kept_for_ever(
        self,
    ) -> None:
        self.run_once()
        again = Run(self.directory, NOW - 3 * KEPT_SECONDS)
        self.assertEqual(again.memory.proven(ROUTE), Proven(40.0))
        self.assertCountEqual(again.order, [ONE, SIX])
        again.ends()
        again.passes(KEPT_SECONDS)
        self.assertEqual(again.order, [])
        later = Run(self.directory, NOW - 2 * KEPT_SECONDS)
        self.assertEqual(later.order, [])

    def test_networks_are_told_apart_by_the_same_salt_again(self) -> None:
        self.run_once()
        salt = self.known()["salt"]
        self.assertRegex(salt, r"\A[0-9a-f]{16}\Z")
        again = Run(self.directory)
        again.ends()
        self.assertEqual(self.known()["salt"], salt)
        other = Run(None)
        self.assertNotIn(salt, repr(other.state.__dict__))

    def test_what_is_new_is_written_soon(self) -> None:
        run = Run(self.directory)
        run.memory.noted(ROUTE, 40.0)
        run.passes(WRITE_AFTER)
        (network,) = self.known()["networks"].values()
        self.assertEqual(list(network), [ROUTE])
        for _ in range(TRIP_IN_ROW):
            run.health.tried(run.route, Fault("tls_reset"), 1)
        run.passes(WRITE_AFTER)
        self.assertIn("direct", self.known()["main"])

    def test_names_without_a_verified_address_are_not_written(self) -> None:
        run = Run(self.directory)
        run.book.named(NAME, "system", [ONE])
        run.ends()
        self.assertEqual(self.known()["addresses"], {})

    def test_without_a_folder_nothing_is_kept(self) -> None:
        run = Run(None)
        self.assertIsNone(run.file)
        run.memory.noted(ROUTE, 40.0)
        self.assertEqual(run.memory.proven(ROUTE), Proven(40.0))
        self.assertEqual(run.clock.getDelayedCalls(), [])

    def test_what_makes_no_sense_is_left_out_and_the_rest_is_kept(self) -> None:
        wrong: list[object] = [None, "x", [], -1, 0, 1e12, 10**400, float("nan")]
        for told in wrong:
            addresses = {NAME: {"203.0.113.9": told, ONE: NOW - 5}, "other": told}
            self.path.write_text(json.dumps({"addresses": addresses}))
            self.assertEqual(Run(self.directory).order, [ONE], told)
        for name in ("", "localhost", "evil.example", "1.2.3", "198.51.100.1\n"):
            self.path.write_text(json.dumps({"addresses": {NAME: {name: NOW - 5}}}))
            self.assertEqual(Run(self.directory).order, [], name)
        for salt in wrong:
            self.path.write_text(json.dumps({"salt": salt}))
            if not isinstance(salt, str):
                Run(self.directory).ends()
                self.assertEqual(len(self.known()["salt"]), 16)

    @examples(60)
    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "salt": anything,
                "main": anything,
                "networks": anything | st.dictionaries(st.text(), anything),
                "addresses": anything | st.dictionaries(st.just(NAME), anything),
            },
        )
    )
    def test_nothing_in_the_file_raises(self, told: dict[str, Any]) -> None:
        self.path.write_text(json.dumps(told), encoding="utf-8")
        run = Run(self.directory)
        run.memory.noted(ROUTE, 40.0)
        self.assertIsInstance(run.order, list)
        run.ends()
        self.assertEqual(Run(self.directory).memory.proven(ROUTE), Proven(40.0))
