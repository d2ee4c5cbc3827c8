"""How resolvers are written, and what each is called."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Resolver
from streamr.config import load
from streamr.config.resolvers import ALLOWED, SYSTEM, resolver, resolvers, written
from streamr.errors import SettingsError

QUAD9 = "dns.quad9.net"


class One(SynchronousTestCase):
    def test_each_scheme_has_its_port_and_its_certificate(self) -> None:
        v6 = "2620:fe::fe"
        for text, expected in (
            ("system", ("system",)),
            ("9.9.9.9", ("udp", "9.9.9.9", 53)),
            ("9.9.9.9:5353", ("udp", "9.9.9.9", 5353)),
            (v6, ("udp", v6, 53)),
            (f"[{v6}]", ("udp", v6, 53)),
            (f"[{v6}]:5353", ("udp", v6, 5353)),
            ("::ffff:9.9.9.9", ("udp", "9.9.9.9", 53)),
            ("udp://9.9.9.9", ("udp", "9.9.9.9", 53)),
            (f"tcp://[{v6}]:1", ("tcp", v6, 1)),
            ("TLS://9.9.9.9", ("tls", "9.9.9.9", 853)),
            (f"tls://9.9.9.9:8853#{QUAD9}", ("tls", "9.9.9.9", 8853, QUAD9)),
            (
                f"https://{QUAD9.upper()}/Q#9.9.9.9",
                ("https", "9.9.9.9", 443, QUAD9, "/Q"),
            ),
            (f"https://{QUAD9}:65535/q", ("https", "", 65535, QUAD9, "/q")),
            (f"https://{QUAD9}/q{{?dns}}", ("https", "", 443, QUAD9, "/q")),
            (f"https://[{v6}]/q", ("https", v6, 443, v6, "/q")),
            ("https://9.9.9.9/q#8.8.8.8", ("https", "8.8.8.8", 443, "9.9.9.9", "/q")),
        ):
            found = resolver(text)
            wanted = Resolver(found.name, *expected)  # type: ignore[arg-type]
            self.assertEqual(found, wanted, text)

    def test_what_is_wrong_is_said_with_the_entry(self) -> None:
        for text, problem in (
            (QUAD9, "is not an IP address, such as 9.9.9.9"),
            ("1.2.3", "is not an IP address"),
            ("::g", "is not an IP address"),
            ("tls://" + QUAD9, "is not an IP address"),
            ("9.9.9.9:", "not a port"),
            ("9.9.9.9:53x", "not a port"),
            ("9.9.9.9:0", "port 0 cannot be reached"),
            ("9.9.9.9:65536", "not a port"),
            ("[9.9.9.9", "is not an IP address"),
            ("0.0.0.0", "not the address of one machine"),
            ("[::]:53", "not the address of one machine"),
            ("224.0.0.1", "multicast"),
            ("fe80::1", "link-local"),
            ("2620:fe::fe%eth0", "names an interface"),
            ("udp://9.9.9.9#x", "has no certificate"),
            ("tls://9.9.9.9#", "is not a host name"),
            ("tls://9.9.9.9#a b", "is not a host name"),
            ("sdns://x", "begins with sdns://, which is not known"),
            ("http://dns.example/q", "begins with http://, which is not known"),
            ("https://dns.example", "a path has to follow"),
            ("https://dns.example/", "a path has to follow"),
            ("https://dns.example/q?x=1", "a user or a query"),
            ("https://u:p@dns.example/q", "a user or a query"),
            ("https://dns.example:0/q", "port 0"),
            ("https://dns.example:/q", "not a port"),
            ("https:///q", "is not a host name"),
            ("https://dns.example/q#", "is not an IP address"),
            ("https://[::1/q", "an IPv6 address is written in brackets"),
        ):
            raised = self.assertRaises(ValueError, resolver, text)
            self.assertIn(text, str(raised))
            self.assertIn(problem, str(raised))

    def test_the_authority_names_the_port_only_where_it_is_another(self) -> None:
        for text, expected in (
            ("https://dns.example/q", "dns.example"),
            ("https://dns.example:444/q", "dns.example:444"),
            ("https://[2620:fe::fe]/q", "[2620:fe::fe]"),
            ("https://[2620:fe::fe]:444/q", "[2620:fe::fe]:444"),
        ):
            self.assertEqual(resolver(text).authority, expected)


class Listed(SynchronousTestCase):
    def test_the_order_stays_and_repetitions_go(self) -> None:
        found = resolvers("udp://9.9.9.9, system,,9.9.9.9 ,system")
        self.assertEqual([each.scheme for each in found], ["udp", "system"])

    def test_each_has_a_name_of_its_own_that_machines_read(self) -> None:
        found = resolvers(
            "system,9.9.9.9,9.9.9.9:54,tcp://9.9.9.9,2620:fe::fe,tls://9.9.9.9#a.example,"
            "tls://9.9.9.9#b.example,https://d.example/q#9.9.9.9,https://d.example/q"
        )
        self.assertEqual(
            [each.name for each in found],
            [
                "system",
                "udp-9.9.9.9",
                "udp-9.9.9.9-54",
                "tcp-9.9.9.9",
                "udp-2620:fe::fe",
                "tls-9.9.9.9",
                "tls-9.9.9.9-2",
                "https-d.example",
                "https-d.example-2",
            ],
        )
        for each in found:
            self.assertTrue(re.fullmatch(r"[A-Za-z0-9._:-]+", each.name), each)


class Written(SynchronousTestCase):
    def test_what_is_written_means_the_same_again(self) -> None:
        for text in (
            "system",
            "udp://9.9.9.9",
            "udp://9.9.9.9:54",
            "tcp://[2620:fe::fe]:54",
            f"tls://9.9.9.9:8853#{QUAD9}",
            "tls://9.9.9.9",
            "https://d.example/dns-query",
            "https://d.example:8443/dns-query#192.0.2.1",
            "https://9.9.9.9/dns-query",
            "https://[2620:fe::fe]/dns-query",
        ):
            self.assertEqual(text, written(resolver(text)))
        self.assertEqual("udp://[2620:fe::fe]", written(resolver("2620:fe::fe")))


class TheSetting(SynchronousTestCase):
    def settings(self, text: str | None) -> tuple[Resolver, ...]:
        given = {} if text is None else {"STREAMR_RESOLVERS": text}
        return load.load({}, given, needs_key=False).resolvers

    def test_unset_it_is_the_system_s(self) -> None:
        for text in (None, ""):
            self.assertEqual(self.settings(text), (SYSTEM,))

    def test_the_system_s_is_used_only_where_the_list_names_it(self) -> None:
        self.assertNotIn(SYSTEM, self.settings("9.9.9.9"))
        self.assertIn(SYSTEM, self.settings("9.9.9.9,system"))

    def test_a_wrong_one_names_the_setting_and_what_is_allowed(self) -> None:
        for text in ("dns.example", "9.9.9.9,tls://x#y", ","):
            raised = self.assertRaises(SettingsError, self.settings, text)
            [problem] = raised.problems
            self.assertTrue(
                problem.startswith("STREAMR_RESOLVERS has an invalid value")
            )
            self.assertIn(f"allowed: {ALLOWED}", problem)
