"""TMDB on the lab's internet: the simulator at all addresses of its names.

    python -m tests.network.tmdb DIRECTORY

Writes the certificate that clients have to trust, and one for the resolver's name.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from twisted.internet import reactor

from streamr.simulator.hosts.certificates import GOOD, Vault, new_key
from streamr.simulator.hosts.ports import listen
from streamr.simulator.service import SimulatorService
from tests.network import places


def certificate(vault: Vault, name: str, directory: Path) -> None:
    """NAME.pem and NAME.key, signed by the authority that clients trust."""
    key = new_key()
    made = vault.make(name, GOOD, key).public_bytes(Encoding.PEM)
    (directory / f"{name}.pem").write_bytes(made)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / f"{name}.key").write_bytes(secret)


def main() -> None:
    """Listen, say so, run until a signal."""
    directory = Path(sys.argv[1])
    service = SimulatorService(
        reactor,  # type: ignore[arg-type]
        directory,
        keys=frozenset({places.KEY}),
        hosts=places.NAMES,
        control_port=places.TMDB_CONTROL,
    )
    certificate(service.vault, places.DNS_NAME, directory)
    service.startService()
    for name, addresses in places.TMDB.items():
        for address in addresses:
            listen(service.reactor, service.doors[name].factory, 443, address)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    reactor.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
