"""A real Chromium for tests: Debian's packages, driven by selenium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

# A page of ours is painted within a second; this is for a machine under load.
PATIENCE = 60.0
DESKTOP, PHONE = (1360, 900), (390, 844)


class Browser:
    """One window, and what tests ask of it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(
        self, url: str, *, size: tuple[int, int] = DESKTOP, scheme: str = "light"
    ) -> None:
        """Show a page in a window of this size and colour scheme."""
        width, height = size
        self._tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=size == PHONE,
        )
        media = {"name": "prefers-color-scheme", "value": scheme}
        self._tell("Emulation.setEmulatedMedia", features=[media])
        self.driver.get(url)

    def scripts(self, allowed: bool) -> None:
        """Let pages run scripts, or not, from the next one on."""
        self._tell("Emulation.setScriptExecutionDisabled", value=not allowed)

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        [found] = self.all(selector)
        return found

    def text(self, selector: str) -> str:
        return str(self.one(selector).text)

    def button(self, text: str) -> Any:
        [found] = [each for each in self.all("button") if each.text == text]
        return found

    def wait(self, until: Callable[[], Any], what: str) -> Any:
        """What `until` gives when it gives something."""
        waiting = WebDriverWait(self.driver, PATIENCE, poll_frequency=0.1)
        return waiting.until(lambda _driver: until(), f"{what}; seen: {self.errors()}")

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of a script that may be asynchronous: `return await fetch(…)`."""
        wrapped = (
            "const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{ {script} }})(...arguments)"
            ".then(done, (error) => done(`failed: ${error.name}`));"
        )
        return self.driver.execute_async_script(wrapped, *arguments)

    def errors(self) -> list[str]:
        """What the console has complained of since the last look."""
        return [each["message"] for each in self.driver.get_log("browser")]

    def _tell(self, command: str, **values: Any) -> None:
        self.driver.execute_cdp_cmd(command, values)


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A headless Chromium, with these further arguments; the test is skipped, with a
    word, where there is none."""
    binary = shutil.which("chromium")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    options.add_argument("--headless=new")
    # what moves is painted by the processor here, and others need that
    options.add_argument("--force-prefers-reduced-motion")
    options.add_argument("--disable-gpu")
    # containers have a small /dev/shm
    options.add_argument("--disable-dev-shm-usage")
    if os.geteuid() == 0:
        # Chromium's own sandbox refuses root
        options.add_argument("--no-sandbox")
    for each in more:
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(driver))
    try:
        made.set_script_timeout(PATIENCE)
        yield Browser(made)
    finally:
        made.quit()
