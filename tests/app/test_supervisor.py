"""What systemd is told, over a socket of its kind."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.supervisor import Supervisor

LIMIT = 30


class Telling(SynchronousTestCase):
    """Each state is one datagram."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.systemd.close)
        self.systemd.setblocking(False)
        # not mktemp(): a socket's path has 107 characters at most
        folder = tempfile.TemporaryDirectory(prefix="streamr-test-")
        self.addCleanup(folder.cleanup)
        self.path = str(Path(folder.name) / "notify")

    def supervisor(self, address: str = "", **more: str) -> Supervisor:
        bound = address or self.path
        self.systemd.bind(bound.replace("@", "\0", 1))
        environment = {"NOTIFY_SOCKET": bound, **more}
        made = Supervisor(self.clock, environment, lambda: 7_654_321)
        self.addCleanup(made.stopped)
        return made

    def told(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self.systemd.recv(4096).decode())
            except BlockingIOError:
                return found

    def test_it_is_told_of_each_state(self) -> None:
        supervisor = self.supervisor()
        for tell, state in (
            (supervisor.ready, "READY=1"),
            (supervisor.reloading, "RELOADING=1\nMONOTONIC_USEC=7654"),
            (supervisor.stopping, "STOPPING=1"),
        ):
            tell()
            self.assertEqual(self.told(), [state])

    def test_a_name_may_be_abstract(self) -> None:
        self.supervisor(f"@streamr-test-{os.getpid()}").ready()
        self.assertEqual(self.told(), ["READY=1"])

    def test_half_its_limit_apart_it_is_told_that_the_reactor_turns(self) -> None:
        supervisor = self.supervisor(
            WATCHDOG_USEC=str(LIMIT * 1_000_000), WATCHDOG_PID=str(os.getpid())
        )
        self.clock.advance(LIMIT)
        self.assertEqual(self.told(), [])
        supervisor.ready()
        self.assertEqual(self.told(), ["READY=1", "WATCHDOG=1"])
        for _ in range(3):
            self.clock.advance(LIMIT / 2 - 0.1)
            self.assertEqual(self.told(), [])
            self.clock.advance(0.1)
            self.assertEqual(self.told(), ["WATCHDOG=1"])
        # nor does reloading begin a second series
        supervisor.ready()
        self.clock.advance(LIMIT / 2)
        self.assertEqual(self.told(), ["READY=1", "WATCHDOG=1"])
        supervisor.stopped()
        self.clock.advance(LIMIT)
        self.assertEqual(self.told(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_limit_that_is_not_for_this_process_is_none(self) -> None:
        for more in (
            {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
            {"WATCHDOG_USEC": "0"},
            {"WATCHDOG_USEC": "soon"},
            {},
        ):
            Supervisor(self.clock, more).ready()
            self.assertEqual(self.clock.getDelayedCalls(), [], more)

    def test_without_a_supervisor_nobody_is_told(self) -> None:
        alone = Supervisor(self.clock)
        for tell in (alone.ready, alone.reloading, alone.stopping, alone.stopped):
            tell()

    def test_one_that_does_not_listen_or_read_holds_nobody_up(self) -> None:
        supervisor = self.supervisor()
        for _ in range(10_000):  # far more than its queue takes
            supervisor.ready()
        self.assertLess(len(self.told()), 10_000)
        self.systemd.close()
        supervisor.stopping()
