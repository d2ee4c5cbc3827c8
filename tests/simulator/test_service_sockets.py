"""Real sockets and real TLS: what a client sees of every fault.

Plain pytest functions (pytest-twisted): see tests/simulator/client.py for the client.
Every wait is bounded by the client's patience; silence is told from a busy machine by
what the simulator itself has counted.
"""

import gzip
import json
import socket
import ssl
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.threads import blockingCallFromThread, deferToThread

from streamr.simulator.faults.table import HTTP, KINDS
from streamr.simulator.hosts.ports import hold
from streamr.simulator.service import SimulatorService

from .client import HOST, PATIENCE, SILENCE, Client, Outcome, fetch, get

OTHER_HOST = "api.tmdb.org"


class Bench:
    """A running simulator and its client."""

    def __init__(self, service: SimulatorService) -> None:
        self.service = service

    def port(self, host: str = HOST) -> int:
        """Where a host listens."""
        pins = dict(pin.split("=") for pin in self.service.pins.split(","))
        return int(pins[host].rpartition(":")[2])

    def fetch(
        self,
        request: bytes | None = None,
        struck: Callable[[], bool] = lambda: False,
    ) -> Any:
        """One request in a thread: a Deferred Outcome."""
        return deferToThread(
            fetch, self.port(), self.service.ca_file, request or get(), struck
        )

    def struck(self) -> bool:
        """Whether a fault has struck; asked from a thread."""
        counts = blockingCallFromThread(reactor, self.service.counts, HOST)
        return bool(counts["faults"])


