"""The door: a real daemon under TMDB's own names, and clients that know no others."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from OpenSSL import SSL

from streamr.net.doors import NAMES
from streamr.simulator.faults.table import API as API_HOST
from streamr.simulator.faults.table import KINDS
from tests.doors import Door, opened
from tests.processes import (
    PATIENCE,
    STREAMR,
    Daemon,
    Process,
    Simulator,
    ask,
    wait_until,
)
from tests.stack import DIRECT, OTHER

API, PICTURES = NAMES[0], NAMES[2]
KEY = "fedcba9876543210fedcba9876543210"
SESSION = "a-session-of-somebody"
# How a client tells that a fault is an honest error: TMDB's own shape.
HONEST = {429, 502, 503, 504}


@dataclass
class Got:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class House:
    """A door, and a client of it."""

    door: Door

    @property
    def daemon(self) -> Daemon:
        return self.door.daemon

    @property
    def simulator(self) -> Simulator:
        return self.door.simulator

    def plain(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.door.port), PATIENCE)

    def connected(self, name: str | None = API) -> ssl.SSLSocket:
        context = self.door.trusting()
        plain = self.plain()
        if name is None:
            # whoever names nobody cannot compare a name: the chain is verified
            context.check_hostname = False
        return context.wrap_socket(plain, server_hostname=name)

    def get(self, path: str, name: str = API, host: str = "") -> Got:
        """One request over a connection of its own."""
        with self.connected(name) as secure:
            said = f"GET {path} HTTP/1.1\r\nHost: {host or name}\r\n"
            secure.sendall(f"{said}Connection: close\r\n\r\n".encode())
            came = b"".join(iter(lambda: secure.recv(65536), b""))
        head, _, body = came.partition(b"\r\n\r\n")
        lines = head.decode("ascii").split("\r\n")
        headers = dict(each.split(": ", 1) for each in lines[1:])
        if headers.get("Transfer-Encoding") == "chunked":
            body = unchunked(body)
        return Got(int(lines[0].split()[1]), headers, body)


def unchunked(body: bytes) -> bytes:
    """The body without its framing (RFC 9112, 7.1), which has to be whole."""
    found = b""
    while True:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            assert rest == b"\r\n"
            return found
        found, body = found + rest[:length], rest[length + 2 :]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests, which leave it as they found it."""
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    state = tmp_path_factory.mktemp("state")
    loud = {"STREAMR_LOG_LEVEL": "debug"}
    try:
        with opened(simulator, state, more=loud) as door:
            yield House(door)
    finally:
        simulator.stop()
    for each in (KEY, SESSION):
        assert each not in door.daemon.output


@pytest.fixture
def sound(house: House) -> Iterator[House]:
    """With TMDB as it should be, before and afterwards."""
    yield house
    for host in (DIRECT, OTHER, PICTURES):
        house.simulator.switch(host, fault="none")


def test_each_name_shows_what_main_shows(sound: House) -> None:
    main = ask(sound.daemon.main, "/3/movie/550")
    for name in NAMES[:2]:
        answer = sound.get("/3/movie/550", name)
        assert (answer.status, answer.body) == (200, main.body)
        assert answer.headers["Content-Type"].startswith("application/json")
    told = json.loads(ask(sound.daemon.main, "/3/movie/popular").body)
    path = f"/t/p/w342{told['results'][0]['poster_path']}"
    picture = ask(sound.daemon.main, path)
    for name in NAMES[2:]:
        shown = sound.get(path, name)
        assert (shown.status, shown.body) == (200, picture.body)
        assert shown.headers["Content-Type"].startswith("image/")


def test_nothing_else_is_behind_it(sound: House) -> None:
    for path in ("/", "/status.json", "/metrics", "/api/tmdb/popular", "/livez"):
        answer = sound.get(path)
        assert answer.status == 404, path
        assert json.loads(answer.body)["status_code"] == 34
    for path in ("/3/account", "/3/guest_session/1/rated/movies", "/4/account/1/lists"):
        assert sound.get(path).status == 403, path
    for host in ("example.org", "127.0.0.1", NAMES[1]):
        assert sound.get("/3/movie/550", host=host).status == 421, host


def test_the_callers_keys_and_sessions_go_nowhere(sound: House) -> None:
    query = f"api_key={KEY}&session_id={SESSION}&query=canary"
    answer = sound.get(f"/3/search/movie?{query}")
    assert answer.status == 200
    # what reached TMDB had streamr's key alone: the simulator takes no other
    assert answer.headers["Streamr-Dropped"] == "api_key, session_id"
    assert KEY not in str(answer) and Simulator.KEY not in str(answer)
    metrics = ask(sound.daemon.main, "/metrics").body.decode()
    assert 'server="streamr-door"' in metrics
    assert KEY not in metrics and Simulator.KEY not in metrics


@pytest.mark.parametrize(
    "name", [None, "example.org", "localhost", f"x.{API}", "a" * 63 + ".org"]
)
def test_other_names_and_none_end_in_the_handshake(
    sound: House, name: str | None
) -> None:
    with pytest.raises(ssl.SSLError) as caught:
        sound.connected(name)
    assert "HANDSHAKE_FAILURE" in str(caught.value)


def test_old_tls_plain_http_and_noise_get_nothing(sound: House) -> None:
    old = sound.door.trusting()
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        sound.plain() as plain,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        old.wrap_socket(plain, server_hostname=API)
    for said in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x00" * 64, b"\x16\x03\x01"):
        with sound.plain() as plain:
            plain.sendall(said)
            plain.shutdown(socket.SHUT_WR)
            came = b"".join(iter(lambda: plain.recv(4096), b""))
        assert b"HTTP/" not in came
    assert sound.get("/3/movie/550").status == 200


