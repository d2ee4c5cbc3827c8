"""What the benchmark measures cost with: generator, cores, rounds, full stores."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.bench import Table
from benchmarks.cores import (
    apart,
    children,
    cores_of,
    cpu_seconds,
    pinned,
    yielding,
)
from benchmarks.cost import Costs, Job, ratio, sound
from benchmarks.generator import BadAnswer, Came, Order, finished, requests
from benchmarks.peers import RES_JSON, Running, running
from benchmarks.prepared import fill, shortened
from benchmarks.processes import Child
from benchmarks.rows import (
    codings,
    hits,
    latency,
    misses,
    picture_wall,
    start,
    stored,
)
from benchmarks.walls import leaves
from streamr.boundaries import StoredResponse
from streamr.store.sqlite import DiskStore

ORDER = Order(port=1, targets=["/3/movie/popular"], count=1, length=5)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HIT = "cache-status: streamr-main;hit\r\nx-cache-status: hit\r\n"


@pytest.mark.parametrize(
    ("raw", "whole"),
    [
        (b"", False),
        (HEAD[:-1], False),
        (HEAD + b"1234", False),
        (HEAD + b"12345", True),
        (CHUNKED + b"3\r\n123\r\n2\r\n45\r\n0\r\n", False),
        (CHUNKED + b"3\r\n123\r\n2\r\n45\r\n0\r\n\r\n", True),
    ],
)
def test_an_answer_is_finished_when_all_of_it_is_there(raw: bytes, whole: bool) -> None:
    assert finished(raw, ORDER) is whole


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (HEAD.replace(b"200", b"503") + b"12345", "status 503"),
        (HEAD.replace(b": 5", b": 6") + b"123456", "a length of 6"),
        (HEAD + b"12345HTTP/1.1", "more than one answer"),
        (CHUNKED + b"3\r\n123\r\n0\r\n\r\n", "a length of 3"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", "neither a length"),
    ],
)
def test_an_answer_other_than_ordered_is_bad(raw: bytes, what: str) -> None:
    with pytest.raises(BadAnswer, match=what):
        finished(raw, ORDER)


def test_an_answer_to_head_has_a_length_and_no_body() -> None:
    order = replace(ORDER, method="HEAD", bodiless=True)
    assert finished(HEAD, order)
    with pytest.raises(BadAnswer, match="more than one answer"):
        finished(HEAD + b"12345", order)


def test_a_length_that_is_not_known_is_not_compared() -> None:
    assert finished(HEAD + b"12345", replace(ORDER, length=-1))


def test_a_request_holds_the_headers_of_the_order() -> None:
    order = replace(ORDER, method="HEAD", headers=[("Accept-Encoding", "br")])
    assert requests(order) == [
        b"HEAD /3/movie/popular HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Accept-Encoding: br\r\n\r\n"
    ]


def test_the_load_leaves_one_core_to_the_server() -> None:
    before = os.sched_getaffinity(0)
    with apart() as server:
        meanwhile = os.sched_getaffinity(0)
    assert server in before
    assert meanwhile == (before - {server} or {server})
    assert os.sched_getaffinity(0) == before


def test_a_pinned_command_has_one_core() -> None:
    core = min(os.sched_getaffinity(0))
    program = "import os; print(*os.sched_getaffinity(0))"
    told = subprocess.run(
        pinned([sys.executable, "-c", program], core), capture_output=True, check=True
    )
    assert told.stdout.decode().split() == [str(core)]


@contextmanager
def grandchild(core: int, others: int) -> Iterator[int]:
    """A shell on one core, and what it has started there or on another: the shell."""
    command = pinned([sys.executable, "-c", "print(flush=True); input()"], others)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        pinned(["sh", "-c", f"{shlex.join(command)}; exit"], core),
        stdin=pipe,
        stdout=pipe,
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        yield parent.pid
        parent.communicate(b"\n")


def test_the_cores_of_a_process_are_those_of_its_children_too() -> None:
    first, *others = sorted(os.sched_getaffinity(0))
    last = others[-1] if others else first
    with grandchild(last, first) as pid:
        assert cores_of(pid) == {first, last}


def test_a_browser_that_may_use_the_servers_core_is_an_error() -> None:
    server, *others = sorted(os.sched_getaffinity(0))
    if not others:
        pytest.skip("one core is the server's and everybody's")
    with grandchild(others[0], others[0]) as pid:
        leaves(pid, server)
    with (
        grandchild(others[0], server) as pid,
        pytest.raises(RuntimeError, match=f"core {server} is the server's"),
    ):
        leaves(pid, server)


def test_who_yields_has_a_core_only_while_nobody_else_wants_it() -> None:
    program = "import os; print(os.sched_getscheduler(0))"
    command = [sys.executable, "-c", program]
    with yielding() as thread:
        told = thread.submit(subprocess.check_output, command).result()
    assert int(told) == os.SCHED_IDLE
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_the_processor_time_is_that_of_the_process_and_its_children() -> None:
    # a shell costs far less than the Python that it waits for
    work = f"'{sys.executable}' -c 'sum(range(10**6)); print(flush=True); input()'"
    pipe = subprocess.PIPE
    with subprocess.Popen(
        ["sh", "-c", f"{work}; exit"], stdin=pipe, stdout=pipe
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        (child,) = children(parent.pid)
        least = cpu_seconds(child)
        assert least > 0
        assert cpu_seconds(parent.pid) > least
        parent.communicate(b"\n")


def test_a_process_that_is_gone_has_no_processor_time() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    with pytest.raises(OSError, match=str(gone.pid)):
        cpu_seconds(gone.pid)


def test_a_ratio_is_the_median_of_those_of_the_rounds() -> None:
    # the machine was slow in the third round, for both
    assert ratio([20, 22, 90, 24, 20], [10, 10, 45, 10, 40]) == 2.0


def test_a_round_is_the_time_of_the_server_for_each_good_answer() -> None:
    costs = Costs()
    for seconds in (0.03, 0.01, 0.02):
        costs.add(Came(good=1000, p50_ms=seconds, p99_ms=2 * seconds), seconds)
    assert costs.cpu == pytest.approx(20)
    assert (costs.middle, costs.high) == (0.02, 0.04)


def someone(directory: Path) -> Running:
    """A contestant that is no server."""
    child = Child([sys.executable, "-c", ""], directory / "log")
    child.process.wait()
    return running("nobody", 1, child)


def test_misses_are_asked_for_new_paths_in_each_round(tmp_path: Path) -> None:
    left = iter(range(100))
    who = someone(tmp_path)
    order = replace(ORDER, count=3)
    job = Job(
        "misses", who, order, lambda count: [str(next(left)) for _ in range(count)]
    )
    assert job.next().targets == ["0", "1", "2"]
    assert job.next().targets == ["3", "4", "5"]
    assert Job("hits", who, order).next() is order


def table() -> Table:
    """A table of which nothing has been judged."""
    return Table(1, "One", "fast", [])


def test_figures_from_wrong_answers_do_not_meet_a_target() -> None:
    said = table()
    said.judge(True)
    sound(said, {"nginx": Costs([1.0], bad=["3 × status 503"])})
    assert said.met is False
    assert "nginx: answers were not as expected: 3 × status 503." in said.notes


def test_figures_of_answers_that_were_no_hits_do_not_meet_a_target() -> None:
    said = table()
    sound(said, {"nginx": Costs([1.0], head="x-cache-status: miss")}, hits.HIT)
    assert said.met is False
    said = table()
    sound(said, {"nginx": Costs([1.0], head=HIT)}, hits.HIT)
    assert said.met is None


def costs(cpu: float, high: float = 1.0, head: str = HIT) -> Costs:
    """What one round has brought."""
    return Costs([cpu], [1.0], [high], head=head)


def met(report: Callable[..., None], *given: object) -> bool | None:
    """What a row says about its target."""
    said = table()
    report(said, *given)
    return said.met


@pytest.mark.parametrize(
    ("nginx", "express", "reached"),
    [(20, 176, True), (19, 176, False), (20, 170, False)],
)
def test_a_hit_has_two_targets(nginx: float, express: float, reached: bool) -> None:
    given = {"streamr": costs(22), "nginx": costs(nginx), RES_JSON: costs(express)}
    assert met(hits.report, given) is reached


@pytest.mark.parametrize(("high", "reached"), [(2.0, True), (2.1, False)])
def test_late_hits_are_compared_with_those_of_nginx(high: float, reached: bool) -> None:
    given = {"streamr": costs(1, high), "nginx": costs(1), RES_JSON: costs(1, 0.1)}
    assert met(latency.report, 32, given) is reached


@pytest.mark.parametrize(("cpu", "reached"), [(12.5, True), (12.6, False)])
def test_every_form_of_a_hit_is_compared_with_the_plain_one(
    cpu: float, reached: bool
) -> None:
    brotli = costs(cpu, head="content-encoding: br")
    assert met(codings.report, {"plain": costs(10), "brotli": brotli}) is reached


@pytest.mark.parametrize(("cpu", "reached"), [(900, True), (901, False)])
def test_a_miss_is_compared_with_express(cpu: float, reached: bool) -> None:
    ours = costs(cpu, head=misses.MISS["streamr"])
    assert met(misses.report, {"streamr": ours, "express": costs(1000)}) is reached


@pytest.mark.parametrize(("cpu", "reached"), [(1100, True), (1101, False)])
def test_a_miss_with_much_stored_is_compared_with_one_with_little(
    cpu: float, reached: bool
) -> None:
    head = misses.MISS["streamr"]
    given = {"500": costs(1000, head=head), "16,000": costs(cpu, head=head)}
    assert met(stored.report, "slowly", given) is reached


@pytest.mark.parametrize(
    ("ms", "high", "reached"),
    [(120, 15, True), (121, 15, False), (120, 15.1, False)],
)
def test_posters_and_misses_meanwhile_are_compared(
    ms: float, high: float, reached: bool
) -> None:
    took = {"picture host": [100.0], "streamr": [ms]}
    head = misses.MISS["streamr"]
    found = {
        name: picture_wall.Meanwhile(costs(1000, each, head), [100.0])
        for name, each in (("none", 10), ("picture host", 20), ("streamr", high))
    }
    assert met(picture_wall.report, took, found) is reached


@pytest.mark.parametrize(
    ("head", "bad"), [(HIT, []), (misses.MISS["streamr"], ["1 × status 503"])]
)
def test_misses_beside_posters_are_misses_and_good(head: str, bad: list[str]) -> None:
    took = {"picture host": [100.0], "streamr": [100.0]}
    found = {
        name: picture_wall.Meanwhile(replace(costs(1000, 10, head), bad=bad), [100.0])
        for name in ("none", "picture host", "streamr")
    }
    assert met(picture_wall.report, took, found) is False


@pytest.mark.parametrize(
    ("ours", "reached"),
    [((70.0, 1.4), True), ((71.1, 1.4), False), ((70.0, 1.5), False)],
)
def test_the_start_is_compared_with_its_imports(
    ours: tuple[float, float], reached: bool
) -> None:
    assert met(start.report, [(56.0, 1.0)], [ours]) is reached


def test_the_imports_are_what_python_names() -> None:
    output = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       208 |        208 |   encodings.aliases\n"
        "import time:       600 |        808 | encodings\n"
        "import time:         1 |          1 | encodings\n"
        "2026-11-27T07:32:04Z info  main server listens on 127.0.0.1\n"
    )
    assert start.modules(output) == ["encodings.aliases", "encodings"]


BODY = json.dumps({"page": 1, "results": [1, 2, 3]}).encode()
RECORD = StoredResponse(
    key="/movie/popular",
    path="/movie/popular",
    kind="list",
    status=200,
    content_type="application/json",
    body=BODY,
    gzipped=gzip.compress(BODY),
    brotli=None,
    etag='W/"1"',
    validators=None,
    stored_at=1000.0,
    lifetime=3600.0,
    while_revalidate=0.0,
    if_error=0.0,
)


def test_a_record_is_shortened_in_each_coding_that_is_kept() -> None:
    short = shortened(RECORD, 2)
    assert json.loads(short.body)["results"] == [1, 2]
    assert gzip.decompress(short.gzipped) == short.body


def test_a_store_is_filled_under_the_keys_that_streamr_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "cache-1.sqlite"
    store = DiskStore(path, 10, lambda: 1000.0, lambda: 10**9)
    store.write([], [])
    store.close()
    fill(tmp_path, RECORD, ["/3/movie/popular?region=DE&language=de-DE", "/3/movie/1"])
    kept = DiskStore(path, 10, lambda: 1000.0, lambda: 10**9)
    keys = {each.key for each in kept.load()}
    kept.close()
    assert keys == {"/movie/popular?language=de-DE&region=DE", "/movie/1"}
