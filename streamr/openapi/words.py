"""The small pieces of `/docs`: types, parameters and prose as HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape

from streamr.openapi.form import Parameter, Schema

_PART = re.compile(r"\b[A-Z]\w+\b")


def type_text(schema: Schema) -> str:
    """A schema in the short notation: [MovieItem], string | null, "movie"."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " | ".join(map(type_text, schema["anyOf"]))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(map(json.dumps, schema["enum"]))
    kind = schema.get("type", "any")
    if kind == "array":
        return f"[{type_text(schema['items'])}]"
    if kind == "object" and "additionalProperties" in schema:
        return f"{{{type_text(schema['additionalProperties'])}}}"
    return kind if isinstance(kind, str) else " | ".join(kind)


def allowed(schema: Schema) -> str:
    """What a parameter's value may be, in words; "" for any text."""
    if "enum" in schema:
        return ", ".join(schema["enum"])
    if "minimum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    if "maxItems" in schema:
        return f"up to {schema['maxItems']} names, separated by commas"
    return ""


def shape(schema: Schema) -> str:
    """A schema as lines: the parts that it takes in, then its own fields."""
    parts = schema.get("allOf", [schema])
    lines = []
    for part in parts:
        if "properties" not in part:
            lines.append(f"<p>{_linked(type_text(part))}</p>")
            continue
        required = part.get("required", ())
        lines.append("<ul>")
        for name, inner in part["properties"].items():
            mark = "" if name in required else "?"
            text = _linked(type_text(inner) if not _inline(inner) else "object")
            lines.append(f"<li><code>{escape(name)}{mark}</code> {text}</li>")
        lines.append("</ul>")
    return "".join(lines)


def _inline(schema: Schema) -> bool:
    return "allOf" in schema or "properties" in schema


def _linked(text: str) -> str:
    """A type with its parts as links; only parts begin with a capital."""
    return "<i>" + _PART.sub(r'<a href="#part-\g<0>">\g<0></a>', escape(text)) + "</i>"


def parameter(each: Parameter) -> tuple[str, str]:
    """A row of the table of parameters: its name, and all that is said of it."""
    schema = each["schema"]
    told = [escape(each.get("description", ""))]
    limits = allowed(schema)
    if limits:
        told.append(f'<span class="limit">{escape(limits)}</span>')
    if "default" in schema:
        default = str(schema["default"])
        told.append(f'<span class="limit">default <b>{escape(default)}</b></span>')
    if "example" in each:
        example = each["example"]
        text = ",".join(example) if isinstance(example, list) else str(example)
        told.append(
            f'<span class="limit">for example <code>{escape(text)}</code></span>'
        )
    mark = " <b>required</b>" if each.get("required") else ""
    return f"<code>{escape(each['name'])}</code>{mark}", " ".join(told)


def table(head: str, rows: Iterable[tuple[str, str]]) -> str:
    """Rows of two columns below a heading."""
    body = "".join(f"<dt>{name}</dt><dd>{told}</dd>" for name, told in rows)
    return f"<h3>{head}s</h3><dl>{body}</dl>"


def slashed(path: str) -> str:
    """A path that may break at its slashes, with its placeholders marked."""
    text = re.sub(r"\{\w+\}", r"<var>\g<0></var>", escape(path))
    return text.replace("/", "/<wbr>").replace("</<wbr>", "</")


def anchor(url: str, said: str) -> str:
    """A link to elsewhere."""
    return f'<a href="{escape(url)}" rel="noreferrer">{escape(said)}</a>'


def prose(text: str) -> str:
    """The little of CommonMark that descriptions use: lists, `code` and **strong**."""
    made = []
    for block in filter(None, text.split("\n\n")):
        said = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(block, quote=False))
        said = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", said, flags=re.S)
        if said.startswith("- "):
            items = re.split(r"(?m)^- ", said)[1:]
            made.append("<ul>" + "".join(f"<li>{e}</li>" for e in items) + "</ul>")
        else:
            made.append(f"<p>{said}</p>")
    return "".join(made)
