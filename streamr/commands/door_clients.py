"""What each kind of client needs to come to the door, in lines to paste: it has to
trust the authority, and to find the door under TMDB's names. docs/apps.md tells more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamr.net.doors import API_NAMES, PICTURE_NAMES

# Where Debian and its kind, and Fedora and its kind, take authorities from.
DEBIAN = "/usr/local/share/ca-certificates/streamr-door.crt"
FEDORA = "/etc/pki/ca-trust/source/anchors/streamr-door.pem"
SYSTEM = "/etc/ssl/certs/ca-certificates.crt"
# Copies that every user can read: nobody else looks into the state folder.
COPY, BUNDLE = "/etc/streamr-door.pem", "/etc/streamr-door-bundle.pem"
# What stands for an address that only the reader knows.
ADDRESS = "ADDRESS"


@dataclass(frozen=True, slots=True)
class ClientKind:
    """One kind of client; `lines` may have a place for the {certificate}."""

    title: str
    lines: str


def clients(host: str, *, pictures: bool) -> tuple[ClientKind, ...]:
    """What each kind needs for a door at `host`, which serves `pictures` or not."""
    address, where = host, ""
    if host in ("0.0.0.0", "::"):
        address = ADDRESS
        where = f"; {ADDRESS} is the one at which it reaches this machine"
    return (
        ClientKind(
            "The names, in /etc/hosts of the machine or container that the app runs "
            f"in, and not of streamr's own{where}",
            f"{address} {hosts(pictures=pictures)}",
        ),
        ClientKind(
            "The certificate, where the app can read it",
            f"sudo install -m 644 {{certificate}} {COPY}",
        ),
        *_TRUSTING,
    )


def hosts(*, pictures: bool) -> str:
    """The names that lead to the door. www.themoviedb.org stays TMDB's own site."""
    shown = API_NAMES if not pictures else (*API_NAMES, PICTURE_NAMES[0])
    return " ".join(shown)


_TRUSTING = (
    ClientKind(
        "Node.js (Seerr, Overseerr, Jellyseerr): in the app's environment",
        f"NODE_EXTRA_CA_CERTS={COPY}",
    ),
    ClientKind(
        "Python (Kometa, Kodi's scrapers on a desktop): a bundle, and the environment",
        f"cat {SYSTEM} {COPY} | sudo tee {BUNDLE} > /dev/null\n"
        f"SSL_CERT_FILE={BUNDLE}\n"
        f"REQUESTS_CA_BUNDLE={BUNDLE}",
    ),
    ClientKind(
        "Debian, Ubuntu and their containers (.NET too: Jellyfin and its plugins)",
        f"cp {COPY} {DEBIAN}\nupdate-ca-certificates",
    ),
    ClientKind(
        "Fedora and its kind",
        f"cp {COPY} {FEDORA}\nupdate-ca-trust",
    ),
    ClientKind(
        "macOS",
        "sudo security add-trusted-cert -d -r trustRoot -k "
        f"/Library/Keychains/System.keychain {COPY}",
    ),
    ClientKind(
        "Windows, as administrator, with a copy of the certificate; the names go to "
        r"C:\Windows\System32\drivers\etc\hosts",
        "certutil -addstore -f Root streamr-door.pem",
    ),
)


def removed(gone: Sequence[Path], fingerprint: str) -> Iterator[str]:
    """What was destroyed, and what is left to do."""
    for path in gone:
        yield f"Removed {path}"
    yield ""
    yield "A streamr that runs with the door signs with it until it is restarted, and"
    yield "nobody can sign with it afterwards. The clients still trust it:"
    if fingerprint:
        yield f"SHA-256 fingerprint {fingerprint}"
    yield ""
    yield "# In each client's hosts file: remove the line with"
    yield hosts(pictures=True)
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
    yield "# On this machine: unset STREAMR_DOOR, remove the copies, restart streamr"
    yield f"rm -f {COPY} {BUNDLE}"
