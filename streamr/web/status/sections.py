"""The parts of the page that change while one looks: each is painted from a snapshot.

The first paint and the events use the same functions, so the page is whole without
JavaScript, and a part is only sent again when it looks different.
"""

from __future__ import annotations

from html import escape

from streamr.web.status import charts, drawing, words
from streamr.web.status.groups import chosen
from streamr.web.status.shape import (
    ShownCaller,
    ShownFault,
    ShownFleet,
    ShownRoute,
    Snapshot,
)


def sections(snapshot: Snapshot) -> dict[str, str]:
    """The HTML of each part, by the id of the element that it fills."""
    parts = {
        "glance": glance(snapshot),
        "figures": figures(snapshot),
        "map": drawing.wide(snapshot) + drawing.narrow(snapshot),
        "routes": routes(snapshot),
        "charts": hour(snapshot),
        "cache": cache(snapshot),
        "pictures": pictures(snapshot),
        "faults": faults(snapshot),
    }
    if (shared := snapshot["fleet"]) is not None:
        parts["fleet"] = fleet(shared)
    if (callers := snapshot["door"]) is not None:
        parts["door"] = door(callers)
    return parts


def glance(snapshot: Snapshot) -> str:
    """Are callers fine? The words are read out when they change."""
    verdict = snapshot["verdict"]
    return (
        f'<div class="verdict {verdict["level"]}" data-level="{verdict["level"]}">'
        '<span class="lamp" aria-hidden="true"></span>'
        f"<h1>{escape(verdict['headline'])}</h1>"
        f"<p>{escape(verdict['sentence'])}</p></div>"
    )


def figures(snapshot: Snapshot) -> str:
    """Four numbers."""
    recent, hour = snapshot["recent"], snapshot["hour"]
    kept = snapshot["cache"]
    shown = [
        ("answers per minute", words.number(recent["rate"]), ""),
        (
            "errors, last hour",
            words.number(hour["errors"]),
            "bad" * bool(hour["errors"]),
        ),
        ("95 % answered within", words.duration(recent["p95_ms"]), ""),
        ("from the cache, last hour", words.share(kept and kept["share"]), ""),
    ]
    return "".join(
        f'<div class="figure {mood}"><dt>{name}</dt><dd>{value}</dd></div>'
        for name, value, mood in shown
    )


def routes(snapshot: Snapshot) -> str:
    """The table of routes with their heartbeats: the drawing in words."""
    rows: list[str] = []
    for route in snapshot["routes"]:
        rows.append(_route(route, ""))
        behind = chosen(route)
        rows += [_route(each, "behind") for each in behind.routes]
        rows += [_more(behind.rest)] if behind.rest else []
    return (
        '<thead><tr><th scope="col">route</th><th scope="col">breaker</th>'
        '<th scope="col">last ten minutes</th><th scope="col">last attempt</th>'
        '<th scope="col" class="number">good</th>'
        '<th scope="col" class="number">failed</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody>"
    )


def _more(rest: str) -> str:
    return (
        '<tr class="behind more"><th scope="row" colspan="6">'
        f"<small>{escape(rest)}</small></th></tr>"
    )


def _route(route: ShownRoute, kind: str) -> str:
    differs = words.differing(route)
    other = f"<small>differs in {escape(differs)}</small>" if differs else ""
    cause = route["cause"]
    last = (
        "not tried yet"
        if route["at"] is None
        else f"{escape(cause)} <small>{escape(route['meaning'] or '')}</small>"
        if cause
        else words.duration(route["ms"])
    )
    when = "" if route["at"] is None else f" <small>{_time(route['at'])}</small>"
    learned = words.duration(route["usual_ms"])
    usual = f" <small>usually {learned} here</small>" if route["usual_ms"] else ""
    return (
        f'<tr class="{kind} {words.mood(route)}"><th scope="row">'
        f"{escape(route['route'])}{other}"
        f'<small class="why">{escape(words.standing(route))}</small></th>'
        f'<td><span class="chip {words.mood(route)}">'
        f"{escape(route['breaker'])}</span></td>"
        f'<td class="beat">{charts.beats(route)}</td>'
        f'<td class="last">{last}{when}{usual}</td>'
        f'<td class="number" data-label="good">{words.number(route["served"])}</td>'
        f'<td class="number" data-label="failed">{words.number(route["failed"])}</td>'
        "</tr>"
    )


def hour(snapshot: Snapshot) -> str:
    """Two charts of the last hour."""
    minutes = snapshot["hour"]["minutes"]
    most = charts.ceiling(charts.most_answers(minutes))
    slowest = charts.ceiling(charts.most_time(minutes))
    return _chart(
        "Answers per minute",
        charts.answers(minutes),
        f"{most:.0f}",
        ("cache", "stale", "direct", "proxy", "error"),
    ) + _chart(
        "Time to answer",
        charts.times(minutes),
        words.duration(slowest),
        ("p50", "p95"),
    )


