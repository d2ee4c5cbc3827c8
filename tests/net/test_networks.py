"""Which hosts are this machine, and which no public network leads to."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.net.networks import is_loopback, is_peer_here, is_private


class Loopback(SynchronousTestCase):
    def test_it_is_a_range_and_a_name(self) -> None:
        for host in (
            *("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"),
            *("::ffff:127.0.0.1", "[::ffff:7f00:1]"),
        ):
            self.assertTrue(is_loopback(host), host)
        for host in (
            *("0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "example.org", ""),
            *("localhost.example.org", "a.localhost"),
        ):
            self.assertFalse(is_loopback(host), host)

    def test_a_caller_on_this_machine_has_an_address_and_no_name(self) -> None:
        for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
            self.assertTrue(is_peer_here(peer), peer)
        for peer in ("localhost", "", "::ffff:10.0.0.1", "10.0.0.1"):
            self.assertFalse(is_peer_here(peer), peer)


class Private(SynchronousTestCase):
    def test_addresses_that_are_not_routed_between_networks(self) -> None:
        for host in (
            *("127.0.0.1", "::1", "0.0.0.0", "::"),
            *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255"),
            *("192.168.0.1", "100.64.0.1", "100.127.255.255", "169.254.1.1"),
            *("198.18.0.1", "198.19.255.255", "fd00::1", "fc00::1", "fe80::1"),
            *("fec0::1", "::ffff:10.0.0.1", "[fd00::1]"),
        ):
            self.assertTrue(is_private(host), host)

    def test_addresses_on_the_internet(self) -> None:
        for host in (
            *("9.255.255.255", "11.0.0.1", "172.15.255.255", "172.32.0.1"),
            *("192.167.255.255", "192.169.0.1", "100.63.255.255", "100.128.0.1"),
            *("2001:4860:4860::8888", "::ffff:8.8.8.8", "[::ffff:808:808]"),
            # 6to4, NAT64 and Teredo lead to what is public
            *("2002:808:808::1", "64:ff9b::808:808", "2001:0:808:808::1"),
            *("224.0.0.1", "ff0e::1"),
        ):
            self.assertFalse(is_private(host), host)

    def test_names_that_no_public_dns_holds(self) -> None:
        for host in (
            *("localhost", "proxy", "streamr_proxy", "nas.lan", "NAS.LAN"),
            *("proxy.internal", "host.docker.internal", "a.b.internal"),
            *("proxy.media.svc.cluster.local", "proxy.media.svc", "nas.local"),
            *("nas.home.arpa", "nas.home", "nas.corp", "nas.localdomain"),
            *("nas.intranet", "nas.private", "nas.test", "proxy.localhost"),
        ):
            self.assertTrue(is_private(host), host)

    def test_names_that_anybody_can_have(self) -> None:
        for host in (
            *("", "proxy.example.org", "internal.example.org", "lan.example"),
            *("proxy.internal.example.org", "notlan.xlan", "home.arpa.com"),
            *("fritz.box", "arpa.home.dev", "proxy.local.com", ".lanx"),
            # how inet_aton spells 8.8.8.8
            *("134744072", "0x08080808"),
        ):
            self.assertFalse(is_private(host), host)
