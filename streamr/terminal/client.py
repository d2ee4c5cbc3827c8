"""Asking a running main for lists: is each one answered, and by whom?"""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterator

from streamr.config.settings import Settings
from streamr.errors import RouteKind
from streamr.fields import names, proxy_status
from streamr.terminal.fallbacks import fallbacks
from streamr.terminal.findings import Finding, Mark
from streamr.terminal.health import HEALTH_SECONDS, healths
from streamr.terminal.http import ServerReply, ask, why

LISTS = ("/api/tmdb/trending", "/api/tmdb/popular", "/api/tmdb/top-rated")
_OWN_PROXY = re.compile(r"^proxy@(127\.0\.0\.1|\[::1\]):[0-9]+/")
# Main's own attempt is named after what it is.
DIRECT = RouteKind.DIRECT.value


def check(settings: Settings) -> Iterator[Finding]:
    """Both healths, the three lists (is each one answered, and by whom?), and each
    fallback, which the direct route hides while it answers."""
    found = list(healths(settings))
    yield from found
    if any(each.what == "main" and each.mark is Mark.OK for each in found):
        yield from (ask_list(settings, path) for path in LISTS)
        yield from fallbacks(settings)


def ask_list(settings: Settings, path: str) -> Finding:
    """One list, asked for past the store. An answer by a fallback is a warning."""
    began = time.monotonic()
    try:
        answer = request(
            settings, path, seconds=settings.deadline + HEALTH_SECONDS, past_store=True
        )
    except (OSError, http.client.HTTPException) as error:
        return Finding(path, Mark.FAILED, f"no answer: {why(error)}")
    ms = round((time.monotonic() - began) * 1000)
    attempts = proxy_status.parse(answer.headers.get(names.PROXY_STATUS, ""))
    cause = next((each.cause for each in attempts if each.name == DIRECT), None)
    told, good = _told(answer)
    if not good:
        known = {"status": answer.status, "code": _code(answer)}
        return Finding(path, Mark.FAILED, told, None, ms, cause, None, **known)
    # a proxy's own route tells more than the route to the proxy
    good_ones = sorted(
        (each for each in attempts if each.cause is None),
        key=lambda each: not each.peer,
    )
    by = good_ones[0].name if good_ones else None
    return Finding(path, Mark.OK if by == DIRECT else Mark.WARNING, told, by, ms, cause)


def request(
    settings: Settings,
    path: str,
    *,
    method: str = "GET",
    seconds: float = HEALTH_SECONDS,
    past_store: bool = False,
) -> ServerReply:
    """Ask main. Raises OSError and HTTPException when nobody answers."""
    # over which route answers come is asked, so a stored one will not do
    headers = {names.FRESH: "1"} if past_store else {}
    return ask(settings.host, settings.port, path, seconds, method, headers)


def short(by: str | None) -> str | None:
    """A route's name for a table: the proxy on this machine needs no address."""
    return None if by is None else _OWN_PROXY.sub("proxy/", by)


def _told(answer: ServerReply) -> tuple[str, bool]:
    """What an answer to a list says, and whether it is one."""
    try:
        value = answer.json
        if answer.status != http.client.OK:
            return f"{answer.status} {value.get('status_message', '')}", False
        count = len(value["results"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{answer.status}, but not a TMDB list", False
    return f"{count} results", count > 0


def _code(answer: ServerReply) -> int | None:
    """TMDB's own status_code in an error's body."""
    try:
        code = answer.json["status_code"]
    except (ValueError, KeyError, TypeError):
        return None
    return code if type(code) is int else None
