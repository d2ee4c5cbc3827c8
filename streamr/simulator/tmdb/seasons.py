"""Answers about seasons, episodes and episode groups."""

from collections.abc import Callable

from streamr.simulator.tmdb import shapes
from streamr.simulator.tmdb.changes import changed
from streamr.simulator.tmdb.details import episode_brief, the_title
from streamr.simulator.tmdb.request import ApiCall, Handler, Routes, TMDBRefusal, known
from streamr.simulator.tmdb.series import aggregated, group_brief, group_id
from streamr.simulator.tmdb.titles import account_states, offers
from streamr.simulator.tmdb.world import Value, all_seasons, hex_id, image

SEASON = "/3/tv/{series_id}/season/{season_number}"
EPISODE = SEASON + "/episode/{episode_number}"
SeasonPart = Callable[[ApiCall, Value, Value], Value]


def the_season(call: ApiCall) -> tuple[Value, Value]:
    """The series and the season that the path names."""
    series = the_title("tv", call)
    numbered = {one["season_number"]: one for one in all_seasons(series)}
    return series, known(numbered, call.ordinal("season_number"))


def the_episode(call: ApiCall) -> tuple[Value, Value]:
    """The series and the episode that the path names."""
    series, season = the_season(call)
    numbered = {one["episode_number"]: one for one in season["episodes"]}
    return series, known(numbered, call.ordinal("episode_number"))


def season_details(call: ApiCall) -> Value:
    """GET …/season/{season_number}."""
    series, season = the_season(call)
    return {
        "_id": hex_id("season", season["id"]),
        "air_date": season["air_date"],
        "episodes": [full_episode(series, one) for one in season["episodes"]],
        "name": season["name"],
        "networks": [
            shapes.company(call.world.networks[one]) for one in series["networks"]
        ],
        "overview": "",
        "id": season["id"],
        "poster_path": image("poster", "season", season["id"]),
        "season_number": season["season_number"],
        "vote_average": series["vote"],
    }


def full_episode(series: Value, episode: Value) -> Value:
    """An episode as its season shows it."""
    return {**episode_brief(series, episode), "crew": [], "guest_stars": []}


def episode_details(call: ApiCall) -> Value:
    """GET …/episode/{episode_number}."""
    series, episode = the_episode(call)
    details = full_episode(series, episode)
    del details["show_id"]
    return details


def season_credits(call: ApiCall) -> Value:
    """Cast and crew of a season: those of its series."""
    series, season = the_season(call)
    return {**cast_and_crew(call, series), "id": season["id"]}


def episode_credits(call: ApiCall) -> Value:
    """Cast, crew and guests of an episode."""
    series, episode = the_episode(call)
    return {**cast_and_crew(call, series), "guest_stars": [], "id": episode["id"]}


def cast_and_crew(call: ApiCall, series: Value) -> Value:
    """The people of a series, split as credits split them."""
    parts = call.world.parts_in("tv", series["id"])
    return {
        "cast": [shapes.credit(call.world, one) for one in parts if one.is_cast],
        "crew": [shapes.credit(call.world, one) for one in parts if not one.is_cast],
    }


def season_aggregate(call: ApiCall) -> Value:
    """Cast and crew of a season with their roles."""
    series, season = the_season(call)
    parts = call.world.parts_in("tv", series["id"])
    count = len(season["episodes"])
    return {
        "cast": [aggregated(call, one, count) for one in parts if one.is_cast],
        "crew": [aggregated(call, one, count) for one in parts if not one.is_cast],
        "id": season["id"],
    }


def season_ids(call: ApiCall, series: Value, season: Value) -> Value:
    """A season's ids elsewhere."""
    names = ("freebase_mid", "freebase_id", "tvdb_id", "tvrage_id", "wikidata_id")
    return dict.fromkeys(names)


def episode_ids(call: ApiCall, series: Value, episode: Value) -> Value:
    """An episode's ids elsewhere: a season's, and IMDb's."""
    return {"imdb_id": None, **season_ids(call, series, episode)}


