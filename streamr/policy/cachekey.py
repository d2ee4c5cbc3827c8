"""The cache key: equal for requests with equal answers, different for all others.

It is made of what TMDB is asked, and of nothing that the answer does not depend on: no
host, no header, no cookie, no key.
"""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter

from streamr.boundaries import Query
from streamr.policy.urlencoded import urlencoded

Pairs = tuple[tuple[str, str], ...]
# Requests that may be under way at once, with a hundred popular pages.
REMEMBERED = 256


def key(query: Query) -> str:
    """The canonical form of a query: path, and parameters in order without defaults.

    Two values of one name stay in their order, defaults too: the answer depends on it.
    """
    return _key(query.path, query.parameters, query.defaults)


# Store, memory of failures and health each ask for the key of a request.
@lru_cache(REMEMBERED)
def _key(path: str, parameters: Pairs, given: Pairs) -> str:
    defaults = {name: _canonical(name, value) for name, value in given}
    pairs = [(name, _canonical(name, value)) for name, value in parameters]
    pairs = list(dict.fromkeys(pairs))
    names = [name for name, _ in pairs]
    kept = [
        (name, value)
        for name, value in pairs
        if value != "" and (names.count(name) > 1 or defaults.get(name) != value)
    ]
    kept.sort(key=itemgetter(0))
    return f"{path}?{urlencoded(kept)}" if kept else path


def _canonical(name: str, value: str) -> str:
    if name == "append_to_response":
        return ",".join(sorted(set(filter(None, value.split(",")))))
    if name == "page" and value.isdigit():
        return str(int(value))
    return value.lower() if value.lower() in ("true", "false") else value
