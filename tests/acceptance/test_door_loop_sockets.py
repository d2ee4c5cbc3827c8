"""A daemon whose own names lead to its door: it notices, and finds another way.

The daemon runs where a hosts file leads TMDB's names to the door, and its system trusts
the door's authority. Needs a mount namespace and TMDB's own port, so root.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.doors import WITH_HOSTS, Door, cannot, opened, own_loopback
from tests.processes import Simulator, ask
from tests.stack import DIRECT, OTHER

pytestmark = pytest.mark.skipif(bool(cannot()), reason=cannot() or "it can")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    made = Simulator(tmp_path_factory.mktemp("simulator"))
    yield made
    made.stop()


@contextmanager
def misled(simulator: Simulator, folder: Path, *pinned: str) -> Iterator[Door]:
    """A door, and its daemon, for which all names but the pinned ones lead there."""
    place, hosts, state = own_loopback(), folder / "hosts", folder / "state"
    hosts.write_text(f"127.0.0.1 localhost\n{place} {DIRECT} {OTHER} image.tmdb.org\n")
    pins = [each for each in simulator.pins.split(",") if each.startswith(pinned)]
    more = {
        "TMDB_PINS": ",".join(pins),
        # read at each start: the authority is there by then
        "SSL_CERT_FILE": str(state / "door" / "door-ca.pem"),
    }
    within = (*WITH_HOSTS, str(hosts))
    with opened(simulator, state, place, 443, more, within) as door:
        yield door


def test_it_goes_on_by_a_pinned_name(simulator: Simulator, tmp_path: Path) -> None:
    with misled(simulator, tmp_path, OTHER) as door:
        answer = ask(door.daemon.main, "/3/movie/550")
        assert answer.status == 200
        assert answer.json["id"] == 550
        told = ask(door.daemon.main, "/api/tmdb/health").json["routes"][0]
        assert (told["route"], told["cause"]) == ("direct", "proxy_loop_detected")
        assert "a streamr door" in told["detail"]
        page = ask(door.daemon.main, "/status.json").json["routes"][0]
        assert page["cause"] == "proxy_loop_detected"
    # at the start, by the first probe, before anybody asked
    assert f"A wrong address for {DIRECT}: {door.host}" in door.daemon.output
    assert "leads to a streamr door" in door.daemon.output
    # nothing ever came through it: the handshake is as far as it went
    assert "streamr-door" not in door.daemon.output


def test_without_another_way_it_says_so_at_once(
    simulator: Simulator, tmp_path: Path
) -> None:
    with misled(simulator, tmp_path, "nothing") as door:
        for _ in range(2):
            answer = ask(door.daemon.main, "/3/movie/550")
            assert answer.status == 508
            assert "proxy_loop_detected" in answer.json["status_message"]
            assert "a streamr door" in json.dumps(answer.json["details"])
