"""docs/troubleshooting.md has a row for each message that streamr can log or print."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import CAUSES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
# Where what is said at the start, or printed by a command, is made.
SPEAKERS = (
    *("streamr/app/", "streamr/config/load.py", "streamr/config/settings.py"),
    *("streamr/config/sockets.py", "streamr/config/typos.py"),
    *("streamr/config/state.py", "streamr/config/warm.py"),
    *("streamr/web/server/certificates.py", "streamr/terminal/files.py"),
    *("streamr/commands/peer.py", "streamr/commands/door.py"),
    *("streamr/tmdb/tags.py", "streamr/downstream/purger.py", "streamr/shared/tier.py"),
    "streamr/service.py",
    *("streamr/commands/selfcheck.py", "streamr/terminal/client.py"),
    *("streamr/terminal/daemon.py", "streamr/terminal/health.py"),
)
# The calls that make it, and the log's own for what deserves a look.
CALLS = {"append", "give_up"}
CALLS |= {
    "CannotListen",
    "NoDaemon",
    "NoLog",
    "SettingsError",
    "TimeoutError",
    "ValueError",
}
# An anchor of the page, and the sentence that it is about.
CODED = "Notice"
LOG_CALLS = {"warn", "error", "failure", "critical"}
# A row's first cell: an anchor that the message's code links to, then the message.
ROW = re.compile(r'^\| <a id="(?P<anchor>[a-z0-9_-]+)"></a>`(?P<message>[^`]+)` \|')
# What only hands a message on, and words that another message holds.
PIECE = re.compile(
    r"…|\S*|… \(pid …\)|; did you mean .*|default: …|unset by default"
    r"|no answer|status …"
)
HOLE = re.compile(r"\{[^}]*\}")


def text_of(node: ast.AST) -> str | None:
    """A string as the code writes it, with … for what is filled in; or None."""
    match node:
        case ast.Constant(value=str(text)):
            return HOLE.sub("…", text)
        case ast.JoinedStr(values=parts):
            return "".join(text_of(each) or "…" for each in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return f"{text_of(left) or '…'}{text_of(right) or '…'}"
    return None


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def log_message(node: ast.Call) -> str | None:
    """The message of a line of the log that deserves a look, or that may."""
    if called(node) in LOG_CALLS and node.args:
        return text_of(node.args[0])
    # its level is found while it runs
    found_late = called(node) in ("emit", "line") and len(node.args) == 2
    return text_of(node.args[1]) if found_late else None


def is_message(target: ast.AST) -> bool:
    """Whether what is assigned to is told later: a constant, or a problem."""
    name = getattr(target, "id", "")
    return bool(name == "problem" or name.isupper())


def spoken(source: str, *, speaker: bool) -> Iterator[str]:
    """The messages of a module: those of its log, and of a speaker all it says."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (logged := log_message(node)):
            yield logged
        elif isinstance(node, ast.Call) and called(node) == CODED:
            yield from filter(None, [text_of(node.args[1])])
        elif speaker and isinstance(node, ast.Call) and called(node) in CALLS:
            for argument in node.args:
                inner = argument.elts if isinstance(argument, ast.List) else [argument]
                yield from filter(None, map(text_of, inner))
        elif speaker and isinstance(node, ast.Assign) and is_message(node.targets[0]):
            yield from filter(None, [text_of(node.value)])
        elif speaker and isinstance(node, ast.Return):
            value = node.value
            inner = value.elts if isinstance(value, ast.List) else [value]
            yield from filter(None, map(text_of, filter(None, inner)))


def coded(source: str) -> Iterator[tuple[str | None, str]]:
    """Code and message of each line of the log that deserves a look."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if message := log_message(node):
            code = next(
                (each.value for each in node.keywords if each.arg == "code"), None
            )
            if isinstance(code, ast.IfExp):
                code = code.body
        elif called(node) == CODED and len(node.args) == 2:
            code, message = node.args[0], text_of(node.args[1])
        else:
            continue
        # what only hands a notice on has the notice's own code
        if message and not PIECE.fullmatch(message):
            yield text_of(code) if code is not None else None, message


def messages() -> set[str]:
    """Everything that is said, but for pieces of a sentence."""
    found: set[str] = set()
    for path in (ROOT / "streamr").rglob("*.py"):
        if "simulator" not in path.parts:
            speaker = path.relative_to(ROOT).as_posix().startswith(SPEAKERS)
            found.update(spoken(path.read_text("utf-8"), speaker=speaker))
    return {each for each in found if not PIECE.fullmatch(each)}


def rows() -> dict[str, str]:
    """The page's anchors, and the message of each."""
    found = [match for line in PAGE.splitlines() if (match := ROW.match(line))]
    anchors = [match["anchor"] for match in found]
    assert len(anchors) == len(set(anchors)), "an anchor stands twice"
    return {match["anchor"]: match["message"] for match in found}


def covers(row: str, message: str) -> bool:
    """Whether a row's message is how that message begins."""
    return message.startswith(row.removesuffix("…"))


class Troubleshooting(SynchronousTestCase):
    """Nothing is said without a row, and no row is left over."""

    def setUp(self) -> None:
        self.rows = rows()
        self.told = {row for anchor, row in self.rows.items() if anchor != row}

    def test_every_fault_has_the_row_that_its_name_links_to(self) -> None:
        linked = {anchor for anchor, row in self.rows.items() if anchor == row}
        self.assertEqual(set(CAUSES), linked)

    def test_every_message_has_a_row(self) -> None:
        missing = [
            message
            for message in sorted(messages())
            if not any(covers(row, message) for row in self.told)
        ]
        self.assertEqual([], missing, "\n".join(["", *missing]))

    def test_every_line_that_deserves_a_look_has_the_code_of_its_row(self) -> None:
        wrong = [
            (code, message)
            for path in (ROOT / "streamr").rglob("*.py")
            if "simulator" not in path.parts
            for code, message in coded(path.read_text("utf-8"))
            if not covers(self.rows.get(code or "", "no such row"), message)
        ]
        self.assertEqual([], wrong)

    def test_a_code_is_found_in_each_form(self) -> None:
        for source, found in (
            ("_log.warn('it broke', code='broke')", ("broke", "it broke")),
            ("_log.failure('{x} broke', failure=f)", (None, "… broke")),
            ("Notice('exposed', f'main on {host}')", ("exposed", "main on …")),
        ):
            self.assertEqual([found], list(coded(source)), source)
        self.assertEqual([], list(coded("_log.warn('{notice}', code=each.code)")))
        self.assertEqual([], list(coded("_log.info('it starts')")))

    def test_every_row_has_a_message(self) -> None:
        said = messages()
        left = [row for row in self.told if not any(covers(row, each) for each in said)]
        self.assertEqual([], left)

    def test_a_message_is_found_in_each_form(self) -> None:
        for speaker, source, message in (
            (False, "_log.warn('the {name} is odd', name=1)", "the … is odd"),
            (False, "_log.failure('it broke', failure=f)", "it broke"),
            (True, "problems.append(f'{name} is ' 'odd')", "… is odd"),
            (True, "raise SettingsError([f'{name} is odd'])", "… is odd"),
            (True, "NOTHING = 'all is ' + 'odd'", "all is odd"),
            (True, "def f():\n    return ['all is odd']", "all is odd"),
        ):
            self.assertEqual([message], list(spoken(source, speaker=speaker)), source)
