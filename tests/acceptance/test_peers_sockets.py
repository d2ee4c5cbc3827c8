"""A peer on another machine: real daemons, TLS between them, known by a pin."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_pem_private_key,
)
from twisted.internet.task import deferLater

from streamr.net.keypins import first_certificate, pin_of
from streamr.web.server.certificates import self_signed
from tests.processes import PATIENCE, STREAMR, Daemon, Process, Simulator, ask
from tests.stack import DIRECT, PROXY_TOKEN, Stack

TOKEN = {"STREAMR_PROXY_TOKEN": PROXY_TOKEN}
MOVIE = "/3/movie/550"


@dataclass
class Files:
    """A certificate and its key in a folder."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "cert.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PROXY_TLS_CERT": str(self.certificate),
            "PROXY_TLS_KEY": str(self.key),
        }

    @property
    def pin(self) -> str:
        return pin_of(first_certificate(self.certificate.read_bytes()))

    def new(self) -> Files:
        """Another certificate with another key."""
        self.folder.mkdir(exist_ok=True)
        certificate, key = self_signed(datetime.now(UTC))
        self.certificate.write_bytes(certificate)
        self.key.write_bytes(key)
        return self

    def renew(self, begin: int = -1, end: int = 30) -> None:
        """Another certificate of the same key, good from one day to another."""
        key: Any = load_pem_private_key(self.key.read_bytes(), None)
        name, now = x509.Name([]), datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=begin))
            .not_valid_after(now + timedelta(days=end))
            .sign(key, hashes.SHA256())
        )
        self.certificate.write_bytes(made.public_bytes(Encoding.PEM))


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """TMDB, whose first name is filtered: a peer answers by the other one."""
    made = Simulator(tmp_path_factory.mktemp("simulator"))
    made.switch(DIRECT, fault="html")
    yield made
    made.stop()


@contextlib.contextmanager
def running(
    simulator: Simulator,
    only: str,
    *environments: Mapping[str, str],
    listening: Mapping[str, socket.socket] | None = None,
) -> Iterator[Daemon]:
    """One of the servers in a process of its own."""
    given = {**simulator.environment, **TOKEN, "STREAMR_ONLY": only}
    # what main itself could try besides is not what these tests are about
    given["STREAMR_WARM"] = "none"
    for each in environments:
        given.update(each)
    daemon = Daemon(given, servers=[only], listening=listening)
    try:
        yield daemon
    finally:
        daemon.stop()
    assert "Traceback" not in daemon.output
    assert PROXY_TOKEN not in daemon.output


def towards(*urls: str) -> dict[str, str]:
    """What tells a main of its peers."""
    return {"TMDB_PROXY_URL": ",".join(urls)}


def causes(answer: Any) -> set[str]:
    """Why the attempts over peers have failed."""
    members = answer.headers.get("Proxy-Status", "").split(", ")
    of_peers = [each for each in members if 'route="proxy@' in each]
    parts = [part for each in of_peers for part in each.split(";")]
    return {each.removeprefix("error=") for each in parts if each.startswith("error=")}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("peer")).new()


@pytest.fixture(scope="module")
def peer(simulator: Simulator, files: Files) -> Iterator[Daemon]:
    with running(simulator, "proxy", files.environment) as made:
        yield made


def test_main_gets_its_answers_over_a_peer_that_it_knows_by_its_pin(
    simulator: Simulator, peer: Daemon, files: Files
) -> None:
    assert peer.proxy.startswith("https://127.0.0.1:")
    with running(simulator, "main", towards(f"{peer.proxy}#{files.pin}")) as main:
        answer = ask(main.main, MOVIE)
        assert (answer.status, answer.json["id"]) == (200, 550)
        told = ask(main.main, "/api/tmdb/health?probe=1").json
        names = [each["route"] for each in told["routes"]]
        # the pin is nobody's name
        assert names == ["direct", f"proxy@{urlsplit(peer.proxy).netloc}"]
        assert "sha256" not in json.dumps(told)


def test_a_wrong_pin_or_none_gets_no_answer_and_the_request_is_not_sent(
    simulator: Simulator, peer: Daemon, tmp_path: Path
) -> None:
    other = Files(tmp_path / "other").new()
    before = len(peer.lines)
    for url in (f"{peer.proxy}#{other.pin}", peer.proxy):
        with running(simulator, "main", towards(url)) as main:
            answer = ask(main.main, MOVIE)
            assert answer.status in (502, 503, 504)
            assert causes(answer) == {"tls_certificate_error"}
    assert ask_peer(peer, "/health") == 200
    assert not [each for each in peer.lines[before:] if "/movie/550" in each]