NAMES = {
    "error": "errors",
    "p50": "half within",
    "p95": "95 % within",
    "stale": "stale copies",
}


def _chart(title: str, drawn: str, top: str, legend: tuple[str, ...]) -> str:
    keys = "".join(
        f'<li><span class="key {name}" aria-hidden="true"></span>'
        f"{NAMES.get(name, name)}</li>"
        for name in legend
    )
    return (
        f'<figure><figcaption><h3>{title}</h3><ul class="legend">{keys}</ul>'
        f'</figcaption><div class="plot"><span class="top">{top}</span>{drawn}</div>'
        '<p class="span" aria-hidden="true"><span>an hour ago</span>'
        "<span>now</span></p></figure>"
    )


def cache(snapshot: Snapshot) -> str:
    """What is kept, and what it spared TMDB."""
    found = snapshot["cache"]
    if found is None:
        return "<p>Nothing is kept: STREAMR_CACHE_MB is 0.</p>"
    return _full(found["bytes"], found["most_bytes"]) + _rows(
        ("answers kept", words.number(found["entries"])),
        ("size", _share(found["bytes"], found["most_bytes"])),
        ("hits, last hour", words.number(found["hits"])),
        ("of them stale", words.number(found["stale"])),
        ("misses, last hour", words.number(found["misses"])),
    )


def pictures(snapshot: Snapshot) -> str:
    """What is kept of TMDB's pictures, and how their own routes do."""
    found = snapshot["pictures"]
    if found is None:
        return "<p>No pictures are served: STREAMR_IMAGES is 0.</p>"
    routes = "".join(
        f"<div><dt>{escape(each['route'])}</dt>"
        f"<dd>{escape(words.standing(each))}</dd></div>"
        for each in found["routes"]
    )
    return (
        _full(found["bytes"], found["most_bytes"])
        + _rows(
            ("pictures kept", words.number(found["stored"])),
            ("size", _share(found["bytes"], found["most_bytes"])),
            ("from the disk, since the start", words.number(found["hits"])),
            ("fetched, since the start", words.number(found["misses"])),
        )
        + f'<dl class="rows">{routes}</dl>'
    )


def fleet(found: ShownFleet) -> str:
    """What is shared with other nodes, and whether the engine is there."""
    state = "there" if found["up"] else f"away: {found['trouble']}"
    return _rows(
        ("shared tier", escape(f"{found['engine']}, {state}")),
        ("nodes on this address", words.number(found["nodes"])),
        ("answers taken from others", words.number(found["hits"])),
        ("looked for in vain", words.number(found["misses"])),
        ("not as they were written", words.number(found["broken"])),
    )


def door(found: list[ShownCaller]) -> str:
    """Who came through the door."""
    if not found:
        return "<p>Nobody has come through it since streamr started.</p>"
    return _rows(
        *((escape(each["address"]), _calls(each)) for each in found),
    )


def _calls(caller: ShownCaller) -> str:
    calls = words.number(caller["calls"])
    return f"{calls} calls, the last at {_time(caller['last'])}"


def _share(size: int, most: int) -> str:
    return f"{words.size(size)} of {words.size(most)}"


def _full(size: int, most: int) -> str:
    """A bar that shows how full a store is."""
    full = size / most if most else 0.0
    return (
        f'<svg class="full" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" '
        f'aria-label="{full:.0%} full"><rect class="rest" width="100" height="4"/>'
        f'<rect class="cache" width="{min(100.0, full * 100):.1f}" height="4"/></svg>'
    )


def _rows(*rows: tuple[str, str]) -> str:
    told = "".join(
        f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows
    )
    return f'<dl class="rows">{told}</dl>'


def faults(snapshot: Snapshot) -> str:
    """The last faults: when, what, and what was done."""
    if not snapshot["faults"]:
        return '<li class="none">None since streamr started.</li>'
    told = "".join(_fault(each) for each in snapshot["faults"])
    return f'{told}<li class="none">Why? <code>streamr doctor</code> finds out.</li>'


def _fault(fault: ShownFault) -> str:
    causes = "; ".join(
        f"<b>{escape(each['route'])}</b> {escape(each['meaning'])} "
        f"<code>{escape(each['cause'])}</code>"
        for each in fault["failed"]
    )
    times = (
        f' <span class="times">×{fault["count"]}</span>' if fault["count"] > 1 else ""
    )
    mood = "bad" if fault["done"] == "error" else "mended"
    return (
        f'<li class="{mood}">{_time(fault["at"])}<div><p>{causes}{times}</p>'
        f'<p class="done">{escape(fault["what"])} '
        f"<code>{escape(fault['template'])}</code></p></div></li>"
    )


def _time(iso: str) -> str:
    return f'<time datetime="{iso}">{words.clock(iso)} UTC</time>'
