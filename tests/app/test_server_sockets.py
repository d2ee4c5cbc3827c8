"""A server that stops: who has connected before its port closed is answered."""

from __future__ import annotations

import socket
from typing import Any

import pytest_twisted
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Request

from streamr.app.server import Server
from streamr.app.sockets import listen
from streamr.web.server.site import GatewaySite

CALLERS = 40


class Page(Resource):
    """What is asked for."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        return b"here"


def answer(caller: socket.socket) -> bytes:
    """All that a caller is told until its connection ends."""
    told = b""
    with caller:
        caller.settimeout(30)
        while came := caller.recv(4096):
            told += came
    return told


@pytest_twisted.ensureDeferred
async def test_who_waits_in_the_kernel_when_a_port_closes_is_answered(
    reactor: Any,
) -> None:
    """Twisted accepts a few in each turn, and has taken none of these."""
    listening = listen("127.0.0.1", 0, "PORT")
    place = listening.getsockname()
    server = Server("main", reactor, listening, GatewaySite(Page(), reactor), drain=20)
    server.startService()
    callers = [socket.create_connection(place) for _ in range(CALLERS)]
    for each in callers:
        each.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    stopped = server.stopService()
    told = [await deferToThread(answer, each) for each in callers]
    await stopped
    assert [each[:15] for each in told] == [b"HTTP/1.1 200 OK"] * CALLERS
