"""`streamr peer`: a certificate of one's own, and what both machines have to set."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from streamr.config.load import load
from streamr.config.settings import Settings
from streamr.net.keypins import PinFile, split
from streamr.web.server.tls import ServerTLS
from tests.commands.support import CommandCase

KEY = "0123456789abcdef0123456789abcdef"
OWN = "a-token-of-ones-own-0123"


class Peer(CommandCase):
    command = "peer"

    def both(self, text: str) -> tuple[Settings, Settings]:
        """What a paste of each half makes of a machine's settings."""
        here, there = text.split("\n\n")
        found = []
        for number, half in enumerate((here, there.replace("HOST:", "peer.example:"))):
            file = self.folder / f"{number}.env"
            file.write_text(f"TMDB_API_KEY={KEY}\n{half}\n")
            # as on a machine where nothing else is set
            found.append(load({}, {}, file))
        return found[0], found[1]


class New(Peer):
    def test_what_it_prints_can_be_pasted_on_both_machines(self) -> None:
        status, text, _ = self.said("new")
        self.assertEqual(status, 0)
        here, there = self.both(text)
        assert here.proxy_tls_cert is not None and here.proxy_tls_key is not None
        served = ServerTLS(here.proxy_tls_cert, here.proxy_tls_key)
        (url,) = there.tmdb_proxy_url
        self.assertEqual(split(url), ("https://peer.example:5001", {served.pin}))
        self.assertEqual(here.proxy_token, there.proxy_token)
        self.assertEqual(here.proxy_host, "::")
        self.assertEqual(here.proxy_tls_cert.parent, self.folder / "state")

    def test_what_is_set_already_is_neither_changed_nor_shown(self) -> None:
        _, text, _ = self.said(
            "new",
            STREAMR_PROXY_TOKEN=OWN,
            PROXY_HOST="192.0.2.1",
            PROXY_PORT="6001",
        )
        self.assertNotIn(OWN, text)
        self.assertNotIn("PROXY_HOST=", text)
        self.assertNotIn("STREAMR_PROXY_TOKEN=", text)
        self.assertIn("TMDB_PROXY_URL=https://HOST:6001#sha256//", text)

    def test_the_key_is_its_owners_alone(self) -> None:
        self.said("new", "--dir", "a folder")
        folder = self.folder / "a folder"
        modes = [
            stat.S_IMODE((folder / each).stat().st_mode)
            for each in (".", "proxy-key.pem")
        ]
        self.assertEqual(modes, [0o700, 0o600])

    def test_a_folder_of_ones_choice_is_told_so_that_it_can_be_pasted(self) -> None:
        _, text, _ = self.said("new", "--dir", "a # folder")
        here, _ = self.both(text)
        self.assertEqual(
            here.proxy_tls_cert, self.folder / "a # folder" / "proxy-cert.pem"
        )

    def test_nothing_is_ever_overwritten(self) -> None:
        self.said("new")
        state = self.folder / "state"
        for missing in (None, "proxy-key.pem", "proxy-cert.pem"):
            if missing is not None:
                (state / missing).unlink()
            before = {each.name: each.read_bytes() for each in state.iterdir()}
            status, text, told = self.said("new")
            self.assertEqual((status, text), (1, ""))
            self.assertIn("exists, and stays as it is", told)
            after = {each.name: each.read_bytes() for each in state.iterdir()}
            self.assertEqual(before, after)
            if missing is not None:
                (state / missing).write_text("any")

    def test_a_place_that_cannot_be_written_is_a_sentence(self) -> None:
        (self.folder / "file").write_text("")
        status, _, told = self.said("new", "--dir", "file/folder")
        self.assertEqual(status, 1)
        self.assertIn("cannot be written: Not a directory", told)
        self.assertNotIn("Traceback", told)

    def test_the_certificate_is_good_for_ten_years_on_a_curve_all_know(self) -> None:
        self.said("new")
        made = x509.load_pem_x509_certificate(
            (self.folder / "state/proxy-cert.pem").read_bytes()
        )
        key = made.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        self.assertEqual(key.curve.name, "secp256r1")
        now, day = datetime.now(UTC), timedelta(days=1)
        self.assertLess(made.not_valid_before_utc, now - day / 2)
        self.assertGreater(made.not_valid_after_utc, now + 3649 * day)
        # it vouches for nobody else
        constraints = made.extensions.get_extension_for_class(x509.BasicConstraints)
        self.assertFalse(constraints.value.ca)


class Show(Peer):
    def test_the_pin_of_what_was_made_is_shown(self) -> None:
        _, text, _ = self.said("new")
        status, pin, _ = self.said("show")
        self.assertEqual(status, 0)
        self.assertIn(f"#{pin.strip()}\n", text)

    def test_it_is_that_of_the_setting_where_there_is_one(self) -> None:
        for name in ("a", "b"):
            self.said("new", "--dir", name)
        pins = {
            name: PinFile(self.folder / name / "proxy-cert.pem").pin for name in "ab"
        }
        environment = {
            "PROXY_TLS_CERT": str(self.folder / "a/proxy-cert.pem"),
            "PROXY_TLS_KEY": str(self.folder / "a/proxy-key.pem"),
        }
        self.assertEqual(self.said("show", **environment)[1].strip(), pins["a"])
        words = ("show", "--certificate", "b/proxy-cert.pem")
        self.assertEqual(self.said(*words, **environment)[1].strip(), pins["b"])

    def test_without_one_it_says_so(self) -> None:
        status, text, told = self.said("show")
        self.assertEqual((status, text), (78, ""))
        self.assertIn("PROXY_TLS_CERT is unset, and there is no", told)
        self.assertIn("proxy-cert.pem', which streamr peer new would make", told)

    def test_what_is_no_certificate_is_named_as_it_was_given(self) -> None:
        (self.folder / "file").write_text("none")
        status, _, told = self.said("show", "--certificate", "file")
        self.assertEqual(status, 78)
        self.assertIn("--certificate 'file' cannot be used", told)

    def test_one_of_the_two_has_to_be_said(self) -> None:
        status, _, told = self.said()
        self.assertEqual(status, 2)
        self.assertIn("choose one of: new, show", told)
