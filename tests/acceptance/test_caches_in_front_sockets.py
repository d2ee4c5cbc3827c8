"""Varnish and nginx in front of a real streamr, with the files of deploy/."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.processes import free_ports
from streamr.terminal.daemon import ask as ask_daemon
from tests.processes import (
    ROOT,
    Daemon,
    Process,
    Response,
    Simulator,
    ask,
    wait_for_control,
    wait_until,
)

PATHS = ("/3/movie/550", "/3/movie/popular", "/api/tmdb/trending", "/3/genre/tv/list")
ONE, OTHER = "https://one.example", "https://other.example"


def varnish(folder: Path, port: int, upstream: str) -> list[str]:
    """deploy/varnish.vcl; the folder is its own."""
    host, _, number = upstream.partition(":")
    text = (ROOT / "deploy/varnish.vcl").read_text(encoding="utf-8")
    text = text.replace('.port = "3001"', f'.port = "{number}"')
    (folder / "streamr.vcl").write_text(text.replace("127.0.0.1", host, 1))
    return [
        *("varnishd", "-F", "-a", f"127.0.0.1:{port}", "-n", str(folder / "varnish")),
        *(
            "-j",
            "none",
            "-f",
            str(folder / "streamr.vcl"),
            "-s",
            "malloc,32m",
            "-T",
            "none",
        ),
    ]


def nginx(folder: Path, port: int, upstream: str) -> list[str]:
    """deploy/nginx-cache.conf with what nginx needs around it."""
    text = (ROOT / "deploy/nginx-cache.conf").read_text(encoding="utf-8")
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}")
    text = text.replace("127.0.0.1:3001", upstream)
    text = text.replace("/var/cache/nginx/streamr", str(folder / "cache"))
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""
    file.write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log stderr notice;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{text}}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(file)]


COMMANDS = {"varnish": varnish, "nginx": nginx}
UP = {"varnish": "Child launched OK", "nginx": "start worker process "}


@dataclass
class Front:
    """A cache, the streamr behind it, and the simulated TMDB."""

    kind: str
    url: str
    daemon: Daemon
    state: Path
    simulator: Simulator

    def get(self, path: str, **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.url, path, named)

    def is_hit(self, answer: Response) -> bool:
        """Whether the cache had it."""
        if self.kind == "nginx":
            return answer.headers["X-Cache"] == "HIT"
        # Varnish names the request that brought it in, too
        return len(answer.headers["X-Varnish"].split()) == 2

    def warm(self, path: str, **headers: str) -> Response:
        """Ask until it is a hit: while one who asked first is still waited for, and in
        Varnish a body that is still being streamed, it is none."""
        found: list[Response] = []

        def hit() -> bool:
            found.append(self.get(path, **headers))
            return self.is_hit(found[-1])

        wait_until(hit)
        return found[-1]


@pytest.fixture(scope="module", params=list(COMMANDS))
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    kind: str = request.param
    if shutil.which("varnishd" if kind == "varnish" else kind) is None:
        pytest.skip(f"{kind} is not installed on this machine")
    folder = tmp_path_factory.mktemp(kind)
    state = tmp_path_factory.mktemp("state")
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    more = {
        "STREAMR_CACHE_MB": "8",
        "STREAMR_STATE_DIR": str(state),
        "STREAMR_TAGS": "surrogate-key",
        "STREAMR_REWRITE_IMAGES": "1",
        "STREAMR_WARM": "none",
        "CORS_ORIGINS": f"{ONE},{OTHER}",
    }
    if kind == "varnish":
        more["STREAMR_PURGE_URL"] = f"BAN {url}/"
    daemon = Daemon({**simulator.environment, **more}, servers=("proxy", "main"))
    wait_for_control(state)
    command = COMMANDS[kind](folder, port, urlsplit(daemon.main).netloc)
    process = Process(command, {"HOME": str(folder)}, directory=folder)
    process.wait_for(UP[kind])
    made = Front(kind, url, daemon, state, simulator)
    # Varnish has to hear from its probe first
    wait_until(lambda: made.get("/3/genre/movie/list").status == 200)
    yield made
    process.stop()
    daemon.stop()
    simulator.stop()
    assert "Traceback" not in daemon.output


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_what_it_keeps_is_what_streamr_says_byte_for_byte(
    front: Front, path: str, coding: str
) -> None:
    plain = ask(front.daemon.main, path, {"Accept-Encoding": "identity"})
    kept = front.warm(path, Accept_Encoding=coding)
    ours = ask(front.daemon.main, path, {"Accept-Encoding": coding})
    assert kept.status == 200
    assert kept.headers["ETag"] == ours.headers["ETag"] == plain.headers["ETag"]
    assert kept.headers["Content-Encoding"] == ours.headers["Content-Encoding"]
    assert kept.body == ours.body
    for name in ("Content-Type", "Vary", "Access-Control-Allow-Origin"):
        assert kept.headers.get_all(name) == ours.headers.get_all(name), name
    known = front.get(path, If_None_Match=ours.headers["ETag"], Accept_Encoding=coding)
    assert (known.status, known.body) == (304, b"")


def test_it_keeps_it_no_longer_than_streamr_would(front: Front) -> None:
    """Varnish adds to the Age; nginx does not know it, and is told what is left."""
    path = "/3/movie/upcoming"
    front.warm(path)
    answer = front.get(path)
    ours = ask(front.daemon.main, path)
    assert "s-maxage=" in answer.headers["Cache-Control"]
    if front.kind == "varnish":
        assert int(answer.headers["Age"]) >= int(ours.headers["Age"]) - 1
    assert "Surrogate-Key" in ours.headers


def test_errors_are_kept_by_nobody(front: Front) -> None:
    for path, status in (("/3/movie/999999999", 404), ("/3/nowhere", 404)):
        for _ in range(3):
            answer = front.get(path)
            assert answer.status == status
            assert answer.headers["Cache-Control"] == "no-store"
            assert not front.is_hit(answer)


def test_one_origins_answer_is_not_anothers(front: Front) -> None:
    path = "/3/movie/680"
    for origin in (ONE, OTHER, ONE):
        answer = front.warm(path, Origin=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "Access-Control-Allow-Origin" not in front.warm(path).headers
    stranger = front.get(path, Origin="https://stranger.example")
    assert "Access-Control-Allow-Origin" not in stranger.headers


def test_a_key_in_a_request_splits_nothing_and_goes_nowhere(front: Front) -> None:
    if front.kind == "nginx":
        pytest.skip("nginx keeps one answer for each key that callers send")
    path = "/3/movie/13"
    front.warm(path)
    for other in (f"{path}?api_key=caller", f"{path}?api_key=caller&"):
        assert front.is_hit(front.get(other))
    front.warm(f"{path}?language=de")
    assert front.is_hit(front.get(f"{path}?api_key=caller&language=de"))
    assert front.is_hit(front.get(path, Authorization="Bearer of.a.caller"))


def purge(front: Front, **what: str) -> None:
    """Purge, and wait until the cache in front was told."""

    def told() -> int:
        [cache] = ask_daemon(front.state, "/cache")["in_front"]
        assert cache["failed"] == 0, cache
        return 0 if cache["waiting"] else int(cache["told"])

    before = told()
    answer = ask_daemon(front.state, "/cache/purge", "POST", **what)
    assert answer["in_front"] == [urlsplit(front.url).netloc]
    wait_until(lambda: told() > before)


def test_a_purge_goes_through(front: Front) -> None:
    if front.kind == "nginx":
        pytest.skip("nginx purges in its commercial edition only")
    detail, below, lists, other = (
        *("/3/movie/550", "/3/movie/550/credits"),
        *("/3/movie/popular", "/3/tv/1399"),
    )
    listed = ask(front.daemon.main, lists).json["results"][0]["id"]
    for what, gone, stays in (
        ({"path": "/movie/550"}, (detail, below), (other,)),
        ({"class": "lists"}, (lists,), (detail, other)),
        ({"title": f"movie/{listed}"}, (lists,), (other,)),
        ({"all": "1"}, (detail, below, lists, other), ()),
    ):
        for path in (detail, below, lists, other):
            front.warm(path)
        purge(front, **what)
        for path in stays:
            assert front.is_hit(front.get(path)), (what, path)
        for path in gone:
            assert not front.is_hit(front.get(path)), (what, path)


def test_nobody_else_may_purge_and_no_pattern_gets_in(front: Front) -> None:
    if front.kind == "nginx":
        pytest.skip("nginx purges in its commercial edition only")
    path = "/3/movie/120"
    front.warm(path)
    for tag in (".*", "tmdb|x", "a b", ""):
        said = ask(front.url, "/", {"Surrogate-Key": tag}, method="BAN")
        assert said.status == 400, tag
    assert front.is_hit(front.get(path))
    # streamr itself knows no such method
    assert ask(front.daemon.main, "/", method="BAN").status in (400, 405, 501)


def test_nobody_purges_through_a_proxy_on_this_machine(front: Front) -> None:
    """One for TLS, say: everybody's requests come from it."""
    if front.kind == "nginx":
        pytest.skip("nginx purges in its commercial edition only")
    path = "/3/movie/121"
    front.warm(path)
    told = {"Surrogate-Key": "tmdb", "X-Forwarded-For": "203.0.113.9"}
    assert ask(front.url, "/", told, method="BAN").status == 405
    assert front.is_hit(front.get(path))


def test_what_differs_with_who_asks_is_kept_by_nobody(front: Front) -> None:
    """STREAMR_REWRITE_IMAGES without STREAMR_PUBLIC_URL: the address is the caller's
    own."""
    for host in ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1"):
        answer = front.get("/3/configuration", Host=host)
        base = answer.json["images"]["secure_base_url"]
        assert host in base
        assert answer.headers["Cache-Control"].startswith("private, max-age=")
        assert "s-maxage" not in answer.headers["Cache-Control"]
        assert not front.is_hit(answer)


def test_while_streamr_is_dead_it_serves_what_it_has(front: Front) -> None:
    path = "/3/movie/278"
    body = front.warm(path).body
    front.daemon.stop()
    answer = front.get(path)
    assert (answer.status, answer.body) == (200, body)
    # and says honestly that it has nothing else
    assert front.get("/3/movie/424").status in (502, 503)
