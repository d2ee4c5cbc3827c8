"""An upstream that costs little, for what is measured in processor time per request.

nginx answers every path with one list of the simulator's (see
peers/quick-upstream.conf), over TLS with certificates of the simulator's kind.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from streamr.simulator.hosts.certificates import GOOD, Vault, new_key

from .peers import configured
from .processes import Child, free_ports
from .world import DIRECT, HOSTS, SECOND


class QuickUpstream:
    """TMDB's two names; both give the same answer to everything."""

    def __init__(self, directory: Path, answer: bytes) -> None:
        """Start it in a directory of its own; `answer` is the JSON of a list."""
        self._ports = dict(zip(HOSTS, free_ports(len(HOSTS)), strict=True))
        self.ca_file = str(directory / "ca.pem")
        certify(directory)
        (directory / "list").write_bytes(answer)
        (directory / "list.gz").write_bytes(gzip.compress(answer, 6, mtime=0))
        words = {
            "directory": str(directory),
            "direct_port": str(self.port(DIRECT)),
            "second_port": str(self.port(SECOND)),
        }
        file = configured("quick-upstream.conf", directory, words)
        log = directory / "quick-upstream.log"
        self._child = Child(["nginx", "-c", str(file)], log)
        self._child.wait_for_port(self.port(SECOND))

    @property
    def pins(self) -> str:
        """Which name is to be found at which address and port."""
        return ",".join(f"{name}=127.0.0.1:{self._ports[name]}" for name in HOSTS)

    def port(self, host: str) -> int:
        """Where a name is to be found."""
        return self._ports[host]

    def stop(self) -> None:
        """End it."""
        self._child.stop()


def certify(directory: Path) -> None:
    """Write an authority, and a certificate with its key for each name."""
    vault = Vault()
    (directory / "ca.pem").write_bytes(vault.authority.pem)
    for host in HOSTS:
        key = new_key()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificate = vault.make(host, GOOD, key).public_bytes(Encoding.PEM)
        (directory / f"{host}.pem").write_bytes(private + certificate)
