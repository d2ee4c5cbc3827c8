"""Secrets in files, read again (`load.reread`)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.config.load import load, reread
from streamr.config.settings import Settings

KEY, OTHER = 32 * "a", 32 * "b"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"


class Reread(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="streamr-test-")
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "key"

    def loaded(self, text: str, **more: str) -> Settings:
        self.file.write_text(text)
        return load({}, {"TMDB_API_KEY_FILE": str(self.file), **more})

    def again(self, settings: Settings, text: str) -> tuple[Settings, list[str]]:
        self.file.write_text(text)
        return reread(settings)

    def test_only_what_is_in_a_file_changes(self) -> None:
        before = self.loaded(KEY, STREAMR_ADMIN_TOKEN="an-admin-token-of-ours")
        after, problems = self.again(before, f"{OTHER}\n")
        self.assertEqual((after.tmdb_api_key, problems), (OTHER, []))
        self.assertEqual(after.admin_token, before.admin_token)
        self.assertEqual(after.port, before.port)

    def test_a_key_and_a_token_take_each_others_place_in_one_file(self) -> None:
        settings = self.loaded(KEY)
        for text, key, token in ((TOKEN, None, TOKEN), (OTHER, OTHER, None)):
            settings, problems = self.again(settings, text)
            found = (settings.tmdb_api_key, settings.tmdb_access_token, problems)
            self.assertEqual(found, (key, token, []))

    def test_a_token_from_elsewhere_stays(self) -> None:
        before = self.loaded(KEY, TMDB_ACCESS_TOKEN=TOKEN)
        after, _ = self.again(before, OTHER)
        self.assertEqual((after.tmdb_api_key, after.tmdb_access_token), (OTHER, TOKEN))

    def test_what_cannot_be_used_keeps_the_old_one_and_is_not_shown(self) -> None:
        before = self.loaded(KEY)
        after, [problem] = self.again(before, "canary-no-key")
        self.assertEqual(after.tmdb_api_key, KEY)
        self.assertIn("TMDB_API_KEY", problem)
        self.assertNotIn("canary", problem)
