"""`streamr check` and `streamr healthcheck`: is a running streamr all right?"""

from __future__ import annotations

from streamr import checking
from streamr.service import Options, read_settings


class CheckOptions(Options):
    """`streamr check`: is a running streamr all right, and how did answers come?"""

    synopsis = "[options]"
    longdesc = (
        "Asks a running streamr for both healths and three lists; exit 1 when "
        "something is wrong.\n\nExample: streamr check --port 8080"
    )

    def perform(self) -> int:
        """Ask, and print how each answer came."""
        return checking.check(read_settings(self.given(), needs_key=False), print)


class HealthcheckOptions(Options):
    """`streamr healthcheck`: exit 0 when the servers are up; prints only problems."""

    synopsis = "[options]"
    longdesc = "Example: streamr healthcheck --only main"

    def perform(self) -> int:
        """Ask, and print what is wrong."""
        return checking.healthcheck(read_settings(self.given(), needs_key=False), print)
