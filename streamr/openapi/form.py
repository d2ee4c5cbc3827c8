"""The form of a description: as much of OpenAPI 3.1 as is written, and read back for
`/docs`, here. JSON all along, so these are TypedDicts."""

from __future__ import annotations

from typing import NotRequired, TypedDict

# Keys such as `$ref` and `in` are no names in Python: these are written as calls. With
# `$ref` the rest is missing, and what it refers to has the rest.
Schema = TypedDict(
    "Schema",
    {
        "$ref": str,
        "type": "str | list[str]",
        "const": "str | bool",
        "enum": "list[str]",
        "pattern": str,
        "maxLength": int,
        "minimum": int,
        "maximum": int,
        "items": "Schema",
        "maxItems": int,
        "required": "list[str]",
        "properties": "dict[str, Schema]",
        "patternProperties": "dict[str, Schema]",
        "additionalProperties": "Schema",
        "allOf": "list[Schema]",
        "anyOf": "list[Schema]",
        "default": "Value",
    },
    total=False,
)
Parameter = TypedDict(
    "Parameter",
    {
        "$ref": str,
        "name": str,
        "in": str,
        "required": bool,
        "allowEmptyValue": bool,
        "style": str,
        "explode": bool,
        "description": str,
        "schema": Schema,
        "example": "Value",
    },
    total=False,
)
Response = TypedDict(
    "Response",
    {
        "$ref": str,
        "description": str,
        "headers": "dict[str, Reference]",
        "content": "dict[str, Media]",
    },
    total=False,
)
Reference = TypedDict("Reference", {"$ref": str})

# What a parameter may be when it is not given, or for example.
Value = str | int | list[str]


class Media(TypedDict):
    """A body."""

    schema: Schema


class Header(TypedDict):
    """A header of a response."""

    description: str
    schema: Schema
    required: NotRequired[bool]


class Link(TypedDict):
    """Where to read on."""

    url: str
    description: NotRequired[str]


class Operation(TypedDict):
    """What can be asked at a path, and what comes back by status."""

    operationId: str
    summary: str
    description: NotRequired[str]
    tags: list[str]
    parameters: NotRequired[list[Parameter]]
    responses: dict[str, Response]
    externalDocs: NotRequired[Link]


class PathItem(TypedDict):
    """A path: everything here is read only."""

    get: Operation


class Tag(TypedDict):
    """A chapter of operations."""

    name: str
    description: str


class License(TypedDict):
    """The license of the API's software."""

    name: str
    identifier: str


class Info(TypedDict):
    """The title page."""

    title: str
    version: str
    summary: str
    description: str
    license: License


class ServerObject(TypedDict):
    """Where paths begin."""

    url: str
    description: str


class Components(TypedDict):
    """What is referred to, by kind and name."""

    schemas: dict[str, Schema]
    parameters: dict[str, Parameter]
    headers: dict[str, Header]
    responses: dict[str, Response]


class Document(TypedDict):
    """All of it."""

    openapi: str
    info: Info
    servers: list[ServerObject]
    externalDocs: Link
    security: list[dict[str, list[str]]]
    tags: list[Tag]
    paths: dict[str, PathItem]
    components: Components
