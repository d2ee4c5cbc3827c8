"""How the cache was used, as the Cache-Status field (RFC 9211)."""

from __future__ import annotations

from functools import lru_cache

import http_sf
from http_sf.types import ParamsType

from streamr.boundaries import CacheUse

# Fields that were made before; few differ from each other in more than their seconds.
REMEMBERED = 1024


@lru_cache(REMEMBERED)
def render(server: str, use: CacheUse, status: int | None) -> str:
    """The field's value; `status` is what TMDB answered, when it was asked."""
    parameters: ParamsType = {}
    if use.forward is None:
        parameters["hit"] = True
    else:
        parameters["fwd"] = http_sf.Token(use.forward)
        if status is not None:
            parameters["fwd-status"] = status
    if use.ttl is not None:
        parameters["ttl"] = use.ttl
    if use.stored:
        parameters["stored"] = True
    if use.collapsed:
        parameters["collapsed"] = True
    if use.detail:
        parameters["detail"] = http_sf.Token(use.detail)
    return http_sf.ser([(http_sf.Token(server), parameters)])
