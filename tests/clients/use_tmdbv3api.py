"""tmdbv3api through streamr.

It has no setting for the base URL. Its constructor takes a session, which finds TMDB
elsewhere; only without its own cache does it use that session for every call.
"""

import tmdbv3api
from base_url import session
from questions import BASE_URL, ask
from tmdbv3api.exceptions import TMDbException

tmdb = tmdbv3api.TMDb(session=session(BASE_URL))  # what changes
tmdb.cache = False  # what changes: streamr keeps answers
tmdb.api_key = "unused"


def ids(items):
    return [item.id for item in items]


def details():
    found = tmdbv3api.Movie().details(550, append_to_response="credits,images")
    return {"title": found.title, "cast": ids(found.credits.cast)}


ask(
    {
        "trending": lambda: ids(tmdbv3api.Trending().movie_week().results),
        "popular": lambda: ids(tmdbv3api.Movie().popular()),
        "top_rated": lambda: ids(tmdbv3api.TV().top_rated()),
        "search": lambda: ids(tmdbv3api.Search().movies("fight club")),
        "details": details,
        "configuration": lambda: (
            tmdbv3api.Configuration().info().images.secure_base_url
        ),
        "unknown": lambda: tmdbv3api.Movie().details(999999999),
        "bad_page": lambda: tmdbv3api.Movie().popular(page=501),
        "for_a_user": lambda: tmdbv3api.Authentication("nobody", "nothing"),
    },
    TMDbException,
)
