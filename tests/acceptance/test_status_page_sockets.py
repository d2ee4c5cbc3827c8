"""The status page in a real browser, over a real demo: it looks and acts well."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from streamr.web.status.live import MOST_LISTENERS
from tests.browser import DESKTOP, PHONE, Browser, chromium
from tests.processes import STREAMR, Daemon, Process, Simulator, ask, wait_until
from tests.stack import closed_port

DIRECT, OTHER = "api.themoviedb.org", "api.tmdb.org"
PICTURES = "image.tmdb.org"
QUIET = {OTHER: "none", PICTURES: "none"}
BREAKS = {
    "Reset the direct route": {**QUIET, DIRECT: "reset-after-hello"},
    "Silence it": {**QUIET, DIRECT: "silence-after-hello"},
    "Portal page": {**QUIET, DIRECT: "html"},
    "Kill everything": dict.fromkeys((DIRECT, OTHER, PICTURES), "reset-after-hello"),
}
# Beyond every patience here: a stop that waited for its listeners would be seen.
LONG = {"STREAMR_DEADLINE": "60"}
# axe has some forty rules for what stands on the page; a page it cannot see has none.
MANY_RULES = 20
# What leaves its box in a drawing, and what covers something else there.
OVERLAPS = """
const map = document.querySelector(`#map .${arguments[0]}`);
const nodes = [...map.querySelectorAll(".node")];
const of = (each) => each.getBoundingClientRect();
const outside = nodes.filter((node) => node.querySelector("rect")).flatMap((node) =>
  [...node.querySelectorAll("text")].filter((text) =>
    of(text).right > of(node.querySelector("rect")).right ||
    of(text).left < of(node.querySelector("rect")).left));
const covered = nodes.filter((one, place) => nodes.slice(place + 1).some((other) =>
  of(one).left < of(other).right && of(other).left < of(one).right &&
  of(one).top < of(other).bottom - 1 && of(other).top < of(one).bottom - 1));
return {
  outside: outside.map((each) => each.textContent),
  covered: covered.map((each) => each.textContent),
};
"""
# Presses of Tab until the last button: the skip link and the buttons.
MOST_TABS = 12


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def demo() -> Iterator[str]:
    """The URL of a demo of one's own."""
    process = Process([STREAMR, "demo", "--port", "0", "--proxy-port", "0"])
    yield process.wait_for(r"main +(http://\S+)").group(1)
    assert process.stop() == 0
    assert "Traceback" not in process.output
    assert "Unhandled" not in process.output


def verdict(browser: Browser) -> str:
    return browser.text("#glance h1") + " " + browser.text("#glance p")


def faults(demo: str) -> dict[str, str]:
    told = ask(demo, "/demo/state").json["hosts"]
    return {name: host["fault"] for name, host in told.items()}


def pressed(browser: Browser) -> list[str]:
    return [each.text for each in browser.all('button[aria-pressed="true"]')]


def score(browser: Browser) -> dict[str, int]:
    """How the film wall's questions were answered, by where from."""
    text = browser.text("#score").replace(",", "").replace(";", "").replace(".", "")
    words = text.split()
    found = {}
    for name, word in (
        ("direct", "direct"),
        ("proxy", "by"),
        ("cache", "from"),
        ("error", "errors"),
    ):
        found[name] = int(words[words.index(word) - 1]) if word in words else 0
    return found


