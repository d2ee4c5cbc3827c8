"""What a door is known by: the names of TMDB's that it answers to, and who has signed
for them. It knows nothing else, so that both who makes certificates and who refuses
them can ask it."""

from __future__ import annotations

# Apps have the first three built in; of the last, pictures alone are served.
NAMES = (
    "api.themoviedb.org",
    "api.tmdb.org",
    "image.tmdb.org",
    "www.themoviedb.org",
)
# The organisation in the name of every authority that `streamr door init` makes. What
# asks TMDB trusts none of them, wherever it was made (upstream/dial/tls.py).
ORGANISATION = "streamr door"
