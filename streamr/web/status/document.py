"""The whole page: its head, what stands still, and the parts of the first paint.

Every address on it is relative, so that it works below a reverse proxy's sub-path, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from streamr.tmdb.catalogue import NOTICE
from streamr.web.status.sections import sections
from streamr.web.status.shape import Snapshot

FILMS = '<script type="module" src="films.js"></script>'


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting as it may be shown: a secret's value is masked already."""

    name: str
    value: str
    origin: str
    help: str


@dataclass(frozen=True, slots=True)
class Button:
    """One way to break the demo: a fault for a host, `*` for all; "" heals."""

    text: str
    hint: str
    host: str = ""
    fault: str = ""

    @property
    def action(self) -> str:
        """Where it is posted to."""
        if not self.fault:
            return "demo/heal"
        return f"demo/fault?host={self.host}&fault={self.fault}"


# What is open in the demo and nowhere else: streamr/web/demo/pages.py.
OPEN = """<p class="open">What is open here: programs on this computer that use a \
loopback name such as <code>localhost</code> may break and repair the demo, also \
through a port that a container publishes. Web pages of loopback origins, such as \
<code>http://localhost:5173</code>, may do the same and read the answers. Settings, \
metrics and purging stay restricted.</p>"""
DIRECT, EVERYWHERE = "api.themoviedb.org", "*"
BUTTONS = (
    Button(
        "Reset the direct route",
        "the connection is reset in the TLS handshake",
        DIRECT,
        "reset-after-hello",
    ),
    Button(
        "Silence it",
        "the connection is established, then silence",
        DIRECT,
        "silence-after-hello",
    ),
    Button("Portal page", "a page of HTML instead of JSON", DIRECT, "html"),
    Button(
        "Kill everything",
        "every route to TMDB is reset",
        EVERYWHERE,
        "reset-after-hello",
    ),
    Button("Heal", "removes every fault"),
)


def document(
    snapshot: Snapshot,
    settings: Sequence[Shown] | None,
    *,
    may_act: bool,
    base_url: str = "",
) -> str:
    """The page. `settings` is None for visitors who may not see them; `may_act` shows
    the demo's buttons; `base_url` is what an app takes for TMDB's."""
    parts = sections(snapshot)
    return f"""<!doctype html>
<html lang="en">
{_head(snapshot)}<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="bar">
<p class="brand"><svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">\
<path d="M3 9h8c8 0 10 14 18 14M3 23h8c3 0 5-2 7-5M29 9h-5c-2 0-4 1-5 3"/></svg>\
streamr</p>
<p class="live" id="live"><span aria-hidden="true"></span><b>as of \
<time datetime="{snapshot["at"]}">{snapshot["at"][11:19]} UTC</time></b></p>
</header>
<main id="content">
<section id="glance" role="status" aria-atomic="true">{parts["glance"]}</section>
<p class="base">Base URL for your app: <code id="base">{escape(base_url)}</code></p>
<dl id="figures">{parts["figures"]}</dl>
{_demo(snapshot, may_act)}
<section aria-labelledby="h-path"><h2 id="h-path">The path of a request</h2>
<div id="map">{parts["map"]}</div></section>
<section aria-labelledby="h-beats"><h2 id="h-beats">Heartbeats</h2>
<table id="routes">{parts["routes"]}</table></section>
<section aria-labelledby="h-hour"><h2 id="h-hour">The last hour</h2>
<div id="charts">{parts["charts"]}</div></section>
<div class="pair">
<section aria-labelledby="h-faults"><h2 id="h-faults">Last faults, and what was \
done</h2><ol id="faults" tabindex="0" aria-labelledby="h-faults">{parts["faults"]}\
</ol></section>
<section aria-labelledby="h-cache"><h2 id="h-cache">Cache</h2>
<div id="cache">{parts["cache"]}</div></section>
</div>
<section aria-labelledby="h-pictures"><h2 id="h-pictures">Pictures</h2>
<div id="pictures">{parts["pictures"]}</div></section>
{_optional("fleet", "Other nodes", parts)}
{_optional("door", "The door", parts)}
{_settings(settings)}
</main>
{_footer(snapshot)}
</body>
</html>
"""


def _optional(name: str, title: str, parts: Mapping[str, str]) -> str:
    """A section that not every streamr has."""
    if name not in parts:
        return ""
    return f"""<section aria-labelledby="h-{name}"><h2 id="h-{name}">{title}</h2>
<div id="{name}">{parts[name]}</div></section>"""


def _head(snapshot: Snapshot) -> str:
    """What the browser fetches and shows in its tab."""
    return f"""<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>streamr – {escape(snapshot["verdict"]["headline"])}</title>
<link rel="icon" href="status.svg" type="image/svg+xml">
<link rel="stylesheet" href="status.css">
<script type="module" src="status.js"></script>
{FILMS if snapshot["demo"] else ""}
</head>
"""


def _footer(snapshot: Snapshot) -> str:
    """TMDB's notice, which version this is and since when, and where to go on."""
    return f"""<footer>
<p>{NOTICE}</p>
<p>streamr {escape(snapshot["version"])} · {escape(snapshot["environment"])} · \
since <time datetime="{snapshot["started"]}" data-long>\
{snapshot["started"][:16].replace("T", " ")} UTC</time> · \
<a href="docs">API</a> · \
<a href="status.json">status.json</a> · \
<a href="api/tmdb/health">health</a></p>
<noscript><p>Without JavaScript, this page does not update; reload it for new \
figures.</p></noscript>
</footer>"""


def _demo(snapshot: Snapshot, may_act: bool) -> str:
    """The film wall; for who may use them, the buttons that break things above it."""
    if not snapshot["demo"]:
        return ""
    buttons = "".join(_button(each) for each in BUTTONS)
    acting = f"""<h2 id="h-demo">Break it</h2>
<p>This TMDB is simulated. Break it, and watch the films keep coming.</p>
<div class="buttons" role="group" aria-label="Faults">{buttons}</div>
<p id="acted" role="status">Nothing is broken. Press a button.</p>"""
    looking = """<h2 id="h-demo">Films</h2>
<p>This TMDB is simulated.</p>"""
    return f"""<section class="demo" aria-labelledby="h-demo">
{acting if may_act else looking}
<ul id="wall" aria-label="Films, asked for again and again"></ul>
<p id="score"></p>
{OPEN}
</section>"""


def _button(button: Button) -> str:
    kind = "break" if button.fault else "heal"
    pressed = ' aria-pressed="false"' if button.fault else ""
    return (
        f'<form method="post" action="{escape(button.action)}">'
        f'<button class="{kind}" data-host="{button.host}" '
        f'data-fault="{button.fault}" title="{button.hint}"{pressed}>'
        f"{button.text}</button></form>"
    )


def _settings(settings: Sequence[Shown] | None) -> str:
    if settings is None:
        return ""
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(each.name)}</code>'
        f"<small>{escape(each.help)}</small></th>"
        f'<td data-label="value"><code>{escape(each.value) or "–"}</code></td>'
        f'<td data-label="from">{escape(each.origin)}</td></tr>'
        for each in settings
    )
    return (
        '<details id="settings"><summary><h2>Settings</h2></summary><table>'
        '<thead><tr><th scope="col">setting</th><th scope="col">value</th>'
        f'<th scope="col">from</th></tr></thead><tbody>{rows}</tbody></table></details>'
    )
