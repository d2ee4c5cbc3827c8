"""`streamr doctor` and `streamr demo --from` as real processes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamr.terminal.daemon import ask
from tests.processes import STREAMR, Process

NAME = "api.themoviedb.org"
OTHER = "api.tmdb.org"
DEMO = [STREAMR, "demo", "--port", "0", "--proxy-port", "0"]


class Demo(Process):
    """A demo that the doctor can examine."""

    def __init__(self, *more: str, **environment: str) -> None:
        super().__init__([*DEMO, *more], environment)
        self.wait_for(r"Examine it +\S*streamr doctor$")

    @property
    def env_file(self) -> Path:
        """The settings that lead into its network."""
        told = ask(Path(self.state_home) / "streamr", "/running")
        return Path(told["demo"]["env_file"])


@pytest.fixture
def demos() -> Iterator[list[Demo]]:
    running: list[Demo] = []
    yield running
    for each in running:
        each.stop()


def examine(demo: Demo, *more: str) -> tuple[int, str]:
    """Exit status and output, progress included."""
    state = {"XDG_STATE_HOME": demo.state_home}
    doctor = Process([STREAMR, "doctor", *more], state)
    return doctor.ended(60.0), doctor.output


def codes(output: str) -> list[str]:
    """The verdicts in the JSON form."""
    value = json.loads(output[output.index("\n{") :])
    return [each["code"] for each in value["verdicts"]]


def test_a_sound_route_is_exit_0_and_nothing_is_said_against_it(
    demos: list[Demo],
) -> None:
    demos.append(Demo())
    status, output = examine(demos[0])
    assert status == 0
    assert f"ok: the direct route to {NAME} works" in output
    assert not re.search(r"^(failed|warning):", output, re.M)
    assert "\x1b" not in output


def test_a_bundle_of_a_broken_network_brings_it_back_in_a_demo(
    demos: list[Demo], tmp_path: Path
) -> None:
    bundle = tmp_path / "report.json"
    demos.append(Demo("--fault", f"{NAME}=reset-after-hello"))
    status, output = examine(demos[0], "--bundle", str(bundle))
    assert status == 1
    assert re.search(
        rf"^failed: the name {NAME} is filtered on the path \(0/", output, re.M
    )
    assert re.search(rf"^  advice: .*TMDB_BASE_URL=https://{OTHER}/3", output, re.M)
    key = re.search("TMDB_API_KEY=(.+)", demos[0].env_file.read_text())
    assert key is not None
    assert key.group(1) not in output + bundle.read_text()
    demos.append(Demo("--from", str(bundle)))
    status, output = examine(demos[1], "--json")
    assert status == 1
    assert codes(output) == ["name_filtered"]


def test_a_bundle_that_cannot_be_written_costs_nothing_of_what_was_found(
    demos: list[Demo], tmp_path: Path
) -> None:
    demos.append(Demo())
    status, output = examine(demos[0], "--bundle", str(tmp_path))
    assert status == 1
    assert f"ok: the direct route to {NAME} works" in output
    assert f"--bundle: {tmp_path} cannot be written" in output


def test_a_demo_of_a_poisoned_resolver_has_that_resolver(
    demos: list[Demo], tmp_path: Path
) -> None:
    found = {
        "format": 1,
        "evidence": {
            "hosts": [NAME, "api.tmdb.org"],
            "has_key": False,
            "lookups": [
                {
                    "host": NAME,
                    "by": "system",
                    "places": [{"address": "10.0.0.1", "port": 443}],
                },
                {"host": "api.tmdb.org", "by": "system", "cause": "dns_timeout"},
            ],
        },
    }
    bundle = tmp_path / "poisoned.json"
    bundle.write_text(json.dumps(found))
    # a pin of this machine's would lead out of the other's network
    demos.append(Demo("--from", str(bundle), TMDB_PINS=f"{NAME}=127.0.0.9"))
    status, output = examine(demos[0], "--json")
    assert status == 1
    assert sorted(codes(output)) == ["dns_poisoned", "dns_silent", "key_missing"]


def test_what_cannot_be_used_is_said_with_its_own_exit_status(tmp_path: Path) -> None:
    for arguments, environment, status, words in (
        (["doctor"], {"TMDB_API_KEY": "nonsense"}, 78, "TMDB_API_KEY"),
        (["doctor", "--env-file", "nowhere"], {}, 2, "there is no file nowhere"),
        (
            ["doctor", "--dns", "dns.example"],
            {},
            2,
            "--dns: 'dns.example' is not an IP address",
        ),
        (["demo", "--from", "nowhere"], {}, 2, "nowhere cannot be read"),
        (["demo", "--from", "/dev/null"], {}, 2, "--from"),
    ):
        process = Process([STREAMR, *arguments], environment, tmp_path)
        assert process.ended() == status
        assert words in process.output
