"""What the settings say about callers, at a real daemon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes import Daemon, Simulator, ask

SETTINGS = {
    "STREAMR_ALLOWED_HOSTS": "films.lan",
    "STREAMR_PUBLIC_URL": "https://film.example/tmdb",
    "STREAMR_TRUSTED_PROXIES": "127.0.0.1",
    "CORS_ORIGINS": "https://app.example, https://*.star.example",
}
DATA = "/3/movie/550"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    made = Daemon({**simulator.environment, **SETTINGS}, servers=("proxy", "main"))
    yield made
    made.stop()
    simulator.stop()


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("films.lan:3001", True),
        ("film.example", True),
        ("app.example", True),
        ("a.star.example", False),
        ("rebound.test:3001", False),
    ],
)
def test_pages_and_data_are_served_under_the_names_in_the_settings(
    daemon: Daemon, host: str, served: bool
) -> None:
    named = {"Host": host}
    for url in daemon.urls.values():
        assert ask(url, DATA, named).status == (200 if served else 421)
    assert ask(daemon.main, "/status.json", named).status == (200 if served else 421)
    assert ask(daemon.main, "/api/health", named).status == 200
    # what is for this machine wants a loopback name as well
    metrics = ask(daemon.proxy, "/metrics", named)
    assert metrics.status == (403 if served else 421)


def test_the_examples_of_the_docs_have_the_public_url(daemon: Daemon) -> None:
    page = ask(daemon.main, "/docs").body.decode()
    assert "curl -s https://film.example/tmdb/3/movie/550" in page