def delayed_calls() -> list[Any]:
    """What is still to come, but for pytest-twisted's own and the thread pool's."""
    return [call for call in reactor.getDelayedCalls() if call.active()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A simulator of its own for every test; nothing may be left of it."""
    before = len(delayed_calls())
    service = SimulatorService(
        reactor, tmp_path, keys=frozenset({"k", "token"}), control_port=0
    )
    service.startService()
    yield Bench(service)
    pytest_twisted.blockon(service.stopService())
    assert not any(service.counts(name)["open"] for name in service.hosts)
    assert len(delayed_calls()) == before, delayed_calls()


def run(coroutine: Any) -> Any:
    """A plain test function out of a coroutine."""
    return pytest_twisted.ensureDeferred(coroutine)


@run
async def test_a_good_answer_over_tls_with_the_own_authority(bench):
    outcome = await bench.fetch()
    assert (outcome.status, outcome.end) == (200, "close")
    assert json.loads(gzip.decompress(outcome.body))["title"] == "Fight Club"
    assert "Transfer-Encoding: chunked" in outcome.head
    assert "Content-Length" not in outcome.head
    for word in ("Twisted", "imulator", "streamr"):
        assert word not in outcome.head
    counts = bench.service.counts(HOST)
    assert (counts["accepted"], counts["hellos"], counts["handshakes"]) == (1, 1, 1)
    assert (counts["requests"], counts["responses"]) == (1, {"200": 1})
    assert bench.service.counts(OTHER_HOST)["accepted"] == 0


@run
async def test_each_name_has_a_port_and_every_port_serves_every_name(bench):
    """As at a CDN, the name in the hello decides who serves and whose fault strikes."""
    assert bench.port(HOST) != bench.port(OTHER_HOST)
    ask = (fetch, bench.port(OTHER_HOST), bench.service.ca_file)
    assert (await deferToThread(*ask)).status == 200
    assert bench.service.counts(HOST)["handshakes"] == 1
    assert bench.service.counts(OTHER_HOST)["handshakes"] == 0
    bench.service.set_fault(HOST, "reset-after-hello")
    assert (await deferToThread(*ask)).end == "reset"
    bench.service.set_fault(HOST, "reset-at-accept")
    assert (await deferToThread(*ask)).status == 200


@run
async def test_keys_in_both_places_and_no_key(bench):
    bearer = get("/3/movie/550", "Authorization: Bearer token\r\n")
    assert (await bench.fetch(bearer)).status == 200
    refused = await bench.fetch(get("/3/movie/550?api_key=wrong", ""))
    assert refused.status == 401
    assert "Cache-Control: public, max-age=300" in refused.head
    assert json.loads(refused.body)["status_code"] == 7
    assert (await bench.fetch(get("/3/movie/550", ""))).status == 401


@run
async def test_the_last_requests_hold_no_key(bench):
    await bench.fetch(get("/3/movie/550?api_key=k&language=de-DE", "X-Thing: 1\r\n"))
    await bench.fetch(get("/3/movie/13", "Authorization: Bearer token\r\n"))
    await bench.fetch(get("/3/movie/13", ""))
    rows = bench.service.counts(HOST)["last_requests"]
    assert [row["auth"] for row in rows] == ["api_key", "bearer", "none"]
    assert rows[0]["path"] == "/3/movie/550?language=de-DE"
    assert ["X-Thing", "1"] in rows[0]["headers"]
    assert "api_key" not in rows[0]["path"] and "token" not in repr(rows)


@run
async def test_head_has_the_head_and_no_body(bench):
    outcome = await bench.fetch(get(method="HEAD"))
    assert (outcome.status, outcome.data.partition(b"\r\n\r\n")[2]) == (200, b"")
    assert (await bench.fetch(get(method="DELETE"))).status == 405


WIRE_ENDS = {
    "refuse": "refused",
    "reset-at-accept": "reset",
    "fin-at-accept": "fin",
    "silence-at-accept": "silence",
    "reset-after-hello": "reset",
    "fin-after-hello": "fin",
    "silence-after-hello": "silence",
    "alert-handshake-failure": "handshake failure",
    "alert-protocol-version": "alert protocol version",
    "cert-wrong-host": "Hostname mismatch",
    "cert-expired": "certificate has expired",
    "cert-self-signed": "self-signed certificate",
    "cert-untrusted": "unable to get local issuer",
    "plain-http": "wrong version number",
    "garbage": "wrong version number",
}


def test_the_table_of_wire_ends_is_complete():
    wire = {name for name, kind in KINDS.items() if kind.layer != HTTP}
    assert wire == set(WIRE_ENDS)


@pytest.mark.parametrize("name", WIRE_ENDS)
@run
async def test_wire_fault(bench, name):
    bench.service.set_fault(HOST, name)
    await bench.service.settled()
    outcome = await bench.fetch(struck=bench.struck)
    if outcome.end == "tls":
        assert WIRE_ENDS[name] in outcome.error
    else:
        assert outcome.end == WIRE_ENDS[name]
    if name != "refuse":
        assert bench.service.counts(HOST)["faults"] == {name: 1}
    bench.service.set_fault("*", "none")
    await bench.service.settled()
    assert (await bench.fetch()).status == 200


HTTP_ENDS = {
    "silence-after-request": "silence",
    "reset-after-request": "reset",
    "fin-after-request": "close",
    "stall-headers": "silence",
    "reset-in-headers": "reset",
    "malformed-head": "close",
    "long-header": "close",
    "short-body": "close",
    "reset-in-body": "reset",
    "cut-chunks": "close",
    "no-length-fin": "close",
    "no-length-rst": "reset",
    "stall-body": "silence",
}


@pytest.mark.parametrize("name", HTTP_ENDS)
@run
async def test_http_fault_that_ends_the_connection(bench, name):
    bench.service.set_fault(HOST, name)
    outcome = await bench.fetch(struck=bench.struck)
    assert outcome.end == HTTP_ENDS[name]
    assert (b"\r\n\r\n" in outcome.data) == (
        "request" not in name and "headers" not in name
    )
    assert bool(outcome.data) == ("request" not in name)
    assert bench.service.counts(HOST)["faults"] == {name: 1}


@run
async def test_short_body_cut_chunks_and_no_length_on_the_wire(bench):
    bench.service.set_fault(HOST, "short-body")
    short = await bench.fetch()
    promised = int(short.head.split("Content-Length: ")[1].split("\r\n")[0])
    assert 0 < len(short.data.partition(b"\r\n\r\n")[2]) < promised
    bench.service.set_fault(HOST, "cut-chunks")
    cut = await bench.fetch()
    assert "chunked" in cut.head and not cut.data.endswith(b"0\r\n\r\n")
    bench.service.set_fault(HOST, "no-length-fin")
    bare = await bench.fetch()
    assert "Content-Length" not in bare.head and "chunked" not in bare.head
    with pytest.raises(ValueError):
        json.loads(bare.body)


async def answered(bench: Bench, fault: str) -> Outcome:
    """One answer under a fault."""
    bench.service.set_fault(HOST, fault)
    outcome: Outcome = await bench.fetch()
    assert outcome.end == "close"
    return outcome


@run
async def test_faults_that_are_whole_answers(bench):
    for fault, status in (
        ("html", 200),
        ("empty", 200),
        ("cut-json", 200),
        ("redirect", 302),
        ("status:code=503", 503),
        ("status:code=502,body=html", 502),
        ("rate-limit:retry-after=2", 429),
        ("error-200", 200),
        ("gzip-unlabelled", 200),
        ("oversize", 200),
    ):
        outcome = await answered(bench, fault)
        assert outcome.status == status, fault
        promised = int(outcome.head.split("Content-Length: ")[1].split("\r\n")[0])
        assert promised == len(outcome.body), fault
    assert bench.service.counts(HOST)["responses"]["429"] == 1


@run
async def test_broken_gzip_on_the_wire(bench):
    outcome = await answered(bench, "corrupt-gzip")
    with pytest.raises((zlib.error, gzip.BadGzipFile)):
        gzip.decompress(outcome.body)
    outcome = await answered(bench, "cut-gzip")
    with pytest.raises(EOFError):
        gzip.decompress(outcome.body)
    outcome = await answered(bench, "gzip-bomb")
    assert "Content-Encoding: gzip" in outcome.head and len(outcome.body) < 120_000


@run
async def test_the_wrong_title(bench):
    outcome = await answered(bench, "wrong-id")
    assert json.loads(gzip.decompress(outcome.body))["id"] != 550


@run
async def test_slow_and_drip_are_good_in_the_end(bench):
    for fault in ("slow:delay=0.1", "drip:interval=0.005,size=100"):
        outcome = await answered(bench, fault)
        assert json.loads(gzip.decompress(outcome.body))["id"] == 550


@run
async def test_a_slow_answer_to_a_client_that_left_is_dropped(bench):
    def ask_and_leave() -> None:
        context = ssl.create_default_context(cafile=str(bench.service.ca_file))
        client = Client(bench.port(), context)
        with client.socket:
            assert client.handshake()
            client.tls.write(get())
            client.socket.sendall(client.outgoing.read())
            while not blockingCallFromThread(reactor, requests):
                pass

    def requests() -> int:
        return int(bench.service.counts(HOST)["requests"])

    bench.service.set_fault(HOST, "slow:delay=2")
    await deferToThread(ask_and_leave)
    # this one comes later, so the time of the one that left is over, too
    outcome = await bench.fetch()
    assert outcome.status == 200
    assert requests() == 2
    assert bench.service.counts(HOST)["responses"] == {"200": 1}


def handshake(port: int, context: SSL.Context) -> str:
    """A handshake with pyOpenSSL's own hello: 'ok' or the error's class."""
    context.set_verify(SSL.VERIFY_NONE, lambda *ignored: True)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as raw:
        connection = SSL.Connection(context, None)
        connection.set_tlsext_host_name(HOST.encode())
        connection.set_connect_state()
        while True:
            try:
                connection.do_handshake()
                return "ok"
            except SSL.WantReadError:
                raw.sendall(connection.bio_read(65536))
                try:
                    data = raw.recv(65536)
                except ConnectionResetError:
                    return "reset"
                if not data:
                    return "fin"
                connection.bio_write(data)


def profile(kind: str) -> SSL.Context:
    """The hellos that boxes on the path tell apart."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if kind != "modern":
        context.set_tmp_ecdh(ec.SECP256R1())
    if kind == "tls12":
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
    return context


@pytest.mark.parametrize(
    ("when", "ends"),
    [("big", ["reset", "ok", "ok"]), ("tls13", ["reset", "reset", "ok"])],
)
@run
async def test_a_box_that_looks_at_the_hello(bench, when, ends):
    bench.service.set_fault(HOST, f"reset-after-hello:when={when}")
    found = []
    for kind in ("modern", "classic", "tls12"):
        found.append(await deferToThread(handshake, bench.port(), profile(kind)))
    assert found == ends
    hellos = bench.service.counts(HOST)["last_hellos"]
    assert [one["size"] > 1460 for one in hellos] == [True, False, False]
    assert [one["tls13"] for one in hellos] == [True, True, False]
    assert {one["sni"] for one in hellos} == {HOST}


def two_requests(port: int, ca_file: Path, between: Any) -> list[bytes]:
    """Two requests on one connection, with something done in between."""
    context = ssl.create_default_context(cafile=str(ca_file))
    client = Client(port, context)
    found = []
    with client.socket:
        assert client.handshake()
        for number in (1, 2):
            client.outcome.data = b""
            client.tls.write(get().replace(b"Connection: close\r\n", b""))
            while not client.outcome.data.endswith(b"0\r\n\r\n"):
                try:
                    data = client.tls.read(1 << 16)
                    if not data:
                        return found
                    client.outcome.data += data
                except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                    if not client.pump():
                        return found
            found.append(client.outcome.data)
            if number == 1:
                between()
    return found


def switch(service: SimulatorService, fault: str) -> Any:
    """Set a fault from another thread, and wait until it is set."""
    return lambda: blockingCallFromThread(reactor, service.set_fault, "*", fault)


@run
async def test_an_open_connection_is_spared_by_wire_faults_but_not_by_http_ones(bench):
    service, port = bench.service, bench.port()
    for fault, answers in (("refuse", 2), ("reset-at-accept", 2), ("none", 2)):
        found = await deferToThread(
            two_requests, port, service.ca_file, switch(service, fault)
        )
        assert len(found) == answers, fault
        service.set_fault("*", "none")
        await service.settled()
    found = await deferToThread(
        two_requests, port, service.ca_file, switch(service, "reset-after-request")
    )
    assert len(found) == 1
    assert service.counts(HOST)["accepted"] == 4


@run
async def test_without_keep_alive_every_answer_closes(bench):
    bench.service.set_keep_alive(HOST, False)
    found = await deferToThread(
        two_requests, bench.port(), bench.service.ca_file, lambda: None
    )
    assert len(found) == 1 and b"\r\nConnection: close\r\n" in found[0]
    bench.service.set_keep_alive("*", True)
    found = await deferToThread(
        two_requests, bench.port(), bench.service.ca_file, lambda: None
    )
    assert len(found) == 2 and b"Connection: close" not in found[0]


@run
async def test_refuse_and_back_at_once_keeps_the_port(bench):
    port = bench.port()
    for _ in range(3):
        bench.service.set_fault(HOST, "refuse")
        bench.service.set_fault(HOST, "none")
    await bench.service.settled()
    assert bench.port() == port
    assert (await bench.fetch()).status == 200


@run
async def test_nobody_is_given_the_number_of_a_closed_port(bench):
    port = bench.port()
    assert hold(port) is None
    bench.service.set_fault(HOST, "refuse")
    await bench.service.settled()
    assert (await bench.fetch()).end == "refused"
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    await bench.service.stopService()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))


