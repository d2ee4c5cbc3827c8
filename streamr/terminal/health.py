"""Whether the servers of this machine are up, and ready."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streamr.config.settings import Settings
from streamr.errors import SettingsError
from streamr.terminal.findings import Finding, Mark
from streamr.terminal.http import ServerRefused, ask, why

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


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """A server of this machine: its name (main, proxy), where it is bound, and the file
    of its certificate if it has TLS."""

    name: str
    host: str
    port: int
    certificate: Path | None = None


def places(settings: Settings) -> list[ServerPlace]:
    """Each server that should run."""
    found = [
        ServerPlace("main", settings.host, settings.port),
        ServerPlace(
            "proxy", settings.proxy_host, settings.proxy_port, settings.proxy_tls_cert
        ),
    ]
    return [each for each in found if settings.only in ("", each.name)]


def healths(settings: Settings) -> Iterator[Finding]:
    """Whether each server that should run is up."""
    for place in places(settings):
        problem = _health_problem(place)
        mark = Mark.FAILED if problem else Mark.OK
        yield Finding(place.name, mark, problem or "healthy")


def readiness(settings: Settings) -> Iterator[Finding]:
    """Whether each server that should run can serve."""
    for place in places(settings):
        problem = _problem(place, READY, ("ok", "degraded"))
        mark = Mark.FAILED if problem else Mark.OK
        yield Finding(place.name, mark, problem or "ready")


def is_up(place: ServerPlace) -> bool:
    """True when a streamr server of that name answers there."""
    return _health_problem(place) is None


def _health_problem(place: ServerPlace) -> str | None:
    return _problem(place, HEALTH[place.name], ("ok",))


def _problem(place: ServerPlace, path: str, good: tuple[str, ...]) -> str | None:
    """What is wrong with a page that says how a server is; None when it says one of
    the `good` words."""
    where, hint = f"{place.host}:{place.port}", NEXT[place.name]
    try:
        answer = ask(
            place.host,
            place.port,
            path,
            HEALTH_SECONDS,
            certificate=place.certificate,
        )
        said = answer.json.get("status")
        if answer.status == http.client.OK and said in good:
            return None
        if said == "draining":
            return f"the server at {where} is stopping"
    except SettingsError as error:
        return "; ".join(error.problems)
    except ServerRefused as error:
        return (
            f"the certificate of the server at {where} is refused: {error}; send "
            "SIGHUP to the server if the file is newer than what it shows"
        )
    except (OSError, http.client.HTTPException) as error:
        return f"no answer at {where}: {why(error)}; {hint}"
    except (ValueError, AttributeError):
        return f"something other than streamr answers at {where}; {hint}"
    return f"{where} answers with status {answer.status}; {hint}"
