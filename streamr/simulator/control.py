"""The control endpoint: faults and counts over plain HTTP, on loopback only.

A web page in a browser must not be able to switch faults: requests whose Host is not
a loopback name are refused (DNS rebinding), and so are POSTs that a form could send.
"""

import json
from dataclasses import dataclass
from typing import Protocol

from twisted.web.http import Request
from twisted.web.resource import Resource

from streamr.simulator.faults.table import KINDS
from streamr.simulator.hosts.counts import Json

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
LONGEST_BODY = 65_536
FIELDS = {"host": str, "fault": str, "keep_alive": bool, "reset_counts": bool}


@dataclass(frozen=True, slots=True)
class ControlWishes:
    """What a POST may ask for; None leaves a thing as it is."""

    host: str = "*"
    fault: str | None = None
    keep_alive: bool | None = None
    reset_counts: bool = False


class Switchboard(Protocol):
    """What the endpoint may do to the simulator."""

    def set_fault(self, host: str, expression: str) -> None:
        """Replace a host's fault."""

    def set_keep_alive(self, host: str, keep_alive: bool) -> None:
        """Let connections stay open between requests, or not."""

    def reset_counts(self) -> None:
        """Forget what was counted."""

    def status(self) -> Json:
        """All hosts with their faults and counts."""


class Control(Resource):
    """GET tells everything, POST changes something."""

    isLeaf = True

    def __init__(self, switchboard: Switchboard) -> None:
        """Act on this simulator."""
        super().__init__()
        self.switchboard = switchboard

    def render(self, request: Request) -> bytes:
        """Refuse what did not come from here, then act."""
        if not from_loopback(request.getHeader("host") or ""):
            return say(request, 403, {"error": "Use a loopback name as the host."})
        if request.path != b"/":
            return say(request, 404, {"error": "The only path is /."})
        if b"?" in request.uri:
            return say(
                request, 400, {"error": "Send JSON by POST, without parameters."}
            )
        if request.method in (b"GET", b"HEAD"):
            return say(request, 200, self.switchboard.status())
        if request.method == b"POST":
            return self.change(request)
        return say(request, 405, {"error": "Use GET or POST."})

    def change(self, request: Request) -> bytes:
        """POST: apply the body, all of it or nothing."""
        kind = (request.getHeader("content-type") or "").partition(";")[0].strip()
        if kind.lower() != "application/json":
            return say(request, 403, {"error": "Send application/json."})
        try:
            wishes = read_wishes(body_of(request))
            self.apply(wishes)
        except ValueError as error:
            allowed = {"fields": list(FIELDS), "faults": ["none", *KINDS]}
            return say(request, 400, {"error": str(error), "allowed": allowed})
        return say(request, 200, self.switchboard.status())

    def apply(self, wishes: ControlWishes) -> None:
        """Do what was asked for; the fault first, for it may be refused."""
        if wishes.fault is not None:
            self.switchboard.set_fault(wishes.host, wishes.fault)
        if wishes.keep_alive is not None:
            self.switchboard.set_keep_alive(wishes.host, wishes.keep_alive)
        if wishes.reset_counts:
            self.switchboard.reset_counts()


def body_of(request: Request) -> bytes:
    """The request's body, one byte more than allowed at most."""
    return b"" if request.content is None else request.content.read(LONGEST_BODY + 1)


def from_loopback(host: str) -> bool:
    """Is the Host header a loopback name, with or without a port?"""
    name, colon, port = host.lower().rpartition(":")
    if not colon or not port.isdigit():
        name = host.lower()
    return name in LOOPBACK


def read_wishes(body: bytes) -> ControlWishes:
    """The body of a POST; ValueError says what is wrong with it."""
    if len(body) > LONGEST_BODY:
        raise ValueError(f"The body is longer than {LONGEST_BODY} bytes.")
    try:
        wishes = json.loads(body)
    except ValueError as error:
        raise ValueError("The body is not JSON.") from error
    if not isinstance(wishes, dict) or not wishes:
        raise ValueError(f"Send an object with some of: {', '.join(FIELDS)}.")
    for name, value in wishes.items():
        if name not in FIELDS:
            raise ValueError(f"Unknown field {name!r}. Known: {', '.join(FIELDS)}.")
        if not isinstance(value, FIELDS[name]):
            raise ValueError(f"The field {name} must be a {FIELDS[name].__name__}.")
    return ControlWishes(**wishes)


def say(request: Request, status: int, value: Json) -> bytes:
    """An answer as JSON."""
    request.setResponseCode(status)
    request.setHeader("Content-Type", "application/json")
    request.setHeader("Cache-Control", "no-store")
    return json.dumps(value).encode() + b"\n"
