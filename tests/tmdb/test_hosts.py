"""TMDB's own hosts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.tmdb.hosts import OFFICIAL_HOSTS


class Hosts(SynchronousTestCase):
    def test_the_key_goes_to_tmdbs_two_hosts_and_to_no_other(self) -> None:
        self.assertEqual(OFFICIAL_HOSTS, {"api.themoviedb.org", "api.tmdb.org"})
