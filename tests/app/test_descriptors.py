"""How many connections fit into the files that a process may open."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.app.descriptors import fitting, lowered, open_files
from streamr.config.load import load
from streamr.web.server.limits import MOST_TOLD

KEY = {"TMDB_API_KEY": "0123456789abcdef0123456789abcdef"}


class Descriptors(SynchronousTestCase):
    def test_with_many_files_the_setting_counts(self) -> None:
        found = load({}, {**KEY, "STREAMR_MAX_CONNECTIONS": "50"})
        for servers in (1, 2):
            self.assertEqual(50, fitting(found, servers, 20_000))
            self.assertEqual([], lowered(found, servers, 20_000))

    def test_with_few_files_all_servers_and_the_reserve_fit_into_them(self) -> None:
        found = load({}, KEY)
        for files in (512, 1024, 4096):
            for servers in (1, 2):
                taken = fitting(found, servers, files)
                self.assertLess(1, taken)
                # who is told to go, a full pool of each profile to both of TMDB's
                # hosts, and what is always open
                told, pools = servers * (MOST_TOLD + 1), 3 * 2 * found.connections
                self.assertLessEqual(servers * taken + told + pools + 30, files)

    def test_it_is_told_with_what_it_is_and_why(self) -> None:
        found = load({}, KEY)
        [notice] = lowered(found, 2, 1024)
        self.assertEqual("few-files", notice.code)
        for word in ("STREAMR_MAX_CONNECTIONS is 2000", "1024 files"):
            self.assertIn(word, notice.text)
        self.assertIn(f"takes {fitting(found, 2, 1024)} connections", notice.text)

    def test_a_server_takes_one_connection_at_least(self) -> None:
        self.assertEqual(1, fitting(load({}, KEY), 2, 64))

    def test_this_process_may_open_some(self) -> None:
        self.assertLess(0, open_files())
