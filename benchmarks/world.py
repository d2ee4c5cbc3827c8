"""What stands behind every peer: the simulated TMDB, a black hole, a clock to turn."""

from __future__ import annotations

import json
import socket
import sys
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .processes import ROOT, Child

DIRECT = "api.themoviedb.org"
SECOND = "api.tmdb.org"
HOSTS = (DIRECT, SECOND)
KEY = "c0ffee00c0ffee11c0ffee22c0ffee33"
# The second route is always this much further away.
SECOND_LATENCY = "slow:delay=0.06"
FAKETIME = "faketime/libfaketimeMT.so.1"


class Simulator:
    """The simulated TMDB in a process of its own, with two names over real TLS."""

    def __init__(
        self, directory: Path, *more: str, module: str = "streamr.simulator"
    ) -> None:
        """Start it; both names answer well, the second one later."""
        arguments = [sys.executable, "-m", module, "--key", KEY]
        arguments += ["--directory", str(directory), "--control-port", "0"]
        self.child = Child(
            [*arguments, "--latency", "none", *more],
            directory / "simulator.log",
            {"PYTHONPATH": str(ROOT)},
        )
        places = json.loads(self.child.wait_for(r"^\{.*\}$").group())
        self.ca_file: str = places["ca_file"]
        self.pins: str = places["pins"]
        self.control_url: str = places["control_url"]
        self.heal()

    def port(self, host: str) -> int:
        """Where a name is to be found."""
        places = dict(pin.split("=") for pin in self.pins.split(","))
        return int(places[host].rpartition(":")[2])

    def control(self, **wishes: Any) -> dict[str, Any]:
        """Say something to the control endpoint, or ask it."""
        body = json.dumps(wishes).encode() if wishes else None
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.control_url, body, headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def heal(self) -> None:
        """No fault anywhere; the second route keeps its latency."""
        self.break_direct("none")
        self.control(host=SECOND, fault=SECOND_LATENCY)

    def break_direct(self, fault: str) -> None:
        """A fault on the direct route."""
        self.control(host=DIRECT, fault=fault)

    def break_both(self, fault: str) -> None:
        """The same fault on both routes; the first fault of a layer wins."""
        self.break_direct(fault)
        self.control(host=SECOND, fault=f"{fault}+{SECOND_LATENCY}")

    def delay_both(self, seconds: float) -> None:
        """Both routes answer well after this long."""
        self.control(host="*", fault=f"slow:delay={seconds}")

    def requests(self, paths: Sequence[str] | None = None) -> int:
        """How many requests arrived since the last reset.

        With paths, health checks and probes are left out; the simulator names the last
        fifty requests only, so beyond those everything counts.
        """
        hosts = self.control()["hosts"].values()
        total = sum(int(host["counts"]["requests"]) for host in hosts)
        last = [one for host in hosts for one in host["counts"]["last_requests"]]
        if paths is None or total > len(last):
            return total
        return sum(one["path"] in paths for one in last)

    def handshakes(self) -> dict[str, int]:
        """How many TLS handshakes each name has completed since the last reset."""
        hosts = self.control()["hosts"].items()
        return {name: int(host["counts"]["handshakes"]) for name, host in hosts}

    def reset_counts(self) -> None:
        """Count from zero."""
        self.control(reset_counts=True)

    def stop(self) -> None:
        """End it."""
        self.child.stop()


class SilentPort:
    """A port whose SYNs are dropped, without root: a listener nobody accepts from.

    Once its queue is full, Linux drops further SYNs (net.ipv4.tcp_abort_on_overflow is
    0 by default): to a client this is a network that swallows everything.
    """

    def __init__(self, port: int) -> None:
        """Take over a port that the simulator has closed (its fault `refuse`)."""
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            self.fillers.append(filler)

    def close(self) -> None:
        """Give the port back."""
        for one in (*self.fillers, self.listener):
            one.close()


class Clock:
    """The time that children see, by libfaketime: an offset that can jump.

    With `monotonic`, every clock of the child jumps: hours pass at once, lifetimes run
    out, nothing else changes. Without it only the wall clock jumps, as when someone
    sets the time of a machine.
    """

    def __init__(self, directory: Path, *, monotonic: bool) -> None:
        """Begin at the true time."""
        found = sorted(Path("/usr/lib").glob(f"*/{FAKETIME}"))
        if not found:
            raise FileNotFoundError("libfaketime is missing: run benchmarks/install.sh")
        self.offset = 0
        self.file = directory / "faketime"
        self.environment = {
            # libc in front of jemalloc (Varnish is linked with it), which would ask
            # libfaketime for the time before that is ready
            "LD_PRELOAD": f"{found[0]}:libc.so.6",
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            # the file is read at each look at the clock (some 4 µs): no jump is late
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "0" if monotonic else "1",
        }
        self.jump(0)

    def jump(self, seconds: int) -> None:
        """Let the children's time jump, at once and for all of them."""
        self.offset += seconds
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{self.offset:+d}\n")
        fresh.replace(self.file)


def temporary_directory() -> tempfile.TemporaryDirectory[str]:
    """A place for one run's files. Servers that drop privileges can enter it."""
    made = tempfile.TemporaryDirectory(
        prefix="streamr-bench-", ignore_cleanup_errors=True
    )
    Path(made.name).chmod(0o755)
    return made
