"""Every property test has the settings of `tests/properties.py`: with Hypothesis' own,
a busy machine fails it for being slow."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

TESTS = Path(__file__).resolve().parents[1]


def names(function: ast.FunctionDef) -> Iterator[str]:
    """The names of what decorates a function, by a call or as it is."""
    for each in function.decorator_list:
        called = each.func if isinstance(each, ast.Call) else each
        if isinstance(called, ast.Name):
            yield called.id


def made_of_examples(module: ast.Module) -> set[str]:
    """`examples`, and the names that a module gives to what it returns."""
    made = {"examples"}
    for node in module.body:
        if isinstance(node, ast.Assign) and "examples(" in ast.unparse(node.value):
            made |= {each.id for each in node.targets if isinstance(each, ast.Name)}
    return made


class Settings(SynchronousTestCase):
    def test_they_are_those_of_all(self) -> None:
        found = 0
        for path in TESTS.rglob("test_*.py"):
            module = ast.parse(path.read_text())
            settings = made_of_examples(module)
            for node in ast.walk(module):
                if isinstance(node, ast.FunctionDef) and "given" in names(node):
                    found += 1
                    where = f"{path.name}: {node.name}"
                    self.assertFalse(settings.isdisjoint(names(node)), where)
        self.assertGreater(found, 100)
