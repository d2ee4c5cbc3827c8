"""The calls of public apps (`app_calls.txt`), and what has to come of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from streamr.tmdb.catalogue import Endpoint
from tests.openapi.samples import CATALOGUE, validator

TABLE = Path(__file__).with_name("app_calls.txt")
# An app's own key, which is dropped. A canary: TMDB must never see it.
KEY = ("api_key", "0a1b2c3d4e5f60718293a4b5c6d7e8f9")
DIFFERS = "  -> "
# TMDB appends these to a movie, though it documents them no longer.
LEGACY_PARTS = frozenset({"casts", "releases", "trailers"})


@dataclass(frozen=True, slots=True)
class AppCall:
    """One call: what the app sends below a base URL, and what TMDB is to be asked.

    `line` is the table's; `target` has the app's key and what the app always sends;
    `parameters` has each name's values in their order.
    `status` is what the caller gets; where it is not 200, TMDB is not asked.
    """

    app: str
    line: str
    target: str
    path: str
    parameters: Mapping[str, list[str]]
    status: int = 200

    def __str__(self) -> str:
        return f"{self.app}: {self.line}"


def calls() -> list[AppCall]:
    """Every call of the table, in its order."""
    return list(_read(TABLE.read_text(encoding="utf-8")))


def _read(text: str) -> Iterator[AppCall]:
    app = every = ""
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("["):
            app, every = line[1:].partition("]")[0], ""
        elif line.startswith("every "):
            every = "&" + line.removeprefix("every ")
        elif line.startswith("/"):
            differs = below if below.startswith(DIFFERS) else DIFFERS
            words = differs.removeprefix(DIFFERS).split()
            yield _call(app, line, every, words)
        elif not line.startswith(DIFFERS):
            raise ValueError(f"app_calls.txt: no line is like {line!r}")


def _call(app: str, line: str, every: str, words: list[str]) -> AppCall:
    path, _, own = line.partition("?")
    query = own + every
    parameters = _values(query)
    status = 200
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("/"):
            path = word
        elif word.startswith("-"):
            del parameters[word[1:]]
        elif equals:
            parameters[name] = [value]
        elif re.fullmatch("[0-9]{3}", word):
            status = int(word)
        else:
            raise ValueError(f"app_calls.txt: no difference is like {word!r}")
    target = f"{line.partition('?')[0]}?{'='.join(KEY)}&{query}".rstrip("&")
    return AppCall(app, line, target, path, parameters, status)


def difference(call: AppCall, path: str, query: str) -> str | None:
    """How the URL that TMDB gets is not what it has to be; None when it is."""
    got, wanted = _values(query), call.parameters
    told = [f"{name} was lost" for name in wanted.keys() - got.keys()]
    told += [f"{name} was added" for name in got.keys() - wanted.keys()]
    told += [
        f"{name} is {got[name]!r}, not {wanted[name]!r}"
        for name in got.keys() & wanted.keys()
        if got[name] != wanted[name]
    ]
    if path != f"/3{call.path}":
        told.append(f"the path is {path}")
    if KEY[1] in query:
        told.append(query)
    return ", ".join(sorted(told)) or None


def _values(query: str) -> dict[str, list[str]]:
    """The values of each parameter that has one; the same twice in a row is once."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query):
        values = found.setdefault(name, [])
        if values[-1:] != [value]:
            values.append(value)
    return found


def wrong_shape(call: AppCall, status: int, value: Any) -> str | None:
    """What about an answer is not TMDB's; None when all is.

    A refusal is in TMDB's envelope of errors. What streamr describes has the shape that
    it describes, with every appended part that TMDB knows.
    """
    if status != 200:
        envelope = {"success", "status_code", "status_message"}
        if status == call.status and envelope <= value.keys():
            return None
    endpoint = found(call.path)
    if endpoint is not None and not endpoint.in_demo:
        return None
    if status != 200 or endpoint is None:
        return f"{status} {value.get('status_message')}"
    for error in validator(f"/3{endpoint.template}").iter_errors(value):
        return str(error.message)[:200]
    asked = ",".join(call.parameters.get("append_to_response", ())).split(",")
    missing = [part for part in asked if knows(call, part) and part not in value]
    return f"without {', '.join(missing)}" if missing else None


def knows(call: AppCall, part: str) -> bool:
    """Whether TMDB can append a part; it leaves out in silence what it cannot."""
    path = f"{call.path}/{part}"
    if part in LEGACY_PARTS and path.startswith("/movie/"):
        return True
    return found(path) is not None


def found(path: str) -> Endpoint | None:
    """The endpoint of a path, None for a path that streamr does not know."""
    matching = (each for each in CATALOGUE.endpoints if each.pattern.fullmatch(path))
    return next(matching, None)
