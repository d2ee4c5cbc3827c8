"""`streamr demo` as a front end uses it: switches, pictures, faults on request."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from streamr.fields import proxy_status
from tests.processes import PATIENCE, STREAMR, Process, Response, Simulator, ask

DIRECT = "api.themoviedb.org"
PAST_THE_STORE = {"Streamr-Fresh": "1"}
# After so many failures the direct way is not even tried.
TRIP_IN_ROW = 5


@pytest.fixture
def main(tmp_path: Path) -> Iterator[str]:
    process = Process(
        [STREAMR, "demo"], {"PORT": "0", "PROXY_PORT": "0"}, directory=tmp_path
    )
    yield process.wait_for(r"main +(http://\S+)").group(1)
    assert process.stop(signal.SIGINT) == 0


def switch(main: str, host: str, fault: str) -> None:
    path = f"/demo/fault?host={host}&fault={quote(fault)}"
    assert ask(main, path, method="POST").status == 200


def causes(answer: Response) -> set[str]:
    """Why the direct way did not answer, as Proxy-Status names it."""
    attempts = proxy_status.parse(answer.headers["Proxy-Status"])
    return {each.cause for each in attempts if each.name == "direct" and each.cause}


def test_a_switch_breaks_the_direct_way_at_once_and_healing_mends_it(main: str) -> None:
    # a connection to TMDB that stands must meet the fault, too; on a busy machine a
    # hedge may overtake a direct way that nothing is wrong with
    until = time.monotonic() + PATIENCE
    while "X-Proxy-Source" in ask(main, "/3/movie/550", PAST_THE_STORE).headers:
        assert time.monotonic() < until, "never directly"
    switch(main, DIRECT, "reset-after-hello")
    told: set[str] = set()
    for _ in range(TRIP_IN_ROW):
        broken = ask(main, "/3/movie/13", PAST_THE_STORE)
        assert (broken.status, broken.json["id"]) == (200, 13)
        assert "X-Proxy-Source" in broken.headers
        told |= causes(broken)
        if told != {"overtaken"}:
            break
    assert "tls_reset" in told
    assert ask(main, "/demo/state").json["hosts"][DIRECT]["fault"] != "none"
    assert ask(main, "/demo/heal", method="POST").status == 200
    hosts = ask(main, "/demo/state").json["hosts"]
    assert {each["fault"] for each in hosts.values()} == {"none"}


def test_a_fault_that_the_simulator_does_not_know_is_400(main: str) -> None:
    for query in ("host=api.themoviedb.org&fault=explode", "host=a.invalid&fault=html"):
        answer = ask(main, f"/demo/fault?{query}", method="POST")
        assert answer.status == 400
        assert "; allowed: " in answer.json["status_message"]


def test_every_picture_that_a_list_names_can_be_had(main: str) -> None:
    base = ask(main, "/3/configuration").json["images"]["secure_base_url"]
    assert base == f"{main}/t/p/"
    rows = ask(main, "/api/tmdb/trending").json["results"]
    paths = [row[name] for row in rows for name in row if name.endswith("_path")]
    assert len(paths) >= len(rows)
    for path in paths:
        picture = ask(main, f"/t/p/w154{path}")
        assert picture.status == 200
        assert picture.headers["Content-Type"] == "image/png"
        assert picture.body.startswith(b"\x89PNG")


def test_a_wish_for_a_reset_resets_the_callers_connection(main: str) -> None:
    with pytest.raises(ConnectionResetError):
        ask(main, "/3/movie/550", {"Streamr-Fault": "reset"})
    assert ask(main, "/3/movie/550").status == 200


def test_a_stale_answer_comes_from_the_demos_own_cache(main: str) -> None:
    fresh = ask(main, "/3/movie/550")
    stale = ask(main, "/3/movie/550", {"Streamr-Fault": "stale"})
    assert stale.json == fresh.json
    assert int(stale.headers["Age"]) > 3600
    assert "detail=stale-if-error" in stale.headers["Cache-Status"]
    assert "max-age=0" in stale.headers["Cache-Control"]


def test_a_daemon_that_only_calls_itself_demo_has_none_of_it(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path)
    named = {**simulator.environment, "STREAMR_ENVIRONMENT": "demo"}
    process = Process([STREAMR, "run"], named, tmp_path)
    main = process.wait_for(r"main +(http://\S+)").group(1)
    assert ask(main, "/api/health").json["environment"] == "demo"
    assert ask(main, "/demo/state").status == 404
    assert ask(main, "/demo/heal", method="POST").status == 405
    wishing = ask(main, "/3/movie/550", {"Streamr-Fault": "429"})
    assert (wishing.status, json.loads(wishing.body)["id"]) == (200, 550)
    assert process.stop() == 0
    assert simulator.stop() == 0