@run
async def test_random_resets_come_about_as_often_as_asked(bench):
    bench.service.set_fault(HOST, "reset-after-hello:p=0.5")
    ends = [(await bench.fetch()).end for _ in range(40)]
    assert 8 <= ends.count("reset") <= 32
    assert bench.service.counts(HOST)["faults"] == {
        "reset-after-hello": ends.count("reset")
    }


@run
async def test_stopping_aborts_what_is_silent_and_leaves_nothing(bench):
    bench.service.set_fault(HOST, "silence-after-request")
    ask = (fetch, bench.port(), bench.service.ca_file)
    outcome = deferToThread(*ask)
    while not bench.service.counts(HOST)["requests"]:
        await deferToThread(lambda: None)
    bench.service.set_fault(HOST, "slow:delay=60")
    slow = deferToThread(*ask)
    while bench.service.counts(HOST)["requests"] < 2:
        await deferToThread(lambda: None)
    await bench.service.stopService()
    assert [(await one).end for one in (outcome, slow)] == ["reset", "reset"]
    assert (await bench.fetch()).end == "refused"


@run
async def test_counts_can_be_forgotten_but_open_connections_stay(bench):
    await bench.fetch()
    bench.service.reset_counts()
    counts = bench.service.counts(HOST)
    assert (counts["accepted"], counts["last_requests"]) == (0, [])


