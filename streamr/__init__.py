"""streamr: the gateway in front of TMDB. Here is the version, and what a supervisor has
passed on, which has to be looked for before anything else is imported."""

import streamr.net.inherited  # noqa: F401  # importing it reads the environment

__version__ = "0.1.0"
