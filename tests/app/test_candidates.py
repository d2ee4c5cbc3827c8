"""Which routes there are beside direct, and in which order."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.app.candidates import peers

OWN = "http://127.0.0.1:5001"
PIN = "sha256//" + "x" * 43 + "="
FAR, FARTHER = "https://a.example", "https://b.example:5001"


class Peers(SynchronousTestCase):
    """The proxies that main falls back to."""

    def test_this_machines_own_stays_behind_those_that_are_named(self) -> None:
        for named, expected in (
            ((), ((OWN, True),)),
            ((FAR,), ((FAR, False), (OWN, True))),
            ((FAR, FARTHER), ((FAR, False), (FARTHER, False), (OWN, True))),
        ):
            self.assertEqual(peers(named, OWN, runs_here=True), expected)

    def test_one_that_is_named_stands_where_it_is_named_and_once(self) -> None:
        for name in ("127.0.0.1", "localhost", "[::1]"):
            named = (f"http://{name}:5001", FAR)
            expected = ((OWN, True), (FAR, False))
            self.assertEqual(peers(named, OWN, runs_here=True), expected, name)

    def test_another_port_of_this_machine_is_another_proxy(self) -> None:
        named = ("http://127.0.0.1:6001",)
        expected = ((named[0], False), (OWN, True))
        self.assertEqual(peers(named, OWN, runs_here=True), expected)

    def test_one_that_does_not_run_here_is_meant_only_when_none_is_named(self) -> None:
        self.assertEqual(peers((), OWN, runs_here=False), ((OWN, True),))
        self.assertEqual(peers((FAR,), OWN, runs_here=False), ((FAR, False),))

    def test_one_that_runs_here_is_reached_by_its_own_url(self) -> None:
        own = "https://127.0.0.1:5001"
        for named in ("http://localhost:5001", f"{own}#{PIN}"):
            self.assertEqual(peers((named,), own, runs_here=True), ((own, True),))

    def test_one_that_runs_elsewhere_on_this_machine_keeps_its_pin(self) -> None:
        named = f"https://localhost:5001#{PIN}"
        self.assertEqual(peers((named,), OWN, runs_here=False), ((named, True),))

    def test_without_a_pin_it_is_reached_as_the_settings_know_it(self) -> None:
        own = "https://127.0.0.1:5001"
        named = ("https://localhost:5001",)
        self.assertEqual(peers(named, own, runs_here=False), ((own, True),))
