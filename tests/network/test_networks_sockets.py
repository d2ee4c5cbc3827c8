"""streamr in blocked networks, as they are on the wire: namespaces of this machine.

More of them, and how soon: `python -m benchmarks.routes`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network.lab import DIRECT, Lab
from tests.network.namespaces import MOUNTED, PREFIX, missing
from tests.network.networks import BY_NAME
from tests.network.oracle import PICTURE_HOSTS, Route, best
from tests.network.places import MAIN, PICTURES
from tests.processes import Process

ASKED = 20
SHOWN = 3
# One of each kind; all of them are in the benchmark.
HEALED = (
    "main-filtered-reset",
    "ipv6-filtered",
    "all-filtered-reset+connect",
    "all-intercepted+socks",
    "portal+friend",
    "dns-lies-foreign+doh",
)
# Pictures alone are blocked there.
PICTURES_HEALED = ("pictures-filtered-reset+friend", "pictures-intercepted+connect")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    with Lab() as made:
        yield made


@pytest.fixture
def in_network(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Lab]:
    lab.become(BY_NAME[request.param])
    yield lab
    lab.stop()


@pytest.mark.parametrize("in_network", [*HEALED, *PICTURES_HEALED], indirect=True)
def test_whatever_curl_gets_over_a_route_that_was_given_streamr_gets(
    in_network: Lab,
) -> None:
    lab = in_network
    beside = lab.curl(lab.paths.fresh(1))
    beside += lab.curl(lab.paths.pictures(1), best(lab.network, PICTURE_HOSTS))
    assert [each for each in beside if not each.good] == []
    lab.streamr(state=lab.network.name)
    replies = lab.ask([*lab.paths.fresh(ASKED), *lab.paths.pictures(SHOWN)])
    assert [each for each in replies if not each.good] == []
    assert lab.unverified() == 0


@pytest.mark.parametrize("name", HEALED)
def test_the_fault_of_a_network_is_there(lab: Lab, name: str) -> None:
    lab.become(name)
    (reply,) = lab.curl(lab.paths.fresh(1), DIRECT)
    assert not reply.good


@pytest.mark.parametrize("name", PICTURES_HEALED)
def test_pictures_alone_are_blocked_there(lab: Lab, name: str) -> None:
    lab.become(name)
    (answer,) = lab.curl(lab.paths.fresh(1), DIRECT)
    (picture,) = lab.curl(lab.paths.pictures(1), Route(PICTURES))
    assert answer.good
    assert not picture.good


def test_a_request_to_somebody_who_is_not_tmdb_is_counted(lab: Lab) -> None:
    lab.become("dns-lies-foreign+doh")
    before = lab.unverified()
    careless = ["curl", "--silent", "--insecure", f"https://{MAIN}/3/movie/550"]
    lab.run(careless)
    assert lab.unverified() == before + 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_of_a_lab_that_was_ended(number: int) -> None:
    reason = missing()
    if reason:
        pytest.skip(reason)
    command = [sys.executable, "-m", "tests.network", "healthy"]
    made = Process([*command, "sh", "-c", "echo here; exec sleep 60"])
    made.wait_for("^here$")
    mine = f"{PREFIX}{made.child.pid}-"
    listed = subprocess.run(
        ["ip", "netns", "pids", f"{mine}home"], capture_output=True, check=True
    )
    within = [int(each) for each in listed.stdout.split()]
    assert within
    assert made.stop(number) != 0
    assert not [each.name for each in MOUNTED.glob(f"{mine}*")]
    assert not [each for each in within if Path(f"/proc/{each}").exists()]
