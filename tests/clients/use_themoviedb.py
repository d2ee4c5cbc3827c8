"""themoviedb through streamr.

It has no setting for the base URL. Its constructor takes a session, which finds TMDB
elsewhere. It has no call for the configuration.
"""

from base_url import session
from questions import BASE_URL, ask
from themoviedb import TMDb, TMDbError

tmdb = TMDb(api_key="unused", session=session(BASE_URL))  # what changes


def ids(items):
    return [item.id for item in items]


def details():
    found = tmdb.movie(550).details(append_to_response="credits,images")
    return {"title": found.title, "cast": ids(found.credits.cast)}


ask(
    {
        "trending": lambda: ids(tmdb.trending().movie_weekly()),
        "popular": lambda: ids(tmdb.movies().popular()),
        "top_rated": lambda: ids(tmdb.tvs().top_rated()),
        "search": lambda: ids(tmdb.search().movies("fight club")),
        "details": details,
        "unknown": lambda: tmdb.movie(999999999).details(),
        "bad_page": lambda: tmdb.movies().popular(page=501),
        "for_a_user": lambda: tmdb.authentication().create_token(),
    },
    TMDbError,
)
