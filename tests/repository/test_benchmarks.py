"""The benchmark's own parts: templates, verdicts, percentiles, the page it writes."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest

from benchmarks.bench import Table
from benchmarks.client import CallerReply, Incomplete, Worth, decoded
from benchmarks.load import percentile
from benchmarks.paths import Paths, path_of, zipf
from benchmarks.peers import CONFIGURATIONS, fill
from benchmarks.rows import ROWS, networks
from benchmarks.rows.behind_varnish import reaching
from benchmarks.rows.picture_faults import PictureWorth, worth
from benchmarks.run import command, parser
from benchmarks.scoreboard import merged, section
from streamr.policy.cachekey import key
from streamr.simulator.pictures.noise import noise
from streamr.tmdb import catalogue
from streamr.tmdb.target import split
from streamr.web.api.target import main_query
from tests.network.callers import Reply
from tests.network.networks import BY_NAME

DAY = date(2026, 11, 27)
NOT_KEPT = {"cache-control": "no-store"}
WORDS = {
    "directory": "/somewhere",
    "port": "1",
    "direct_port": "2",
    "second_port": "3",
    "ca_file": "/somewhere/ca.pem",
    "key": "k",
    "inter": "1s",
    "upstream_port": "4",
    "first": "/t/p/original/noise1000.png",
}


@pytest.mark.parametrize(
    "name",
    [
        *("nginx.conf", "haproxy.cfg", "tls-hop.cfg", "varnish.vcl"),
        *("quick-upstream.conf", "picture-host.conf", "pictures.conf"),
    ],
)
def test_every_word_of_a_configuration_is_filled_in(name: str) -> None:
    filled = fill((CONFIGURATIONS / name).read_text(), WORDS)
    assert not re.search(r"@[a-z_]+@", filled)


ENGINE = "redis-server"


def installed(place: Path, *there: str, lacking: str = "") -> list[str]:
    """The last package that install.sh wants each time, where these programs are there
    and no archive has the package that is `lacking`."""
    programs = place / "programs"
    programs.mkdir()
    (place / "peers/express").mkdir(parents=True)
    for name in ("dirname", "chmod", "rm"):
        (programs / name).symlink_to(str(shutil.which(name)))
    asked = f'#!/bin/sh\nfor last; do :; done; echo "$last"; [ "$last" != "{lacking}" ]'
    for name in ("apt-get", "npm", *there):
        (programs / name).write_text(asked)
        (programs / name).chmod(0o755)
    script = (CONFIGURATIONS.parent / "install.sh").read_text()
    # nobody else on this machine is told that servers must not be started
    ours = script.replace("/usr/sbin/policy-rc.d", str(place / "policy"))
    (place / "install.sh").write_text(ours)
    command = [str(shutil.which("sh")), str(place / "install.sh")]
    told = subprocess.check_output(command, env={"PATH": str(programs)}, text=True)
    return told.split()[1:-1]  # without `update`, and what npm was asked for


def test_what_rows_need_is_installed_where_it_is_missing(tmp_path: Path) -> None:
    assert installed(tmp_path) == ["libfaketime", ENGINE, "chromium-driver"]


@pytest.mark.parametrize("engine", [ENGINE, "valkey-server"])
def test_what_is_there_is_not_installed_again(tmp_path: Path, engine: str) -> None:
    there = (engine, "chromium", "chromedriver")
    assert installed(tmp_path, *there) == ["libfaketime"]


def test_valkey_is_installed_where_there_is_no_redis(tmp_path: Path) -> None:
    found = installed(tmp_path, "chromium", "chromedriver", lacking=ENGINE)
    assert found == ["libfaketime", ENGINE, "valkey-server"]


def test_a_word_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(KeyError, match="mystery"):
        fill("listen @mystery@;", WORDS)


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (CallerReply(200, body=b'{"id": 1}'), Worth.GOOD),
        (CallerReply(200, body=b'{"id":2}'), Worth.WRONG),
        (CallerReply(200, body=b"<html>"), Worth.WRONG),
        (CallerReply(302, body=b'{"id": 1}'), Worth.WRONG),
        (CallerReply(503, body=b"{}"), Worth.ERROR),
        (CallerReply(200, body=b'{"id": 1}', problem="timeout"), Worth.BROKEN),
    ],
)
def test_an_answer_is_worth_what_a_caller_can_do_with_it(
    reply: CallerReply, verdict: Worth
) -> None:
    assert reply.judge({"id": 1}) is verdict


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (CallerReply(200, body=noise(2000).data), PictureWorth.GOOD),
        (CallerReply(200, body=noise(2000, 1).data), PictureWorth.WRONG),
        (CallerReply(200, body=noise(2000).data[:-1]), PictureWorth.WRONG),
        (CallerReply(200, problem="Incomplete: early"), PictureWorth.CUT),
        (CallerReply(problem="timeout"), PictureWorth.LATE),
        (CallerReply(502, NOT_KEPT, b'{"success": false}'), PictureWorth.ERROR),
        (CallerReply(502, {}, b'{"success": false}'), PictureWorth.WRONG),
        (CallerReply(502, NOT_KEPT, b"<html>"), PictureWorth.WRONG),
        (CallerReply(302, NOT_KEPT, b'{"success": false}'), PictureWorth.WRONG),
    ],
)
def test_a_picture_is_whole_or_an_error_that_nobody_keeps(
    reply: CallerReply, verdict: PictureWorth
) -> None:
    assert worth(reply, 2000) is verdict


def test_a_gzip_stream_that_ends_early_is_no_answer() -> None:
    with pytest.raises(Incomplete):
        decoded(b"\x1f\x8b\x08\x00", "gzip")


def test_percentiles_are_nearest_ranks() -> None:
    assert percentile(range(1, 101), 0.5) == 50
    assert percentile(range(1, 101), 0.99) == 99
    assert percentile([7.0], 0.99) == 7.0


def test_no_path_is_handed_out_twice() -> None:
    paths = Paths()
    handed = [*paths.fresh(500), *paths.titles(500)]
    assert len(set(handed)) == 1000
    # nor one that streamr takes for another, as TMDB would
    find = main_query(catalogue.load())
    assert len({key(find(*split(each.encode()))) for each in handed}) == 1000
    assert len({*paths.pictures(50), *paths.pictures(50)}) == 100


def test_a_replay_is_the_same_for_everybody() -> None:
    paths = Paths().titles(50)
    assert zipf(paths, 100, 1) == zipf(paths, 100, 1) != zipf(paths, 100, 2)


@pytest.mark.parametrize(
    ("times", "lifetime", "told", "count"),
    [
        # what lasts is asked for once, and what may not be kept each time
        ([0, 1, 500], math.inf, [], 1),
        ([0, 1, 500], 0, [], 3),
        # 29 whole seconds are left of 30; then a stale answer, then the new one
        ([0, 28.9, 30.1, 30.2, 58.9], 30, [], 3),
        ([0, 29.1, 29.2, 30.1, 30.2], 30, [], 5),
        # a cache is told of a purge twice
        ([0, 9, 11, 12, 13, 14], math.inf, [10, 12], 3),
        ([0, 13, 14], math.inf, [10, 12], 2),
        # after the first time streamr has made it anew, after the second it has not
        ([0, 11, 13, 40.5], 30, [10, 12], 4),
        ([0, 11, 13, 41.5, 41.6], 30, [10, 12], 5),
    ],
)
def test_what_a_cache_in_front_may_not_keep_follows_from_the_calls(
    times: list[float], lifetime: float, told: list[float], count: int
) -> None:
    assert reaching(times, lifetime, told) == count


def test_a_run_replaces_its_own_sections_and_keeps_the_others() -> None:
    table = Table(2, "Two", "fast", ["peer", "ms"], [["streamr", "70"]], met=True)
    first = merged("", {1: "one\n", 2: "two\n"})
    second = merged(
        first, {2: section(table, "python -m benchmarks.run --rows 2", DAY)}
    )
    assert "one\n" in second
    assert "two\n" not in second
    assert "| streamr | 70 |" in second
    assert "Measured on 2026-11-27:" in second
    assert merged(second, {}) == second


def test_the_rows_are_numbered_without_a_gap() -> None:
    # python -m benchmarks.routes has 19 and 20
    found = sorted([*ROWS, 19, 20])
    assert found == list(range(1, len(found) + 1))


def test_the_command_of_a_row_names_what_was_not_the_default() -> None:
    given = parser().parse_args(["--quick", "--minutes", "10"])
    assert command(1, given) == "python -m benchmarks.run --rows 1 --quick"
    assert command(8, given).endswith("--rows 8 --quick --minutes 10")
    assert given.rows == list(ROWS)


@pytest.mark.parametrize(
    ("network", "body", "met"),
    [
        ("pictures-intercepted+socks", noise(30_000).data, True),
        ("pictures-intercepted+socks", noise(30_000).data[:-1], False),
        ("pictures-intercepted+socks", noise(30_000, 1).data, False),
        ("all-filtered+nothing", b"", True),
    ],
)
def test_each_picture_has_to_be_whole_where_a_route_to_its_host_exists(
    network: str, body: bytes, met: bool
) -> None:
    made = networks.table()
    reply = Reply(200, 0.1, body, path=path_of(30_000))
    networks.add(made, networks.Found(BY_NAME[network], pictures=[reply]))
    assert made.met is met
