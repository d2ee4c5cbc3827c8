"""Pictures over a real `twistd -y streamr.tac` and a real simulator process.

What callers get while the picture host misbehaves: the whole picture with the right
bytes, a true error, or a reset. What is stored afterwards is right in every case.
"""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.processes import free_ports
from streamr.simulator.pictures.noise import noise
from tests.acceptance.test_reverse_proxies_sockets import UP, caddy, nginx
from tests.browser import Browser, chromium
from tests.processes import (
    STREAMR,
    Daemon,
    Process,
    Response,
    Simulator,
    ask,
    wait_until,
)

HOST = "image.tmdb.org"
API = "api.themoviedb.org"
TOKEN = "0123456789abcdef0123"
# They break a body off, or make it another one: it is continued over another route, or
# the caller is reset.
BODY_FAULTS = (
    "short-body",
    "reset-in-body",
    "cut-chunks",
    "no-length-fin",
    "no-length-rst",
    "cut-picture",
    "drip:interval=0.001,size=4000",
)
# They let no answer come: another route is tried, or the caller is told.
HEAD_FAULTS = (
    "html",
    "empty",
    "redirect",
    "wrong-type",
    "status:code=500",
    "status:code=503",
    "malformed-head",
    "reset-after-request",
    "fin-after-request",
    "reset-after-hello",
)


def path_of(size: int) -> str:
    """A picture of so many bytes, which nothing compresses."""
    return f"/t/p/original/noise{size}.png"


def right(size: int) -> bytes:
    return noise(size).data


def got(url: str, path: str) -> Response | None:
    """What a caller gets; None for a connection that was cut."""
    try:
        return ask(url, path)
    except (ConnectionResetError, http.client.IncompleteRead):
        return None


def begin(simulator: Simulator, state: Path, **more: str) -> Daemon:
    environment = {**simulator.environment, "STREAMR_STATE_DIR": str(state), **more}
    return Daemon(environment, servers=("proxy", "main"))


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    process = Simulator(tmp_path_factory.mktemp("simulator"))
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module")
def shared(
    simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Daemon]:
    daemon = begin(simulator, tmp_path_factory.mktemp("state"))
    yield daemon
    daemon.stop()


@pytest.fixture
def main(shared: Daemon, simulator: Simulator) -> Iterator[str]:
    simulator.renew()
    yield shared.main
    simulator.renew()


def test_a_picture_is_fetched_once_and_then_kept(
    main: str, simulator: Simulator
) -> None:
    answers = [ask(main, path_of(50_001)) for _ in range(4)]
    assert {each.body for each in answers} == {right(50_001)}
    first, *others = answers
    assert "fwd=uri-miss" in first.headers["Cache-Status"]
    assert all("hit" in each.headers["Cache-Status"] for each in others)
    # a second one where the first was slow enough to be hedged
    assert simulator.counts(HOST)["requests"] <= 2
    for each in answers:
        assert each.headers["Content-Type"] == "image/png"
        assert each.headers["ETag"] == first.headers["ETag"]
        assert each.headers["X-Content-Type-Options"] == "nosniff"
        assert each.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "immutable" in each.headers["Cache-Control"]


def test_the_key_goes_to_the_api_and_never_to_the_picture_host(
    main: str, simulator: Simulator
) -> None:
    ask(main, "/3/movie/550")
    ask(main, path_of(50_002))
    asked = simulator.counts(HOST)["last_requests"]
    assert [each["auth"] for each in asked] == ["none"]
    assert Simulator.KEY not in json.dumps(asked)
    assert simulator.counts(API)["last_requests"][-1]["auth"] != "none"


def test_a_crowd_costs_one_request(main: str, simulator: Simulator) -> None:
    simulator.switch(HOST, fault="slow:delay=0.2")
    with ThreadPoolExecutor(20) as pool:
        paths = [path_of(300_000)] * 20
        bodies = {each.body for each in pool.map(lambda path: ask(main, path), paths)}
    assert bodies == {right(300_000)}
    # and a second one where the first was slow enough to be hedged
    assert simulator.counts(HOST)["requests"] <= 2


@pytest.mark.parametrize(
    ("number", "fault"), list(enumerate((*BODY_FAULTS, *HEAD_FAULTS)))
)
def test_a_fault_costs_nobody_the_truth(
    main: str, simulator: Simulator, number: int, fault: str
) -> None:
    size = 40_000 + number
    name, colon, rest = fault.partition(":")
    lasting = fault if fault.startswith("drip") else f"{name}:p=1{colon and ','}{rest}"
    simulator.switch(HOST, fault=lasting)
    answers = [got(main, path_of(size)) for _ in range(2)]
    for each in answers:
        if each is not None and each.status == 200:
            assert each.body == right(size)
        elif each is not None:
            assert each.status in (429, 502, 503, 504)
            assert each.json["success"] is False
            assert each.headers["Cache-Control"] == "no-store"
    # what is stored now is right, or nothing is
    simulator.switch(HOST, fault="none")
    wait_until(lambda: ask(main, path_of(size)).status == 200)
    assert ask(main, path_of(size)).body == right(size)


