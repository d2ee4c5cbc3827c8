"""How much one caller may take: the tables, without a connection."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Refusal
from streamr.web.callers import TrustedProxies
from streamr.web.server import limits
from streamr.web.server.limits import (
    BURST_SECONDS,
    MOST_ADDRESSES,
    MOST_FAILURES,
    MOST_OF_ONE,
    MOST_STREAMS,
    MOST_TOLD,
    Limits,
    block_of,
)

STRANGER, OTHER = "203.0.113.9", "203.0.113.10"
PROXY = "198.51.100.7"
SPARED = ("127.0.0.1", "::1", "10.0.0.1", "172.17.0.1", "192.168.1.9", "fd00::1", PROXY)
SPARED += ("::ffff:172.17.0.1", "fe80::1")


def made(connections: int = 2000, rate: int = 0) -> Limits:
    return Limits(connections, rate, TrustedProxies((ip_network(PROXY),)))


class Blocks(SynchronousTestCase):
    def test_an_ipv6_caller_is_his_64(self) -> None:
        self.assertEqual(block_of("2001:db8::1"), block_of("2001:db8::ffff:2"))
        self.assertNotEqual(block_of("2001:db8::1"), block_of("2001:db8:0:1::1"))
        self.assertEqual(block_of("fe80::1%eth0"), block_of("fe80::2"))

    def test_an_ipv4_caller_is_his_address_however_it_is_written(self) -> None:
        self.assertEqual(block_of(STRANGER), block_of(f"::ffff:{STRANGER}"))
        self.assertNotEqual(block_of(STRANGER), block_of(OTHER))


class Connections(SynchronousTestCase):
    def open(self, found: Limits, address: str, count: int) -> list[Refusal]:
        made = [found.opened(object(), address) for _ in range(count)]
        return [each for each in made if each is not None]

    def test_one_beyond_the_cap_is_told_to_come_back(self) -> None:
        found = made(connections=3)
        self.assertEqual([], self.open(found, "10.0.0.1", 3))
        for address in ("10.0.0.1", STRANGER, "127.0.0.1"):
            [refusal] = self.open(found, address, 1)
            self.assertEqual((refusal.status, int(refusal.code)), (503, 9))
            self.assertIsNotNone(refusal.retry_after)

    def test_a_place_is_free_again_when_a_connection_has_ended(self) -> None:
        found = made(connections=1)
        for connection in ("first", "second"):
            self.assertIsNone(found.opened(connection, STRANGER))
            self.assertIsNotNone(found.opened("beyond", STRANGER))
            found.closed("beyond")
            self.assertIsNotNone(found.opened("beyond", STRANGER))
            found.closed("beyond")
            found.closed(connection)
        self.assertEqual(0, len(found))

    def test_one_address_has_a_hundred_and_others_are_not_touched(self) -> None:
        found = made()
        self.assertEqual([], self.open(found, STRANGER, MOST_OF_ONE))
        [refusal] = self.open(found, STRANGER, 1)
        self.assertEqual((refusal.status, int(refusal.code)), (429, 25))
        self.assertEqual([], self.open(found, OTHER, 1))

    def test_a_64_is_one_caller(self) -> None:
        found = made()
        for number in range(MOST_OF_ONE):
            self.assertIsNone(found.opened(number, f"2001:db8::{number:x}"))
        self.assertIsNotNone(found.opened("more", "2001:db8::ffff"))

    def test_this_machine_private_networks_and_trusted_proxies_are_spared(self) -> None:
        for address in SPARED:
            self.assertEqual([], self.open(made(), address, MOST_OF_ONE + 1), address)

    def test_who_has_shown_the_peer_token_is_spared(self) -> None:
        found = made()
        found.vouched(STRANGER)
        self.assertEqual([], self.open(found, STRANGER, MOST_OF_ONE + 1))

    def test_so_many_are_told_and_no_more(self) -> None:
        found = made(connections=1)
        self.open(found, STRANGER, 1 + MOST_TOLD)
        self.assertFalse(found.crowded)
        found.opened("one", STRANGER)
        self.assertTrue(found.crowded)
        found.closed("one")
        self.assertFalse(found.crowded)


class Requests(SynchronousTestCase):
    def test_nothing_is_counted_unless_a_rate_is_set(self) -> None:
        found = made()
        for _ in range(1000):
            self.assertIsNone(found.wait(STRANGER, 5.0))
        self.assertEqual(0, len(found))

    def test_a_burst_passes_then_the_rate(self) -> None:
        found = made(rate=4)
        burst = int(4 * BURST_SECONDS)
        for now in (0.0, 100.0):
            waits = [found.wait(STRANGER, now) for _ in range(burst + 1)]
            self.assertEqual([None] * burst, waits[:-1])
            self.assertAlmostEqual(0.25, waits[-1] or 0.0)
        self.assertIsNone(found.wait(STRANGER, 100.25))
        self.assertIsNotNone(found.wait(STRANGER, 100.25))
        # who is refused loses nothing by it
        self.assertIsNone(found.wait(STRANGER, 100.5))

    def test_each_address_has_its_own(self) -> None:
        found = made(rate=1)
        while found.wait(STRANGER, 0.0) is None:
            pass
        self.assertIsNone(found.wait(OTHER, 0.0))

    def test_the_spared_have_no_limit(self) -> None:
        found = made(rate=1)
        for address in SPARED:
            for _ in range(100):
                self.assertIsNone(found.wait(address, 0.0), address)


class Tokens(SynchronousTestCase):
    def test_the_eleventh_failure_within_a_minute_is_slowed_down(self) -> None:
        for address in (STRANGER, *SPARED):
            found = made()
            for number in range(MOST_FAILURES):
                self.assertIsNone(found.failed(address, number), address)
            self.assertEqual(50.0, found.failed(address, 10.0), address)

    def test_who_stops_failing_may_fail_again(self) -> None:
        found = made()
        for _ in range(MOST_FAILURES):
            found.failed(STRANGER, 0.0)
        self.assertIsNotNone(found.failed(STRANGER, 59.9))
        self.assertIsNone(found.failed(STRANGER, 60.0))

    def test_who_goes_on_stays_slow(self) -> None:
        found = made()
        slow = [found.failed(STRANGER, float(now)) for now in range(300)]
        self.assertEqual(MOST_FAILURES, slow.count(None))

    def test_others_are_not(self) -> None:
        found = made()
        for _ in range(20):
            found.failed(STRANGER, 0.0)
        self.assertIsNone(found.failed(OTHER, 0.0))


class Streams(SynchronousTestCase):
    def test_one_address_has_four_until_one_ends(self) -> None:
        found = made()
        ends = [found.stream(STRANGER) for _ in range(MOST_STREAMS)]
        self.assertTrue(found.has_streams(STRANGER))
        self.assertFalse(found.has_streams(OTHER))
        ends[0](None)
        self.assertFalse(found.has_streams(STRANGER))
        for end in ends[1:]:
            end(None)
        self.assertEqual(0, len(found))

    def test_the_spared_have_no_limit(self) -> None:
        for address in SPARED:
            found = made()
            for _ in range(MOST_STREAMS + 1):
                self.assertFalse(found.has_streams(address), address)
                found.stream(address)


class Bounds(SynchronousTestCase):
    def test_no_table_grows_with_the_addresses_that_were_seen(self) -> None:
        found = made(rate=1)
        for number in range(MOST_ADDRESSES + 500):
            address = f"198.{18 + number // 65536}.{number // 256 % 256}.{number % 256}"
            found.wait(address, 0.0)
            found.failed(address, 0.0)
            found.vouched(address)
            found.opened(number, address)
            found.stream(address)(None)
            found.closed(number)
        self.assertEqual(3 * MOST_ADDRESSES, len(found))

    def test_who_was_seen_longest_ago_is_forgotten_first(self) -> None:
        found = made(rate=1)
        self.patch(limits, "MOST_ADDRESSES", 2)
        for address in (STRANGER, OTHER):
            while found.wait(address, 0.0) is None:
                pass
        found.wait(STRANGER, 0.5)
        found.wait("203.0.113.11", 0.5)
        self.assertIsNotNone(found.wait(OTHER, 0.5))
        self.assertIsNone(found.wait(STRANGER, 0.5))
