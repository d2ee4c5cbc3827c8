"""TMDB's own hosts."""

from __future__ import annotations

# The only hosts beyond loopback that ever get the key.
OFFICIAL_HOSTS = frozenset({"api.themoviedb.org", "api.tmdb.org"})
# Where its pictures are; no key goes there.
PICTURE_HOST = "image.tmdb.org"
