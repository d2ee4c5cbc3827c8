"""What systemd is told: that the daemon is ready, reloads, stops, and is not stuck.

The protocol is sd_notify(3): datagrams of NAME=value lines to the Unix socket that
NOTIFY_SOCKET names; one that begins with @ is in Linux's abstract namespace. Without
the variable nobody is told anything.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

_log = Logger(namespace="streamr")

# systemd recommends half of its limit (sd_watchdog_enabled(3)).
PINGS = 2


class Supervisor:
    """Whoever has started the daemon and wants to know how it is."""

    def __init__(
        self,
        clock: IReactorTime,
        environment: Mapping[str, str] | None = None,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`monotonic` is in nanoseconds, of the clock that systemd compares with."""
        given = environment or {}
        self._clock = clock
        self._address = given.get("NOTIFY_SOCKET", "")
        self._limit = _limit(given)
        self._monotonic = monotonic
        self._lost = False
        self._pinging: LoopingCall | None = None

    def ready(self) -> None:
        """It serves, at first or again after `reloading`."""
        self._tell("READY=1")
        if self._limit is not None and self._pinging is None:
            # by the reactor's own timer: one that is blocked sends nothing
            self._pinging = LoopingCall(self._tell, "WATCHDOG=1")
            self._pinging.clock = self._clock
            self._pinging.start(self._limit / PINGS)

    def reloading(self) -> None:
        """It reads its files again; `ready` says that it has."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={self._monotonic() // 1000}")

    def stopping(self) -> None:
        """It has begun to stop."""
        self._tell("STOPPING=1")

    def stopped(self) -> None:
        """There is nothing more to tell."""
        if self._pinging is not None and self._pinging.running:
            self._pinging.stop()

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                # a supervisor that does not read must not hold up the callers
                sending.setblocking(False)
                sending.sendto(state.encode(), _path(self._address))
        except OSError as error:
            self._cannot(error)
        else:
            self._lost = False

    def _cannot(self, error: OSError) -> None:
        """Log it once, and not with each ping."""
        if not self._lost:
            self._lost = True
            _log.warn(
                "systemd cannot be told how the daemon is: {path}: {error}",
                path=self._address,
                error=error.strerror or str(error),
                code="notify-lost",
            )


def _path(address: str) -> str:
    return f"\0{address[1:]}" if address.startswith("@") else address


def _limit(environment: Mapping[str, str]) -> float | None:
    """Seconds without a ping after which systemd restarts us; None when it does not."""
    for_whom = environment.get("WATCHDOG_PID", "")
    usec = environment.get("WATCHDOG_USEC", "")
    if for_whom not in ("", str(os.getpid())) or not usec.isdecimal():
        return None
    return int(usec) / 1_000_000 or None
