"""Asking running servers if they are all right: `check`, `healthcheck`, start-up."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any

import treq
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from streamr.settings import Settings
from streamr.web.resource import FRESH_HEADER

Say = Callable[[str], object]

HEALTH = {"main": "/api/health", "proxy": "/health"}
LISTS = ("/api/tmdb/trending", "/api/tmdb/popular", "/api/tmdb/top-rated")
# How often and how long a starting server is asked.
ASK_EVERY = 0.05
ASK_FOR = 10.0
# A health page answers at once or something is wrong.
HEALTH_SECONDS = 3.0


def until_healthy(reactor: Any, urls: Mapping[str, str]) -> Deferred[Any]:
    """Fires when each server has answered its health check over HTTP.

    `urls` maps server names to base URLs. Fails with TimeoutError after ASK_FOR s.
    """
    asking = [
        Deferred.fromCoroutine(_until_ok(reactor, f"{url}{HEALTH[name]}"))
        for name, url in urls.items()
    ]
    return gatherResults(asking, consumeErrors=True)


async def _until_ok(reactor: Any, url: str) -> None:
    give_up_at = reactor.seconds() + ASK_FOR
    problem = "no answer"
    while reactor.seconds() < give_up_at:
        try:
            response = await treq.get(url, persistent=False).addTimeout(
                HEALTH_SECONDS, reactor
            )
            await treq.content(response).addTimeout(HEALTH_SECONDS, reactor)
        except Exception as error:
            # whatever it is, the next try may do better; the last one is reported
            problem = str(error) or type(error).__name__
        else:
            if response.code == http.client.OK:
                return
            problem = f"status {response.code}"
        await deferLater(reactor, ASK_EVERY)
    raise TimeoutError(f"{url} is not healthy after {ASK_FOR:g} s: {problem}")


def healthcheck(settings: Settings, say: Say) -> int:
    """Exit status 0 when the servers that should run are up."""
    problems = [
        problem
        for name, host, port in _servers(settings)
        if (problem := _health_problem(settings, name, host, port))
    ]
    for problem in problems:
        say(problem)
    return 1 if problems else 0


def check(settings: Settings, say: Say) -> int:
    """Ask both healths and the three lists; say which way each answer came.

    Exit status 1 when something is wrong.
    """
    wrong = 0
    for name, host, port in _servers(settings):
        problem = _health_problem(settings, name, host, port)
        say(f"{name:<6} {problem or 'healthy'}")
        wrong += problem is not None
    if settings.only != "proxy":
        for path in LISTS:
            bad, told = _list(settings, path)
            say(f"{path:<22} {told}")
            wrong += bad
    return 1 if wrong else 0


def _servers(settings: Settings) -> list[tuple[str, str, int]]:
    found = [
        ("main", settings.host, settings.port),
        ("proxy", settings.proxy_host, settings.proxy_port),
    ]
    return [each for each in found if settings.only in ("", each[0])]


def _health_problem(settings: Settings, name: str, host: str, port: int) -> str | None:
    where = f"{host}:{port}"
    try:
        status, _, body = _get(host, port, HEALTH[name], HEALTH_SECONDS)
        if status == http.client.OK and json.loads(body).get("status") == "ok":
            return None
    except (OSError, http.client.HTTPException) as error:
        return f"no answer at {where}: {error}"
    except (ValueError, AttributeError):
        return f"something else than streamr answers at {where}"
    return f"{where} answers with status {status}"


def _list(settings: Settings, path: str) -> tuple[bool, str]:
    """Whether a list is wrong, and how it came."""
    try:
        status, headers, body = _get(
            settings.host, settings.port, path, settings.deadline + HEALTH_SECONDS
        )
        value = json.loads(body)
        count = len(value["results"]) if status == http.client.OK else 0
    except (
        OSError,
        http.client.HTTPException,
        ValueError,
        KeyError,
        TypeError,
    ) as error:
        return True, f"WRONG  {type(error).__name__}: {error}"
    if status != http.client.OK:
        return True, f"WRONG  {status} {value.get('status_message', '')}"
    source = headers.get("X-Proxy-Source")
    way = f"by the proxy {source}" if source else "direct"
    return count == 0, f"{'ok' if count else 'WRONG'}     {count} results, {way}"


def _get(
    host: str, port: int, path: str, seconds: float
) -> tuple[int, http.client.HTTPMessage, bytes]:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    connection = http.client.HTTPConnection(reachable, port, timeout=seconds)
    try:
        # which way answers come is asked, so a stored one will not do
        connection.request("GET", path, headers={FRESH_HEADER: "1"})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()
