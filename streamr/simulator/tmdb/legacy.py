"""Older paths, which TMDB documents no more and still answers, in their older shapes.

Tutorials, and the apps made from them, still append `casts,trailers,releases`.
"""

from functools import partial

from streamr.simulator.tmdb import fixtures, persons, search, titles
from streamr.simulator.tmdb.details import the_title
from streamr.simulator.tmdb.request import ApiCall, Routes, TMDBRefusal
from streamr.simulator.tmdb.world import Value

MOVIE = "/3/movie/{movie_id}"


def releases(call: ApiCall) -> Value:
    """A movie's release and certificate by country, one of each."""
    movie = the_title("movie", call)
    countries = [
        {
            "certification": mark,
            "iso_3166_1": country,
            "primary": country == movie["countries"][0],
            "release_date": movie["date"],
        }
        for country, mark in titles.certificates(movie)
    ]
    return {"id": movie["id"], "countries": countries}


def trailers(call: ApiCall) -> Value:
    """A movie's videos by where they are; QuickTime's are long gone."""
    found = titles.videos("movie", call)
    youtube = [
        {"name": one["name"], "size": "HD", "source": one["key"], "type": one["type"]}
        for one in found["results"]
    ]
    return {"id": found["id"], "quicktime": [], "youtube": youtube}


def genre_movies(call: ApiCall) -> Value:
    """GET /3/genre/{genre_id}/movies."""
    number = call.number("genre_id")
    if str(number) not in call.world.data["genres"]["movie"]:
        raise TMDBRefusal(34)
    return search.movies_with("genres", number, call)


def company_movies(call: ApiCall) -> Value:
    """GET /3/company/{company_id}/movies."""
    number = call.found(call.world.companies, "company_id")["id"]
    return search.movies_with("companies", number, call)


def jobs(call: ApiCall) -> Value:
    """GET /3/job/list."""
    rows = [
        {"department": word, "job_list": names} for word, names in fixtures.JOBS.items()
    ]
    return {"jobs": rows}


def timezones(call: ApiCall) -> list[Value]:
    """GET /3/timezones/list, a bare array with an object for each country."""
    return [{code: zones} for code, zones in fixtures.TIMEZONES.items()]


ROUTES: Routes = {
    f"{MOVIE}/casts": partial(titles.credits, "movie"),
    f"{MOVIE}/releases": releases,
    f"{MOVIE}/similar_movies": lambda call: titles.related("movie", "similar", call),
    f"{MOVIE}/trailers": trailers,
    "/3/company/{company_id}/movies": company_movies,
    "/3/genre/list": partial(fixtures.genre_list, "movie"),
    "/3/genre/{genre_id}/movies": genre_movies,
    "/3/job/list": jobs,
    "/3/person/{person_id}/credits": lambda call: persons.credits_in(("movie",), call),
    "/3/timezones/list": timezones,
}
