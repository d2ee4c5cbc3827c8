"""All that knows TMDB: its endpoints, its parameters, what its answers hold."""