def shaken(house: House, name: bytes) -> SSL.Connection:
    """A handshake of TLS 1.2 by OpenSSL itself, which lets a client do more."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.load_verify_locations(str(house.door.files.certificate))
    context.set_verify(SSL.VERIFY_PEER)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    plain = house.plain()
    plain.settimeout(None)
    secure = SSL.Connection(context, plain)
    secure.set_tlsext_host_name(name)
    secure.set_connect_state()
    secure.do_handshake()
    return secure


def test_a_name_as_long_as_there_can_be_ends_in_the_handshake(sound: House) -> None:
    for name in (b"a" * 255, b"." * 255, b"\xff" * 63, API.encode() + b"."):
        with pytest.raises(SSL.Error) as caught:
            shaken(sound, name)
        assert "handshake failure" in str(caught.value)


def test_nobody_negotiates_anew(sound: House) -> None:
    secure = shaken(sound, API.encode())
    secure.renegotiate()
    with pytest.raises(SSL.Error) as caught:
        secure.do_handshake()
    assert "no renegotiation" in str(caught.value)
    assert sound.get("/3/movie/550").status == 200


def test_two_hundred_half_open_handshakes_keep_nobody_out(sound: House) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(sound.plain())
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: sound.get("/3/movie/550"), range(16)))
    assert [each.status for each in answers] == [200] * 16


@pytest.mark.parametrize(
    "fault", [name for name, kind in KINDS.items() if API_HOST in kind.hosts]
)
def test_whatever_fails_the_answer_is_right_or_an_honest_error(
    sound: House, fault: str
) -> None:
    expected = sound.get("/3/movie/550").body
    sound.simulator.switch(DIRECT, fault=fault)
    answer = sound.get("/3/movie/550")
    told = json.loads(answer.body)
    if answer.status == 200:
        assert answer.body == expected
    else:
        assert answer.status in HONEST
        assert told["success"] is False


def checked(house: House, **more: str) -> tuple[int, list[dict[str, str]]]:
    """What `streamr check` says of this door, and its exit status."""
    main, proxy = (urlsplit(house.daemon.urls[each]).port for each in ("main", "proxy"))
    given = {
        "TMDB_API_KEY": Simulator.KEY,
        "STREAMR_STATE_DIR": str(house.door.files.state),
        "STREAMR_DOOR": "1",
        "DOOR_PORT": str(house.door.port),
        "PORT": str(main),
        "PROXY_PORT": str(proxy),
        **more,
    }
    done = Process([STREAMR, "check", "--json"], given)
    status = done.ended()
    found = json.loads(done.output)
    return status, [each for each in found if each["what"] == "door"]


def test_check_comes_through_the_door(sound: House, tmp_path: Path) -> None:
    # a pause that a 429 of another test has asked for ends by itself
    wait_until(lambda: sound.get("/3/configuration").status == 200)
    status, [told] = checked(sound)
    assert (status, told["mark"]) == (0, "ok"), told
    assert told["told"].startswith(f"answers as {API}")
    assert "store does not trust its authority" in told["told"]
    own = {"SSL_CERT_FILE": str(sound.door.files.certificate)}
    assert "store trusts its authority" in checked(sound, **own)[1][0]["told"]
    assert checked(sound, STREAMR_DOOR="0")[1] == []
    # where nothing is set, what runs here says where its door is
    found = Process(
        [STREAMR, "check", "--json"],
        {"STREAMR_STATE_DIR": str(sound.door.files.state)},
    )
    assert found.ended() == 0
    assert [each["mark"] for each in json.loads(found.output)][-1] == "ok"
    assert "store does not trust" in found.output
    made = Process([STREAMR, "door", "init"], {"STREAMR_STATE_DIR": str(tmp_path)})
    assert made.ended() == 0
    for more, said in (
        ({"STREAMR_STATE_DIR": str(tmp_path)}, "certificate that is refused"),
        ({"STREAMR_STATE_DIR": str(tmp_path / "none")}, "No such file"),
        ({"DOOR_PORT": "1"}, "does not answer: "),
    ):
        status, [told] = checked(sound, **more)
        assert (status, told["mark"]) == (1, "failed")
        assert said in told["told"]


def test_who_waits_when_it_stops_gets_an_answer(tmp_path: Path) -> None:
    (tmp_path / "simulator").mkdir()
    simulator = Simulator(tmp_path / "simulator")
    try:
        with opened(simulator, tmp_path / "state") as door:
            simulator.switch("*", fault="slow:delay=1")
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(House(door).get, "/3/movie/550")
                wait_until(lambda: simulator.counts(DIRECT)["requests"])
                door.daemon.stop()
                assert waiting.result(PATIENCE).status == 200
    finally:
        simulator.stop()


def test_a_setting_without_an_authority_is_a_sentence(tmp_path: Path) -> None:
    given = {
        "STREAMR_STATE_DIR": str(tmp_path),
        "STREAMR_DOOR": "1",
        "TMDB_API_KEY": Simulator.KEY,
        **dict.fromkeys(("PORT", "PROXY_PORT", "DOOR_PORT"), "0"),
    }
    refused = Process([STREAMR, "run"], given)
    assert refused.ended() == 78
    assert "streamr door init makes one" in refused.output
