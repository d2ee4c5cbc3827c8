"""What this machine's proxy is known by, when it has TLS, and what its door shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from streamr.config.door import AuthorityFiles
from streamr.config.settings import Settings
from streamr.errors import SettingsError
from streamr.net.keypins import PinFile
from streamr.web.server.authority import BrokenAuthority, read_authority
from streamr.web.server.tls import DoorTLS, ServerTLS

# Its certificate with the key, where it runs in this process; elsewhere its key's pin.
ProxyIdentity = ServerTLS | PinFile


def identity_of(settings: Settings, *, runs_here: bool) -> ProxyIdentity | None:
    """Read the files of the settings; None without any. Raises SettingsError."""
    certificate, key = settings.proxy_tls_cert, settings.proxy_tls_key
    if certificate is None:
        return None
    if runs_here and key is not None:
        return ServerTLS(certificate, key)
    return PinFile(certificate)


def door_of(directory: Path | None, wall: Callable[[], float]) -> DoorTLS:
    """What the door shows, by the authority in the state `directory`. Raises
    SettingsError without one that can be used."""
    if directory is None:
        raise _no_authority("there is no folder for state")
    files = AuthorityFiles(directory)
    try:
        found = read_authority(files.certificate.read_bytes(), files.key.read_bytes())
    except OSError as error:
        raise _no_authority(f"{error.filename}: {error.strerror}") from error
    except BrokenAuthority as error:
        raise _no_authority(f"{files.folder}: {error}") from error
    return DoorTLS(found, wall)


def _no_authority(why: str) -> SettingsError:
    return SettingsError(
        [
            "STREAMR_DOOR is 1, but the door has no authority to show "
            f"({why}): streamr door init makes one"
        ]
    )
