"""`streamr peer`: a certificate of one's own, by whose pin another machine knows us."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from streamr.config.settings import Settings
from streamr.errors import SettingsError
from streamr.net.keypins import PinFile
from streamr.net.networks import is_loopback
from streamr.terminal.exits import EX_CONFIG, give_up
from streamr.terminal.files import PUBLIC, SECRET, or_give_up, write_new
from streamr.terminal.options import Helpful, UsageError
from streamr.terminal.settings import SettingOptions, read_settings, state_folder

CERTIFICATE, KEY = "proxy-cert.pem", "proxy-key.pem"
# 256 bits, as much as the key of the certificate beside it is worth.
TOKEN_BYTES = 32


class NewOptions(SettingOptions):
    """`streamr peer new`: make a certificate, and say what both machines need."""

    about = (
        "Makes a certificate and its key for this machine's proxy, so that another "
        "machine can use it over TLS, and prints the settings of both machines. The "
        "other one knows this one by the pin of its key, so no certificate authority "
        f"is needed. The files are {CERTIFICATE} and {KEY}; existing ones are never "
        "overwritten."
    )
    example = "streamr peer new --dir /etc/streamr"
    optParameters: ClassVar = [
        ["dir", None, None, "The folder for both files, in place of the state folder."],
    ]

    def perform(self) -> int:
        """Write the files, and print what to set."""
        settings = read_settings(self.given(), needs_key=False)
        chosen = self["dir"]
        folder = Path(chosen).absolute() if chosen else state_folder(settings)
        with or_give_up(
            "streamr peer show prints its pin; remove both files to get a new key and "
            "a new pin"
        ):
            pin = write(folder)
        print("\n".join(lines(settings, folder, pin)))
        return 0


class ShowOptions(SettingOptions):
    """`streamr peer show`: the pin of a certificate that is there."""

    about = (
        "Prints the pin of the certificate that PROXY_TLS_CERT names, or else of the "
        "one that streamr peer new has made. Behind a # it ends TMDB_PROXY_URL on the "
        "other machine."
    )
    example = "streamr peer show --certificate /etc/streamr/proxy-cert.pem"
    optParameters: ClassVar = [
        ["certificate", None, None, "Another certificate (PEM)."],
    ]

    def perform(self) -> int:
        """Print it."""
        settings = read_settings(self.given(), needs_key=False)
        try:
            print(self._file(settings).pin)
        except SettingsError as error:
            give_up(EX_CONFIG, error.problems)
        return 0

    def _file(self, settings: Settings) -> PinFile:
        """The file that is meant. Raises SettingsError when it cannot be used."""
        if self["certificate"]:
            return PinFile(Path(self["certificate"]), "--certificate")
        named = settings.proxy_tls_cert
        if named is not None:
            return PinFile(named)
        own = state_folder(settings) / CERTIFICATE
        if not own.exists():
            raise SettingsError(
                [
                    f"PROXY_TLS_CERT is unset, and there is no {str(own)!r}, which "
                    "streamr peer new would make"
                ]
            )
        return PinFile(own, "PROXY_TLS_CERT is unset;")


class PeerOptions(Helpful):
    """`streamr peer`: be the peer of another machine, over TLS."""

    subCommands: ClassVar = [
        (
            "new",
            None,
            f"{__name__}:NewOptions",
            "Make a certificate, and print what both machines need.",
        ),
        ("show", None, f"{__name__}:ShowOptions", "Print the pin of a certificate."),
    ]
    synopsis = ""
    choices = "(new | show)"
    about = (
        "Lets another machine use this one's proxy over TLS. It knows this one by the "
        "pin of its public key."
    )
    example = "streamr peer new"

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise UsageError("a command is missing; choose one of: new, show")


def write(folder: Path) -> str:
    """Make both files; the pin of the key. Raises OSError."""
    # cryptography takes its time to load
    from streamr.web.server.certificates import self_signed

    certificate, key = self_signed(datetime.now(UTC))
    write_new(folder, {KEY: (key, SECRET), CERTIFICATE: (certificate, PUBLIC)})
    return PinFile(folder / CERTIFICATE).pin


def lines(settings: Settings, folder: Path, pin: str) -> Iterator[str]:
    """What to set on this machine, then on the other."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    yield "# On this machine, in .env or the environment:"
    yield f"PROXY_TLS_CERT={shlex.quote(str(folder / CERTIFICATE))}"
    yield f"PROXY_TLS_KEY={shlex.quote(str(folder / KEY))}"
    if is_loopback(settings.proxy_host):
        yield "PROXY_HOST=::"
    if settings.proxy_token is None:
        yield f"STREAMR_PROXY_TOKEN={token}"
    yield ""
    yield "# On the other machine, with this one's name or address in place of HOST:"
    yield f"TMDB_PROXY_URL=https://HOST:{settings.proxy_port}#{pin}"
    if settings.proxy_token is None:
        yield f"STREAMR_PROXY_TOKEN={token}"
    else:
        yield "# and the STREAMR_PROXY_TOKEN that is set on this one"
