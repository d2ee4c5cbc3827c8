"""The code on docs/recipes/clients.md, against a real demo.

What it says of TypeScript is compiled in tests/acceptance/test_openapi_sockets.py.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.processes import free_ports
from tests import recipes
from tests.clients import environment
from tests.clients.test_clients_sockets import installed
from tests.processes import PATIENCE, STREAMR, Process, ask

# Asks for a film that is not there, and prints what a caller can tell from the error.
UNKNOWN_JS = """
import { tmdb } from "./tmdb.js";
const error = await tmdb("/movie/0").catch((error) => error);
console.log(JSON.stringify([error.status, error.code, error.message]));
"""
UNKNOWN_PY = """
import json, tmdb
try:
    tmdb.tmdb("/movie/0")
except tmdb.TmdbError as error:
    print(json.dumps([error.status, error.code, str(error)]))
"""
REWRITES = """
const { default: config } = await import("./next.config.mjs");
console.log(JSON.stringify(await config.rewrites()));
"""
needs_node = pytest.mark.skipif(
    shutil.which("node") is None, reason="node is not installed"
)


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process = Process(
        [STREAMR, "demo"],
        {"PORT": "0", "PROXY_PORT": "0"},
        directory=tmp_path_factory.mktemp("demo"),
    )
    yield process.wait_for(r"main +(http://[^/\s]+)").group(1)
    assert process.stop(signal.SIGINT) == 0


def unknown(main: str) -> list[int | str]:
    """What streamr itself says of the film that is not there."""
    answer = ask(main, "/3/movie/0")
    assert answer.status == 404
    return [404, answer.json["status_code"], answer.json["status_message"]]


def run(folder: Path, *command: str | Path) -> str:
    """What a program prints, without any setting of the developer's own."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@needs_node
def test_fetch_gets_films_and_tells_what_is_not_there(
    main: str, tmp_path: Path
) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    recipes.write(tmp_path, main, "tmdb.js", "example.js")
    film, found = run(tmp_path, "node", "example.js").splitlines()
    assert film.startswith("Fight Club ")
    assert "550" in found
    (tmp_path / "unknown.js").write_text(UNKNOWN_JS)
    assert json.loads(run(tmp_path, "node", "unknown.js")) == unknown(main)


def test_requests_gets_films_and_tells_what_is_not_there(
    main: str, tmp_path: Path
) -> None:
    python = installed(environment.python)
    recipes.write(tmp_path, main, "tmdb.py", "example.py")
    film, found = run(tmp_path, python, "example.py").splitlines()
    assert film.startswith("Fight Club ")
    assert json.loads(found)
    (tmp_path / "unknown.py").write_text(UNKNOWN_PY)
    assert json.loads(run(tmp_path, python, "unknown.py")) == unknown(main)


@needs_node
def test_vites_server_passes_tmdbs_paths_on(main: str, tmp_path: Path) -> None:
    # a folder of its own, or Vite would write its cache where other tests read
    (tmp_path / "node_modules").mkdir()
    vite = installed(environment.node_modules) / "vite"
    (tmp_path / "node_modules/vite").symlink_to(vite)
    recipes.write(tmp_path, main, "vite.config.js")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    [port] = free_ports(1)
    command = ["node", str(vite / "bin/vite.js"), "--host", "127.0.0.1"]
    server = Process(
        [*command, "--port", str(port), "--strictPort"],
        {"NO_COLOR": "1"},
        directory=tmp_path,
    )
    try:
        url = server.wait_for(r"Local: +(http://\S+?)/$").group(1)
        answer = ask(url, "/api/tmdb/movie/550")
        assert (answer.status, answer.json["title"]) == (200, "Fight Club")
        assert ask(url, "/api/tmdb/movie/0").json == ask(main, "/3/movie/0").json
    finally:
        server.stop()


@needs_node
def test_nexts_rewrite_leads_to_streamr(main: str, tmp_path: Path) -> None:
    recipes.write(tmp_path, main, "next.config.mjs")
    (tmp_path / "rewrites.mjs").write_text(REWRITES)
    [rule] = json.loads(run(tmp_path, "node", "rewrites.mjs"))
    source, _, parameter = rule["source"].partition(":")
    assert parameter == "path*"
    base = rule["destination"].removesuffix(":path*")
    assert ask(base, base.removeprefix(main) + "movie/550").json["id"] == 550
    assert base.removeprefix(main) == source


def test_every_file_on_the_page_is_tested_or_said_not_to_be() -> None:
    by_hand = {"app/trending.jsx", "app/movie/[id]/page.jsx"}
    elsewhere = {"films.ts"}
    here = {"tmdb.js", "example.js", "tmdb.py", "example.py"}
    here |= {"vite.config.js", "next.config.mjs"}
    assert recipes.files().keys() == by_hand | elsewhere | here
