"""What a door is known by: the names of TMDB's that it answers to, and who has signed
for them. It knows nothing else, so that both who makes certificates and who refuses
them can ask it."""

from __future__ import annotations

# Under the first the API is served, under the others pictures, as TMDB does. Apps have
# all but the last built in, which is also TMDB's own site.
API_NAMES = ("api.themoviedb.org", "api.tmdb.org")
PICTURE_NAMES = ("image.tmdb.org", "www.themoviedb.org")
NAMES = (*API_NAMES, *PICTURE_NAMES)
# The organisation in the name of every authority that `streamr door init` makes. What
# asks TMDB trusts none of them, wherever it was made (upstream/dial/tls.py).
ORGANISATION = "streamr door"
