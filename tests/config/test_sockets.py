"""Sockets of systemd as settings: where they listen, and which are none of ours."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from streamr.config.load import load
from streamr.config.sockets import ORIGIN, addresses
from streamr.errors import SettingsError

KEY = {"TMDB_API_KEY": 32 * "a"}


class Sockets(SynchronousTestCase):
    def opened(self, *, listening: bool = True, kind: int = socket.SOCK_STREAM) -> int:
        made = socket.socket(socket.AF_INET, kind)
        self.addCleanup(made.close)
        made.bind(("127.0.0.1", 0))
        if listening:
            made.listen()
        return made.fileno()

    def problems(self, *passed: tuple[str, int]) -> list[str]:
        with self.assertRaises(SettingsError) as caught:
            addresses(passed)
        return list(caught.exception.problems)

    def test_they_stand_for_the_settings_of_their_server(self) -> None:
        main, proxy = self.opened(), self.opened()
        found = addresses((("main", main), ("proxy", proxy)))
        self.assertEqual(set(found), {"HOST", "PORT", "PROXY_HOST", "PROXY_PORT"})
        with socket.socket(fileno=socket.dup(main)) as same:
            where = (found["HOST"], int(found["PORT"]))
            self.assertEqual(same.getsockname(), where)

    def test_nothing_that_is_set_can_change_them(self) -> None:
        given = {"HOST": "0.0.0.0", "PORT": "3001"}
        flags, environment = {"PORT": "1"}, {**KEY, "PORT": "2", "HOST": "::1"}
        found = load(flags, environment, sockets=given)
        self.assertEqual((found.host, found.port), ("0.0.0.0", 3001))
        told = {each.setting.name: each.origin for each in found.told}
        self.assertEqual((told["HOST"], told["PORT"]), (ORIGIN, ORIGIN))
        # the rules for an address that others reach hold: no star for every web origin
        self.assertEqual(found.cors_origins, ())

    def test_no_proxy_for_others_goes_without_a_token(self) -> None:
        with self.assertRaises(SettingsError) as caught:
            load({}, KEY, sockets={"PROXY_HOST": "0.0.0.0", "PROXY_PORT": "5001"})
        self.assertIn("STREAMR_PROXY_TOKEN", str(caught.exception.problems))

    def test_each_that_no_server_can_use_is_named(self) -> None:
        silent = self.opened(listening=False)
        datagrams = self.opened(listening=False, kind=socket.SOCK_DGRAM)
        for name, descriptor, words in (
            ("http", self.opened(), "'http'; allowed: main, proxy"),
            ("main", silent, "socket main that systemd passes does not listen"),
            ("proxy", datagrams, "socket proxy that systemd passes does not listen"),
            ("main", 999_999, "does not listen"),
        ):
            [problem] = self.problems((name, descriptor))
            self.assertIn(words, problem)
        [asked] = self.problems(("http", self.opened()))
        self.assertIn("door", asked)
        [twice] = self.problems(("main", self.opened()), ("main", self.opened()))
        self.assertIn("2 sockets with the name main", twice)
