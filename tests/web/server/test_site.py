"""The connections of a server: how many there are, and who is turned away."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from streamr.web.api.surface import Surface
from streamr.web.server.channel import LINGER_SECONDS
from streamr.web.server.limits import MOST_OF_ONE, MOST_TOLD, Limits
from streamr.web.server.site import WARN_EVERY
from tests.web.api.test_resource import Seen, SurfaceCase


class Caps(SurfaceCase):
    """A server that takes two connections."""

    def changed(self, surface: Surface) -> Surface:
        self.limits = Limits(2)
        return replace(surface, limits=self.limits)

    def setUp(self) -> None:
        super().setUp()
        self.site.limits = self.limits
        self.logged: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)
        # the first connection is the case's own, from before there were limits
        self.made = [self.opened() for _ in range(2)]

    def opened(self, peer: str = "192.0.2.1") -> tuple[Any, Any]:
        self.connect(peer)
        return self.channel, self.transport

    def turned_away(self) -> Seen:
        self.opened()
        seen = self.seen()
        self.assertTrue(self.transport.disconnecting)
        return seen

    def test_one_beyond_the_cap_is_told_so_and_closed(self) -> None:
        seen = self.turned_away()
        self.assertEqual((seen.status, seen.json["status_code"]), (503, 9))
        self.assertIs(seen.json["success"], False)
        self.assertEqual("2", seen.headers["retry-after"])
        self.assertEqual("close", seen.headers["connection"])
        self.assertEqual("*", seen.headers["access-control-allow-origin"])

    def test_what_it_asks_is_not_carried_out(self) -> None:
        self.opened()
        told = self.transport.value()
        self.send("/3/movie/550")
        self.assertEqual((self.transport.value(), self.route.sent), (told, []))

    def test_those_who_are_there_are_served(self) -> None:
        self.turned_away()
        self.channel, self.transport = self.made[0]
        self.send("/api/health")
        self.assertEqual(200, self.seen().status)

    def test_its_place_is_free_again_when_one_has_ended(self) -> None:
        self.made[0][0].connectionLost(Failure(ConnectionDone()))
        self.opened()
        self.assertEqual(b"", self.transport.value())

    def test_a_flood_is_cut_without_a_word_and_told_once_a_minute(self) -> None:
        flood = [self.opened() for _ in range(MOST_TOLD + 3)]
        silent = [each for _, each in flood if not each.value()]
        self.assertEqual(3, len(silent))
        self.assertTrue(all(each.aborted for each in silent))
        self.assertEqual(1, self.warnings())
        self.clock.advance(WARN_EVERY)
        self.opened()
        self.assertEqual(2, self.warnings())

    def test_one_that_does_not_leave_is_cut(self) -> None:
        channel, transport = self.opened()
        channel.transport.loseConnection = lambda: None
        self.clock.pump([1.0] * (int(LINGER_SECONDS) + 1))
        self.assertTrue(transport.aborted)

    def warnings(self) -> int:
        codes = [each.get("code") for each in self.logged]
        return codes.count("connections-full")


class OneAddress(Caps):
    """The same for what one address may have."""

    def changed(self, surface: Surface) -> Surface:
        self.limits = Limits(1000)
        return replace(surface, limits=self.limits)

    def setUp(self) -> None:
        super().setUp()
        for _ in range(MOST_OF_ONE - 2):
            self.opened()

    def test_one_beyond_the_cap_is_told_so_and_closed(self) -> None:
        seen = self.turned_away()
        self.assertEqual((seen.status, json.loads(seen.body)["status_code"]), (429, 25))
        self.assertEqual("2", seen.headers["retry-after"])

    def test_another_address_is_served(self) -> None:
        self.opened("192.0.2.2")
        self.send("/api/health")
        self.assertEqual(200, self.seen().status)
