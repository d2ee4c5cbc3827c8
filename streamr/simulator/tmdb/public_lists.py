"""Public lists, which people at TMDB make and share.

There are millions, and apps ask for the ones that somebody has put into their settings.
So every number up to TMDB's own has a list here: the first holds everything, the others
a choice that follows from the number.
"""

import re
from dataclasses import dataclass
from functools import partial

from streamr.simulator.tmdb import shapes
from streamr.simulator.tmdb.details import ID_NAMES, the_title
from streamr.simulator.tmdb.request import ApiCall, Routes, TMDBRefusal, paged
from streamr.simulator.tmdb.world import Value, World, digest

KINDS = ("movie", "tv")
# TMDB's own had eight and a half million in 2025; what is above is unknown.
HIGHEST = 8_999_999
# Lists from before 2014 have ids like these, and still answer.
OLD_ID = re.compile(r"[0-9a-f]{24}")
# Between a screen and a few pages.
SHORTEST, LONGEST = 12, 60


@dataclass(frozen=True, slots=True)
class PublicList:
    """One list: its id, its name and what is on it, by kind and id."""

    list_id: int | str
    name: str
    description: str
    items: tuple[tuple[str, int], ...]

    def brief(self) -> Value:
        """What a list says of itself."""
        return {
            "description": self.description,
            "favorite_count": 0,
            "id": self.list_id,
            "item_count": len(self.items),
            "iso_639_1": "en",
            "name": self.name,
            "poster_path": None,
        }


def everything(world: World) -> PublicList:
    """List 1."""
    items = tuple((kind, one) for kind in KINDS for one in world.titles(kind))
    return PublicList(1, "The shelf", "Everything on one shelf.", items)


def choice(world: World, list_id: int | str) -> PublicList:
    """Any other list: movies in an order that its id decides, a dozen or more."""
    order = sorted(world.movies, key=lambda one: digest("list", list_id, one))
    count = SHORTEST + digest("list", list_id)[0] % (LONGEST - SHORTEST)
    items = tuple(("movie", one) for one in order[:count])
    name = f"Evening programme {list_id}"
    return PublicList(list_id, name, "A choice of the demo's own.", items)


def the_list(call: ApiCall) -> PublicList:
    """The list that the path names."""
    name = call.ids["list_id"]
    if OLD_ID.fullmatch(name):
        return choice(call.world, name)
    number = call.number("list_id")
    if number > HIGHEST:
        raise TMDBRefusal(34)
    return everything(call.world) if number == 1 else choice(call.world, number)


def list_details(call: ApiCall) -> Value:
    """GET /3/list/{list_id}: a page of what is on it."""
    found = the_list(call)
    envelope = paged(
        call,
        found.items,
        lambda row: shapes.typed_item(
            row[0], call.world.titles(row[0])[row[1]], call.language
        ),
    )
    items = {"items": envelope.pop("results")}
    return {"created_by": "nightprojectionist", **found.brief(), **items, **envelope}


def item_status(call: ApiCall) -> Value:
    """GET /3/list/{list_id}/item_status: is a movie on the list?"""
    found = the_list(call)
    wanted = call.params.get("movie_id", "")
    present = wanted.isdecimal() and ("movie", int(wanted)) in found.items
    return {"id": found.list_id, "item_present": present}


def lists_with(kind: str, call: ApiCall) -> Value:
    """The public lists that hold a title: we tell of the one that holds them all."""
    title = the_title(kind, call)
    row = {**everything(call.world).brief(), "list_type": kind}
    return {"id": title["id"], **paged(call, [row])}


ROUTES: Routes = {
    "/3/list/{list_id}": list_details,
    "/3/list/{list_id}/item_status": item_status,
    **{
        f"/3/{kind}/{{{name}}}/lists": partial(lists_with, kind)
        for kind, name in ID_NAMES.items()
    },
}
