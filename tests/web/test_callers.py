"""Whose address a request has, and who may say so."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.web.callers import TrustedProxies
from tests.properties import examples

PROXIES = TrustedProxies(
    (ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"), ip_network("2001:db8::/64"))
)
STRANGER = "203.0.113.9"
steady = examples(200)
ADDRESSES = st.ip_addresses().map(str)


class Callers(SynchronousTestCase):
    def test_who_is_not_listed_is_the_caller_whatever_he_says(self) -> None:
        for peer in ("192.0.2.1", "127.0.0.2", "2001:db8:0:1::1", "", "10.0.0"):
            self.assertEqual(peer, PROXIES.caller(peer, STRANGER), peer)

    def test_where_nobody_is_listed_the_peer_is_the_caller(self) -> None:
        for peer in ("127.0.0.1", "10.0.0.1", "192.0.2.1"):
            self.assertEqual(peer, TrustedProxies().caller(peer, STRANGER))
            self.assertFalse(TrustedProxies().has(peer))

    def test_a_listed_proxy_names_its_caller(self) -> None:
        for peer in ("10.1.2.3", "127.0.0.1", "2001:db8::7", "::ffff:10.1.2.3"):
            self.assertEqual(STRANGER, PROXIES.caller(peer, STRANGER), peer)
        self.assertEqual("10.1.2.3", PROXIES.caller("10.1.2.3", ""))

    def test_the_list_is_read_from_the_right_up_to_the_first_untrusted(self) -> None:
        for forwarded, caller in (
            (f"8.8.8.8, {STRANGER}", STRANGER),
            (f"8.8.8.8, {STRANGER}, 10.0.0.2", STRANGER),
            (f"127.0.0.1, {STRANGER},10.0.0.2 , 2001:db8::3", STRANGER),
            # every one of them is ours
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            # an entry that names nobody ends it
            (f"{STRANGER}, unknown, 10.0.0.2", "10.0.0.2"),
            (f"{STRANGER}, , 10.0.0.2", "10.0.0.2"),
            ("unknown", "10.9.9.9"),
        ):
            self.assertEqual(caller, PROXIES.caller("10.9.9.9", forwarded), forwarded)

    def test_an_entry_may_have_a_port_and_brackets(self) -> None:
        for entry, caller in (
            (f"{STRANGER}:4711", STRANGER),
            ("[2001:db8:1::1]:4711", "2001:db8:1::1"),
            ("[2001:db8:1::1]", "2001:db8:1::1"),
            ("2001:DB8:1:0::1", "2001:db8:1::1"),
            ("::ffff:203.0.113.9", STRANGER),
        ):
            self.assertEqual(caller, PROXIES.caller("10.9.9.9", entry), entry)

    @steady
    @given(st.lists(ADDRESSES | st.text(max_size=8), max_size=5), ADDRESSES)
    def test_nobody_but_a_proxy_chooses_it(self, said: list[str], real: str) -> None:
        proxies = TrustedProxies((ip_network("192.0.2.7/32"),))
        forwarded = ", ".join([*said, real])
        if not proxies.has(real):
            self.assertEqual(real, proxies.caller("192.0.2.7", forwarded))
