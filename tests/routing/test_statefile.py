"""The file of what is known of the routes: kept, replaced whole, never in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Fault
from streamr.policy.breaker import TRIP_IN_ROW
from streamr.routing.statefile import FILE_NAME, WRITE_AFTER, RouteFile
from tests.properties import examples
from tests.support import FakeRoute, failover_over

KNOWN = {"main": {"direct": {"pause": 5.0, "left": 2.5}}, "proxy": {}}


class RoutesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)
        self.path = self.directory / FILE_NAME
        self.known: Any = KNOWN
        self.told = 0
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def file(self, path: Path | None = None) -> RouteFile:
        return RouteFile(path or self.path, self.clock, self.tell)

    def tell(self) -> Any:
        self.told += 1
        return self.known

    def lines(self) -> list[str]:
        """What was logged by the code under test, as (level, text)."""
        return [
            f"{event['log_level'].name} {event['log_format']}"
            for event in self.events
            if event.get("log_namespace", "").startswith("streamr")
        ]


class Keeping(RoutesCase):
    def test_what_was_written_is_read_again(self) -> None:
        self.file().write()
        self.assertEqual(self.file().read(), KNOWN)
        self.assertEqual(self.lines(), [])

    def test_without_a_file_nothing_is_known(self) -> None:
        self.assertEqual(self.file().read(), {})
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_a_change_is_written_soon(self) -> None:
        file = self.file()
        file.changed()
        self.assertEqual(WRITE_AFTER, 1.0)  # a crash may cost this much
        self.clock.advance(WRITE_AFTER - 0.01)
        self.assertFalse(self.path.exists())
        self.clock.advance(0.01)
        self.assertEqual(file.read(), KNOWN)

    def test_breakers_that_flap_are_written_once(self) -> None:
        file = self.file()
        for _ in range(100):
            file.changed()
            self.clock.advance(WRITE_AFTER / 101)
        self.assertEqual(self.told, 0)
        self.clock.advance(WRITE_AFTER)
        self.assertEqual(self.told, 1)

    def test_a_change_after_a_write_is_written_as_well(self) -> None:
        file = self.file()
        for number in range(3):
            self.known = {"main": {"direct": number}}
            file.changed()
            self.clock.advance(WRITE_AFTER)
            self.assertEqual(file.read(), self.known)

    def test_what_is_written_is_what_is_known_then(self) -> None:
        file = self.file()
        file.changed()
        self.known = {"main": {}}
        self.clock.advance(WRITE_AFTER)
        self.assertEqual(file.read(), {"main": {}})

    def test_another_daemon_in_the_folder_keeps_what_it_knows(self) -> None:
        mine, others = {"pause": 5.0, "left": 1.0}, {"pause": 9.0, "left": 2.0}
        self.known = {"proxy": {"classic": others}, "main": {"direct": others}}
        self.file().write()
        self.known = {"main": {"direct": mine}}
        self.file().write()
        self.assertEqual(
            self.file().read(),
            {"proxy": {"classic": others}, "main": {"direct": mine}},
        )

    def test_a_write_at_the_end_leaves_no_timer(self) -> None:
        file = self.file()
        file.changed()
        file.write()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(file.read(), KNOWN)

    def test_it_is_replaced_whole(self) -> None:
        """Whoever has the old file open reads all of the old one."""
        self.file().write()
        with self.path.open(encoding="utf-8") as before:
            self.known = {
                "main": {"direct": {"pause": 300.0, "left": 1.0}},
                "proxy": {},
            }
            self.file().write()
            self.assertEqual(json.load(before), KNOWN)
        self.assertEqual(self.file().read(), self.known)
        self.assertEqual([each.name for each in self.directory.iterdir()], [FILE_NAME])


class Unwritable(RoutesCase):
    def test_a_path_that_cannot_be_written_costs_one_line(self) -> None:
        for path in (
            self.directory / "missing" / FILE_NAME,
            self.directory / ("n" * 300) / FILE_NAME,
        ):
            self.events.clear()
            file = self.file(path)
            file.changed()
            self.clock.advance(WRITE_AFTER)
            self.assertEqual(self.lines(), ["warn {path} cannot be written: {error}"])
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.assertEqual(file.read(), {})

    def test_a_folder_in_its_place_costs_one_line(self) -> None:
        (self.path / "full").mkdir(parents=True)
        file = self.file()
        file.write()
        self.assertEqual(len(self.lines()), 1)
        self.assertEqual(file.read(), {})

    def test_a_folder_that_comes_back_is_written_again(self) -> None:
        path = self.directory / "later" / FILE_NAME
        file = self.file(path)
        file.changed()
        self.clock.advance(WRITE_AFTER)
        path.parent.mkdir()
        file.changed()
        self.clock.advance(WRITE_AFTER)
        self.assertEqual(file.read(), KNOWN)

    def test_the_line_is_a_warning_and_names_no_folder(self) -> None:
        self.file(self.directory / "missing" / FILE_NAME).write()
        (event,) = (each for each in self.events if "path" in each)
        self.assertIs(event["log_level"], LogLevel.warn)
        self.assertEqual(event["path"], FILE_NAME)


class Garbage(RoutesCase):
    """Whatever stands in the file: the daemon starts, and knows what makes sense."""

    def learned(self, content: bytes) -> dict[str, bool]:
        """Which breakers are closed after a start with this file."""
        self.path.write_bytes(content)
        health = failover_over(
            [FakeRoute("direct"), FakeRoute("proxy")], self.clock
        ).health
        # as the daemon does
        known = self.file().read().get("main")
        health.learn(known if isinstance(known, dict) else {})
        return {name: each.closed for name, each in health.breakers.items()}

    @example(b"")
    @example(b"null")
    @example(b'["main"]')
    @example(b'{"main": []}')
    @example(b'{"main": {"direct": []}}')
    @example(b'{"main": {"direct": {"pause": 5, "left": "NaN"}}}')
    @example(b'{"main": {"direct": {"pause": NaN, "left": Infinity}}}')
    @example(b'{"main": {"direct": {"pause": true, "left": -1}}}')
    @example(b'{"main": {"direct": {"pause": 5')
    @example(b"\xff\xfe\x00")
    @given(st.binary(max_size=60))
    @examples(60)
    def test_bytes_that_say_nothing_open_nothing(self, content: bytes) -> None:
        self.assertEqual(self.learned(content), {"direct": True, "proxy": True})

    def test_a_number_beyond_all_bounds_opens_nothing(self) -> None:
        huge = b"1" + b"0" * 400
        told = b'{"main": {"direct": {"pause": %s, "left": 1}}}' % huge
        self.assertEqual(self.learned(told), {"direct": True, "proxy": True})

    def test_nesting_beyond_all_bounds_opens_nothing(self) -> None:
        self.assertEqual(self.learned(b"[" * 100_000)["direct"], True)

    def test_what_makes_sense_is_known_beside_what_does_not(self) -> None:
        told = {
            "main": {
                "direct": {"pause": 10, "left": 3},
                "proxy": "nonsense",
                "gone since": {"pause": 10, "left": 3},
            }
        }
        closed = self.learned(json.dumps(told).encode())
        self.assertEqual(closed, {"direct": False, "proxy": True})


class OverARestart(RoutesCase):
    """Health writes through the file and learns from it."""

    def test_an_open_breaker_is_open_after_a_restart_and_probed_when_due(self) -> None:
        before = failover_over([FakeRoute("direct")], self.clock).health
        file = RouteFile(self.path, self.clock, before.known)
        before.subscribe(file.changed)
        for _ in range(TRIP_IN_ROW):
            before.tried(before.routes[0], Fault("tls_reset"), 1)
        self.clock.advance(WRITE_AFTER)
        later = Clock()
        later.advance(5000.0)  # the new process's clock begins somewhere else
        route = FakeRoute("direct")
        after = failover_over([route], later).health
        after.learn(RouteFile(self.path, later, dict).read())
        self.assertFalse(after.breakers["direct"].closed)
        after.start()
        self.addCleanup(after.stop)
        for _ in range(35):
            later.advance(0.1)
        self.assertEqual(len(route.sent), 0)
        for _ in range(10):
            if not route.sent:
                later.advance(0.1)
        self.assertEqual(len(route.sent), 1)
        route.succeeds()
        self.assertTrue(after.breakers["direct"].closed)

    def test_a_breaker_that_closes_is_written_too(self) -> None:
        health = failover_over([FakeRoute("direct")], self.clock).health
        file = RouteFile(self.path, self.clock, lambda: {"main": health.known()})
        health.subscribe(file.changed)
        for _ in range(TRIP_IN_ROW):
            health.tried(health.routes[0], Fault("tls_reset"), 1)
        self.clock.advance(WRITE_AFTER)
        self.assertIn("direct", file.read()["main"])
        health.tried(health.routes[0], None, 1)
        self.clock.advance(WRITE_AFTER)
        self.assertEqual(file.read(), {"main": {}})
