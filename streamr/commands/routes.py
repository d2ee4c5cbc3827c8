"""`streamr routes`: what each way to TMDB last did."""

from __future__ import annotations

from streamr.commands.asking import print_answer
from streamr.service import Options


class RoutesOptions(Options):
    """`streamr routes`: what each way to TMDB last did."""

    synopsis = "[options]"
    longdesc = "Example: streamr routes"

    def perform(self) -> int:
        """Print the ways of both servers."""
        return print_answer(self, "routes", {})
