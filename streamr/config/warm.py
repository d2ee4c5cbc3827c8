"""What STREAMR_WARM names, as questions for TMDB."""

from __future__ import annotations

from streamr.boundaries import Query
from streamr.config.settings import Settings
from streamr.errors import Refusal, SettingsError
from streamr.tmdb.catalogue import Catalogue
from streamr.tmdb.target import split


def warm_queries(settings: Settings, offered: Catalogue) -> list[Query]:
    """What is to be warm. Raises SettingsError for a path that TMDB does not have."""
    queries = []
    for path in filter(None, settings.warm):
        try:
            queries.append(offered.query(*split(path.encode("ascii"))))
        except Refusal as refusal:
            raise SettingsError(
                [f"STREAMR_WARM has an invalid path {path!r}: {refusal.message}"]
            ) from refusal
    return queries
