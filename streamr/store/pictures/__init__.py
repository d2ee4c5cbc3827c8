"""Pictures on disk: one file each, a head and the bytes as TMDB sent them."""
