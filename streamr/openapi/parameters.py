"""The parameters of an operation, as the gateway checks them.

What is allowed is read from `tmdb/parameters.py` and the catalogue; parameters.txt adds
an example and a sentence. An empty value counts as none given, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

from streamr.fields import names
from streamr.openapi.form import Parameter, Schema, Value
from streamr.tmdb import parameters
from streamr.tmdb.catalogue import ENUMERATED, VALUE, Endpoint

Pair = tuple[str, str]

_PLAIN = f"[^{parameters.CONTROL[1:-1]}]"

# What a caller may send with every request for an answer of TMDB's.
ASKING: dict[str, Parameter] = {
    name: {
        "name": name,
        "in": "header",
        "description": told,
        "schema": {"type": "string"},
    }
    for name, told in (
        (
            "If-None-Match",
            "The ETag of your copy; the answer is 304 if the copy is still good.",
        ),
        (
            names.REQUEST_ID,
            "Your id for the request: up to 64 letters, digits and ._:=- characters. "
            "It is sent back, and appears in the log.",
        ),
    )
}
ASKED: list[Parameter] = [
    {"$ref": f"#/components/parameters/{name}"} for name in ASKING
]


class Parameters:
    """Collects the parameters of all operations, each form once."""

    def __init__(self) -> None:
        self.components: dict[str, Parameter] = {}

    def of(self, endpoint: Endpoint) -> list[Parameter]:
        """The references for an endpoint of TMDB's."""
        listed = [self.in_path(name) for name in endpoint.placeholders]
        return listed + self.in_query(
            endpoint.parameters, dict(endpoint.defaults), endpoint.required
        )

    def in_path(self, name: str, pattern: str = VALUE) -> Parameter:
        """The reference to a value in the path, of this form if it is no word of a
        list."""
        words = ENUMERATED.get(name)
        schema: Schema = {"type": "string"}
        if words:
            schema["enum"] = list(words)
        else:
            schema["pattern"] = f"^(?:{pattern})$"
        return self._kept(
            f"path-{name}",
            {"name": name, "in": "path", "required": True, **_told(name, schema)},
        )

    def in_query(
        self,
        names: Iterable[str],
        defaults: dict[str, str],
        required: Iterable[str] = (),
    ) -> list[Parameter]:
        """References, required ones first and the rest by name."""
        required = frozenset(required)
        ordered = sorted(names, key=lambda name: (name not in required, name))
        return [
            self._query(name, defaults.get(name), name in required) for name in ordered
        ]

    def choice(self, name: str, words: Sequence[str]) -> Parameter:
        """A parameter of our own with an enumeration; the first word is the default."""
        made: Parameter = {
            "name": name,
            "in": "query",
            "allowEmptyValue": True,
            "description": notes()[name][1],
            "schema": {"type": "string", "enum": list(words), "default": words[0]},
        }
        return self._kept("-".join([name, *words]), made)

    def _query(self, name: str, default: str | None, required: bool) -> Parameter:
        schema = value_schema(name)
        if default is not None:
            schema["default"] = _typed(schema, default)
        made: Parameter = {"name": name, "in": "query", **_told(name, schema)}
        if required:
            made["required"] = True
            # not blank: the catalogue looks for more than whitespace
            schema["pattern"] = f"^{_PLAIN}*{_PLAIN[:-1]}\\s]{_PLAIN}*$"
        else:
            made["allowEmptyValue"] = True
        if schema["type"] == "array":
            made |= {"style": "form", "explode": False}
        key = "-".join(filter(None, [name, default, "required" if required else ""]))
        return self._kept(key, made)

    def _kept(self, key: str, made: Parameter) -> Parameter:
        self.components[key] = made
        return {"$ref": f"#/components/parameters/{key}"}


def value_schema(name: str) -> Schema:
    """The JSON Schema of a parameter's value, from the tables that check it."""
    if name == "page":
        first, last = parameters.PAGES
        return {"type": "integer", "minimum": first, "maximum": last}
    if name == "append_to_response":
        return {
            "type": "array",
            "maxItems": parameters.MOST_APPENDED,
            "items": {"type": "string", "pattern": f"^{_PLAIN}*$"},
        }
    return {
        "type": "string",
        "maxLength": parameters.MOST_CHARACTERS,
        "pattern": f"^{_PLAIN}*$",
    }


@cache
def notes() -> dict[str, tuple[str, str]]:
    """Example and sentence of each parameter, from parameters.txt."""
    file = resources.files("streamr.openapi") / "parameters.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return {name: (example, sentence) for name, example, sentence in rows}


def _told(name: str, schema: Schema) -> Parameter:
    if name not in notes():
        return {"schema": schema}
    example, sentence = notes()[name]
    if name in parameters.FORMS:
        sentence = f"{sentence} TMDB expects {parameters.FORMS[name]}."
    told: Parameter = {"description": sentence, "schema": schema}
    if example:
        told["example"] = _typed(schema, example)
    return told


def _typed(schema: Schema, text: str) -> Value:
    """A text of the tables as the value that the schema speaks of."""
    if schema["type"] == "integer":
        return int(text)
    if schema["type"] == "array":
        return text.split(",")
    # TMDB's documentation writes its defaults as Python does
    return text.lower() if text in ("True", "False") else text
