"""Three network namespaces in a row: home, router, internet.

Needs root and iproute2, nftables. A namespace bears the process id of whoever made it,
so that what a killed run has left is found and removed by the next.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.network import places

HOME, ROUTER, INTERNET = "home", "router", "internet"
ALL = (HOME, ROUTER, INTERNET)
PREFIX = "streamr-lab-"
MOUNTED = Path("/run/netns")
TOOLS = {
    "ip": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
    "curl": "curl",
    "setpriv": "util-linux",
    "tinyproxy": "tinyproxy-bin",
    "microsocks": "microsocks",
    "unbound": "unbound",
}
NEW_NET = 0x40000000
# the resolver of a namespace is its own; the mount is private to the one program
WITH_RESOLVER = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


def missing() -> str | None:
    """Why there can be no lab on this machine, in one sentence; None where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    lacking = {package for tool, package in TOOLS.items() if not shutil.which(tool)}
    if lacking:
        return f"the lab needs Debian's {', '.join(sorted(lacking))}"
    name = f"{PREFIX}{os.getpid()}-trial"
    tried = subprocess.run(
        ["ip", "netns", "add", name], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        return f"no network namespace can be made here: {tried.stderr.strip()}"
    ip("netns", "delete", name)
    return None


def ip(*arguments: str) -> None:
    """iproute2's `ip`; raises CalledProcessError."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Namespaces:
    """home — router — internet, with addresses, and programs that run in them."""

    def __init__(self, directory: Path) -> None:
        """Make them; `directory` holds each namespace's resolv.conf."""
        self.directory = directory
        sweep()
        try:
            for place in ALL:
                ip("netns", "add", self.name(place))
                resolver = {HOME: places.ROUTER_V4, INTERNET: places.HONEST_DNS}
                said = f"nameserver {resolver.get(place, '127.0.0.1')}\n"
                self.resolv(place).write_text(said)
            self._connect()
        except BaseException:
            self.remove()
            raise

    def name(self, place: str) -> str:
        """What the kernel calls a namespace of ours."""
        return f"{PREFIX}{os.getpid()}-{place}"

    def resolv(self, place: str) -> Path:
        """The /etc/resolv.conf of what runs there."""
        return self.directory / f"resolv.conf.{place}"

    def command(self, place: str, arguments: Sequence[str]) -> list[str]:
        """A command line that runs there; it ends with this process."""
        within = ["ip", "netns", "exec", self.name(place)]
        within += ["setpriv", "--pdeathsig", "KILL", "--"]
        resolved = ["sh", "-c", WITH_RESOLVER, "sh", str(self.resolv(place))]
        return [*within, *resolved, *arguments]

    def run(self, place: str, *arguments: str, text: str | None = None) -> str:
        """Run something short there; its output. Raises RuntimeError when it fails."""
        command = ["ip", "netns", "exec", self.name(place), *arguments]
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr or done.stdout}")
        return done.stdout

    @contextlib.contextmanager
    def inside(self, place: str) -> Iterator[None]:
        """This thread in the namespace: a socket made here stays in it for good."""
        with inside(self.name(place)):
            yield

    def enter(self, place: str) -> None:
        """This thread moves there and stays."""
        _enter(self.name(place))

    def rate(self, kbit: int | None) -> None:
        """Limit the line between home and router in both directions; None: no limit.

        A queue of one second, as cheap routers have.
        """
        for place in (HOME, ROUTER):
            with contextlib.suppress(RuntimeError):
                self.run(place, "tc", "qdisc", "delete", "dev", LINK, "root")
            if kbit is not None:
                wanted = f"rate {kbit}kbit burst 1600 latency 1s".split()
                self.run(
                    place, "tc", "qdisc", "add", "dev", LINK, "root", "tbf", *wanted
                )

    def _connect(self) -> None:
        names = {place: self.name(place) for place in ALL}
        for one, other, link in ((HOME, ROUTER, LINK), (ROUTER, INTERNET, UPLINK)):
            ends = ["netns", names[one], "type", "veth", "peer", "name", link]
            ip("link", "add", link, *ends, "netns", names[other])
        for place in ALL:
            self.run(place, "ip", "-batch", "-", text=places.BATCHES[place])
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.run(ROUTER, "sysctl", "-qw", f"{key}=1")

    def remove(self) -> None:
        """End what still runs in them, and let go of them."""
        for place in ALL:
            remove(self.name(place))


LINK, UPLINK = "lan", "wan"


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """This thread in a namespace: a socket made here stays in it for good."""
    with Path("/proc/thread-self/ns/net").open() as back:
        _enter(name)
        try:
            yield
        finally:
            _set(back.fileno())


def _enter(name: str) -> None:
    with (MOUNTED / name).open() as there:
        _set(there.fileno())


def sweep() -> None:
    """Remove the namespaces of runs that were killed."""
    for each in MOUNTED.glob(f"{PREFIX}*") if MOUNTED.is_dir() else ():
        owner = each.name.removeprefix(PREFIX).partition("-")[0]
        if not Path(f"/proc/{owner}").exists():
            remove(each.name)


def remove(name: str) -> None:
    """End what still runs in a namespace, and let go of it."""
    if not (MOUNTED / name).exists():
        return
    listed = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, check=False
    )
    for pid in listed.stdout.split():
        # this process itself is there only while a thread of it is inside
        if int(pid) != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    ip("netns", "delete", name)


def _set(descriptor: int) -> None:
    """setns(2), which Python has from 3.12 only."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, NEW_NET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
