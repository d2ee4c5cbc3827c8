"""The simulated TMDB: titles, people, lists, answers."""
