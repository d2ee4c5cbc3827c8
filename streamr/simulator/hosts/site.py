"""The HTTP side of one host: reads a request, gets the answer, sends or spoils it."""

import time
from urllib.parse import parse_qsl, quote, unquote, urlencode

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http import Request, datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from streamr.simulator.faults.http import (
    DRIPPING,
    REWRITES,
    SCRIPTS,
    Scene,
    Script,
    ScriptEnd,
    reason,
)
from streamr.simulator.faults.table import HTTP, SimulatedFault
from streamr.simulator.hosts.counts import Json
from streamr.simulator.hosts.front import Inside
from streamr.simulator.hosts.host import Host
from streamr.simulator.tmdb.rendering import Rendered, accepts_gzip

# Time for bytes to leave before an RST throws away what is unsent.
BEFORE_RESET = 0.05
SECRETS = frozenset({"authorization", "cookie", "proxy-authorization"})
KEY = "api_key"


class Quiet(Site):
    """A site without an access log: the log would hold the keys."""

    noisy = False
    displayTracebacks = False

    def log(self, request: Request) -> None:
        """Write nothing."""


class SimulatedRequest:
    """The parts of a request that answers depend on."""

    def __init__(self, request: Request) -> None:
        """Take the request apart."""
        path, _, query = request.uri.decode("latin-1").partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        self.method = request.method.decode("latin-1")
        self.path = unquote(path)
        self._pairs = [pair for pair in pairs if pair[0] != KEY]
        self.params = dict(self._pairs)
        self.api_key = dict(pairs).get(KEY)
        kind, _, token = (request.getHeader("authorization") or "").partition(" ")
        self.bearer = token.strip() if kind.lower() == "bearer" else None
        self.gzip_wanted = accepts_gzip(request.getHeader("accept-encoding"))
        self.headers = plain_headers(request)

    def header(self, name: str) -> str | None:
        """A header's value: all of them, if it was sent more than once."""
        found = [value for each, value in self.headers if each.lower() == name]
        return ", ".join(found) if found else None

    @property
    def auth(self) -> str:
        """Where the key was, not the key."""
        if self.bearer:
            return "bearer"
        return KEY if self.api_key else "none"

    def as_dict(self) -> Json:
        """The request for the ledger, without its key."""
        query = urlencode(self._pairs)
        path = quote(self.path, safe="/:@!$&'()*+,;=-._~")
        return {
            "method": self.method,
            "path": f"{path}?{query}" if query else path,
            "headers": self.headers,
            "auth": self.auth,
        }


def plain_headers(request: Request) -> list[list[str]]:
    """Names and values of the headers that hold no secret."""
    return [
        [name.decode("latin-1"), value.decode("latin-1")]
        for name, values in request.requestHeaders.getAllRawHeaders()
        if name.decode("latin-1").lower() not in SECRETS
        for value in values
    ]


class Answering(Resource):
    """Every path of one host: what is said there is for the kinds of host to say."""

    isLeaf = True

    def __init__(self, host: Host) -> None:
        """Answer for this host."""
        super().__init__()
        self.host = host

    def render(self, request: Request) -> int:
        """Take a request; the answer leaves when it has been thought about."""
        asked = SimulatedRequest(request)
        self.host.ledger.note_request(asked.as_dict())
        fault = self.host.strike(HTTP, path=asked.path)
        seconds = self.host.thinking()
        if fault is not None and fault.name == "slow":
            seconds += fault.number("delay")
        Delivery(self.host, request, fault).after(seconds, self, asked)
        return NOT_DONE_YET

    def scene(self, asked: SimulatedRequest) -> Deferred[Scene]:
        """The good answer, and one to something else."""
        raise NotImplementedError

    @property
    def now(self) -> float:
        """The time of the answers' making."""
        return self.host.timers.clock.seconds()

    @property
    def date(self) -> str:
        """What the host's clock says, as a field."""
        said: bytes = datetimeToString(time.time() + self.host.ahead)
        return said.decode("ascii")


class Delivery:
    """One answer on its way. If the client goes away, nothing more is sent."""

    def __init__(
        self, host: Host, request: Request, fault: SimulatedFault | None
    ) -> None:
        """Watch the client."""
        self.host = host
        self.request = request
        self.fault = fault
        self.gone = False
        gone: Deferred[None] = request.notifyFinish()
        gone.addErrback(self.lost)

    def lost(self, reason: Failure) -> None:
        """The client is gone."""
        self.gone = True

    def after(
        self, seconds: float, resource: Answering, asked: SimulatedRequest
    ) -> None:
        """Send now, or after a while."""
        if seconds > 0:
            self.host.timers.later(seconds, self.send, resource, asked)
        else:
            self.send(resource, asked)

    def send(self, resource: Answering, asked: SimulatedRequest) -> None:
        """Have the answer made, and send it."""
        if not self.gone:
            resource.scene(asked).addCallback(self.made)

    def made(self, scene: Scene) -> None:
        """Send the answer, or what the fault makes of it."""
        if self.gone:
            return
        name = self.fault.name if self.fault else ""
        if self.fault is not None and name in SCRIPTS:
            self.play(SCRIPTS[name](scene, self.fault))
        elif self.fault is not None and name in REWRITES:
            self.answer(REWRITES[name](scene, self.fault))
        elif self.fault is not None and name in DRIPPING:
            self.begin(scene.good)
            self.drip(scene.good.body, self.fault)
        else:
            self.answer(scene.good)

    def answer(self, rendered: Rendered) -> None:
        """A whole answer through twisted.web."""
        self.begin(rendered)
        self.request.write(rendered.body)
        self.request.finish()

    def begin(self, rendered: Rendered) -> None:
        """Status and headers; the connection ends with this answer if it has to."""
        self.host.ledger.responses[str(rendered.status)] += 1
        request = self.request
        request.setResponseCode(rendered.status, reason(rendered.status).encode())
        if self.host.ahead:
            told = datetimeToString(time.time() + self.host.ahead)
            request.setHeader("Date", told.decode("ascii"))
        for name, value in rendered.headers:
            request.setHeader(name, value)
        if not rendered.chunked:
            request.setHeader("Content-Length", str(len(rendered.body)))
        if not self.host.keep_alive:
            request.setHeader("Connection", "close")
            request.channel.persistent = False

    def drip(self, rest: bytes, fault: SimulatedFault) -> None:
        """The next drop of the body."""
        if self.gone:
            return
        size = fault.whole("size")
        self.request.write(rest[:size])
        if len(rest) > size:
            interval = fault.number("interval")
            self.host.timers.later(interval, self.drip, rest[size:], fault)
        else:
            self.request.finish()

    def play(self, script: Script) -> None:
        """Raw bytes below twisted.web, and the end that the script asks for."""
        if script.data:
            self.inside.write(script.data)
        if script.end is ScriptEnd.FIN:
            self.request.loseConnection()
        elif script.end is ScriptEnd.RESET:
            self.host.timers.later(BEFORE_RESET, self.reset)

    @property
    def inside(self) -> Inside:
        """What is below twisted.web."""
        transport = self.request.transport
        assert isinstance(transport, Inside), transport
        return transport

    def reset(self) -> None:
        """Send an RST, unless the client went first."""
        if not self.gone:
            self.inside.reset()
