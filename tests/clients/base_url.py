"""A session of requests that finds TMDB at another base URL."""

from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter

TMDB = "https://api.themoviedb.org/3"


class BaseUrl(HTTPAdapter):
    """Sends what is meant for TMDB to another base URL."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.base_url = base_url

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        request.url = request.url.replace(TMDB, self.base_url, 1)
        return super().send(request, **options)


def session(base_url: str) -> Session:
    """A session for which `base_url` is TMDB."""
    made = Session()
    made.mount(TMDB, BaseUrl(base_url))
    return made