def test_peers_with_different_pins_stand_beside_each_other(
    simulator: Simulator, peer: Daemon, files: Files, tmp_path: Path
) -> None:
    second = Files(tmp_path / "second").new()
    with running(simulator, "proxy", second.environment) as other:
        good = (f"{peer.proxy}#{files.pin}", f"{other.proxy}#{second.pin}")
        for urls in (
            good,
            (f"{peer.proxy}#{second.pin}", good[1]),
            (good[0], f"{other.proxy}#{files.pin}"),
            (f"{peer.proxy}#{second.pin};{files.pin}",),
        ):
            with running(simulator, "main", towards(*urls)) as main:
                assert ask(main.main, MOVIE).status == 200, urls


def test_a_peer_is_renewed_while_it_serves_and_the_pin_stays(
    simulator: Simulator, tmp_path: Path
) -> None:
    own = Files(tmp_path / "own").new()
    with (
        running(simulator, "proxy", own.environment) as peer,
        running(simulator, "main", towards(f"{peer.proxy}#{own.pin}")) as main,
    ):
        statuses: list[int] = []
        over = threading.Event()

        def keep_asking() -> None:
            while not over.is_set():
                statuses.append(ask(main.main, MOVIE).status)

        asking = threading.Thread(target=keep_asking)
        asking.start()
        try:
            for _ in range(3):
                own.renew()
                peer.child.send_signal(signal.SIGHUP)
                peer.wait_for(" reloaded: ")
                shown = ssl.get_server_certificate(address(peer.proxy))
                assert shown.split() == own.certificate.read_text().split()
        finally:
            over.set()
            asking.join()
        assert set(statuses) == {200}


def test_another_key_is_refused_and_a_bad_file_changes_nothing(
    simulator: Simulator, tmp_path: Path
) -> None:
    own = Files(tmp_path / "own").new()
    with running(simulator, "proxy", own.environment) as peer:
        first = ssl.get_server_certificate(address(peer.proxy))
        own.key.write_text("nothing")
        peer.child.send_signal(signal.SIGHUP)
        peer.wait_for("not reloaded, the old value stays in use: PROXY_TLS_KEY")
        assert ssl.get_server_certificate(address(peer.proxy)) == first
        pinned = towards(f"{peer.proxy}#{own.pin}")
        own.new()
        peer.child.send_signal(signal.SIGHUP)
        peer.wait_for(" reloaded: ")
        with running(simulator, "main", pinned) as main:
            assert causes(ask(main.main, MOVIE)) == {"tls_certificate_error"}


@pytest.mark.parametrize(
    ("days", "said"), [((-30, -1), "has expired"), ((1, 30), "is not yet valid")]
)
def test_the_pin_does_not_make_a_date_good(
    simulator: Simulator, tmp_path: Path, days: tuple[int, int], said: str
) -> None:
    own = Files(tmp_path / "own").new()
    own.renew(*days)
    with running(simulator, "proxy", own.environment) as peer:
        if days[1] < 0:
            assert "PROXY_TLS_CERT ended on" in peer.output
        url = f"{peer.proxy}#{own.pin}"
        with running(simulator, "main", towards(url)) as main:
            answer = ask(main.main, MOVIE)
            assert causes(answer) == {"tls_certificate_error"}
        # nor for this machine's own commands
        command = healthcheck(peer, own)
        assert command.ended() == 1
        assert said in command.output


def test_plain_http_at_its_port_is_closed_and_does_no_harm(
    peer: Daemon,
) -> None:
    for data in (b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"\x00" * 64, b""):
        with socket.create_connection(address(peer.proxy), PATIENCE) as plain:
            plain.sendall(data)
            if not data:
                continue
            said = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := plain.recv(4096):
                    said += piece
            assert b"HTTP" not in said
    assert ask_peer(peer, "/health") == 200
    assert "Traceback" not in peer.output


def test_a_socket_that_systemd_passes_on_speaks_tls_as_well(
    simulator: Simulator, files: Files
) -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as passed:
        port = passed.getsockname()[1]
        # the socket decides; this is for the commands
        more = {**files.environment, "PROXY_PORT": str(port)}
        given = {"proxy": passed}
        with running(simulator, "proxy", more, listening=given) as daemon:
            assert daemon.proxy == f"https://127.0.0.1:{port}"
            assert healthcheck(daemon, files).ended() == 0


def test_healthcheck_knows_the_proxy_by_its_pin(
    simulator: Simulator, tmp_path: Path
) -> None:
    own, other = (Files(tmp_path / each).new() for each in ("own", "other"))
    with running(simulator, "proxy", own.environment) as peer:
        assert healthcheck(peer, own).ended() == 0
        foreign = healthcheck(peer, other)
        assert foreign.ended() == 1
        assert "public key is not that of PROXY_TLS_CERT" in foreign.output
        # renewed with the same key, and not read again yet
        own.renew()
        assert healthcheck(peer, own).ended() == 0


