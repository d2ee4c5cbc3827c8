"""Drawn posters, backdrops and busts for the simulated titles and people."""
