"""TMDB's image host over real TLS: files, conditions, and what is not there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from streamr.simulator.service import HOSTS, SimulatorService
from streamr.simulator.tmdb.images import HOST
from streamr.simulator.tmdb.world import image
from tests.simulator.client import fetch, get
from tests.simulator.pictures import reading

POSTER = f"/t/p/w342{image('poster', 'movie', 550)}"
CARD = "/t/p/original/noise200000.png"


class Gate:
    """A running simulator, asked for pictures."""

    def __init__(self, service: SimulatorService) -> None:
        self.service = service

    def ask(self, path: str, headers: str = "", method: str = "GET") -> Any:
        """One request in a thread: a Deferred Outcome."""
        port = self.service.doors[HOST].number
        return deferToThread(
            fetch,
            port,
            self.service.ca_file,
            get(path, headers, method).replace(b"api.themoviedb.org", HOST.encode()),
            host=HOST,
        )

    @property
    def counts(self) -> Any:
        """What the image host saw."""
        return self.service.counts(HOST)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A simulator of its own for every test."""
    service = SimulatorService(reactor, tmp_path, keys=frozenset({"k"}))
    service.startService()
    yield Gate(service)
    pytest_twisted.blockon(service.stopService())


def run(coroutine: Any) -> Any:
    """A plain test function out of a coroutine."""
    return pytest_twisted.ensureDeferred(coroutine)


@run
async def test_a_poster_is_a_real_picture_of_the_size_asked_for(gate):
    outcome = await gate.ask(POSTER)
    assert (outcome.status, outcome.end) == (200, "close")
    assert reading.size(outcome.body) == (342, 513)
    for line in (
        "Content-Type: image/png",
        f"Content-Length: {len(outcome.body)}",
        "Cache-Control: public, max-age=31536000",
        "Accept-Ranges: bytes",
        'ETag: "',
        "Last-Modified: ",
    ):
        assert f"\r\n{line}" in outcome.head, line
    assert (await gate.ask(POSTER)).body == outcome.body


@run
async def test_conditions_and_ranges_on_the_wire(gate):
    whole = await gate.ask(CARD)
    assert len(whole.body) == 200_000
    etag = whole.head.split("ETag: ")[1].split("\r\n")[0]
    part = await gate.ask(CARD, f"Range: bytes=199990-\r\nIf-Range: {etag}\r\n")
    assert (part.status, part.body) == (206, whole.body[-10:])
    assert "Content-Range: bytes 199990-199999/200000" in part.head
    refused = await gate.ask(CARD, "Range: bytes=200000-\r\n")
    assert refused.status == 416
    kept = await gate.ask(CARD, f"If-None-Match: {etag}\r\n")
    assert (kept.status, kept.body) == (304, b"")
    head = await gate.ask(CARD, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert "Content-Length: 200000" in head.head


@run
async def test_what_is_not_there_and_what_is_not_allowed(gate):
    for path, method, status in (
        ("/t/p/w342/nothing.jpg", "GET", 404),
        (POSTER.replace("w342", "large"), "GET", 404),
        (POSTER.replace("w342", "w99999"), "GET", 404),
        ("/3/movie/550?api_key=k", "GET", 404),
        ("/t/p/", "GET", 404),
        (POSTER, "POST", 405),
    ):
        outcome = await gate.ask(path, method=method)
        assert outcome.status == status, path
        assert "Content-Type: text/html" in outcome.head
        assert "Cache-Control" not in outcome.head


@run
async def test_the_api_has_no_pictures(gate):
    api = HOSTS[0]
    for path, status in ((f"{POSTER}?api_key=k", 404), (POSTER, 401)):
        outcome = await deferToThread(
            fetch, gate.service.doors[api].number, gate.service.ca_file, get(path)
        )
        assert outcome.status == status
        assert "application/json" in outcome.head


@run
async def test_it_has_a_place_and_counts_of_its_own(gate):
    places = dict(pin.split("=") for pin in gate.service.pins.split(","))
    assert list(places) == list(HOSTS)
    await gate.ask(POSTER, "X-Thing: 1\r\n")
    assert gate.counts["requests"] == 1
    (seen,) = gate.counts["last_requests"]
    assert (seen["path"], seen["auth"]) == (POSTER, "none")
    assert ["X-Thing", "1"] in seen["headers"]
    assert gate.service.counts(HOSTS[0])["requests"] == 0
    assert gate.service.studio.drawn == 1


@run
async def test_it_breaks_alone_and_with_all(gate):
    gate.service.set_fault(HOST, "reset-after-hello")
    assert (await gate.ask(POSTER)).end == "reset"
    api = (fetch, gate.service.doors[HOSTS[0]].number, gate.service.ca_file)
    assert (await deferToThread(*api)).status == 200
    gate.service.set_fault("*", "none")
    gate.service.set_fault("*", "html")
    outcome = await gate.ask(POSTER)
    assert outcome.status == 200
    assert b"sign in" in outcome.body
    assert (await deferToThread(*api)).body.startswith(b"<!DOCTYPE html>")


@run
async def test_a_picture_meets_its_faults_on_the_wire(gate):
    whole = (await gate.ask(CARD)).body
    for fault, end, begins, long in (
        ("reset-in-body", "reset", whole[:9], 100_000),
        ("short-body", "close", whole[:9], 100_000),
        ("cut-chunks", "close", whole[:9], 100_000),
        ("no-length-fin", "close", whole[:9], 100_000),
        ("cut-picture", "close", whole[:9], 100_000),
        ("wrong-type", "close", whole[:9], 200_000),
        ("wrong-type:label=png", "close", b"\xff\xd8\xff", 141),
        ("slow:delay=0.1", "close", whole[:9], 200_000),
        ("slow-picture:interval=0.001,size=20000", "close", whole[:9], 200_000),
        ("drip:interval=0.001,size=20000", "close", whole[:9], 200_000),
        ("ignore-range", "close", whole[:9], 200_000),
        ("empty", "close", b"", 0),
    ):
        gate.service.set_fault(HOST, fault)
        outcome = await gate.ask(
            CARD, "Range: bytes=5-\r\n" if "range" in fault else ""
        )
        assert (outcome.status, outcome.end) == (200, end), fault
        assert (outcome.body[:9][: len(begins)], len(outcome.body)) == (begins, long)
    assert gate.counts["faults"]["slow-picture"] == 1


@run
async def test_a_fault_of_one_picture_spares_the_others(gate):
    gate.service.set_fault(HOST, f"status:code=503,path={CARD}")
    assert (await gate.ask(CARD)).status == 503
    assert (await gate.ask(POSTER)).status == 200
