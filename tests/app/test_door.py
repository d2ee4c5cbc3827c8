"""The authority that the door starts with, and what helps when there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.app.door import callers_of, door_of
from streamr.config.door import AuthorityFiles
from streamr.errors import SettingsError
from streamr.web.server.authority import AUTHORITY_DAYS, new_authority

NOW = datetime(2026, 11, 27, tzinfo=UTC)


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

    def test_without_a_folder_for_state_that_is_what_to_set(self) -> None:
        with self.assertRaises(SettingsError) as caught:
            door_of(None, self.wall)
        self.assertIn("set STREAMR_STATE_DIR", caught.exception.problems[0])
