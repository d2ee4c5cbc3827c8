"""A blocking TLS client that tells FIN, RST and close_notify apart.

Python's own ssl sockets report a reset while reading as an end of file, so TLS runs
here in memory over a plain socket.
"""

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HOST = "api.themoviedb.org"
# Only what hangs takes so long (seconds).
PATIENCE = 30.0
# Nothing for so long (seconds) is silence, once the simulator says that its fault has
# struck: what it writes then, it has written.
SILENCE = 1.0


@dataclass
class Outcome:
    """What came back, and how it ended."""

    data: bytes = b""
    end: str = ""
    error: str = ""

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.data.split(b" ", 2)[1])

    @property
    def head(self) -> str:
        """The head of the answer."""
        return self.data.partition(b"\r\n\r\n")[0].decode("latin-1")

    @property
    def body(self) -> bytes:
        """The body of the answer, its chunks joined."""
        body = self.data.partition(b"\r\n\r\n")[2]
        return join(body) if "chunked" in self.head.lower() else body


def join(body: bytes) -> bytes:
    """The content of a chunked body."""
    content = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        content, body = content + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return content


class Client:
    """One connection."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext,
        struck: Callable[[], bool] = lambda: False,
        host: str = HOST,
    ) -> None:
        """`struck` tells whether what comes now may be silence."""
        self.outcome = Outcome()
        self.struck = struck
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.settimeout(SILENCE)

    def pump(self) -> bool:
        """Send what TLS has to say and wait for more; False at the end."""
        try:
            if self.outgoing.pending:
                self.socket.sendall(self.outgoing.read())
            data = self.hear()
        except ConnectionResetError:
            self.outcome.end = "reset"
        except BrokenPipeError:
            self.outcome.end = "reset"
        except TimeoutError:
            self.outcome.end = "silence"
        else:
            self.incoming.write(data)
            self.outcome.end = "" if data else "fin"
        return not self.outcome.end

    def hear(self) -> bytes:
        """What comes next. Raises TimeoutError for silence."""
        until = time.monotonic() + PATIENCE
        while True:
            was_struck = self.struck()
            try:
                return self.socket.recv(65536)
            except TimeoutError:
                if was_struck or time.monotonic() > until:
                    raise

    def handshake(self) -> bool:
        """Do the handshake; False if it failed."""
        while True:
            try:
                self.tls.do_handshake()
                return True
            except ssl.SSLWantReadError:
                if not self.pump():
                    return False
            except ssl.SSLError as error:
                self.outcome.end, self.outcome.error = "tls", str(error)
                return False

    def ask(self, request: bytes) -> Outcome:
        """Send a request and read to the end of the connection."""
        self.tls.write(request)
        while True:
            try:
                data = self.tls.read(1 << 16)
                if not data:
                    self.outcome.end = "close"
                    return self.outcome
                self.outcome.data += data
            except ssl.SSLWantReadError:
                if not self.pump():
                    return self.outcome
            except ssl.SSLZeroReturnError:
                self.outcome.end = "close"
                return self.outcome


def get(
    path: str = "/3/movie/550?api_key=k",
    headers: str = "Accept-Encoding: gzip\r\n",
    method: str = "GET",
) -> bytes:
    """The bytes of a request that ends its connection."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}"
        "Connection: close\r\n\r\n"
    ).encode()


def fetch(
    port: int,
    trust: Path | ssl.SSLContext,
    request: bytes | None = None,
    struck: Callable[[], bool] = lambda: False,
    host: str = HOST,
) -> Outcome:
    """One connection, one request, and all that came of it."""
    context = trust
    if isinstance(context, Path):
        context = ssl.create_default_context(cafile=str(context))
    try:
        client = Client(port, context, struck, host)
    except ConnectionRefusedError:
        return Outcome(end="refused")
    except ConnectionResetError:
        return Outcome(end="reset")
    with client.socket:
        if client.handshake():
            return client.ask(request or get())
        return client.outcome
