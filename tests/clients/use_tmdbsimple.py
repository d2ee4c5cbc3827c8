"""tmdbsimple through streamr.

It has no setting for the base URL (each object sets its own). Its official setting
REQUESTS_SESSION takes a session, which finds TMDB elsewhere.
"""

import tmdbsimple as tmdb
from base_url import session
from questions import BASE_URL, ask, ids
from requests import HTTPError

tmdb.API_KEY = "unused"
tmdb.REQUESTS_SESSION = session(BASE_URL)  # what changes


def details():
    found = tmdb.Movies(550).info(append_to_response="credits,images")
    return {"title": found["title"], "cast": ids(found["credits"]["cast"])}


ask(
    {
        "trending": lambda: ids(tmdb.Trending("movie", "week").info()["results"]),
        "popular": lambda: ids(tmdb.Movies().popular()["results"]),
        "top_rated": lambda: ids(tmdb.TV().top_rated()["results"]),
        "search": lambda: ids(tmdb.Search().movie(query="fight club")["results"]),
        "details": details,
        "configuration": lambda: tmdb.Configuration().info()["images"][
            "secure_base_url"
        ],
        "unknown": lambda: tmdb.Movies(999999999).info(),
        "bad_page": lambda: tmdb.Movies().popular(page=501),
        "for_a_user": lambda: tmdb.Authentication().token_new(),
        "change": lambda: tmdb.Movies(550).rating(session_id="none", value=8),
    },
    HTTPError,
)
