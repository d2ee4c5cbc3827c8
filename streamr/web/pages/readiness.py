"""`/livez` and `/readyz`: whether to restart a server, and whether to send it requests.

No state of TMDB's makes either page fail: neither a restart nor another server of the
same kind would bring TMDB back, and a caller who is answered learns more than one who
is refused a connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamr.routing.health import Health
from streamr.web.access import Visit, Who
from streamr.web.page import Page, json_page
from streamr.web.pages.health import verdict
from streamr.web.router import Handler, Row

LIVE, READY = "/livez", "/readyz"


@dataclass(slots=True)
class Lifecycle:
    """Where the daemon is in its life. `draining` says that it is about to stop."""

    draining: bool = False


def rows(
    life: Lifecycle, health: Health, stored: Callable[[], int] = lambda: 0
) -> list[Row]:
    """Both pages of one server, for everybody. `stored` counts the answers it keeps."""
    pages = {LIVE: live, READY: ready(life, health, stored)}
    return [
        Row(path, page, who=Who.EVERYBODY, probe=True) for path, page in pages.items()
    ]


def live(_visit: Visit) -> Page:
    """That this is answered says it all: the reactor turns."""
    return json_page(200, {"status": "ok"})


def ready(life: Lifecycle, health: Health, stored: Callable[[], int]) -> Handler:
    """Whether requests should be sent here: 503 while the daemon drains."""

    def page(_visit: Visit) -> Page:
        if life.draining:
            told = "streamr is stopping: send requests elsewhere."
            return json_page(503, {"status": "draining", "message": told})
        if _can_ask(health):
            return json_page(200, {"status": "ok", "message": "streamr can serve."})
        left = (
            "only stored answers can be served."
            if stored()
            else "nothing is stored, and callers get an error."
        )
        told = f"No route to TMDB works: {left}"
        return json_page(200, {"status": "degraded", "message": told})

    return page


def _can_ask(health: Health) -> bool:
    """False when neither the breakers nor the last attempts leave a route."""
    states = [health.states[each.name] for each in health.routes]
    return health.sound and verdict(states, health.key_trouble)[0] != "error"
