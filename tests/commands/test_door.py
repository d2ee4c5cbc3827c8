"""`streamr door`: the authority is made, shown and destroyed, and nothing is lost."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import ssl
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr import cli
from streamr.commands.door_clients import CLIENTS
from streamr.config.door import AuthorityFiles
from streamr.web.server.authority import read_authority


class Door(SynchronousTestCase):
    def setUp(self) -> None:
        before, place = dict(os.environ), Path.cwd()
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.addCleanup(os.chdir, place)
        self.addCleanup(os.environ.update, before)
        self.addCleanup(os.environ.clear)
        os.environ.clear()
        os.environ["STREAMR_STATE_DIR"] = str(self.folder / "state")
        os.chdir(self.folder)
        self.files = AuthorityFiles(self.folder / "state")

    def said(self, *words: str) -> tuple[object, str, str]:
        """Exit status, standard output and standard error."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            self.assertRaises(SystemExit) as caught,
        ):
            cli.main(["door", *words])
        return caught.exception.code, out.getvalue(), err.getvalue()

    def fingerprint(self) -> str:
        pem = self.files.certificate.read_text()
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":").upper()

    def test_init_makes_an_authority_that_its_owner_alone_can_use(self) -> None:
        status, text, _ = self.said("init")
        self.assertEqual(status, 0)
        files = self.files
        read_authority(files.certificate.read_bytes(), files.key.read_bytes())
        for path, mode in ((files.folder, 0o700), (files.key, 0o600)):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), mode)
        self.assertIn(self.fingerprint(), text)
        self.assertIn("STREAMR_DOOR=1", text)
        self.assertIn("443", text)

    def test_a_port_that_needs_nobodys_leave_needs_no_sentence(self) -> None:
        _, text, _ = self.said("init", "--door-port", "8443")
        self.assertNotIn("CAP_NET_BIND_SERVICE", text)

    def test_one_that_is_there_stays(self) -> None:
        self.said("init")
        before = self.files.key.read_bytes()
        status, _, error = self.said("init")
        self.assertEqual(status, 1)
        self.assertIn("exists and stays as it is", error)
        self.assertEqual(self.files.key.read_bytes(), before)
        self.files.key.unlink()
        status, _, error = self.said("init")
        self.assertEqual(status, 1)
        self.assertIn(str(self.files.certificate), error)
        self.assertFalse(self.files.key.exists())

    def test_show_prints_the_certificate_and_lines_for_each_client(self) -> None:
        self.said("init")
        status, text, _ = self.said("show")
        self.assertEqual(status, 0)
        self.assertIn(self.files.certificate.read_text().strip(), text)
        self.assertIn(self.fingerprint(), text)
        for client in CLIENTS:
            self.assertIn(client.title, text)
        self.assertIn(f"NODE_EXTRA_CA_CERTS={self.files.certificate}", text)
        self.assertIn("127.0.0.1 api.themoviedb.org", text)
        self.assertNotIn("{", text)

    def test_the_key_is_in_nothing_that_is_printed(self) -> None:
        printed = "".join(self.said("init")[1:])
        key = self.files.key.read_text().splitlines()[1:-1]
        printed += "".join(self.said("show")[1:] + self.said("remove")[1:])
        for line in key:
            self.assertNotIn(line, printed)
        self.assertNotIn("PRIVATE", printed)

    def test_remove_destroys_both_and_says_what_is_left_to_do(self) -> None:
        self.said("init")
        fingerprint = self.fingerprint()
        status, text, _ = self.said("remove")
        self.assertEqual(status, 0)
        self.assertEqual(list(self.files.folder.iterdir()), [])
        for word in (fingerprint, "update-ca-certificates --fresh", "NODE_EXTRA"):
            self.assertIn(word, text)
        self.said("init")
        self.assertNotEqual(self.fingerprint(), fingerprint)

    def test_without_one_there_is_nothing_to_show_or_to_remove(self) -> None:
        for word in ("show", "remove"):
            status, _, error = self.said(word)
            self.assertEqual(status, 1)
            self.assertIn("streamr door init makes one", error)

    def test_what_cannot_be_read_or_written_is_named(self) -> None:
        (self.folder / "state").mkdir()
        self.files.folder.write_text("a file in the folder's place")
        for word in ("init", "show", "remove"):
            status, _, error = self.said(word)
            self.assertEqual(status, 1, word)
            self.assertIn(str(self.files.folder), error, word)

    def test_a_command_is_needed(self) -> None:
        status, _, error = self.said()
        self.assertEqual(status, 2)
        self.assertIn("init, show, remove", error)
