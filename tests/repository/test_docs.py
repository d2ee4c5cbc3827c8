"""The documents name only what is there: links, files, settings and command lines; and
they say it in words that a reader does not stop at."""

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
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FACTS = sorted(ROOT.glob("docs/facts/*.md"))
# All that may cite a fact: the checkout's own text, and nothing that was installed.
FOLDERS = (".ci", "benchmarks", "deploy", "docs", "streamr", "tests", "twisted")
CITING = sorted(
    file
    for kind in ("*.md", "*.py", "*.sh")
    for files in (
        ROOT.glob(kind),
        *(ROOT.glob(f"{each}/**/{kind}") for each in FOLDERS),
    )
    for file in files
)
# (docs/facts/twisted.md, "Time"), in one line or wrapped
CITATION = re.compile(r'docs/facts/(?P<page>[\w./-]*\w)(?:, "(?P<heading>[^"]+)")?')
# What a comment must not cite: pages without their folder, which no reader can find.
HOMELESS = re.compile(
    r"\bfacts: [\w-]+\.md|(?<!docs/facts/)\b(?:"
    + "|".join(file.stem for file in FACTS if file.stem != "README")
    + r")\.md"
)
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
# What people copy, whose comments they read.
COPIED = [
    *(ROOT / name for name in (".env.example", "compose.yaml", "Dockerfile")),
    *(ROOT / name for name in ("render.yaml", "deploy/logrotate")),
    *sorted(ROOT.glob("deploy/**/*.yml")),
    *(
        ROOT / name
        for name in ("deploy/streamr.service", "deploy/grafana/streamr.json")
    ),
    *sorted(each for each in ROOT.glob("docs/recipes/*") if each.suffix != ".md"),
]
# Habits that make a reader stop: what they look like, and what to write instead.
HABITS = {
    r"(other|direct|second|silent|each|every|this|which|no) ways?": "route",
    r"alone": "only, by itself",
    r"heals?|mends?": "fixes, repairs, restores",
    r"(is|are|was|be) sound|sound (network|route|demo)": "works, is healthy",
    r"tells": "shows, says, reports",
    r"some \d[\d,]*|some (ten|twenty|thirty|forty|fifty|hundred)": "about",
    r"in order(?! to)(?=[,.;:])|anew": "cleanly, again",
    r"honest": "the right error, an error",
    r"with commas between": "separated by commas",
    r"as Bearer": "as a bearer token",
    r"belongs? into": "belongs in",
    r"passe[sd] by": "skips, ignores",
    r"(?<=,) too(?=[.,;:)|])": "also",
}
HABIT = re.compile(rf"(?:^|(?<=[^\w-]))(?:{'|'.join(HABITS)})(?![\w-])", re.I)


def text(page: Path) -> str:
    """A page's text."""
    return page.read_text(encoding="utf-8")


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


def headings(page: Path) -> list[str]:
    """All headings of a page."""
    return re.findall(r"^#+ (.+)$", text(page), re.M)


def anchors(page: Path) -> set[str]:
    """All anchors of a page."""
    return {slug(each) for each in headings(page)} | set(
        re.findall(r'<a id="([^"]+)">', text(page))
    )


def broken_links(page: Path) -> Iterator[str]:
    """Links of a page that lead nowhere in the checkout."""
    for match in LINK.finditer(text(page)):
        target = page.parent / match["path"] if match["path"] else page
        anchor = match["anchor"]
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield match[0]


def unwrapped(file: Path) -> str:
    """A file's text, with comments and paragraphs that span lines made one line."""
    return re.sub(r"\s*\n[ \t]*(?:# ?)?", " ", text(file))


def broken_citations(file: Path) -> Iterator[str]:
    """Citations of facts that a reader could not follow to a heading."""
    for match in CITATION.finditer(unwrapped(file)):
        page, heading = ROOT / "docs/facts" / match["page"], match["heading"]
        # a link of a page has its anchor instead, which is a link's to check
        if heading is None and file.suffix == ".md":
            there = page.exists()
        else:
            there = page in FACTS and heading in headings(page)
        if not there:
            yield match[0]


def commands(page: Path) -> Iterator[str]:
    """The streamr command lines of a page's code, comments left out."""
    blocks = BLOCK.findall(text(page))
    lines = [line for block in blocks for line in block.splitlines()]
    for code in [*lines, *SPAN.findall(BLOCK.sub("", text(page)))]:
        match = COMMAND.match(code)
        if match and match["rest"] != NO_COMMAND:
            yield match["rest"].strip()


def stumbles(file: Path) -> Iterator[str]:
    """Habits of a file's sentences, with the words around them. Code does not count."""
    said = text(file)
    if file.suffix == ".md":
        said = SPAN.sub("`…`", BLOCK.sub("", said))
    else:
        said = unwrapped(file)
    said = " ".join(said.split())
    for match in HABIT.finditer(said):
        yield f"…{said[max(0, match.start() - 30) : match.end() + 20]}…"


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

    def test_every_page_of_facts_is_reached_from_their_readme(self) -> None:
        readme = text(ROOT / "docs/facts" / "README.md")
        for page in FACTS:
            self.assertTrue(page.stem == "README" or f"]({page.name})" in readme, page)

    def test_every_fact_cited_has_a_heading_that_can_be_opened(self) -> None:
        self.assert_none({str(file): list(broken_citations(file)) for file in CITING})

    def test_no_comment_cites_facts_that_are_not_in_the_repository(self) -> None:
        self.assert_none(
            {
                str(file): HOMELESS.findall(unwrapped(file))
                for file in CITING
                if file.suffix != ".md"
            }
        )

    def test_nothing_is_written_in_words_that_make_a_reader_stop(self) -> None:
        self.assert_none(
            {file.name: list(stumbles(file)) for file in [*PAGES, *COPIED]}
        )

    def test_tmdbs_notice_stands_in_its_own_words(self) -> None:
        for page in (ROOT / "README.md", ROOT / "docs/terms.md"):
            self.assertIn(NOTICE, " ".join(text(page).split()), page)
