"""deploy/door.yml as processes: streamr and the app each in a network namespace, with
the addresses, hosts entries, ports and environment that Compose would give them.

Needs root, and network and mount namespaces.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clients.test_clients_sockets import CLIENTS, PATHS, Place, expected, placed
from tests.doors import WITH_HOSTS, Door, cannot, opened
from tests.network.namespaces import PREFIX, inside, ip, missing, remove, sweep
from tests.processes import ROOT, Simulator
from tests.stack import DIRECT

pytestmark = pytest.mark.skipif(bool(cannot() or missing()), reason="needs namespaces")
TMDB = f"https://{DIRECT}"
FILE = ROOT / "deploy/door.yml"
NODE = [each for each in CLIENTS if each.script.endswith(".mjs")]


@dataclass
class Compose:
    """What deploy/door.yml says of the two containers."""

    services: dict[str, Any]
    networks: dict[str, Any]

    @property
    def door(self) -> str:
        """streamr's address."""
        address: str = self.services["streamr"]["networks"]["door"]["ipv4_address"]
        return address

    @property
    def app(self) -> str:
        """An address that Compose would choose for the app."""
        [config] = self.networks["door"]["ipam"]["config"]
        return str(next(ip_network(config["ip_range"]).hosts()))

    @property
    def bits(self) -> int:
        """Of the network that both are in."""
        [config] = self.networks["door"]["ipam"]["config"]
        return ip_network(config["subnet"]).prefixlen

    @property
    def hosts(self) -> str:
        """The app's hosts file."""
        lines = ["127.0.0.1 localhost"]
        for each in self.services["seerr"]["extra_hosts"]:
            name, address = each.split(":")
            lines.append(f"{address} {name}")
        return "\n".join(lines) + "\n"

    def environment(self, beside: Path) -> dict[str, str]:
        """The app's, with the paths of what is mounted into its container."""
        app = self.services["seerr"]
        mounts = dict(each.split(":")[1::-1] for each in app["volumes"])
        return {
            name: str(beside / mounts[value]) if value in mounts else value
            for name, value in app["environment"].items()
        }


@pytest.fixture(scope="module")
def compose() -> Compose:
    found = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return Compose(found["services"], found["networks"])


@pytest.fixture(scope="module")
def containers(compose: Compose) -> Iterator[tuple[str, str]]:
    """The names of both namespaces, on one network."""
    sweep()
    streamr, app = (f"{PREFIX}{os.getpid()}-{each}" for each in ("streamr", "app"))
    try:
        for name in (streamr, app):
            ip("netns", "add", name)
        link = ["type", "veth", "peer", "name", "door", "netns", app]
        ip("link", "add", "door", "netns", streamr, *link)
        for name, address in ((streamr, compose.door), (app, compose.app)):
            here = ("-n", name)
            ip(*here, "address", "add", f"{address}/{compose.bits}", "dev", "door")
            for device in ("lo", "door"):
                ip(*here, "link", "set", device, "up")
        yield streamr, app
    finally:
        for name in (streamr, app):
            remove(name)


@pytest.fixture(scope="module")
def door(
    compose: Compose,
    containers: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Door]:
    within = ("ip", "netns", "exec", containers[0])
    simulator = Simulator(tmp_path_factory.mktemp("simulator"), within=within)
    given = compose.services["streamr"]["environment"]
    state = tmp_path_factory.mktemp("state")
    try:
        with opened(simulator, state, given["DOOR_HOST"], 443, given, within) as made:
            yield made
    finally:
        simulator.stop()


@pytest.fixture(scope="module")
def place(
    compose: Compose,
    containers: tuple[str, str],
    door: Door,
    tmp_path_factory: pytest.TempPathFactory,
) -> Place:
    """The app's container."""
    folder = tmp_path_factory.mktemp("app")
    # what the file's own comment has the user do with `cat`
    shutil.copy(door.files.certificate, folder)
    hosts = folder / "hosts"
    hosts.write_text(compose.hosts)
    within = ("ip", "netns", "exec", containers[1], *WITH_HOSTS, str(hosts))
    return placed(folder, *within, more=compose.environment(folder))


@pytest.mark.parametrize("client", NODE, ids=lambda each: each.script)
@pytest.mark.parametrize("fault", ["none", "reset-after-hello"])
def test_a_node_app_gets_its_answers_with_what_the_file_gives_it(
    place: Place, door: Door, containers: tuple[str, str], client: Any, fault: str
) -> None:
    with inside(containers[0]):
        door.simulator.switch(DIRECT, fault=fault)
        wanted = {
            question: expected(door.daemon.main, question)
            for question in PATHS.keys() - client.lacks
        }
    told = place.run(client, TMDB, *wanted)
    for question, answer in wanted.items():
        assert told[question].get("answer") == answer, (question, told[question])
