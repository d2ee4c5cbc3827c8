"""What the commands share that ask a running daemon over its control socket."""

from __future__ import annotations

from typing import Any

from streamr.commands.output_options import PrintingOptions
from streamr.config.state import no_folder, state_directory
from streamr.terminal import daemon
from streamr.terminal.exits import EX_CONFIG, give_up
from streamr.terminal.settings import read_settings

NEXT = (
    "start one with streamr run; if it uses another state folder, name that with "
    "--state-dir (a demo prints its own)"
)


class AskingOptions(PrintingOptions):
    """The options of a command that asks the daemon."""

    def ask(self, path: str, method: str = "GET", /, **given: str) -> Any:
        """What the running daemon says; exits with 1 without one."""
        settings = read_settings(self.given(), needs_key=False)
        directory = state_directory(settings)
        if directory is None:
            give_up(EX_CONFIG, [no_folder(settings).text])
        try:
            return daemon.ask(directory, path, method, **given)
        except daemon.NoDaemon as error:
            give_up(1, [str(error), NEXT])
        except ValueError as error:
            give_up(1, [str(error)])