@run
async def test_control_takes_no_parameters(bench):
    """What curl sends after a question mark would be left undone in silence."""
    url, path = bench.service.control_url, "/?fault=html"
    for method in ("GET", "POST"):
        asking = partial(control, url, LOCAL, JSON, method=method, path=path)
        outcome = await deferToThread(asking)
        assert outcome.status == 400
        assert b"without parameters" in outcome.body


@pytest_twisted.inlineCallbacks
def test_a_strike_cuts_the_connections_that_stand_and_spares_the_other_host(bench):
    """A fault of the handshake would not show while old connections live on."""
    address = "127.0.0.1"
    with (
        socket.create_connection((address, bench.port()), PATIENCE) as struck,
        socket.create_connection((address, bench.port(OTHER_HOST)), PATIENCE) as spared,
    ):
        # both stand when later ones have been answered
        yield bench.fetch()
        ca_file = bench.service.ca_file
        yield deferToThread(fetch, bench.port(OTHER_HOST), ca_file, get())
        bench.service.strike(HOST, "reset-after-hello")
        with pytest.raises(ConnectionResetError):
            yield deferToThread(struck.recv, 1)
        spared.settimeout(SILENCE)
        with pytest.raises(TimeoutError):
            yield deferToThread(spared.recv, 1)
    faults = {HOST: "reset-after-hello", OTHER_HOST: "none", "image.tmdb.org": "none"}
    assert bench.service.faults() == faults


