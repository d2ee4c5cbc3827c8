"""Tables of the code as documentation: settings and freshness classes.

`python -m streamr.reference` writes the README's table, `.env.example` and
`docs/freshness.md` into a checkout; a test keeps them true.
"""

from __future__ import annotations

from pathlib import Path

from streamr.policy.freshness import CLASSES, DAY, HOUR, MINUTE, MISSING
from streamr.settings import TABLE, Setting

BEGIN = "<!-- settings: written by python -m streamr.reference -->"
END = "<!-- end of settings -->"

FRESHNESS_HEAD = """# How long an answer is good

Written by `python -m streamr.reference` from `streamr/policy/freshness.py`.

TMDB names a lifetime with most answers (`max-age`, or `Expires` beside `Date`). It is
taken within the bounds of the endpoint's class; where there is none, the usual one is.
After it the copy is served at once while it is renewed behind; after that it is served
when TMDB takes longer than 250 ms, fails, or answers 429.

| class | usual | at least | at most | while it is renewed | when TMDB fails |
|---|---|---|---|---|---|
"""
FRESHNESS_TAIL = """

- configuration: `configuration`, `certification`, `genre`, `watch`; lists: `trending`,
  `discover`, popular, top rated and so on; search: `search`; changes: `changes` and
  `latest`; details: everything else; missing: a 404.
- Never stored: 401, 403, 429, 5xx, redirects, what is cut, broken or implausible, and
  answers with `no-store` or `private`.
- Nothing is kept beyond 180 days.
- Ages run on the monotonic clock: setting the wall clock expires nothing.
- `streamr cache purge --class lists` (or `--path /movie/550`, or `--all`) drops them.
"""


def markdown() -> str:
    """The table of all settings."""
    head = (
        "| setting | flag | default | allowed | what it does |\n|---|---|---|---|---|"
    )
    return "\n".join([head, *map(_row, TABLE)])


def env_example() -> str:
    """A `.env` with every setting commented out."""
    head = (
        "# Copy to .env and fill in a key. Flags and the environment win over it.\n"
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


def in_readme(text: str) -> str:
    """The README's text with the table brought up to date."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{markdown()}\n{END}{after}"


def _row(setting: Setting) -> str:
    flag = f"`--{setting.flag}`" if setting.flag else f"`{setting.name}_FILE`"
    default = f"`{setting.default}`" if setting.default else "unset"
    cells = (f"`{setting.name}`", flag, default, setting.allowed, setting.help)
    return f"| {' | '.join(cells)} |"


def _time(seconds: float) -> str:
    """Seconds in the largest unit that leaves no rest."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def main(root: Path) -> None:
    """Write all files."""
    (root / "docs/freshness.md").write_text(freshness(), encoding="utf-8")
    readme = root / "README.md"
    readme.write_text(in_readme(readme.read_text(encoding="utf-8")), encoding="utf-8")
    (root / ".env.example").write_text(env_example(), encoding="utf-8")


if __name__ == "__main__":
    main(Path.cwd())
