"""Answers that only series have: ratings, roles over all seasons, episode groups."""

from streamr.simulator.tmdb import shapes
from streamr.simulator.tmdb.details import the_title
from streamr.simulator.tmdb.request import ApiCall, Routes
from streamr.simulator.tmdb.titles import certificates
from streamr.simulator.tmdb.world import Value, WorldPart, hex_id


def content_ratings(call: ApiCall) -> Value:
    """A series' rating by country."""
    series = the_title("tv", call)
    rows = [
        {"descriptors": [], "iso_3166_1": country, "rating": mark}
        for country, mark in certificates(series)
    ]
    return {"id": series["id"], "results": rows}


def aggregate_credits(call: ApiCall) -> Value:
    """Cast and crew over all seasons, with the roles of each person."""
    series = the_title("tv", call)
    parts = call.world.parts_in("tv", series["id"])
    count = sum(len(one["episodes"]) for one in series["seasons"])
    return {
        "cast": [aggregated(call, one, count) for one in parts if one.is_cast],
        "crew": [aggregated(call, one, count) for one in parts if not one.is_cast],
        "id": series["id"],
    }


def aggregated(call: ApiCall, part: WorldPart, count: int) -> Value:
    """One person of the aggregate credits."""
    brief = shapes.person_brief(call.world, part.person)
    role = {"credit_id": part.credit_id, "episode_count": count}
    if part.is_cast:
        roles = [role | {"character": part.role}]
        return (
            brief
            | {"roles": roles, "total_episode_count": count}
            | {"order": part.order}
        )
    jobs = [role | {"job": part.role}]
    more = {"department": part.department, "total_episode_count": count}
    return brief | {"jobs": jobs} | more


def group_id(series: Value) -> str:
    """The id of a series' one episode group."""
    return hex_id("episode group", series["id"])


def group_brief(call: ApiCall, series: Value) -> Value:
    """The one episode group of a series, in order of first broadcast."""
    networks = [shapes.company(call.world.networks[one]) for one in series["networks"]]
    return {
        "description": "All episodes in the order of their first broadcast.",
        "episode_count": sum(len(one["episodes"]) for one in series["seasons"]),
        "group_count": len(series["seasons"]),
        "id": group_id(series),
        "name": "Original air dates",
        "network": networks[0] if networks else None,
        "type": 1,
    }


def episode_groups(call: ApiCall) -> Value:
    """The episode groups of a series."""
    series = the_title("tv", call)
    return {"results": [group_brief(call, series)], "id": series["id"]}


def screened(call: ApiCall) -> Value:
    """Episodes shown in cinemas: the first episode of each series."""
    series = the_title("tv", call)
    first = series["seasons"][0]["episodes"][0]
    names = ("id", "episode_number", "season_number")
    return {"id": series["id"], "results": [{name: first[name] for name in names}]}


SERIES = "/3/tv/{series_id}"
ROUTES: Routes = {
    f"{SERIES}/aggregate_credits": aggregate_credits,
    f"{SERIES}/content_ratings": content_ratings,
    f"{SERIES}/episode_groups": episode_groups,
    f"{SERIES}/screened_theatrically": screened,
}