@pytest.mark.parametrize("fault", ["reset-in-body", "short-body", "no-length-rst"])
def test_what_breaks_off_now_and_then_is_continued_unnoticed(
    main: str, simulator: Simulator, fault: str
) -> None:
    sizes = [60_000 + len(fault) * 100 + number for number in range(12)]
    simulator.switch(HOST, fault=f"{fault}:p=0.3")
    found = [got(main, path_of(size)) for size in sizes]
    whole = [each for each in found if each is not None and each.status == 200]
    assert [each.body for each in whole] == [
        right(size)
        for size, each in zip(sizes, found, strict=True)
        if each is not None and each.status == 200
    ]
    # a picture is cut four times in a row once in a hundred
    assert len(whole) >= 10


def test_the_rest_of_a_picture_is_asked_for_by_its_range(
    main: str, simulator: Simulator
) -> None:
    simulator.switch(HOST, fault="reset-in-body:p=0.5")
    for size in range(70_000, 70_010):
        got(main, path_of(size))
    asked = simulator.counts(HOST)["last_requests"]
    ranges = [dict(each["headers"]).get("Range") for each in asked]
    assert any(each and each.startswith("bytes=") for each in ranges)
    assert all(
        dict(each["headers"]).get("If-Range", "").startswith('"')
        for each in asked
        if "Range" in dict(each["headers"])
    )


def test_the_picture_host_can_be_filtered_alone(
    main: str, simulator: Simulator
) -> None:
    # neither a connection is left over from before, nor a route that is avoided
    simulator.switch(HOST, keep_alive=False)
    fresh = iter(range(60_000, 61_000))

    def all_are_used() -> bool:
        ask(main, path_of(next(fresh)))
        routes = ask(main, "/status.json").json["pictures"]["routes"]
        return all(each["breaker"] == "closed" for each in routes)

    wait_until(all_are_used)
    simulator.switch(HOST, fault="reset-after-hello:when=big")
    answer = ask(main, path_of(50_003))
    assert (answer.status, answer.body) == (200, right(50_003))
    assert "proxy@" in answer.headers["Proxy-Status"]
    direct = ask(main, "/3/movie/551")
    assert "X-Proxy-Source" not in direct.headers


