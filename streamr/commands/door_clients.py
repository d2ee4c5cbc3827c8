"""What each kind of client needs to come to the door, in lines to paste: it has to
trust the authority, and to find the door under TMDB's names. docs/apps.md tells more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamr.net.doors import NAMES

# On a desktop www.themoviedb.org stays TMDB's: its own site is not served here.
HOSTS = " ".join(each for each in NAMES if not each.startswith("www."))
# Where Debian and its kind, and Fedora and its kind, take authorities from.
DEBIAN = "/usr/local/share/ca-certificates/streamr-door.crt"
FEDORA = "/etc/pki/ca-trust/source/anchors/streamr-door.pem"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True)
class ClientKind:
    """One kind of client; `lines` has places for {certificate} and {address}."""

    title: str
    lines: str


CLIENTS = (
    ClientKind(
        "Every client: the names, in /etc/hosts of the machine or container it runs in",
        f"{{address}} {HOSTS}",
    ),
    ClientKind(
        "Node.js (Seerr, Overseerr, Jellyseerr): in the app's environment",
        "NODE_EXTRA_CA_CERTS={certificate}",
    ),
    ClientKind(
        "Python (Kometa, Kodi's scrapers on a desktop): a bundle, and the environment",
        f"cat {BUNDLE} {{certificate}} > door-bundle.pem\n"
        "SSL_CERT_FILE=door-bundle.pem\n"
        "REQUESTS_CA_BUNDLE=door-bundle.pem",
    ),
    ClientKind(
        "Debian, Ubuntu and their containers (.NET too: Jellyfin and its plugins)",
        f"cp {{certificate}} {DEBIAN}\nupdate-ca-certificates",
    ),
    ClientKind(
        "Fedora and its kind",
        f"cp {{certificate}} {FEDORA}\nupdate-ca-trust",
    ),
    ClientKind(
        "macOS",
        "sudo security add-trusted-cert -d -r trustRoot -k "
        "/Library/Keychains/System.keychain {certificate}",
    ),
    ClientKind(
        "Windows, as administrator; the names go to "
        r"C:\Windows\System32\drivers\etc\hosts",
        "certutil -addstore -f Root {certificate}",
    ),
)


def removed(gone: Sequence[Path], fingerprint: str) -> Iterator[str]:
    """What was destroyed, and what is left to do."""
    for path in gone:
        yield f"Removed {path}"
    yield ""
    yield "Nobody can sign with this authority any more. The clients still trust it:"
    if fingerprint:
        yield f"SHA-256 fingerprint {fingerprint}"
    yield ""
    yield "# In each client's hosts file: remove the line with"
    yield HOSTS
    yield "# Node.js and Python: unset"
    yield "NODE_EXTRA_CA_CERTS SSL_CERT_FILE REQUESTS_CA_BUNDLE"
    yield "# Debian, Ubuntu"
    yield f"rm {DEBIAN} && update-ca-certificates --fresh"
    yield "# Fedora and its kind"
    yield f"rm {FEDORA} && update-ca-trust"
    yield "# macOS"
    digest = fingerprint.replace(":", "") or "SHA256"
    yield f"sudo security delete-certificate -Z {digest}"
    yield "# Windows, as administrator"
    yield 'certutil -delstore Root "streamr door"'
    yield ""
    yield "# On this machine: unset STREAMR_DOOR, and restart streamr. Until then it"
    yield "# goes on with the certificate that it has, which ends within 30 days."
