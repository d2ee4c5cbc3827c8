"""`/metrics` of a real daemon: what it counts is what was asked, and what arrived."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_twisted
from prometheus_client.parser import text_string_to_metric_families

from streamr.observe.measures import TABLE
from tests.processes import PATIENCE, Daemon, Response, Simulator, ask
from tests.repository.test_deployed import NAME, asked
from tests.stack import DIRECT, Got, Stack

BOTH = ("proxy", "main")
ADMIN = "canary-admin-token-0123"
PROXY_TOKEN = "canary-proxy-token-0123"
MAIN = "streamr-main"
MOVIE = "/movie/{movie_id}"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    made = Simulator(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def daemon(simulator: Simulator) -> Iterator[Daemon]:
    environment = {
        **simulator.environment,
        "STREAMR_CACHE_MB": "16",
        "STREAMR_WARM": "none",
        "STREAMR_ADMIN_TOKEN": ADMIN,
        "STREAMR_PROXY_TOKEN": PROXY_TOKEN,
    }
    made = Daemon(environment, servers=BOTH)
    yield made
    made.stop()
    assert "Traceback" not in made.output


@pytest_twisted.async_yield_fixture
async def stack(reactor: Any, tmp_path: Path) -> AsyncIterator[Stack]:
    """In the test's own reactor: nobody is hedged because a machine is busy."""
    made = Stack(reactor, tmp_path, {"STREAMR_CACHE_MB": "16", "STREAMR_WARM": "none"})
    yield made
    await made.stop()
    assert "Traceback" not in made.log.getvalue()


