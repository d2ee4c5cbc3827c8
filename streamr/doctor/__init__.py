"""The diagnosis: why TMDB fails here, and which setting heals it."""
