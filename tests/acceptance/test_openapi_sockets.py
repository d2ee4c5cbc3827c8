"""The description against a running streamr: fuzzed, compiled, and looked at."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import recipes
from tests.browser import DESKTOP, PHONE, Browser, chromium
from tests.processes import ROOT, Daemon, Simulator, ask

TOOLS = ROOT / ".tools" / "api"
SCHEMATHESIS = TOOLS / "bin" / "schemathesis"
NODE = TOOLS / "node_modules" / ".bin"
CHROMIUM = shutil.which("chromium")
# What TMDB numbers or names by itself has other numbers and names in the simulator.
UNKNOWN = re.compile("/(credit|review|tv/episode|tv/episode_group|tv/season|t/p)/")
# Some 2,000 requests take 20 s; this is for a machine under load.
PATIENCE = 300
# What a thumb scrolls through without losing its way, of a phone's screens; and what it
# hits, in CSS pixels (WCAG 2.5.8 wants 24).
SCREENS, FINGER = 5, 40


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a main server over the simulator, with its cache, as in the demo."""
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    daemon = Daemon(
        {
            **simulator.environment,
            "STREAMR_CACHE_MB": "64",
            # the requests are ours, and so is the TMDB
            "STREAMR_RATE": "1000",
            "STREAMR_CONNECTIONS": "1000",
        },
        servers=("proxy", "main"),
    )
    yield daemon.main
    daemon.stop()
    simulator.stop()


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints. A failure shows all of it."""
    done = subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.skipif(
    not SCHEMATHESIS.exists(), reason="no schemathesis: .ci/api-tools installs it"
)
@pytest.mark.parametrize(
    ("which", "phases", "least"),
    [
        # discover's forty filters are of one kind; their corners take longer than all
        ("--exclude-path-regex=^/3/tv/|discover", "examples,coverage", 1000),
        ("--include-path-regex=^/3/tv/", "examples,coverage", 1000),
        ("--include-path-regex=/tmdb/|discover/movie|search/tv", "fuzzing", 10),
    ],
)
def test_schemathesis_finds_nothing(
    main: str, tmp_path: Path, which: str, phases: str, least: int
) -> None:
    said = run(
        *(SCHEMATHESIS, "run", f"{main}/openapi.json", which, f"--phases={phases}"),
        *("--checks=all", "--seed=1", "--max-examples=2", "--workers=4"),
        # what TMDB ignores is taken (docs/clients.md), such as unknown parameters; what
        # is refused all the same is compared in tests/openapi/test_parameters.py
        "--exclude-checks=negative_data_rejection",
        # simulated ids are not TMDB's: some examples are 404, which is no failure
        *("--warnings=off", "--no-color"),
        cwd=tmp_path,
    )
    assert "No issues found" in said
    generated = re.search(r"([0-9]+) generated", said)
    assert generated is not None and int(generated[1]) > least, said


def types(folder: Path, name: str) -> None:
    """Make types of the description in a folder."""
    run(NODE / "openapi-typescript", "openapi.json", "-o", name, cwd=folder)


def compile_typescript(folder: Path, name: str) -> None:
    """Fails with what the compiler says."""
    run(
        *(NODE / "tsc", "--noEmit", "--strict", "--target", "es2022"),
        *("--lib", "es2022,dom", "--moduleResolution", "bundler", "--module", "esnext"),
        name,
        cwd=folder,
    )


needs_typescript = pytest.mark.skipif(
    not (NODE / "tsc").exists(), reason="no TypeScript: .ci/api-tools installs it"
)


@needs_typescript
def test_the_types_made_of_it_compile_with_a_client(main: str, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_bytes(ask(main, "/openapi.json").body)
    shutil.copy(Path(__file__).with_name("client.ts"), tmp_path)
    types(tmp_path, "api.d.ts")
    compile_typescript(tmp_path, "client.ts")


@needs_typescript
def test_the_recipe_for_typescript_compiles(main: str, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_bytes(ask(main, "/openapi.json").body)
    recipes.write(tmp_path, main, "films.ts")
    types(tmp_path, "tmdb-api.d.ts")
    compile_typescript(tmp_path, "films.ts")
    # or the types would say nothing
    file = tmp_path / "films.ts"
    file.write_text(file.read_text().replace("each.character", "each.charakter"))
    with pytest.raises(AssertionError, match="charakter"):
        compile_typescript(tmp_path, "films.ts")


def test_every_example_of_the_docs_is_answered(main: str) -> None:
    text = ask(main, "/docs").body.decode()
    lines = [unescape(line) for line in re.findall(r"<pre><code>(.*?)</code>", text)]
    assert len(lines) > 110
    for line in lines:
        url = line.removeprefix("curl -s ").strip("'")
        assert url.startswith(f"{main}/"), line
        parts = urlsplit(url)
        answer = ask(main, f"{parts.path}?{parts.query}")
        unknown = answer.status == 404 and UNKNOWN.search(url)
        assert answer.status == 200 or unknown, line


def test_an_outage_is_told_as_it_is_described(main: str) -> None:
    from tests.openapi.test_document import validator_of_error

    refused = ask(main, "/3/movie/popular?page=0")
    assert refused.status == 400
    for answer in (refused, ask(main, "/3/movie/0"), ask(main, "/3/account/1")):
        assert validator_of_error(str(answer.status)).is_valid(answer.json)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_the_docs_render_and_find_without_an_error(main: str, tmp_path: Path) -> None:
    said = run(
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu"),
        *(f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr"),
        *("--dump-dom", f"{main}/docs#movie-details"),
        cwd=tmp_path,
    )
    assert ":CONSOLE" not in said, said[:3000]
    # the script ran: the search is there, and the endpoint of the address is open
    assert '<label id="find">' in said
    assert re.search(
        r'<details class="operation" id="movie-details"[^>]* open="">', said
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def height(browser: Browser) -> int:
    script = "return document.documentElement.scrollHeight"
    return int(browser.driver.execute_script(script))


def opened(browser: Browser, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.id)"
    return list(browser.driver.execute_script(script, f"{selector}[open]"))


def in_view(browser: Browser, anchor: str) -> bool:
    script = """const box = document.getElementById(arguments[0])
        .getBoundingClientRect(); return box.top >= 0 && box.top < innerHeight"""
    return bool(browser.driver.execute_script(script, anchor))


def test_the_docs_are_a_few_screens_long_on_a_phone(
    browser: Browser, main: str
) -> None:
    browser.open(f"{main}/docs", size=PHONE)
    assert height(browser) < SCREENS * PHONE[1]
    width = browser.driver.execute_script("return document.body.scrollWidth")
    assert width <= PHONE[0]
    summaries = browser.all(".all > summary")
    assert min(each.size["height"] for each in summaries) >= FINGER


def test_what_is_looked_for_on_a_phone_is_opened(browser: Browser, main: str) -> None:
    browser.open(f"{main}/docs", size=PHONE)
    assert opened(browser, "details") == []
    browser.one("#find input").send_keys("tv external_ids")
    shown = [each for each in browser.all("details.operation") if each.is_displayed()]
    assert {each.get_attribute("id") for each in shown} == {
        "tv-series-external-ids",
        "tv-season-external-ids",
        "tv-episode-external-ids",
    }
    [link] = [each for each in browser.all("nav a") if each.text == "parts"]
    link.click()
    browser.wait(lambda: in_view(browser, "parts"), "the chapter")
    browser.open(f"{main}/docs#part-Genre", size=PHONE)
    browser.wait(lambda: opened(browser, "details.part") == ["part-Genre"], "the part")
    browser.wait(lambda: in_view(browser, "part-Genre"), "the part in view")
    browser.open(f"{main}/docs#error-404", size=PHONE)
    browser.wait(lambda: in_view(browser, "error-404"), "the error")


def test_where_there_is_room_everything_but_the_endpoints_is_open(
    browser: Browser, main: str
) -> None:
    browser.open(f"{main}/docs#part-Genre", size=DESKTOP)
    parts = browser.all("details.part")
    assert len(opened(browser, "details.part")) == len(parts) > 50
    assert opened(browser, "details.operation") == []
    browser.wait(lambda: in_view(browser, "part-Genre"), "the part in view")
    assert browser.errors() == []


def test_without_a_script_every_endpoint_can_be_opened(
    browser: Browser, main: str
) -> None:
    browser.scripts(allowed=False)
    try:
        browser.open(f"{main}/docs", size=PHONE)
        browser.one("#tag-movie summary h2").click()
        entry = browser.one("#movie-details")
        assert entry.is_displayed()
    finally:
        browser.scripts(allowed=True)


def test_a_head_tells_what_a_get_would(main: str) -> None:
    whole = ask(main, "/openapi.json")
    head = ask(main, "/openapi.json", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["ETag"] == whole.headers["ETag"]
    assert json.loads(whole.body)["info"]["title"] == "streamr"
