"""A lookalike of TMDB over real TLS on loopback, which can misbehave on request.

Imports nothing else of streamr: an error made there must not be made here again.
"""
