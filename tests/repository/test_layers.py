"""Keeps the house's import table: who may know whom. It names file and line."""

from __future__ import annotations

import ast
import re
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]
# One underscore before a part of a dependency's name; two, as in __version__, are fine.
PRIVATE = re.compile(r"(^|\.)_(?!_)")
REACTOR = "twisted.internet.reactor"
# Everybody may say which version this is.
VERSION = "streamr.__version__"
MAY_USE_THE_REACTOR = {
    "streamr.service",
    "streamr.commands.run",
    "streamr.commands.demo",
    "streamr.commands.doctor",
    "streamr.simulator.__main__",
}
# What each room may import beside the standard library: the longest name that fits
# counts, and what has no row may import nothing.
_SPINE = (
    "streamr.errors streamr.net.networks streamr.boundaries streamr.interfaces "
    "streamr.eventloop "
)
_KNOWN = _SPINE + "streamr.policy streamr.tmdb streamr.fields "
_WEB = (
    "streamr.web.access streamr.web.callers streamr.web.hosts streamr.web.page "
    "streamr.web.router "
)
_APP = _KNOWN + (
    "streamr.app streamr.config streamr.downstream streamr.gateway streamr.observe "
    "streamr.routing streamr.shared "
    "streamr.store streamr.upstream streamr.web streamr.net.keypins twisted "
)
_UPSTREAM = _KNOWN + "streamr.upstream treq twisted zope "
_SIM = "streamr.simulator."
_EVIDENCE = "streamr.errors streamr.doctor.evidence streamr.doctor.diagnosis "
TABLE = {
    "streamr": "streamr.net.inherited",
    "streamr.errors": "",
    "streamr.net": "",
    "streamr.net.keypins": "streamr.errors",
    "streamr.boundaries": "streamr.errors",
    "streamr.interfaces": "streamr.errors streamr.boundaries twisted.internet.defer "
    "twisted.internet.interfaces",
    "streamr.eventloop": "twisted.internet.interfaces twisted.internet.abstract",
    "streamr.fields": "streamr.errors streamr.boundaries streamr.fields http_sf",
    "streamr.policy": "streamr.errors streamr.boundaries streamr.interfaces "
    "streamr.policy brotli",
    "streamr.tmdb": "streamr.errors streamr.boundaries streamr.policy streamr.tmdb",
    "streamr.config": "streamr.boundaries streamr.errors streamr.net.inherited "
    "streamr.net.keypins streamr.net.networks streamr.tmdb streamr.config dotenv",
    "streamr.store": _SPINE + "streamr.policy streamr.store twisted zope",
    "streamr.routing": _SPINE + "streamr.policy streamr.routing twisted zope",
    "streamr.observe": _SPINE + "streamr.policy.redact streamr.observe twisted zope",
    "streamr.observe.measures": "streamr.errors streamr.policy.retry",
    "streamr.observe.metrics": _SPINE + "streamr.observe prometheus_client",
    "streamr.observe.counters": "streamr.observe.measures prometheus_client",
    "streamr.observe.scraped": "streamr.observe streamr.policy.breaker "
    "prometheus_client",
    "streamr.upstream": _UPSTREAM,
    "streamr.upstream.resolve.http_wire": _UPSTREAM + "h11 h2",
    "streamr.upstream.url": _UPSTREAM + "hyperlink",
    "streamr.upstream.dial.tls": _UPSTREAM + "streamr.net.doors streamr.net.keypins "
    "OpenSSL cryptography service_identity",
    "streamr.gateway": _SPINE + "streamr.policy streamr.routing streamr.gateway "
    "twisted.internet.defer twisted.internet.interfaces twisted.logger "
    "twisted.python.failure",
    "streamr.downstream": _SPINE + "streamr.tmdb.tags streamr.downstream twisted",
    "streamr.shared": _SPINE + "streamr.policy streamr.shared streamr.store.record "
    "streamr.tmdb.tags hiredis twisted zope",
    "streamr.openapi": "streamr.errors streamr.fields streamr.openapi streamr.policy "
    "streamr.tmdb",
    "streamr.web": _WEB + "streamr.errors streamr.net.networks streamr.boundaries "
    "streamr.interfaces "
    "streamr.fields streamr.tmdb.parameters twisted.internet.defer",
    "streamr.web.server": _WEB
    + _SPINE
    + "streamr.fields.names streamr.web.server twisted zope",
    "streamr.web.server.certificates": "streamr.errors streamr.net.keypins "
    "cryptography",
    "streamr.web.server.authority": "streamr.net.doors streamr.web.server.certificates "
    "cryptography",
    "streamr.web.server.tls": "streamr.net.doors streamr.web.server.authority "
    "streamr.web.server.certificates OpenSSL "
    "twisted.internet.interfaces twisted.protocols.tls zope",
    "streamr.web.api": _WEB + _KNOWN + "streamr.gateway streamr.web.api "
    "streamr.web.server twisted",
    "streamr.web.api.door": _WEB + "streamr.errors streamr.net.doors "
    "streamr.net.networks streamr.tmdb.images streamr.tmdb.target "
    "streamr.web.api.target streamr.web.server.request "
    "streamr.web.server.transport",
    "streamr.web.pages": _WEB + _KNOWN + "streamr.gateway streamr.openapi "
    "streamr.routing streamr.web.api streamr.web.pages twisted.internet",
    "streamr.web.status": _WEB + _KNOWN + "streamr.gateway streamr.observe.history "
    "streamr.observe.troubles streamr.routing streamr.web.pages streamr.web.status "
    "twisted.internet",
    "streamr.web.demo": _WEB + _KNOWN + "streamr.gateway streamr.web.demo "
    "twisted.internet",
    "streamr.app": _APP,
    "streamr.terminal": "streamr.config streamr.errors streamr.fields "
    "streamr.net.doors streamr.net.inherited streamr.net.keypins streamr.terminal rich",
    "streamr.service": _APP + "streamr.net.inherited streamr.terminal",
    "streamr.doctor": "",
    "streamr.doctor.diagnosis": _EVIDENCE + "streamr.net.networks",
    "streamr.doctor.report": _EVIDENCE + "streamr.doctor.report streamr.policy.redact "
    "streamr.terminal rich",
    "streamr.doctor.probe": _EVIDENCE + _SPINE + "streamr.app streamr.config "
    "streamr.doctor.probe streamr.fields streamr.observe.lag streamr.policy "
    "streamr.net.keypins streamr.terminal.door streamr.terminal.findings "
    "streamr.terminal.health streamr.tmdb streamr.upstream twisted zope",
    "streamr.doctor.probe.sampling": "",
    "streamr.commands": "streamr twisted",
    "streamr.commands.selfcheck": "streamr.terminal twisted treq",
    "streamr.cli": "streamr",
    "streamr.simulator": "streamr.simulator twisted",
    f"{_SIM}tmdb": f"{_SIM}tmdb",
    f"{_SIM}pictures": f"{_SIM}pictures {_SIM}tmdb",
    f"{_SIM}faults": f"{_SIM}faults {_SIM}tmdb",
    f"{_SIM}hosts": f"{_SIM}hosts {_SIM}faults {_SIM}pictures {_SIM}tmdb twisted zope",
    f"{_SIM}hosts.certificates": "twisted.internet.ssl cryptography",
    f"{_SIM}surroundings": f"{_SIM}surroundings {_SIM}hosts {_SIM}tmdb twisted zope",
}
# The rooms whose folders do not import each other in a circle, either.
FOLDERS_WITHOUT_CIRCLES = ("streamr.doctor", "streamr.simulator", "streamr.web")

