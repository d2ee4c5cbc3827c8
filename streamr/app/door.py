"""The door for apps that have TMDB's host built in: what it shows, and who came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streamr.config.door import AuthorityFiles
from streamr.errors import SettingsError
from streamr.routing.report import iso
from streamr.web.api.door import Doorkeeper
from streamr.web.server.authority import BrokenAuthority, read_authority
from streamr.web.server.tls import DoorTLS
from streamr.web.status.shape import ShownCaller


@dataclass(frozen=True, slots=True)
class Door:
    """The certificate of the door, and who lets callers in."""

    tls: DoorTLS
    keeper: Doorkeeper


def door_of(directory: Path | None, wall: Callable[[], float]) -> Door:
    """The door, with the authority in the state `directory`. Raises
    SettingsError without one that can be used."""
    if directory is None:
        raise _no_authority("there is no folder for state", "set STREAMR_STATE_DIR")
    files = AuthorityFiles(directory)
    try:
        found = read_authority(files.certificate.read_bytes(), files.key.read_bytes())
    except PermissionError as error:
        raise _no_authority(
            f"{error.filename}: {error.strerror}",
            "streamr door init has to be run by the user that streamr runs as",
        ) from error
    except OSError as error:
        why = f"{error.filename}: {error.strerror}"
        raise (_again(why) if files.exist else _no_authority(why)) from error
    except BrokenAuthority as error:
        raise _again(f"{files.folder}: {error}") from error
    if found.ends.timestamp() <= wall():
        raise _again(f"it has ended on {found.ends:%Y-%m-%d}")
    return Door(DoorTLS(found, wall), Doorkeeper(wall))


def _again(why: str) -> SettingsError:
    helps = "streamr door remove, and then streamr door init, makes another"
    return _no_authority(why, helps)


def _no_authority(
    why: str, helps: str = "streamr door init makes one"
) -> SettingsError:
    return SettingsError(
        [f"STREAMR_DOOR is 1, but the door has no authority to show ({why}): {helps}"]
    )


def callers_of(door: Door | None) -> Callable[[], list[ShownCaller] | None]:
    """What looks at who came through the door, each time it is asked; None without
    one."""

    def shown_callers() -> list[ShownCaller] | None:
        if door is None:
            return None
        return [
            {"address": each.address, "calls": each.calls, "last": iso(each.last)}
            for each in door.keeper.callers()
        ]

    return shown_callers
