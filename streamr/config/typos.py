"""Names that look like a setting of ours and are none.

Where a person wrote one into .env, a typo is an error: the setting would be lost in
silence. In the environment it is a warning, for other programs have names there, too
(Kubernetes makes up STREAMR_SERVICE_HOST).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from streamr.config.settings import BY_NAME, TABLE

# How much of two names without underscores is the same, from 0 to 1. A typo: one letter
# of PORT or HOST, two of longer names. A likeness: TMDB_TOKEN, but TMDB_IMAGE_URL, too,
# which may be the app's own.
_TYPO, _SHORT_TYPO, _LIKE = 0.88, 0.75, 0.7
_SHORT = 5
# Names that begin so in our .env are hardly another program's.
_PREFIXES = ("TMDB_", "PROXY_", "CORS_")
_NAMES = (*BY_NAME, *(f"{each.name}_FILE" for each in TABLE if each.secret))


def _plain(name: str) -> str:
    return name.upper().replace("_", "")


_PLAIN = {_plain(each): each for each in _NAMES}
_SHORTENED = {_plain(each.removeprefix("STREAMR_")): each for each in _NAMES}


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name that is no setting, and which was probably `meant`; `sure` when that is
    beyond doubt."""

    name: str
    meant: str | None
    sure: bool

    def told(self, where: str) -> str:
        """A sentence about it, without its value."""
        hint = f"; did you mean {self.meant}?" if self.meant else ""
        return f"{self.name} ({where}) is not a setting{hint}"


def unknown(names: Iterable[str], given: Callable[[str], bool]) -> Iterator[Unknown]:
    """What among the names looks like a setting and is none.

    `given` says whether a setting is set: then what looks like it is meant for another
    program, unless it begins with our own name.
    """
    for name in names:
        if name in _NAMES:
            continue
        typo = _closest(name, _SHORT_TYPO if len(name) <= _SHORT else _TYPO)
        if name.startswith("STREAMR_"):
            yield Unknown(name, typo or _like(name), sure=True)
            continue
        meant = typo or _like(name)
        if meant is not None and not given(meant):
            yield Unknown(name, meant, sure=typo is not None)


def _like(name: str) -> str | None:
    """The setting that a name reminds of: without its prefix, or by its words."""
    if f"STREAMR_{name}" in BY_NAME:
        return f"STREAMR_{name}"
    if name.startswith("STREAMR_"):
        # without the prefix, which would make everything look alike
        return _closest(name.removeprefix("STREAMR_"), _LIKE, _SHORTENED)
    return _closest(name, _LIKE) if name.startswith(_PREFIXES) else None


def _closest(
    name: str, least: float, plain_names: Mapping[str, str] = _PLAIN
) -> str | None:
    """The name that is most like this one, None when none is so to this degree."""
    found = get_close_matches(_plain(name), plain_names, n=1, cutoff=least)
    return plain_names[found[0]] if found else None