PAGE = ROOT / "docs/architecture.md"
BEGIN = "<!-- layers: written by python -m tests.repository.test_layers -->\n"
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
    return "\n".join([*lines, f"\nOnly these may import the reactor: {reactor}.\n"])


def in_page(text: str) -> str:
    """The page's text with the table brought up to date."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}{markdown()}{END}{rest.partition(END)[2]}"


def imports(node: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and full name of each import; those for type checkers alone count, too."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                yield from ((child.lineno, each.name) for each in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                parts = package.split(".")[: 1 - level or None] if level else []
                source = ".".join([*parts, *([module] if module else [])])
                yield from ((child.lineno, f"{source}.{each.name}") for each in names)
            case _:
                yield from imports(child, package)


def within(name: str, places: str) -> bool:
    """Whether a name is one of the places or inside one."""
    return any(f"{name}.".startswith(f"{place}.") for place in places.split())


def row_of(module: str) -> str | None:
    """The row for a module: the longest name that fits. The row of `streamr` itself
    is for its `__init__` alone."""
    fitting = [each for each in TABLE if within(module, each) and each != "streamr"]
    return max(fitting, key=len, default="streamr" if module == "streamr" else None)


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
    if name == VERSION:
        return True
    row = row_of(module)
    return row is not None and within(name, TABLE[row])


def package_of(path: str) -> str:
    """The package that a file stands in: `streamr/web/router.py` → `streamr.web`."""
    return ".".join(path.split("/")[:-1])


def module_of(path: str) -> str:
    """The module that a file is: `streamr/web/router.py` → `streamr.web.router`."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def violations(source: str, path: str) -> list[str]:
    """Each forbidden import of a file, as `path:line: who imports what`."""
    module, package = module_of(path), package_of(path)
    return [
        f"{path}:{line}: {module} may not import {name}"
        for line, name in imports(ast.parse(source), package)
        if not allowed(module, name)
    ]


