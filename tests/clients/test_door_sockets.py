"""Other people's TMDB clients as they are, with TMDB's own host: through the door.

They run where a hosts file of their own leads TMDB's names to the door, and trust its
authority as `streamr door show` tells: nothing else changes. Needs a mount namespace of
its own and TMDB's own port, so root.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.test_clients_sockets import (
    DEADLINE,
    DIRECT,
    PATHS,
    Client,
    Place,
    each_client,
    expected,
    its_own_error,
    placed,
    right,
)
from tests.doors import WITH_HOSTS, Door, cannot, opened, own_loopback
from tests.processes import Simulator, ask

TMDB = f"https://{DIRECT}"
PICTURES = "image.tmdb.org"
pytestmark = pytest.mark.skipif(bool(cannot()), reason=cannot() or "it can")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    state = tmp_path_factory.mktemp("state")
    more = {"STREAMR_DEADLINE": str(DEADLINE)}
    try:
        with opened(simulator, state, own_loopback(), 443, more) as made:
            yield made
    finally:
        simulator.stop()


@pytest.fixture(scope="module")
def place(door: Door, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder: Path = tmp_path_factory.mktemp("node")
    hosts = folder / "hosts"
    hosts.write_text(door.hosts)
    return placed(folder, *WITH_HOSTS, str(hosts), more=door.environment)


@each_client
def test_a_client_that_knows_tmdb_alone_gets_its_answers_and_its_own_errors(
    place: Place, door: Door, client: Client
) -> None:
    told = place.run(client, TMDB)
    right(told, client, door.daemon.main)
    for question in client.says.keys() - client.lacks - {"dead"}:
        its_own_error(told[question], client.expected(question))


def test_a_scraper_with_host_and_key_in_its_code_gets_titles_and_posters(
    place: Place, door: Door
) -> None:
    scraper = Client("scraper.py", "HTTPError", {})
    for fault in ("none", "reset-after-hello"):
        for host in (DIRECT, PICTURES):
            door.simulator.switch(host, fault=fault)
        told = place.run(scraper, TMDB)
        main = door.daemon.main
        for question in ("search", "details"):
            assert told[question].get("answer") == expected(main, question), told
        found = told["poster"]["answer"]
        shown = ask(main, f"/t/p/w342{found['path']}")
        assert found["size"] == len(shown.body)
        assert found["type"] == shown.headers["Content-Type"]
        assert "404" in told["unknown"]["says"]
        assert "403" in told["for_a_user"]["says"]
    for host in (DIRECT, PICTURES):
        door.simulator.switch(host, fault="none")


@each_client
def test_it_does_not_notice_that_the_direct_way_is_broken(
    place: Place, door: Door, client: Client
) -> None:
    door.simulator.switch(DIRECT, fault="reset-after-hello")
    try:
        told = place.run(client, TMDB, *(PATHS.keys() - client.lacks))
        right(told, client, door.daemon.main)
    finally:
        door.simulator.switch(DIRECT, fault="none")
