"""nginx and Caddy, configured as docs/operating.md says, in front of a real streamr."""

from __future__ import annotations

import http.client
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from benchmarks.processes import free_ports
from tests.browser import DESKTOP, PHONE, Browser, chromium
from tests.processes import PATIENCE, ROOT, STREAMR, Process, ask

APP = "https://app.example"
# What nginx and Caddy say when their port is open.
UP = "start worker process |serving initial configuration"
PAGE = ROOT / "docs/operating.md"


def shown(language: str) -> str:
    """The one block of that language on the page."""
    text = PAGE.read_text(encoding="utf-8")
    [block] = re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    return str(block)


def nginx(folder: Path, port: int, upstream: str) -> list[str]:
    """The page's server block, with what nginx needs around it, and without TLS."""
    server = shown("nginx").replace("127.0.0.1:3001", upstream)
    server = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{port};", server)
    server = re.sub(r"^ *ssl_.*\n", "", server, flags=re.M)
    return nginx_with(folder, server)


def nginx_below(folder: Path, port: int, upstream: str, location: str) -> list[str]:
    """nginx with one location, and nothing else."""
    location = location.replace("127.0.0.1:3001", upstream)
    return nginx_with(folder, f"server {{\nlisten 127.0.0.1:{port};\n{location}}}\n")


def nginx_with(folder: Path, server: str) -> list[str]:
    """nginx with a server block, in a folder of its own."""
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log stderr notice;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}{server}}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(file)]


def caddy(folder: Path, port: int, upstream: str) -> list[str]:
    """The page's Caddyfile without TLS; it takes no orders on its admin port."""
    site = shown("caddyfile").replace("127.0.0.1:3001", upstream)
    site = site.replace("film.example", f"http://127.0.0.1:{port}")
    file = folder / "Caddyfile"
    file.write_text("{\n    admin off\n}\n" + site)
    return ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process = Process(
        [STREAMR, "demo"],
        {"PORT": "0", "PROXY_PORT": "0", "CORS_ORIGINS": APP},
        directory=tmp_path_factory.mktemp("demo"),
    )
    yield process.wait_for(r"main +(http://\S+)").group(1)
    assert process.stop(signal.SIGINT) == 0


@pytest.fixture(scope="module", params=[nginx, caddy])
def before(
    request: pytest.FixtureRequest, main: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    configure: Callable[[Path, int, str], list[str]] = request.param
    name = configure.__name__
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed on this machine")
    folder = tmp_path_factory.mktemp(name)
    [port] = free_ports(1)
    command = configure(folder, port, urlsplit(main).netloc)
    process = Process(command, {"HOME": str(folder)}, directory=folder)
    process.wait_for(UP)
    yield f"http://127.0.0.1:{port}"
    process.stop()


def test_answers_and_their_headers_pass(before: str) -> None:
    answer = ask(before, "/api/tmdb/movie/550", {"Origin": APP, "X-Request-Id": "a-1"})
    assert (answer.status, answer.json["id"]) == (200, 550)
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert answer.headers["X-Request-Id"] == "a-1"
    assert "streamr-main" in answer.headers["Cache-Status"]


def test_other_origins_read_nothing(before: str) -> None:
    answer = ask(before, "/api/tmdb/popular", {"Origin": "https://other.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_status_page_is_live_behind_it(before: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(before).netloc, timeout=PATIENCE)
    connection.request("GET", "/status/events")
    answer = connection.getresponse()
    # one that is collected first would never begin
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.readline()
    connection.close()


def test_nobody_behind_it_is_taken_for_this_machine(before: str, main: str) -> None:
    # the request does come from loopback, and names it
    assert ask(before, "/demo/heal", method="POST").status == 403
    assert ask(main, "/demo/heal", method="POST").status == 200


# Nothing but what takes the path away; then, as a front end on this machine would do
# it, the name and port that the browser used, so that the demo's buttons work.
BARE = "location /tmdb/ { proxy_pass http://127.0.0.1:3001/; }\n"
NAMED = BARE.replace("}", "proxy_set_header Host $http_host; }")


@pytest.fixture(scope="module", params=["bare", "named", "documented"])
def below(
    request: pytest.FixtureRequest, main: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where main is reached below a path, without its last slash."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed on this machine")
    location = {"bare": BARE, "named": NAMED}.get(request.param) or shown(
        "nginx sub-path"
    )
    folder = tmp_path_factory.mktemp("below")
    [port] = free_ports(1)
    command = nginx_below(folder, port, urlsplit(main).netloc, location)
    process = Process(command, {"HOME": str(folder)}, directory=folder)
    process.wait_for(UP)
    yield f"http://127.0.0.1:{port}/tmdb"
    process.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_status_page_is_whole_below_a_path(
    browser: Browser, below: str, size: tuple[int, int]
) -> None:
    browser.open(f"{below}/", size=size)
    browser.wait(lambda: browser.text("#live") == "live", "events")
    browser.wait(lambda: len(browser.all(".film img")) == 20, "films")
    loaded = "return [...document.images].every((each) => each.naturalWidth > 0)"
    browser.wait(lambda: browser.driver.execute_script(loaded), "posters")
    background = "return getComputedStyle(document.querySelector('.bar')).display"
    assert browser.driver.execute_script(background) == "flex", "its stylesheet"
    assert browser.errors() == []
    for text, said in (
        ("API", "streamr: the API"),
        ("status.json", ""),
        ("health", ""),
    ):
        browser.open(f"{below}/", size=size)
        [link] = [each for each in browser.all("footer a") if each.text == text]
        link.click()
        browser.wait(lambda: browser.driver.current_url != f"{below}/", text)
        assert browser.driver.current_url.startswith(f"{below}/")
        assert said in browser.driver.title
        assert "404" not in browser.text("body")[:200]


def test_a_button_works_below_a_path_for_who_sits_here(
    browser: Browser, below: str, main: str
) -> None:
    browser.open(f"{below}/")
    if ask(below, "/tmdb/demo/heal", method="POST").status == 403:
        assert not browser.all(".buttons button"), "shown, and refused"
        return
    browser.button("Portal page").click()
    browser.wait(
        lambda: browser.all('button[aria-pressed="true"]'), browser.text("#acted")
    )
    assert "html" in str(ask(main, "/demo/state").json["hosts"])
    browser.button("Heal").click()
    browser.wait(lambda: not browser.all('button[aria-pressed="true"]'), "healed")


def test_the_description_says_where_its_paths_begin_below_a_path(below: str) -> None:
    [server] = ask(below, "/tmdb/openapi.json").json["servers"]
    base = urljoin(f"{below}/openapi.json", server["url"]).removesuffix("/")
    assert base == below
    assert ask(below, "/tmdb/3/movie/550").json["id"] == 550


def test_the_docs_are_whole_below_a_path(browser: Browser, below: str) -> None:
    # what the page before has asked for in vain: JSON has no icon of its own
    browser.errors()
    browser.open(f"{below}/docs")
    assert f"curl -s {below}/3/movie/550" in browser.driver.page_source
    assert browser.one("#find input").is_displayed(), "its script"
    # found by the browser, which takes 20 s to tell the texts of a thousand links
    link = browser.one('a[href$="openapi.json"]')
    assert link.text == "openapi.json"
    assert link.get_attribute("href") == f"{below}/openapi.json"
    assert browser.one("link[rel=icon]").get_attribute("href").startswith(below)
    assert [each for each in browser.errors() if "/favicon.ico" not in each] == []
