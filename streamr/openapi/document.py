"""The whole description: OpenAPI 3.1, made from the catalogue.

catalogue, checks ─► parameters ┐
answers.txt       ─► shapes     ├─► one operation per endpoint, shortcut and health
fault table       ─► responses  ┘
"""

from __future__ import annotations

import re

from streamr import __version__
from streamr.openapi import responses
from streamr.openapi.form import Document, Info, Operation, Schema, ServerObject
from streamr.openapi.own import HEALTH, PICTURES, SHORTCUTS, Own
from streamr.openapi.parameters import ASKED, ASKING, Parameters
from streamr.openapi.shapes import body, parts, read
from streamr.policy.freshness import HOUR
from streamr.tmdb.catalogue import NOTICE, Catalogue, Endpoint, acts_for_a_user
from streamr.tmdb.parameters import MOST_CHARACTERS

DESCRIPTION = f"""A gateway that keeps TMDB reachable.

- `/3/…` is TMDB's API v3: every GET endpoint that needs no user. **`/api/tmdb/…` is the
  same**: `/3/movie/550` is also `/api/tmdb/movie/550`. HEAD works wherever GET does.
- Endpoints that act for a TMDB user (account, sessions, ratings) answer 403.
- Parameters that are not listed here are passed on to TMDB, except those that act for a
  user, credentials, JSONP and those that only defeat caches: `Streamr-Dropped` names
  what was left out. A value has at most {MOST_CHARACTERS} characters, none of them a
  control character.
- Errors are JSON in TMDB's shape, plus `error`, `status` and `details`.
- TMDB may add fields to its answers at any time; those listed here are always there.

{NOTICE} Where watch providers are shown, JustWatch has to be named as the source."""

REFERENCE = "https://developer.themoviedb.org/reference"
# Relative to where the description was fetched (RFC 3986): right below any sub-path.
HERE = "."
_INFO: Info = {
    "title": "streamr",
    "version": __version__,
    "summary": "TMDB's API, kept reachable.",
    "description": DESCRIPTION,
    "license": {"name": "MIT", "identifier": "MIT"},
}
# What most callers look for stands first.
_FIRST = (SHORTCUTS, HEALTH, "movie", "tv", "person", "trending", "discover", "search")
_TAGS = {
    SHORTCUTS: "Lists with defaults for front ends; `media_type` chooses the kind.",
    HEALTH: "Whether streamr is up, and what each route to TMDB last did.",
    PICTURES: "TMDB's posters, stills and portraits, in the sizes that TMDB has.",
}


def describe(offered: Catalogue, own: Own) -> Document:
    """The description of a main server, ready to be written as JSON."""
    parameters = Parameters()
    endpoints = [
        each for each in offered.endpoints if not acts_for_a_user(each.template)
    ]
    paths = own.paths(offered, parameters)
    for each in sorted(endpoints, key=lambda each: each.template):
        operation = _operation(each, parameters, _with_appended(each, endpoints))
        paths[f"/3{each.template}"] = {"get": operation}
    tags = dict.fromkeys(
        [*_FIRST, *(path["get"]["tags"][0] for path in paths.values())]
    )
    return {
        "openapi": "3.1.0",
        "info": _INFO,
        "servers": servers(),
        "externalDocs": {
            "url": f"{REFERENCE}/intro/getting-started",
            "description": "TMDB's own reference.",
        },
        # streamr has its own key: callers send none
        "security": [],
        "tags": [{"name": tag, "description": _tag_text(tag)} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": {name: shape.schema() for name, shape in parts().items()},
            "parameters": {**parameters.components, **ASKING},
            "headers": responses.headers(),
            "responses": responses.errors(),
        },
    }


def servers(prefix: str = "") -> list[ServerObject]:
    """Where the paths begin. `prefix` is the path below which main is reached, such as
    /tmdb, where that is known."""
    return [{"url": prefix or HERE, "description": "The main server."}]


def _operation(endpoint: Endpoint, parameters: Parameters, schema: Schema) -> Operation:
    template = endpoint.template
    made: Operation = {
        "operationId": endpoint.name or template.strip("/").replace("/", "-"),
        "summary": title(template),
        "tags": [template.split("/")[1]],
        "parameters": [*parameters.of(endpoint), *ASKED],
        "responses": responses.of_tmdb(endpoint.parameters, schema),
        "description": _told(endpoint),
    }
    if endpoint.name:
        made["externalDocs"] = {"url": f"{REFERENCE}/{endpoint.name}"}
    return made


def _told(endpoint: Endpoint) -> str:
    if endpoint.added:
        return "Added by STREAMR_EXTRA_PATHS."
    kept = endpoint.freshness
    told = (
        f"Stored as `{kept.name}`: {kept.usual / HOUR:.2g} h unless TMDB gives a time."
        if kept is not None
        else "Never stored."
    )
    if not endpoint.name:
        told += " TMDB still answers it, but no longer documents it."
    return told if endpoint.in_demo else f"{told} The demo has no answer for it."


def _with_appended(endpoint: Endpoint, endpoints: list[Endpoint]) -> Schema:
    """The body of an endpoint, with what can be appended to it: without its id."""
    whole = body(endpoint.shape)
    if "append_to_response" not in endpoint.parameters:
        return whole
    named: dict[str, Schema] = {}
    numbered: dict[str, Schema] = {}
    for each in endpoints:
        rest = each.template.removeprefix(f"{endpoint.template}/")
        if rest == each.template or not each.shape:
            continue
        shape = read(each.shape)
        if "{" in rest:
            pattern = re.sub(r"\{\w+\}", "[0-9]+", rest)
            numbered[f"^{pattern}$"] = shape.without("id").schema()
        else:
            named[rest] = shape.without("id").schema()
    more: Schema = {"type": "object"}
    if named:
        more["properties"] = named
    if numbered:
        more["patternProperties"] = numbered
    return {"allOf": [whole, more]}


def title(template: str) -> str:
    """A heading: /tv/{series_id}/watch/providers → TV watch providers."""
    words = [part for part in template.split("/") if part and part[0] != "{"]
    text = re.sub(r"\btv\b", "TV", " ".join(words).replace("_", " "))
    if template.endswith(("_id}", "_number}")):
        text += " details"
    return text[0].upper() + text[1:]


def _tag_text(tag: str) -> str:
    return _TAGS.get(tag, f"TMDB's endpoints below `/3/{tag}`.")
