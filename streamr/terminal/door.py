"""Whether the door is open, asked as an app asks it: by TMDB's name, over TLS."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from streamr.config.addresses import reachable, url_of
from streamr.config.door import AuthorityFiles
from streamr.config.settings import Settings
from streamr.net.doors import NAMES
from streamr.terminal.findings import Finding, Mark
from streamr.terminal.health import HEALTH_SECONDS
from streamr.terminal.http import why

DOOR = "door"
# The smallest answer of TMDB's; a door that is open gives it, or an honest error.
_ASKING = (
    f"GET /3/configuration HTTP/1.1\r\nHost: {NAMES[0]}\r\nConnection: close\r\n\r\n"
)
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


def door(settings: Settings, state: Path | None) -> Iterator[Finding]:
    """Whether the door that should be open is; nothing where none should be. `state` is
    the folder with its authority."""
    if not settings.door or state is None:
        return
    where = url_of(settings.door_host, settings.door_port, secure=True)
    place = reachable(settings.door_host), settings.door_port
    seconds = settings.deadline + HEALTH_SECONDS
    file = AuthorityFiles(state).certificate
    try:
        authority = file.read_text(encoding="ascii")
        ssl.PEM_cert_to_DER_cert(authority)
    except (OSError, ValueError) as error:
        why_not = getattr(error, "strerror", None) or "not a certificate"
        told = f"its authority {file} cannot be used: {why_not}"
        yield Finding(DOOR, Mark.FAILED, told)
        return
    try:
        problem = _problem(place, seconds, authority)
    except ssl.SSLCertVerificationError as error:
        problem = (
            f"shows a certificate that is refused ({error.verify_message}): restart "
            "streamr if the authority is newer than that"
        )
    except OSError as error:
        problem = f"does not answer: {why(error)}"
    if problem is not None:
        yield Finding(DOOR, Mark.FAILED, f"{where} {problem}")
        return
    trusts = "trusts" if _is_trusted_here(place, seconds) else "does not trust"
    told = f"answers as {NAMES[0]}; this system's own store {trusts} its authority"
    yield Finding(DOOR, Mark.OK, told)


def _is_trusted_here(place: tuple[str, int], seconds: float) -> bool:
    """Whether a program that knows the system's authorities only comes through."""
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection(place, seconds) as plain,
            context.wrap_socket(plain, server_hostname=NAMES[0]),
        ):
            return True
    except OSError:
        return False


def _problem(place: tuple[str, int], seconds: float, authority: str) -> str | None:
    """What is wrong with its answer; what TMDB does is no matter of the door's. Raises
    OSError, of which TLS's errors are some."""
    context = ssl.create_default_context(cadata=authority)
    with (
        socket.create_connection(place, seconds) as plain,
        context.wrap_socket(plain, server_hostname=NAMES[0]) as secure,
    ):
        secure.sendall(_ASKING.encode())
        came = b"".join(iter(lambda: secure.recv(65536), b""))
    found = _STATUS.match(came)
    if found is None:
        return "does not answer in HTTP"
    status = int(found[1])
    misled = 400 <= status < 500 and status != HTTPStatus.TOO_MANY_REQUESTS
    return f"answers with status {status}" if misled else None
