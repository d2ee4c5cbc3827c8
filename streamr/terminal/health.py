"""Whether the servers of this machine are up, and ready."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

from streamr.config.settings import Settings
from streamr.terminal.findings import Finding, Mark
from streamr.terminal.http import ask, why

HEALTH = {"main": "/api/health", "proxy": "/health"}
# Both servers have these: what a supervisor asks, and who sends requests.
LIVE, READY = "/livez", "/readyz"
# What helps when a server does not answer.
NEXT = {
    "main": "start it with streamr run, or name its port with --port",
    "proxy": "start it with streamr run, or name its port with --proxy-port",
}
# A health page answers at once or something is wrong.
HEALTH_SECONDS = 3.0


def healths(settings: Settings) -> Iterator[Finding]:
    """Whether each server that should run is up."""
    for name, host, port in _servers(settings):
        problem = _health_problem(name, host, port)
        yield Finding(name, Mark.FAILED if problem else Mark.OK, problem or "healthy")


def readiness(settings: Settings) -> Iterator[Finding]:
    """Whether each server that should run can serve."""
    for name, host, port in _servers(settings):
        problem = _problem(name, host, port, READY, ("ok", "degraded"))
        yield Finding(name, Mark.FAILED if problem else Mark.OK, problem or "ready")


def is_up(name: str, host: str, port: int) -> bool:
    """True when a streamr server of that name (main, proxy) answers there."""
    return _health_problem(name, host, port) is None


def _servers(settings: Settings) -> list[tuple[str, str, int]]:
    found = [
        ("main", settings.host, settings.port),
        ("proxy", settings.proxy_host, settings.proxy_port),
    ]
    return [each for each in found if settings.only in ("", each[0])]


def _health_problem(name: str, host: str, port: int) -> str | None:
    return _problem(name, host, port, HEALTH[name], ("ok",))


def _problem(
    name: str, host: str, port: int, path: str, good: tuple[str, ...]
) -> str | None:
    """What is wrong with a page that says how a server is; None when it says one of
    the `good` words."""
    where = f"{host}:{port}"
    try:
        answer = ask(host, port, path, HEALTH_SECONDS)
        said = answer.json.get("status")
        if answer.status == http.client.OK and said in good:
            return None
        if said == "draining":
            return f"the server at {where} is stopping"
    except (OSError, http.client.HTTPException) as error:
        return f"no answer at {where}: {why(error)}; {NEXT[name]}"
    except (ValueError, AttributeError):
        return f"something other than streamr answers at {where}; {NEXT[name]}"
    return f"{where} answers with status {answer.status}; {NEXT[name]}"