def test_faults_are_checked_before_they_are_set(bench):
    with pytest.raises(ValueError, match="; allowed: none, refuse"):
        bench.service.set_fault("*", "explode")
    with pytest.raises(
        ValueError, match=r"\*, api.themoviedb.org, api.tmdb.org, image.tmdb.org"
    ):
        bench.service.set_fault("example.org", "html")
    with pytest.raises(ValueError, match=r"serves pictures, .* 'cut-json'"):
        bench.service.set_fault("image.tmdb.org", "html+cut-json")
    with pytest.raises(ValueError, match=r"serves JSON, .* 'cut-picture'"):
        bench.service.set_fault(HOST, "cut-picture")
    assert set(bench.service.faults().values()) == {"none"}


def test_a_fault_for_all_strikes_each_host_where_it_makes_sense(bench):
    bench.service.set_fault("*", "cut-json+cut-picture")
    assert bench.service.faults() == {
        HOST: "cut-json",
        OTHER_HOST: "cut-json",
        "image.tmdb.org": "cut-picture",
    }


def test_no_private_key_is_written(bench, tmp_path):
    assert [one.name for one in tmp_path.iterdir()] == ["simulator-ca.pem"]
    assert b"PRIVATE" not in bench.service.ca_file.read_bytes()


def control(
    url: str, *lines: str, body: str = "", method: str = "POST", path: str = "/"
) -> Outcome:
    """One control request over a plain socket."""
    host, port = url.removeprefix("http://").strip("/").split(":")
    head = [f"{method} {path} HTTP/1.1", *lines, f"Content-Length: {len(body)}"]
    text = "\r\n".join([*head, "Connection: close", "", body])
    outcome = Outcome()
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as raw:
        raw.sendall(text.encode())
        while data := raw.recv(65536):
            outcome.data += data
    return outcome


JSON = "Content-Type: application/json"
LOCAL = "Host: 127.0.0.1:80"


@run
async def test_control_switches_and_tells(bench):
    url = bench.service.control_url
    body = json.dumps({"host": HOST, "fault": "html", "keep_alive": False})
    outcome = await deferToThread(control, url, LOCAL, JSON, body=body)
    assert outcome.status == 200
    assert "html" in (await bench.fetch()).data.decode()
    told = await deferToThread(control, url, LOCAL, method="GET")
    hosts = json.loads(told.body)["hosts"]
    assert (hosts[HOST]["fault"], hosts[HOST]["keep_alive"]) == ("html", False)
    assert hosts[HOST]["counts"]["faults"] == {"html": 1}
    assert hosts[OTHER_HOST]["fault"] == "none"
    body = json.dumps({"reset_counts": True, "fault": "none"})
    await deferToThread(control, url, LOCAL, JSON, body=body)
    assert bench.service.counts(HOST)["requests"] == 0


@run
async def test_control_refuses_what_a_web_page_could_send(bench):
    url, body = bench.service.control_url, json.dumps({"fault": "html"})
    for lines in (
        ("Host: evil.example", JSON),
        ("Host: 127.0.0.1.evil.example:80", JSON),
        (LOCAL, "Content-Type: text/plain"),
        (LOCAL,),
    ):
        outcome = await deferToThread(control, url, *lines, body=body)
        assert outcome.status == 403, lines
    outcome = await deferToThread(control, url, "Host: evil.example", method="GET")
    assert outcome.status == 403
    assert bench.service.hosts[HOST].expression == "none"
    for name in ("localhost:9", "[::1]:9", "[::1]", "localhost"):
        told = await deferToThread(control, url, f"Host: {name}", method="GET")
        assert told.status == 200, name


@run
async def test_control_names_what_is_allowed(bench):
    url = bench.service.control_url
    for body in (
        "{",
        "[]",
        "{}",
        '{"fault": "explode"}',
        '{"fault": 1}',
        '{"host": "example.org", "fault": "html"}',
        '{"thing": 1}',
    ):
        outcome = await deferToThread(control, url, LOCAL, JSON, body=body)
        assert outcome.status == 400, body
        allowed = json.loads(outcome.body)["allowed"]
        assert "reset-after-hello" in allowed["faults"]
        assert "keep_alive" in allowed["fields"]
