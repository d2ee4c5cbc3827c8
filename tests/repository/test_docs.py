"""The documents name only what is there: links, files, settings and command lines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from streamr.cli import CommandLine
from streamr.config.settings import TABLE
from streamr.tmdb.catalogue import NOTICE

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#]*)(#(?P<anchor>[^)]+))?\)")
# A file of the checkout, as code in a sentence.
FILE = re.compile(r"`((?:streamr|tests|docs|deploy|benchmarks|\.ci)/[\w./-]+)`")
SETTING = re.compile(r"\b(?:STREAMR|TMDB|PROXY|CORS)_[A-Z_]+[A-Z]\b")
# Code: a fenced block's lines, or a span in a sentence.
BLOCK = re.compile(r"^```.*?\n(.*?)^```", re.M | re.S)
SPAN = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?:^|.*[\s/])streamr (?P<rest>[a-z][^#|…]*)(#.*)?$")
# the one message that reads like a command
NO_COMMAND = "needs a TMDB key"
NAMES = {each.name for each in TABLE} | {
    f"{each.name}_FILE" for each in TABLE if each.secret
}


def text(page: Path) -> str:
    """A page's text."""
    return page.read_text(encoding="utf-8")


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """All anchors of a page."""
    headings = re.findall(r"^#+ (.+)$", text(page), re.M)
    return {slug(each) for each in headings} | set(
        re.findall(r'<a id="([^"]+)">', text(page))
    )


def broken_links(page: Path) -> Iterator[str]:
    """Links of a page that lead nowhere in the checkout."""
    for match in LINK.finditer(text(page)):
        target = page.parent / match["path"] if match["path"] else page
        anchor = match["anchor"]
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield match[0]


def commands(page: Path) -> Iterator[str]:
    """The streamr command lines of a page's code, comments left out."""
    blocks = BLOCK.findall(text(page))
    lines = [line for block in blocks for line in block.splitlines()]
    for code in [*lines, *SPAN.findall(BLOCK.sub("", text(page)))]:
        match = COMMAND.match(code)
        if match and match["rest"] != NO_COMMAND:
            yield match["rest"].strip()


class Docs(SynchronousTestCase):
    """What each page names is there."""

    def assert_none(self, found: dict[str, list[str]]) -> None:
        wrong = {page: list(each) for page, each in found.items() if each}
        self.assertEqual({}, wrong)

    def test_every_link_leads_somewhere(self) -> None:
        self.assert_none({page.name: list(broken_links(page)) for page in PAGES})

    def test_every_file_is_there(self) -> None:
        self.assert_none(
            {
                page.name: [
                    each
                    for each in FILE.findall(text(page))
                    if not (ROOT / each).exists()
                ]
                for page in PAGES
            }
        )

    def test_every_setting_is_a_setting(self) -> None:
        self.assert_none(
            {
                page.name: sorted(set(SETTING.findall(text(page))) - NAMES)
                for page in PAGES
            }
        )

    def test_every_command_line_can_be_read(self) -> None:
        for page in PAGES:
            for line in commands(page):
                try:
                    CommandLine().parseOptions(shlex.split(line))
                except usage.UsageError as error:
                    self.fail(f"{page.name}: streamr {line}: {error}")
                except SystemExit:
                    pass  # --help and the like print and end

    def test_every_page_is_reached_from_the_readme(self) -> None:
        readme = text(ROOT / "README.md")
        for page in ROOT.glob("docs/*.md"):
            self.assertTrue(f"](docs/{page.name})" in readme, page.name)

    def test_tmdbs_notice_stands_in_its_own_words(self) -> None:
        for page in (ROOT / "README.md", ROOT / "docs/terms.md"):
            self.assertIn(NOTICE, " ".join(text(page).split()), page)