def test_a_range_client_reads_it_in_parts(main: str) -> None:
    whole, path = right(90_000), path_of(90_000)
    read, etag = b"", ""
    while len(read) < len(whole):
        wanted = f"bytes={len(read)}-{len(read) + 30_000 - 1}"
        answer = ask(main, path, {"Range": wanted, "If-Range": etag})
        assert answer.status == 206
        assert answer.headers["Content-Range"].endswith(f"/{len(whole)}")
        etag = answer.headers["ETag"]
        read += answer.body
    assert read == whole
    beyond = ask(main, path, {"Range": "bytes=90000-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */90000")
    changed = ask(main, path, {"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (changed.status, changed.body) == (200, whole)


def test_a_browsers_cache_is_told_that_it_has_it(main: str) -> None:
    first = ask(main, path_of(50_004))
    again = ask(main, path_of(50_004), {"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    head = ask(main, path_of(50_004), method="HEAD")
    assert (head.status, head.headers["Content-Length"]) == (200, "50004")


def test_nothing_but_a_picture_is_asked_for(main: str, simulator: Simulator) -> None:
    for path in (
        *("/t/p/w342/../../3/movie/550", "/t/p/w342/%2e%2e/a.jpg", "/t/p/w342/a.exe"),
        *("/t/p/w342/a.jpg/b.jpg", "/t/p//a.jpg", "/t/p/w342/", "/t/p/huge/a.jpg"),
        *("/t/p/w342/a%2fb.jpg", "/t/p/w342/http:%2f%2fevil.example%2fa.jpg"),
    ):
        assert ask(main, path).status in (400, 404), path
    assert simulator.counts(HOST)["requests"] == 0


def test_a_redirect_is_not_followed(main: str, simulator: Simulator) -> None:
    simulator.switch(HOST, fault="redirect")
    answer = ask(main, path_of(50_005))
    assert answer.status == 502
    assert "http_response_redirect" in answer.headers["Proxy-Status"]


def test_what_tmdb_does_not_have_is_404(main: str, simulator: Simulator) -> None:
    asked: list[int] = []
    for _ in range(3):
        answer = ask(main, "/t/p/w342/thereisnosuchfile.jpg")
        assert (answer.status, answer.json["status_code"]) == (404, 34)
        asked.append(simulator.counts(HOST)["requests"])
    assert asked[0] == asked[2] > 0


def test_it_is_kept_over_a_restart(simulator: Simulator, tmp_path: Path) -> None:
    simulator.renew()
    first = begin(simulator, tmp_path)
    assert ask(first.main, path_of(50_006)).status == 200
    first.stop()
    simulator.switch(HOST, fault="reset-after-hello")
    again = begin(simulator, tmp_path)
    answer = ask(again.main, path_of(50_006))
    assert (answer.status, answer.body) == (200, right(50_006))
    again.stop()
    simulator.renew()


def test_a_peers_picture_hop_needs_the_token(
    simulator: Simulator, tmp_path: Path
) -> None:
    daemon = begin(simulator, tmp_path, STREAMR_PROXY_TOKEN=TOKEN)
    assert ask(daemon.proxy, path_of(50_007)).status == 401
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert ask(daemon.proxy, path_of(50_007), bearer).body == right(50_007)
    simulator.switch(HOST, fault="reset-after-hello:when=big")
    assert ask(daemon.main, path_of(50_007)).body == right(50_007)
    assert TOKEN not in json.dumps(simulator.counts(HOST)["last_requests"])
    simulator.renew()
    daemon.stop()


def test_without_pictures_there_are_none(simulator: Simulator, tmp_path: Path) -> None:
    daemon = begin(simulator, tmp_path, STREAMR_IMAGES="0")
    for url in (daemon.main, daemon.proxy):
        assert ask(url, path_of(50_008)).status == 404
    daemon.stop()


def test_the_configuration_names_who_was_asked(
    simulator: Simulator, tmp_path: Path
) -> None:
    daemon = begin(
        simulator, tmp_path, STREAMR_REWRITE_IMAGES="1", STREAMR_CACHE_MB="8"
    )
    own = f"{daemon.main}/t/p/"
    strange = {"Host": "strange.example"}
    for _ in range(2):
        for headers, base in ((None, own), (strange, "https://image.tmdb.org/t/p/")):
            told = ask(daemon.main, "/3/configuration", headers)
            assert told.json["images"]["secure_base_url"] == base
            again = {**(headers or {}), "If-None-Match": told.headers["ETag"]}
            assert ask(daemon.main, "/3/configuration", again).status == 304
    daemon.stop()


@pytest.fixture(scope="module", params=[nginx, caddy])
def before(
    request: pytest.FixtureRequest,
    shared: Daemon,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    name = request.param.__name__
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed on this machine")
    folder = tmp_path_factory.mktemp(name)
    [port] = free_ports(1)
    command = request.param(folder, port, shared.main.removeprefix("http://"))
    process = Process(command, {"HOME": str(folder)}, directory=folder)
    process.wait_for(UP)
    yield f"http://127.0.0.1:{port}"
    process.stop()


def test_it_passes_a_reverse_proxy_whole_and_in_parts(before: str, main: str) -> None:
    prefix = "/api/tmdb/image"
    whole = ask(before, f"{prefix}{path_of(80_000)}")
    assert (whole.status, whole.body) == (200, right(80_000))
    part = ask(before, f"{prefix}{path_of(80_000)}", {"Range": "bytes=100-199"})
    assert (part.status, part.body) == (206, right(80_000)[100:200])
    etag = {"If-None-Match": whole.headers["ETag"]}
    assert ask(before, f"{prefix}{path_of(80_000)}", etag).status == 304


PAGE = """<!doctype html><title>posters</title><script type="module">
const api = new URLSearchParams(location.search).get("api");
const told = async (path) => (await fetch(api + path)).json();
const base = (await told("/3/configuration")).images.secure_base_url;
for (const film of (await told("/3/movie/popular")).results) {
  const image = new Image();
  image.src = `${base}w154${film.poster_path}`;
  document.body.append(image);
}
</script>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize(
    "fault",
    ["none", "reset-after-hello:when=big", "reset-in-body:p=0.3", "html:p=0.3"],
)
def test_a_front_end_of_another_origin_shows_posters(
    browser: Browser, simulator: Simulator, tmp_path: Path, fault: str
) -> None:
    simulator.renew()
    daemon = begin(simulator, tmp_path / "state", STREAMR_REWRITE_IMAGES="1")
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text(PAGE)
    [port] = free_ports(1)
    server = Process(
        ["python3", "-u", "-m", "http.server", "--directory", str(site), str(port)]
    )
    server.wait_for("Serving HTTP")
    simulator.switch(HOST, fault=fault)
    browser.open(f"http://localhost:{port}/?api={daemon.main}")
    count = (
        "return [...document.images].filter((i) => i.complete && i.naturalWidth).length"
    )
    browser.wait(lambda: browser.driver.execute_script(count) == 20, "twenty posters")
    simulator.renew()
    server.stop()
    daemon.stop()


def test_the_command_tells_of_them_and_deletes_them(
    simulator: Simulator, tmp_path: Path
) -> None:
    daemon = begin(simulator, tmp_path)
    ask(daemon.main, path_of(50_010))

    def said(*words: str) -> str:
        command = Process(
            [STREAMR, "cache", *words, "--images", "--state-dir", str(tmp_path)]
        )
        assert command.ended() == 0, command.output
        return command.output.strip()

    wait_until(lambda: said("stats").startswith("1 picture, "))
    assert said("purge") == "1 picture deleted"
    assert said("stats").startswith("0 pictures, ")
    daemon.stop()
