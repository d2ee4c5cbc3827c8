"""Whether main's fallbacks answer, also while the direct route does and hides them."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from typing import Any

from streamr.config.settings import Settings
from streamr.errors import PEER_REFUSES
from streamr.terminal.findings import Finding, Mark
from streamr.terminal.health import HEALTH_SECONDS
from streamr.terminal.http import ask, why

# What each row of a fallback begins with.
FALLBACK = "fallback "
# Main tries all its routes for it, as for a caller: with its own pins and token.
PROBED = "/api/tmdb/health?probe=1"


def fallbacks(settings: Settings) -> Iterator[Finding]:
    """Each of main's routes but the direct one, tried now. One that fails is a warning:
    callers get their answers, and would not when they need it."""
    seconds = settings.deadline + HEALTH_SECONDS
    try:
        told = ask(settings.host, settings.port, PROBED, seconds).json["routes"][1:]
    except (OSError, http.client.HTTPException) as error:
        yield Finding(f"{FALLBACK}?", Mark.WARNING, f"no answer: {why(error)}")
    except (ValueError, KeyError, TypeError):
        yield Finding(f"{FALLBACK}?", Mark.WARNING, f"{PROBED} lists no routes")
    else:
        for each in told:
            yield _finding(each)


def is_fallback(each: Finding) -> bool:
    """True for a row that is about a fallback."""
    return each.what.startswith(FALLBACK)


def _finding(told: Mapping[str, Any]) -> Finding:
    route, ms, cause = told["route"], told["ms"], told["cause"]
    state, what = told["state"], f"{FALLBACK}{route}"
    if cause == PEER_REFUSES:
        said = "is not a streamr proxy, or does not accept this one"
        return Finding(what, Mark.WARNING, said, None, ms, cause)
    if state == "failing":
        # a name alone does not tell a wrong pin from a certificate that has ended
        detail = f": {told['detail']}" if told["detail"] else ""
        said = f"does not answer{detail}"
        return Finding(what, Mark.WARNING, said, None, ms, cause)
    said = "answers" if state == "ok" else "has not been tried yet"
    return Finding(what, Mark.OK, said, route, ms)
