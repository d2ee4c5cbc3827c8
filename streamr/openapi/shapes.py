"""The notation of answers.txt and endpoints.txt, read into JSON Schema (2020-12).

Name field:type field?:type Other    →  a part: an object, with all of Other
     field:type Other                →  the answer of an endpoint
     [type]                          →  a bare array
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from streamr.openapi.form import Schema

_TYPES = ("string", "integer", "number", "boolean", "null")
_WORDS: dict[str, Schema] = {
    "any": {},
    "false": {"const": False},
    **{name: {"type": name} for name in _TYPES},
}
_FIELD = re.compile(r"(\w+)(\??):(\S+)")
# `|` between alternatives, not between those of a list or map inside.
_ALTERNATIVE = re.compile(r"(?:\[[^]]*\]|\{[^}]*\}|[^|])+")


@dataclass(frozen=True, slots=True)
class Shape:
    """One line: the parts that it takes in, its own fields, or a bare array's type."""

    parts: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    optional: frozenset[str] = frozenset()
    array: str | None = None

    def schema(self) -> Schema:
        """The JSON Schema; parts are referred to."""
        if self.array is not None:
            return type_schema(self.array)
        parts = [reference(name) for name in self.parts]
        if not self.fields:
            return parts[0] if len(parts) == 1 else {"allOf": parts}
        own: Schema = {
            "type": "object",
            "required": [n for n, _ in self.fields if n not in self.optional],
            "properties": {name: type_schema(text) for name, text in self.fields},
        }
        return {"allOf": [*parts, own]} if parts else own

    def without(self, name: str) -> Shape:
        """The same without a field of its own."""
        kept = tuple(field for field in self.fields if field[0] != name)
        return replace(self, fields=kept)


def reference(name: str) -> Schema:
    """A reference to a part."""
    return {"$ref": f"#/components/schemas/{name}"}


def type_schema(text: str) -> Schema:
    """The JSON Schema of a type such as `[MovieItem|TvItem]` or `string|null`."""
    choices = _ALTERNATIVE.findall(text)
    if len(choices) == 1:
        return _single(choices[0])
    if all(choice.startswith('"') for choice in choices):
        return {"type": "string", "enum": [choice.strip('"') for choice in choices]}
    if all(choice in _TYPES for choice in choices):
        return {"type": choices}
    return {"anyOf": [_single(choice) for choice in choices]}


def _single(text: str) -> Schema:
    if text in _WORDS:
        return _WORDS[text].copy()
    if text[0] == '"':
        return {"type": "string", "const": text.strip('"')}
    if text[0] == "[":
        return {"type": "array", "items": type_schema(text[1:-1])}
    if text[0] == "{":
        return {"type": "object", "additionalProperties": type_schema(text[1:-1])}
    return reference(text)


def body(text: str) -> Schema:
    """What an endpoint with this shape answers; any object for one without."""
    return read(text).schema() if text else {"type": "object"}


@cache
def parts() -> dict[str, Shape]:
    """The parts that others refer to, by their names."""
    file = resources.files("streamr.openapi") / "answers.txt"
    text = re.sub(r"(?m)^#.*\n", "", file.read_text(encoding="utf-8"))
    lines = [line.split() for line in re.sub(r"\n[ \t]+", " ", text).splitlines()]
    return {name: _shape(words) for name, *words in filter(None, lines)}


def read(text: str) -> Shape:
    """The shape that a text in the notation describes."""
    return _shape(text.split())


def _shape(words: list[str]) -> Shape:
    if words[0].startswith("["):
        return Shape(array=words[0])
    parts, fields, optional = [], [], set()
    for word in words:
        match = _FIELD.fullmatch(word)
        if match is None:
            parts.append(word)
            continue
        fields.append((match[1], match[3]))
        if match[2]:
            optional.add(match[1])
    return Shape(tuple(parts), tuple(fields), frozenset(optional))
