"""How routes are made: whom those over proxies believe, and what is read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trustme
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.routes import Upstream
from streamr.config.load import load
from streamr.errors import SettingsError
from streamr.fields.loop import Loop
from streamr.upstream.dial.tls import PinnedPolicy

KEY = "0123456789abcdef0123456789abcdef"
PINS = ["sha256//" + letter * 43 + "=" for letter in "xyz"]


class Lines(SynchronousTestCase):
    """What is known of the line to a host."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.upstream = Upstream(load({}, {"TMDB_API_KEY": KEY}), self.reactor)

    def line(self, url: str) -> Any:
        return self.upstream.proxy(url, Loop("streamr-me"))._client.line

    def test_all_routes_to_a_host_share_it(self) -> None:
        first, second = (self.line(f"http://a.test:5001/{n}") for n in "xy")
        self.assertIs(first, second)
        self.assertIsNot(first, self.line("http://a.test:5002"))

    def test_those_that_leave_this_machine_are_busy_together(self) -> None:
        lines = [self.line(f"http://{host}:5001") for host in ("a.test", "b.test")]
        near = [self.line(f"http://{host}:5001") for host in ("127.0.0.1", "[::1]")]
        lines[0].timed_out(self.reactor.seconds())
        self.assertTrue(all(each.busy for each in lines))
        self.assertFalse(any(each.busy for each in near))


class Proxies(SynchronousTestCase):
    def setUp(self) -> None:
        reactor: Any = MemoryReactorClock()
        self.upstream = Upstream(load({}, {"TMDB_API_KEY": KEY}), reactor)

    def made(self, url: str, **more: Any) -> Any:
        return self.upstream.proxy(url, Loop("streamr-me"), **more)

    def believed(self, route: Any) -> Any:
        """The pins that a new connection of a route would want."""
        policy = route._client._dialer.policy
        if not isinstance(policy, PinnedPolicy):
            return None
        return policy.creatorForNetloc(b"a.example", 443)._pins

    def test_the_pin_is_believed_and_is_no_part_of_name_or_address(self) -> None:
        route = self.made(f"https://a.example:5001/x#{PINS[0]};{PINS[1]}")
        self.assertEqual(self.believed(route), {PINS[0], PINS[1]})
        self.assertEqual(route.name, "proxy@a.example:5001")
        self.assertEqual(route._base_url, "https://a.example:5001/x")
        self.assertEqual(route.next_hop, "a.example:5001")

    def test_without_one_chain_and_name_are_verified(self) -> None:
        self.assertIsNone(self.believed(self.made("https://a.example")))

    def test_each_proxy_has_its_own(self) -> None:
        routes = [self.made(f"https://{pin[-2]}.example#{pin}") for pin in PINS]
        self.assertEqual([self.believed(each) for each in routes], [{p} for p in PINS])
        self.assertEqual(len(set(map(id, (each._client for each in routes)))), 3)

    def test_the_own_ones_are_those_of_the_moment(self) -> None:
        known = {PINS[0]}
        route = self.made("https://127.0.0.1:5001", near=True, known=lambda: set(known))
        self.assertEqual(self.believed(route), {PINS[0]})
        known.clear()
        # nobody is known: nobody is believed, and not whom the platform trusts
        self.assertEqual(self.believed(route), set())


class Trust(SynchronousTestCase):
    def test_resolvers_get_the_roots_that_are_read_again(self) -> None:
        for given in ("tls://192.0.2.53", "https://192.0.2.53/dns-query"):
            roots = Path(self.mktemp())
            trustme.CA().cert_pem.write_to_path(str(roots))
            environment = {"TMDB_CA_FILE": str(roots), "STREAMR_RESOLVERS": given}
            settings = load({}, environment, needs_key=False)
            reactor: Any = MemoryReactorClock()
            upstream = Upstream(settings, reactor)
            upstream.renew_trust()
            # whose policy reads the file is seen by its complaint
            roots.write_text("no certificate")
            self.assertRaises(SettingsError, upstream.renew_trust)