class Scrape:
    """One scrape; the sum of the samples with given labels."""

    def __init__(self, response: Response | Got) -> None:
        self.response = response
        assert self.response.status == 200, self.response.body
        self.text = self.response.body.decode()
        self.families = list(text_string_to_metric_families(self.text))

    def value(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def requests(self, **labels: str) -> float:
        return self.value("streamr_requests_total", server=MAIN, **labels)


def scrape(url: str) -> Scrape:
    return Scrape(ask(url, "/metrics"))


def failures(answers: list[Got]) -> Counter[str]:
    """The causes of main's own attempts, as Proxy-Status names them."""
    members = [
        member
        for answer in answers
        for member in answer.headers.get("proxy-status", "").split(", ")
        if "error=" in member and 'route="direct"' in member
    ]
    return Counter(each.partition("error=")[2].partition(";")[0] for each in members)


@pytest_twisted.ensureDeferred
async def test_counters_agree_with_what_was_asked(stack: Stack) -> None:
    assert await stack.settle() == 1  # the probe at the start
    for path in ("/3/movie/550", "/3/movie/550", "/3/movie/550", "/3/movie/603"):
        assert (await stack.get(path)).status == 200
    assert (await stack.get("/3/movie/999999999")).status == 404
    assert (await stack.get("/nowhere")).status == 404
    assert (await stack.get("/api/health")).status == 200
    found = Scrape(await stack.get("/metrics"))
    assert found.requests(endpoint=MOVIE, status="200", source="direct") == 2
    assert found.requests(endpoint=MOVIE, status="200", source="cache") == 2
    assert found.requests(endpoint=MOVIE, status="404", source="direct") == 1
    assert found.requests(endpoint="other", status="404", source="refused") == 1
    assert found.requests(endpoint="/api/health", source="local") == 1
    assert found.requests() == 7
    assert found.value("streamr_request_duration_seconds_count", server=MAIN) == 7
    assert found.value("streamr_cache_requests_total", result="hit") == 2
    assert found.value("streamr_cache_requests_total", result="uri-miss") == 3
    assert found.value("streamr_cache_entries") == 3
    assert found.value("streamr_attempts_total", cause="ok", route="direct") == 3
    arrived = stack.requests(DIRECT)
    assert found.value("streamr_upstream_requests_total", host=DIRECT) == arrived == 4
    assert found.value("streamr_upstream_requests_per_thousand_calls") == 800
    # the one that asks is open while it asks
    assert found.value("streamr_open_connections", server=MAIN) == 1


@pytest_twisted.ensureDeferred
async def test_faults_agree_with_what_callers_were_told(stack: Stack) -> None:
    stack.simulator.set_fault(DIRECT, "reset-after-hello")
    paths = [f"/3/search/movie?query={number}" for number in range(12)]
    answers = [await stack.get(path) for path in paths]
    assert {each.status for each in answers} == {200}
    found = Scrape(await stack.get("/metrics"))
    told = failures(answers)
    assert told["tls_reset"] >= 5
    for cause, count in told.items():
        labels = {"server": MAIN, "route": "direct", "cause": cause}
        assert found.value("streamr_attempts_total", **labels) == count
    proxy = f"proxy@{urlsplit(stack.daemon.servers['proxy'].url).netloc}"
    by_proxy = [each for each in answers if "x-proxy-source" in each.headers]
    assert found.requests(source=proxy) == len(by_proxy) == 12
    states = {"server": MAIN, "route": "direct"}
    assert found.value("streamr_breaker_state", **states, state="closed") == 0
    assert found.value("streamr_breaker_state", **states) == 1
    assert found.value("streamr_faults_total") == 0


def test_only_this_machine_and_the_admin_see_it(daemon: Daemon) -> None:
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    for url in (daemon.main, daemon.proxy):
        assert ask(url, "/metrics").status == 200
        assert ask(url, "/metrics", elsewhere).status == 403
        bearer = {"Authorization": f"Bearer {PROXY_TOKEN}"}
        assert ask(url, "/metrics", {**elsewhere, **bearer}).status == 403
        bearer = {"Authorization": f"Bearer {ADMIN}"}
        assert ask(url, "/metrics", {**elsewhere, **bearer}).status == 200
        foreign = {"Origin": "https://elsewhere.test"}
        assert ask(url, "/metrics", foreign).status == 403


def test_the_loop_is_looked_at_while_the_daemon_runs(daemon: Daemon) -> None:
    until = time.monotonic() + PATIENCE
    while not scrape(daemon.main).value("streamr_loop_lag_seconds_count"):
        assert time.monotonic() < until, "nobody looks"


def test_every_metric_of_the_dashboard_and_the_rules_is_in_a_scrape(
    daemon: Daemon,
) -> None:
    ask(daemon.main, "/3/movie/550")
    found = scrape(daemon.main)
    told = {line.split()[2] for line in found.text.splitlines() if "# TYPE" in line}
    assert {measure.name for measure in TABLE} <= told
    names = {name for text in asked() for name in NAME.findall(text)}
    stems = (name.removesuffix("_bucket") for name in names)
    assert {*stems} - told == set()


def test_strange_requests_make_no_labels_and_no_secret_comes_out(
    daemon: Daemon, simulator: Simulator
) -> None:
    chance = Random(4)
    key = simulator.KEY
    headers = {
        "X-Request-Id": 'evil"} 1\n# HELP'.replace("\n", " "),
        "Streamr-Silent": "evil.test, evil2.test",
        "User-Agent": f"evil {key}",
        "Accept": "application/openmetrics-text; version=evil",
        "Authorization": f"Bearer {key}",
    }
    ask(daemon.main, "/strange", headers)
    before = _series(scrape(daemon.main))
    connection = http.client.HTTPConnection(
        urlsplit(daemon.main).netloc, timeout=PATIENCE
    )
    for _request in range(500):
        path = f"/{chance.getrandbits(64):x}?api_key={key}&token={PROXY_TOKEN}"
        connection.request(chance.choice(("GET", "POST", "EVIL")), path, None, headers)
        connection.getresponse().read()
    connection.close()
    ask(daemon.main, f"/3/movie/550?api_key={key}&evil=1", headers)
    ask(daemon.proxy, "/metrics", headers)
    found = scrape(daemon.main)
    assert found.requests(endpoint="other") == 501
    new = {name for name in _series(found) - before if 'endpoint="other"' in name}
    assert {name.partition("status=")[2][:5] for name in new} == {'"405"'}
    opened = ask(daemon.main, "/metrics", {"Accept": "application/openmetrics-text"})
    for secret in (key, ADMIN, PROXY_TOKEN, "evil"):
        for answer in (found.response, opened):
            assert secret not in answer.body.decode() + str(answer.headers)


def _series(scrape: Scrape) -> set[str]:
    return {line.rpartition(" ")[0] for line in scrape.text.splitlines()}
