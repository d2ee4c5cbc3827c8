"""Asking running servers if they are all right: `check`, `healthcheck`, start-up."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import treq
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from streamr.config.addresses import reachable
from streamr.config.settings import Settings
from streamr.errors import RouteKind
from streamr.fields import names, proxy_status
from streamr.terminal.console import Mark

HEALTH = {"main": "/api/health", "proxy": "/health"}
LISTS = ("/api/tmdb/trending", "/api/tmdb/popular", "/api/tmdb/top-rated")
_OWN_PROXY = re.compile(r"^proxy@(127\.0\.0\.1|\[::1\]):[0-9]+/")
# Main's own attempt is named after what it is.
DIRECT = RouteKind.DIRECT.value
# What helps when a server does not answer.
NEXT = {
    "main": "start it with streamr run, or name its port with --port",
    "proxy": "start it with streamr run, or name its port with --proxy-port",
}
# How often and how long a starting server is asked.
ASK_EVERY = 0.05
ASK_FOR = 10.0
# A health page answers at once or something is wrong.
HEALTH_SECONDS = 3.0


def until_healthy(clock: IReactorTime, urls: Mapping[str, str]) -> Deferred[list[None]]:
    """Fires when each server has answered its health check over HTTP.

    `urls` maps server names to base URLs. Fails with TimeoutError after ASK_FOR s.
    """
    asking = [
        Deferred.fromCoroutine(_until_ok(clock, f"{url}{HEALTH[name]}"))
        for name, url in urls.items()
    ]
    return gatherResults(asking, consumeErrors=True)


async def _until_ok(clock: IReactorTime, url: str) -> None:
    give_up_at = clock.seconds() + ASK_FOR
    problem = "no answer"
    while clock.seconds() < give_up_at:
        try:
            response = await treq.get(url, persistent=False).addTimeout(
                HEALTH_SECONDS, clock
            )
            await treq.content(response).addTimeout(HEALTH_SECONDS, clock)
        except Exception as error:
            # whatever it is, the next try may do better; the last one is reported
            problem = str(error) or type(error).__name__
        else:
            if response.code == http.client.OK:
                return
            problem = f"status {response.code}"
        await deferLater(clock, ASK_EVERY)
    raise TimeoutError(f"{url} is not healthy after {ASK_FOR:g} s: {problem}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of a check.

    `by` is the route that answered, `ms` the time until the whole answer was there,
    `cause` why the direct route did not answer, as Proxy-Status names it.
    """

    what: str
    mark: Mark
    told: str
    by: str | None = None
    ms: int | None = None
    cause: str | None = None


def healths(settings: Settings) -> Iterator[Finding]:
    """Whether each server that should run is up."""
    for name, host, port in _servers(settings):
        problem = _health_problem(name, host, port)
        yield Finding(name, Mark.FAILED if problem else Mark.OK, problem or "healthy")


def is_up(name: str, host: str, port: int) -> bool:
    """True when a streamr server of that name (main, proxy) answers there."""
    return _health_problem(name, host, port) is None


def check(settings: Settings) -> Iterator[Finding]:
    """Both healths and the three lists: is each one answered, and by whom?"""
    found = list(healths(settings))
    yield from found
    if any(each.what == "main" and each.mark is Mark.OK for each in found):
        yield from (ask_list(settings, path) for path in LISTS)


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
        return Finding(path, Mark.FAILED, told, None, ms, cause)
    # a proxy's own route tells more than the route to the proxy
    good_ones = sorted(
        (each for each in attempts if each.cause is None),
        key=lambda each: not each.peer,
    )
    by = good_ones[0].name if good_ones else None
    return Finding(path, Mark.OK if by == DIRECT else Mark.WARNING, told, by, ms, cause)


@dataclass(frozen=True, slots=True)
class ServerReply:
    """What a server of ours said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value. Raises ValueError."""
        return json.loads(self.body)


def request(
    settings: Settings,
    path: str,
    *,
    method: str = "GET",
    seconds: float = HEALTH_SECONDS,
    past_store: bool = False,
) -> ServerReply:
    """Ask main. Raises OSError and HTTPException when nobody answers."""
    return _request(settings.host, settings.port, path, method, seconds, past_store)


def short(by: str | None) -> str | None:
    """A route's name for a table: the proxy on this machine needs no address."""
    return None if by is None else _OWN_PROXY.sub("proxy/", by)


def why(error: Exception) -> str:
    """What went wrong, without the number that the system has for it."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _told(answer: ServerReply) -> tuple[str, bool]:
    """What an answer to a list says, and whether it is one."""
    try:
        value = answer.json
        if answer.status != http.client.OK:
            return f"{answer.status} {value.get('status_message', '')}", False
        count = len(value["results"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{answer.status}, and no list of TMDB's", False
    return f"{count} results", count > 0


def _servers(settings: Settings) -> list[tuple[str, str, int]]:
    found = [
        ("main", settings.host, settings.port),
        ("proxy", settings.proxy_host, settings.proxy_port),
    ]
    return [each for each in found if settings.only in ("", each[0])]


def _health_problem(name: str, host: str, port: int) -> str | None:
    where = f"{host}:{port}"
    try:
        answer = _request(host, port, HEALTH[name])
        if answer.status == http.client.OK and answer.json.get("status") == "ok":
            return None
    except (OSError, http.client.HTTPException) as error:
        return f"no answer at {where}: {why(error)}; {NEXT[name]}"
    except (ValueError, AttributeError):
        return f"something else than streamr answers at {where}; {NEXT[name]}"
    return f"{where} answers with status {answer.status}; {NEXT[name]}"


def _request(
    host: str,
    port: int,
    path: str,
    method: str = "GET",
    seconds: float = HEALTH_SECONDS,
    past_store: bool = False,
) -> ServerReply:
    connection = http.client.HTTPConnection(reachable(host), port, timeout=seconds)
    try:
        # over which route answers come is asked, so a stored one will not do
        headers = {names.FRESH: "1"} if past_store else {}
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return ServerReply(response.status, response.headers, response.read())
    finally:
        connection.close()
