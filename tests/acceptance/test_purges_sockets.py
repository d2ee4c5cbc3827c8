"""A purge goes through to what stands in front: a real daemon, and caches that note
what they are told."""

from __future__ import annotations

import signal
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from benchmarks.processes import free_ports
from streamr.terminal.daemon import ask as ask_daemon
from tests.processes import Daemon, Simulator, ask, wait_for_control, wait_until

TOKEN = "canary-purge-token-0123456789"


@dataclass
class Cache:
    """A cache in front: its requests, and the statuses that it answers in turn; the
    last one from then on."""

    statuses: list[int] = field(default_factory=lambda: [200])
    location: str = ""
    told: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)

    @contextmanager
    def open(self, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[int]:
        """Its port, until the block ends."""
        cache = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                sent = self.rfile.read(length).decode()
                cache.told.append((self.command, self.path, dict(self.headers), sent))
                rest = cache.statuses
                self.send_response(rest.pop(0) if len(rest) > 1 else rest[0])
                if cache.location:
                    self.send_header("Location", cache.location)
                self.end_headers()

            do_PURGE = do_BAN = do_POST = do_GET = answer

            def log_message(self, *_args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    made = Simulator(tmp_path_factory.mktemp("simulator"))
    yield made
    made.stop()


@contextmanager
def running(
    simulator: Simulator, state: Path, url: str, **more: str
) -> Iterator[Daemon]:
    environment = {
        **simulator.environment,
        "STREAMR_CACHE_MB": "8",
        "STREAMR_STATE_DIR": str(state),
        "STREAMR_TAGS": "cache-tag",
        "STREAMR_PURGE_URL": url,
        "STREAMR_ADMIN_TOKEN": "canary-admin-token-0123",
        "STREAMR_WARM": "none",
        **more,
    }
    daemon = Daemon(environment, servers=("proxy", "main"))
    wait_for_control(state)
    yield daemon
    daemon.stop()
    assert TOKEN not in daemon.output
    assert "Traceback" not in daemon.output


def in_front(state: Path) -> dict[str, object]:
    """What the daemon tells of its one cache."""
    [told] = ask_daemon(state, "/cache")["in_front"]
    assert isinstance(told, dict)
    return told


def purge(state: Path, **what: str) -> None:
    ask_daemon(state, "/cache/purge", "POST", **what)


def test_a_cdn_is_told_in_its_own_words(simulator: Simulator, tmp_path: Path) -> None:
    cdn, secret = Cache(), tmp_path / "token"
    secret.write_text(f"Fastly-Key: {TOKEN}\n")
    with (
        cdn.open() as port,
        running(
            simulator,
            tmp_path,
            f"POST http://127.0.0.1:{port}/service/1?tag={{tag}}",
            STREAMR_PURGE_BODY='{"tags":["{tag}"]}',
            STREAMR_PURGE_TOKEN_FILE=str(secret),
        ) as daemon,
    ):
        answer = ask(daemon.main, "/3/movie/550")
        assert "tmdb-movie-550" in answer.headers["Cache-Tag"].split(",")
        purge(tmp_path, path="/movie/550")
        wait_until(lambda: in_front(tmp_path)["told"] == 1)
        purge(tmp_path, title="tv/1399")
        ask_daemon(tmp_path, "/pictures/purge", "POST")
        wait_until(lambda: in_front(tmp_path)["told"] == 3)
        assert TOKEN not in ask(daemon.main, "/status.json").body.decode()
        scraped = ask(daemon.main, "/metrics").body.decode()
        name = (
            f'streamr_purges_in_front_total{{cache="127.0.0.1:{port}",result="told"}}'
        )
        assert f"{name} 3.0" in scraped
    tags = ["tmdb-movie-550", "tmdb-tv-1399", "tmdb-images"]
    for (method, path, headers, sent), tag in zip(cdn.told, tags, strict=True):
        assert (method, path) == ("POST", f"/service/1?tag={tag}")
        assert sent == f'{{"tags":["{tag}"]}}'
        assert headers["Fastly-Key"] == TOKEN
        assert "Authorization" not in headers


def test_what_goes_in_cannot_change_where_it_goes(
    simulator: Simulator, tmp_path: Path
) -> None:
    cache = Cache()
    with cache.open() as port:
        url = f"PURGE http://127.0.0.1:{port}/x/{{tag}}"
        with running(simulator, tmp_path, url):
            for number, path in enumerate(
                ("/a b", "/../../admin", "/x?all=1", '/a"b,c', "/é/{tag}"), 1
            ):
                purge(tmp_path, path=path)
                wait_until(lambda count=number: in_front(tmp_path)["told"] == count)
    assert [path for _, path, _, _ in cache.told] == [
        "/x/tmdb-a%20b",
        "/x/tmdb-..-..-admin",
        "/x/tmdb-x%3Fall%3D1",
        "/x/tmdb-a%22b%2Cc",
        "/x/tmdb-%C3%A9-%7Btag%7D",
    ]
    for _, path, headers, _ in cache.told:
        assert headers["Surrogate-Key"] == path.removeprefix("/x/")
        assert headers["Host"] == f"127.0.0.1:{port}"


def test_a_redirect_is_not_followed_and_a_refusal_is_told(
    simulator: Simulator, tmp_path: Path
) -> None:
    elsewhere = Cache()
    with elsewhere.open() as other:
        cache = Cache([302, 403], f"http://127.0.0.1:{other}/")
        with (
            cache.open() as port,
            running(
                simulator,
                tmp_path,
                f"BAN http://127.0.0.1:{port}/",
                STREAMR_PURGE_TOKEN=TOKEN,
            ) as daemon,
        ):
            purge(tmp_path, all="1")
            wait_until(lambda: in_front(tmp_path)["failed"] == 1)
            assert "redirect" in str(in_front(tmp_path)["trouble"])
            purge(tmp_path, all="1")
            wait_until(lambda: in_front(tmp_path)["failed"] == 2)
            assert in_front(tmp_path)["trouble"] == "status 403"
        assert "was not told to drop tmdb: status 403" in daemon.output
    assert elsewhere.told == []
    assert len(cache.told) == 2


def test_a_cache_that_is_away_is_told_when_it_is_back(
    simulator: Simulator, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    with running(simulator, tmp_path, f"BAN http://127.0.0.1:{port}/") as daemon:
        purge(tmp_path, path="/movie/550")
        # the answer to the purge does not wait, and neither do callers
        assert in_front(tmp_path)["waiting"] == 1
        assert ask(daemon.main, "/3/movie/550").status == 200
        wait_until(lambda: in_front(tmp_path)["trouble"])
        cache = Cache([503, 200])
        with cache.open(port):
            wait_until(lambda: in_front(tmp_path)["told"] == 1)
        assert len(cache.told) == 2


def test_another_field_for_the_token_counts_at_sighup(
    simulator: Simulator, tmp_path: Path
) -> None:
    """The natural repair after a 401: the token itself stays."""
    cache, secret = Cache([401, 200]), tmp_path / "token"
    secret.write_text(TOKEN)
    with (
        cache.open() as port,
        running(
            simulator,
            tmp_path,
            f"POST http://127.0.0.1:{port}/{{tag}}",
            STREAMR_PURGE_TOKEN_FILE=str(secret),
        ) as daemon,
    ):
        purge(tmp_path, all="1")
        wait_until(lambda: in_front(tmp_path)["failed"] == 1)
        secret.write_text(f"Fastly-Key: {TOKEN}")
        daemon.child.send_signal(signal.SIGHUP)
        daemon.wait_for("reloaded: ")
        purge(tmp_path, all="1")
        wait_until(lambda: in_front(tmp_path)["told"] == 1)
    (_, _, before, _), (_, _, after, _) = cache.told
    assert before["Authorization"] == f"Bearer {TOKEN}"
    assert after["Fastly-Key"] == TOKEN
    assert "Authorization" not in after


def test_over_https_a_cache_is_known_by_authority_and_name(
    simulator: Simulator, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    for name, told in (("localhost", True), ("127.0.0.1", False)):
        cache, state = Cache(), tmp_path / name
        state.mkdir()
        with (
            cache.open(tls=context) as port,
            running(
                simulator,
                state,
                f"BAN https://{name}:{port}/",
                STREAMR_PURGE_TOKEN=TOKEN,
                SSL_CERT_FILE=str(tmp_path / "ca.pem"),
            ),
        ):
            purge(state, all="1")
            wait_until(lambda at=state: in_front(at)["told"] or in_front(at)["trouble"])
            assert in_front(state)["told"] == int(told)
        # who is not known gets no token
        assert len(cache.told) == int(told)


def test_nobody_purges_over_the_servers(simulator: Simulator, tmp_path: Path) -> None:
    cache = Cache()
    with (
        cache.open() as port,
        running(simulator, tmp_path, f"BAN http://127.0.0.1:{port}/") as daemon,
    ):
        token = {"Authorization": "Bearer canary-admin-token-0123"}
        for url in (daemon.main, daemon.proxy):
            for method in ("PURGE", "BAN", "POST", "DELETE"):
                for path in ("/cache/purge?all=1", "/3/movie/550", "/"):
                    answer = ask(url, path, token, method=method)
                    assert answer.status >= 400, (method, path)
    assert cache.told == []
