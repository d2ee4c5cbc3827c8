"""What one server answers, and to whom: the resource is handed one of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from streamr.gateway.gateway import Gateway
from streamr.web.access import Local
from streamr.web.api.cors import Cors
from streamr.web.api.target import Find
from streamr.web.demo.faults import Wishes


@dataclass(frozen=True, slots=True)
class Door:
    """What one server answers, and under which conditions.

    `local` are pages of our own, `below` those of every path with a prefix, `actions`
    what POST may change; the `guarded` ones are for this machine or with `admin_token`.
    `deadline` is in seconds; `token` is what callers have to send, None when the server
    is open; `looped` tells whether a CDN-Loop field shows that a request was here;
    `wishes` grants the faults that callers ask for, None outside the demo.
    """

    gateway: Gateway
    find: Find
    local: Mapping[str, Local]
    cors: Cors
    deadline: float
    looped: Callable[[str], bool]
    token: str | None = None
    open_paths: frozenset[str] = frozenset()
    actions: Mapping[str, Local] = field(default_factory=dict)
    guarded: frozenset[str] = frozenset()
    admin_token: str | None = None
    below: Mapping[str, Local] = field(default_factory=dict)
    wishes: Wishes | None = None
