"""tmdbapis through streamr.

The base URL is a variable of its module api3, which everybody may set. Its constructor
loads the configuration at once, so it can fail there.
"""

from functools import cache

import tmdbapis.api3
from questions import BASE_URL, ask

tmdbapis.api3.base_url = BASE_URL  # what changes


@cache
def tmdb():
    return tmdbapis.TMDbAPIs("unused")


def ids(items):
    return [item.id for item in items]


def details():
    # with all that belongs to a movie, account_states among it
    found = tmdb().movie(550)
    return {"title": found.title, "cast": [credit.person_id for credit in found.cast]}


ask(
    {
        "trending": lambda: ids(tmdb().trending("movie", "week")),
        "popular": lambda: ids(tmdb().popular_movies()),
        "top_rated": lambda: ids(tmdb().top_rated_tv()),
        "search": lambda: ids(tmdb().movie_search("fight club")),
        "details": details,
        "configuration": lambda: tmdb().configuration().secure_base_image_url,
        "unknown": lambda: tmdb().movie(999999999),
        # its lists refuse the page themselves; its raw calls ask
        "bad_page": lambda: tmdbapis.api3.API3("unused").movies_get_popular(page=501),
        "for_a_user": lambda: tmdb().authenticate("nobody", "nothing"),
    },
    tmdbapis.TMDbException,
)
