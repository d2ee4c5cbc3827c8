"""A network that is up: where its hosts are."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_twisted
from twisted.internet import reactor

from streamr.simulator.network import Network
from streamr.simulator.service import API_HOSTS
from streamr.simulator.tmdb.images import HOST

Up = Callable[[dict[str, object]], Network]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """Puts a network up that is taken down after the test."""
    found: list[Network] = []

    def start(spec: dict[str, object]) -> Network:
        found.append(Network(reactor, tmp_path, spec, keys=frozenset({"k"})))
        found[-1].startService()
        return found[-1]

    yield start
    for each in found:
        pytest_twisted.blockon(each.stopService())


def test_pictures_are_at_the_image_hosts_pin(up: Up) -> None:
    network = up({})
    port = network.simulator.doors[HOST].number
    assert network.pictures == f"https://{HOST}"
    assert f"{HOST}=127.0.0.1:{port}" in network.environment["TMDB_PINS"].split(",")


def test_with_a_resolver_the_url_has_the_port_and_the_name_an_address(up: Up) -> None:
    network = up({"dns": True})
    parts = urlsplit(network.pictures)
    assert (parts.hostname, parts.port) == (HOST, network.simulator.doors[HOST].number)
    assert [address for _, address in network.lookup(HOST)] == ["127.0.0.1"]
    assert "TMDB_PINS" not in network.environment


def test_the_image_host_is_none_of_the_apis(up: Up) -> None:
    found = up({"dns": True}).environment
    urls = [found["TMDB_BASE_URL"], *found["TMDB_ALTERNATE_URLS"].split(",")]
    assert [urlsplit(each).hostname for each in urls] == list(API_HOSTS)
