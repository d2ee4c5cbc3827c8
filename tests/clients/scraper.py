"""A scraper as media centres have one: TMDB's host and a key are written into it.

Our own equal of Kodi's metadata.themoviedb.org.python: urllib, a key in the query, the
older names of what is appended, and a poster by the address that /configuration names.
"""

import json
import urllib.error
import urllib.request
from urllib.parse import urlencode

from questions import ask, ids

API = "https://api.themoviedb.org/3/"
KEY = "0123456789abcdef0123456789abcdef"
HEADERS = {"User-Agent": "Kodi Movie scraper", "Accept": "application/json"}


def get(path, **parameters):
    parameters = {"api_key": KEY, "language": "en-US", **parameters}
    url = f"{API}{path}?{urlencode(parameters)}"
    request = urllib.request.Request(url, headers=HEADERS)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def details():
    appended = "trailers,images,releases,casts,keywords"
    found = get("movie/550", append_to_response=appended)
    assert set(appended.split(",")) <= found.keys()
    return {"title": found["title"], "cast": ids(found["casts"]["cast"])}


def poster():
    path = get("movie/550")["poster_path"]
    base = get("configuration")["images"]["secure_base_url"]
    with urllib.request.urlopen(f"{base}w342{path}", timeout=30) as answer:
        picture = answer.read()
    return {"path": path, "type": answer.headers["Content-Type"], "size": len(picture)}


ask(
    {
        "search": lambda: ids(get("search/movie", query="fight club")["results"]),
        "details": details,
        "poster": poster,
        "unknown": lambda: get("movie/999999999"),
        "for_a_user": lambda: get("authentication/token/new"),
    },
    urllib.error.HTTPError,
)
