"""Keeps the house's import table: who may know whom. It names file and line."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent
# One underscore before a part of a dependency's name; two, as in __version__, are fine.
PRIVATE = re.compile(r"(^|\.)_(?!_)")
REACTOR = "twisted.internet.reactor"
MAY_USE_THE_REACTOR = {
    "streamr.service",
    "streamr.commands.run",
    "streamr.commands.demo",
    "streamr.commands.doctor",
    "streamr.simulator.__main__",
}
# What each layer may import beside the standard library: the longest name that fits
# counts. Modules that stand at the top and not here build the rest: they may know all.
_INNER = "streamr.errors streamr.boundaries "
_UPSTREAM = _INNER + (
    "streamr.flush streamr.policy streamr.upstream twisted treq zope "
)
_CONDUCTOR = _INNER + (
    "streamr.catalogue streamr.policy twisted.logger twisted.internet.defer "
    "twisted.internet.interfaces twisted.python.failure "
)
_WEB = _INNER + (
    "streamr.catalogue streamr.flush streamr.gateway streamr.health streamr.openapi "
    "streamr.policy streamr.turns streamr.web streamr.__version__ twisted.web "
    "twisted.internet twisted.logger twisted.python zope.interface"
)
_EVIDENCE = "streamr.doctor.evidence streamr.doctor.arms streamr.doctor.verdicts "
_JUDGES = (
    "streamr.doctor.facts streamr.doctor.judge_ways streamr.doctor.judge_tls "
    "streamr.doctor.judge_http"
)
TABLE = {
    "streamr.errors": "",
    "streamr.boundaries": "streamr.errors",
    "streamr.policy": _INNER + "streamr.policy http_sf brotli",
    "streamr.flush": "twisted.internet.abstract",
    "streamr.turns": "twisted.internet.interfaces",
    "streamr.collapse": "streamr.turns twisted.internet.defer "
    "twisted.internet.interfaces twisted.python.failure",
    "streamr.store": _INNER + "streamr.store streamr.policy twisted zope",
    "streamr.caching": _CONDUCTOR + "streamr.collapse streamr.ways",
    "streamr.catalogue": _INNER + "streamr.policy",
    "streamr.parsing": "streamr.catalogue",
    "streamr.settings": "streamr.errors streamr.parsing",
    "streamr.reading": "streamr.errors streamr.parsing streamr.settings dotenv",
    "streamr.upstream": _UPSTREAM,
    "streamr.upstream.tls": _UPSTREAM + "OpenSSL cryptography service_identity",
    "streamr.observe": _INNER + "streamr.observe streamr.policy.redact streamr.turns "
    "twisted zope",
    "streamr.observe.measures": "streamr.errors streamr.policy.retry",
    "streamr.observe.metrics": _INNER + "streamr.observe prometheus_client",
    "streamr.observe.scraped": "streamr.observe streamr.policy.breaker "
    "prometheus_client",
    "streamr.openapi": _INNER + "streamr.catalogue streamr.policy streamr.openapi "
    "streamr.__version__",
    "streamr.health": _CONDUCTOR,
    "streamr.hedging": _CONDUCTOR,
    "streamr.ways": _CONDUCTOR + "streamr.health streamr.hedging twisted.internet.task",
    "streamr.gateway": _CONDUCTOR + "streamr.caching streamr.ways",
    "streamr.web": _WEB,
    "streamr.web.status": _WEB + " streamr.observe.history streamr.observe.troubles",
    "streamr.simulator": "streamr.simulator twisted zope OpenSSL cryptography",
    "streamr.look": "rich",
    # a composition root, like what stands at the top: each command builds what it needs
    "streamr.commands": "streamr twisted",
    "streamr.doctor": "streamr twisted zope",
    "streamr.doctor.arms": "",
    "streamr.doctor.evidence": "",
    "streamr.doctor.verdicts": "",
    "streamr.doctor.facts": "streamr.errors " + _EVIDENCE,
    **{
        f"streamr.doctor.{name}": "streamr.errors " + _EVIDENCE + _JUDGES
        for name in ("judge", "judge_ways", "judge_tls", "judge_http")
    },
}

PAGE = ROOT / "docs/architecture.md"
BEGIN = "<!-- layers: written by python -m tests.test_layers -->\n"
END = "<!-- end of layers -->\n"


def markdown() -> str:
    """The table, as docs/architecture.md shows it."""
    lines = ["| layer | may import from streamr | and from outside |", "|---|---|---|"]
    for layer, places in TABLE.items():
        names = sorted(set(places.split()))
        ours = [each for each in names if within(each, "streamr")]
        others = [each for each in names if each not in ours]
        cells = (", ".join(f"`{each}`" for each in part) for part in (ours, others))
        lines.append(
            f"| `{layer}` | {' | '.join(cell or 'nothing' for cell in cells)} |"
        )
    reactor = ", ".join(f"`{each}`" for each in sorted(MAY_USE_THE_REACTOR))
    return "\n".join([*lines, f"\nThe reactor: {reactor}.\n"])


def in_page(text: str) -> str:
    """The page's text with the table brought up to date."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{markdown()}{END}{rest.partition(END)[2]}"


