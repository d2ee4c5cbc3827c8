"""The control socket: what the `streamr` command asks of a running daemon.

A Unix socket in the state directory, for its owner alone (0600). It speaks HTTP, with
the limits of every server of ours, so that curl can ask as well:

    curl --unix-socket ~/.local/state/streamr/control.sock http://streamr/routes
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from errno import EEXIST
from pathlib import Path

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from streamr.config.state import SOCKET_NAME
from streamr.errors import Envelope, Refusal
from streamr.interfaces import Reactor
from streamr.tmdb.target import split
from streamr.web.page import Page, json_page, refusal_page
from streamr.web.server.request import GatewayRequest
from streamr.web.server.site import GatewaySite

_log = Logger()

# A daemon that does not take a connection by then is stuck.
ANSWER_SECONDS = 5.0
# What this server is called in the fields of its errors.
NAME = "streamr-control"

# Takes the parameters, and returns what JSON can hold. Raises ValueError to refuse.
Run = Callable[[Mapping[str, str]], object]


@dataclass(frozen=True, slots=True)
class Command:
    """What can be asked: a path, its method, the parameters it takes."""

    path: str
    run: Run
    method: str = "GET"
    takes: tuple[str, ...] = ()


class ControlResource(Resource):
    """Answers the commands, and nothing else."""

    isLeaf = True

    def __init__(self, commands: Iterable[Command]) -> None:
        super().__init__()
        self._commands = {each.path: each for each in commands}

    def render(self, request: GatewayRequest) -> int:
        """Twisted hands in a request; the answer is written at once."""
        try:
            page = self._page(request.method.decode("ascii", "replace"), request.uri)
        except Refusal as refusal:
            page = refusal_page(NAME, refusal)
        except Exception:
            # an error of our own: whoever asks learns that, and the log tells the rest
            _log.failure("A control call broke", code="control-broke")
            told = "Internal error: something went wrong in streamr."
            page = refusal_page(NAME, Refusal(500, Envelope.INTERNAL, told))
        request.respond(page.status, page.headers, page.body)
        return NOT_DONE_YET

    def _page(self, method: str, target: bytes) -> Page:
        """The answer. Raises Refusal."""
        path, pairs = split(target)
        command = self._commands.get(path)
        if command is None:
            known = ", ".join(sorted(self._commands))
            raise Refusal(
                404,
                Envelope.NOT_FOUND,
                f"There is no {path[:80]} on the control socket; known: {known}.",
            )
        if method != command.method:
            raise Refusal(
                405,
                Envelope.FORMAT,
                f"Invalid method: {method[:20]}; allowed: {command.method}.",
                allow=command.method,
            )
        try:
            return json_page(200, command.run(_given(command, pairs)))
        except ValueError as error:
            raise Refusal(400, Envelope.INPUT, f"{error}") from error


def _given(command: Command, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The parameters of a call. Raises ValueError for one too many."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in command.takes or name in found:
            allowed = ", ".join(command.takes) or "none"
            raise ValueError(
                f"invalid parameter {name[:40]!r}; allowed, once each: {allowed}"
            )
        found[name] = value
    return found


def remove_stale_socket(path: Path) -> bool:
    """Remove a socket that a dead daemon has left; False when a living one answers.

    Asking is surer than a lock file: the number of a dead process may live again.
    Raises OSError when something else is there, or nothing can be.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(path))
    except FileNotFoundError:
        return True
    except ConnectionRefusedError:
        if not path.is_socket():
            raise FileExistsError(
                EEXIST, "the name is taken by something that is not a socket"
            ) from None
        path.unlink(missing_ok=True)
        return True
    except (TimeoutError, PermissionError, BlockingIOError):
        return False  # it is another user's, or has its hands full
    return False


def open_control(
    reactor: Reactor, directory: Path | None, commands: Iterable[Command]
) -> IListeningPort | None:
    """Answer the `streamr` command; a second daemon in one folder goes without."""
    if directory is None:
        return None
    path = directory / SOCKET_NAME
    try:
        is_free = remove_stale_socket(path)
    except OSError as error:
        _no_control(path, error)
        return None
    if not is_free:
        _log.warn(
            "another streamr uses {path}: this one has no control socket",
            path=str(path),
            code="second-daemon",
        )
        return None
    site = GatewaySite(ControlResource(commands), reactor)
    try:
        return reactor.listenUNIX(
            str(path),
            site,  # type: ignore[arg-type]  # as for Server's
            mode=0o600,
        )
    except CannotListenError as error:
        _no_control(path, error.socketError)
        return None


def _no_control(path: Path, error: OSError) -> None:
    _log.warn(
        "no control socket: {path}: {error}",
        path=str(path),
        error=error.strerror or str(error),
        code="no-control",
    )
