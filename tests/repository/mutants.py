"""Changes the core a little, over and over, and tells which changes no test notices.

    .venv/bin/python -m tests.repository.mutants streamr/policy/breaker.py
    .venv/bin/python -m tests.repository.mutants --mirror       # the whole core

A mutant is a module with one change in its syntax tree: a comparison moved to its
neighbour, a condition fixed, a member of a list left out, a statement dropped, a number
moved by one. The tests in memory that import the module, or what imports it, run
against it until one fails: those of its own name first, which with `--mirror` are all,
then the quickest. What takes five times as long as usual has noticed, too. What
survives is printed with its line. A change that cannot be noticed has its reason in
`equivalent_mutants.txt` beside this file. Not in `.ci/run`: the core takes an hour.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.util
import os
import signal
import sys
import tempfile
import time
import unittest
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.txt")
# What decides: its mutants are what the command is for. Adapters have sockets.
CORE = (
    "streamr/policy",
    "streamr/errors.py",
    "streamr/eventloop.py",
    "streamr/fields",
    "streamr/tmdb",
    "streamr/routing",
    "streamr/gateway",
    "streamr/store",
    "streamr/observe/history.py",
    "streamr/observe/troubles.py",
    "streamr/observe/rings.py",
    "streamr/upstream/answer.py",
    "streamr/upstream/body.py",
    "streamr/upstream/classify.py",
    "streamr/upstream/client.py",
    "streamr/upstream/origin.py",
    "streamr/upstream/peer.py",
    "streamr/upstream/ratelimit.py",
    "streamr/upstream/dial/race.py",
    "streamr/upstream/dial/tls.py",
    "streamr/upstream/resolve",
    "streamr/web/access.py",
    "streamr/web/router.py",
    "streamr/web/page.py",
    "streamr/web/api/cors.py",
    "streamr/web/api/render.py",
    "streamr/web/api/target.py",
    "streamr/config/values.py",
)
# A mutant that loops has been noticed after this much of the usual time; time of the
# processor, which other processes do not lengthen. One that waits for nothing is
# noticed after the longest.
PATIENCE = 5
LEAST_SECONDS = 5
MOST_SECONDS = 600
DEAD, ALIVE = 1, 0

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.Pow: ast.Mult,
}
_NOT_RUN = ("annotation", "returns", "type_params", "decorator_list", "bases")
_GENERIC = ("Callable", "Deferred", "dict", "frozenset", "list", "tuple", "type")


class NotMeasured(Exception):
    """What a module's tests would notice is not known; the text says why."""


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    path: str
    function: str  # `Breaker.admit`; `<module>` for what is in none
    line: int
    text: str
    change: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """What stands in the list of those that cannot be noticed."""
        return f"{self.path}: {self.function}: {self.text}: {self.change}"


