"""`streamr healthcheck`: exit 0 when the servers can serve; prints only problems.

Supervisors run it every few seconds: it loads next to nothing.
"""

from __future__ import annotations

from streamr.terminal.findings import Mark
from streamr.terminal.health import readiness
from streamr.terminal.settings import SettingOptions, read_settings


class HealthcheckOptions(SettingOptions):
    """`streamr healthcheck`: exit 0 when the servers can serve."""

    about = (
        "Asks each server whether it can serve (/readyz), for the health probe of a "
        "container or a supervisor. Prints only what is wrong, and then exits with "
        "status 1: also while a server stops, but not while TMDB is down."
    )
    example = "streamr healthcheck --only main"

    def perform(self) -> int:
        """Ask, and print what is wrong."""
        settings = read_settings(self.given(), needs_key=False)
        failed = [each for each in readiness(settings) if each.mark is Mark.FAILED]
        for each in failed:
            print(f"{each.what}: {each.told}")
        return int(bool(failed))
