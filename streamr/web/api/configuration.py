"""`/3/configuration` with our own address in the place of TMDB's picture host.

Front ends put the URLs of pictures together from it: with STREAMR_REWRITE_IMAGES=1 they
find them here without a change.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from streamr.boundaries import Exchange, Query, StoredResponse
from streamr.net.networks import is_peer_here
from streamr.policy import representation
from streamr.tmdb.images import PICTURES
from streamr.web.access import prefix
from streamr.web.callers import TrustedProxies
from streamr.web.hosts import Hosts

TEMPLATE = "/configuration"
_FIELDS = ("base_url", "secure_base_url")
# Addresses under which one gateway is called: a name or two, and its own addresses.
REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class PictureAddress:
    """Where callers find our pictures: below `public_url`, else below the Host of their
    own request, if that is one of `hosts`; TMDB's own address stays for all others."""

    public_url: str | None
    hosts: Hosts
    proxies: TrustedProxies

    @property
    def is_everybodys(self) -> bool:
        """Whether it is the same for all, so that a cache in front may keep it."""
        return self.public_url is not None

    def shown(
        self, stored: StoredResponse, header: Callable[[str], str], peer: str
    ) -> StoredResponse:
        """A stored configuration as one request gets it, with an entity tag of its
        own where the address is ours."""
        base = self.base(header, peer)
        return stored if base is None else _variant(stored, base)

    def base(self, header: Callable[[str], str], peer: str) -> str | None:
        """The address for one request, `http://localhost:3001/t/p/`; None where it is
        TMDB's own."""
        if self.public_url is not None:
            return f"{self.public_url}{PICTURES}"
        host = header("host")
        if not self.hosts.has(host):
            return None
        below = prefix(header, peer, self.proxies)
        return f"{self._scheme(header, peer)}://{host}{below}{PICTURES}"

    def _scheme(self, header: Callable[[str], str], peer: str) -> str:
        """How callers reach us: what a reverse proxy says whose prefix is believed."""
        said = header("x-forwarded-proto").lower()
        believed = is_peer_here(peer) or self.proxies.has(peer)
        return "https" if believed and said == "https" else "http"


def pointing_to(exchange: Exchange, base: str) -> Exchange:
    """The exchange with the address of pictures replaced in its answer."""
    outcome = exchange.outcome
    if outcome.stored is not None:
        if outcome.stored.status != 200:
            return exchange
        outcome = replace(outcome, stored=_variant(outcome.stored, base))
    elif outcome.answer is not None and outcome.answer.status == 200:
        body = _rewritten(outcome.answer.body, base)
        outcome = replace(
            outcome, answer=replace(outcome.answer, body=body, gzipped=None)
        )
    return replace(exchange, outcome=outcome)


def concerns(query: Query) -> bool:
    """Whether the answer to a query holds the address."""
    return query.template == TEMPLATE


def _variant(stored: StoredResponse, base: str) -> StoredResponse:
    """A stored response for callers at one address, with an entity tag of its own."""
    body, gzipped, brotli, etag = _made(stored.body, base)
    return replace(stored, body=body, gzipped=gzipped, brotli=brotli, etag=etag)


@lru_cache(REMEMBERED)
def _made(body: bytes, base: str) -> tuple[bytes, bytes, bytes | None, str]:
    made = _rewritten(body, base)
    brotli = None
    if representation.best(frozenset({representation.BROTLI})) is not None:
        brotli = representation.brotlied(made)
    return made, representation.gzipped(made), brotli, representation.etag(made)


def _rewritten(body: bytes, base: str) -> bytes:
    told = json.loads(body)
    images = told.get("images") if isinstance(told, dict) else None
    if isinstance(images, dict):
        images |= {name: base for name in _FIELDS if name in images}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
