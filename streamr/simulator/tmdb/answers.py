"""From path and parameters to status and JSON value: the routing, and appending.

An id of the path that is unknown, an unknown path, a bad page: everything TMDB would
refuse becomes the error it would send. Nothing here knows about sockets or headers.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from streamr.simulator.tmdb import (
    fixtures,
    legacy,
    lists,
    persons,
    public_lists,
    search,
    seasons,
    series,
    titles,
)
from streamr.simulator.tmdb.request import (
    ApiAnswer,
    ApiCall,
    Handler,
    MissingQuery,
    Routes,
    TMDBRefusal,
)
from streamr.simulator.tmdb.world import Value, World

ROUTES: Routes = {
    **fixtures.ROUTES,
    **public_lists.ROUTES,
    **legacy.ROUTES,
    **search.ROUTES,
    **lists.ROUTES,
    **persons.ROUTES,
    **seasons.ROUTES,
    **series.ROUTES,
    **titles.ROUTES,
}
APPENDABLE = frozenset(
    {
        "/3/movie/{movie_id}",
        "/3/tv/{series_id}",
        seasons.SEASON,
        seasons.EPISODE,
        "/3/person/{person_id}",
        # practice, not documentation
        "/3/collection/{collection_id}",
        "/3/company/{company_id}",
        "/3/configuration",
        "/3/network/{network_id}",
    }
)
APPENDED_AT_MOST = 20
READING = frozenset({"GET", "HEAD"})
UNAUTHORISED_SECONDS = 300


@dataclass(frozen=True, slots=True)
class TMDBReply:
    """What TMDB's application answers, before it becomes bytes."""

    status: int
    value: ApiAnswer
    max_age: int | None = None

    @property
    def good(self) -> bool:
        """A 200 with the thing asked for."""
        return self.status == 200


def pattern(template: str) -> re.Pattern[str]:
    """A path template as a pattern with named groups."""
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))


def compiled(routes: Routes) -> list[tuple[re.Pattern[str], str, Handler]]:
    """The routes with literal paths before those with ids."""
    order = sorted(routes, key=lambda template: template.count("{"))
    return [(pattern(template), template, routes[template]) for template in order]


COMPILED = compiled(ROUTES)


def route(path: str) -> tuple[str, Handler, Mapping[str, str]]:
    """The template, the handler and the ids of a path; 404 when there is none."""
    for shape, template, handler in COMPILED:
        match = shape.fullmatch(path)
        if match is not None:
            return template, handler, match.groupdict()
    raise TMDBRefusal(34)


def authorised(keys: Iterable[str], api_key: str | None, bearer: str | None) -> bool:
    """A key counts in either place."""
    return any(given in keys for given in (api_key, bearer) if given)


def value_at(world: World, path: str, params: Mapping[str, str]) -> ApiAnswer:
    """The JSON value at a path, with what is to be appended."""
    template, handler, ids = route(path)
    names = [one for one in params.get("append_to_response", "").split(",") if one]
    if template not in APPENDABLE or not names:
        return handler(ApiCall(world, ids, params))
    if len(names) > APPENDED_AT_MOST:
        raise TMDBRefusal(27)
    details = handler(ApiCall(world, ids, params))
    assert isinstance(details, dict), template
    value = dict(details)
    rest = {k: v for k, v in params.items() if k != "append_to_response"}
    for name in names:
        value.update(appended(world, path, name, rest))
    return value


def appended(world: World, path: str, name: str, params: Mapping[str, str]) -> Value:
    """One appended value under its literal name; nothing when there is none."""
    try:
        _, handler, ids = route(f"{path}/{name}")
        found = handler(ApiCall(world, ids, params))
    except TMDBRefusal:
        return {}
    if isinstance(found, dict):
        found = {key: value for key, value in found.items() if key != "id"}
    return {name: found}


def answer(
    world: World, method: str, path: str, params: Mapping[str, str]
) -> TMDBReply:
    """The reply to a request with a good key."""
    try:
        if method not in READING:
            route(path)
            raise TMDBRefusal(42)
        return TMDBReply(200, value_at(world, path, params))
    except (TMDBRefusal, MissingQuery) as no:
        return TMDBReply(no.status, no.body)


def unauthorised() -> TMDBReply:
    """The reply to no key or a bad one: it says that it may be kept for 5 minutes."""
    refusal = TMDBRefusal(7)
    return TMDBReply(refusal.status, refusal.body, UNAUTHORISED_SECONDS)
