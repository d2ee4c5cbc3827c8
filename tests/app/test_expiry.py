"""A certificate that ends while it is in use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.expiry import LOOK_EVERY, EndingWatch
from streamr.app.warnings import SOON

NOW = 1_800_000_000.0


class Watch(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.said: list[str] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)
        self.ends = self.now() + SOON + timedelta(days=1, hours=1)
        self.watch = EndingWatch(lambda: self.ends, self.clock, self.wall)
        self.watch.start()

    def note(self, event: LogEvent) -> None:
        if event.get("code") == "certificate-ends":
            self.said.append(event["notice"])

    def wall(self) -> float:
        return NOW + self.clock.seconds()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall(), UTC)

    def test_it_is_told_once_a_day_from_two_weeks_ahead(self) -> None:
        self.clock.advance(LOOK_EVERY)
        self.assertEqual(self.said, [])
        for days in (1, 2):
            self.clock.advance(LOOK_EVERY)
            self.assertEqual(len(self.said), days)
        self.assertIn("PROXY_TLS_CERT ends on 2027", self.said[-1])

    def test_one_that_was_renewed_meanwhile_is_not_told_of(self) -> None:
        self.ends += timedelta(days=90)
        for _ in range(30):
            self.clock.advance(LOOK_EVERY)
        self.assertEqual(self.said, [])

    def test_nothing_is_left_when_it_stops(self) -> None:
        self.watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
