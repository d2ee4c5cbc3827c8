"""The door: who may come through, under which names, and what is behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from streamr.net.doors import NAMES, PICTURE_NAMES
from streamr.tmdb import catalogue
from streamr.web.api import target
from streamr.web.api.door import MOST_CALLERS, DoorCaller, Doorkeeper
from streamr.web.api.surface import Surface
from streamr.web.router import Router
from streamr.web.server.authority import new_authority, read_authority
from streamr.web.server.tls import DoorTLS, over
from tests.web.server.test_tls import Caller, Case, trusting

API = NAMES[0]
NEAR = ("127.0.0.1", "::1", "10.1.2.3", "172.16.0.9", "192.168.1.7", "fd00::1")
FAR = ("203.0.113.9", "2001:db8::1", "100.64.0.1", "172.32.0.1", "")


class Door(Case):
    """The surface of the door, over its TLS."""

    def setUp(self) -> None:
        super().setUp()
        now = datetime.now(UTC)
        self.pem, key = new_authority(now, "here")
        tls = DoorTLS(read_authority(self.pem, key), now.timestamp)
        self.secure = over(tls, self.site, self.clock)

    def changed(self, surface: Surface) -> Surface:
        self.keeper = Doorkeeper(self.clock.seconds)
        return replace(
            surface,
            find=target.door_query(catalogue.load()),
            router=Router([]),
            admin_token=None,
            name="streamr-door",
            guard=self.keeper.check,
        )

    def asks(
        self, path: str, host: str = API, name: str = API, peer: str = "127.0.0.1"
    ) -> Caller:
        caller = Caller(self, trusting(self.pem), peer, name=name)
        caller.channel.site = self.site
        return caller.shake().say(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        )

    def test_the_name_in_tls_and_in_http_is_the_same_and_one_of_tmdbs(self) -> None:
        for host, name, statuses in (
            (API, API, []),
            (f"{API}:443", API, []),
            (API.upper(), API, []),
            (NAMES[1], NAMES[1], []),
            (NAMES[2], NAMES[2], [404]),
            (NAMES[1], API, [421]),
            ("127.0.0.1", API, [421]),
            ("localhost", API, [421]),
            ("a", API, [421]),
            ("example.org", API, [421]),
        ):
            caller = self.asks("/3/movie/550", host, name)
            self.assertEqual(caller.statuses, statuses, (host, name))
            self.assertEqual(len(self.route.sent), not statuses, (host, name))
            self.route.sent.clear()

    def test_who_is_not_near_is_refused(self) -> None:
        for peer in NEAR:
            self.assertEqual(self.asks("/3/movie/550", peer=peer).statuses, [], peer)
        self.route.sent.clear()
        for peer in FAR:
            caller = self.asks("/3/movie/550", peer=peer)
            self.assertEqual(caller.statuses, [403], peer)
            self.assertIn(b"private networks", caller.heard)
        self.assertEqual(self.route.sent, [])

    def test_nothing_but_tmdbs_paths_is_behind_it(self) -> None:
        for path in (
            "/",
            "/status.json",
            "/api/health",
            "/api/tmdb/popular",
            "/popular",
            "/metrics",
            "/livez",
            "/3",
            "/openapi.json",
        ):
            caller = self.asks(path)
            self.assertEqual(caller.statuses, [404], path)
            self.assertIn(b"The door serves TMDB", caller.heard, path)
        self.assertEqual(self.route.sent, [])

    def test_each_name_serves_what_it_serves_at_tmdb(self) -> None:
        for name in NAMES:
            pictures = name in PICTURE_NAMES
            for path, served in (
                ("/3/movie/550", not pictures),
                ("//3//movie/550", not pictures),
                ("/t/p/w92/a.jpg", pictures),
                ("/", False),
            ):
                caller = self.asks(path, name, name)
                found = b"The door serves TMDB" not in caller.heard
                # this door has no pictures: what is let in finds none
                self.assertEqual(found, served and not pictures, (name, path))
                if pictures and served:
                    self.assertEqual(caller.statuses, [404])

    def test_what_acts_for_a_user_is_refused_as_everywhere(self) -> None:
        for path in ("/3/account", "/3/authentication/token/new", "/4/list/1"):
            caller = self.asks(path)
            self.assertEqual(caller.statuses, [403], path)
            self.assertIn(b"does not act for a TMDB user", caller.heard, path)
        self.assertEqual(self.route.sent, [])

    def test_the_callers_own_key_stays_here(self) -> None:
        key = "0123456789abcdef0123456789abcdef"
        self.asks(f"/3/movie/550?api_key={key}&language=de")
        (sent,) = self.route.sent
        self.assertNotIn(key, repr(sent.query.parameters))
        self.assertIn(("language", "de"), sent.query.parameters)

    def test_who_came_is_remembered_and_who_was_refused_is_not(self) -> None:
        for peer in ("10.0.0.1", "10.0.0.2", "10.0.0.1", "203.0.113.9"):
            self.clock.advance(1.0)
            self.asks("/3/movie/550", peer=peer)
        self.asks("/3/movie/550", host="example.org", peer="10.0.0.3")
        self.assertEqual(
            self.keeper.callers(),
            [DoorCaller("10.0.0.1", 2, 3.0), DoorCaller("10.0.0.2", 1, 2.0)],
        )

    def test_so_many_are_remembered_and_no_more(self) -> None:
        for number in range(MOST_CALLERS + 2):
            self.asks("/nothing", peer=f"10.0.0.{number}")
        found = [each.address for each in self.keeper.callers()]
        self.assertEqual(len(found), MOST_CALLERS)
        self.assertEqual((found[0], found[-1]), ("10.0.0.33", "10.0.0.2"))

    def test_it_is_told_under_its_own_name(self) -> None:
        self.asks("/3/movie/550")
        self.route.succeeds()
        self.asks("/nothing")
        told: list[Any] = [each.server for each in self.notes.exchanges]
        self.assertEqual(told, ["streamr-door"] * 2)
