"""`streamr door`: the authority that apps with TMDB's host built in have to trust."""

from __future__ import annotations

import hashlib
import platform
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from streamr.commands.door_clients import clients, removed
from streamr.config.door import CERTIFICATE, KEY, AuthorityFiles
from streamr.config.settings import Settings
from streamr.net.doors import NAMES
from streamr.net.keypins import first_certificate
from streamr.terminal.exits import give_up
from streamr.terminal.files import PUBLIC, SECRET, or_give_up, write_new
from streamr.terminal.options import Helpful, UsageError
from streamr.terminal.settings import SettingOptions, read_settings, state_folder

_NONE = "there is no authority in {folder}: streamr door init makes one"
_HALF = (
    "the authority in {folder} is not whole or damaged: streamr door remove takes away "
    "what is there, and streamr door init makes another"
)


class DoorInitOptions(SettingOptions):
    """`streamr door init`: make the authority."""

    about = (
        "Makes a certificate authority on this machine, limited to the names of TMDB's "
        f"that the door answers for: {', '.join(NAMES)}. Its key stays in the state "
        "folder, where only its owner can read it. An authority that exists is never "
        "overwritten."
    )
    example = "streamr door init"

    def perform(self) -> int:
        """Write the files, and say what is next."""
        settings = read_settings(self.given(), needs_key=False)
        files = AuthorityFiles(state_folder(settings))
        # cryptography takes its time to load
        from streamr.web.server.authority import new_authority

        certificate, key = new_authority(datetime.now(UTC), platform.node())
        made = {KEY: (key, SECRET), CERTIFICATE: (certificate, PUBLIC)}
        with or_give_up(
            "streamr door show prints the certificate, and streamr door remove "
            "destroys both files"
        ):
            write_new(files.folder, made)
        print("\n".join(_next(settings, files)))
        return 0


class DoorShowOptions(SettingOptions):
    """`streamr door show`: the certificate, and what each kind of client needs."""

    about = (
        "Prints the authority's certificate, its fingerprint and, for each kind of "
        "client, what makes it trust the certificate and come to the door."
    )
    example = "streamr door show"

    def perform(self) -> int:
        """Print it."""
        settings = read_settings(self.given(), needs_key=False)
        files = AuthorityFiles(state_folder(settings))
        try:
            certificate = files.certificate.read_bytes()
        except FileNotFoundError:
            told = _HALF if files.exist else _NONE
            give_up(1, [told.format(folder=files.folder)])
        except OSError as error:
            give_up(1, [f"{error.filename} cannot be read: {error.strerror}"])
        if not _fingerprint(certificate):
            give_up(1, [_HALF.format(folder=files.folder)])
        print(certificate.decode("ascii", "replace").strip())
        print("\n".join(_shown(settings, files, certificate)))
        return 0


class DoorRemoveOptions(SettingOptions):
    """`streamr door remove`: destroy the authority."""

    about = (
        "Destroys the authority's key and certificate, and says how to take the "
        "certificate out of the clients that trust it."
    )
    example = "streamr door remove"

    def perform(self) -> int:
        """Remove the files, and say what is left to do."""
        settings = read_settings(self.given(), needs_key=False)
        files = AuthorityFiles(state_folder(settings))
        fingerprint = _fingerprint_of(files.certificate)
        gone = [path for path in (files.key, files.certificate) if _removed(path)]
        if not gone:
            give_up(1, [_NONE.format(folder=files.folder)])
        print("\n".join(removed(gone, fingerprint)))
        return 0


class DoorOptions(Helpful):
    """`streamr door`: for apps that have TMDB's host built in."""

    subCommands: ClassVar = [
        ("init", None, f"{__name__}:DoorInitOptions", "Make the authority."),
        (
            "show",
            None,
            f"{__name__}:DoorShowOptions",
            "Print its certificate, and what each kind of client needs.",
        ),
        ("remove", None, f"{__name__}:DoorRemoveOptions", "Destroy it."),
    ]
    synopsis = ""
    choices = "(init | show | remove)"
    about = (
        "For apps that have TMDB's host built in: with STREAMR_DOOR=1, streamr answers "
        "under TMDB's own names, over TLS, with a certificate of an authority that "
        "those apps are told to trust."
    )
    example = "streamr door init"

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise UsageError("a command is missing; choose one of: init, show, remove")


def _next(settings: Settings, files: AuthorityFiles) -> Iterator[str]:
    """What is to be done once the authority is there."""
    yield f"The authority's certificate is {files.certificate}"
    yield f"SHA-256 fingerprint {_fingerprint(files.certificate.read_bytes())}"
    yield ""
    yield "# On this machine, in .env or the environment:"
    yield "STREAMR_DOOR=1"
    yield ""
    yield "# For each client, streamr door show prints what it needs."
    if settings.door_port < 1024:
        yield (
            f"# Port {settings.door_port} needs root, CAP_NET_BIND_SERVICE, a socket "
            "unit, or a published container port (docs/apps.md)."
        )


def _shown(
    settings: Settings, files: AuthorityFiles, certificate: bytes
) -> Iterator[str]:
    yield ""
    yield f"SHA-256 fingerprint {_fingerprint(certificate)}"
    yield f"File {files.certificate}"
    for client in clients(settings.door_host, pictures=settings.images):
        yield ""
        yield f"# {client.title}"
        yield client.lines.format(certificate=shlex.quote(str(files.certificate)))


def _fingerprint(certificate: bytes) -> str:
    """What a person compares, as openssl and browsers print it; "" of what is no
    certificate."""
    try:
        shown = first_certificate(certificate)
    except ValueError:
        return ""
    return hashlib.sha256(shown).digest().hex(":").upper()


def _fingerprint_of(path: Path) -> str:
    try:
        return _fingerprint(path.read_bytes())
    except OSError:
        return ""


def _removed(path: Path) -> bool:
    """Remove a file; False when there is none. Exits when it cannot be removed."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        give_up(1, [f"{path} cannot be removed: {error.strerror}"])
    return True
