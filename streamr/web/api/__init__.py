"""TMDB's API as callers see it."""