def wait_for_films(browser: Browser, least: int, source: str = "direct") -> None:
    browser.wait(lambda: score(browser)[source] >= least, f"{least} films {source}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_renders_whole_and_accessible(
    browser: Browser, demo: str, size: tuple[int, int], scheme: str
) -> None:
    browser.open(demo, size=size, scheme=scheme)
    wait_for_films(browser, 4)
    browser.wait(lambda: browser.text("#live") == "live", "live")
    browser.button("Reset the direct route").click()
    wait_for_films(browser, 2, "proxy")
    browser.wait(lambda: "a proxy answers" in verdict(browser), "the detour")
    assert browser.errors() == []
    width = browser.driver.execute_script("return document.body.scrollWidth")
    assert width <= size[0]
    browser.one("#settings summary").click()
    found = Axe().run(browser.driver)
    violations = [
        (rule["id"], node["target"], node["failureSummary"])
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
    assert violations == []
    assert len(found["passes"]) > MANY_RULES


def test_the_first_paint_needs_no_javascript(browser: Browser, demo: str) -> None:
    # a page without scripts stays as it was when the first probe was under way
    wait_until(lambda: b"TMDB answers directly" in ask(demo, "/").body)
    browser.scripts(allowed=False)
    try:
        browser.open(demo)
        assert "TMDB answers directly" in verdict(browser)
        assert browser.one("#map svg.wide").is_displayed()
        # seven routes, and a line about those that nobody has needed
        assert len(browser.all("#routes tbody tr")) == 8
        assert "reload it" in browser.text("footer")
        assert len(browser.all(".buttons button")) == 5
    finally:
        browser.scripts(allowed=True)


def test_it_tells_at_once_what_breaks_and_that_films_keep_coming(
    browser: Browser, demo: str
) -> None:
    browser.open(demo)
    wait_for_films(browser, 10)
    browser.button("Reset the direct route").click()
    browser.wait(lambda: "a proxy answers" in verdict(browser), "the detour")
    browser.wait(lambda: browser.all("#map .wide .node.open"), "an open route")
    assert verdict(browser).startswith("Callers get answers.")
    # a probe may have opened it before a caller's film has told why
    browser.wait(lambda: "tls_reset" in browser.text("#faults"), "its fault")
    wait_for_films(browser, 10, "proxy")
    assert score(browser)["error"] == 0
    browser.button("Heal").click()
    browser.wait(lambda: "answers directly" in verdict(browser), "sound again")
    assert browser.errors() == []


def test_with_everything_dead_what_was_seen_before_is_still_there(
    browser: Browser, demo: str
) -> None:
    browser.open(demo)
    wait_for_films(browser, 22)
    browser.button("Kill everything").click()
    before = score(browser)["cache"]
    wait_for_films(browser, before + 12, "cache")
    browser.wait(lambda: "every other" in verdict(browser), "no route")
    assert len(browser.all(".film img")) == 20


def press(browser: Browser, text: str) -> None:
    """Press a button by its key: what a live page moves, a pointer may miss."""
    browser.button(text).send_keys(Keys.ENTER)


def test_every_button_does_what_it_says(browser: Browser, demo: str) -> None:
    browser.open(demo)
    for text, wanted in BREAKS.items():
        press(browser, text)
        browser.wait(lambda text=text: pressed(browser) == [text], text)
        assert faults(demo) == wanted, text
        assert browser.text("#acted").startswith("Broken: ")
    press(browser, "Kill everything")
    browser.wait(lambda: pressed(browser) == [], "pressed again, it heals")
    assert set(faults(demo).values()) == {"none"}
    press(browser, "Portal page")
    browser.wait(lambda: pressed(browser) == ["Portal page"], "pressed")
    press(browser, "Heal")
    browser.wait(lambda: pressed(browser) == [], "healed")
    assert set(faults(demo).values()) == {"none"}


def test_a_page_that_is_opened_later_shows_what_is_broken(
    browser: Browser, demo: str
) -> None:
    ask(demo, f"/demo/fault?host={DIRECT}&fault=html", method="POST")
    browser.open(demo)
    browser.wait(lambda: pressed(browser) == ["Portal page"], "what is broken")


def test_it_works_with_the_keyboard_alone(browser: Browser, demo: str) -> None:
    browser.open(demo)

    def focused() -> str:
        return str(browser.driver.switch_to.active_element.text)

    def press(key: str) -> None:
        ActionChains(browser.driver).send_keys(key).perform()

    press(Keys.TAB)
    assert focused() == "Skip to the content"
    for _ in range(MOST_TABS):
        if focused() == "Portal page":
            break
        press(Keys.TAB)
    assert focused() == "Portal page"
    press(Keys.ENTER)
    browser.wait(lambda: pressed(browser) == ["Portal page"], "by Enter")
    browser.wait(lambda: "a proxy answers" in verdict(browser), "the detour")
    assert focused() == "Portal page", "painting takes the focus away"
    press(Keys.SPACE)
    browser.wait(lambda: pressed(browser) == [], "by the space bar")
    ring = browser.driver.execute_script(
        "return getComputedStyle(document.activeElement).outlineStyle"
    )
    assert ring == "solid"


def test_one_page_too_many_asks_again_and_again(browser: Browser, demo: str) -> None:
    parts = urlsplit(demo)
    listeners = [
        http.client.HTTPConnection(parts.hostname or "", parts.port)
        for _ in range(MOST_LISTENERS)
    ]
    try:
        for each in listeners:
            each.request("GET", "/status/events")
            assert each.getresponse().status == 200
        browser.open(demo)
        browser.wait(lambda: browser.text("#live").startswith("every"), "polling")
        ask(demo, f"/demo/fault?host={DIRECT}&fault=html", method="POST")
        browser.wait(lambda: "a proxy answers" in verdict(browser), "the detour")
    finally:
        for each in listeners:
            each.close()


def test_stopping_the_daemon_does_not_wait_for_its_live_pages(
    browser: Browser,
) -> None:
    process = Process([STREAMR, "demo", "--port", "0", "--proxy-port", "0"], LONG)
    demo = process.wait_for(r"main +(http://\S+)").group(1)
    browser.open(f"{demo}/")
    browser.wait(lambda: browser.text("#live") == "live", "live")
    assert process.stop() == 0
    browser.wait(lambda: "no connection" in browser.text("#live"), "its end is told")


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[str]:
    """The URL of main where every connection is reset, whichever of three egresses and
    three resolvers is used, so that far more routes are tried than a page can show."""
    simulator = Simulator(tmp_path)
    simulator.switch(fault="reset-after-hello")
    dead = closed_port()
    given = {
        "STREAMR_EGRESS": f"direct,socks5://127.0.0.1:{dead}#warp,"
        f"http://127.0.0.1:{dead}#vpn",
        "STREAMR_RESOLVERS": "system,tls://192.0.2.1#dns.example,192.0.2.2",
        "STREAMR_WARM": "none",
    }
    daemon = Daemon({**simulator.environment, **given}, servers=("proxy", "main"))
    yield daemon.main
    daemon.stop()
    simulator.stop()
    assert "Traceback" not in daemon.output
    assert "Unhandled" not in daemon.output


def routes_in_use(main: str) -> int:
    """How many routes the proxy has made, after one more question."""
    ask(main, "/3/movie/550")
    return len(ask(main, "/status.json").json["routes"][1]["proxy_routes"])


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_forty_routes_are_drawn_so_that_they_can_be_read(
    browser: Browser, crowded: str, size: tuple[int, int]
) -> None:
    wait_until(lambda: routes_in_use(crowded) >= 40)
    browser.open(crowded, size=size)
    kind = "narrow" if size == PHONE else "wide"
    notes = {each.text for each in browser.all(f"#map .{kind} .note")}
    assert {"directly, resolver udp-192.0.2.2", "through warp", "through vpn"} < notes
    assert any(re.fullmatch(r"\d+ more routes: \d+ failing.*", each) for each in notes)
    # no name leaves its box, and no box or name covers another
    told = browser.run(OVERLAPS, kind)
    assert told == {"outside": [], "covered": []}
    width = browser.driver.execute_script("return document.body.scrollWidth")
    assert width <= size[0]


def test_for_a_stranger_it_tells_no_settings_and_acts_for_nobody(demo: str) -> None:
    accept = {"Accept": "text/html"}
    forwarded = {**accept, "X-Forwarded-For": "203.0.113.9"}
    assert b"STREAMR_DEADLINE" in ask(demo, "/", accept).body
    seen = ask(demo, "/", forwarded)
    assert b"STREAMR_DEADLINE" not in seen.body
    assert b"<button" not in seen.body
    assert ask(demo, "/demo/heal", forwarded, method="POST").status == 403


def test_the_key_is_nowhere_on_it(browser: Browser, demo: str) -> None:
    browser.open(demo)
    browser.one("#settings summary").click()
    row = browser.run(
        "return [...document.querySelectorAll('#settings tr')]"
        ".find((row) => row.textContent.includes('TMDB_API_KEY')).innerText"
    )
    assert "(secret)" in row
    snapshot = ask(demo, "/status.json").body
    assert b"api_key" not in snapshot.lower()
    assert json.loads(snapshot)["demo"] is True
