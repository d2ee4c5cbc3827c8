"""What the lab knows about its networks before anything is asked in them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.network.networks import BY_NAME, NETWORKS, drawn
from tests.network.oracle import PICTURE_HOSTS, Route, best
from tests.network.places import PICTURES


class Oracle(SynchronousTestCase):
    def test_each_network_is_named_once(self) -> None:
        self.assertEqual(len(NETWORKS), len(BY_NAME))

    def test_a_route_exists_wherever_something_is_given(self) -> None:
        without = [each.name for each in NETWORKS if best(each) is None]
        self.assertEqual(["all-filtered+nothing"], without)
        without = [e.name for e in NETWORKS if best(e, PICTURE_HOSTS) is None]
        self.assertEqual(["all-filtered+nothing"], without)

    def test_a_route_exists_in_every_combination(self) -> None:
        for seed in range(20):
            for each in drawn(20, seed):
                self.assertIsNotNone(best(each), each.name)
                self.assertIsNotNone(best(each, PICTURE_HOSTS), each.name)

    def test_a_seed_draws_the_same_again(self) -> None:
        self.assertEqual(drawn(20, 7), drawn(20, 7))
        self.assertNotEqual(drawn(20, 7), drawn(20, 8))

    def test_what_heals_is_what_the_network_leaves(self) -> None:
        named = {
            "main-filtered-reset": {"host": "api.tmdb.org"},
            "big-hello-dropped": {"profile": "classic"},
            "tls13-alert": {"profile": "tls12"},
            "ipv6-lie": {"family": 4},
            "first-address-dead": {"address": "13.224.10.12"},
            "dns-hijacked+udp+doh": {"resolver": "doh"},
            "portal+socks": {"proxy": "socks"},
        }
        for name, expected in named.items():
            route = best(BY_NAME[name])
            found = {each: getattr(route, each) for each in expected}
            self.assertEqual(expected, found, name)

    def test_pictures_have_a_route_of_their_own(self) -> None:
        self.assertEqual(Route(), best(BY_NAME["pictures-intercepted+socks"]))
        named = {
            "pictures-filtered-reset+connect": Route(PICTURES, proxy="connect"),
            "pictures-filtered-silent+friend": Route(PICTURES, proxy="friend"),
            "pictures-intercepted+socks": Route(PICTURES, proxy="socks"),
            "dns-lies-pictures+doh": Route(PICTURES, "doh"),
            "main-intercepted": Route(PICTURES),
            "tls13-alert": Route(PICTURES, profile="tls12"),
            "portal+socks": Route(PICTURES, proxy="socks"),
        }
        for name, expected in named.items():
            self.assertEqual(expected, best(BY_NAME[name], PICTURE_HOSTS), name)
