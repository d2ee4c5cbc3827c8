"""`streamr config`: every setting with its origin, and all that is wrong at once."""

import contextlib
import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr import cli
from streamr.config.settings import TABLE
from streamr.web.server.certificates import self_signed

KEY = "0123456789abcdef0123456789abcdef"


class Config(SynchronousTestCase):
    def setUp(self) -> None:
        before, place = dict(os.environ), Path.cwd()
        folder = Path(self.mktemp())
        folder.mkdir()
        self.addCleanup(os.chdir, place)
        self.addCleanup(os.environ.update, before)
        self.addCleanup(os.environ.clear)
        os.environ.clear()
        os.environ["XDG_STATE_HOME"] = str(folder.absolute())
        os.chdir(folder)

    def said(self, *words: str, **environment: str) -> tuple[object, str]:
        """Exit status and standard output."""
        os.environ.update(environment)
        out = io.StringIO()
        with contextlib.redirect_stdout(out), self.assertRaises(SystemExit) as caught:
            cli.main(["config", *words])
        return caught.exception.code, out.getvalue()

    def told(self, *words: str, **environment: str) -> Any:
        return json.loads(self.said(*words, "--json", **environment)[1])

    def row(self, name: str, *words: str, **environment: str) -> Any:
        found = self.told(*words, **environment)["settings"]
        return next(each for each in found if each["name"] == name)

    def test_every_setting_has_a_row(self) -> None:
        status, text = self.said(TMDB_API_KEY=KEY)
        self.assertEqual(status, 0)
        rows = [line.split()[0] for line in text.splitlines() if " ok" in line]
        self.assertEqual(rows, [each.name for each in TABLE])
        self.assertIn("ok: streamr run can start with these settings", text)

    def test_a_door_without_an_authority_is_told_as_the_start_would(self) -> None:
        given = {"TMDB_API_KEY": KEY, "STREAMR_DOOR": "1"}
        status, text = self.said(**given)
        self.assertEqual(status, 78)
        self.assertIn("streamr door init makes one", " ".join(text.split()))
        with contextlib.redirect_stdout(io.StringIO()), self.assertRaises(SystemExit):
            cli.main(["door", "init"])
        self.assertEqual(self.said(**given)[0], 0)

    def test_a_value_is_told_with_where_it_came_from(self) -> None:
        Path(".env").write_text("STREAMR_RATE=5\n")
        Path("key").write_text(KEY)
        for name, words, value, origin in (
            ("PORT", ("--port", "80"), "80", "flag --port"),
            ("PROXY_PORT", (), "81", "environment"),
            ("STREAMR_RATE", (), "5", ".env"),
            ("STREAMR_DEADLINE", (), "8", "default"),
            ("TMDB_PROXY_URL", (), None, "default"),
            ("TMDB_API_KEY", (), "(secret)", "TMDB_API_KEY_FILE"),
        ):
            row = self.row(name, *words, PROXY_PORT="81", TMDB_API_KEY_FILE="key")
            self.assertEqual((row["value"], row["origin"]), (value, origin), name)

    def test_all_that_is_wrong_comes_at_once_with_78(self) -> None:
        status, text = self.said(
            PORT="x", STREAMR_DEADLINE="0", PROXY_HOST="0.0.0.0", TMDB_API_KEY=KEY
        )
        self.assertEqual(status, 78)
        self.assertEqual(text.count("\nfailed: "), 3)
        self.assertIn("allowed: 0.5 to 60 (from environment)", text)
        self.assertNotIn("can start", text)

    def test_what_is_wrong_is_marked_in_its_row(self) -> None:
        row = self.row("PORT", TMDB_API_KEY=KEY, PORT="x")
        self.assertIn("'x'", row["problem"])
        self.assertEqual(row["allowed"], "0 to 65535")
        self.assertIsNone(self.row("HOST")["problem"])

    def test_what_only_the_start_would_notice_is_noticed(self) -> None:
        Path("roots.pem").write_text("none\n")
        status, text = self.said(
            TMDB_API_KEY=KEY, TMDB_CA_FILE="roots.pem", STREAMR_WARM="/nothing/here"
        )
        self.assertEqual(status, 78)
        self.assertIn("failed: TMDB_CA_FILE", text)
        self.assertIn("failed: STREAMR_WARM", text)

    def test_so_is_a_key_that_is_not_the_certificates(self) -> None:
        (one, _), (_, other) = (self_signed(datetime.now(UTC)) for _ in range(2))
        Path("cert.pem").write_bytes(one)
        Path("key.pem").write_bytes(other)
        files = {"PROXY_TLS_CERT": "cert.pem", "PROXY_TLS_KEY": "key.pem"}
        status, text = self.said(TMDB_API_KEY=KEY, **files)
        self.assertEqual(status, 78)
        self.assertIn("failed: PROXY_TLS_KEY", text)
        self.assertIn("is not the key of the first certificate", text)

    def test_a_missing_key_is_said_with_what_to_do(self) -> None:
        status, text = self.said()
        self.assertEqual(status, 78)
        self.assertIn("failed: streamr needs a TMDB key: put TMDB_API_KEY=", text)

    def test_no_secret_is_printed_good_or_bad(self) -> None:
        Path("file").write_text("canary-in-a-file")
        for environment in (
            {"TMDB_API_KEY": "feedfacefeedfacefeedfacefeedface"},
            {"TMDB_API_KEY": "canary"},
            {"STREAMR_PROXY_TOKEN": "canary-canary-canary"},
            {"STREAMR_ADMIN_TOKEN_FILE": "file"},
            {"TMDB_PROXY_URL": "https://me:canary@proxy.example"},
        ):
            for words in ((), ("--json",)):
                _, text = self.said(*words, **environment)
                self.assertNotIn("canary", text, environment)
                self.assertNotIn("feedface", text, environment)
            for name in environment:
                del os.environ[name]

    def test_a_warning_is_told_and_is_no_error(self) -> None:
        status, text = self.said(TMDB_API_KEY=KEY, STREAMR_LOG_LEVL="warn")
        self.assertEqual(status, 0)
        self.assertIn("warning: STREAMR_LOG_LEVL (environment)", text)
