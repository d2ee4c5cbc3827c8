"""Real processes for tests: started, listened to, asked over HTTP, and ended."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from streamr.terminal.daemon import NoDaemon
from streamr.terminal.daemon import ask as ask_daemon

ROOT = Path(__file__).resolve().parent.parent
TWISTD = str(Path(sys.executable).with_name("twistd"))
STREAMR = str(Path(sys.executable).with_name("streamr"))
# Start to listening takes 0.3 s; this is for a machine under load.
PATIENCE = 30.0


# Puts descriptors where systemd puts them, and becomes the program that follows.
PASSING_ON = (
    sys.executable,
    "-c",
    """
import os, sys
given, program = sys.argv[1].split(","), sys.argv[2:]
for number, each in enumerate(given):
    os.dup2(int(each), 3 + number)
    os.close(int(each))
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(program[0], program)
""",
)


def _spare(listening: socket.socket) -> int:
    """A second descriptor of a socket, far above those that systemd uses."""
    return fcntl.fcntl(listening, fcntl.F_DUPFD_CLOEXEC, 100)


class Process:
    """A child whose output is read as it comes. Its lines say when it is up."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        listening: Mapping[str, socket.socket] | None = None,
    ) -> None:
        """`listening` are sockets that are passed on as systemd does, by name."""
        # nothing of the developer's own settings reaches the child
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TMDB_", "STREAMR_", "PROXY_", "DOOR_", "CORS_"))
            and name not in ("HOST", "PORT")
            and not name.lower().endswith("_proxy")
        }
        # nor does it see the state of another daemon
        self._state = tempfile.TemporaryDirectory(prefix="streamr-test-")
        self.state_home = self._state.name
        kept["XDG_STATE_HOME"] = self.state_home
        self.lines: list[str] = []
        self._fresh: queue.Queue[str | None] = queue.Queue()
        descriptors = [_spare(each) for each in (listening or {}).values()]
        if listening:
            arguments = [*PASSING_ON, ",".join(map(str, descriptors)), *arguments]
            kept["LISTEN_FDS"] = str(len(listening))
            kept["LISTEN_FDNAMES"] = ":".join(listening)
        self.child = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory or ROOT,
            env={**kept, "PYTHONPATH": str(ROOT), **(environment or {})},
            pass_fds=descriptors,
        )
        for each in descriptors:
            os.close(each)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, pattern: str, seconds: float = PATIENCE) -> re.Match[str]:
        """The next line that matches; fails with all that was said."""
        until = time.monotonic() + seconds
        while True:
            try:
                line = self._fresh.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {pattern!r} in:\n{self.output}") from None
            if line is None:
                raise AssertionError(f"ended without {pattern!r}:\n{self.output}")
            match = re.search(pattern, line)
            if match:
                return match

    def stop(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """End it and return its exit status."""
        if self.child.poll() is None:
            self.child.send_signal(number)
        return self.ended(seconds)

    def ended(self, seconds: float = PATIENCE) -> int:
        """Wait until it ends by itself; its exit status."""
        try:
            status = self.child.wait(seconds)
            # what it said last may not have been read yet
            self._reading.join(seconds)
            self._state.cleanup()
            return status
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"does not end:\n{self.output}") from None

    def _read(self) -> None:
        assert self.child.stdout is not None
        for line in self.child.stdout:
            self.lines.append(line.rstrip("\n"))
            self._fresh.put(self.lines[-1])
        self._fresh.put(None)


@dataclass
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    url: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: str | None = None,
) -> Response:
    """One request on a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=PATIENCE
    )
    began = time.monotonic()
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    return Response(
        response.status, response.headers, content, time.monotonic() - began
    )


class Simulator(Process):
    """The simulated TMDB in a process of its own."""

    KEY = "c0ffee00c0ffee11c0ffee22c0ffee33"

    def __init__(self, directory: Path, *more: str, within: Sequence[str] = ()) -> None:
        """`within` is a command that starts another."""
        super().__init__(
            [
                *within,
                *(sys.executable, "-m", "streamr.simulator"),
                *("--directory", str(directory), "--key", self.KEY),
                *("--control-port", "0", "--latency", "none", *more),
            ]
        )
        places = json.loads(self.wait_for(r"^\{").string)
        self.ca_file: str = places["ca_file"]
        self.pins: str = places["pins"]
        self.control_url: str = places["control_url"]

    @property
    def environment(self) -> dict[str, str]:
        """What a daemon needs to take it for TMDB."""
        return {
            "TMDB_API_KEY": self.KEY,
            "TMDB_PINS": self.pins,
            "TMDB_CA_FILE": self.ca_file,
            # every call goes to TMDB unless a test is about the cache
            "STREAMR_CACHE_MB": "0",
            "PORT": "0",
            "PROXY_PORT": "0",
        }

    def switch(self, host: str = "*", **more: Any) -> None:
        """Change a fault or an option while it runs."""
        answer = ask(
            self.control_url,
            "/",
            {"Content-Type": "application/json"},
            method="POST",
            body=json.dumps({"host": host, **more}),
        )
        assert answer.status == 200, answer.body

    def renew(self) -> None:
        """As if it had just been started, for the next test that shares it."""
        self.switch(fault="none", keep_alive=True, reset_counts=True)

    def counts(self, host: str) -> dict[str, Any]:
        told = ask(self.control_url, "/").json
        found: dict[str, Any] = told["hosts"][host]["counts"]
        return found


class Daemon(Process):
    """A real `twistd -y streamr.tac` in the foreground."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        servers: Sequence[str],
        within: Sequence[str] = (),
        **more: Any,
    ) -> None:
        """`within` is a command that starts another."""
        super().__init__(
            [
                *within,
                TWISTD,
                "--nodaemon",
                "--pidfile=",
                "-y",
                str(ROOT / "streamr.tac"),
            ],
            environment,
            **more,
        )
        self.urls = {}
        for name in servers:
            match = self.wait_for(rf"{name} server listens on (\S+)")
            self.urls[name] = match.group(1)

    @property
    def main(self) -> str:
        return self.urls["main"]

    @property
    def proxy(self) -> str:
        return self.urls["proxy"]


def wait_until(is_so: Callable[[], object]) -> None:
    """Ask again until it is so; only a test that hangs runs out of patience."""

    def so() -> object:
        with contextlib.suppress(OSError):  # a file that is not there yet
            return is_so()

    until = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < until, f"not true within {PATIENCE:g} s"
        threading.Event().wait(0.02)


def wait_for_control(state: Path) -> None:
    """The control socket opens a moment after the servers."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            ask_daemon(state, "/running")
        except NoDaemon:
            assert time.monotonic() < until, "no control socket"
        else:
            return
