"""`streamr door`: the authority is made, shown and destroyed, and nothing is lost."""

from __future__ import annotations

import hashlib
import os
import ssl
import stat

from streamr.commands.door_clients import BUNDLE, COPY, clients
from streamr.config.door import AuthorityFiles
from streamr.web.server.authority import read_authority
from tests.commands.support import CommandCase


class Door(CommandCase):
    command = "door"

    def setUp(self) -> None:
        super().setUp()
        self.files = AuthorityFiles(self.folder / "state")

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
        self.assertIn("exists, and stays as it is", error)
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
        for client in clients("127.0.0.1", pictures=True):
            self.assertIn(client.title, text)
        self.assertIn(f"install -m 644 {self.files.certificate} {COPY}", text)
        self.assertIn(f"NODE_EXTRA_CA_CERTS={COPY}", text)
        self.assertIn(f"REQUESTS_CA_BUNDLE={BUNDLE}", text)
        names = "api.themoviedb.org api.tmdb.org"
        self.assertIn(f"\n127.0.0.1 {names} image.tmdb.org\n", text)
        self.assertNotIn("{", text)

    def test_what_only_the_reader_knows_has_a_word_in_its_place(self) -> None:
        self.said("init")
        for host in ("0.0.0.0", "::"):
            _, text, _ = self.said("show", "--door-host", host)
            self.assertIn("\nADDRESS api.themoviedb.org", text)
            self.assertIn("ADDRESS is the one at which it reaches", text)

    def test_where_no_pictures_are_served_their_name_stays_tmdbs(self) -> None:
        self.said("init")
        _, text, _ = self.said("show", "--serve-images", "0")
        self.assertIn("\n127.0.0.1 api.themoviedb.org api.tmdb.org\n", text)

    def test_half_an_authority_is_told_with_what_helps(self) -> None:
        for gone in (self.files.key, self.files.certificate):
            self.said("init")
            gone.unlink()
            status, _, error = self.said("init")
            self.assertEqual((status, "door remove" in error), (1, True))
            if gone == self.files.certificate:
                _, _, error = self.said("show")
                self.assertIn("not whole or damaged: streamr door remove", error)
            self.assertEqual(self.said("remove")[0], 0)
        self.said("init")
        self.files.certificate.write_text("nothing")
        _, text, error = self.said("show")
        self.assertIn("not whole or damaged", error)
        self.assertEqual(text, "")

    def test_a_path_with_a_space_can_be_pasted(self) -> None:
        os.environ["STREAMR_STATE_DIR"] = str(self.folder / "a state")
        self.said("init")
        _, text, _ = self.said("show")
        self.assertIn(f"644 '{self.folder}/a state/door/door-ca.pem' {COPY}", text)

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
