"""The handshake with an HTTP proxy: CONNECT (RFC 9110, 9.3.6)."""

from __future__ import annotations

import base64
import re
from collections.abc import Generator, Iterable

from streamr.errors import Fault
from streamr.upstream.dial.tunnel import Ask, Handshake

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: .*)?")
_FIELD = re.compile(rb"(?i)(?:proxy|www)-authenticate:[ \t]*([a-z0-9_-]+)")
# What a proxy may ask for, besides Basic. Any other word is not told: a proxy knows the
# password, and could say that.
_SCHEMES = {"bearer", "digest", "kerberos", "negotiate", "ntlm"}

# tinyproxy refuses a password with 401, where RFC 9110 has 407 for it
# (docs/facts/tls.md, "What an outbound proxy answers").
_AUTHENTICATION = (401, 407)
# tinyproxy says 500 where others say 502, 503 or 504: it could not connect.
_FAILED = (500, 502, 503, 504)


def connect(
    host: str, port: int, user: str | None = None, password: str | None = None
) -> Handshake:
    """Ask for a tunnel to `host`, a name or an address; any 2xx opens it."""
    to = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    request = f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n"
    if user is not None:
        pair = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
        request += f"Proxy-Authorization: Basic {pair}\r\n"
    says = f"{request}\r\n".encode("ascii")
    status, schemes = yield from _head(says)
    while 100 <= status < 200 and status != 101:
        # an interim response (RFC 9110, 15.2); the final one follows
        status, schemes = yield from _head(b"")
    if not 200 <= status < 300:
        raise _refusal(status, schemes, with_user=user is not None)


def _head(says: bytes) -> Generator[Ask, bytes, tuple[int, list[str]]]:
    """The status of the answer, and the schemes in which it asks for a password.

    Lines may end in LF only (RFC 9112, 2.2). The first byte is looked at when it comes:
    what is no HTTP may never send a line.
    """
    first = yield Ask(says, 1)
    if first != b"H":
        raise Fault("egress_protocol_error", "the answer is not HTTP")
    line = first + (yield Ask(b"", b"\n"))
    found = _STATUS_LINE.fullmatch(line.rstrip(b"\r\n"))
    if found is None:
        raise Fault("egress_protocol_error", "the answer is not HTTP")
    schemes = []
    while field := (yield Ask(b"", b"\n")).rstrip(b"\r\n"):
        if asked := _FIELD.match(field):
            schemes.append(asked[1].decode("ascii"))
    return int(found[1]), schemes


def _refusal(status: int, schemes: Iterable[str], *, with_user: bool) -> Fault:
    if status in _AUTHENTICATION:
        asked = {each.lower() for each in schemes}
        why = (
            "wrong user or password" if with_user else "it requires a user and password"
        )
        known = asked & _SCHEMES
        if known and "basic" not in asked:
            listed = ", ".join(sorted(known))
            why = f"it accepts {listed}, and streamr only offers Basic"
        return Fault("egress_authentication", f"status {status}: {why}")
    if status == 403:
        return Fault("egress_denied", f"status {status}")
    if status in _FAILED:
        return Fault("egress_failed", f"status {status}")
    return Fault(
        "egress_protocol_error",
        f"status {status}: is this an HTTP proxy that allows CONNECT?",
    )