def graph(files: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Which of the modules imports which, from (path, source) pairs."""
    sources = {module_of(path): (path, source) for path, source in files}
    found: dict[str, set[str]] = {}
    for module, (path, source) in sources.items():
        names = {name for _, name in imports(ast.parse(source), package_of(path))}
        # `from package import module` names a module, `from module import name` a name
        targets = (
            each if each in sources else each.rpartition(".")[0] for each in names
        )
        found[module] = {each for each in targets if each in sources} - {module}
    return found


def circles(arrows: Mapping[str, Collection[str]]) -> list[str]:
    """Each circle once, as `a → b → a`, the shortest way round."""
    found = set()
    for start in arrows:
        way = _way_back(start, arrows)
        if way is not None:
            turn = way.index(min(way))
            ring = (*way[turn:], *way[:turn])
            found.add(" → ".join((*ring, ring[0])))
    return sorted(found)


def _way_back(start: str, arrows: Mapping[str, Collection[str]]) -> list[str] | None:
    """The shortest way from a place back to itself."""
    waiting, seen = deque([[start]]), {start}
    while waiting:
        way = waiting.popleft()
        for each in sorted(arrows.get(way[-1], ())):
            if each == start:
                return way
            if each not in seen:
                seen.add(each)
                waiting.append([*way, each])
    return None


def between_rooms(
    arrows: Mapping[str, Collection[str]], rooms: Callable[[str], str]
) -> dict[str, set[str]]:
    """The arrows between rooms, from those between modules."""
    found: dict[str, set[str]] = {}
    for module, targets in arrows.items():
        here = rooms(module)
        found.setdefault(here, set()).update(map(rooms, targets))
        found[here].discard(here)
    return found


def top_room(module: str) -> str:
    """`streamr.web.status.words` is in the room `streamr.web`."""
    return ".".join(module.split(".")[:2])


def folder(module: str) -> str:
    """The folder that a module stands in: `streamr.web.api.cors` in `streamr.web.api`,
    `streamr.web.router` in `streamr.web`; a package's own text in the package."""
    is_package = ROOT.joinpath(*module.split(".")).is_dir()
    return module if is_package else module.rpartition(".")[0]


def of_room(
    arrows: Mapping[str, Collection[str]], room: str
) -> dict[str, Collection[str]]:
    """The arrows that begin in one room: a circle of theirs does not leave it."""
    return {each: to for each, to in arrows.items() if within(each, room)}


def everything() -> Iterator[tuple[str, str]]:
    """Path and source of each module."""
    for file in sorted((ROOT / "streamr").rglob("*.py")):
        yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


class Layers(SynchronousTestCase):
    """The table holds, and the checker would see it if it did not."""

    def test_every_module_keeps_to_the_table(self) -> None:
        found = [
            violation
            for path, source in everything()
            for violation in violations(source, path)
        ]
        self.assertEqual([], found, "\n".join(["", *found]))

    def test_every_module_has_a_row_and_every_row_a_module(self) -> None:
        modules = {module_of(path) for path, _ in everything()}
        # the row of the package itself is for its __init__ alone
        self.assertEqual([], sorted(each for each in modules if row_of(each) is None))
        self.assertEqual([], sorted(each for each in TABLE if each not in modules))

    def test_no_files_import_each_other_in_a_circle(self) -> None:
        self.assertEqual([], circles(graph(everything())))

    def test_no_rooms_import_each_other_in_a_circle(self) -> None:
        rooms = between_rooms(graph(everything()), top_room)
        self.assertEqual([], circles(rooms))

    def test_no_folders_of_a_room_import_each_other_in_a_circle(self) -> None:
        arrows = between_rooms(graph(everything()), folder)
        for room in FOLDERS_WITHOUT_CIRCLES:
            self.assertEqual([], circles(of_room(arrows, room)), room)

    def test_a_module_stands_in_its_folder_and_a_package_in_itself(self) -> None:
        for module, expected in (
            ("streamr.web.api.cors", "streamr.web.api"),
            ("streamr.web.router", "streamr.web"),
            ("streamr.web.api", "streamr.web.api"),
            ("streamr.errors", "streamr"),
        ):
            self.assertEqual(expected, folder(module), module)

    def test_folders_count_within_their_room_alone(self) -> None:
        files = [
            ("streamr/a/x/one.py", "from streamr.a import two"),
            ("streamr/a/two.py", "from streamr.a.y import three"),
            ("streamr/a/y/three.py", "import streamr.a.x.four, streamr.b.five"),
            ("streamr/a/x/four.py", ""),
            ("streamr/b/five.py", "import streamr.a.two"),
        ]
        arrows = between_rooms(graph(files), folder)
        self.assertEqual(
            ["streamr.a → streamr.a.y → streamr.a.x → streamr.a"],
            circles(of_room(arrows, "streamr.a")),
        )
        self.assertEqual([], circles(of_room(arrows, "streamr.b")))

    def test_a_circle_is_told_once_and_by_its_way(self) -> None:
        files = [
            ("streamr/a/one.py", "from streamr.b import two"),
            (
                "streamr/b/two.py",
                "if TYPE_CHECKING:\n  import streamr.c.three",
            ),
            ("streamr/c/three.py", "def f():\n    import streamr.a.one"),
            ("streamr/c/four.py", "from streamr.a.one import y"),
        ]
        self.assertEqual(
            ["streamr.a.one → streamr.b.two → streamr.c.three → streamr.a.one"],
            circles(graph(files)),
        )
        self.assertEqual(
            ["streamr.a → streamr.b → streamr.c → streamr.a"],
            circles(between_rooms(graph(files), top_room)),
        )

    def test_the_architecture_page_shows_the_table(self) -> None:
        text = PAGE.read_text(encoding="utf-8")
        self.assertEqual(
            in_page(text), text, "run python -m tests.repository.test_layers"
        )

    def test_a_violation_names_file_line_and_both_sides(self) -> None:
        source = "import re\nfrom twisted.internet.defer import Deferred\n"
        self.assertEqual(
            [
                "streamr/policy/routing.py:2: streamr.policy.routing may not import "
                "twisted.internet.defer.Deferred"
            ],
            violations(source, "streamr/policy/routing.py"),
        )

    def test_the_checker_sees_every_form_of_import(self) -> None:
        for path, forbidden in (
            ("streamr/errors.py", "import streamr.gateway.gateway"),
            ("streamr/boundaries.py", "def f():\n    from streamr import policy"),
            ("streamr/policy/routing.py", "from ..upstream import tap"),
            ("streamr/policy/routing.py", "from .. import gateway"),
            ("streamr/upstream/origin.py", "from OpenSSL import SSL"),
            ("streamr/observe/log.py", "from streamr.policy.routing import plan"),
            (
                "streamr/web/server/site.py",
                "from streamr.upstream.origin import TMDBRoute",
            ),
            ("streamr/web/server/site.py", "from twisted.internet import reactor"),
            ("streamr/app/sockets.py", "import twisted.internet.reactor"),
            ("streamr/errors.py", "if TYPE_CHECKING:\n  pass\nelse:\n  import treq"),
            ("streamr/service.py", "from twisted.web._newclient import HTTPParser"),
            ("streamr/service.py", "from twisted.web.client import _HTTP11Factory"),
            ("streamr/simulator/service.py", "from streamr.tmdb.catalogue import load"),
            ("streamr/simulator/tmdb/world.py", "from ..faults.table import parse"),
            ("streamr/simulator/hosts/front.py", "from OpenSSL import SSL"),
            ("streamr/simulator/__init__.py", "from .. import catalogue"),
            ("streamr/errors.py", "if TYPE_CHECKING:\n    import treq"),
            ("streamr/nobody.py", "from streamr.errors import Fault"),
            ("streamr/nobody.py", "import zope"),
        ):
            self.assertEqual(1, len(violations(forbidden, path)), (path, forbidden))

    def test_what_is_allowed_passes(self) -> None:
        for path, source in (
            ("streamr/policy/routing.py", "from ..errors import Fault"),
            ("streamr/policy/routing.py", "from . import redact"),
            ("streamr/policy/__init__.py", "from .plan import plan"),
            ("streamr/upstream/dial/tls.py", "from OpenSSL import SSL"),
            ("streamr/service.py", "from twisted.internet import reactor"),
            ("streamr/commands/run.py", "from twisted import __version__"),
            ("streamr/interfaces.py", "from twisted.internet.defer import Deferred"),
            ("streamr/nobody.py", "import json"),
        ):
            self.assertEqual([], violations(source, path), (path, source))


if __name__ == "__main__":
    PAGE.write_text(in_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
