"""The handshake with a SOCKS5 proxy (RFC 1928; user and password: RFC 1929)."""

from __future__ import annotations

import ipaddress

from streamr.errors import Fault
from streamr.upstream.dial.tunnel import Ask, Handshake

_VERSION = 5
_CONNECT = 1
_NO_AUTHENTICATION, _USER_AND_PASSWORD, _NONE_ACCEPTABLE = 0, 2, 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4
_SIZES = {_IPV4: 4, _IPV6: 16}

# RFC 1928, 6, and the cause that each of them is.
_REPLIES = {
    1: ("egress_failed", "general failure"),
    2: ("egress_denied", "not allowed by its rules"),
    3: ("egress_failed", "network unreachable"),
    4: ("egress_failed", "host unreachable"),
    5: ("egress_failed", "connection refused"),
    6: ("egress_failed", "TTL expired"),
    7: ("egress_protocol_error", "command not supported"),
    8: ("egress_protocol_error", "address type not supported"),
}


def socks5(
    host: str, port: int, user: str | None = None, password: str | None = None
) -> Handshake:
    """Ask for a connection to `host`. A name is looked up by the proxy; an IP address
    goes as one. User and password have at most 255 bytes each."""
    methods = [_NO_AUTHENTICATION]
    if user is not None:
        methods.append(_USER_AND_PASSWORD)
    answer = yield Ask(bytes([_VERSION, len(methods), *methods]), 1)
    _check_version(answer)
    method = (yield Ask(b"", 1))[0]
    if method == _NONE_ACCEPTABLE:
        why = (
            "none of the offered methods" if user else "it requires a user and password"
        )
        raise Fault("egress_authentication", f"SOCKS method 255: {why}")
    if method not in methods:
        raise Fault("egress_protocol_error", f"SOCKS method {method} was not offered")
    if method == _USER_AND_PASSWORD:
        yield from _log_in(user or "", password or "")
    yield from _ask_for(host, port)


def _log_in(user: str, password: str) -> Handshake:
    says = b"\x01" + _counted(user.encode()) + _counted(password.encode())
    # the version of the answer is not looked at: servers send 1 and 5
    status = (yield Ask(says, 2))[1]
    if status != 0:
        raise Fault(
            "egress_authentication", f"SOCKS status {status}: wrong user or password"
        )


def _ask_for(host: str, port: int) -> Handshake:
    says = bytes([_VERSION, _CONNECT, 0]) + _address(host) + port.to_bytes(2, "big")
    answer = yield Ask(says, 2)
    _check_version(answer)
    if answer[1] != 0:
        cause, meaning = _REPLIES.get(
            answer[1], ("egress_protocol_error", "not one of SOCKS5")
        )
        raise Fault(cause, f"SOCKS reply {answer[1]}: {meaning}")
    kind = (yield Ask(b"", 2))[1]
    if kind == _NAME:
        size = (yield Ask(b"", 1))[0]
    elif kind in _SIZES:
        size = _SIZES[kind]
    else:
        raise Fault("egress_protocol_error", f"SOCKS address type {kind}")
    # the address and port from which the proxy connects tell nothing
    yield Ask(b"", size + 2)


def _address(host: str) -> bytes:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return bytes([_NAME]) + _counted(host.encode("ascii"))
    return bytes([_IPV4 if found.version == 4 else _IPV6]) + found.packed


def _counted(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def _check_version(answer: bytes) -> None:
    if answer[0] != _VERSION:
        raise Fault("egress_protocol_error", "the answer is not SOCKS5")
