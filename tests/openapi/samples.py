"""The simulator's answers, and the description's word on them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from streamr.openapi.document import describe
from streamr.openapi.responses import JSON_TYPE
from streamr.tmdb import catalogue
from streamr.web.pages.docs import OWN
from tests.simulator.tmdb.test_answers import ask, fill

CATALOGUE = catalogue.load(["/movie/{movie_id}/new_thing"])
IN_DEMO = {each.template for each in catalogue.shipped() if each.in_demo}
# What searches and finds need; the others pay no heed.
ASKED = {"query": "the", "external_source": "imdb_id"}


@cache
def document() -> Any:
    return describe(CATALOGUE, OWN)


def operations() -> dict[str, Any]:
    return {path: item["get"] for path, item in document()["paths"].items()}


@cache
def validator(path: str, status: str = "200") -> Draft202012Validator:
    """What checks the body of a path's answer."""
    response = operations()[path]["responses"][status]
    return checking(response["content"][JSON_TYPE]["schema"])


def checking(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document()["components"]})


def parameters(path: str) -> list[Any]:
    """The parameters of a path, references followed."""
    found = []
    for each in operations()[path].get("parameters", ()):
        if "$ref" in each:
            each = document()["components"]["parameters"][each["$ref"].split("/")[3]]
        found.append(each)
    return found


@cache
def answers() -> dict[str, list[Any]]:
    """The simulator's answers for each path that is described, at least one."""
    found = {}
    for path in operations():
        if path[2:] in IN_DEMO:
            reply = ask(fill(path), **ASKED)
            assert reply.status == 200, path
            found[path] = [reply.value]
    for name, shortcut in OWN.shortcuts.items():
        found[f"{OWN.base}/{name}"] = [
            ask(f"/3{asked}").value for asked in shortcut.asked()
        ]
    return found


def short(value: Any) -> Any:
    """The same with one item in each list: what is spoilt is spoilt there."""
    if isinstance(value, dict):
        return {key: short(inner) for key, inner in value.items()}
    return [short(value[0])] if isinstance(value, list) and value else value


@cache
def short_answers() -> dict[str, list[Any]]:
    return {path: [*map(short, values)] for path, values in answers().items()}


def places(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every field inside, lists entered at their first item."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*where, key)
            yield from places(inner, (*where, key))
    elif isinstance(value, list) and value:
        yield (*where, 0)
        yield from places(value[0], (*where, 0))


def changed(value: Any, place: tuple[Any, ...], new: Any = None) -> Any:
    """A copy with another value in one place; dropped when `new` is None."""
    made = copy.deepcopy(value)
    holder = made
    for key in place[:-1]:
        holder = holder[key]
    if new is None:
        del holder[place[-1]]
    else:
        holder[place[-1]] = new
    return made
