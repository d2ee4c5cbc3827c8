"""Which routes there are beside direct, and in which order."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.app.candidates import peers

OWN = "http://127.0.0.1:5001"
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
