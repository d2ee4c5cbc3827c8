"""Which folder keeps the state, and what is told without one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.config import load
from streamr.config.state import no_folder, state_directory

NOBODY = 65534
KEY = {"TMDB_API_KEY": "0" * 32}


@contextmanager
def somebody() -> Iterator[None]:
    """Root may write everywhere, so root becomes somebody else for a while."""
    root = os.getuid() == 0
    if root:
        os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        if root:
            os.setresuid(0, 0, 0)


class Directory(SynchronousTestCase):
    """Where state is kept."""

    def setUp(self) -> None:
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = Path(made.name).resolve()

    def test_it_is_made_for_its_owner_alone(self) -> None:
        wanted = self.folder / "a" / "b"
        found = state_directory(
            load.load({}, {**KEY, "STREAMR_STATE_DIR": str(wanted)})
        )
        self.assertEqual(found, wanted)
        self.assertEqual(wanted.stat().st_mode & 0o777, 0o700)

    def test_one_that_cannot_be_made_or_written_is_none_and_the_reason_is_told(
        self,
    ) -> None:
        file = self.folder / "file"
        file.touch()
        self.folder.chmod(0o555)
        self.addCleanup(self.folder.chmod, 0o755)
        for text, why in (
            (self.folder, f"{self.folder} is not writable"),
            (self.folder / "new", f"{self.folder / 'new'}: Permission denied"),
            (file / "below", f"{file / 'below'}: Not a directory"),
        ):
            settings = load.load({}, {**KEY, "STREAMR_STATE_DIR": str(text)})
            with somebody():
                found, notice = state_directory(settings), no_folder(settings)
            self.assertIsNone(found)
            self.assertIn(f"there is no folder for state ({why}): ", notice.text)
            self.assertIn("only in memory", notice.text)
