"""The status as plain text: what `curl` shows. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from streamr.web.status import words
from streamr.web.status.groups import chosen
from streamr.web.status.shape import (
    Callers,
    MainRoute,
    ShownCache,
    ShownCaller,
    ShownFault,
    ShownFleet,
    ShownPictures,
    ShownRoute,
    Snapshot,
)

# As much as fits on a screen.
MOST_FAULTS = 5


def text(snapshot: Snapshot, base_url: str = "") -> str:
    """The snapshot as text, short; `base_url` is what an app takes for TMDB's."""
    verdict = snapshot["verdict"]
    lines = [
        f"streamr {snapshot['version']} ({snapshot['environment']})",
        verdict["headline"],
        verdict["sentence"],
        "",
        _recent(snapshot["recent"]),
        "",
        *_routes(snapshot["routes"]),
        "",
        _cache(snapshot["cache"]),
        _pictures(snapshot["pictures"]),
        *_fleet(snapshot["fleet"]),
        *_door(snapshot["door"]),
        *_faults(snapshot["faults"]),
        "",
        f"Base URL for your app: {base_url}",
        "Try: /api/tmdb/trending · /api/tmdb/health · /status.json",
    ]
    return "\n".join(lines) + "\n"


def _recent(recent: Callers) -> str:
    if not recent["calls"]:
        return f"last {recent['seconds']:.0f} s: no requests"
    return (
        f"last {recent['seconds']:.0f} s: {recent['calls']} calls, "
        f"{recent['errors']} errors, half within {words.duration(recent['p50_ms'])}, "
        f"95 % within {words.duration(recent['p95_ms'])}"
    )


def _routes(routes: list[MainRoute]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [
        ("route", "breaker", "last", "usual", "per minute", "why it is next, or not")
    ]
    rest: list[str] = []
    for route in routes:
        behind = chosen(route)
        rows.append(_row(route))
        rows += [_row(each, "  ") for each in behind.routes]
        rest += [f"  {behind.rest}"] if behind.rest else []
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield "  ".join([*cells, row[-1]])
    yield from rest


def _row(route: ShownRoute, indent: str = "") -> tuple[str, ...]:
    last = "–" if route["at"] is None else route["cause"] or words.duration(route["ms"])
    return (
        f"{indent}{route['route']}",
        route["breaker"],
        last,
        words.duration(route["usual_ms"]),
        str(route["rate"]),
        words.standing(route),
    )


def _cache(cache: ShownCache | None) -> str:
    if cache is None:
        return "cache: none"
    return (
        f"cache: {cache['entries']} answers in {words.size(cache['bytes'])} of "
        f"{words.size(cache['most_bytes'])}; {words.share(cache['share'])} of the "
        f"last hour's calls, {cache['stale']} of them stale"
    )


def _fleet(fleet: ShownFleet | None) -> Iterator[str]:
    if fleet is not None:
        state = "there" if fleet["up"] else f"away: {fleet['trouble']}"
        yield (
            f"shared tier {fleet['engine']}: {state}; nodes: {fleet['nodes']}; answers "
            f"taken from others: {fleet['hits']}"
        )


def _door(callers: list[ShownCaller] | None) -> Iterator[str]:
    if callers is not None:
        told = [f"{each['address']} {each['calls']} calls" for each in callers]
        yield f"door: {', '.join(told) or 'nobody has come through it'}"


def _pictures(pictures: ShownPictures | None) -> str:
    if pictures is None:
        return "pictures: none"
    return (
        f"pictures: {pictures['stored']} in {words.size(pictures['bytes'])} of "
        f"{words.size(pictures['most_bytes'])}; since the start {pictures['hits']} "
        f"from the disk, {pictures['misses']} fetched"
    )


def _faults(faults: list[ShownFault]) -> Iterator[str]:
    if faults:
        yield ""
        yield "last faults (UTC)"
    for fault in faults[:MOST_FAULTS]:
        times = f" ×{fault['count']}" if fault["count"] > 1 else ""
        yield (
            f"  {words.clock(fault['at'])} {words.failed(fault)}{times}: "
            f"{fault['what']}"
        )