def imports(node: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and full name of each import, those for type checkers left out."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                yield from ((child.lineno, each.name) for each in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                parts = package.split(".")[: 1 - level or None] if level else []
                source = ".".join([*parts, *([module] if module else [])])
                yield from ((child.lineno, f"{source}.{each.name}") for each in names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=orelse):
                yield from imports(ast.Module(orelse, []), package)
            case _:
                yield from imports(child, package)


def within(name: str, places: str) -> bool:
    """Whether a name is one of the places or inside one."""
    return any(f"{name}.".startswith(f"{place}.") for place in places.split())


def allowed(module: str, name: str) -> bool:
    """Whether the table lets a module import a name."""
    top = name.partition(".")[0]
    if top != "streamr":
        if name == REACTOR or name.startswith(f"{REACTOR}."):
            return module in MAY_USE_THE_REACTOR
        if top in sys.stdlib_module_names:
            return True
        if PRIVATE.search(name):
            return False
    layers = [layer for layer in TABLE if within(module, layer)]
    return not layers or within(name, TABLE[max(layers, key=len)])


def violations(source: str, path: str) -> list[str]:
    """Each forbidden import of a file, as `path:line: who imports what`."""
    parts = path.removesuffix(".py").split("/")
    package = ".".join(parts[:-1])
    module = package if parts[-1] == "__init__" else ".".join(parts)
    return [
        f"{path}:{line}: {module} may not import {name}"
        for line, name in imports(ast.parse(source), package)
        if not allowed(module, name)
    ]


class Layers(SynchronousTestCase):
    """The table holds, and the checker would see it if it did not."""

    def test_every_module_keeps_to_the_table(self) -> None:
        found = [
            violation
            for file in sorted((ROOT / "streamr").rglob("*.py"))
            for violation in violations(
                file.read_text(encoding="utf-8"), file.relative_to(ROOT).as_posix()
            )
        ]
        self.assertEqual([], found, "\n".join(["", *found]))

    def test_every_folder_of_modules_has_a_row(self) -> None:
        folders = {
            f"streamr.{each.parent.name}" for each in ROOT.glob("streamr/*/*.py")
        }
        self.assertEqual(set(), folders - TABLE.keys())

    def test_the_architecture_page_shows_the_table(self) -> None:
        text = PAGE.read_text(encoding="utf-8")
        self.assertEqual(in_page(text), text, "run python -m tests.test_layers")

    def test_a_violation_names_file_line_and_both_sides(self) -> None:
        source = "import re\nfrom twisted.internet.defer import Deferred\n"
        self.assertEqual(
            [
                "streamr/policy/plan.py:2: streamr.policy.plan may not import "
                "twisted.internet.defer.Deferred"
            ],
            violations(source, "streamr/policy/plan.py"),
        )

    def test_the_checker_sees_every_form_of_import(self) -> None:
        for path, forbidden in (
            ("streamr/errors.py", "import streamr.gateway"),
            ("streamr/boundaries.py", "def f():\n    from streamr import policy"),
            ("streamr/policy/plan.py", "from ..upstream import tap"),
            ("streamr/policy/plan.py", "from .. import gateway"),
            ("streamr/upstream/route.py", "from OpenSSL import SSL"),
            ("streamr/observe/log.py", "from streamr.policy.plan import plan"),
            ("streamr/web/site.py", "from streamr.upstream.route import TMDBRoute"),
            ("streamr/web/site.py", "from twisted.internet import reactor"),
            ("streamr/ports.py", "import twisted.internet.reactor"),
            ("streamr/errors.py", "if TYPE_CHECKING:\n  pass\nelse:\n  import treq"),
            ("streamr/service.py", "from twisted.web._newclient import HTTPParser"),
            ("streamr/service.py", "from twisted.web.client import _HTTP11Factory"),
            ("streamr/simulator/site.py", "from streamr.catalogue import load"),
            ("streamr/simulator/__init__.py", "from .. import catalogue"),
        ):
            self.assertEqual(1, len(violations(forbidden, path)), (path, forbidden))

    def test_what_is_allowed_passes(self) -> None:
        for path, source in (
            ("streamr/policy/plan.py", "from ..errors import Fault"),
            ("streamr/policy/plan.py", "from . import redact"),
            ("streamr/policy/__init__.py", "from .plan import plan"),
            ("streamr/upstream/tls.py", "from OpenSSL import SSL"),
            ("streamr/service.py", "from twisted.internet import reactor"),
            ("streamr/cli.py", "from twisted import __version__"),
            (
                "streamr/boundaries.py",
                "if TYPE_CHECKING:\n    from twisted.internet.defer import Deferred",
            ),
        ):
            self.assertEqual([], violations(source, path), (path, source))


if __name__ == "__main__":
    PAGE.write_text(in_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
