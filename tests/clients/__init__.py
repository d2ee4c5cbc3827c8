"""TMDB clients of other people, asked through streamr in processes of their own."""
