"""The settings table as documentation: the README's table and `.env.example`.

`python -m streamr.reference` writes both into a checkout; a test keeps them true.
"""

from __future__ import annotations

from pathlib import Path

from streamr.settings import TABLE, Setting

BEGIN = "<!-- settings: written by python -m streamr.reference -->"
END = "<!-- end of settings -->"


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


def main(root: Path) -> None:
    """Write both files."""
    readme = root / "README.md"
    readme.write_text(in_readme(readme.read_text(encoding="utf-8")), encoding="utf-8")
    (root / ".env.example").write_text(env_example(), encoding="utf-8")


if __name__ == "__main__":
    main(Path.cwd())
