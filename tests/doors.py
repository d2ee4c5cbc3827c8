"""A real daemon with a door, for the tests that come through it."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streamr.config.door import AuthorityFiles
from streamr.net.doors import NAMES
from tests.processes import STREAMR, Daemon, Process, Simulator

LISTENS = r"door server listens on https://[^:]+:(\d+)"


@dataclass
class Door:
    """TMDB, a daemon with a door, and the authority that its clients trust."""

    simulator: Simulator
    daemon: Daemon
    files: AuthorityFiles
    host: str
    port: int

    @property
    def environment(self) -> dict[str, str]:
        """What a client of any kind is given, as `streamr door show` says."""
        pem = str(self.files.certificate)
        kinds = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
        return dict.fromkeys(kinds, pem)

    @property
    def hosts(self) -> str:
        """The lines of a client's hosts file."""
        return f"127.0.0.1 localhost\n{self.host} {' '.join(NAMES)}\n"

    def trusting(self) -> ssl.SSLContext:
        """A client that trusts the authority, and nobody else."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(self.files.certificate)
        return made


@contextmanager
def opened(
    simulator: Simulator,
    state: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    more: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
) -> Iterator[Door]:
    """A door that is open until the block ends; then its log holds no secret. `within`
    is a command that starts the daemon."""
    made = Process([STREAMR, "door", "init"], {"STREAMR_STATE_DIR": str(state)})
    assert made.ended() == 0, made.output
    environment = {
        **simulator.environment,
        "STREAMR_STATE_DIR": str(state),
        "STREAMR_DOOR": "1",
        "DOOR_HOST": host,
        "DOOR_PORT": str(port),
        "STREAMR_WARM": "none",
        **(more or {}),
    }
    daemon = Daemon(environment, servers=("proxy", "main"), within=within)
    files = AuthorityFiles(state)
    try:
        [found] = re.findall(LISTENS, daemon.output) or [
            daemon.wait_for(LISTENS).group(1)
        ]
        yield Door(simulator, daemon, files, host, int(found))
    finally:
        daemon.stop()
    assert "Traceback" not in daemon.output
    for secret in (Simulator.KEY, *files.key.read_text().splitlines()[1:-1]):
        assert secret not in daemon.output


# In a mount namespace: the first argument takes the place of the hosts file.
WITH_HOSTS = (
    *("unshare", "--mount", "sh", "-c"),
    'mount --bind "$0" /etc/hosts && exec "$@"',
)


def cannot() -> str:
    """Why no process here can have a hosts file of its own, and listen on TMDB's port;
    "" where it can."""
    if os.geteuid() != 0:
        return "needs root: TMDB's port, and a mount namespace"
    tried = subprocess.run(
        [*WITH_HOSTS, "/etc/hosts", "true"], capture_output=True, text=True
    )
    return tried.stderr.strip() if tried.returncode else ""


def own_loopback() -> str:
    """An address of this machine that no other process of the tests uses."""
    number = os.getpid()
    return f"127.77.{number >> 8 & 255}.{number & 255 or 1}"
