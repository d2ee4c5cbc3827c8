"""The authority that the door starts with, and what helps when there is none."""

from __future__ import annotations

import errno
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.door import callers_of, door_of
from streamr.config.door import AuthorityFiles
from streamr.errors import SettingsError
from streamr.net.doors import NAMES
from streamr.web.server.authority import AUTHORITY_DAYS, new_authority
from streamr.web.server.request import GatewayRequest

NOW = datetime(2026, 11, 27, tzinfo=UTC)


class Unreadable(type(Path())):  # type: ignore[misc]
    """A folder of another user, also for root."""

    def read_bytes(self) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))


class Came(GatewayRequest):
    """A request that has come through the door."""

    peer = "10.0.0.1"  # type: ignore[assignment]
    uri = b"/3/movie/550"

    def __init__(self) -> None:
        self.channel: Any = SimpleNamespace(transport=Named())

    def header(self, name: str) -> str:
        return NAMES[0]


class Named(TLSMemoryBIOProtocol):
    """A connection over which a name was asked for."""

    def __init__(self) -> None:
        """It is never connected."""

    def getHandle(self) -> Any:
        return SimpleNamespace(get_servername=lambda: NAMES[0].encode())


class Door(SynchronousTestCase):
    def setUp(self) -> None:
        self.files = AuthorityFiles(Path(self.mktemp()))
        self.later = timedelta()

    def wall(self) -> float:
        return (NOW + self.later).timestamp()

    def made(self) -> None:
        self.files.folder.mkdir(parents=True, exist_ok=True)
        certificate, key = new_authority(NOW, "here")
        self.files.certificate.write_bytes(certificate)
        self.files.key.write_bytes(key)

    def problem(self) -> str:
        with self.assertRaises(SettingsError) as caught:
            door_of(self.files.state, self.wall)
        [told] = caught.exception.problems
        return told

    def test_a_whole_authority_is_all_it_takes(self) -> None:
        self.made()
        door = door_of(self.files.state, self.wall)
        self.assertEqual(callers_of(door)(), [])
        request: Any = Came()
        door.keeper.check(request)
        told = {"address": "10.0.0.1", "calls": 1, "last": "2026-11-27T00:00:00.000Z"}
        self.assertEqual(callers_of(door)(), [told])
        self.assertIsNone(callers_of(None)())

    def test_without_one_init_helps(self) -> None:
        self.assertIn("No such file", self.problem())
        self.assertIn("streamr door init makes one", self.problem())

    def test_half_of_one_and_a_damaged_one_are_removed_first(self) -> None:
        for path in (self.files.key, self.files.certificate):
            self.made()
            path.unlink()
            self.assertIn("door remove, and then streamr door init", self.problem())
            self.made()
            path.write_text("nothing")
            self.assertIn("door remove, and then streamr door init", self.problem())

    def test_one_that_has_ended_is_told_with_its_day(self) -> None:
        self.made()
        self.later = timedelta(days=AUTHORITY_DAYS) - timedelta(seconds=1)
        door_of(self.files.state, self.wall)
        self.later = timedelta(days=AUTHORITY_DAYS)
        self.assertIn("it has ended on 2036-11-24", self.problem())

    def test_one_that_cannot_be_read_is_told_with_who_has_to_make_it(self) -> None:
        self.made()
        with self.assertRaises(SettingsError) as caught:
            door_of(Unreadable(self.files.state), self.wall)
        [told] = caught.exception.problems
        self.assertIn("Permission denied", told)
        self.assertIn("the user that streamr runs as", told)

    def test_without_a_folder_for_state_that_is_what_to_set(self) -> None:
        with self.assertRaises(SettingsError) as caught:
            door_of(None, self.wall)
        self.assertIn("set STREAMR_STATE_DIR", caught.exception.problems[0])