def _replacements(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], ast.AST]]]:
    """The changes of one node: what each is called, and what makes it of a copy."""
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                for other in _COMPARED[type(op)]:
                    yield _word(op, other), _set_in("ops", at, other())
        case ast.BinOp(op=op) if type(op) in _COMPUTED:
            other_op = _COMPUTED[type(op)]
            yield _word(op, other_op), _set("op", other_op())
        case ast.BoolOp(op=op, values=values):
            swapped = ast.Or if isinstance(op, ast.And) else ast.And
            yield _word(op, swapped), _set("op", swapped())
            for at, value in enumerate(values):
                yield f"without {ast.unparse(value)}", _drop("values", at)
        case ast.UnaryOp(op=ast.Not()):
            yield "without not", lambda copied: copied.operand  # type: ignore[attr-defined]
        case ast.Constant(value=bool() as value):
            yield f"{value} → {not value}", _set("value", not value)
        case ast.Constant(value=int() | float() as value):
            yield f"{value} → {value + 1}", _set("value", value + 1)
        case ast.Tuple(elts=elts, ctx=ast.Load()) | ast.List(elts=elts, ctx=ast.Load()):
            for at, each in enumerate(elts):
                yield f"without member {ast.unparse(each)}", _drop("elts", at)
        case ast.Set(elts=elts) if len(elts) > 1:
            for at, each in enumerate(elts):
                yield f"without member {ast.unparse(each)}", _drop("elts", at)
        case ast.Dict(keys=keys) if all(keys):
            for at, key in enumerate(keys):
                yield f"without key {ast.unparse(key)}", _drop_key(at)  # type: ignore[arg-type]
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            for value in (True, False):
                if not (value and isinstance(node, ast.While)):
                    fixed = ast.copy_location(ast.Constant(value), test)
                    yield f"if {value}", _set("test", fixed)
        case ast.comprehension(ifs=ifs):
            for at, each in enumerate(ifs):
                yield f"without if {ast.unparse(each)}", _drop("ifs", at)
        case ast.Return(value=ast.expr() as value) if not isinstance(
            value, ast.Constant
        ):
            yield "return None", _set("value", ast.Constant(None))
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.AugAssign() | ast.Raise():
            yield f"without {ast.unparse(node)}", _pass
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield f"without {ast.unparse(node)}", _pass
        case ast.Break():
            yield "continue", lambda copied: ast.copy_location(ast.Continue(), copied)
        case ast.Continue():
            yield "break", lambda copied: ast.copy_location(ast.Break(), copied)


def _word(before: ast.AST, after: type[ast.AST]) -> str:
    return f"{type(before).__name__} → {after.__name__}"


def _set(field: str, value: object) -> Callable[[ast.AST], ast.AST]:
    def change(copied: ast.AST) -> ast.AST:
        setattr(copied, field, value)
        return copied

    return change


def _set_in(field: str, at: int, value: object) -> Callable[[ast.AST], ast.AST]:
    def change(copied: ast.AST) -> ast.AST:
        getattr(copied, field)[at] = value
        return copied

    return change


def _drop(field: str, at: int) -> Callable[[ast.AST], ast.AST]:
    def change(copied: ast.AST) -> ast.AST:
        del getattr(copied, field)[at]
        # an "and" of one part is that part
        if isinstance(copied, ast.BoolOp) and len(copied.values) == 1:
            return copied.values[0]
        return copied

    return change


def _drop_key(at: int) -> Callable[[ast.Dict], ast.AST]:
    def change(copied: ast.Dict) -> ast.AST:
        del copied.keys[at], copied.values[at]
        return copied

    return change


def _pass(copied: ast.AST) -> ast.AST:
    return ast.copy_location(ast.Pass(), copied)


@dataclass(frozen=True)
class _Place:
    """A node that runs, where its parent keeps it, and the function it is in."""

    parent: ast.AST
    field: str
    at: int | None
    node: ast.AST
    function: tuple[str, ...]

    def put(self, node: ast.AST) -> None:
        if self.at is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.at] = node


def _places(parent: ast.AST, function: tuple[str, ...] = ()) -> Iterator[_Place]:
    """Each node that runs. What only a type checker reads does not run; what decorates
    is not decided here."""
    if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        function = (*function, parent.name)
    for field, value in ast.iter_fields(parent):
        if field in _NOT_RUN or _is_generic(parent, field):
            continue
        each_at = enumerate(value) if isinstance(value, list) else ((None, value),)
        for at, node in each_at:
            if isinstance(node, ast.AST) and not _is_for_types(node):
                yield _Place(parent, field, at, node, function)
                yield from _places(node, function)


def _is_generic(parent: ast.AST, field: str) -> bool:
    """True for what stands in the brackets of `Deferred[Answer]`."""
    return (
        isinstance(parent, ast.Subscript)
        and field == "slice"
        and isinstance(parent.value, ast.Name)
        and parent.value.id in _GENERIC
    )


