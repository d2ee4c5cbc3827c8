"""The details of a movie and of a series, and the small records inside them."""

import re

from streamr.simulator.tmdb import shapes
from streamr.simulator.tmdb.request import ApiCall, known
from streamr.simulator.tmdb.world import Value, all_seasons, hex_id, image

ID_NAMES = {"movie": "movie_id", "tv": "series_id"}
IMDB_ID = re.compile(r"tt[0-9]{7,10}")


def the_title(kind: str, call: ApiCall) -> Value:
    """The movie or series that the path names. A movie goes by IMDb's id as well."""
    name = call.ids[ID_NAMES[kind]]
    if kind == "movie" and IMDB_ID.fullmatch(name):
        return known(call.world.movies_by_imdb, name)
    return call.found(call.world.titles(kind), ID_NAMES[kind])


def movie_details(call: ApiCall) -> Value:
    """GET /3/movie/{movie_id}."""
    movie = the_title("movie", call)
    world, language = call.world, call.language
    details = shapes.movie_item(movie, language)
    del details["genre_ids"]
    spoken = movie.get("language", "en")
    return details | {
        "belongs_to_collection": collection_brief(call, movie["collection"]),
        "budget": movie["budget"],
        "genres": shapes.genres(world, "movie", movie["genres"]),
        "homepage": "",
        "imdb_id": movie["imdb"],
        "origin_country": movie["countries"],
        "production_companies": companies(call, movie),
        "production_countries": shapes.countries(movie["countries"]),
        "revenue": movie["revenue"],
        "runtime": movie["runtime"],
        "spoken_languages": [shapes.language_record(spoken)],
        "status": "Released",
        "tagline": movie["tagline"] if language == "en" else "",
    }


def collection_brief(call: ApiCall, collection_id: int | None) -> Value | None:
    """The collection a movie belongs to, as its details show it."""
    if collection_id is None:
        return None
    return {
        "id": collection_id,
        "name": call.world.collections[collection_id]["name"],
        "poster_path": image("poster", "collection", collection_id),
        "backdrop_path": image("backdrop", "collection", collection_id),
    }


def companies(call: ApiCall, title: Value) -> list[Value]:
    """Who produced the title."""
    return [shapes.company(call.world.companies[one]) for one in title["companies"]]


def tv_details(call: ApiCall) -> Value:
    """GET /3/tv/{series_id}."""
    series = the_title("tv", call)
    world, language = call.world, call.language
    seasons = series["seasons"]
    details = shapes.tv_item(series, language)
    del details["genre_ids"]
    last = seasons[-1]["episodes"][-1]
    spoken = series.get("language", "en")
    return details | {
        "created_by": [creator(call, series, one) for one in series["creators"]],
        "episode_run_time": [series["runtime"]],
        "genres": shapes.genres(world, "tv", series["genres"]),
        "homepage": "",
        "in_production": series["status"] == "Returning Series",
        "languages": [spoken],
        "last_air_date": last["air_date"],
        "last_episode_to_air": episode_brief(series, last),
        "next_episode_to_air": None,
        "networks": [shapes.company(world.networks[one]) for one in series["networks"]],
        "number_of_episodes": sum(len(one["episodes"]) for one in seasons),
        "number_of_seasons": len(seasons),
        "production_companies": companies(call, series),
        "production_countries": shapes.countries(series["countries"]),
        "seasons": [season_brief(series, one) for one in all_seasons(series)],
        "softcore": False,
        "spoken_languages": [shapes.language_record(spoken)],
        "status": series["status"],
        "tagline": series["tagline"] if language == "en" else "",
        "type": series.get("type", "Scripted"),
    }


def creator(call: ApiCall, series: Value, person_id: int) -> Value:
    """One of a series' creators."""
    person = call.world.people[person_id]
    return {
        "id": person_id,
        "credit_id": hex_id("credit", "tv", series["id"], person_id, "Creator"),
        "name": person["name"],
        "original_name": person["name"],
        "gender": person["gender"],
        "profile_path": image("profile", person_id),
    }


def season_brief(series: Value, season: Value) -> Value:
    """A season as the details of its series show it."""
    return {
        "air_date": season["air_date"],
        "episode_count": len(season["episodes"]),
        "id": season["id"],
        "name": season["name"],
        "overview": "",
        "poster_path": image("poster", "season", season["id"]),
        "season_number": season["season_number"],
        "vote_average": series["vote"],
    }


def episode_brief(series: Value, episode: Value) -> Value:
    """An episode as the details of its series show it."""
    return {
        "id": episode["id"],
        "name": episode["name"],
        "overview": "",
        "vote_average": series["vote"],
        "vote_count": series["votes"] // 100,
        "air_date": episode["air_date"],
        "episode_number": episode["episode_number"],
        "episode_type": "finale" if episode["last"] else "standard",
        "production_code": "",
        "runtime": series["runtime"],
        "season_number": episode["season_number"],
        "show_id": series["id"],
        "still_path": image("still", episode["id"]),
    }
