"""The cache key: equal for requests with equal answers, different for all others.

It is made of what TMDB is asked, and of nothing that the answer does not depend on: no
host, no header, no cookie, no key.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from streamr.boundaries import Query


def key(query: Query) -> str:
    """The canonical form of a query: path, and parameters in order without defaults."""
    defaults = {name: _canonical(name, value) for name, value in query.defaults}
    pairs = {(name, _canonical(name, value)) for name, value in query.parameters}
    kept = sorted(
        (name, value)
        for name, value in pairs
        if value != "" and defaults.get(name) != value
    )
    return f"{query.path}?{urlencode(kept, quote_via=quote)}" if kept else query.path


def _canonical(name: str, value: str) -> str:
    if name == "append_to_response":
        return ",".join(sorted(set(filter(None, value.split(",")))))
    if name == "page" and value.isdigit():
        return str(int(value))
    return value.lower() if value.lower() in ("true", "false") else value