def _is_for_types(node: ast.AST) -> bool:
    """True for what is under `if TYPE_CHECKING`."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return False


def mutants(path: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module. Of several with one name, as of the two zeros in one
    line, each but the first has its number, so that a name means one change."""
    lines = source.splitlines()
    tree = ast.parse(source)
    seen: Counter[str] = Counter()
    for place in list(_places(tree)):
        node = place.node
        line = getattr(node, "lineno", getattr(place.parent, "lineno", 1))
        for change, make in _replacements(node):
            place.put(make(copy.deepcopy(node)))
            mutant = Mutant(
                path,
                ".".join(place.function) or "<module>",
                line,
                lines[line - 1].strip(),
                change,
                ast.fix_missing_locations(copy.deepcopy(tree)),
            )
            place.put(node)
            seen[mutant.name] += 1
            if (number := seen[mutant.name]) > 1:
                mutant = replace(mutant, change=f"{change} ({number})")
            yield mutant


class _Finder(MetaPathFinder, InspectLoader):
    """Imports a mutant in place of its module."""

    def __init__(self, name: str, mutant: Mutant) -> None:
        self._name, self._mutant = name, mutant

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        file = ROOT / self._mutant.path
        places = [str(file.parent)] if file.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname, file, loader=self, submodule_search_locations=places
        )

    def get_source(self, fullname: str) -> str:
        return (ROOT / self._mutant.path).read_text(encoding="utf-8")

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.tree, self._mutant.path, "exec"), module.__dict__)


def module_name(path: Path) -> str:
    """`tests/web/api/test_cors.py` → `tests.web.api.test_cors`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(file: Path, modules: set[str]) -> set[str]:
    """The project's modules that a file imports by its own words."""
    from tests.repository.test_layers import imports

    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {
        name for _, name in imports(tree, module_name(file.parent / "__init__.py"))
    }
    return (names | {name.rpartition(".")[0] for name in names}) & modules


def mirror_of(path: str, tests: Iterable[str]) -> list[str]:
    """Those of the tests that have a module's name: the files that mirror it."""
    return sorted(each for each in tests if each.endswith(f".test_{Path(path).stem}"))