def season_images(call: ApiCall, series: Value, season: Value) -> Value:
    """Posters of a season."""
    return {"posters": [shapes.picture("poster", (1000, 1500), "season", season["id"])]}


def episode_images(call: ApiCall, series: Value, episode: Value) -> Value:
    """Stills of an episode."""
    return {"stills": [shapes.picture("still", (1920, 1080), episode["id"])]}


def season_translations(call: ApiCall, series: Value, thing: Value) -> Value:
    """The languages a season or an episode is known in."""
    data = {"name": thing["name"], "overview": ""}
    return {"translations": [shapes.translation(code, data) for code in ("en", "de")]}


def season_videos(call: ApiCall, series: Value, thing: Value) -> Value:
    """A trailer of a season or an episode."""
    name = f"{series['name']}: {thing['name']}"
    video = shapes.video(thing["id"], name, "Trailer", thing["air_date"])
    return {"results": [video]}


def season_providers(call: ApiCall, series: Value, season: Value) -> Value:
    """Where to watch a season."""
    return {"results": offers("tv", series["id"])}


def with_id(
    find: Callable[[ApiCall], tuple[Value, Value]], answer: SeasonPart
) -> Handler:
    """A handler for what hangs below a season or an episode, led by its id."""

    def handle(call: ApiCall) -> Value:
        series, thing = find(call)
        return {"id": thing["id"], **answer(call, series, thing)}

    return handle


def season_changes(call: ApiCall) -> Value:
    """GET /3/tv/season/{season_id}/changes."""
    season = call.found(call.world.seasons, "season_id")
    return {"changes": changed(call, "name", season["id"], season["name"])}


def episode_changes(call: ApiCall) -> Value:
    """GET /3/tv/episode/{episode_id}/changes."""
    episode = call.found(call.world.episodes, "episode_id")
    return {"changes": changed(call, "name", episode["id"], episode["name"])}


def episode_group(call: ApiCall) -> Value:
    """GET /3/tv/episode_group/{id}: the seasons of its series as groups."""
    wanted = call.ids["tv_episode_group_id"]
    for series in call.world.series.values():
        if group_id(series) == wanted:
            groups = [one_group(series, season) for season in series["seasons"]]
            return {**group_brief(call, series), "groups": groups}
    raise TMDBRefusal(34)


def one_group(series: Value, season: Value) -> Value:
    """One season as a group of episodes."""
    number = season["season_number"]
    episodes = [
        {**episode_brief(series, one), "order": order}
        for order, one in enumerate(season["episodes"])
    ]
    return {
        "id": hex_id("group", season["id"]),
        "name": season["name"],
        "order": number,
        "episodes": episodes,
        "locked": True,
    }


ROUTES: Routes = {
    SEASON: season_details,
    f"{SEASON}/account_states": account_states,
    f"{SEASON}/aggregate_credits": season_aggregate,
    f"{SEASON}/credits": season_credits,
    f"{SEASON}/external_ids": with_id(the_season, season_ids),
    f"{SEASON}/images": with_id(the_season, season_images),
    f"{SEASON}/translations": with_id(the_season, season_translations),
    f"{SEASON}/videos": with_id(the_season, season_videos),
    f"{SEASON}/watch/providers": with_id(the_season, season_providers),
    EPISODE: episode_details,
    f"{EPISODE}/account_states": account_states,
    f"{EPISODE}/credits": episode_credits,
    f"{EPISODE}/external_ids": with_id(the_episode, episode_ids),
    f"{EPISODE}/images": with_id(the_episode, episode_images),
    f"{EPISODE}/translations": with_id(the_episode, season_translations),
    f"{EPISODE}/videos": with_id(the_episode, season_videos),
    "/3/tv/season/{season_id}/changes": season_changes,
    "/3/tv/episode/{episode_id}/changes": episode_changes,
    "/3/tv/episode_group/{tv_episode_group_id}": episode_group,
}
