"""Which network this machine is on: told apart, and nothing given away."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.routing.fingerprint import LOOK_EVERY, Fingerprint

HEAD = "Iface\tDestination\tGateway \tFlags\n"
HOME = f"{HEAD}eth0\t00000000\t0101A8C0\t0003\neth0\t0001A8C0\t00000000\t0001\n"
TRAIN = HOME.replace("0101A8C0", "0102A8C0")


class Networks(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        (self.root / "proc/net").mkdir(parents=True)
        (self.root / "etc").mkdir()
        self.now = 100.0
        self.on(HOME, "192.168.1.1")

    def on(self, routes: str, *resolvers: str) -> None:
        (self.root / "proc/net/route").write_text(routes)
        told = "".join(f"nameserver {each}\n" for each in resolvers)
        (self.root / "etc/resolv.conf").write_text(f"# by hand\n{told}search lan\n")

    def seen(self, salt: str = "salt") -> str:
        return Fingerprint(salt, lambda: self.now, self.root)()

    def test_gateway_and_resolvers_tell_networks_apart(self) -> None:
        found = {self.seen()}
        for routes, resolvers in (
            (TRAIN, ["192.168.1.1"]),
            (HOME, ["9.9.9.9"]),
            (HOME, ["192.168.1.1", "9.9.9.9"]),
            (HOME, []),
            (HEAD, ["192.168.1.1"]),
        ):
            self.on(routes, *resolvers)
            found.add(self.seen())
        self.assertEqual(len(found), 6)

    def test_the_same_network_is_known_again(self) -> None:
        before = self.seen()
        self.on(TRAIN, "10.0.0.1")
        self.assertNotEqual(self.seen(), before)
        self.on(HOME, "192.168.1.1")
        self.assertEqual(self.seen(), before)

    def test_what_is_not_the_way_out_changes_nothing(self) -> None:
        before = self.seen()
        self.on(f"{HOME}docker0\t000011AC\t00000000\t0001\n", "192.168.1.1")
        self.assertEqual(self.seen(), before)

    def test_it_says_nothing_to_whoever_does_not_know_the_salt(self) -> None:
        self.assertRegex(self.seen(), r"\A[0-9a-f]{16}\Z")
        self.assertNotEqual(self.seen("salt"), self.seen("other"))

    def test_where_there_are_no_such_files_there_is_one_network(self) -> None:
        for name in ("proc/net/route", "etc/resolv.conf"):
            (self.root / name).unlink()
        self.assertEqual(len(self.seen()), 16)
        self.assertEqual(self.seen(), self.seen())

    def test_bytes_that_are_no_text_are_no_trouble(self) -> None:
        (self.root / "etc/resolv.conf").write_bytes(b"nameserver \xff\xfe\n")
        self.assertEqual(len(self.seen()), 16)

    def test_it_looks_again_after_a_while_and_no_sooner(self) -> None:
        fingerprint = Fingerprint("salt", lambda: self.now, self.root)
        before = fingerprint()
        self.on(TRAIN, "10.0.0.1")
        self.now += LOOK_EVERY - 0.1
        self.assertEqual(fingerprint(), before)
        self.now += 0.1
        self.assertNotEqual(fingerprint(), before)
        self.assertEqual(LOOK_EVERY, 10.0)
