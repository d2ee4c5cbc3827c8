"""`/docs`: the description as a page to read. Whole without a script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from shlex import quote
from urllib.parse import urlencode

from streamr.openapi.form import (
    Document,
    Media,
    Operation,
    Parameter,
    Response,
    Tag,
    Value,
)
from streamr.openapi.responses import JSON_TYPE
from streamr.openapi.words import anchor, parameter, prose, shape, slashed, table

_REFERENCE = "TMDB's reference"
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>streamr: the API</title>
<link rel="icon" href="status.svg" type="image/svg+xml">
<link rel="stylesheet" href="docs.css">
<script src="docs.js" defer></script>
</head>
<body>
<a class="skip" href="#endpoints">Skip to the endpoints</a>
"""


_CHAPTER_END = "</details></section>"


def page(document: Document, address: str) -> str:
    """The HTML. `address` is where the examples ask, such as http://127.0.0.1:3001."""
    return "".join(_Page(document, address).parts())


class _Page:
    """One rendering of one document."""

    def __init__(self, document: Document, address: str) -> None:
        self._document = document
        self._components = document["components"]
        self._address = address

    def parts(self) -> Iterator[str]:
        """The page, piece by piece."""
        info = self._document["info"]
        yield _HEAD
        yield f"<header><h1>streamr <small>{escape(info['version'])}</small></h1>"
        yield f"<p>{escape(info['summary'])}</p></header>"
        yield self._contents()
        yield f'<main><section id="about">{prose(info["description"])}'
        yield '<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI '
        yield f"{self._document['openapi']}). For the meaning of each field, see "
        yield f"{anchor(self._document['externalDocs']['url'], _REFERENCE)}."
        yield '</p></section><div id="endpoints">'
        for tag in self._document["tags"]:
            yield from self._tag(tag)
        yield "</div>"
        yield from self._errors()
        yield from self._headers()
        yield from self._shapes()
        yield "</main></body></html>\n"

    def _contents(self) -> str:
        links = [
            (f"tag-{tag['name']}", tag["name"]) for tag in self._document["tags"]
        ] + [("errors", "errors"), ("headers", "headers"), ("parts", "parts")]
        listed = " ".join(f'<a href="#{to}">{escape(said)}</a>' for to, said in links)
        return (
            '<nav aria-label="Contents"><label id="find" hidden>Find '
            '<input type="search" placeholder="credits, discover, region …"></label>'
            f'{listed}<output id="found"></output></nav>'
        )

    def _tag(self, tag: Tag) -> Iterator[str]:
        operations = [
            (path, item["get"])
            for path, item in self._document["paths"].items()
            if tag["name"] in item["get"]["tags"]
        ]
        yield from _chapter(f"tag-{tag['name']}", tag["name"], len(operations), "tag")
        yield prose(tag["description"])
        for path, operation in operations:
            yield from self._operation(path, operation)
        yield _CHAPTER_END

    def _operation(self, path: str, operation: Operation) -> Iterator[str]:
        parameters = [self._parameter(each) for each in operation.get("parameters", ())]
        asked = [each for each in parameters if each["in"] != "header"]
        words = " ".join([path, operation["summary"], *(e["name"] for e in asked)])
        yield f'<details class="operation" id="{escape(operation["operationId"])}" '
        yield f'data-words="{escape(words.lower())}"><summary>'
        yield f"<code><b>GET</b> {slashed(path)}</code> "
        yield f"<span>{escape(operation['summary'])}</span></summary>"
        yield prose(operation.get("description", ""))
        if "externalDocs" in operation:
            url = operation["externalDocs"]["url"]
            yield f"<p>{anchor(url, _REFERENCE)}</p>"
        yield f"<pre><code>{escape(self._curl(path, asked))}</code></pre>"
        if asked:
            yield table("Parameter", map(parameter, asked))
        yield from self._answers(operation["responses"])
        yield "</details>"

    def _answers(self, responses: dict[str, Response]) -> Iterator[str]:
        errors = []
        for status, response in responses.items():
            if "content" in response:
                yield f"<h3>{status}: {escape(response['description'])}</h3>"
                yield from self._body(response["content"])
            elif status != "304":
                errors.append(f'<a href="#error-{status}">{status}</a>')
        yield f'<p class="errors">Errors: {" ".join(errors)}</p>'

    def _body(self, content: Mapping[str, Media]) -> Iterator[str]:
        for kind, media in content.items():
            if kind == JSON_TYPE:
                yield f'<div class="shape">{shape(media["schema"])}</div>'
            else:
                yield f"<p><code>{escape(kind)}</code></p>"

    def _errors(self) -> Iterator[str]:
        statuses = self._statuses()
        yield from _chapter("errors", "errors", len(statuses))
        yield "<p>Every error has the body "
        yield '<a href="#part-Error">Error</a> or '
        yield '<a href="#part-GatewayError">GatewayError</a>.</p><dl>'
        for status, response in statuses:
            yield f'<dt id="error-{status}">{status}</dt>'
            yield f"<dd>{escape(response['description'])}</dd>"
        yield f"</dl>{_CHAPTER_END}"

    def _statuses(self) -> list[tuple[str, Response]]:
        """Every error that operations share."""
        found = {
            status: self._components["responses"][_name(response["$ref"])]
            for item in self._document["paths"].values()
            for status, response in item["get"]["responses"].items()
            if "$ref" in response and status >= "400"
        }
        return sorted(found.items())

    def _headers(self) -> Iterator[str]:
        asked = [
            each
            for each in self._components["parameters"].values()
            if each["in"] == "header"
        ]
        told = self._components["headers"]
        yield from _chapter("headers", "headers", len(told) + len(asked))
        yield "<dl>"
        for name, header in told.items():
            yield f"<dt><code>{escape(name)}</code></dt>"
            yield f"<dd>{escape(header['description'])}</dd>"
        yield "</dl><p>Request headers:</p><dl>"
        for each in asked:
            yield f"<dt><code>{escape(each['name'])}</code></dt>"
            yield f"<dd>{escape(each['description'])}</dd>"
        yield f"</dl>{_CHAPTER_END}"

    def _shapes(self) -> Iterator[str]:
        schemas = self._components["schemas"]
        yield from _chapter("parts", "parts", len(schemas))
        yield "<p>[…] is a list, {…} a map; fields with a ? may be missing.</p>"
        yield '<div class="parts">'
        for name, schema in schemas.items():
            yield f'<details class="part" id="part-{name}"><summary>'
            yield f"<h3>{name}</h3></summary>"
            yield f'<div class="shape">{shape(schema)}</div></details>'
        yield f"</div>{_CHAPTER_END}"

    def _parameter(self, each: Parameter) -> Parameter:
        if "$ref" not in each:
            return each
        return self._components["parameters"][_name(each["$ref"])]

    def _curl(self, path: str, parameters: Iterable[Parameter]) -> str:
        """An example that works: values in the path, and what TMDB insists on."""
        query: dict[str, Value] = {}
        for each in parameters:
            example = each.get("example", "")
            if each["in"] == "path":
                path = path.replace(f"{{{each['name']}}}", str(example))
            elif each.get("required"):
                query[each["name"]] = example
        asked = f"{self._address}{path}" + (f"?{urlencode(query)}" if query else "")
        return f"curl -s {quote(asked)}"


def _chapter(anchor: str, title: str, count: int, kind: str = "") -> Iterator[str]:
    """The beginning of a chapter. It is closed at first: on a phone the whole page is
    some forty screens long. The script opens all where there is room."""
    yield f'<section class="chapter {kind}" id="{escape(anchor)}">'
    yield f'<details class="all"><summary><h2>{escape(title)}</h2> '
    yield f"<small>{count}</small></summary>"


def _name(reference: str) -> str:
    """The name of the component that is referred to."""
    return reference.rpartition("/")[2]
