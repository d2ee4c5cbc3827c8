"""streamr: the gateway in front of TMDB. Here is the version, and nothing else."""

__version__ = "0.1.0"
