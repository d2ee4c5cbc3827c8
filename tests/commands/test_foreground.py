"""What is told when both servers answer."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.commands.foreground import End, Welcome, own_command, welcome

URLS = {"proxy": "http://127.0.0.1:5001", "main": "http://127.0.0.1:3001"}


class Told(SynchronousTestCase):
    def test_it_names_the_servers_the_apps_base_url_the_page_and_calls(self) -> None:
        told = welcome(URLS, Welcome())
        for each in (*URLS.values(), f"{URLS['main']}/3 ", f"{URLS['main']}/ in a"):
            self.assertIn(each, told)
        self.assertIn(f"curl -s '{URLS['main']}/", told)
        self.assertNotIn("demo", told)

    def test_what_the_demo_adds_stands_in_the_same_columns(self) -> None:
        steps = (("Break TMDB", "by the buttons"), ("", "or a drill"))
        told = welcome(URLS, Welcome("This is the demo.", steps)).splitlines()
        self.assertEqual("This is the demo.", told[2])
        words = (URLS["proxy"], URLS["main"], "by the buttons", "or a drill")
        places = [
            line.index(word) for word in words for line in told if f"  {word}" in line
        ]
        self.assertEqual(1, len({*places}), told)

    def test_a_proxy_by_itself_has_nothing_to_try(self) -> None:
        told = welcome({"proxy": URLS["proxy"]}, Welcome())
        self.assertNotIn("curl", told)

    def test_the_command_is_named_as_the_user_can_type_it(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        script = folder / "streamr"
        script.touch(mode=0o755)
        self.assertEqual("streamr", own_command(str(script), str(folder)))
        for called in (".venv/bin/streamr", "/opt/a b/streamr"):
            told = own_command(called, str(folder))
            self.assertEqual(called, told.strip("'"))
        self.assertEqual(str(script), own_command(str(script), "/nowhere"))


class Ending(SynchronousTestCase):
    """The first signal stops it, whoever reads what is said about that."""

    def test_a_closed_terminal_keeps_nobody_from_stopping(self) -> None:
        stops: list[str] = []
        daemon: Any = SimpleNamespace(waiting=0, longest_stop=18.0)
        reactor: Any = SimpleNamespace(stop=lambda: stops.append("stop"))

        def gone(_text: str) -> None:
            raise BrokenPipeError

        End(daemon, reactor, gone).asked(signal.SIGTERM)
        self.assertEqual(stops, ["stop"])
