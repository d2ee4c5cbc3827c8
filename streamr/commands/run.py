"""`streamr run`: both servers in the foreground."""

from __future__ import annotations

from typing import ClassVar, cast

from streamr.commands.demo import DemoOptions
from streamr.commands.foreground import serve
from streamr.config.settings import HOW_TO_GET_A_KEY
from streamr.interfaces import Reactor
from streamr.service import start_up
from streamr.terminal.settings import SettingOptions, read_settings


class RunOptions(SettingOptions):
    """`streamr run`: both servers in the foreground."""

    about = "Runs both servers in the foreground, until Ctrl-C. " + HOW_TO_GET_A_KEY
    example = "streamr run --port 8080"
    optFlags: ClassVar = [
        [
            "demo-if-no-key",
            None,
            "Without a TMDB key, serve the simulator instead of refusing to start.",
        ]
    ]

    def perform(self) -> int:
        """Serve until Ctrl-C or SIGTERM."""
        flags = self.given()
        if self["demo-if-no-key"]:
            settings = read_settings(flags, needs_key=False)
            if not (settings.tmdb_api_key or settings.tmdb_access_token):
                return DemoOptions().serve(flags, "There is no TMDB key. ")
        from twisted.internet import reactor

        daemon = start_up(read_settings(flags), reactor)
        return serve(daemon, cast(Reactor, reactor))
