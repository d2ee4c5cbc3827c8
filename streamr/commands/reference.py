"""The code's tables as documentation: settings, freshness classes, metrics.

`python -m streamr.commands.reference` writes `.env.example` and, in `docs/`, settings,
freshness and metrics into a checkout; a test keeps them true.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from streamr.config.settings import TABLE, Setting
from streamr.errors import CAUSES
from streamr.observe import measures
from streamr.observe.measures import Measure
from streamr.policy.freshness import DAY, HOUR, MINUTE, MISSING
from streamr.policy.retry import HEDGE_AFTER
from streamr.tmdb.lifetimes import CLASSES

SETTINGS_HEAD = """# Settings

Written by `python -m streamr.commands.reference` from `streamr/config/settings.py`.

Flags override the environment, the environment overrides `.env` in the working
directory, and `.env` overrides the defaults. Secrets have no flag, because `ps` would
show it, but they can be read from a file. All errors are reported together, with exit
status 78; `streamr config` prints each setting and where its value comes from.

| setting | flag | default | allowed | what it does |
|---|---|---|---|---|
"""

FRESHNESS_HEAD = """# How long an answer is good

Written by `python -m streamr.commands.reference` from `streamr/policy/freshness.py`.

TMDB gives most answers a lifetime (`max-age`, or `Expires` with `Date`). streamr uses
it, limited to the bounds of the endpoint's class; without one it uses the class's usual
lifetime. Once the lifetime is over, the copy is still served immediately while it is
renewed in the background. Later it is served only when TMDB takes longer than 250 ms,
fails, or answers 429.

| class | usual | at least | at most | while being renewed | when TMDB fails |
|---|---|---|---|---|---|
"""
FRESHNESS_TAIL = """

- configuration: `configuration`, `certification`, `genre`, `watch`; lists: `trending`,
  `discover`, popular, top rated and so on; search: `search`; changes: `changes` and
  `latest`; details: everything else; missing: a 404.
- Never stored: 401, 403, 429, 5xx, redirects, truncated, broken or implausible answers,
  and answers with `no-store` or `private`.
- Nothing is kept longer than 180 days.
- Ages are measured with the monotonic clock, so changing the system's clock does not
  expire anything.
- `streamr cache purge --class lists` (or `--path /movie/550`, or `--all`) deletes
  stored answers.
"""

METRICS_HEAD = """# Metrics

Written by `python -m streamr.commands.reference` from `streamr/observe/measures.py`.

`/metrics` is served by main and by the proxy, in Prometheus' text format or in
OpenMetrics, to callers on this machine and to those who send `STREAMR_ADMIN_TOKEN` as a
bearer token. Both servers of one process export the same metrics, so scrape one of them
(`deploy/prometheus/prometheus.yml`); scrape the proxy where it runs by itself.

```sh
curl -s http://127.0.0.1:3001/metrics
curl -s -H "Authorization: Bearer $STREAMR_ADMIN_TOKEN" http://streamr.lan:3001/metrics
```

`deploy/grafana/streamr.json` is a dashboard, `deploy/prometheus/streamr.rules.yml` has
alert rules that name the command to run.

| metric | type | labels | meaning |
|---|---|---|---|
"""
METRICS_TAIL = """

The library adds its own `process_…` metrics: processor time, memory, open files and the
start time.

## Labels

The values are those of the log, the headers and the health pages. Values chosen by
callers, proxies or TMDB never become labels; they are counted as `other`.

- `server`: `streamr-main`, `streamr-proxy`, and `streamr-door` for what comes to main
  through the [door](apps.md). A request from main to the proxy counts as a request to
  the proxy, so count callers on main and on the door.
- `endpoint`: TMDB's path template such as `/movie/{{movie_id}}`, one of streamr's own
  paths, or `other` for a refused request.
- `route`: the name of a configured route: `direct`, `proxy@127.0.0.1:5001`,
  `classic@api.themoviedb.org`.
- `cause`: {causes}; on attempts also `ok` and `other`.
  `overtaken` (a hedge was faster) and `deadline_exceeded` (the deadline passed) are not
  failures of the route. Attempts that were cancelled because an earlier route answered,
  or because the caller disconnected, are not counted at all.
- `result`: {results}.
- `source`: the route that answered, or
{sources}

## Questions

- Failures of routes: `streamr_attempts_total{{cause!~"{no_failure}"}}`.
- Offload of the last hour: `1000 * sum(increase(streamr_upstream_requests_total[1h])) /
  sum(increase(streamr_requests_total{{server="streamr-main",
  source!~"local|refused"}}[1h]))`. Probes and renewals count as sent requests. A proxy
  on another machine counts what it sends in its own metrics.
- Latency: the histograms end at `STREAMR_DEADLINE` and {grace:g} s above it, and have a
  bound at {hedge:g} s, where a hedge starts. Requests above the last bound took longer
  than promised.
"""


def settings() -> str:
    """All settings, as `docs/settings.md` tells them."""
    return SETTINGS_HEAD + "".join(f"{_row(each)}\n" for each in TABLE)


def env_example() -> str:
    """A `.env` with every setting commented out."""
    head = (
        "# Copy to .env and fill in a key. Flags and the environment override it.\n"
        "# A secret can also be read from a file: NAME_FILE=/path/to/it\n"
    )
    return head + "".join(
        f"\n# {setting.help}\n# Allowed: {setting.allowed}.\n"
        f"#{setting.name}={setting.default}\n"
        for setting in TABLE
    )


def freshness() -> str:
    """The freshness classes, as `docs/freshness.md` tells them."""
    rows = [*CLASSES.values(), MISSING]
    times = ("usual", "least", "most", "while_revalidate", "if_error")
    lines = [
        f"| {each.name} | "
        + " | ".join(_time(getattr(each, name)) for name in times)
        + " |"
        for each in rows
    ]
    return FRESHNESS_HEAD + "\n".join(lines) + FRESHNESS_TAIL


def metrics() -> str:
    """All metrics, as `docs/metrics.md` tells them."""
    tail = METRICS_TAIL.format(
        causes=_listed(CAUSES),
        results=_listed(measures.CACHE_RESULTS),
        sources="\n".join(
            f"  - `{name}`: {meaning}" for name, meaning in measures.SOURCES.items()
        ),
        no_failure="|".join(measures.NO_FAILURE),
        grace=measures.GRACE,
        hedge=HEDGE_AFTER,
    )
    return METRICS_HEAD + "\n".join(map(_metric, measures.TABLE)) + tail


def _row(setting: Setting) -> str:
    flag = f"`--{setting.flag}`" if setting.flag else f"`{setting.name}_FILE`"
    default = f"`{setting.default}`" if setting.default else "unset"
    cells = (f"`{setting.name}`", flag, default, setting.allowed, setting.help)
    return f"| {' | '.join(cells)} |"


def _metric(measure: Measure) -> str:
    cells = (f"`{measure.name}`", measure.kind, _listed(measure.labels), measure.help)
    return f"| {' | '.join(cells)} |"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


def _time(seconds: float) -> str:
    """Seconds in the largest unit that leaves no rest."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def main(root: Path) -> None:
    """Write all files."""
    (root / "docs/freshness.md").write_text(freshness(), encoding="utf-8")
    (root / "docs/metrics.md").write_text(metrics(), encoding="utf-8")
    (root / "docs/settings.md").write_text(settings(), encoding="utf-8")
    (root / ".env.example").write_text(env_example(), encoding="utf-8")


if __name__ == "__main__":
    main(Path.cwd())