def test_without_the_setting_healthcheck_does_not_take_it_for_healthy(
    peer: Daemon,
) -> None:
    port = str(urlsplit(peer.proxy).port)
    words = ("healthcheck", "--only", "proxy", "--proxy-port", port)
    command = Process([STREAMR, *words])
    assert command.ended() == 1
    assert "no answer at 127.0.0.1:" in command.output


def test_check_finds_a_running_daemon_whose_proxy_has_tls(
    simulator: Simulator, files: Files, tmp_path: Path
) -> None:
    given = {**simulator.environment, **TOKEN, **files.environment}
    given["STREAMR_STATE_DIR"] = str(tmp_path)
    daemon = Daemon(given, servers=["proxy", "main"])
    try:
        command = Process([STREAMR, "check"], {"STREAMR_STATE_DIR": str(tmp_path)})
        # by way of the fallback: the direct route is filtered
        assert command.ended() == 0, command.output
        assert "healthy" in command.output and "results" in command.output
        assert "does not answer" not in command.output
    finally:
        daemon.stop()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_takes_the_same_pin(peer: Daemon, files: Files, tmp_path: Path) -> None:
    def status(pin: str) -> int:
        return subprocess.run(
            [
                *("curl", "--silent", "--insecure", "--max-time", str(int(PATIENCE))),
                *("--noproxy", "*", "--output", os.devnull),
                *("--pinnedpubkey", pin, f"{peer.proxy}/health"),
            ],
            check=False,
        ).returncode

    other = Files(tmp_path / "other").new()
    assert status(files.pin) == 0
    assert status(f"{other.pin};{files.pin}") == 0
    assert status(other.pin) == 90  # CURLE_SSL_PINNEDPUBKEYNOTMATCH


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0


def ask_peer(peer: Daemon, path: str) -> int:
    """The status of a peer's page, whoever it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    shown = ssl.get_server_certificate(address(peer.proxy))
    context.load_verify_locations(cadata=shown)
    with (
        socket.create_connection(address(peer.proxy), PATIENCE) as plain,
        context.wrap_socket(plain) as secure,
    ):
        secure.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return int(secure.recv(4096).split()[1])


def healthcheck(peer: Daemon, files: Files) -> Process:
    port = str(urlsplit(peer.proxy).port)
    words = ("healthcheck", "--only", "proxy", "--proxy-port", port)
    return Process([STREAMR, *words], files.environment)


# This machine's own hop


@pytest_twisted.ensureDeferred
async def test_mains_own_hop_follows_the_certificate(
    reactor: Any, tmp_path: Path
) -> None:
    own = Files(tmp_path / "own").new()
    stack = Stack(reactor, tmp_path, own.environment)
    try:
        await stack.settle()
        stack.simulator.set_fault(DIRECT, "html")
        assert stack.urls["proxy"].startswith("https:")

        async def answered() -> bool:
            # over a connection of its own
            for each in stack.daemon.parts.upstream.clients:
                await each.close()
            answer = await stack.get(MOVIE)
            return answer.status == 200 and "x-proxy-source" in answer.headers

        async def reload() -> None:
            stack.daemon.parts.reloader.reload()
            await deferLater(stack.reactor, 1.0)

        assert await answered()
        own.new()
        # nothing has read it yet
        assert await answered()
        await reload()
        assert await answered()
        own.key.unlink()
        await reload()
        assert "not reloaded, the old value stays in use" in stack.log.getvalue()
        assert await answered()
    finally:
        await stack.stop()
    assert "Traceback" not in stack.log.getvalue()


def test_the_doctor_sees_the_daemon_and_asks_both_kinds_of_peers(
    simulator: Simulator, peer: Daemon, files: Files, tmp_path: Path
) -> None:
    own = Files(tmp_path / "own").new()
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as passed:
        port = str(passed.getsockname()[1])
        more = {**own.environment, "PROXY_PORT": port}
        with running(simulator, "proxy", more, listening={"proxy": passed}) as daemon:
            environment = {
                **simulator.environment,
                **TOKEN,
                **more,
                **towards(f"{peer.proxy}#{files.pin}"),
            }
            doctor = Process([STREAMR, "doctor", "--json"], environment)
            doctor.ended(2 * PATIENCE)
    # in front of it are its steps, which go to standard error
    told = json.loads(doctor.output[doctor.output.index("{") :])
    proxies = {each["url"]: each for each in told["evidence"]["proxies"]}
    assert set(proxies) == {peer.proxy, daemon.proxy}
    for each in proxies.values():
        assert (each["cause"], each["status"], each["ours"]) == (None, 200, True)
    (place,) = (
        each for each in told["evidence"]["house"]["ports"] if each["port"] == int(port)
    )
    assert place["holder"] == "streamr"
