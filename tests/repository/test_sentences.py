"""What the code says to people, it says in words that a reader does not stop at."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.repository.test_docs import HABITS

ROOT = Path(__file__).resolve().parents[2]
# Beside the habits of the pages: what they look like in messages, and instead of what.
IN_MESSAGES = {
    r"(that|it|which) is no \w+": "is not a",
    r"(?<!there) is no (IP|host|TMDB|http|port|origin|path|template)": "is not",
    r"cannot be …; allowed": "is …; allowed",
    r"else than": "other than",
    r"wants": "needs",
    r"word too many": "unexpected argument",
    r"(allowed|known) are": "allowed, known",
    r"stands? (behind|beside)": "comes after",
    r"in the place of": "instead of",
    r"(?-i:our|us|we)": "streamr",
    r"beyond (this|our|the)": "larger than, outside",
    r"works again": "recovered",
    r"on the way": "on the path",
}
STUMBLES = re.compile(
    rf"(?:^|(?<=[^\w/-]))(?:{'|'.join([*HABITS, *IN_MESSAGES])})(?![\w-])", re.I
)
# What is said in a script of the page: its strings.
SCRIPT = re.compile(r'"([^"\n]*)"|`([^`]*)`')


def joined(node: ast.Constant | ast.JoinedStr) -> str:
    """A string as the code writes it, with … for what is filled in."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(
        str(each.value) if isinstance(each, ast.Constant) else "…" for each in parts
    )


def unsaid(node: ast.AST) -> Iterator[ast.AST]:
    """What below a node is a piece of another string, or a docstring: that is for who
    reads the code. An option's is its help."""
    if isinstance(node, ast.JoinedStr):
        yield from (each for each in ast.walk(node) if each is not node)
    if isinstance(node, ast.FunctionDef) and node.name.startswith("opt_"):
        return
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.Expr):
            yield each.value


def sentences(source: str) -> Iterator[str]:
    """The strings of a module that a person may read."""
    nodes = list(ast.walk(ast.parse(source)))
    left_out = {id(each) for node in nodes for each in unsaid(node)}
    for node in nodes:
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in left_out:
            yield joined(node)


def said_by(file: Path) -> Iterator[str]:
    """The same of a file, a page's script included."""
    source = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        yield from sentences(source)
    else:
        yield from (one or other for one, other in SCRIPT.findall(source))


def stumbles(said: str) -> Iterator[str]:
    """Habits in what is said, with the words around them. One word is a name."""
    said = " ".join(said.split())
    if " " in said:
        for match in STUMBLES.finditer(said):
            yield said[max(0, match.start() - 30) : match.end() + 20]


class Sentences(SynchronousTestCase):
    """Messages, help, errors and the page's words."""

    def test_nothing_that_is_said_has_a_habit(self) -> None:
        found = {
            f"{file.relative_to(ROOT)}": told
            for kind in ("*.py", "*.js")
            for file in sorted((ROOT / "streamr").rglob(kind))
            if (told := [each for said in said_by(file) for each in stumbles(said)])
        }
        self.assertEqual({}, found)

    def test_a_habit_is_found_in_each_form(self) -> None:
        for source, found in (
            ("raise ValueError('that is no port')", ["that is no port"]),
            ("raise E(f'{name} cannot be {x!r}; allowed: 1')", ["… cannot be …; allo"]),
            ("about = 'watches it, ' 'and heals it'", ["watches it, and heals it"]),
            ("say('send it as Bearer')", ["send it as Bearer"]),
            ("def opt_x(self):\n    'What it tells.'", ["What it tells."]),
            ("say('the head of a body beyond our limit')", ["body beyond our limit"]),
        ):
            told = [each for said in sentences(source) for each in stumbles(said)]
            self.assertEqual(len(told), len(found), source)
            self.assertIn(found[0], told[0], source)

    def test_what_nobody_reads_is_left_out(self) -> None:
        for source in (
            "'What it tells.'",
            "def f():\n    'What it tells.'",
            "class A:\n    x = 1\n    'What it tells.'",
            "PATH = '/demo/heal'",
            "NAME = 'heals'",
            "raise E('there is no port')",
            "say('a country such as US')",
            "say(f'{host.heals} works')",
        ):
            told = [each for said in sentences(source) for each in stumbles(said)]
            self.assertEqual([], told, source)
