"""The code on docs/recipes/clients.md, as files: what a reader copies is tested."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs/recipes/clients.md"
URL = "http://127.0.0.1:3001"
# A fenced block whose first line names its file in a comment.
_BLOCK = re.compile(r"^```\w+\n(?://|#) (?P<name>\S+)\n(?P<code>.*?)^```", re.M | re.S)


def files() -> dict[str, str]:
    """Each file on the page, by its name. A name stands once."""
    found = list(_BLOCK.finditer(PAGE.read_text(encoding="utf-8")))
    by_name = {each["name"]: each["code"] for each in found}
    assert len(by_name) == len(found)
    return by_name


def write(folder: Path, url: str, *names: str) -> None:
    """Put some of the files into a folder, with another server's address in them."""
    for name in names:
        code = files()[name]
        (folder / name).write_text(code.replace(URL, url), encoding="utf-8")
