"""Child processes: started with a log file, waited for, ended by their own id."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A store with a hundred thousand pages is read before the ports are open.
PATIENCE = 90.0
SHARED = Path("/dev/shm")
# What a developer has set for himself must not reach what is measured.
OURS = ("TMDB_", "STREAMR_", "PROXY_", "CORS_", "FAKETIME", "LD_PRELOAD", "NODE_")
FORBIDDEN_PORTS = frozenset({3001, 5001})


class DidNotStart(Exception):
    """A child ended, or never became ready."""


def clean_environment() -> dict[str, str]:
    """The environment without settings of ours, and without outbound proxies."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OURS)
        and name not in ("HOST", "PORT")
        and not name.lower().endswith("_proxy")
    }


def free_ports(count: int) -> list[int]:
    """Ports on which nothing listens now; all are held until all are known."""
    held: list[socket.socket] = []
    while len(held) < count:
        one = socket.socket()
        one.bind(("127.0.0.1", 0))
        if one.getsockname()[1] in FORBIDDEN_PORTS:
            one.close()
        else:
            held.append(one)
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class Child:
    """One process whose output goes to a file."""

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it in the directory of its log file."""
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                env={**clean_environment(), **(environment or {})},
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @property
    def output(self) -> str:
        """Everything it has said so far."""
        return self.log.read_text(errors="replace")

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match in its output."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            match = re.search(pattern, self.output, re.MULTILINE)
            if match:
                return match
            self.check()
            time.sleep(0.02)
        raise DidNotStart(f"no {pattern!r} in:\n{self.output[-2000:]}")

    def wait_for_port(self, port: int) -> None:
        """Return when something listens on the port."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            self.check()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise DidNotStart(f"port {port} stays closed:\n{self.output[-2000:]}")

    def wait_for_file(self, path: Path) -> None:
        """Return when a file is there, such as a Unix socket."""
        until = time.monotonic() + PATIENCE
        while not path.exists():
            self.check()
            if time.monotonic() > until:
                raise DidNotStart(f"no {path.name}:\n{self.output[-2000:]}")
            time.sleep(0.02)

    def check(self) -> None:
        """Raise when it has ended."""
        if self.process.poll() is not None:
            raise DidNotStart(f"ended:\n{self.output[-2000:]}")

    def stop(self, seconds: float = 10.0) -> int:
        """End it and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        # libfaketime leaves its shared memory behind when a signal ends its process,
        # and trips over it when the number comes round again
        for left in SHARED.glob(f"*faketime_*_{self.pid}"):
            left.unlink(missing_ok=True)
        return status

    def memory(self) -> int:
        """Its resident memory in bytes."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def open_files(self) -> int:
        """How many file descriptors it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
