"""Which names are ours, and what a name that was pointed here is told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Refusal
from streamr.web.hosts import Hosts, hosts_of

OURS = hosts_of(
    ("films.lan",),
    "https://Film.example:8443/tmdb",
    ("https://app.example", "https://*.star.example", "app://shell", "*"),
)


class Names(SynchronousTestCase):
    def test_loopback_names_and_addresses_are_always_ours(self) -> None:
        for host in (
            *("localhost", "localhost:3001", "LocalHost:1", "demo.localhost:3001"),
            *("127.0.0.1:3001", "192.0.2.7", "192.168.1.5:3001", "[2001:db8::1]:3001"),
        ):
            Hosts().check(host)

    def test_so_is_what_the_settings_name_on_any_port(self) -> None:
        for host in ("films.lan", "Films.LAN:3001", "film.example", "app.example:1"):
            OURS.check(host)

    def test_every_other_name_was_pointed_here(self) -> None:
        for host in (
            *("", "rebound.test", "rebound.test:3001", "localhost.rebound.test"),
            *("a.film.example", "film.example.rebound.test", "127.0.0.1.nip.test"),
            # an origin with a star, and an app's, name no host of ours
            *("a.star.example", "star.example", "*.star.example", "shell", "*"),
            *("[::1", "films.lan:80:80", "films.lan@rebound.test", "0x7f000001"),
        ):
            self.assertRaises(Refusal, OURS.check, host)
            self.assertRaises(Refusal, Hosts().check, host)

    def test_the_refusal_names_the_setting_and_the_name(self) -> None:
        with self.assertRaises(Refusal) as caught:
            OURS.check("rebound.test:3001")
        refusal = caught.exception
        self.assertEqual((refusal.status, int(refusal.code)), (421, 47))
        self.assertIn("STREAMR_ALLOWED_HOSTS", refusal.message)
        self.assertIn("'rebound.test:3001'", refusal.message)

    def test_only_a_list_of_names_is_for_data(self) -> None:
        self.assertTrue(OURS.for_data)
        named = hosts_of((), "https://film.example", ("https://app.example",))
        self.assertFalse(named.for_data)
        self.assertEqual({"film.example", "app.example"}, named.known)

    def test_where_nothing_is_set_nothing_is_known(self) -> None:
        self.assertEqual(Hosts(), hosts_of((), None, ("*",)))
