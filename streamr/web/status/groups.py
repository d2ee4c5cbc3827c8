"""Which of a proxy's routes are shown, in which groups, and what is said of the rest.

There may be sixty, and a page that is repainted each second has to stay one that a
person reads. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from streamr.web.status import words
from streamr.web.status.shape import MainRoute, ShownRoute

# As many as one screen takes beside their lines.
MOST_SHOWN = 12
# What is shown before other routes when there are more: what answers, then what the
# next request tries, then one for each way out of this machine, then what fails lately,
# what nobody needs, what is left out.
FIRST = ("good", "next", "first", "shaky", "idle", "open")
# A request seldom gets further.
NEXT = 3

Leaving = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Routes that leave this machine alike, each with the name that it is shown under;
    `label` says how they leave, "" if all do."""

    label: str
    routes: tuple[tuple[str, ShownRoute], ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is shown of the routes of a proxy; `rest` is one line about the others."""

    groups: tuple[Group, ...]
    rest: str

    @property
    def routes(self) -> tuple[ShownRoute, ...]:
        """Those that are shown, group by group."""
        return tuple(each for group in self.groups for _, each in group.routes)


def chosen(route: MainRoute) -> Chosen:
    """What is shown of the routes behind one of main's."""
    behind = route["proxy_routes"]
    firsts = {_leaving(each): each["route"] for each in reversed(behind)}.values()
    order = sorted(behind, key=lambda each: FIRST.index(_interest(each, firsts)))
    kept = {each["route"] for each in order[:MOST_SHOWN]}
    shown = [each for each in behind if each["route"] in kept]
    left = [each for each in behind if each["route"] not in kept]
    return Chosen(_groups(shown), _rest(left, route["proxy_routes_unused"]))


def _interest(route: ShownRoute, firsts: Collection[str]) -> str:
    mood = words.mood(route)
    if mood == "good":
        return mood
    if route["place"] is not None and route["place"] <= NEXT:
        return "next"
    return "first" if route["route"] in firsts else mood


def _groups(routes: Sequence[ShownRoute]) -> tuple[Group, ...]:
    """Routes by how they leave, in the order in which each egress comes first."""
    found: dict[Leaving, list[ShownRoute]] = {}
    for egress in dict.fromkeys(each["dimensions"]["egress"] for each in routes):
        for each in routes:
            if each["dimensions"]["egress"] == egress:
                found.setdefault(_leaving(each), []).append(each)
    if len(found) < 2:
        named = tuple((each["route"], each) for each in routes)
        return (Group("", named),) if routes else ()
    several = len({resolver for egress, resolver in found if _is_direct(egress)}) > 1
    usual = routes[0]["dimensions"]["family"]
    return tuple(
        Group(
            words.leaving(*leaving, several),
            tuple((_short(each, usual), each) for each in alike),
        )
        for leaving, alike in found.items()
    )


def _short(route: ShownRoute, usual_family: str) -> str:
    """A route's name below a label that says how it leaves. An outbound proxy chooses
    the address family itself."""
    told = route["dimensions"]
    forced = _is_direct(told["egress"]) and told["family"] != usual_family
    family = f"+{told['family']}" if forced else ""
    return f"{told['profile']}@{told['host']}{family}"


def _leaving(route: ShownRoute) -> Leaving:
    return route["dimensions"]["egress"], route["dimensions"]["resolver"]


def _is_direct(egress: str) -> bool:
    return egress == words.DIRECT


def _rest(left: Sequence[ShownRoute], unused: int) -> str:
    """One line about what is not shown, "" when that is nothing."""
    total = unused + len(left)
    failing = sum(words.mood(each) in ("open", "shaky") for each in left)
    idle = [each for each in left if words.mood(each) == "idle"]
    untried = unused + sum(each["state"] == "untried" for each in idle)
    if not total:
        return ""
    more = f"{total} more route{'s' * (total > 1)}"
    if untried == total:
        return f"{more}, not tried yet"
    counts = (
        (failing, "failing"),
        (untried, "not tried yet"),
        (total - failing - untried, "not needed lately"),
    )
    return f"{more}: " + ", ".join(f"{count} {what}" for count, what in counts if count)