def tests_of(path: str) -> list[str]:
    """The tests in memory that import a module, or its users; its mirror first."""
    files = [*(ROOT / "streamr").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    modules = {module_name(each) for each in files}
    graph = {module_name(each): _imported(each, modules) for each in files}
    name = module_name(ROOT / path)
    users = {each for each, names in graph.items() if name in names}
    users |= {each for each, names in graph.items() if names & users}
    # the mirror in the module's own room belongs to it whatever it imports
    room, _, last = name.removeprefix("streamr.").rpartition(".")
    users |= modules & {".".join(filter(None, ("tests", room, f"test_{last}")))}
    chosen = [
        each
        for each in users
        if each.rpartition(".")[2].startswith("test_") and not each.endswith("_sockets")
    ]
    mirror = mirror_of(path, chosen)
    return [*mirror, *sorted(set(chosen) - set(mirror))]


def _run(
    names: Sequence[str],
    costs: Mapping[str, float],
    told: Callable[[str, float], None] | None = None,
) -> int:
    """Run tests in this process, each file's quickest first, until one fails."""
    from twisted.trial.reporter import TestResult
    from twisted.trial.runner import TestLoader

    loader = TestLoader()
    for name in names:
        result = TestResult()
        tests = _flat(loader.loadByName(name))
        for test in sorted(tests, key=lambda each: costs.get(each.id(), 0)):
            began = time.process_time()
            test.run(result)
            if not result.wasSuccessful():
                return DEAD
            if told is not None:
                told(test.id(), time.process_time() - began)
    return ALIVE


def _costs(names: Sequence[str]) -> dict[str, float]:
    """What each test takes without a change, in seconds; all must pass."""
    reading, writing = os.pipe()

    def tell(test: str, seconds: float) -> None:
        os.write(writing, f"{test} {seconds}\n".encode())

    child = _fork(lambda: _run(names, {}, tell), MOST_SECONDS)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = dict(line.split() for line in pipe)
    if os.waitpid(child, 0)[1]:
        last = next(reversed(told), "none")
        raise NotMeasured(f"a test fails without a change, after {last}")
    return {test: float(seconds) for test, seconds in told.items()}


def _flat(suite: unittest.TestSuite | unittest.TestCase) -> Iterator[unittest.TestCase]:
    if isinstance(suite, unittest.TestCase):
        yield suite
    else:
        for each in suite:
            yield from _flat(each)


def _fork(work: Callable[[], int], seconds: float) -> int:
    """Start a process that works for so long at most; returns its id."""
    child = os.fork()
    if child:
        return child
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(MOST_SECONDS)
    status = DEAD
    try:
        quiet = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(quiet, stream)
        status = work()
    finally:
        os._exit(status)
    return 0


def survivors(path: str, chosen: Sequence[str], jobs: int) -> tuple[int, list[Mutant]]:
    """How many mutants there are that could be noticed, and those that are not.

    Raises NotMeasured without tests, and with such as fail without a change.
    """
    excused = {each for each in _excused() if each.startswith(f"{path}: ")}
    made = list(mutants(path, (ROOT / path).read_text(encoding="utf-8")))
    for each in sorted(excused - {mutant.name for mutant in made}):
        print(f"excuses no mutant: {each}", flush=True)
    waiting = [each for each in made if each.name not in excused]
    if waiting and not chosen:
        raise NotMeasured("no tests")
    costs = _costs(chosen)
    seconds = max(LEAST_SECONDS, PATIENCE * sum(costs.values()))
    mirror = mirror_of(path, chosen)
    files = {
        name: sum(each for test, each in costs.items() if test.startswith(f"{name}."))
        for name in chosen
    }
    chosen = sorted(chosen, key=lambda name: (name not in mirror, files[name]))
    count = len(waiting)
    name = module_name(ROOT / path)
    running: dict[int, Mutant] = {}
    alive: list[Mutant] = []
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop(0)

            def work(mutant: Mutant = mutant) -> int:
                sys.meta_path.insert(0, _Finder(name, mutant))
                return _run(chosen, costs)

            running[_fork(work, seconds)] = mutant
        child, status = os.wait()
        ended = running.pop(child)
        if status == ALIVE:
            alive.append(ended)
            print(f"line {ended.line}: {ended.name}", flush=True)
    return count, alive


def _excused() -> set[str]:
    """The mutants that cannot be noticed; an indented line is a reason."""
    if not EQUIVALENT.exists():
        return set()
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines()
    return {each for each in lines if each and not each.startswith((" ", "#"))}


def _preload() -> None:
    """What every child needs, imported once; the reactor must be each child's own."""
    import hypothesis
    import treq  # noqa: F401
    import twisted.trial.unittest
    import twisted.web.server  # noqa: F401

    hypothesis.settings.register_profile(
        "mutants", max_examples=30, database=None, derandomize=True
    )
    hypothesis.settings.load_profile("mutants")
    assert "twisted.internet.reactor" not in sys.modules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=CORE)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tests", nargs="*", help="instead of those that import it")
    parser.add_argument("--mirror", action="store_true", help="those of its name alone")
    options = parser.parse_args()
    _preload()
    # trial's temporary files come to lie in the working folder
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        _measure(options)


def _measure(options: argparse.Namespace) -> None:
    total = noticed = 0
    for place in options.paths:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if file.name == "__init__.py":
                continue  # a docstring alone
            relative = file.relative_to(ROOT).as_posix()
            chosen = options.tests or tests_of(relative)
            if options.mirror:
                chosen = mirror_of(relative, chosen)
            try:
                count, alive = survivors(relative, chosen, options.jobs)
            except NotMeasured as error:
                print(f"{relative}: not measured: {error}", flush=True)
                continue
            total, noticed = total + count, noticed + count - len(alive)
            print(f"{relative}: {count - len(alive)} of {count} noticed", flush=True)
    print(f"{noticed} of {total} mutants noticed ({noticed / max(1, total):.1%})")


if __name__ == "__main__":
    main()
